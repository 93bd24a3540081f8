"""A gallery, without a screen: where frames stand, what hangs in them, and what a like makes of those beyond."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import outputs as o
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vrgen import contract as c
from vrgen.config import GalleryConfig, GeneratorConfig, World
from vrgen.generator.knobs import knobs
from vrgen.generator.scheduling import Schedule
from vrgen.inputs.steering import Steering
from vrgen.messages import Generated, Knob, Output, Person, Request, Resident, Series, Turn
from vrgen.scene.assembly import Assembly
from vrgen.scene.gallery import KEPT_M, PANEL_M, REACH_M, place, slots_within
from vrgen.scene_model import Scene
from vrgen.series import sample

MANIFEST = c.Manifest(
    vrgen=1,
    name="prints",
    inputs={"latent": c.LatentInput(shape=(1, 16)), "season": c.SliderInput()},
    outputs={"print": c.PictureOutput(shape=(3, 8, 8))},
)
DT_S = 1 / 30


def painted(request: Request) -> Output:
    """A picture that tells its latent: each number a grey of one pixel."""
    numbers = np.zeros(64, np.float32)
    numbers[:16] = request.inputs["latent"].ravel() / 4
    return o.of(c.PictureOutput(shape=(3, 8, 8)), np.broadcast_to(numbers.reshape(8, 8), (3, 8, 8)))


@dataclass
class Visit:
    """A gallery with a clock and a worker that makes so many pictures a frame."""

    world: World = field(
        default_factory=lambda: World(
            name="test",
            generators={"prints": GeneratorConfig(checkpoint="prints.pt")},  # type: ignore[arg-type]
            gallery=GalleryConfig(generators=("prints",)),
        )
    )
    seed: int = 3
    speed: int = 4
    paint: Callable[[Request], Output] = painted

    def __post_init__(self) -> None:
        self.manifests = dict.fromkeys(self.world.generators, MANIFEST)
        self.steering = Steering.start(knobs(self.manifests), self.seed)
        self.schedule, self.assembly = Schedule(self.world), Assembly(self.world)
        self.person, self.now_s = Person(), 0.0
        self.asked: list[Request] = []
        self.made: list[Request] = []
        self.done: set[tuple[object, int]] = set()
        self.rng = np.random.default_rng(self.seed)

    def frame(self) -> Scene:
        self.now_s += DT_S
        versions = dict.fromkeys(self.manifests, 0)
        choice = self.steering.choice
        wishes = self.schedule.wishes(choice, self.steering.knobs, self.manifests, versions)
        self.assembly.ask(wishes, self.now_s)
        self.asked = self.assembly.requests(self.person, self.now_s)
        # As the worker does: what stays listed is made once.
        self.done &= {(request.key, request.revision) for request in self.asked}
        made = [one for one in self.asked if (one.key, one.revision) not in self.done][: self.speed]
        self.done |= {(request.key, request.revision) for request in made}
        self.made += made
        results = [Generated(request, {"print": self.paint(request)}) for request in made]
        return self.assembly.advance(results, self.person, Resident(), frozenset(), self.now_s, DT_S)

    def settle(self) -> Scene:
        """Until all that is near hangs."""
        quiet = 0
        for _ in range(2000):
            scene = self.frame()
            quiet = quiet + 1 if not self.asked and self.assembly._gallery.still else 0
            if quiet == 3:
                return scene
            time.sleep(0.001)  # the pictures are painted beside the frame
        pytest.fail(f"{len(self.asked)} requests are never done")

    def walk_to(self, z_m: float) -> Scene:
        self.person = Person((0.0, 0.0, z_m))
        return self.settle()

    def hanging(self, scene: Scene) -> dict[int, np.ndarray]:
        """Pixels by frame."""
        shown = scene.objects.instances[scene.objects.instances["picture"] >= 0]
        makers = self.assembly._gallery.makers
        pictures = [scene.objects.pictures[at] for at in shown["picture"]]
        return {makers[picture.id].request.variant: picture.pixels for picture in pictures}

    def latents(self) -> dict[int, np.ndarray]:
        """Of what was made last, by frame."""
        return {request.variant: request.inputs["latent"].ravel() for request in self.made}


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Radians between two latents."""
    cosine = float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))
    return math.acos(max(-1.0, min(1.0, cosine)))


# --- where frames stand -----------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(1, 40))
def test_no_two_panels_meet_and_the_way_stays_free(slot: int, beyond: int) -> None:
    (x, z, heading), (other_x, other_z, _) = place(slot), place(slot + beyond)
    assert math.hypot(x - other_x, z - other_z) > PANEL_M[0] + 0.5
    assert abs(x) - PANEL_M[0] / 2 * math.cos(heading) > 1.5  # three metres to walk in
    assert place(slot) == (x, z, heading)


@given(st.integers(0, 10**5))
def test_a_picture_faces_the_way_and_who_comes(slot: int) -> None:
    x, _, heading = place(slot)
    facing_x, facing_z = math.sin(heading), math.cos(heading)
    assert facing_x * x < 0 < facing_z


@given(st.floats(-1e5, 100.0), st.floats(5.0, 60.0))
def test_frames_within_reach_are_those_and_no_others(z_m: float, reach_m: float) -> None:
    near = slots_within(z_m, reach_m)
    assert all(abs(place(slot)[1] - z_m) <= reach_m + 1e-6 for slot in near)
    if near:
        assert abs(place(near.stop)[1] - z_m) > reach_m - 1e-6
        assert near.start == 0 or abs(place(near.start - 1)[1] - z_m) > reach_m - 1e-6


def test_what_hangs_at_once_is_no_more_than_the_renderer_holds() -> None:
    assert max(len(slots_within(-z, KEPT_M)) for z in np.linspace(0, 500, 997)) <= 32


# --- what hangs in them -----------------------------------------------------------------------------------


def test_every_frame_that_is_near_gets_a_picture_of_its_own() -> None:
    visit = Visit()
    scene = visit.settle()
    hung = visit.hanging(scene)
    assert set(hung) == set(slots_within(0.0, REACH_M)) and len(hung) > 8
    assert len({pixels.tobytes() for pixels in hung.values()}) == len(hung)
    assert len(visit.made) == len(hung)  # each was asked for once


def test_at_most_one_is_hung_in_a_frame() -> None:
    visit = Visit(speed=100)
    counts = [0]
    while counts[-1] < len(slots_within(0.0, REACH_M)):
        counts.append(len(visit.hanging(visit.frame())))
        time.sleep(0.01 if counts[-1] == 0 else 0.0)  # many are painted when the first is hung
    assert max(after - before for before, after in pairwise(counts)) == 1


def test_the_nearest_and_most_looked_at_comes_first() -> None:
    visit = Visit(speed=0)
    for yaw, last in ((0.0, 1), (math.pi, -1)):
        visit.person = Person((0.0, 0.0, -100.0), yaw_rad=yaw)
        visit.frame(), visit.frame()
        away = [place(request.variant)[1] + 100.0 for request in visit.asked]
        assert abs(away[0]) < 3 and away[-1] * last > 25  # last what is far behind the back


def test_walking_on_makes_more_and_walking_back_shows_the_same() -> None:
    visit = Visit()
    before = visit.hanging(visit.settle())
    there = visit.hanging(visit.walk_to(-200.0))
    assert not before.keys() & there.keys()
    assert len(visit.assembly._gallery.makers) <= 32  # what is far off is forgotten
    again = visit.hanging(visit.walk_to(0.0))
    assert all(np.array_equal(again[slot], pixels) for slot, pixels in before.items())


def test_a_new_world_is_all_new_and_undo_brings_the_old_one_back() -> None:
    visit = Visit()
    before = visit.hanging(visit.settle())
    visit.steering = visit.steering.new_world(visit.rng)
    new = visit.hanging(visit.settle())
    assert new.keys() == before.keys()
    assert not any(np.array_equal(new[slot], before[slot]) for slot in new)
    visit.steering = visit.steering.undo()
    back = visit.hanging(visit.settle())
    assert all(np.array_equal(back[slot], before[slot]) for slot in before)


def test_a_morph_and_a_slider_change_every_picture() -> None:
    visit = Visit()
    before = visit.hanging(visit.settle())
    visit.steering = visit.steering.morph((0.4, 0.1), visit.now_s)
    after = visit.hanging(visit.settle())
    assert not any(np.array_equal(after[slot], before[slot]) for slot in before)
    count = len(visit.made)
    visit.steering = visit.steering.set({"season": np.float32([1.0])}, visit.now_s)
    visit.settle()
    assert len(visit.made) == count + len(before)


def test_a_long_morph_leaves_no_queue_behind() -> None:
    visit = Visit(speed=30)
    visit.settle()
    for _ in range(60):
        visit.steering = visit.steering.morph((0.05, 0.0), visit.now_s)
        visit.frame()
    assert len(visit.made) > 500
    assert len(visit.assembly._gallery._painting) <= len(slots_within(0.0, REACH_M)) + 1
    hung = visit.hanging(visit.settle())
    latents = visit.latents()
    last = {slot: painted(Request("prints", 1, 1, {"latent": latents[slot]})).arrays[""] for slot in hung}
    for slot, pixels in hung.items():
        wanted = np.clip((last[slot][0, :2] * 0.5 + 0.5) * 255 + 0.5, 0, 255).astype(np.uint8)
        assert np.array_equal(pixels[32::64, 32::64, 0][:2], wanted)


def test_pictures_of_an_older_wish_are_not_hung() -> None:
    visit = Visit(speed=0)
    visit.frame(), visit.frame()
    old = visit.asked
    visit.steering = visit.steering.new_world(visit.rng)
    visit.frame()
    late = [Generated(request, {"print": painted(request)}) for request in old]
    visit.assembly.advance(late, visit.person, Resident(), frozenset(), visit.now_s, DT_S)
    assert not visit.hanging(visit.frame())
    visit.speed = 4
    visit.settle()
    assert {request.epoch for request in visit.made} == {2}


def test_two_generators_take_turns_and_a_material_hangs_as_its_colours() -> None:
    names = {name: GeneratorConfig(checkpoint=f"{name}.pt") for name in ("one", "two")}  # type: ignore[arg-type]
    visit = Visit(World(name="test", generators=names, gallery=GalleryConfig(generators=("one", "two"))))
    visit.settle()
    assert all(request.generator == ("one", "two")[request.variant % 2] for request in visit.made)
    visit.speed = 0
    visit.person = Person((0.0, 0.0, -100.0))
    visit.frame(), visit.frame()
    request = visit.asked[0]
    colours = Generated(request, {"albedo": o.texture((1.0, -1.0, -1.0))})
    visit.assembly.advance([colours], visit.person, Resident(), frozenset(), visit.now_s, DT_S)
    while request.variant not in visit.hanging(visit.frame()):
        time.sleep(0.001)
    assert visit.hanging(visit.frame())[request.variant][0, 0].tolist() == [255, 0, 0, 255]


def test_a_frame_does_not_flash_however_fast_worlds_follow_each_other() -> None:
    visit, shown = Visit(), []
    white = np.ones((3, 8, 8), np.float32)

    def glaring(request: Request) -> Output:
        return o.of(c.PictureOutput(shape=(3, 8, 8)), white if request.epoch % 2 else -white)

    visit.paint = glaring
    visit.settle()
    for number in range(round(6.0 / DT_S)):
        if number % 5 == 0:
            visit.steering = visit.steering.new_world(visit.rng)
        hung = visit.hanging(visit.frame())
        shown.append(int(hung[0][0, 0, 0]))
        time.sleep(0.002)
    changes = sum(abs(after - before) > 25 for before, after in pairwise(shown))
    assert 1 <= changes <= 4  # black to white takes two seconds


# --- a like -----------------------------------------------------------------------------------------------


def liked(visit: Visit, slot: int) -> np.ndarray:
    """Like what hangs there; its latent."""
    request = next(one for one in reversed(visit.made) if one.variant == slot)
    visit.steering = visit.steering.turned("prints", slot, request.inputs)
    return request.inputs["latent"].ravel()


def test_beyond_a_liked_picture_hang_its_neighbours_and_before_it_all_stays() -> None:
    visit = Visit()
    before, latents = visit.hanging(visit.settle()), visit.latents()
    centre = liked(visit, 3)
    count = len(visit.made)
    after, now = visit.hanging(visit.settle()), visit.latents()
    assert all(np.array_equal(after[slot], before[slot]) for slot in range(4))
    assert sorted(request.variant for request in visit.made[count:]) == list(range(4, max(before) + 1))
    near = [apart(centre, now[slot]) for slot in range(4, max(before) + 1)]
    assert near == sorted(near) and near[0] < 0.4
    assert max(near) < min(apart(centre, latents[slot]) for slot in latents if slot != 3)
    assert apart(now[4], now[5]) > 0.1  # and not all alike
    visit.steering = visit.steering.undo()
    back = visit.hanging(visit.settle())
    assert all(np.array_equal(back[slot], before[slot]) for slot in before)


def test_a_liked_neighbour_leads_on_and_an_earlier_like_takes_over() -> None:
    visit = Visit()
    visit.settle()
    liked(visit, 2)
    visit.settle()
    second = liked(visit, 6)
    visit.settle()
    assert apart(second, visit.latents()[7]) < 0.4
    first = liked(visit, 1)
    visit.settle()
    assert [turn.slot for turn in visit.steering.choice.turns] == [1]
    assert apart(first, visit.latents()[2]) < 0.4


def test_from_a_disliked_picture_on_others_hang() -> None:
    visit = Visit()
    before = visit.hanging(visit.settle())
    visit.steering = visit.steering.turned("prints", 5, {})
    after = visit.hanging(visit.settle())
    same = {slot for slot in before if np.array_equal(after[slot], before[slot])}
    assert same == set(range(5))
    visit.steering = visit.steering.turned("prints", 5, {})
    assert not np.array_equal(visit.hanging(visit.settle())[5], after[5])


def test_a_new_world_forgets_the_likes() -> None:
    visit = Visit()
    visit.settle()
    liked(visit, 2)
    assert visit.steering.new_world(visit.rng).choice.turns == ()


# --- what a frame's number draws --------------------------------------------------------------------------

LATENT = Knob("latent", "latent", (1, 16), "Latent", ("prints",))


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(0, 10**6), st.sampled_from(["normal", "uniform"]))
def test_the_same_number_draws_the_same_and_another_another(seed: int, slot: int, prior: str) -> None:
    knob = Knob("latent", "latent", (1, 16), "Latent", ("prints",), prior=prior)
    one = sample(Series((knob,), seed), slot)["latent"]
    assert one.shape == (1, 16) and one.dtype == np.float32
    assert np.array_equal(one, sample(Series((knob,), seed), slot)["latent"])
    assert not np.array_equal(one, sample(Series((knob,), seed), slot + 1)["latent"])
    assert not np.array_equal(one, sample(Series((knob,), seed + 1), slot)["latent"])
    if prior == "uniform":
        assert np.abs(one).max() <= 1.0


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(0, 1000), st.floats(-2, 2), st.floats(-2, 2))
def test_a_liked_picture_itself_stays_whatever_it_was_morphed_by(seed: int, slot: int, x: float, y: float) -> None:
    seen = sample(Series((LATENT,), seed, (x, y)), slot)
    turned = Series((LATENT,), seed, (x, y), (Turn("prints", slot, seen, (x, y), 1),))
    assert np.array_equal(sample(turned, slot)["latent"], seen["latent"])


def test_a_label_is_drawn_for_each_frame_until_one_is_liked() -> None:
    digit = Knob("digit", "label", (1, 10), "Digit", ("prints",), labels=tuple("0123456789"))
    series = Series((LATENT, digit), 5)
    drawn = [sample(series, slot)["digit"] for slot in range(40)]
    assert all(one.sum() == 1.0 and one.shape == (1, 10) for one in drawn)
    assert len({int(one.argmax()) for one in drawn}) > 6
    turned = Series((LATENT, digit), 5, turns=(Turn("prints", 7, sample(series, 7), (0.0, 0.0), 1),))
    assert {int(sample(turned, slot)["digit"].argmax()) for slot in range(7, 40)} == {int(drawn[7].argmax())}


def test_what_was_liked_of_another_checkpoint_counts_no_more() -> None:
    turn = Turn("prints", 2, {"latent": np.zeros((1, 4), np.float32)}, (0.0, 0.0), 1)
    assert sample(Series((LATENT,), 5, turns=(turn,)), 3)["latent"].shape == (1, 16)

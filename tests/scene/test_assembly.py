"""From results to the world that is seen: a new one changes as one, the latest wins, every kind makes a place."""

from collections.abc import Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import outputs as o
import pytest

from vrgen import contract as c
from vrgen.config import GeneratorConfig, PropsConfig, World
from vrgen.messages import Generated, Output, Person, Resident, Wish
from vrgen.scene.assembly import PATIENCE_S, Assembly
from vrgen.scene_model import Scene

DT_S = 0.1
RED, GREEN, BLUE = (1.0, 0.1, 0.1), (0.1, 1.0, 0.1), (0.1, 0.1, 1.0)


def world(*names: str, **more: object) -> World:
    return World(
        name="test",
        generators={name: GeneratorConfig(checkpoint=f"{name}.pt") for name in names},
        **more,  # type: ignore[arg-type]
    )


@dataclass
class Show:
    """An assembly with a clock, a person and a GPU that takes everything within a frame. What is made beside one
    frame is made when the next begins."""

    assembly: Assembly
    now_s: float = 0.0
    person: Person = field(default_factory=Person)
    resident: frozenset[int] = frozenset()
    scene: Scene | None = None
    uploads: bool = True

    def frame(self, made: Iterable[Generated] = (), failed: Iterable[str] = ()) -> Scene:
        self.now_s += DT_S
        wait(making for _, making in self.assembly._workshop._queue if isinstance(making, Future))
        scene = self.scene = self.assembly.advance(
            made, self.person, Resident(self.resident), frozenset(failed), self.now_s, DT_S
        )
        if self.uploads:
            held = {scene.sky.shown.id, *(fade.shown.id for fade in scene.surfaces.values())}
            held |= {asset.id for asset in scene.preload}
            held |= {fade.arriving.id for fade in scene.surfaces.values() if fade.arriving is not None}
            held |= {scene.sky.arriving.id} if scene.sky.arriving is not None else set()
            for tiles in (scene.ground.shown, scene.ground.arriving):
                held |= {tile.id for tile in tiles.tiles.values()} if tiles is not None else set()
            held |= {mesh.id for mesh in (*scene.objects.meshes, *scene.objects.coming)}
            self.resident = frozenset(held)
        return scene

    def frames(self, seconds: float, failed: Iterable[str] = ()) -> Scene:
        for _ in range(round(seconds / DT_S)):
            scene = self.frame((), failed)
        return scene

    def ask(self, *wishes: Wish) -> None:
        self.assembly.ask({wish.generator: wish for wish in wishes}, self.now_s)


def zenith(scene: Scene) -> int:
    """Which colour the sky is of: 0 red, 1 green, 2 blue."""
    return int(np.argmax(scene.sky.shown.radiance[0, 0]))


def soil(scene: Scene) -> int:
    return int(np.argmax(scene.surfaces["ground"].shown.albedo[0, 0, :3]))


def sky_and_soil(wishes: tuple[Wish, Wish], colour: tuple[float, float, float]) -> list[Generated]:
    soil_of = tuple(2 * v - 1 for v in colour)
    return [
        o.result(wishes[0], {"sky": o.sky(colour)}),
        o.result(wishes[1], {"albedo": o.texture(soil_of)}),  # type: ignore[arg-type]
    ]


@pytest.fixture
def show() -> Show:
    """A world of a sky and a soil, both red, standing whole."""
    made = Show(Assembly(world("sky", "soil")))
    wishes = (o.wish("sky"), o.wish("soil"))
    made.ask(*wishes)
    made.frame(sky_and_soil(wishes, RED))
    scene = made.frames(4.0)
    assert (zenith(scene), soil(scene)) == (0, 0)
    assert scene.sky.arriving is None and not made.assembly.arriving
    return made


def changes(scene: Scene) -> tuple[bool, bool]:
    """Whether anything of another colour than red is seen, in the sky and on the ground."""
    surface = scene.surfaces["ground"]
    return (
        zenith(scene) != 0 or scene.sky.arriving is not None,
        soil(scene) != 0 or surface.arriving is not None,
    )


@pytest.mark.parametrize("first", [0, 1])
def test_another_world_waits_for_its_last_part_and_then_changes_as_one(show: Show, first: int) -> None:
    wishes = (o.wish("sky", 2, 2), o.wish("soil", 2, 3))
    show.ask(*wishes)
    made = sky_and_soil(wishes, GREEN)
    show.frame([made[first]])
    for _ in range(30):
        assert changes(show.frame()) == (False, False)
    assert show.assembly.arriving
    show.frame([made[1 - first]])
    began = [changes(show.frame()) for _ in range(30)]
    assert (True, True) in began
    assert (True, False) not in began and (False, True) not in began
    scene = show.frames(3.0)
    assert (zenith(scene), soil(scene)) == (1, 1) and not show.assembly.arriving


def test_it_does_not_begin_before_all_of_it_is_on_the_gpu(show: Show) -> None:
    show.uploads = False
    wishes = (o.wish("sky", 2, 2), o.wish("soil", 2, 3))
    show.ask(*wishes)
    show.frame(sky_and_soil(wishes, GREEN))
    scene = show.frames(3.0)
    assert changes(scene) == (False, False)
    assert len(scene.preload) == 2
    show.uploads = True
    scene = show.frames(4.0)
    assert (zenith(scene), soil(scene)) == (1, 1) and scene.preload == ()


def test_a_part_that_failed_is_not_waited_for(show: Show) -> None:
    wishes = (o.wish("sky", 2, 2), o.wish("soil", 2, 3))
    show.ask(*wishes)
    show.frame(sky_and_soil(wishes, GREEN)[:1], failed=["soil"])
    scene = show.frames(4.0, failed=["soil"])
    assert (zenith(scene), soil(scene)) == (1, 0)  # the last good soil stays


def test_when_patience_is_over_what_there_is_shows(show: Show) -> None:
    wishes = (o.wish("sky", 2, 2), o.wish("soil", 2, 3))
    show.ask(*wishes)
    show.frame(sky_and_soil(wishes, GREEN)[:1])
    scene = show.frames(PATIENCE_S - 1.0)
    assert changes(scene) == (False, False)
    scene = show.frames(4.0)
    assert (zenith(scene), soil(scene)) == (1, 0)
    show.frame(sky_and_soil(wishes, GREEN)[1:])
    assert soil(show.frames(3.0)) == 1


def test_of_many_worlds_the_last_one_comes_and_the_old_results_are_dropped(show: Show) -> None:
    green = (o.wish("sky", 2, 2), o.wish("soil", 2, 3))
    blue = (o.wish("sky", 3, 4), o.wish("soil", 3, 5))
    show.ask(*green)
    late = sky_and_soil(green, GREEN)
    show.frame(late[:1])
    show.ask(*blue)
    show.frame(late[1:])
    for _ in range(20):
        assert changes(show.frame()) == (False, False)
    show.frame(sky_and_soil(blue, BLUE))
    scene = show.frames(4.0)
    assert (zenith(scene), soil(scene)) == (2, 2)
    show.frame(late)
    assert zenith(show.frames(3.0)) == 2


def test_within_a_world_each_part_follows_as_it_comes(show: Show) -> None:
    wishes = (o.wish("sky", 1, 7), o.wish("soil", 1, 8))
    show.ask(*wishes)
    show.frame(sky_and_soil(wishes, GREEN)[:1])
    scene = show.frames(1.5)
    assert (zenith(scene), soil(scene)) == (1, 0)


def test_a_generator_alone_that_changes_is_a_world_of_its_own(show: Show) -> None:
    """Another checkpoint in the place of the sky's: the soil is not waited for."""
    sky = o.wish("sky", 2, 2)
    show.ask(sky, o.wish("soil"))
    show.frame([o.result(sky, {"sky": o.sky(BLUE)})])
    scene = show.frames(3.0)
    assert (zenith(scene), soil(scene)) == (2, 0)


def test_fades_go_up_and_light_goes_with_the_sky(show: Show) -> None:
    wishes = (o.wish("sky", 2, 2), o.wish("soil", 2, 3))
    show.ask(*wishes)
    show.frame(sky_and_soil(wishes, BLUE))
    weights, blues = [], []
    for _ in range(40):
        scene = show.frame()
        weights.append(scene.sky.weight if scene.sky.arriving is not None else float(zenith(scene) == 2))
        blues.append(float(scene.light.ambient_sh[0, 2] - scene.light.ambient_sh[0, 0]))
        assert 0.0 <= scene.sky.weight < 1.0
    assert weights == sorted(weights) and weights[-1] == 1.0
    assert blues == sorted(blues) and blues[0] < 0 < blues[-1]
    assert max(b - a for a, b in pairwise(weights)) < 0.15  # no pop


# --- what is asked for ------------------------------------------------------------------------------------


def test_what_is_missing_is_asked_for_and_what_came_is_not() -> None:
    show = Show(Assembly(world("sky", "rocks")))
    sky, rocks = o.wish("sky"), o.wish("rocks", variants=3)
    show.ask(sky, rocks)
    asked = show.assembly.requests(show.person, 0.0)
    assert [(r.generator, r.variant) for r in asked] == [("sky", 0), ("rocks", 0), ("rocks", 1), ("rocks", 2)]
    assert show.assembly.requests(show.person, 0.0) is asked  # nothing new: the very same list
    show.frame([o.result(rocks, {"rock": o.tetrahedron()}, variant=1), o.result(sky, {"sky": o.sky(RED)})])
    show.frames(1.0)
    assert [(r.generator, r.variant) for r in show.assembly.requests(show.person, 0.0)] == [
        ("rocks", 0),
        ("rocks", 2),
    ]


def test_a_morph_in_every_frame_moves_all_parts_in_turn() -> None:
    show = Show(Assembly(world("sky", "ground", "rocks")))
    made: list[tuple[str, int]] = []
    for revision in range(12):
        sky, ground = o.wish("sky", revision=revision), o.wish("ground", revision=revision)
        show.ask(sky, ground, o.wish("rocks", revision=revision, variants=2))
        first = show.assembly.requests(show.person, show.now_s)[0]
        made.append((first.generator, first.variant))
        outputs = {"sky": {"sky": o.sky(RED)}}.get(first.generator, {"rock": o.tetrahedron()})
        show.frame([o.result(o.wish(first.generator, revision=revision), outputs, variant=first.variant)])
        show.frames(0.2)  # what is made beside the frame is there
    parts = [("sky", 0), ("ground", 0), ("rocks", 0), ("rocks", 1)]
    assert made == 3 * parts


def land_results(show: Show, wish: Wish, most: int = 300) -> list[Generated]:
    asked = [r for r in show.assembly.requests(show.person, show.now_s) if r.tile is not None][:most]
    return [
        o.result(wish, {"height": o.heightfield(o.hills(r.tile, 9, 32.0, 1.0, 0.5 * wish.revision), 32.0)}, r.tile)
        for r in asked
        if r.tile is not None
    ]


def standing_land(*more: str, **config: object) -> tuple[Show, Wish]:
    show = Show(Assembly(world("land", *more, **config)))
    wish = o.wish("land", tiled=True)
    show.ask(wish)
    for _ in range(60):
        show.frame(land_results(show, wish))
    assert show.assembly.land.risen
    return show, wish


def test_land_is_asked_for_tile_by_tile_and_again_as_one_walks() -> None:
    show, _ = standing_land()
    assert show.assembly.requests(show.person, show.now_s) == []
    show.person = Person((64.0, 0.0, 0.0))
    show.frame()
    asked = show.assembly.requests(show.person, show.now_s)
    assert asked and all(r.tile is not None and r.tile[0] > 2 for r in asked)


@pytest.mark.parametrize("room_rad, head_rad", [(np.pi / 2, 0.0), (0.0, np.pi / 2), (np.pi, -np.pi / 2)])
def test_what_the_head_looks_at_is_asked_for_first(room_rad: float, head_rad: float) -> None:
    """However the room lies: the person looks to -X, and of tiles equally far those there come first."""
    show = Show(Assembly(world("land")))
    show.ask(o.wish("land", tiled=True))
    show.assembly.requests(show.person, 0.0)  # looks to -Z: another list
    show.person = Person((16.0, 0.0, 16.0), yaw_rad=room_rad, head_yaw_rad=head_rad)
    asked = [request.tile for request in show.assembly.requests(show.person, 0.0)]
    before = asked[: asked.index((-3, 0))]
    assert not {(3, 0), (0, 3), (0, -3)} & set(before)


def test_light_that_a_generator_gives_fades_in() -> None:
    show = Show(Assembly(world("lamp")))
    before = show.frame().light
    wish = o.wish("lamp")
    show.ask(wish)
    show.frame([o.result(wish, {"light": o.of(c.LightOutput(), [1, 0.2, 0, 9, 9, 9, 0.1, 0.1, 0.1])})])
    reds = [float(show.frame().light.sun_irradiance[0]) for _ in range(60)]
    assert reds[-1] == 9.0 and reds == sorted(reds)
    assert max(b - a for a, b in pairwise([float(before.sun_irradiance[0]), *reds])) < 3.0
    assert show.scene is not None
    assert show.scene.light.exposure == before.exposure


def test_fog_that_a_generator_gives_comes_slowly() -> None:
    show = Show(Assembly(world("mist")))
    before = show.frame().fog_m
    wish = o.wish("mist")
    show.ask(wish)
    show.frame([o.result(wish, {"fog": o.of(c.FogOutput(), [0.1])})])
    seen = [show.frame().fog_m for _ in range(60)]
    assert seen[-1] == pytest.approx(0.1 * before) and seen == sorted(seen, reverse=True)
    assert max(a / b for a, b in pairwise([before, *seen])) < 4.0


def test_another_world_of_land_waits_for_the_tiles_around_the_walker() -> None:
    show, _ = standing_land()
    before = show.assembly.land.height(1.0, 1.0)
    another = o.wish("land", 2, 2, tiled=True)
    show.ask(another)
    show.frame(land_results(show, another, most=5))
    show.frames(2.0)
    assert show.assembly.land.height(1.0, 1.0) == before and show.assembly.arriving
    for _ in range(60):
        show.frame(land_results(show, another))
    assert show.assembly.land.ground.shown.epoch == 2 and not show.assembly.arriving
    assert show.assembly.land.height(1.0, 1.0) != before


def test_morphs_of_the_land_follow_one_another() -> None:
    show, _ = standing_land()
    for revision in range(2, 6):
        morphed = o.wish("land", 1, revision, tiled=True)
        show.ask(morphed)
        for _ in range(5):
            show.frame(land_results(show, morphed, most=60))
    for _ in range(100):
        key = show.assembly.land.target
        show.frame(land_results(show, o.wish("land", key[0], key[1], tiled=True)))
    assert (show.assembly.land.ground.shown.revision, show.assembly.land.ground.arriving) == (5, None)


def test_what_stands_stays_while_the_land_under_it_morphs() -> None:
    rules = {"rock": PropsConfig(generator="rocks", per_hectare=60.0)}
    show, _ = standing_land("rocks", props=rules)
    rocks = o.wish("rocks", variants=1)
    land = o.wish("land", tiled=True)
    show.ask(land, rocks)
    show.frame([o.result(rocks, {"rock": o.tetrahedron()})])
    before = len(show.frames(6.0).objects.instances)
    assert before > 20
    morphed = o.wish("land", 1, 2, tiled=True)
    show.ask(morphed, rocks)
    show.frame(land_results(show, morphed, most=3))
    fewest = min(len(show.frame().objects.instances) for _ in range(20))
    assert fewest > 0.8 * before


def test_the_drawing_origin_follows_in_steps_that_move_nothing() -> None:
    show, wish = standing_land()
    around_m = 32.0 * 16
    for step in range(1, 8):
        show.person = Person((200.0 * step, 0.0, -90.0 * step))
        for _ in range(3):
            scene = show.frame(land_results(show, wish))
        assert scene.origin[0] % around_m == 0 and scene.origin[2] % around_m == 0
        assert abs(scene.origin[0] - 200.0 * step) <= around_m
        assert abs(scene.origin[2] + 90.0 * step) <= around_m


# --- single outputs ---------------------------------------------------------------------------------------


def alone(outputs: dict[str, Output], seconds: float = 6.0) -> tuple[Show, Scene]:
    show = Show(Assembly(world("it")))
    wish = o.wish("it")
    show.ask(wish)
    show.frame([o.result(wish, outputs)])
    return show, show.frames(seconds)


def is_a_place(scene: Scene) -> bool:
    """A sky, light, ground to stand on."""
    return bool(
        scene.sky.shown.radiance.any()
        and np.isfinite(scene.light.ambient_sh).all()
        and scene.light.exposure > 0
        and scene.ground.corners[..., 1].max() == 1.0
        and {"ground", "cliff"} <= scene.surfaces.keys()
    )


def test_nothing_made_yet_is_a_place_already() -> None:
    show = Show(Assembly(world("it")))
    scene = show.frame()
    assert scene.sky.shown.radiance.any()
    assert is_a_place(show.frames(3.0))
    assert show.assembly.land.height(0.0, 0.0) == 0.0


def test_a_panorama_alone() -> None:
    _, scene = alone({"sky": o.sky(GREEN)})
    assert is_a_place(scene) and zenith(scene) == 1


@pytest.mark.parametrize("name", ["ground", "cliff"])
def test_a_texture_alone(name: str) -> None:
    _, scene = alone({"albedo": o.texture((-0.8, 0.8, -0.8), surface=name)})
    assert is_a_place(scene)
    assert int(np.argmax(scene.surfaces[name].shown.albedo[0, 0, :3])) == 1


def test_the_roles_of_a_surface_come_together_from_several_outputs() -> None:
    _, scene = alone({"colour": o.texture((-0.8, 0.8, -0.8)), "bumps": o.texture((0.5, 0.0, 0.8), "normal")})
    surface = scene.surfaces["ground"].shown
    assert surface.bumps[0, 0, 0] > 180 and int(np.argmax(surface.albedo[0, 0, :3])) == 1


def test_a_picture_of_heights_alone_is_an_endless_ground() -> None:
    heights = o.hills((0, 0), 17, 64.0)
    show, scene = alone({"height": o.heightfield(heights, 64.0)}, seconds=8.0)
    assert is_a_place(scene)
    assert show.assembly.land.height(8.0, 12.0) == pytest.approx(float(heights[3, 2]), abs=1e-4)
    assert show.assembly.land.height(128.0 - 8.0, 12.0) == pytest.approx(
        float(heights[3, 2]), abs=1e-4
    )  # mirrored
    show.person = Person((700.0, 0.0, 0.0))
    show.frames(6.0)
    assert show.assembly.land.height(700.0, 0.0) is not None


def test_a_mesh_alone_stands_before_the_person() -> None:
    _, scene = alone({"rock": o.tetrahedron()})
    assert is_a_place(scene)
    (one,) = scene.objects.instances
    assert one["position"][2] < -2.0 and one["stands"] == 1.0 and scene.objects.arrival == 1.0


def test_a_set_of_meshes_does_not_begin_to_stand_before_all_of_it_is_on_the_gpu() -> None:
    show = Show(Assembly(world("rocks")), uploads=False)
    rocks = o.wish("rocks", variants=2)
    show.ask(rocks)
    for variant in range(2):
        show.frame([o.result(rocks, {"rock": o.tetrahedron()}, variant=variant)])
    first, second = show.frames(3.0).objects.coming
    for there in (first, second):
        assert show.scene is not None and not len(show.scene.objects.instances)
        show.resident |= {there.id}
        show.frames(2.0)
    assert len(show.scene.objects.instances) == 2
    assert show.scene.objects.meshes == (first, second) and show.scene.objects.coming == ()


def test_instances_stand_where_the_generator_says() -> None:
    rows = np.float32([[5, 0, -5, 0, 0, 0, 1, 2], [7, 1, -5, 0, 0, 0, 1, 1]])
    instances = o.of(c.InstancesOutput(shape=(2, 8), of="rock"), rows)
    _, scene = alone({"rock": o.tetrahedron(), "places": instances})
    assert sorted(scene.objects.instances["position"][:, 0].tolist()) == [5, 7]


def test_a_picture_alone_hangs_before_the_person() -> None:
    _, scene = alone({"picture": o.picture((1.0, -1.0, -1.0))})
    assert is_a_place(scene)
    (one,) = scene.objects.instances
    assert one["picture"] == 0 and one["position"][2] < -2.0
    assert scene.objects.pictures[0].pixels[100, 100].tolist() == [255, 0, 0, 255]


def test_light_alone_lights_the_plain_world() -> None:
    _, scene = alone({"light": o.of(c.LightOutput(), [0, 2, 0, 3, 2, 1, 0.1, 0.2, 0.3])})
    assert scene.light.sun_direction.tolist() == [0, 1, 0]
    assert scene.light.sun_irradiance.tolist() == [3, 2, 1]

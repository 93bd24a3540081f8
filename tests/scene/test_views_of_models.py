"""A world model's frames: asked for from where the person looks, one at a time, kept with where that was."""

import numpy as np
import outputs as o
import pytest
import spheres
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from test_assembly import Show, is_a_place, world

from vrgen import contract as c
from vrgen.config import StartConfig
from vrgen.generator.scheduling import Schedule
from vrgen.geometry import Array, transform, yaw_quat
from vrgen.messages import Choice, Generated, Output, Person, Request, Wish
from vrgen.scene import views as v
from vrgen.scene.assembly import Assembly
from vrgen.scene_model import Scene, Shot

ROWS, COLUMNS = 48, 64


def wish(epoch: int = 1, revision: int = 1, lively: bool = False) -> Wish:
    return Wish("it", epoch, revision, {}, camera="eye", view_px=(ROWS, COLUMNS), lively=lively)


def answer(request: Request, dim: float = 1.0) -> Generated:
    """What the place looks like from the camera that was asked for."""
    eye, fov = (torch.from_numpy(request.inputs[name])[0].float() for name in ("eye", "eye.fov"))
    colours, metres = spheres.seen(eye, fov, ROWS, COLUMNS)
    arrays = {"": dim * colours.permute(2, 0, 1).numpy(), "depth": metres[None].numpy()}
    return Generated(request, {"seen": Output(c.ViewOutput(shape=(3, ROWS, COLUMNS), range=(0.0, 1.0)), arrays)})


def asked(show: Show) -> list[Request]:
    return show.assembly.requests(show.person, show.now_s)


def uploading(show: Show, frames: int = 1) -> Scene:
    for _ in range(frames):
        scene = show.frame()
        show.resident |= {layer.shot.id for layer in scene.shots}
    return scene


def taken_in(show: Show, made: Generated) -> Scene:
    scene = show.frame([made])
    while not show.assembly._workshop.empty:
        scene = show.frame()
    return scene


@pytest.fixture
def show() -> Show:
    made = Show(Assembly(world("it")))
    made.ask(wish())
    return made


# --- asking -----------------------------------------------------------------------------------------------


def test_the_request_says_where_the_person_looks_from(show: Show) -> None:
    show.person = Person((3.0, 0.5, -2.0), yaw_rad=0.4, pitch_rad=0.1)
    (request,) = asked(show)
    camera, fov = request.inputs["eye"], request.inputs["eye.fov"]
    assert camera.shape == (1, 4, 4) and camera.dtype == np.float32 and fov.shape == (1, 4)
    np.testing.assert_allclose(camera[0], v.head_of(show.person, None), atol=1e-6)
    assert camera[0, :3, 3] == pytest.approx((3.0, 2.2, -2.0))
    left, right, up, down = np.tan(fov[0])
    assert (right, up) == pytest.approx((-left, -down)) and up / right == pytest.approx(ROWS / COLUMNS)


def test_it_stays_the_same_until_it_is_answered_and_the_next_has_the_newest_pose(show: Show) -> None:
    (first,) = asked(show)
    for x in (0.5, 1.0, 1.5):
        show.person = Person((x, 0.0, 0.0))
        assert asked(show)[0] is first
    taken_in(show, answer(first))
    assert asked(show) == []  # left out once, or nothing would be asked anew
    (second,) = asked(show)
    assert second is not first and second.inputs["eye"][0, 0, 3] == 1.5
    assert asked(show)[0] is second


def test_who_stands_still_is_not_shown_the_same_again_unless_it_lives(show: Show) -> None:
    (first,) = asked(show)
    taken_in(show, answer(first))
    assert [asked(show) for _ in range(5)] == [[]] * 5
    show.person = Person(yaw_rad=0.1)
    assert len(asked(show)) == 1
    alive = Show(Assembly(world("it")))
    alive.ask(wish(lively=True))
    taken_in(alive, answer(asked(alive)[0]))
    assert [len(asked(alive)) for _ in range(3)] == [0, 1, 1]


def test_another_wish_takes_the_place_of_what_is_open(show: Show) -> None:
    (first,) = asked(show)
    show.ask(wish(revision=2))
    assert asked(show) == []
    (second,) = asked(show)
    assert (first.revision, second.revision) == (1, 2)


def test_what_is_never_answered_is_asked_again(show: Show) -> None:
    (first,) = asked(show)
    show.now_s += v.PATIENCE_S + 0.1
    assert asked(show) == []
    assert asked(show)[0] is not first


def test_another_look_keeps_no_world_waiting(show: Show) -> None:
    assert asked(show) and show.assembly.lacks(frozenset({"it"}))
    taken_in(show, answer(asked(show)[0]))
    show.person = Person((1.0, 0.0, 0.0))
    asked(show)
    assert asked(show) and not show.assembly.lacks(frozenset({"it"}))


@pytest.mark.parametrize(
    "more, expected",
    [
        ({}, ("eye", (ROWS, COLUMNS), False)),
        ({"t": c.TimeInput()}, ("eye", (ROWS, COLUMNS), True)),
        ({"tile": c.TileInput()}, ("", (1, 1), False)),
    ],
)
def test_the_manifest_says_who_looks(more: dict[str, c.InputSpec], expected: tuple[object, ...]) -> None:
    outputs: dict[str, c.OutputSpec] = {"seen": c.ViewOutput(shape=(1, 3, ROWS, COLUMNS))}
    said = c.Manifest(vrgen=1, name="it", inputs={"eye": c.CameraInput(), **more}, outputs=outputs)
    made = Schedule(world("it")).wishes(Choice(), (), {"it": said}, {"it": 1})["it"]
    assert (made.camera, made.view_px, made.lively) == expected


# --- what comes -------------------------------------------------------------------------------------------


def test_a_frame_is_kept_with_the_camera_it_was_made_for(show: Show) -> None:
    show.person = Person((1.0, 0.0, 0.0), yaw_rad=0.3)
    (request,) = asked(show)
    show.person = Person((5.0, 0.0, 0.0))
    taken_in(show, answer(request))
    (layer,) = uploading(show, 30).shots
    np.testing.assert_allclose(layer.shot.world_from_camera, request.inputs["eye"][0], atol=1e-6)
    assert layer.weight == 1.0 and is_a_place(show.frame()) and show.assembly.notes == {}


def test_without_a_camera_it_is_seen_from_the_start() -> None:
    plain = answer(Request("it", 1, 1, v.camera_inputs(wish(), transform((0.0, 1.7, 0.0)))))
    shot = v.shot_of(plain.outputs["seen"], {}, StartConfig(x_m=4.0, z_m=1.0, yaw_deg=90.0))
    np.testing.assert_allclose(shot.world_from_camera, transform((4.0, 1.7, 1.0), yaw_quat(np.pi / 2)))
    assert shot.tangents[1] / shot.tangents[3] == pytest.approx(COLUMNS / ROWS)


def shot_at(camera: Array, dim: float = 1.0) -> Shot:
    made = answer(Request("it", 1, 1, v.camera_inputs(wish(), camera)), dim)
    return v.shot_of(made.outputs["seen"], made.request.inputs, StartConfig())


def test_a_frame_gets_over_the_one_before_which_stays_behind(show: Show) -> None:
    layers: list[Scene] = []
    for turn in (0.0, 0.3, 0.6, 0.9):
        show.person = Person(yaw_rad=turn)
        while not (requests := asked(show)):
            pass
        taken_in(show, answer(requests[0]))
        layers += [uploading(show) for _ in range(30)]
    seen = [scene.shots for scene in layers]
    assert max(map(len, seen)) == 3 and all(b.weight == 1.0 for s in seen for b in s[:-1])
    assert len(seen[-1]) == 2 and seen[-1][1].weight == 1.0
    assert layers[-1].shots is show.frame().shots


def test_nothing_is_seen_before_it_is_on_the_gpu(show: Show) -> None:
    show.uploads = False
    taken_in(show, answer(asked(show)[0]))
    for _ in range(20):
        scene = show.frame()
        assert scene.shots == () and isinstance(scene.preload[0], Shot)
    show.resident |= {scene.preload[0].id}
    show.frame()
    assert [layer.weight for layer in show.frame().shots] != []


def test_a_flash_takes_its_time() -> None:
    around = v.Surroundings()
    camera = transform((0.0, 1.7, 0.0))
    _, first = around.add(shot_at(camera), 1)
    _, same = around.add(shot_at(camera), 1)
    _, dark = around.add(shot_at(camera, 0.1), 1)
    assert first == 1.0 and same < 0.01 and dark > 0.3


# --- around -----------------------------------------------------------------------------------------------


def test_what_was_seen_stays_around_until_another_world_comes() -> None:
    around = v.Surroundings()
    ahead, _ = around.add(shot_at(transform((0.0, 1.7, 0.0))), 1)
    both, _ = around.add(shot_at(transform((0.0, 1.7, 0.0), yaw_quat(np.pi))), 1)
    assert ahead is not None and both is not None and both.relief is not None
    middle = slice(60, 68)
    assert np.array_equal(ahead.radiance[30:34, middle], both.radiance[30:34, middle])
    assert not np.array_equal(ahead.radiance[34:40, :4], both.radiance[34:40, :4])
    other, _ = around.add(shot_at(transform((0.0, 1.7, 0.0), yaw_quat(np.pi / 2))), 2)
    assert other is not None and not np.array_equal(other.radiance[34:40, middle], both.radiance[34:40, middle])


def test_the_same_again_is_no_new_sky() -> None:
    around = v.Surroundings()
    skies = [around.add(shot_at(transform((0.0, 1.7, 0.0))), 1)[0] for _ in range(3)]
    assert skies[0] is not None and skies[1:] == [None, None]


@given(
    arrays(np.float32, (8, 16, 3), elements=st.floats(0.0, 4.0, width=32)),
    arrays(np.bool_, (8, 16)),
)
def test_what_is_filled_is_between_what_is_known(picture: np.ndarray, known: np.ndarray) -> None:
    made = v.filled(picture, known)
    assert np.array_equal(made[known], picture[known]) and np.isfinite(made).all()
    if known.any():
        assert made.min() >= picture[known].min() - 1e-4 and made.max() <= picture[known].max() + 1e-4


def test_a_sky_of_ones_own_is_not_overtaken(show: Show) -> None:
    made = answer(asked(show)[0])
    with_sky = Generated(made.request, {**made.outputs, "sky": o.sky((0.9, 0.1, 0.1))})
    taken_in(show, with_sky)
    assert uploading(show, 60).sky.shown.relief is None

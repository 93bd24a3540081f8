"""What is hidden is left out, and no picture tells: with occlusion culling every pixel is as without it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import stage as s
from hypothesis import given, settings
from hypothesis import strategies as st
from stage import Pixels, Stage

from vrgen.display.headless import HeadlessDisplay
from vrgen.geometry import Quat, multiply, pitch_quat, yaw_quat
from vrgen.messages import Mask, Seen, View
from vrgen.scene_model import Ground, Mesh, Objects, Scene

Open = Callable[..., Stage]
SIZE = (150, 90)
LIGHT = s.sun((0.3, 0.8, 0.4), ambient_light=0.4)
SAMPLES = [pytest.param(1, id="one sample"), pytest.param(4, id="four samples")]
STEREO = [pytest.param(False, id="one view"), pytest.param(True, id="both eyes")]


def hills(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Ridges that one can look over and between, steep and gentle."""
    ridge = 9.0 * np.exp(-(((z + 14.0) / 3.0) ** 2)) * (0.6 + 0.4 * np.sin(x * 0.31))
    return np.asarray(ridge + 3.0 * np.sin(x * 0.13) * np.cos(z * 0.11), np.float32)


def slab(half: tuple[float, float, float], colour: tuple[int, int, int]) -> Mesh:
    cube = s.box(colour)
    return replace(cube, vertices=cube.vertices * np.float32(half) * 2)


WALL, ROD, CUBE = (slab(half, tint) for half, tint in zip(
    ((4.0, 3.0, 0.2), (0.1, 0.1, 8.0), (0.5, 0.5, 0.5)), ((200, 60, 40), (40, 200, 60), (60, 90, 220))
))  # fmt: skip


def cloud(rng: np.random.Generator, count: int) -> Objects:
    """Walls, rods and cubes of all sizes all about, some around the eye."""
    made = s.instances(*({} for _ in range(count)))
    made["position"] = rng.uniform((-30, -4, -50), (30, 12, 10), (count, 3))
    made["rotation"] = rng.normal(size=(count, 4))
    made["rotation"] /= np.linalg.norm(made["rotation"], axis=1, keepdims=True)
    made["scale"] = np.exp(rng.uniform(np.log(0.05), np.log(3.0), count))
    made["mesh"] = np.sort(rng.choice(3, count, p=(0.15, 0.15, 0.7)))
    made["stands"] = rng.uniform(size=count) < 0.3
    return Objects((WALL, ROD, CUBE), (), made)


def seen_from(
    eye: tuple[float, float, float], turn: Quat, stereo: bool, size: tuple[int, int] = SIZE
) -> list[View]:
    x, y, z = eye
    views = [s.view((size[0] // (1 + stereo), size[1]), eye, turn)]
    if stereo:  # eyes far apart: one sees what the other does not
        views.append(s.view((size[0] // 2, size[1]), (x + 0.3, y, z), turn, left_px=size[0] // 2))
    return views


def both(one: Stage, world: Scene, views: Sequence[View]) -> tuple[Pixels, Pixels]:
    """The picture with what is hidden, and without it."""
    drawn = []
    for one.renderer._occlusion.always in (False, True):
        drawn.append(one.draw(world, views))
    return drawn[0], drawn[1]


def counted(one: Stage) -> Seen:
    """What became of the instances of the last frame."""
    from vrgen.renderer.ground import COMMAND
    from vrgen.renderer.objects import LISTS

    objects = one.renderer._objects
    told = objects._indirect.read(COMMAND, LISTS * objects._commands + 1)
    drawn, hidden = int(told["instances"][: 2 * objects._commands].sum()), int(told["instances"][-1])
    return Seen(drawn // one.renderer._views, hidden, hidden_triangles=int(told["count"][-1]))


# --- no picture tells -------------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", SAMPLES)
@pytest.mark.parametrize("stereo", STEREO)
def test_walking_among_hills_and_walls_each_frame_is_as_without(stage: Open, stereo: bool, samples: int) -> None:
    one = stage(SIZE, stereo=stereo, samples=samples)
    land = s.ground(s.tiles_of(hills))
    clear = s.scene(over=land, above=s.sky(light=LIGHT))
    one.settle(clear, seen_from((0, 6, 0), yaw_quat(0.0), stereo))
    hidden = 0

    @settings(max_examples=10)
    @given(seed=st.integers(0, 2**32 - 1), count=st.sampled_from([5, 100, 1500]), small=st.booleans())
    def alike(seed: int, count: int, small: bool) -> None:
        nonlocal hidden
        rng = np.random.default_rng(seed)
        world = replace(clear, objects=cloud(rng, count))
        size = (78, 51) if small else SIZE  # of a picture whose textures are larger
        eye, step = rng.uniform((-12, 0, -8), (12, 9, 10)), rng.uniform(-2.5, 2.5, 3)
        yaw, turn, pitch = rng.uniform((-1.5, -0.8, -0.6), (1.5, 0.8, 0.4))
        for frame in range(4):
            x, y, z = (float(n) for n in eye + frame * step)
            towards = multiply(yaw_quat(float(yaw + frame * turn)), pitch_quat(float(pitch)))
            without, culled = both(one, world, seen_from((x, y, z), towards, stereo, size))
            differ = (without != culled).any(axis=-1)
            assert not differ.any(), f"frame {frame}: {differ.sum()} pixels differ"
            hidden += counted(one).hidden

    alike()
    assert hidden > 500


def test_what_a_wall_hid_is_there_in_the_frame_in_which_the_wall_goes(stage: Open) -> None:
    one = stage(SIZE, occlusion=True)
    camera = seen_from((0, 0, 0), yaw_quat(0.0), False)
    behind = [{"position": (x, y, -15), "mesh": 1} for x in range(-3, 4) for y in range(-2, 3)]

    def world(*at: dict[str, object]) -> Scene:
        made = Objects((WALL, CUBE, ROD), (), s.instances(*at, {"position": (1, 1, -13), "mesh": 2, "scale": 0.2}))
        return s.scene(over=s.nowhere(), above=s.sky(light=LIGHT), objects=made)

    closed, opened = world({"position": (0, 0, -9)}, *behind), world({"position": (0, 90, -9)}, *behind)
    one.settle(closed, camera)
    assert counted(one) == Seen(1, 1 + len(behind), hidden_triangles=12 * (1 + len(behind)))
    at_once = one.draw(opened, camera)
    assert counted(one) == Seen(1 + len(behind), 0)
    one.renderer._occlusion.always = False
    assert (one.draw(opened, camera) == at_once).all()


@pytest.mark.parametrize("stereo", STEREO)
def test_what_reaches_from_behind_the_eye_to_behind_a_wall_is_drawn(stage: Open, stereo: bool) -> None:
    """Its sphere crosses the near plane."""
    one = stage(SIZE, stereo=stereo, occlusion=True)
    rod = {"position": (0.4, -0.4, -5), "mesh": 1}
    made = Objects((WALL, ROD), (), s.instances({"position": (0, 0, -3)}, rod))
    world = s.scene(over=s.nowhere(), above=s.sky(light=LIGHT), objects=made)
    drawn = one.settle(world, seen_from((0, 0, 0), yaw_quat(0.0), stereo)).astype(int)
    assert counted(one) == Seen(2, 0)
    green = (drawn[..., 1] > drawn[..., 0] + 20) & (drawn[..., 1] > drawn[..., 2] + 20)
    assert green.sum() > 50


def test_what_one_eye_sees_is_drawn(stage: Open) -> None:
    """A cube behind a wall's edge: only the right eye looks past it."""
    one = stage(SIZE, stereo=True, occlusion=True)
    made = s.instances({"position": (-3.9, 0, -1)}, {"position": (-0.1, 0, -4), "mesh": 1, "scale": 0.2})
    world = s.scene(over=s.nowhere(), above=s.sky(light=LIGHT), objects=Objects((WALL, CUBE), (), made))
    views = seen_from((0, 0, 0), yaw_quat(0.0), True)
    one.settle(world, views)
    assert counted(one) == Seen(2, 0)
    one.settle(world, [views[0], replace(views[0], rect_px=views[1].rect_px)])
    assert counted(one) == Seen(1, 1, hidden_triangles=24)


def test_shadows_fall_from_what_the_camera_does_not_see(stage: Open) -> None:
    """A cube behind a wall, the sun low at the left: the shadow lies at the right of the wall."""
    one = stage(SIZE, shadows=True, occlusion=True)
    over, above = s.ground(s.tiles_of(s.flat)), s.sky((0.0, 0.0, 0.0), s.sun((-1.0, 0.1, -0.15), strength=10.0))
    wall = {"position": (0, 0, -10), "scale": 1.5}
    cube = {"position": (0, -0.2, -13), "mesh": 1, "scale": 2.5}
    camera = seen_from((0, 1.7, 0), yaw_quat(0.0), False)

    def picture(*at: dict[str, object]) -> np.ndarray:
        made = Objects((WALL, CUBE), (), s.instances(*at))
        return one.settle(s.scene(over=over, above=above, objects=made), camera).astype(int)

    alone, shaded = picture(wall), picture(wall, cube)
    assert counted(one).hidden == 1
    darker = alone.sum(axis=-1) - shaded.sum(axis=-1) > 60
    assert darker.sum() > 10
    one.renderer._occlusion.always = False
    assert (picture(wall, cube) == shaded).all()


# --- what is hidden is counted ----------------------------------------------------------------------------


@pytest.mark.parametrize("samples", SAMPLES)
@pytest.mark.parametrize("stereo", STEREO)
def test_behind_a_wall_that_fills_the_view_nothing_is_drawn(stage: Open, stereo: bool, samples: int) -> None:
    one = stage(SIZE, stereo=stereo, samples=samples, occlusion=True)
    rng = np.random.default_rng(4)
    made = s.instances(*({"mesh": 1} for _ in range(400)))
    made["position"] = rng.uniform((-4, -4, -40), (4, 4, -8), (400, 3))
    made[0] = s.instances({"position": (0, 0, -1.5)})[0]
    world = s.scene(over=s.nowhere(), above=s.sky(light=LIGHT), objects=Objects((WALL, CUBE), (), made))
    one.settle(world, seen_from((0, 0, 0), yaw_quat(0.0), stereo))
    now = counted(one)
    assert now.drawn == 1
    assert now.hidden > 300
    assert now.hidden_triangles == now.hidden * 12 * (1 + stereo)


def test_what_the_lenses_hide_hides(stage: Open) -> None:
    one = stage(SIZE, occlusion=True)
    corners = np.float32([[(-9, -9), (9, -9), (9, 9)], [(-9, -9), (9, 9), (-9, 9)]])
    camera = [replace(view, mask=Mask(corners)) for view in seen_from((0, 0, 0), yaw_quat(0.0), False)]
    made = Objects((CUBE,), (), s.instances({"position": (0, 0, -5)}))
    one.settle(s.scene(over=s.nowhere(), above=s.sky(light=LIGHT), objects=made), camera)
    assert counted(one) == Seen(0, 1, hidden_triangles=12)


# --- only where it pays -----------------------------------------------------------------------------------


@pytest.mark.parametrize("hilly", [False, True])
def test_it_is_asked_where_that_pays_and_told_some_frames_later(stage: Open, hilly: bool) -> None:
    from vrgen.renderer.occlusion import Worth

    one = stage(SIZE, samples=1)
    rng = np.random.default_rng(5)
    made = s.instances(*({} for _ in range(1000)))
    made["position"] = rng.uniform((-25, 0, -30), (25, 5, -29.5), (1000, 3))  # none behind another
    made["scale"] = 0.6
    dear = replace(CUBE, faces=tuple(np.tile(faces, (8, 1)) for faces in CUBE.faces))
    land: Ground = s.ground(s.tiles_of(hills if hilly else s.flat))
    world = s.scene(over=land, above=s.sky(light=LIGHT), objects=Objects((dear,), (), made))
    camera = seen_from((0, 3.0, 0), yaw_quat(0.0), False)
    one.settle(world, camera)
    one.renderer._occlusion._worth = Worth()  # it was small pictures that were settled with
    told = set()
    for _ in range(60):
        one.draw(world, camera)
        told.add(one.renderer.seen)
    now, asks = one.renderer.seen, one.renderer._occlusion._worth.pays
    assert asks == hilly
    assert now.drawn + now.hidden + now.outside == 1000
    assert (now.drawn, now.hidden) == (counted(one).drawn, counted(one).hidden)
    assert any(seen.hidden > 0 for seen in told) == hilly


def test_what_does_not_pay_is_tried_again_only_by_and_by(gl_context: HeadlessDisplay) -> None:
    from vrgen.renderer.occlusion import TRY_EVERY, Worth

    many, few = Seen(drawn=100, drawn_triangles=10**6), Seen(drawn=100)
    worth = Worth(tried=True)
    assert worth.pays
    worth.told(few, samples=1000)
    assert not worth.pays
    worth = Worth()
    for _ in range(100):  # so few triangles could not pay
        worth.told(few, samples=1000)
        assert not worth.pays
    worth.told(many, samples=1000)
    assert worth.pays
    worth.told(many, samples=1000)  # nothing was hidden
    assert not worth.pays
    tells = 0
    while not worth.pays:
        worth.told(many, samples=1000)
        tells += 1
    assert 8 < tells < TRY_EVERY
    worth.told(replace(many, hidden_triangles=10**5), samples=1000)
    assert worth.pays

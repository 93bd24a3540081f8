"""Shadows of the sun: where they should be, and nowhere else."""

from collections.abc import Callable

import numpy as np
import pytest
import stage as s
from stage import Stage

from vrgen.geometry import Array
from vrgen.scene_model import Objects

Open = Callable[..., Stage]
SIZE = (120, 120)
SUN = s.sun((1.0, 1.0, 0.0))


@pytest.mark.parametrize("near", [0.0, 40.0])
def test_a_cube_throws_its_shadow_away_from_the_sun(stage: Open, near: float) -> None:
    """From above, sun from +X at 45°: a cube two metres high darkens the two metres to its -X side."""
    one = stage(SIZE, shadows=True)
    objects = Objects((s.box((250, 250, 250), 1.0),), (), s.instances({"position": (0, 1, 0)}))
    world = s.scene(above=s.sky((0.1, 0.1, 0.1), SUN), objects=objects, dressed=s.surface((200, 200, 200)))
    camera = s.view(SIZE, (0.0, 12.0 + near, 0.0), s.DOWN, 70.0 if not near else 14.0)
    drawn = one.settle(world, [camera]).astype(int).sum(axis=-1)

    def at(x: float, z: float) -> int:
        column, row = s.pixel_of(camera, (x, 0.0, z))
        return int(drawn[int(row), int(column)])

    lit = [at(3.0, 0.0), at(-2.2, 2.5), at(-2.2, -2.5), at(-4.5, 0.0), at(0.0, 4.0)]
    dark = [at(-2.0, 0.0), at(-1.8, 0.6), at(-2.2, -0.6)]
    assert max(dark) < 0.6 * min(lit)


def test_a_cube_out_of_view_throws_its_shadow_into_it(stage: Open) -> None:
    """From above, the sun low at +X: the shadow reaches from 1 to -11 m, the view from -8 to -4."""
    one, low = stage(SIZE, shadows=True), s.sun((1.0, 0.5, 0.0))
    over, camera = s.ground(), s.view(SIZE, (-6.0, 12.0, 0.0), s.DOWN, 20.0)

    def brightness(*at: dict[str, object]) -> float:
        objects = Objects((s.box((250, 250, 250), 1.0),), (), s.instances(*at))
        world = s.scene(
            over=over, above=s.sky((0.1, 0.1, 0.1), low), objects=objects, dressed=s.surface((200, 200, 200))
        )
        return float(one.settle(world, [camera]).astype(int).sum(axis=-1)[40:80, 40:80].mean())

    assert brightness({"position": (4, 3, 0), "scale": 3.0}) < 0.6 * brightness({"position": (90, 3, 0)})


def test_a_hill_darkens_the_valley_behind_it(stage: Open) -> None:
    def ridge(x: s.F32, z: s.F32) -> s.F32:
        return np.asarray(np.maximum(0.0, 8.0 - np.abs(x - 4.0)), np.float32)

    one = stage(SIZE, shadows=True)
    world = s.scene(
        over=s.ground(s.tiles_of(ridge)), above=s.sky((0.1, 0.1, 0.1), SUN), dressed=s.surface((200, 200, 200))
    )
    low = s.sun((1.0, 0.5, 0.0))
    camera = s.view(SIZE, (0.0, 40.0, 0.0), s.DOWN, 70.0)
    drawn = one.settle(s.scene(over=world.ground, above=s.sky((0.1, 0.1, 0.1), low)), [camera]).astype(int)
    grey = drawn.sum(axis=-1)
    shadowed, open_ = (s.pixel_of(camera, (x, 0.0, 0.0)) for x in (-7.5, -16.0))
    assert grey[60, int(shadowed[0])] < 0.6 * grey[60, int(open_[0])]


def test_without_shadows_the_ground_is_evenly_lit(stage: Open) -> None:
    """No spots of its own shadow on flat ground, seen flat or from above, under a low sun."""
    one = stage((160, 90), shadows=True)
    low = s.sun((1.0, 0.15, 0.3), strength=8.0)
    world = s.scene(above=s.sky((0.1, 0.1, 0.1), low), dressed=s.surface((180, 180, 180)))
    for view in (s.view((160, 90), (5.0, 8.0, 5.0), s.DOWN), s.view((160, 90), (5.0, 1.7, 5.0))):
        drawn = one.settle(world, [view]).astype(float).sum(axis=-1)
        ground = drawn[50:] if view.world_from_eye[2, 2] > 0.5 else drawn
        rows = np.abs(ground - np.median(ground, axis=1, keepdims=True)) / ground.max()
        assert np.percentile(rows, 99) < 0.2


def test_shadows_follow_what_moves(stage: Open) -> None:
    one = stage(SIZE, shadows=True)
    camera = s.view(SIZE, (0.0, 12.0, 0.0), s.DOWN)
    tiles = s.ground()

    def shadow(x: float) -> float:
        objects = Objects((s.box((250, 250, 250), 1.0),), (), s.instances({"position": (x, 1, 0)}))
        world = s.scene(
            over=tiles, above=s.sky((0.1, 0.1, 0.1), SUN), objects=objects, dressed=s.surface((200, 200, 200))
        )
        grey = one.settle(world, [camera]).astype(int).sum(axis=-1)[60]
        return float(np.flatnonzero(grey < 0.6 * np.median(grey)).mean())

    moved = shadow(2.0) - shadow(0.0)
    per_metre = 120 / (2 * 12 * np.tan(np.radians(35.0)))
    assert moved == pytest.approx(2.0 * per_metre, abs=3.0)


@pytest.mark.parametrize("direction", [(0.0, 1.0, 0.0), (1.0, 0.05, 0.0), (0.3, 0.4, -0.8)])
def test_a_cascade_looks_along_the_sun_and_steps_in_whole_texels(
    stage: Open, direction: tuple[float, float, float]
) -> None:
    stage((16, 16))  # OpenGL may be imported only when a display has chosen its platform
    from vrgen.renderer.shadows import REACH_M, Cascade

    towards: Array = np.array(direction) / np.linalg.norm(direction)
    cascade = Cascade(REACH_M[0])
    assert cascade.stale(np.zeros(3), towards, 0) == np.inf
    cascade.look(np.array([3.0, 1.0, -2.0]), towards, 1024, 5)
    assert cascade.stale(np.array([3.0, 1.0, -2.0]), towards, 5) == 0
    assert cascade.stale(np.array([3.0, 1.0, -2.0]), towards, 6) >= 1
    m = cascade.clip_from_world
    here, nearer = m @ [3, 1, -2, 1], m @ [*(np.array([3, 1, -2]) + towards), 1]
    np.testing.assert_allclose(here[:2], nearer[:2], atol=1e-9)
    assert nearer[2] > here[2]  # reversed depth
    spot = m @ [7.0, 0.0, 1.0, 1.0]
    cascade.look(np.array([3.7, 1.2, -1.1]), towards, 1024, 5)
    moved = (cascade.clip_from_world @ [7.0, 0.0, 1.0, 1.0] - spot)[:2] / (2 / 1024)
    np.testing.assert_allclose(moved, np.rint(moved), atol=1e-6)

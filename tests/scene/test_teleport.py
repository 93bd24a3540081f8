"""The arc of a teleport: a thrown thing that comes down on the land, where one can stand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrgen.geometry import Array, Vec3, multiply, pitch_quat, transform, yaw_quat
from vrgen.scene.teleport import GRAVITY, REACH_M, SPEED_MPS, can_stand, thrown
from vrgen.scene.walking import BODY_M
from vrgen.scene_model import INSTANCE, Objects

NOTHING = Objects()
yaws, pitches = st.floats(-math.pi, math.pi), st.floats(-1.5, 1.5)
sizes = st.floats(0.0, 3.0)


def aim(at: Vec3, yaw: float = 0.0, pitch: float = 0.0) -> Array:
    return transform(at, multiply(yaw_quat(yaw), pitch_quat(pitch)))


def flat(x: float, z: float) -> float:
    return 0.0


def tilted(deg: float):  # type: ignore[no-untyped-def]
    """Land that rises towards -Z."""
    return lambda x, z: -z * math.tan(math.radians(deg))


@given(sizes, yaws, pitches, st.floats(0.3, 2.0))
def test_an_arc_falls_as_thrown_things_do_and_ends_where_it_meets_the_land(
    size: float, yaw: float, pitch: float, above: float
) -> None:
    def height(x: float, z: float) -> float:
        return size * (math.sin(x * 0.31) + math.sin(z * 0.23 + 1))

    start = (0.0, height(0, 0) + above, 0.0)
    arc = thrown(aim(start, yaw, pitch), height, NOTHING)
    points = arc.points
    assert len(points) >= 2
    assert points[0] == pytest.approx(start)
    across = np.hypot(points[:, 0], points[:, 2])
    assert across.max() <= REACH_M + 1e-6
    assert np.hypot(np.diff(across), np.diff(points[:, 1])).max() < 1.5  # dense enough to be drawn
    # y = x tan p - g x² / (2 v² cos² p): the parabola, where it is not straight up.
    if abs(pitch) < 1.3:
        fall = GRAVITY * across**2 / (2 * (SPEED_MPS * math.cos(pitch)) ** 2)
        assert points[:-1, 1] == pytest.approx((start[1] + across * math.tan(pitch) - fall)[:-1], abs=1e-6)
    assert all(y > height(x, z) for x, y, z in points[:-1])
    if arc.landing is not None:
        assert tuple(points[-1]) == pytest.approx(arc.landing)
        x, y, z = arc.landing
        assert y == height(x, z)
        assert can_stand(arc.landing, height, NOTHING)


@given(yaws, st.floats(-1.2, 0.7))
def test_on_a_plain_every_arc_that_comes_down_lands(yaw: float, pitch: float) -> None:
    arc = thrown(aim((5.0, 1.3, -7.0), yaw, pitch), flat, NOTHING)
    assert arc.landing is not None
    # Where a thrown thing comes down from 1.3 m.
    up, across = SPEED_MPS * math.sin(pitch), SPEED_MPS * math.cos(pitch)
    far = across * (up + math.sqrt(up * up + 2 * GRAVITY * 1.3)) / GRAVITY
    x, _, z = arc.landing
    assert math.hypot(x - 5.0, z + 7.0) == pytest.approx(far, abs=0.01)
    assert math.atan2(-(x - 5.0), -(z + 7.0)) == pytest.approx(yaw, abs=0.01 / max(far, 0.01))


def test_it_does_not_land_on_what_is_too_steep() -> None:
    start = aim((0.0, 1.3, 0.0), 0.0, 0.3)
    assert thrown(start, tilted(38), NOTHING).landing is not None
    steep = thrown(start, tilted(42), NOTHING)
    assert steep.landing is None
    x, y, z = steep.points[-1]
    assert y == pytest.approx(tilted(42)(x, z), abs=0.01)


def test_it_does_not_land_in_a_thing() -> None:
    landing = thrown(aim((0.0, 1.3, 0.0)), flat, NOTHING).landing
    assert landing is not None
    origin = (100.0, 0.0, 0.0)

    def stone(off: float) -> Objects:
        instances = np.zeros(1, INSTANCE)
        instances["position"] = (landing[0] - origin[0] + off, 0, landing[2])
        instances["scale"], instances["stands"] = 2.0, 1.0
        return Objects(instances=instances)

    assert thrown(aim((0.0, 1.3, 0.0)), flat, stone(0.5), origin).landing is None
    assert thrown(aim((0.0, 1.3, 0.0)), flat, stone(1.0 + BODY_M), origin).landing is not None


def test_without_ground_there_is_no_landing() -> None:
    assert thrown(aim((0.0, 1.3, 0.0)), lambda x, z: None, NOTHING).landing is None
    island = thrown(aim((0.0, 1.3, 0.0)), lambda x, z: 0.0 if z > -3.0 else None, NOTHING)
    assert island.landing is None


def test_a_hand_in_the_ground_lands_nowhere() -> None:
    arc = thrown(aim((0.0, -0.5, 0.0), 0.0, 0.5), flat, NOTHING)
    assert arc.landing is None
    assert arc.points.shape == (2, 3)

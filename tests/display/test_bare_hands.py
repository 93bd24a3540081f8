"""A bare hand's joints as grip, ray, pinch and fist. The hand is drawn by a small model of fingers that curl."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrgen.display.openxr import hands
from vrgen.geometry import Array, Quat, rotation, yaw_quat
from vrgen.messages import Side

BONES_M = (0.045, 0.025, 0.02)
"""Of a finger, from the knuckle to the tip."""


def hand(side: Side, curl: float, pinch: bool = False, turn: Quat = (0.0, 0.0, 0.0, 1.0)) -> hands.Located:
    """Palm down, fingers towards -Z, each bent by `curl` (0 stretched, 1 a fist), then turned by `turn`."""
    thumb = -1.0 if side == "right" else 1.0
    place = np.zeros((hands.JOINTS, 3))
    place[hands.WRIST] = (0.0, 0.0, 0.06)
    for finger, knuckle in enumerate(hands.KNUCKLES):
        x = thumb * (0.03 - 0.02 * finger)
        at, pitch = np.array([x, 0.0, -0.03]), 0.0
        place[knuckle - 1] = (x, 0.0, 0.02)
        place[knuckle] = at
        for bone, length in enumerate(BONES_M):
            pitch -= curl * math.radians(85)
            at = at + length * np.array([0.0, math.sin(pitch), -math.cos(pitch)])
            place[knuckle + 1 + bone] = at
    place[2:6] = np.linspace((thumb * 0.03, 0.0, 0.04), (thumb * 0.07, -0.01, -0.04), 4)
    if pinch:
        place[hands.THUMB_TIP] = place[hands.INDEX_TIP] + (0.0, -0.01, 0.0)
    joints = np.zeros(hands.JOINTS, hands.JOINT)
    joints["flags"] = 15
    joints["position"] = place @ rotation(turn).T
    joints["rotation"] = turn
    joints["radius"] = 0.01
    return joints


def axes(quat: Quat) -> Array:
    """Columns: where +X, +Y and +Z of a pose point."""
    return rotation(quat)


turns = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: math.hypot(*q) > 0.1)


def unit(q: tuple[float, float, float, float]) -> Quat:
    length = math.hypot(*q)
    return (q[0] / length, q[1] / length, q[2] / length, q[3] / length)


@pytest.mark.parametrize("side", ["left", "right"])
@given(turn=turns)
def test_fist_pinch_and_open_are_told_apart_however_the_hand_is_turned(
    side: Side, turn: tuple[float, float, float, float]
) -> None:
    for curl, pinch, said in (
        (0.0, False, (False, False)),
        (0.25, True, (True, False)),
        (1.0, False, (False, True)),
        (1.0, True, (False, True)),  # in a fist the thumb lies at the fingers: that is no pinch
    ):
        bare = hands.BareHand(side)
        bare.see(hand(side, curl, pinch, unit(turn)), 1.0)
        assert (bare.pinching, bare.fist) == said


def test_a_pinch_that_trembles_is_one_pinch() -> None:
    bare, joints = hands.BareHand("right"), hand("right", 0.2, pinch=True)
    tip = joints["position"][hands.INDEX_TIP].copy()
    said = []
    for at, gap_m in enumerate((0.04, 0.016, 0.014, 0.02, 0.024, 0.016, 0.026, 0.02, 0.016, 0.01)):
        joints["position"][hands.THUMB_TIP] = tip + np.array([0.0, -gap_m, 0.0])
        bare.see(joints, at * 0.01)
        said.append(bare.pinching)
    assert said == [False, False, True, True, True, True, False, False, False, True]


@pytest.mark.parametrize("side", ["left", "right"])
@given(turn=turns)
def test_the_grip_of_a_bare_hand_is_that_of_a_controller(
    side: Side, turn: tuple[float, float, float, float]
) -> None:
    turned = rotation(unit(turn))
    grip = axes(hands.grip(hand(side, 0.0, turn=unit(turn)), side).rotation)
    down, thumb = turned @ (0.0, -1.0, 0.0), turned @ ((-1.0 if side == "right" else 1.0), 0.0, 0.0)
    out_of_palm = down
    np.testing.assert_allclose(grip[:, 0], out_of_palm if side == "left" else -out_of_palm, atol=1e-6)
    np.testing.assert_allclose(-grip[:, 2], thumb, atol=1e-6)  # from the little finger to the thumb
    assert np.linalg.det(grip) == pytest.approx(1.0)


def test_the_ray_starts_at_the_knuckle_along_the_palm_and_follows_smoothly() -> None:
    bare = hands.BareHand("right")
    first = hand("right", 0.0)
    bare.see(first, 1.0)
    assert bare.aim is not None
    np.testing.assert_allclose(bare.aim.position, first["position"][hands.INDEX_KNUCKLE], atol=1e-6)
    np.testing.assert_allclose(-axes(bare.aim.rotation)[:, 2], (0.0, 0.0, -1.0), atol=1e-6)
    turned = hand("right", 0.0, turn=yaw_quat(0.5))
    ways = []
    for frame in range(1, 40):
        bare.see(turned, 1.0 + frame / 90)
        ways.append(math.atan2(-axes(bare.aim.rotation)[0, 2] * -1, axes(bare.aim.rotation)[2, 2]))
    assert ways == sorted(ways)
    assert 0.05 < ways[0] < 0.25  # a part of the way in the first frame
    assert ways[-1] == pytest.approx(0.5, abs=1e-3)
    bare.forget()
    assert bare.aim is None


@given(turns, turns)
def test_the_ray_goes_the_short_way_round(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> None:
    bare = hands.BareHand("left")
    bare.see(hand("left", 0.0, turn=unit(one)), 0.0)
    bare.see(hand("left", 0.0, turn=unit(other)), 0.02)
    assert bare.aim is not None

    def apart(a: Quat, b: Quat) -> float:
        return 2 * math.acos(min(abs(sum(x * y for x, y in zip(a, b))), 1.0))

    whole = apart(unit(one), unit(other))
    assert apart(unit(one), bare.aim.rotation) + apart(bare.aim.rotation, unit(other)) == pytest.approx(
        whole, abs=1e-3
    )


def test_a_hand_whose_joints_are_partly_guessed_at_is_not_whole() -> None:
    joints = hand("left", 0.3)
    assert hands.is_whole(joints)
    assert hands.places(joints).shape == (26, 4)
    np.testing.assert_allclose(hands.places(joints)[:, :3], joints["position"], atol=1e-7)
    joints["flags"][17] = 1
    assert not hands.is_whole(joints)


def test_a_joint_in_memory_is_as_long_as_openxr_says() -> None:
    assert hands.JOINT.itemsize == 40
    ones: npt.NDArray[np.void] = np.zeros(1, hands.JOINT)
    assert ones["position"].shape == (1, 3)

"""A tracked bare hand as a pointer: from its joints to a grip, a ray, a pinch and a fist. No OpenXR loaded.

Joints are in OpenXR's order (XR_EXT_hand_tracking). Of a joint's frame -Z points towards the finger tips and +Y
out of the back of the hand.
"""

import math

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array, Pose, Quat, Vec3, multiply
from vrgen.messages import Side

JOINTS = 26
PALM, WRIST, THUMB_TIP, INDEX_KNUCKLE, INDEX_TIP = 0, 1, 5, 7, 10
KNUCKLES, TIPS = (7, 12, 17, 22), (10, 15, 20, 25)
"""The proximal joints and the tips of index, middle, ring and little finger."""

PINCH_ON_M, PINCH_OFF_M = 0.015, 0.025
FIST_ON, FIST_OFF = 1.05, 1.3
"""A finger's tip over its knuckle, distances from the wrist: 0.8 in a fist, about 1.8 stretched."""
SMOOTH_S = 0.05
"""How long the ray takes to follow the hand most of the way: fingers that pinch shake it."""

JOINT = np.dtype([("flags", "<u8"), ("rotation", "<f4", 4), ("position", "<f4", 3), ("radius", "<f4")])
"""An XrHandJointLocationEXT in memory, 40 bytes."""
_VALID = 3
"""Orientation and position are valid (XrSpaceLocationFlags)."""

Located = npt.NDArray[np.void]
"""(26,) of `JOINT`."""


def is_whole(joints: Located) -> bool:
    """Whether the runtime knows where every joint is."""
    return bool(((joints["flags"] & _VALID) == _VALID).all())


def places(joints: Located) -> Array:
    """(26, 4) x, y, z and radius, metres: `Hand.joints_room`."""
    return np.column_stack([joints["position"], joints["radius"]]).astype(np.float64)


def grip(joints: Located, side: Side) -> Pose:
    """The grip pose of a controller that the hand would hold (OpenXR 1.1, 6.3.1).

    +X out of the left palm or into the right one, -Z from the little finger to the thumb.
    """
    return Pose(_vec(joints["position"][PALM]), multiply(_quat(joints["rotation"][PALM]), _GRIP[side]))


_GRIP: dict[Side, Quat] = {"right": (0.5, 0.5, 0.5, 0.5), "left": (0.5, -0.5, -0.5, 0.5)}
"""`palm_from_grip`."""


class BareHand:
    """What one hand does, with the memory that a steady ray and clean edges take."""

    def __init__(self, side: Side) -> None:
        self._side: Side = side
        self.forget()

    def forget(self) -> None:
        """The hand was lost, or holds a controller."""
        self.pinching = False
        self.fist = False
        self._aim: Pose | None = None
        self._time_s = 0.0

    def see(self, joints: Located, time_s: float) -> None:
        """Take in where the joints are. The ray leaves the index finger's knuckle along the palm."""
        place: list[list[float]] = joints["position"].tolist()
        wrist = place[WRIST]
        curl = max(
            math.dist(place[tip], wrist) / max(math.dist(place[knuckle], wrist), 1e-6)
            for tip, knuckle in zip(TIPS, KNUCKLES)
        )
        self.fist = curl < (FIST_OFF if self.fist else FIST_ON)
        gap_m = math.dist(place[THUMB_TIP], place[INDEX_TIP])
        self.pinching = not self.fist and gap_m < (PINCH_OFF_M if self.pinching else PINCH_ON_M)
        seen = Pose(_vec(joints["position"][INDEX_KNUCKLE]), _quat(joints["rotation"][PALM]))
        if self._aim is None:
            self._aim = seen
        else:
            self._aim = _towards(self._aim, seen, 1 - math.exp(-max(time_s - self._time_s, 0.0) / SMOOTH_S))
        self._time_s = time_s

    @property
    def aim(self) -> Pose | None:
        return self._aim


def _towards(before: Pose, now: Pose, part: float) -> Pose:
    """Of the way from one pose to the other, `part`; the shorter way round."""
    (ax, ay, az, aw), (bx, by, bz, bw) = before.rotation, now.rotation
    to = part if ax * bx + ay * by + az * bz + aw * bw >= 0 else -part
    rest = 1 - part
    x, y, z, w = ax * rest + bx * to, ay * rest + by * to, az * rest + bz * to, aw * rest + bw * to
    length = math.hypot(x, y, z, w)
    (px, py, pz), (qx, qy, qz) = before.position, now.position
    place = (px * rest + qx * part, py * rest + qy * part, pz * rest + qz * part)
    return Pose(place, (x / length, y / length, z / length, w / length))


def _vec(numbers: npt.NDArray[np.floating]) -> Vec3:
    x, y, z = numbers.tolist()
    return (x, y, z)


def _quat(numbers: npt.NDArray[np.floating]) -> Quat:
    x, y, z, w = numbers.tolist()
    return (x, y, z, w)

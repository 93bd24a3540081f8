"""Where the panel stands for a person in a headset, and where their hands point at it. Pure geometry.

It stays where it is in the world. Only when the person has gone away from it, or asks for it, it comes to them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vrgen.geometry import Array, Vec3, inverse_rigid, multiply, pitch_quat, transform, yaw_quat
from vrgen.messages import Person, Side, Tracked
from vrgen.room import world_from_room

WIDTH_M = 0.62
AWAY_M = 1.2
BELOW_M = 0.28
ASIDE_RAD = 0.42
"""To the left of where the person looks: the way ahead stays free."""
LEFT_BEHIND_M = 2.4


@dataclass(frozen=True, eq=False, slots=True)
class Hanging:
    """The panel's place, and what points at it. `room`: the person's room when it was hung."""

    world_from_panel: Array
    room: int
    pointed: Mapping[Side, Vec3] = field(default_factory=dict)
    """Where each hand's ray meets it, metres, world."""
    at: Mapping[Side, tuple[float, float]] = field(default_factory=dict)
    """The same from its upper left: 0 to 1 across, and down in units of its width."""


def hung(before: Hanging | None, person: Person, tracked: Tracked, shape: float, called: bool) -> Hanging:
    """The panel this frame. `shape`: height over width. `called`: the person asks for it."""
    x, y, z = person.feet_world
    head = np.array([x, y + person.lift_m + person.head_room[1], z])
    place = None if before is None or called or before.room != person.room else before.world_from_panel
    if place is not None and np.hypot(*(place[:3, 3] - head)[[0, 2]]) > LEFT_BEHIND_M:
        place = None
    if place is None:
        place = _before(head, person.yaw_rad + person.head_yaw_rad)
    pointed, at = _pointed(place, person, tracked, shape)
    return Hanging(place, person.room, pointed, at)


def _before(head: Array, heading_rad: float) -> Array:
    """In front of the head, a little aside and below, and turned to it."""
    yaw = heading_rad + ASIDE_RAD
    ahead = np.array([-math.sin(yaw), 0.0, -math.cos(yaw)])
    x, y, z = (float(v) for v in head + AWAY_M * ahead - np.array([0.0, BELOW_M, 0.0]))
    tilt = math.atan2(BELOW_M, AWAY_M)
    return transform((x, y, z), multiply(yaw_quat(yaw), pitch_quat(-tilt)))


def _pointed(
    place: Array, person: Person, tracked: Tracked, shape: float
) -> tuple[dict[Side, Vec3], dict[Side, tuple[float, float]]]:
    panel_from_room = inverse_rigid(place) @ world_from_room(person)
    pointed: dict[Side, Vec3] = {}
    at: dict[Side, tuple[float, float]] = {}
    for hand in tracked.hands:
        if hand.aim_room is None:
            continue
        panel_from_hand = panel_from_room @ hand.aim_room.matrix()
        start, along = panel_from_hand[:3, 3], -panel_from_hand[:3, 2]
        if start[2] <= 0.0 or along[2] >= -1e-6:  # from behind, or away from it
            continue
        x, y, _ = start + along * (start[2] / -along[2])
        u, v = 0.5 + x / WIDTH_M, 0.5 * shape - y / WIDTH_M
        if 0.0 <= u <= 1.0 and 0.0 <= v <= shape:
            wx, wy, wz = (float(c) for c in (place @ np.array([x, y, 0.0, 1.0]))[:3])
            pointed[hand.side], at[hand.side] = (wx, wy, wz), (float(u), float(v))
    return pointed, at

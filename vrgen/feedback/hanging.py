"""Where the panel stands for a person in a headset, and where their hands point at it. Pure geometry.

It stays where it is in the world. When the person has called it, has gone away from it and come to rest, or was
taken elsewhere in one step, it comes to them: before the head, a little to the left, over the ground.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vrgen.geometry import Array, Vec3, inverse_rigid, multiply, pitch_quat, transform, yaw_quat
from vrgen.messages import Person, Side, Tracked
from vrgen.room import world_from_room

Height = Callable[[float, float], float | None]
"""Of the ground at (x, z), metres, world; None where there is none yet."""

WIDTH_M = 0.94
AWAY_M = 1.2
"""So wide it is from so far; nearer it is smaller, so that it looks the same."""
NEARER = (1.0, 0.8, 0.62, 0.48)
"""Of that distance, tried in turn where the ground is in the way."""
TOP_M = 0.10
"""Its upper edge over the eyes: a tall panel hangs down from there."""
ASIDE_RAD = 0.36
"""To the left of where the person looks: the way ahead stays free."""
CLEAR_M = 0.12
"""Over the ground."""
HIGHEST_M = 0.35
"""It is raised by no more, and rather comes nearer."""
LEFT_BEHIND_M = 2.2
PAST_M = 0.2
"""Who has come nearer to its plane, or is behind it, has passed it."""
STILL_S = 0.5
STILL_M = 0.01
LEAP_M = 0.5
"""Feet that move so far in a frame were taken there."""
SEEN_RAD = 0.9
"""From the middle of the view; further aside the panel is out of sight."""


@dataclass(frozen=True, eq=False, slots=True)
class Hanging:
    """The panel's place, and what points at it."""

    world_from_top: Array
    """The middle of its upper edge; +X right, +Y up, seen from +Z."""
    width_m: float
    shape: float
    """Height over width. What is told on it changes, and with it how far it hangs down."""
    room: int
    """The person's room when it was hung."""
    feet_world: Vec3
    rests_since_s: float
    """Since when the feet have been where they are."""
    in_sight: bool = True
    at: Mapping[Side, tuple[float, float]] = field(default_factory=dict)
    """Where each hand's ray meets its plane, from the upper left: 0 to 1 across, 0 to `shape` down, and beyond."""

    @property
    def world_from_panel(self) -> Array:
        """Its middle."""
        middle = self.world_from_top.copy()
        middle[:3, 3] -= middle[:3, 1] * (self.width_m * self.shape / 2)
        return middle

    def has(self, at: tuple[float, float]) -> bool:
        """Whether a place of its plane lies on it."""
        return 0.0 <= at[0] <= 1.0 and 0.0 <= at[1] <= self.shape

    def place(self, at: tuple[float, float]) -> Vec3:
        """A place of its plane, metres, world."""
        right, down = (at[0] - 0.5) * self.width_m, at[1] * self.width_m
        (a, b, _, x), (c, d, _, y), (e, f, _, z), _ = self.world_from_top.tolist()
        return x + a * right - b * down, y + c * right - d * down, z + e * right - f * down


def hung(
    before: Hanging | None,
    person: Person,
    tracked: Tracked,
    shape: float,
    time_s: float,
    height: Height,
    called: bool = False,
    folded: bool = False,
) -> Hanging:
    """The panel this frame. `shape`: its height over its width. `called`: the person asks for it. `folded`: it has
    got another shape at once, and is turned to the head anew where it is."""
    feet = person.feet_world
    head = feet[0], feet[1] + person.lift_m + person.head_room[1], feet[2]
    heading = person.yaw_rad + person.head_yaw_rad
    rests_since_s = time_s
    if before is not None and math.dist(before.feet_world, feet) < STILL_M:
        feet, rests_since_s = before.feet_world, before.rests_since_s
    stays = before if before is not None and not called and _stays(before, person, head, time_s) else None
    if stays is None:
        place, width_m = _before(head, heading + ASIDE_RAD, shape, height)
    elif folded:
        place, width_m = _before(head, _bearing(stays.world_from_top, head), shape, height)
    else:
        place, width_m = stays.world_from_top, stays.width_m
    return Hanging(
        place,
        width_m,
        shape,
        person.room,
        feet,
        rests_since_s,
        _is_in_sight(place, head, heading),
        _pointed(place, width_m, person, tracked) if tracked.valid else {},
    )


def _stays(before: Hanging, person: Person, head: Vec3, time_s: float) -> bool:
    leapt = math.dist(before.feet_world, person.feet_world) > LEAP_M
    if leapt or before.room != person.room:
        return False
    (a, _, b, x), (c, _, d, y), (e, _, f, z), _ = before.world_from_top.tolist()
    dx, dy, dz = head[0] - x, head[1] - y, head[2] - z
    aside, away = a * dx + c * dy + e * dz, b * dx + d * dy + f * dz
    near = away > PAST_M and math.hypot(aside, away) < LEFT_BEHIND_M
    rests = math.dist(before.feet_world, person.feet_world) < STILL_M and time_s - before.rests_since_s > STILL_S
    return near or not rests


def _before(head: Vec3, yaw: float, shape: float, height: Height) -> tuple[Array, float]:
    """In that direction from the head, turned to it and over the ground; and how wide. Where the ground is high it
    hangs higher, or nearer."""
    sin, cos = math.sin(yaw), math.cos(yaw)
    x, eye_y, z = head
    for nearer in NEARER:
        away, width = AWAY_M * nearer, WIDTH_M * nearer
        hangs = width * shape
        middle_y = eye_y + TOP_M * nearer - hangs / 2
        tops = [
            found
            for along in (0.5 * away, away, away + 0.1)
            for across in (-width / 2, 0.0, width / 2)
            if (found := height(x - sin * along + cos * across, z - cos * along - sin * across)) is not None
        ]
        raised = max(0.0, max(tops, default=-math.inf) + CLEAR_M - (middle_y - hangs / 2))
        if raised <= HIGHEST_M * nearer:
            break
    middle_y += raised
    tilt = math.atan2(eye_y - middle_y, away)
    middle = transform((x - sin * away, middle_y, z - cos * away), multiply(yaw_quat(yaw), pitch_quat(-tilt)))
    return middle @ transform((0.0, hangs / 2, 0.0)), width


def _is_in_sight(place: Array, head: Vec3, heading_rad: float) -> bool:
    aside = _bearing(place, head) - heading_rad
    return abs((aside + math.pi) % (2 * math.pi) - math.pi) < SEEN_RAD


def _bearing(place: Array, head: Vec3) -> float:
    """The yaw of who looks from the head to that place."""
    return math.atan2(head[0] - float(place[0, 3]), head[2] - float(place[2, 3]))


def _pointed(place: Array, width_m: float, person: Person, tracked: Tracked) -> dict[Side, tuple[float, float]]:
    top_from_room = inverse_rigid(place) @ world_from_room(person)
    at: dict[Side, tuple[float, float]] = {}
    for hand in tracked.hands:
        if hand.aim_room is None:
            continue
        (_, _, a, x), (_, _, b, y), (_, _, c, z), _ = (top_from_room @ hand.aim_room.matrix()).tolist()
        if z <= 0.0 or c <= 1e-3:  # from behind, or away from it
            continue
        far = z / c
        at[hand.side] = 0.5 + (x - a * far) / width_m, (b * far - y) / width_m
    return at

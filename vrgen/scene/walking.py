"""Walking: on the ground, up steps, along what is too steep and around what stands in the way; jumping, falling.

What is in the way (a slope too steep, a thing) takes away only the part of a step that goes towards it, so that
one slides along. Slopes are measured as wide as the body is: what is lower than a step disappears in that, and a
wall is seen before the nose touches it. Long frames are walked in short steps: the way does not depend on them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from vrgen.messages import Intent, Person
from vrgen.scene_model import Objects

Height = Callable[[float, float], float | None]
STEP_M = 0.45
"""What a person steps onto without a jump."""
LONGEST_S = 0.5
"""A frame that took longer counts as this long: after a pause nobody stands elsewhere at once."""
STEEPEST = math.tan(math.radians(50.0))
"""Rise over run that can be climbed."""
_GRAVITY = 9.81
_JUMP_MPS = 4.2
BODY_M = 0.3
_PITCH_LIMIT = 1.5
_STRIDE_M, _STRIDE_S = 0.06, 1 / 30
"""The longest way, and time, taken as one."""
_SMOOTHING = 14.0
"""Of steps, for the eye: what is left of one falls to 1/e in a second by this."""
_FARTHEST_M = 5.0
"""Of a frame's way: running, for as long as a frame counts, and as much again."""
_PUSH_MPS = 2.0
"""How fast a thing that grows where somebody stands moves them aside."""
_WIDE, _HIGH = 0.38, 0.5
"""Radius and height of the upright cylinder that a thing of scale 1 counts as."""

_RING = tuple((math.cos(a), math.sin(a)) for a in np.arange(8) * math.pi / 4)
_Way = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Wall:
    """Something in the way: how far one may go towards it. `towards`: unit, horizontal."""

    towards: _Way
    room_m: float


def walk(
    person: Person,
    intent: Intent,
    height: Height,
    objects: Objects,
    dt_s: float,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Person:
    """The person after `dt_s` seconds. `height(x, z)`: metres, None where there is no ground (one stays put)."""
    yaw = person.yaw_rad + intent.turn_rad[0]
    yaw = (yaw + math.pi) % (2 * math.pi) - math.pi
    pitch = min(max(person.pitch_rad + intent.turn_rad[1], -_PITCH_LIMIT), _PITCH_LIMIT)
    if (yaw, pitch) != (person.yaw_rad, person.pitch_rad):
        person = replace(person, yaw_rad=yaw, pitch_rad=pitch)
    dt_s = min(dt_s, LONGEST_S)
    right, ahead = intent.walk_mps
    way = (
        (right * math.cos(yaw) - ahead * math.sin(yaw)) * dt_s,
        (-right * math.sin(yaw) - ahead * math.cos(yaw)) * dt_s,
    )
    strides = max(1, math.ceil(math.hypot(*way) / _STRIDE_M - 1e-6), math.ceil(dt_s / _STRIDE_S - 1e-6))
    stride, stride_s = (way[0] / strides, way[1] / strides), dt_s / strides
    things = things_near(objects, person.feet_world, origin)
    for number in range(strides):
        person = _stride(person, stride, intent.jump and number == 0, height, things, stride_s)
    return person


def _stride(
    person: Person, way: _Way, jump: bool, height: Height, things: Sequence[Sequence[float]], dt_s: float
) -> Person:
    x, y, z = person.feet_world
    here = height(x, z)
    if here is None:
        return replace(person, fall_mps=0.0)
    jump = jump and y <= here + 0.03 and not _clings(x, here, z, height)
    aloft = jump or person.fall_mps > 0.0 or y - here >= STEP_M
    walls, out = _things_in_the_way(x, z, things, math.hypot(*way), _PUSH_MPS * dt_s)
    if any(way) or any(out):
        to_x, to_z = _stepped(x, y if aloft else here, z, (way[0] + out[0], way[1] + out[1]), aloft, walls, height)
    else:
        to_x, to_z = x, z
    below = height(to_x, to_z)
    assert below is not None  # _stepped goes nowhere else
    fall = _JUMP_MPS if jump else person.fall_mps
    y, fall = _fallen(y, fall, aloft, below, math.hypot(to_x - x, to_z - z), dt_s)
    if (to_x, y, to_z) == person.feet_world and fall == person.fall_mps:
        return person
    return replace(person, feet_world=(to_x, y, to_z), fall_mps=fall)


def _fallen(
    y: float, fall_mps: float, aloft: bool, below: float, walked_m: float, dt_s: float
) -> tuple[float, float]:
    """Height of the feet and vertical speed after a stride: on the ground, or in the air."""
    if aloft or y - below >= STEP_M:
        y += fall_mps * dt_s - 0.5 * _GRAVITY * dt_s * dt_s
        return (below, 0.0) if y <= below else (y, fall_mps - _GRAVITY * dt_s)
    # A slope is followed at once; what is more than a slope is a step, smoothed over a tenth of a second.
    slope = STEEPEST * walked_m
    rest = below - y - min(max(below - y, -slope), slope)
    if abs(rest) < 0.01 or rest > STEP_M:
        return below, 0.0
    y = below - rest * math.exp(-_SMOOTHING * dt_s)
    return max(y, below - 0.25), 0.0


# --- the ground -------------------------------------------------------------------------------------------


def _stepped(
    x: float, foot: float, z: float, way: _Way, aloft: bool, walls: list[_Wall], height: Height
) -> tuple[float, float]:
    """Where one stride ends: as far as the ground and `walls` allow, along them where they don't.

    `foot`: height that one steps from, metres.
    """
    way = _along(way, walls)
    steep, uphill, _, top = _slope(x + way[0], z + way[1], height)
    stands_steep = False
    if steep > STEEPEST and not (aloft and top <= foot):
        before, *_ = _slope(x, z, height)
        stands_steep = before > STEEPEST
        towards = way[0] * uphill[0] + way[1] * uphill[1]
        # How far it is to where it gets too steep, between here and there.
        share = 0.0 if stands_steep else (STEEPEST - before) / (steep - before)
        walls = [*walls, _Wall(uphill, max(0.0, towards) * share)]
        way = _along(way, walls)
    there = height(x + way[0], z + way[1])
    if there is not None and there > foot and stands_steep and not aloft:
        # The way along a slope bends; by so much a straight stride came higher.
        back, length = min((there - foot) / steep, _STRIDE_M), math.hypot(*way)
        lower = _unit((way[0] - uphill[0] * back, way[1] - uphill[1] * back))
        way = _along((lower[0] * length, lower[1] * length), walls)
        there = height(x + way[0], z + way[1])
    if there is None or there - foot > STEP_M:
        edge = _Wall(uphill if there is not None else _unit(way), 0.0)
        way = _along(way, [*walls, edge])
        there = height(x + way[0], z + way[1])
    if there is None or there - foot > STEP_M:
        return x, z
    return x + way[0], z + way[1]


def _slope(x: float, z: float, height: Height) -> tuple[float, _Way, float, float]:
    """Rise over run of the ground under a body, the unit direction uphill; lowest and highest of that ground."""
    middle = height(x, z) or 0.0
    around = [height(x + BODY_M * cx, z + BODY_M * cz) for cx, cz in _RING]
    heights = [middle if h is None else h for h in around]
    # The plane that fits the ring best: the sum of cos² over it is half its number.
    fit = 2 / (len(_RING) * BODY_M)
    gx = fit * sum(cx * h for (cx, _), h in zip(_RING, heights, strict=True))
    gz = fit * sum(cz * h for (_, cz), h in zip(_RING, heights, strict=True))
    return math.hypot(gx, gz), _unit((gx, gz)), min(middle, *heights), max(middle, *heights)


def _clings(x: float, here: float, z: float, height: Height) -> bool:
    """Whether one stands within what is too steep, not at its foot or brink: nobody jumps from there."""
    steep, _, low, top = _slope(x, z, height)
    return steep > STEEPEST and min(top - here, here - low) > 0.5 * STEEPEST * BODY_M


def _along(way: _Way, walls: Sequence[_Wall]) -> _Way:
    """The way nearest to `way` that goes towards no wall farther than there is room."""

    def over(way: _Way, wall: _Wall) -> float:
        return way[0] * wall.towards[0] + way[1] * wall.towards[1] - wall.room_m

    if all(over(way, wall) <= 1e-9 for wall in walls):
        return way
    best: _Way = (0.0, 0.0)
    best_lost = math.inf
    for wall in walls:
        lost = over(way, wall)
        slid = (way[0] - lost * wall.towards[0], way[1] - lost * wall.towards[1])
        if 0.0 < lost < best_lost and all(over(slid, other) <= 1e-9 for other in walls):
            best, best_lost = slid, lost
    return best


def _unit(way: _Way) -> _Way:
    length = math.hypot(*way)
    return (way[0] / length, way[1] / length) if length > 1e-9 else (0.0, 0.0)


# --- things -----------------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _cylinders(objects: Objects) -> npt.NDArray[np.float64]:
    """(K, 3) x and z relative to the drawing origin, radius: of all that is higher than a step, sorted by x."""
    at = objects.instances
    size = at["scale"] * objects.arrival
    made = np.stack([at["position"][:, 0], at["position"][:, 2], size * _WIDE], axis=-1).astype(np.float64)
    made = made[(size * _HIGH > STEP_M) & (at["stands"] > 0)]
    return made[np.argsort(made[:, 0])]


def things_near(
    objects: Objects, feet: tuple[float, float, float], origin: tuple[float, float, float]
) -> list[list[float]]:
    """World x and z, radius: of all that the way of a frame can touch."""
    things = _cylinders(objects)
    if not len(things):
        return []
    x, z = feet[0] - origin[0], feet[2] - origin[2]
    reach = float(things[:, 2].max()) + BODY_M + _FARTHEST_M
    low, high = np.searchsorted(things[:, 0], (x - reach, x + reach))
    things = things[low:high]
    near = things[np.abs(things[:, 1] - z) < reach]
    return [[thing_x + origin[0], thing_z + origin[2], radius] for thing_x, thing_z, radius in near.tolist()]


def _things_in_the_way(
    x: float, z: float, things: Sequence[Sequence[float]], way_m: float, push_m: float
) -> tuple[list[_Wall], _Way]:
    """Walls that things within a stride are, and the way out of those that one stands in."""
    walls: list[_Wall] = []
    out_x = out_z = 0.0
    for thing_x, thing_z, radius in things:
        dx, dz = thing_x - x, thing_z - z
        apart = math.hypot(dx, dz)
        room = apart - radius - BODY_M
        if room > way_m + push_m:
            continue
        towards = (dx / apart, dz / apart) if apart > 1e-6 else (0.0, -1.0)
        walls.append(_Wall(towards, max(0.0, room)))
        if room < 0.0:
            out_x -= towards[0] * min(-room, push_m)
            out_z -= towards[1] * min(-room, push_m)
    return walls, (out_x, out_z)

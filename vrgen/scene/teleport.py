"""Where the arc of a teleport meets the land, and whether one can stand there."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vrgen.geometry import Array, Vec3
from vrgen.scene.walking import BODY_M, Height, things_near
from vrgen.scene_model import Objects

SPEED_MPS = 8.0
GRAVITY = 4.9
"""Half of the Earth's: the arc stays flat enough to aim with, and reaches 14 m on a plain."""
REACH_M = 15.0
STEEPEST = math.tan(math.radians(40.0))
"""Rise over run that one can land on."""
_LONGEST_S = 5.0
_STEP_S = 0.05
_AROUND_M = 0.3
"""How far from the landing its slope is measured."""
_HALVINGS = 12
"""Of a step of 0.4 m: a tenth of a millimetre."""


@dataclass(frozen=True, eq=False, slots=True)
class Arc:
    """The way of what was thrown. `points`: (N, 3) metres, world, N ≥ 2."""

    points: Array
    landing: Vec3 | None
    """Where it met land that one can stand on."""


def thrown(world_from_aim: Array, height: Height, objects: Objects, origin: Vec3 = (0.0, 0.0, 0.0)) -> Arc:
    """The arc from a hand that points along its -Z. `height(x, z)`: metres, None where there is no ground."""
    start, along = world_from_aim[:3, 3], -world_from_aim[:3, 2]
    across = SPEED_MPS * math.hypot(along[0], along[2])
    end_s = min(_LONGEST_S, REACH_M / max(across, 1e-9))
    steps = max(1, math.ceil(end_s / _STEP_S - 1e-9))
    times = np.linspace(0.0, end_s, steps + 1)

    def at(time_s: float) -> Vec3:
        fallen = 0.5 * GRAVITY * time_s * time_s
        x, y, z = start + along * (SPEED_MPS * time_s)
        return float(x), float(y - fallen), float(z)

    points = start + np.outer(times * SPEED_MPS, along)
    points[:, 1] -= 0.5 * GRAVITY * times**2
    number, met_s = meeting(at, times.tolist(), height)
    if met_s is None:
        return Arc(points, None)
    met = at(met_s)
    on_land = height(met[0], met[2])
    landing = (met[0], on_land if on_land is not None else met[1], met[2])
    way = np.concatenate([points[: max(number, 1)], [landing]])
    stands = number > 0 and can_stand(landing, height, objects, origin)
    return Arc(way, landing if stands else None)


def can_stand(place: Vec3, height: Height, objects: Objects, origin: Vec3 = (0.0, 0.0, 0.0)) -> bool:
    """Whether it is flat enough there, and nothing stands in the way."""
    x, _, z = place
    around = [
        height(x + dx, z + dz) for dx, dz in ((_AROUND_M, 0), (-_AROUND_M, 0), (0, _AROUND_M), (0, -_AROUND_M))
    ]
    if height(x, z) is None or any(h is None for h in around):
        return False
    east, west, south, north = (h or 0.0 for h in around)
    if math.hypot(east - west, south - north) / (2 * _AROUND_M) > STEEPEST:
        return False
    return all(
        math.hypot(thing_x - x, thing_z - z) >= radius + BODY_M
        for thing_x, thing_z, radius in things_near(objects, place, origin)
    )


def meeting(at: Callable[[float], Vec3], times: list[float], height: Height) -> tuple[int, float | None]:
    """The first of `times` at which the way is not above the land, and the moment between it and the one before
    when it met it; the moment is None when it never does. Where there is no ground there is nothing to meet."""

    def below(time: float) -> bool:
        x, y, z = at(time)
        land = height(x, z)
        return land is not None and y <= land

    for number, time in enumerate(times):
        if below(time):
            above, under = times[max(number - 1, 0)], time
            for _ in range(_HALVINGS if number else 0):
                middle = (above + under) / 2
                above, under = (above, middle) if below(middle) else (middle, under)
            return number, under
    return len(times), None

"""Walking: on the ground, up steps, along walls and around what stands in the way; jumping and falling."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from vrgen.messages import Intent, Person
from vrgen.scene_model import Objects

Height = Callable[[float, float], float | None]
STEP_M = 0.45
"""What a person steps onto without a jump."""
_STEEPEST = 1.19
"""Rise over run that can be climbed: fifty degrees."""
_GRAVITY = 9.81
_JUMP_MPS = 4.2
_BODY_M = 0.3
_PITCH_LIMIT = 1.5


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
    yaw = float((yaw + np.pi) % (2 * np.pi) - np.pi)
    pitch = float(np.clip(person.pitch_rad + intent.turn_rad[1], -_PITCH_LIMIT, _PITCH_LIMIT))
    x, y, z = person.feet_world
    right, ahead = intent.walk_mps
    dt_s = min(dt_s, 0.1)
    dx = (right * np.cos(yaw) - ahead * np.sin(yaw)) * dt_s
    dz = (-right * np.sin(yaw) - ahead * np.cos(yaw)) * dt_s
    here = height(x, z)
    if here is not None and (dx or dz):
        x, z = _stepped(x, y, z, float(dx), float(dz), height)
        x, z = _pushed_out(x, y, z, objects, origin)
    below = height(x, z)
    fall = person.fall_mps
    if below is None:
        return replace(person, feet_world=(x, y, z), yaw_rad=yaw, pitch_rad=pitch, fall_mps=0.0)
    standing = y <= below + 0.03
    if standing and intent.jump:
        fall = _JUMP_MPS
        standing = False
    if standing or (fall <= 0.0 and y - below < STEP_M):
        # Small steps up and down are smoothed over a tenth of a second: no jolt of the eye.
        reach = below - y
        y = below if reach > STEP_M or abs(reach) < 0.01 else y + reach * min(1.0, dt_s * 14.0)
        y = max(y, below - 0.25) if reach > 0 else y
        fall = 0.0
    else:
        fall -= _GRAVITY * dt_s
        y += fall * dt_s
        if y <= below:
            y, fall = below, 0.0
    return Person((x, float(y), z), yaw, pitch, float(fall), person.eye_height_m)


def _stepped(x: float, y: float, z: float, dx: float, dz: float, height: Height) -> tuple[float, float]:
    """One step; where it is too steep, what is left of it along the slope."""
    for turn in (0.0, 0.6, -0.6, 1.2, -1.2):
        c, s = np.cos(turn), np.sin(turn)
        tx, tz = (c * dx - s * dz) * c, (s * dx + c * dz) * c
        there = height(x + tx, z + tz)
        far = 0.4 / max(float(np.hypot(tx, tz)), 1e-9)
        ahead = height(x + tx * far, z + tz * far)
        if there is None or ahead is None:
            continue
        here = height(x, z)
        rise = ahead - (here if here is not None else y)
        climb = _STEEPEST if turn == 0.0 else 0.3  # aside one goes along the slope, not up it in zigzags
        if there - y <= STEP_M and rise <= max(climb * 0.4, STEP_M if y > ahead else 0.0):
            return float(x + tx), float(z + tz)
    return x, z


def _pushed_out(
    x: float, y: float, z: float, objects: Objects, origin: tuple[float, float, float]
) -> tuple[float, float]:
    """Out of whatever stands higher than a step: things count as upright cylinders."""
    at = objects.instances
    if not len(at):
        return x, z
    wide = at["scale"] * 0.38
    away_x, away_z = x - origin[0] - at["position"][:, 0], z - origin[2] - at["position"][:, 2]
    apart = np.hypot(away_x, away_z)
    inside = np.flatnonzero((apart < wide + _BODY_M) & (at["scale"] * 0.5 > STEP_M) & (at["stands"] > 0))
    for i in inside[:4]:
        out = (wide[i] + _BODY_M) / max(float(apart[i]), 1e-3)
        x = float(origin[0] + at["position"][i, 0] + away_x[i] * out)
        z = float(origin[2] + at["position"][i, 2] + away_z[i] * out)
    return x, z

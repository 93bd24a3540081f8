"""What a headset's hands mean: walking, turning, aiming a teleport, picking, dragging the latent.

Most of it is told by one frame's controls. What is not (has the stick turned already, since when is the trigger
down, where did the drag begin) is the `Stance`, which goes from frame to frame through `read_hands`.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Vec3, yaw_of
from vrgen.messages import HAND_AXES, Controls, Hand, Intent, Side, Tracked

Turn = Literal["snap", "smooth"]

SNAP_RAD = math.radians(30.0)
SMOOTH_TURN_RADPS = 1.6
DRAG_PER_M = 4.0
"""Of the latent, standard deviations (radians on its shell) a metre: the far side is as far as an arm reaches."""
DEAD_ZONE = 0.18
OUT, BACK = 0.6, 0.35
"""A stick is out beyond `OUT`, and at rest again within `BACK`: trembling on the border is one flick."""
STILL_M = 0.002
"""A hand that moves less is still: tracking trembles by as much, and every move is asked of the generators."""
LEAP_M = 0.4
"""A hand does not get so far in a frame; tracking lost it and found it elsewhere."""
HOLD_S = 0.2
"""A trigger held for longer aims, where there is no stick to aim with."""
_NO_WAY_M = 0.05
_LONGEST_STEP_S = 0.1

_SIDES: tuple[Side, Side] = ("left", "right")


@dataclass(frozen=True, slots=True)
class Drag:
    """A hand that squeezes: the plane that faced the head when it began, where the hand was last; in the room."""

    side: Side
    room: int
    right: Vec3
    up: Vec3
    at_room: Vec3 | None
    """None while the hand is not tracked."""


@dataclass(frozen=True, slots=True)
class Stance:
    """What of the frames before matters to what the hands mean now."""

    stick: Literal["rest", "out", "aims"] = "rest"
    """The turning stick. "out": it has done what it does, and does nothing more until it was at rest."""
    aim: Side | None = None
    picking: tuple[Side, float] | None = None
    """The hand without a stick whose trigger is down, and since when, seconds."""
    drag: Drag | None = None


REST = Stance()


def read_hands(
    controls: Controls,
    tracked: Tracked,
    stance: Stance = REST,
    turn: Turn = "snap",
    main_hand: Side = "right",
    pad_turn: float = 0.0,
) -> tuple[Intent, Stance]:
    """What the hands ask for besides walking and actions. `main_hand` aims with stick or button; `pad_turn`: of a
    gamepad's stick, right positive, which turns as the hand's does.

    While tracking is lost they ask for nothing.
    """
    if not tracked.valid:
        return Intent(), REST
    sticks = any(name in controls.axes for name in HAND_AXES)
    turn_x, turn_y = stick_of(controls, "turn")
    turn_x += pad_turn
    stick = _flicked(stance.stick, turn_x, turn_y)
    yaw = 0.0
    if turn == "smooth":
        if stick != "aims":
            yaw = -turn_x * abs(turn_x) * SMOOTH_TURN_RADPS * min(controls.dt_s, _LONGEST_STEP_S)
    elif stick == "out" and stance.stick == "rest" and abs(turn_x) > abs(turn_y):
        yaw = -math.copysign(SNAP_RAD, turn_x)
    picking = None if sticks else _picking(controls, stance)
    aim: Side | None = None
    if stick == "aims" or "hand.teleport" in controls.held:
        aim = main_hand
    elif picking is not None and controls.time_s - picking[1] >= HOLD_S:
        aim = picking[0]
    drag, morph = _dragged(controls, tracked, stance.drag)
    intent = Intent(
        turn_rad=(yaw, 0.0),
        morph=morph,
        aim=aim,
        go=_released(stance.aim, aim, tracked, controls),
        pick=_pulled(controls) if sticks else _tapped(stance.picking, picking, tracked, controls.time_s),
        drag=drag.side if drag is not None else None,
    )
    return intent, Stance(stick, aim, picking, drag)


def swapped(controls: Controls) -> Controls:
    """With what one stick says said by the other, for who teleports with the left hand."""
    axes = dict(controls.axes)
    for one, other in (("hand.move_x", "hand.turn_x"), ("hand.move_y", "hand.turn_y")):
        for name in (one, other):
            axes.pop(name, None)
        axes |= {to: controls.axes[by] for to, by in ((one, other), (other, one)) if by in controls.axes}
    return replace(controls, axes=axes)


def stick_of(controls: Controls, which: str) -> tuple[float, float]:
    """A hand's stick, "move" or "turn", right and forward positive; nothing inside the dead zone."""
    return past_dead_zone(controls.axes.get(f"hand.{which}_x", 0.0), controls.axes.get(f"hand.{which}_y", 0.0))


def past_dead_zone(x: float, y: float) -> tuple[float, float]:
    """A stick whose length grows from 0 at the rim of `DEAD_ZONE` to 1."""
    length = math.hypot(x, y)
    if length <= DEAD_ZONE:
        return 0.0, 0.0
    gain = min((length - DEAD_ZONE) / (1 - DEAD_ZONE), 1.0) / length
    return x * gain, y * gain


def from_head(walk_mps: tuple[float, float], tracked: Tracked) -> tuple[float, float]:
    """Right and forward as the head looks → right and forward in the room, whose yaw is the person's."""
    yaw = yaw_of(tracked.head_room.rotation)
    right, ahead = walk_mps
    cos, sin = math.cos(yaw), math.sin(yaw)
    return right * cos - ahead * sin, right * sin + ahead * cos


def _flicked(before: Literal["rest", "out", "aims"], x: float, y: float) -> Literal["rest", "out", "aims"]:
    far = math.hypot(x, y)
    if before == "aims":  # the stick may go round while it aims; only back to the middle lets go
        return "aims" if far > BACK else "rest"
    if far < BACK:
        return "rest"
    if before == "out" or far < OUT:
        return before
    return "aims" if y > abs(x) else "out"


def _picking(controls: Controls, stance: Stance) -> tuple[Side, float] | None:
    """The trigger that went down first and still is."""
    if stance.picking is not None and f"{stance.picking[0]}.pick" in controls.held:
        return stance.picking
    side = _pulled(controls)
    return None if side is None else (side, controls.time_s)


def _pulled(controls: Controls) -> Side | None:
    """The hand whose trigger went down this frame."""
    return next((side for side in _SIDES if f"{side}.pick" in controls.pressed), None)


def _tapped(
    before: tuple[Side, float] | None, now: tuple[Side, float] | None, tracked: Tracked, time_s: float
) -> Side | None:
    """The hand that let go of its trigger before that aimed. One that is not tracked any more did not."""
    if before is None or (now is not None and now[0] == before[0]) or time_s - before[1] >= HOLD_S:
        return None
    hand = hand_of(tracked, before[0])
    there = hand is not None and (hand.aim_room is not None or hand.grip_room is not None)
    return before[0] if there else None


def _released(before: Side | None, aim: Side | None, tracked: Tracked, controls: Controls) -> Side | None:
    """The hand that let go of its aim. One that is not tracked any more did not: its controller is off, or the
    runtime's own menu is open."""
    if before is None or aim == before:
        return None
    hand = hand_of(tracked, before)
    return before if hand is not None and hand.aim_room is not None else None


def hand_of(tracked: Tracked, side: Side) -> Hand | None:
    """That hand, where the runtime knows it."""
    return next((hand for hand in tracked.hands if hand.side == side), None)


# --- dragging ---------------------------------------------------------------------------------------------


def _dragged(controls: Controls, tracked: Tracked, before: Drag | None) -> tuple[Drag | None, tuple[float, float]]:
    """The drag that goes on or begins, and how far the latent moves by it. Of two hands the later one drags."""
    side = _dragging(controls, before)
    if side is None:
        return None, (0.0, 0.0)
    hand = hand_of(tracked, side)
    at = hand.grip_room.position if hand is not None and hand.grip_room is not None else None
    if before is None or before.side != side or before.room != tracked.room:
        if at is None:
            return None, (0.0, 0.0)
        right, up = facing(at, tracked)
        return Drag(side, tracked.room, right, up, at), (0.0, 0.0)
    if at is None or before.at_room is None:
        return replace(before, at_room=at), (0.0, 0.0)
    moved = np.subtract(at, before.at_room)
    far = float(np.linalg.norm(moved))
    if far < STILL_M:
        return before, (0.0, 0.0)
    by = (0.0, 0.0)
    if far < LEAP_M:
        by = (float(moved @ before.right) * DRAG_PER_M, float(moved @ before.up) * DRAG_PER_M)
    return replace(before, at_room=at), by


def _dragging(controls: Controls, before: Drag | None) -> Side | None:
    held = [side for side in _SIDES if f"{side}.drag" in controls.held]
    newest = [side for name in reversed(controls.pressed) for side in held if name == f"{side}.drag"]
    if newest:
        return newest[0]
    if before is not None and before.side in held:
        return before.side
    return held[0] if held else None


def facing(at_room: Vec3, tracked: Tracked) -> tuple[Vec3, Vec3]:
    """Right and up, unit, room, of the plane at a place that faces the head; as the head is turned where the place
    is straight above or below it, or in it."""
    x, y, z = np.subtract(tracked.head_room.position, at_room)
    if math.hypot(x, z) < _NO_WAY_M:
        yaw = yaw_of(tracked.head_room.rotation)
        x, z = (0.0, 0.0) if abs(y) > _NO_WAY_M else (math.sin(yaw), math.cos(yaw))
        right = np.array([math.cos(yaw), 0.0, -math.sin(yaw)])
    else:
        right = np.array([z, 0.0, -x]) / math.hypot(x, z)
    up = np.cross((x, y, z), right)
    return _vec3(right), _vec3(up / np.linalg.norm(up))


def _vec3(v: npt.NDArray[np.float64]) -> Vec3:
    return float(v[0]), float(v[1]), float(v[2])

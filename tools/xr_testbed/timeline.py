"""A script that moves head and controllers: steps on a timeline, in TOML or as plain data, and a player.

    [[step]]
    at_s = 1.0
    over_s = 2.0                                   # poses and values glide there; 0, the default, jumps
    head = { position_m = [0.0, 1.7, 1.0], yaw_deg = 30.0 }
    right = { pose = { position_m = [0.2, 1.3, -0.5] }, thumbstick = [0.0, 1.0], press = ["a_click"] }

    [[step]]
    at_s = 3.2
    right = { release = ["a_click"] }
    picture = "after-a.png"

What a step does not name stays. Yaw turns left, pitch up, roll tilts left; a pose without angles looks forward.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self, get_args

import msgspec

from xr_testbed.headset import (
    ControllerState,
    FingerCurls,
    HeadState,
    Pose,
    Quaternion,
    RemoteHeadset,
    RemoteState,
    Vector2,
    Vector3,
    facing,
)

Button = Literal[
    "system_click",
    "system_touch",
    "a_click",
    "a_touch",
    "b_click",
    "b_touch",
    "trigger_click",
    "trigger_touch",
    "thumbstick_click",
    "thumbstick_touch",
    "trackpad_touch",
]
BUTTONS: tuple[Button, ...] = get_args(Button)
RATE_HZ = 90.0


class ScriptError(Exception):
    """A script says something that no headset can do; the message is one sentence."""


class PoseStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where something goes, and how it is turned there."""

    position_m: Vector3
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0


class HandStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a controller does. `press` and `release` happen at once, also in a step that takes its time."""

    pose: PoseStep | None = None
    trigger: float | None = None
    squeeze: float | None = None
    squeeze_force: float | None = None
    thumbstick: Vector2 | None = None
    trackpad: Vector2 | None = None
    trackpad_force: float | None = None
    curls: tuple[float, float, float, float, float] | None = None
    """Little finger to thumb."""
    press: tuple[Button, ...] = ()
    release: tuple[Button, ...] = ()
    active: bool | None = None
    hand_tracking_active: bool | None = None


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens from `at_s` on."""

    at_s: float
    over_s: float = 0.0
    head: PoseStep | None = None
    left: HandStep | None = None
    right: HandStep | None = None
    picture: str | None = None
    """Name of a file that the picture in the headset is written to when the step is over."""

    @property
    def end_s(self) -> float:
        return self.at_s + self.over_s


class _File(msgspec.Struct, forbid_unknown_fields=True):
    step: list[Step] = []


def read_script(path: Path) -> list[Step]:
    """The steps of a TOML file, in the order of their times.

    Raises:
        ScriptError: the file is not there, is no TOML, or a step is wrong.
    """
    try:
        steps = msgspec.toml.decode(path.read_bytes(), type=_File).step
    except OSError as error:
        raise ScriptError(f"{path} can't be read ({error.strerror}); name a TOML file with steps") from error
    except msgspec.MsgspecError as error:
        raise ScriptError(f"{path}: {error}; `python tools/xr_testbed --help` shows a step") from error
    return in_order(steps)


def in_order(steps: Sequence[Step]) -> list[Step]:
    """The steps sorted by their times; steps of the same time stay in the order they were given.

    Raises:
        ScriptError: a time is negative.
    """
    for step in steps:
        if not (step.at_s >= 0 and step.over_s >= 0 and math.isfinite(step.end_s)):
            raise ScriptError(f"step at {step.at_s} over {step.over_s}: times are seconds, zero or more")
    return sorted(steps, key=lambda step: step.at_s)


def state_at(steps: Sequence[Step], start: RemoteState, t_s: float) -> RemoteState:
    """The state at `t_s` of a timeline (in order) that began in `start`."""
    state = start
    for step in steps:
        if step.at_s > t_s:
            break
        part = min(1.0, (t_s - step.at_s) / step.over_s) if step.over_s > 0 else 1.0
        state = RemoteState(
            _head(state.head, step.head, part),
            _hand(state.left, step.left, part),
            _hand(state.right, step.right, part),
        )
    return state


class Player:
    """Plays a timeline on a headset in a thread of its own; a context manager, which waits for the end.

    `at_picture` is called in that thread with the name in each step that has one, when the step is over. An error
    of the thread is raised by `wait`.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        headset: RemoteHeadset,
        at_picture: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._steps = in_order(steps)
        self._headset = headset
        self._at_picture = at_picture
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._play, name="xr-testbed-player", daemon=True)

    @property
    def length_s(self) -> float:
        return max((step.end_s for step in self._steps), default=0.0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is not None:
            self._stop.set()
        self._thread.join()
        if kind is None:
            self.wait()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; whether it is there."""
        self._thread.join(timeout_s)
        if self._error is not None:
            raise self._error
        return not self._thread.is_alive()

    def stop(self) -> None:
        """End before the end; head and controllers stay where they are."""
        self._stop.set()

    def _play(self) -> None:
        try:
            start = self._headset.state
            due = sorted((step for step in self._steps if step.picture), key=lambda step: step.end_s)
            began = time.monotonic()
            now_s = 0.0
            while not self._stop.is_set():
                self._headset.send(state_at(self._steps, start, now_s))
                while due and due[0].end_s <= now_s:
                    self._at_picture(due.pop(0).picture or "")
                if now_s >= self.length_s:
                    return
                self._stop.wait(1 / RATE_HZ)
                now_s = min(time.monotonic() - began, self.length_s)
        except Exception as error:  # told to whoever waits
            self._error = error


def _head(head: HeadState, step: PoseStep | None, part: float) -> HeadState:
    return replace(head, pose=_pose(head.pose, step, part))


def _hand(hand: ControllerState, step: HandStep | None, part: float) -> ControllerState:
    if step is None:
        return hand
    curls = (hand.curls.little, hand.curls.ring, hand.curls.middle, hand.curls.index, hand.curls.thumb)
    moved = replace(
        hand,
        pose=_pose(hand.pose, step.pose, part),
        trigger=_number(hand.trigger, step.trigger, part),
        squeeze=_number(hand.squeeze, step.squeeze, part),
        squeeze_force=_number(hand.squeeze_force, step.squeeze_force, part),
        thumbstick=_pair(hand.thumbstick, step.thumbstick, part),
        trackpad=_pair(hand.trackpad, step.trackpad, part),
        trackpad_force=_number(hand.trackpad_force, step.trackpad_force, part),
        curls=FingerCurls(*(_number(a, b, part) for a, b in zip(curls, step.curls or curls))),
        active=hand.active if step.active is None else step.active,
        hand_tracking_active=(
            hand.hand_tracking_active if step.hand_tracking_active is None else step.hand_tracking_active
        ),
    )
    flags = {name: getattr(moved, name) for name in BUTTONS}
    flags |= dict.fromkeys(step.press, True) | dict.fromkeys(step.release, False)
    return replace(moved, **flags)


def _pose(before: Pose, step: PoseStep | None, part: float) -> Pose:
    if step is None:
        return before
    target = facing(step.position_m, step.yaw_deg, step.pitch_deg, step.roll_deg)
    x, y, z = (_number(a, b, part) for a, b in zip(before.position_m, target.position_m))
    return Pose(_turn(before.orientation, target.orientation, part), (x, y, z))


def _number(before: float, target: float | None, part: float) -> float:
    return before if target is None else before * (1 - part) + target * part


def _pair(before: Vector2, target: Vector2 | None, part: float) -> Vector2:
    x, y = target or before
    return _number(before[0], x, part), _number(before[1], y, part)


def _turn(before: Quaternion, target: Quaternion, part: float) -> Quaternion:
    """Spherical interpolation, the shorter way (Shoemake 1985)."""
    cosine = sum(a * b for a, b in zip(before, target))
    side = -1.0 if cosine < 0 else 1.0
    angle = math.acos(min(1.0, abs(cosine)))
    if angle < 1e-6:
        a, b = 1 - part, side * part
    else:
        a, b = math.sin((1 - part) * angle) / math.sin(angle), side * math.sin(part * angle) / math.sin(angle)
    x, y, z, w = (a * p + b * q for p, q in zip(before, target))
    return x, y, z, w

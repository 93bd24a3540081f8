"""From buttons, values and pads to what is meant: a state machine without OpenXR in it.

Triggers and grips become on and off with a gap between, a pad that is pressed becomes the direction it was pressed
at, and a button that is held can mean something else than one that is tapped. What sticks mean is for `inputs`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from vrgen.display.openxr.profiles import SIDES, Profile
from vrgen.messages import Side

PICK_ON = 0.6
PAD_ON = 0.5
OFF = 0.6
"""Of the value that switches on, the part at which it switches off again."""
LONG_S = 0.6
"""How long a button is held until that means something else."""
REST = 0.2
"""A stick within this radius rests."""
RUN_RESTS_S = 1.0
"""How long a run goes on while the stick rests."""


@dataclass(slots=True)
class Buttons:
    """What a hand's controls say at one time; what is missing is not there or not active."""

    clicks: list[str] = field(default_factory=list)
    """Names that are down, the longest held first."""
    values: dict[str, float] = field(default_factory=dict)
    """"left.pick", "left.drag", "left.pad_press" and the right ones: 0 to 1."""
    sticks: dict[str, tuple[float, float]] = field(default_factory=dict)
    """"hand.move", "hand.turn", "left.pad", "right.pad": right and forward, -1 to 1."""


class Presses:
    """Remembers what is down, and since when."""

    def __init__(self) -> None:
        self._profiles: dict[Side, Profile | None] = {"left": None, "right": None}
        self._long: dict[str, str] = {}
        self.release()

    def release(self) -> None:
        """Nothing is down any more. What still is when the controls are read again counts from its next press."""
        self._on: frozenset[str] = frozenset()
        self._down: dict[str, None] = {}
        self._muted: frozenset[str] | None = None
        self._pads: dict[Side, str] = {}
        self._since: dict[str, float] = {}
        self._held_long: dict[str, str] = {}
        self._running = False
        self._rested_s: float | None = None

    def use(self, left: Profile | None, right: Profile | None) -> None:
        """What the hands hold now. Costs nothing while it is the same."""
        if left is self._profiles["left"] and right is self._profiles["right"]:
            return
        self._profiles = {"left": left, "right": right}
        present = [profile for profile in (left, right) if profile is not None]
        direct = frozenset().union(*(profile.direct for profile in present))
        self._long = {
            short: held for profile in present for short, held in profile.long.items() if held not in direct
        }
        self._held_long.clear()

    def step(self, said: Buttons, time_s: float) -> tuple[frozenset[str], tuple[str, ...], dict[str, float]]:
        """Names held, names pressed since the step before in their order, and axes (HAND_BUTTONS, HAND_AXES)."""
        down = dict.fromkeys(said.clicks)
        turn_x: float | None = None
        on: set[str] = set()
        for side in SIDES:
            turn_x = self._read_hand(said, side, down, on, turn_x)
        self._on = frozenset(on)
        self._two_fists(down)
        self._mute(down)
        pressed = [name for name in down if name not in self._down]
        released = [name for name in self._down if name not in down]
        self._down = down
        held = self._tell_long(down, pressed, released, time_s)
        axes = self._read_sticks(said, turn_x)
        self._keep_running(held, pressed, axes, time_s)
        return frozenset(held), tuple(pressed), axes

    def _read_hand(
        self, said: Buttons, side: Side, down: dict[str, None], on: set[str], turn_x: float | None
    ) -> float | None:
        """Trigger, grip and pad of one hand; returns where its pad turns to."""
        values, profile = said.values, self._profiles[side]
        if self._is_on(f"{side}.pick", values, PICK_ON, on):
            down[f"{side}.pick"] = None
        if self._is_on(f"{side}.drag", values, profile.drag_on if profile else PICK_ON, on):
            down[f"{side}.drag"] = None
        pad = profile.pads.get(side) if profile else None
        if pad is None:
            return turn_x
        if any(name.startswith("turn.") for name in pad.values()):
            turn_x = turn_x or 0.0
        if not self._is_on(f"{side}.pad_press", values, PAD_ON, on):
            self._pads.pop(side, None)
            return turn_x
        if side not in self._pads:  # where the thumb was when it pressed; it may slide afterwards
            self._pads[side] = _meaning(pad, *said.sticks.get(f"{side}.pad", (0.0, 0.0)))
        name = self._pads[side]
        if name in ("turn.left", "turn.right"):
            return -1.0 if name == "turn.left" else 1.0
        if name:
            down[name] = None
        return turn_x

    def _is_on(self, name: str, values: Mapping[str, float], at: float, on: set[str]) -> bool:
        if values.get(name, 0.0) >= (at * OFF if name in self._on else at):
            on.add(name)
            return True
        return False

    def _read_sticks(self, said: Buttons, turn_x: float | None) -> dict[str, float]:
        """The axes that there are; a pad that turns is a stick pushed to its side."""
        axes: dict[str, float] = {}
        if "hand.move" in said.sticks:
            axes["hand.move_x"], axes["hand.move_y"] = said.sticks["hand.move"]
        if "hand.turn" in said.sticks:
            axes["hand.turn_x"], axes["hand.turn_y"] = said.sticks["hand.turn"]
        if turn_x is not None:
            axes["hand.turn_x"] = turn_x or axes.get("hand.turn_x", 0.0)
        return axes

    def _two_fists(self, down: dict[str, None]) -> None:
        """Both bare fists ask for the panel, and then drag nothing."""
        bare = all(profile is not None and profile.bare for profile in self._profiles.values())
        if bare and "left.drag" in down and "right.drag" in down:
            del down["left.drag"], down["right.drag"]
            down["hand.panel"] = None

    def _mute(self, down: dict[str, None]) -> None:
        """What was down when the controls came back is not meant for us: it closed the runtime's own menu."""
        self._muted = frozenset(down) if self._muted is None else self._muted & frozenset(down)
        for name in self._muted:
            del down[name]

    def _tell_long(
        self, down: dict[str, None], pressed: list[str], released: list[str], time_s: float
    ) -> set[str]:
        """Of a button with two meanings a tap means the short one, when it is let go."""
        held = set(down)
        for short, long in self._long.items():
            if short in pressed:
                pressed.remove(short)
                self._since[short] = time_s
            if short in down:
                held.discard(short)
                if short not in self._held_long and time_s - self._since.get(short, time_s) >= LONG_S:
                    self._held_long[short] = long
                    pressed.append(long)
                if short in self._held_long:
                    held.add(long)
            elif short in released:
                if self._held_long.pop(short, None) is None:
                    pressed.append(short)
                self._since.pop(short, None)
        return held

    def _keep_running(self, held: set[str], pressed: list[str], axes: Mapping[str, float], time_s: float) -> None:
        """One press runs until the stick rests, or until the next press."""
        if "hand.run" in pressed:
            self._running = not self._running
        rests = math.hypot(axes.get("hand.move_x", 0.0), axes.get("hand.move_y", 0.0)) < REST
        if not rests or "hand.run" in held:
            self._rested_s = None
        elif self._rested_s is None:
            self._rested_s = time_s
        elif time_s - self._rested_s > RUN_RESTS_S:
            self._running = False
        if self._running:
            held.add("hand.run")
        else:
            held.discard("hand.run")


def _meaning(pad: Mapping[str, str], x: float, y: float) -> str:
    """What a press of the pad there does; "" for nothing."""
    upright, sideways = "up" if y >= 0 else "down", "right" if x >= 0 else "left"
    return pad.get(upright if abs(y) >= abs(x) else sideways, pad.get("any", ""))

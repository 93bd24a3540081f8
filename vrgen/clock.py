"""Time is an argument: whoever needs it takes a `Clock`.

`RealClock` follows the machine. `StepClock` advances by a fixed step a frame, so that a run with a seed and a
recorded session gives the same pictures again.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds since the run began."""

    def now_s(self) -> float: ...

    def tick(self) -> None:
        """Say that a frame begins."""


class RealClock:
    """The machine's monotonic clock, zero when it was made."""

    def __init__(self) -> None:
        self._zero_s = time.perf_counter()

    def now_s(self) -> float:
        return time.perf_counter() - self._zero_s

    def tick(self) -> None:
        """Real time needs no telling."""


class StepClock:
    """Exactly `step_s` a frame, however long the frame took."""

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._frames = 0

    def now_s(self) -> float:
        return self._frames * self._step_s

    def tick(self) -> None:
        self._frames += 1

"""Time is an argument: whoever needs it takes a `Clock`.

`RealClock` follows the machine. `StepClock` advances by a fixed step a frame, so that a run with a seed and a
recorded session gives the same pictures again.
"""

import os
import sys
import time
from pathlib import Path
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


def process_age_s() -> float:
    """Seconds since this process started. On Linux by ticks: psutil knows the boot in whole seconds only."""
    if sys.platform == "linux":
        started = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
    import psutil

    return time.time() - float(psutil.Process().create_time())

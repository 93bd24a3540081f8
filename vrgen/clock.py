"""Time is an argument: whoever needs it takes a `Clock`.

`RealClock` follows the machine. `StepClock` advances by a fixed step a frame, so that a run with a seed and a
recorded session gives the same pictures again.
"""

import math
import os
import sys
import time
from collections.abc import Callable
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


def apart_s(other_s: Callable[[], float]) -> float:
    """Another clock's time less time.perf_counter, now: of some readings that whose two sides lie closest."""
    nearest = (math.inf, 0.0)
    for _ in range(8):
        before_s = time.perf_counter()
        found_s = other_s()
        after_s = time.perf_counter()
        nearest = min(nearest, (after_s - before_s, found_s - (before_s + after_s) / 2))
    return nearest[1]


def monotonic_s() -> float:
    """time.monotonic, whose times cross processes, less time.perf_counter; the same clock on Linux."""
    kinds = {time.get_clock_info(name).implementation for name in ("monotonic", "perf_counter")}
    return 0.0 if len(kinds) == 1 else apart_s(time.monotonic)


def process_age_s() -> float:
    """Seconds since this process started. On Linux by ticks: psutil knows the boot in whole seconds only."""
    if sys.platform == "linux":
        started = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
    import psutil

    return time.time() - float(psutil.Process().create_time())

"""Where a frame's time goes: parts that follow each other, each ended by a `lap`."""

import time
from collections.abc import Sequence


class Laps:
    """A stopwatch for parts with fixed names; allocates nothing after it was made. Times are time.perf_counter."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.took_s = [0.0] * len(self.names)
        """By part, of this frame; 0 of a part that it did not have."""
        self.ended_s = [0.0] * len(self.names)
        """When each part of this frame ended, where it had it."""
        self.log: list[tuple[int, float, float]] | None = None
        """For who wants to see each part, in order: which, when it began and when it ended; emptied by them."""
        self._nothing = [0.0] * len(self.names)
        self._last_s = 0.0

    def begin(self) -> float:
        """A frame begins, and its first part; returns the time."""
        self.took_s[:] = self._nothing
        self._last_s = now_s = time.perf_counter()
        return now_s

    def resume(self) -> None:
        """What has passed since the last part belongs to none."""
        self._last_s = time.perf_counter()

    def lap(self, which: int) -> None:
        """Part `which` ends here."""
        now_s = time.perf_counter()
        self.took_s[which] += now_s - self._last_s
        if self.log is not None:
            self.log.append((which, self._last_s, now_s))
        self.ended_s[which] = self._last_s = now_s

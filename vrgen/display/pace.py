"""Pacing a loop that nothing else holds back, asleep rather than busy."""

import time


class Pace:
    """Turns at a steady rate. A turn that comes too late keeps the beat: the next one waits for the grid."""

    def __init__(self, rate_hz: float) -> None:
        self.period_s = 1.0 / rate_hz
        self._due_s: float | None = None

    def wait(self) -> None:
        """Sleep until the next turn is due."""
        now_s = time.perf_counter()
        if self._due_s is None:
            self._due_s = now_s
        if now_s < self._due_s:
            time.sleep(self._due_s - now_s)
            self._due_s += self.period_s
        else:
            late = int((now_s - self._due_s) / self.period_s)
            self._due_s += (late + 1) * self.period_s

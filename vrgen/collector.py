"""Garbage is collected between frames, in time that is left over, and never in one.

Python collects whenever enough was allocated, in the midst of whatever runs: some tens of milliseconds for
everything. Here it never does so by itself. What stood at the start is frozen (never looked at again), young
garbage is collected after a frame when there is time for it, and all of it when the time that it took before
fits as well, or when nobody sees a picture.
"""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

YOUNG = 700
"""Objects made and not freed since the last collection from which on the young ones are looked at."""
OLDER = 10
"""Collections of young ones after which those that outlived one are looked at too; and of those, everything."""
_OVERDUE = 10
"""Where there is never time, garbage is collected all the same, after a frame, when it is so many times due."""
_MARGIN = 1.5
"""A collection may take so many times what the last took."""
_GUESS_S = (0.0005, 0.001, 0.02)
"""What one of each generation takes before it was ever seen to."""


@contextmanager
def unused() -> Iterator[None]:
    """Python collects no garbage: what a program imports and makes at its start is there to stay, and to look
    through it some hundred times takes 50 ms."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Collector:
    """Owner of the process's garbage collection while it is entered. Used from the frame's thread."""

    def __init__(self) -> None:
        self.in_frame = False
        """Whether a frame is being made: what is collected then is counted as such."""
        self.counts = [0, 0, 0]
        """Collections by generation: young, older, everything."""
        self.in_frames = 0
        self.forced = 0
        """Collections that no frame had time for."""
        self.freed = 0
        """Objects."""
        self.took_s = 0.0
        """All collections together."""
        self.last: tuple[float, float, int] = (0.0, 0.0, 0)
        """When the last one began and ended (time.perf_counter), and of which generation it was."""
        self.log: list[tuple[float, float, int]] | None = None
        """For who wants to see each: the same; emptied by them."""
        self._longest_s = [0.0, 0.0, 0.0]
        self._expected_s = list(_GUESS_S)
        self._since = [0, 0]
        self._begun_s = 0.0
        self._was_enabled = True

    def __enter__(self) -> Self:
        self._was_enabled = gc.isenabled()
        gc.disable()
        gc.callbacks.append(self._notice)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gc.callbacks.remove(self._notice)
        gc.unfreeze()
        if self._was_enabled:
            gc.enable()

    def freeze(self) -> None:
        """What stands now stays for good: it takes no time to say so, and none to look at it ever after."""
        gc.freeze()

    def tidy(self, slack_s: float, hidden: bool = False) -> None:
        """A frame is over and the next is `slack_s` away: collect what is due and fits. `hidden`: nobody sees
        whether the next comes late."""
        young = gc.get_count()[0] / YOUNG
        if young < 1:
            return
        due = (young, self._since[0] / OLDER, self._since[1] / OLDER)
        for generation in (2, 1, 0):
            if due[generation] >= 1 and (hidden or self._fits(generation, slack_s)):
                self._collect(generation)
                return
        for generation in (2, 1, 0):
            if due[generation] >= _OVERDUE:
                self.forced += 1
                self._collect(generation)
                return

    def _fits(self, generation: int, slack_s: float) -> bool:
        return _MARGIN * self._expected_s[generation] <= slack_s

    def _collect(self, generation: int) -> None:
        gc.collect(generation)
        since = self._since
        if generation == 0:
            since[0] += 1
        elif generation == 1:
            since[0] = 0
            since[1] += 1
        else:
            since[0] = since[1] = 0
        took_s = self.last[1] - self.last[0]
        # A slow one is forgotten by and by: it may have been the machine.
        self._expected_s[generation] = max(took_s, 0.9 * self._expected_s[generation])

    def _notice(self, phase: str, info: dict[str, int]) -> None:
        now_s = time.perf_counter()
        if phase == "start":
            self._begun_s = now_s
            return
        generation = info["generation"]
        self.last = (self._begun_s, now_s, generation)
        if self.log is not None:
            self.log.append(self.last)
        took_s = now_s - self._begun_s
        self.took_s += took_s
        self.counts[generation] += 1
        self.freed += info["collected"]
        self.in_frames += self.in_frame
        self._longest_s[generation] = max(self._longest_s[generation], took_s)

    @property
    def told(self) -> dict[str, Any]:
        """For the report."""
        names = ("young", "older", "everything")
        return {
            **dict(zip(names, self.counts)),
            "in_frames": self.in_frames,
            "forced": self.forced,
            "freed": self.freed,
            "total_ms": round(self.took_s * 1e3, 3),
            "longest_ms": {name: round(s * 1e3, 3) for name, s in zip(names, self._longest_s)},
        }

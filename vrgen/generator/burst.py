"""How hard the worker works: less where frames are missed because of it, all again where they are not.

The frame process counts in one word of the shared memory how many frames it missed for want of a core or of the
GPU. What is missed a second during calls, beyond what is missed between them anyway, is the worker's doing. Above
`HIGH` it takes a step back: rests between calls, then also fewer threads; below `LOW`, and for a while, a step
forward. A step forward that brought the misses back is tried again only after twice the time.
"""

import math
from dataclasses import dataclass

HIGH, LOW = 1.0, 0.2
"""Frames a second; between them nothing changes."""
STEPS = ((1.0, 0.0), (1.0, 0.5), (0.5, 0.5), (0.0, 1.0), (0.0, 2.0))
"""Of each step: the share of the threads, of which at least one is left; the rest after a call, in its times."""
HOPELESS = 5.0
"""Frames a second, missed between calls: no rest makes such a picture smooth; the world would only come later."""
REST_MOST_S = 0.5
_ANYWAY = 1.5
"""So many times what is missed between calls is no sign against the calls: both are counts of few."""
_JUDGED_S = 0.5
"""Of calls, and from the second step on of rests, before a step is judged."""
_PATIENCE_S = (3.0, 60.0)
"""Of calls without misses before a step forward: at first, and at most."""
_WINDOW_S = 3.0


@dataclass
class _Rate:
    """Missed frames a second; what lies longer back counts less."""

    missed: float = 0.0
    seconds: float = 0.0

    def add(self, seconds: float, missed: int) -> None:
        kept = math.exp(-seconds / _WINDOW_S)
        self.missed, self.seconds = self.missed * kept + missed, self.seconds * kept + seconds

    @property
    def per_s(self) -> float:
        return self.missed / self.seconds if self.seconds else 0.0


class Burst:
    """The controller. Times are seconds of any one clock; `missed` counts from anywhere."""

    def __init__(self, threads: int) -> None:
        self.step = 0
        """An index into `STEPS`."""
        self._threads = threads
        self._at_work, self._at_rest = _Rate(), _Rate()
        self._since: tuple[float, int] | None = None
        self._judged_s = self._calm_s = 0.0
        self._patience_s = _PATIENCE_S[0]
        self._tried = False
        """The last step was one forward."""

    @property
    def threads(self) -> int:
        return max(1, round(self._threads * STEPS[self.step][0]))

    def begin(self, now_s: float, missed: int) -> None:
        """A call begins."""
        if self._since is not None:
            self._at_rest.add(now_s - self._since[0], missed - self._since[1])
        self._since = now_s, missed

    def end(self, now_s: float, missed: int) -> float:
        """The call has ended: how long to rest after it, seconds."""
        assert self._since is not None
        took_s = now_s - self._since[0]
        self._at_work.add(took_s, missed - self._since[1])
        self._since = now_s, missed
        self._judge(took_s)
        return min(REST_MOST_S, STEPS[self.step][1] * took_s)

    def _judge(self, took_s: float) -> None:
        self._judged_s += took_s
        anyway = self._at_rest.per_s
        excess = self._at_work.per_s - _ANYWAY * anyway if anyway < HOPELESS else 0.0
        self._calm_s = self._calm_s + took_s if excess < LOW else 0.0
        known = self._judged_s >= _JUDGED_S and (self.step == 0 or self._at_rest.seconds >= _JUDGED_S)
        if excess > HIGH and known and self.step < len(STEPS) - 1:
            if self._tried:
                self._patience_s = min(_PATIENCE_S[1], 2 * self._patience_s)
            self._go(1)
        elif self._calm_s >= self._patience_s and self.step:
            self._go(-1)

    def _go(self, by: int) -> None:
        self.step += by
        self._tried = by < 0
        self._at_work = _Rate()  # each step is judged by itself
        self._judged_s = self._calm_s = 0.0

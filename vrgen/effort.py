"""How much a picture may cost: resolution and detail give way before the rate does, seldom and by steps."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple


class Drawn(NamedTuple):
    """What is drawn of a whole picture."""

    scale: float
    """Of its width and height."""
    detail: float
    """Of the distances up to which things and ground are drawn finely, and of those at which they are left out."""


STEPS = tuple(Drawn(*step) for step in ((0.5, 0.4), (0.6, 0.5), (0.7, 0.65), (0.8, 0.8), (0.9, 1.0), (1.0, 1.0)))
WHOLE = STEPS[-1]
TOO_SLOW, EASY = 0.92, 0.62
"""Of the frame's period. Between them lies the dead band: one step changes the pixels by at most 1.44 times,
so that from either side a step ends inside the band and not beyond the other side."""
DOWN_AFTER, UP_AFTER = 8, 180
"""Frames in a row that ask for it."""
_PATIENCE = 16
"""A step up that had to be taken back is tried again after twice as many frames; at most so many times as many."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Where it stands, and for how many frames it has been asked to change."""

    at: int = len(STEPS) - 1
    slow: int = 0
    easy: int = 0
    rose: int = 0
    """For so many frames to come, a step down takes back the last one up."""
    up_after: int = UP_AFTER

    @property
    def drawn(self) -> Drawn:
        return STEPS[self.at]

    def after(self, took_ms: float, period_ms: float, least: int = 0) -> "Effort":
        """The next state. `took_ms`: what drawing took of the GPU; the CPU's part depends on neither. `least`:
        the step that is the last."""
        share = took_ms / period_ms
        slow = self.slow + 1 if share > TOO_SLOW else 0
        easy = min(self.easy + 1, self.up_after) if share < EASY else 0
        if slow >= DOWN_AFTER and self.at > least:
            in_vain = min(2 * self.up_after, _PATIENCE * UP_AFTER) if self.rose else self.up_after
            return Effort(self.at - 1, up_after=in_vain)
        if easy >= self.up_after and self.at < len(STEPS) - 1:
            return Effort(self.at + 1, rose=UP_AFTER, up_after=self.up_after)
        rose, up_after = max(0, self.rose - 1), UP_AFTER if self.rose == 1 else self.up_after
        same = (slow, easy, rose, up_after) == (self.slow, self.easy, self.rose, self.up_after)
        return self if same else Effort(self.at, slow, easy, rose, up_after)


@lru_cache(maxsize=len(STEPS))
def size_at(scale: float, full_px: tuple[int, int]) -> tuple[int, int]:
    """Pixels of a view: all of them, or multiples of eight, for the rasteriser's sake."""
    if scale == 1.0:  # to the pixel: enlarged by two lines it would be blurred
        return full_px
    width, height = (max(8, round(side * scale / 8) * 8) for side in full_px)
    return min(width, full_px[0]), min(height, full_px[1])

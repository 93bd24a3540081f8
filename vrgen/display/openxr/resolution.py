"""How many pixels an eye gets: as many as the frame's time allows, changed seldom and by steps."""

from dataclasses import dataclass
from functools import lru_cache

STEPS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Of the recommended width and height."""
TOO_SLOW, EASY = 0.92, 0.62
"""Of the frame's period. Between them lies the dead band: one step changes the pixels by at most 1.44 times,
so that from either side a step ends inside the band and not beyond the other side."""
DOWN_AFTER, UP_AFTER = 8, 180
"""Frames in a row that ask for it."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Where the scale stands, and for how many frames it has been asked to change."""

    step: int = len(STEPS) - 1
    slow: int = 0
    easy: int = 0

    @property
    def scale(self) -> float:
        return STEPS[self.step]

    def after(self, took_ms: float, period_ms: float) -> "Resolution":
        """The next state. `took_ms`: what drawing took of the GPU; the CPU's part does not depend on pixels."""
        share = took_ms / period_ms
        slow = self.slow + 1 if share > TOO_SLOW else 0
        easy = min(self.easy + 1, UP_AFTER) if share < EASY else 0
        if slow >= DOWN_AFTER and self.step > 0:
            return Resolution(self.step - 1)
        if easy >= UP_AFTER and self.step < len(STEPS) - 1:
            return Resolution(self.step + 1)
        return self if (slow, easy) == (self.slow, self.easy) else Resolution(self.step, slow, easy)


@lru_cache(maxsize=len(STEPS))
def size_at(scale: float, full_px: tuple[int, int]) -> tuple[int, int]:
    """Pixels of an eye: multiples of eight, for the rasteriser's sake."""
    width, height = (max(8, round(side * scale / 8) * 8) for side in full_px)
    return min(width, full_px[0]), min(height, full_px[1])

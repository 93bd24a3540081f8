"""What the worker does while nothing is wanted of it: find out how its models can be called faster."""

import time
from typing import TYPE_CHECKING

from vrgen.generator.tuning import Tuning

if TYPE_CHECKING:
    from vrgen.generator.checkpoint import Model

QUIET_S = 2.0
"""How long nothing must have been wanted: who steers is not to meet a call that nobody asked for."""


class Leisure:
    """Owner of what is being found out. A stamp names a model; each is tuned once in a worker's life."""

    def __init__(self) -> None:
        self._worked_s = time.monotonic()
        self._shown: set[str] = set()
        self._under: dict[str, Tuning] = {}
        self._done: set[str] = set()

    def worked(self, stamp: str) -> None:
        """A model was called for somebody."""
        self._worked_s = time.monotonic()
        self._shown.add(stamp)

    def has_come(self) -> bool:
        return time.monotonic() - self._worked_s >= QUIET_S

    def wants(self, stamp: str) -> bool:
        """Whether a model has shown something and is not tuned."""
        return stamp in self._shown and stamp not in self._done

    def step(self, stamp: str, model: "Model") -> Tuning | None:
        """One call of a model; the tuning when it was the last."""
        tuning = self._under.setdefault(stamp, Tuning(model))
        if tuning.step():
            return None
        self._done.add(stamp)
        return self._under.pop(stamp)

    def forget(self, stamp: str) -> None:
        """The model is let go."""
        self._under.pop(stamp, None)
        self._done.discard(stamp)

"""Finding the fastest way to call a model that makes nearly the same, by measurement, a call at a time.

The worker does it while nothing is wanted of it. A way is taken where it needs at most `MARGIN` of the plain
call's time, measured in turn with it, and every output stays within its limit (`nearness.py`). Where results must
meet others of the same model, as tiles of land at their edges and calls that carry a state on, equal to the bit is
the limit.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vrgen import contract as c
from vrgen.errors import CheckpointError
from vrgen.generator.nearness import differences, same
from vrgen.messages import Trial

if TYPE_CHECKING:
    from vrgen.generator.checkpoint import Model
    from vrgen.generator.inference import Outputs
    from vrgen.generator.ways import Way

MARGIN = 0.85
"""Of the plain call's time: a way that needs more is not worth what it may change."""
BUDGET_S = 20.0
"""Of calls, for all ways of one model together."""
_SAMPLES = 3
"""Inputs whose results are compared."""
_ROUNDS = (3, 15)
_ROUNDS_S = 0.3
"""As many rounds as fit into this, within `_ROUNDS`."""
_HOPELESS = 1.3


@dataclass(frozen=True)
class _Found:
    way: "Way"
    share: float


class Tuning:
    """Chooses `model.way`. `step` makes one call; between two of them the model can be called as before."""

    def __init__(
        self,
        model: "Model",
        *,
        budget_s: float = BUDGET_S,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.model = model
        self.trials: list[Trial] = []
        self._clock = clock
        self._budget_s = budget_s
        self._spent_s = 0.0
        inputs = model.manifest.inputs.values()
        self._exact = any(isinstance(entry, (c.TileInput, c.StateInput)) for entry in inputs)
        self._best: _Found | None = None
        self._steps = self._run()

    def step(self) -> bool:
        """One call; False when there is nothing more to do, and the way is chosen."""
        return next(self._steps, None) is not None

    def _run(self) -> Iterator[float]:
        from vrgen.generator.ways import PLAIN, Way, roundings

        plain: list[Outputs] = []
        try:
            for seed in range(_SAMPLES):
                outputs, took_s = self._call(PLAIN, seed)
                plain.append(outputs)
                yield took_s
        except (CheckpointError, MemoryError):
            return  # as soon as it is wanted, who wants it is told
        device = self.model.device
        for way in roundings(device):
            # What must be equal to the bit can't be rounded to half.
            if (not way.channels_last or self.model.layout.changeable) and not (self._exact and way.half):
                yield from self._try(way, PLAIN, plain, took_s)
        if device != "cpu":
            # Beside the best so far: a capture lasts only while the weights stay where they are.
            best = self._best.way if self._best else PLAIN
            yield from self._try(Way(best.half, best.channels_last, graph=True), best, plain, took_s)
        if self._best is not None:
            self.model.take(self._best.way)

    def _try(self, way: "Way", beside: "Way", plain: "list[Outputs]", plain_s: float) -> Iterator[float]:
        """Warm it up, hold its results against the plain ones, then time it in turn with another."""
        from vrgen.generator.ways import WARM_UP

        rounds = int(min(max(_ROUNDS_S / max(plain_s, 1e-6), _ROUNDS[0]), _ROUNDS[1]))
        if self._spent_s + (WARM_UP + _SAMPLES + 2 * rounds) * plain_s > self._budget_s:
            self._refuse(way, f"there was no time left to try it in {self._budget_s:g} s")
            return
        told: tuple[str, ...] = ()
        times_s: dict[Way, list[float]] = {way: [], beside: []}
        try:
            for seed in range(WARM_UP):
                yield self._call(way, seed)[1]
            for seed in range(_SAMPLES):
                outputs, took_s = self._call(way, seed)
                told, refused = self._held_against(plain[seed], outputs)
                if refused:
                    self._refuse(way, refused, told)
                    return
                yield took_s
            for number in range(rounds):
                for so in (beside, way) if number % 2 else (way, beside):
                    took_s = self._call(so, number)[1]
                    times_s[so].append(took_s)
                    yield took_s
                if number == _ROUNDS[0] - 1 and sum(times_s[way]) > _HOPELESS * sum(times_s[beside]):
                    break
        except (CheckpointError, MemoryError) as error:
            self._refuse(way, str(error) or "out of memory", told)
            return
        self._judge(way, beside, told, times_s)

    def _judge(self, way: "Way", beside: "Way", told: tuple[str, ...], times_s: "dict[Way, list[float]]") -> None:
        shares = np.divide(times_s[way], times_s[beside])
        share = float(np.median(shares))
        # A time that only chance has made short does not win most of its rounds.
        faster = share <= MARGIN and float(np.percentile(shares, 75)) < 1.0
        refused = "" if faster else f"takes {share:.0%} of the time of {beside}, at most {MARGIN:.0%} was asked"
        beside_ms, ms = (float(np.median(times_s[so])) * 1e3 for so in (beside, way))
        self.trials.append(Trial(str(way), str(beside), beside_ms, ms, told, refused))
        best = self._best
        if best is not None and beside == best.way:
            share *= best.share
        if faster and (best is None or share < best.share):
            self._best = _Found(way, share)

    def _held_against(self, plain: "Outputs", fast: "Outputs") -> tuple[tuple[str, ...], str]:
        """How far a result is from the plain one, and why that is too far."""
        if self._exact:
            told = "tiles or a state must be equal to the bit, and are not"
            return (), "" if same(plain, fast) else told
        found = differences(self.model.manifest, plain, fast)
        far = [str(difference) for difference in found if not difference.allowed]
        return tuple(map(str, found)), f"too far from the plain call: {'; '.join(far)}" if far else ""

    def _refuse(self, way: "Way", why: str, told: tuple[str, ...] = ()) -> None:
        self.trials.append(Trial(str(way), "", 0.0, 0.0, told, why))

    def _call(self, way: "Way", seed: int) -> "tuple[Outputs, float]":
        """A call with seeded inputs, and how long it took without what it takes to change over."""
        from vrgen.generator.knobs import sample_inputs

        inputs = sample_inputs(self.model.manifest, seed)
        self.model.lay_out(way)
        begun_s = self._clock()
        outputs = self.model.call_so(way, inputs, seed)
        took_s = self._clock() - begun_s
        self._spent_s += took_s
        return outputs, took_s

"""The loop that trains every family: step, look, show, save; go back or stop where the watch says so."""

import copy
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from vrgen.errors import VrgenError
from vrgen.interrupt import interruptible
from vrgen.training import state as states
from vrgen.training.record import Record, memory_mb
from vrgen.training.run import Run
from vrgen.training.showing import Bytes, grid
from vrgen.training.state import State
from vrgen.training.watch import Trouble

STATE, GOOD = "state.pt", "good.pt"
LOOKED_AT = 16
"""Pictures made at each look."""


class TrainingError(VrgenError):
    """A run that the watch stopped."""


@dataclass(frozen=True)
class Shown:
    """Latents (N, L) and conditions (N, D) that stay the same for a whole run."""

    latents: Tensor
    conditions: Tensor


@dataclass(frozen=True)
class Ending:
    """How the loop ended."""

    why: Literal["done", "interrupted"]
    signal: int = 0


def train(run: Run, shown: Shown, folder: Path, record: Record | None) -> Ending:
    """Train until the recipe's steps or seconds are over, or a signal comes; the state is in `folder` then.

    Every process calls this; the first has a `record`, saves and shows.

    Raises:
        TrainingError: the watch stopped it. StateError: a state could not be written.
    """
    good = _kept_or_first(run, folder)
    shows, saves = run.recipe.train.show_every, run.recipe.train.save_every
    clock = _Clock(run)
    with interruptible() as interrupt:
        while not run.processes.any(run.share >= 1.0 or interrupt.signal != 0):
            run.turn()
            clock.tick()
            if record is not None:
                record.progress(run.share, run.step)
            ends = run.share >= 1.0
            if run.step % run.recipe.watch.every == 0 or ends:
                trouble = _look(run, shown, clock, record)
                if trouble is not None and trouble.rule in ("roll back", "stop"):
                    _go_back(run, good, folder, trouble, record)
                    continue
            if record is not None and run.step % shows == 0:
                record.grid(run.step, picture(run, shown))
            if run.step % saves == 0 and run.watch.finite:
                state = run.state()
                _save(run, folder / STATE, state)
                if not run.watch.suspicious:
                    good = _copied(state)
                    _save(run, folder / GOOD, good)
        clock.tick()
        if run.watch.finite:
            _save(run, folder / STATE, run.state())
        if record is not None:
            record.grid(run.step, picture(run, shown))
        run.processes.wait()
        return Ending("interrupted", interrupt.signal) if interrupt.signal else Ending("done")


def _kept_or_first(run: Run, folder: Path) -> State:
    """The last good state: on the disk where a run goes on, else the present one."""
    if run.step and (folder / GOOD).is_file():
        return states.load(folder / GOOD)
    return _copied(run.state())


def _copied(state: State) -> State:
    """A state that further steps don't change."""
    return copy.deepcopy(state)


def _save(run: Run, path: Path, state: State) -> None:
    if run.processes.first:
        states.save(path, state)


def _look(run: Run, shown: Shown, clock: "_Clock", record: Record | None) -> Trouble | None:
    """Measure, tell, and judge; all processes come to the same verdict, since they hold the same weights."""
    made = made_by(run, run.family.networks["maker"], shown, LOOKED_AT)
    trouble = run.watch.look(run.step, made)
    told = {**run.told(), **run.watch.measured, **clock.told(run), "memory_mb": memory_mb()}
    if record is not None:
        record.metrics(run.step, told)
        if trouble is not None and trouble.rule == "warn":
            record.say(f'step {run.step}: {trouble.told}; watch.on_{trouble.kind} is "warn", so it goes on')
    return trouble


def _go_back(run: Run, good: State, folder: Path, trouble: Trouble, record: Record | None) -> None:
    """Back to the last good state, and on from there unless the rule or the number of times says stop."""
    at = run.step
    run.roll_back(good)
    _save(run, folder / STATE, run.state())
    spent = run.rollbacks > run.recipe.watch.rollbacks
    if trouble.rule == "stop" or spent:
        why = (
            f"rolled back {run.recipe.watch.rollbacks} times before"
            if spent and trouble.rule != "stop"
            else "the rule"
        )
        raise TrainingError(
            f"stopped at step {at} ({why}): {trouble.told}; the last good state, step {run.step}, is kept in "
            f"{folder / GOOD if (folder / GOOD).is_file() else folder / STATE}; "
            f'lower train.rate, or set watch.on_{trouble.kind} to "warn", and use --resume'
        )
    if record is not None:
        record.say(f"step {at}: {trouble.told}; rolled back to step {run.step}, with half the rate")


@torch.no_grad()
def made_by(run: Run, maker: torch.nn.Module, shown: Shown, count: int) -> Tensor:
    """Pictures of the first latents by a maker as it stands."""
    training = maker.training
    maker.eval()
    with run.precision():
        made = run.family.make(maker, shown.latents[:count], shown.conditions[:count])
    maker.train(training)
    return made.float()


def picture(run: Run, shown: Shown) -> Bytes:
    """The grid of samples at the fixed latents, by the average."""
    made = [
        made_by(run, run.average, Shown(shown.latents[n : n + 10], shown.conditions[n : n + 10]), 10)
        for n in range(0, len(shown.latents), 10)
    ]
    return grid(torch.cat(made), run.feed.kind, run.feed.light)


class _Clock:
    """Counts the seconds of a run, and the steps and the waiting since the last look."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._last_s = time.perf_counter()
        self._begin(run)

    def _begin(self, run: Run) -> None:
        self._step, self._seconds, self._waited_s = run.step, run.seconds, run.feed.waited_s

    def tick(self) -> None:
        """Once a step."""
        now_s = time.perf_counter()
        self._run.seconds += now_s - self._last_s
        self._last_s = now_s

    def told(self, run: Run) -> dict[str, float]:
        """Steps a second and the share of time waited for data since the last call."""
        seconds = max(run.seconds - self._seconds, 1e-9)
        found = {
            "seconds": run.seconds,
            "steps_per_second": max(run.step - self._step, 0) / seconds,
            "waited": (run.feed.waited_s - self._waited_s) / seconds,
        }
        self._begin(run)
        return found

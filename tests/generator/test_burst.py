"""The worker steps back when its calls make frames miss, goes on when they do not, and does not swing."""

import itertools
from pathlib import Path

import checkpoints
import pytest
import torch
from test_generators import Driver, latent, world
from torch import Tensor, nn

from vrgen.generator import Generators
from vrgen.generator.burst import REST_MOST_S, STEPS, Burst
from vrgen.messages import Phase, Request


class Bench:
    """A worker at work by a clock of its own; frames are missed at rates that the test says."""

    def __init__(self, threads: int = 8, call_s: float = 0.1) -> None:
        self.burst = Burst(threads)
        self.call_s = call_s
        self.now_s = self.missed = 0.0
        self.working_s = 0.0
        self.steps: list[int] = []

    def run(self, seconds: float, at_work: list[float] | float, at_rest: float = 0.0) -> None:
        """`at_work`: frames missed a second in a call, for each step or for all."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            rate = at_work if isinstance(at_work, (int, float)) else at_work[self.burst.step]
            self.burst.begin(self.now_s, int(self.missed))
            self._go(self.call_s, rate)
            self.working_s += self.call_s
            rest_s = self.burst.end(self.now_s, int(self.missed))
            self.steps.append(self.burst.step)
            self._go(max(rest_s, 0.002), at_rest)

    def _go(self, seconds: float, rate: float) -> None:
        self.now_s += seconds
        self.missed += seconds * rate


def test_without_misses_it_works_at_full_strength() -> None:
    bench = Bench()
    bench.run(60.0, 0.0)
    assert set(bench.steps) == {0} and bench.burst.threads == 8 and bench.working_s > 58.0


def test_it_steps_back_as_far_as_it_must_and_no_further() -> None:
    bench = Bench()
    bench.run(20.0, [20.0, 10.0, 0.0, 0.0, 0.0])
    assert 2 in bench.steps and max(bench.steps) == 2


def test_it_rests_and_takes_fewer_threads() -> None:
    bench = Bench(threads=8)
    bench.run(20.0, 20.0)
    assert bench.burst.step == len(STEPS) - 1 and bench.burst.threads == 1
    before_s, begun_s = bench.working_s, bench.now_s
    bench.run(20.0, 20.0)
    assert (bench.working_s - before_s) / (bench.now_s - begun_s) == pytest.approx(1 / 3, abs=0.05)


def test_it_comes_back_when_the_misses_end() -> None:
    bench = Bench()
    bench.run(20.0, 20.0)
    assert bench.burst.step == len(STEPS) - 1
    bench.run(120.0, 0.0)
    assert bench.burst.step == 0


def test_misses_that_come_anyway_are_not_its_doing() -> None:
    bench = Bench()
    bench.run(120.0, 30.0, at_rest=30.0)
    assert bench.burst.step == 0 and max(bench.steps) <= 1  # one step, to see what is missed without it
    assert sum(bench.steps) < 0.05 * len(bench.steps)


def test_where_no_rest_makes_the_picture_smooth_the_world_comes_at_full_speed() -> None:
    bench = Bench()
    bench.run(120.0, 80.0, at_rest=20.0)
    assert bench.burst.step == 0 and max(bench.steps) <= 1 and sum(bench.steps) < 0.05 * len(bench.steps)


def test_between_the_two_bounds_nothing_changes() -> None:
    bench = Bench()
    bench.run(20.0, [20.0, 0.6, 0.6, 0.6, 0.6])
    assert bench.burst.step == 1
    bench.run(60.0, 0.6)
    assert bench.burst.step == 1


def test_it_does_not_swing() -> None:
    bench = Bench()
    bench.run(300.0, [20.0, 0.0, 0.0, 0.0, 0.0])
    forward = sum(a == 1 and b == 0 for a, b in zip(bench.steps, bench.steps[1:], strict=False))
    at_first = sum(step == 0 for step in bench.steps)
    assert 1 <= forward <= 7 and at_first < 0.05 * len(bench.steps)


def test_no_rest_is_long() -> None:
    bench = Bench(call_s=5.0)
    bench.run(200.0, 20.0)
    assert bench.burst.end(bench.now_s + 5.0, int(bench.missed)) == REST_MOST_S


class Works(nn.Module):
    """Takes a while."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        x = torch.full((128, 128), 0.001)
        for _ in range(500):
            x = torch.tanh(x @ x)
        return {"picture": torch.zeros(3, 16, 16) + x[0, 0]}


@pytest.mark.slow
def test_the_worker_hears_of_missed_frames_and_gives_way(tmp_path: Path) -> None:
    with Generators(world(a=checkpoints.picture(Works(), tmp_path / "a.pt"))) as generators:
        epochs, missed, spoiled = itertools.count(1), 0, True

        def went(steps: range) -> bool:
            nonlocal missed
            (status,) = generators.status
            if spoiled and status.phase is Phase.MAKING:
                missed += 1
                generators.missed(missed)
            if not status.waiting:
                driver.requests = [Request("a", next(epochs), 0, latent())]
            return generators.steps_back in steps

        driver = Driver(generators)
        driver.until(lambda: went(range(2, len(STEPS))))
        spoiled = False
        driver.until(lambda: went(range(2)))

"""Who waits for a run without a screen hears what it is at."""

from pathlib import Path

import pytest

from vrgen.config import RunOptions
from vrgen.errands import how_far, is_awaited
from vrgen.messages import GeneratorStatus, Phase

LOADS = GeneratorStatus("sky", Phase.LOADING, waiting=1)
MAKES = GeneratorStatus("land", Phase.MAKING, waiting=30, results=10)
READY = GeneratorStatus("land", Phase.READY, results=40)


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        ((LOADS,), ("waiting for the first result", None, "sky still to load")),
        ((LOADS, MAKES), ("the world arrives", 10 / 41, "10 of 41 results, sky still to load")),
        ((MAKES,), ("the world arrives", 0.25, "10 of 40 results")),
        ((READY,), ("the world comes to the GPU", None, "all 40 results are here")),
    ],
)
def test_what_is_awaited(statuses: tuple[GeneratorStatus, ...], told: tuple[str, float | None, str]) -> None:
    assert how_far(RunOptions(frames=5), True, statuses, 0, 0.0) == told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (RunOptions(frames=200), ("frames are drawn", 0.25, "50 of 200")),
        (RunOptions(seconds=8), ("the run goes on", 0.5, "4 of 8 s")),
        (RunOptions(seconds=8, video=Path("a.mp4")), ("frames are drawn", 0.5, "50 of 240")),
        (RunOptions(seconds=80, frames=100), ("frames are drawn", 0.5, "50 of 100")),
    ],
)
def test_how_much_is_drawn(options: RunOptions, told: tuple[str, float | None, str]) -> None:
    assert how_far(options, False, (READY,), 50, 4.0) == told


def test_nobody_waits_who_sees_it_or_where_there_is_no_end() -> None:
    assert is_awaited(RunOptions(seconds=1), "headless") and is_awaited(RunOptions(frames=1), "headless")
    assert not is_awaited(RunOptions(seconds=1), "window") and not is_awaited(RunOptions(settle=True), "headless")

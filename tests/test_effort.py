"""What a picture may cost: as much as the time allows, by steps, and never to and fro."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vrgen.effort import DOWN_AFTER, STEPS, UP_AFTER, WHOLE, Effort, size_at

PERIOD_MS = 1000 / 90


def settled(full_ms: float, fixed_ms: float, frames: int = 4000) -> list[int]:
    """The steps that were taken, where a frame takes `fixed_ms` and `full_ms` for all its pixels."""
    state = Effort()
    steps = [state.at]
    for _ in range(frames):
        state = state.after(fixed_ms + full_ms * state.drawn.scale**2, PERIOD_MS)
        if state.at != steps[-1]:
            steps.append(state.at)
    return steps


@given(st.floats(0.1, 60.0), st.floats(0.0, 8.0))
def test_under_a_steady_load_it_settles(full_ms: float, fixed_ms: float) -> None:
    steps = settled(full_ms, fixed_ms)
    assert all(after < before for before, after in pairwise(steps)), steps  # downwards, and never back


@given(st.floats(0.1, 60.0))
def test_it_ends_as_high_as_the_time_allows(full_ms: float) -> None:
    step = settled(full_ms, 0.0)[-1]
    assert step == 0 or full_ms * STEPS[step].scale ** 2 <= PERIOD_MS
    if step < len(STEPS) - 1:
        assert full_ms * STEPS[step + 1].scale ** 2 > 0.9 * PERIOD_MS


def test_it_rises_again_when_the_load_is_gone() -> None:
    state = Effort(at=0)
    for _ in range(UP_AFTER * len(STEPS)):
        state = state.after(1.0, PERIOD_MS)
    assert state.drawn == WHOLE


def test_where_a_step_up_is_in_vain_it_is_tried_less_and_less_often() -> None:
    """Detail may save more than a step is meant to: half the cost on one side, too much on the other."""
    state, rises = Effort(), []
    for number in range(40_000):
        before, state = state, state.after(20.0 if state.drawn == WHOLE else 5.0, PERIOD_MS)
        if state.at > before.at:
            rises.append(number)
    waits = [after - before for before, after in pairwise(rises)]
    assert waits[:4] == sorted(set(waits[:4])) and waits[-1] > 5 * waits[0]


def test_it_goes_no_lower_than_it_may() -> None:
    state = Effort()
    for _ in range(100 * DOWN_AFTER):
        state = state.after(1000.0, PERIOD_MS, least=2)
    assert state.drawn == STEPS[2]


def test_one_slow_frame_changes_nothing() -> None:
    state = Effort()
    for number in range(10 * DOWN_AFTER):
        state = state.after(3 * PERIOD_MS if number % DOWN_AFTER == 0 else 5.0, PERIOD_MS)
    assert state.drawn == WHOLE


@given(st.sampled_from([step.scale for step in STEPS]), st.integers(64, 4096), st.integers(64, 4096))
def test_sizes_fit_the_picture(scale: float, width: int, height: int) -> None:
    across, up = size_at(scale, (width, height))
    assert 0 < across <= width and 0 < up <= height
    assert size_at(1.0, (width, height)) == (width, height)
    assert abs(across - scale * width) <= 8 and abs(up - scale * height) <= 8

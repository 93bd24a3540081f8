"""Resolution in a headset: as much as the time allows, by steps, and never to and fro."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vrgen.display.openxr.resolution import DOWN_AFTER, STEPS, UP_AFTER, Resolution, size_at

PERIOD_MS = 1000 / 90


def settled(full_ms: float, fixed_ms: float, frames: int = 4000) -> list[int]:
    """The steps that were taken, where a frame takes `fixed_ms` and `full_ms` for all its pixels."""
    state = Resolution()
    steps = [state.step]
    for _ in range(frames):
        state = state.after(fixed_ms + full_ms * state.scale**2, PERIOD_MS)
        if state.step != steps[-1]:
            steps.append(state.step)
    return steps


@given(st.floats(0.1, 60.0), st.floats(0.0, 8.0))
def test_under_a_steady_load_it_settles(full_ms: float, fixed_ms: float) -> None:
    steps = settled(full_ms, fixed_ms)
    assert all(after < before for before, after in pairwise(steps)), steps  # downwards, and never back


@given(st.floats(0.1, 60.0))
def test_it_ends_as_high_as_the_time_allows(full_ms: float) -> None:
    step = settled(full_ms, 0.0)[-1]
    assert step == 0 or full_ms * STEPS[step] ** 2 <= PERIOD_MS
    if step < len(STEPS) - 1:
        assert full_ms * STEPS[step + 1] ** 2 > 0.9 * PERIOD_MS


def test_it_rises_again_when_the_load_is_gone() -> None:
    state = Resolution(step=0)
    for _ in range(UP_AFTER * len(STEPS)):
        state = state.after(1.0, PERIOD_MS)
    assert state.scale == 1.0


def test_one_slow_frame_changes_nothing() -> None:
    state = Resolution()
    for number in range(10 * DOWN_AFTER):
        state = state.after(3 * PERIOD_MS if number % DOWN_AFTER == 0 else 5.0, PERIOD_MS)
    assert state.scale == 1.0


@given(st.sampled_from(STEPS), st.integers(64, 4096), st.integers(64, 4096))
def test_sizes_fit_the_picture(scale: float, width: int, height: int) -> None:
    across, up = size_at(scale, (width, height))
    assert 0 < across <= width and 0 < up <= height
    assert abs(across - scale * width) <= 8 and abs(up - scale * height) <= 8

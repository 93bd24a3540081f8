"""A position that is only guessed at is lost after a moment; one that never was known is not."""

from hypothesis import given
from hypothesis import strategies as st

from vrgen.display.openxr.tracking import GUESSED_S, Position

GUESSED_NS = round(GUESSED_S * 1e9)
steps_ns = st.integers(1_000_000, 400_000_000)


@given(st.lists(st.tuples(steps_ns, st.booleans())))
def test_it_is_lost_when_it_was_tracked_and_has_not_been_for_so_long(frames: list[tuple[int, bool]]) -> None:
    position, time_ns, tracked_ns = Position(), 1_000, None
    for step_ns, tracked in frames:
        time_ns += step_ns
        tracked_ns = time_ns if tracked else tracked_ns
        position = position.after(tracked, time_ns)
        assert position.lost == (tracked_ns is not None and time_ns - tracked_ns > GUESSED_NS)


def test_a_headset_that_never_knows_where_it_is_loses_nothing() -> None:
    position = Position()
    for second in range(60):
        position = position.after(False, second * 10**9)
        assert not position.lost


def test_a_moment_is_no_loss_and_the_first_tracked_frame_ends_one() -> None:
    known = Position().after(True, 10**9)
    assert not known.after(False, 10**9 + GUESSED_NS).lost
    lost = known.after(False, 10**9 + GUESSED_NS + 1)
    assert lost.lost and not lost.after(True, 2 * 10**9).lost

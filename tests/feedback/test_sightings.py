"""What of a headset's person is not seen, and when it is told."""

from hypothesis import given
from hypothesis import strategies as st

from vrgen.feedback.sightings import PATIENCE_S, UNSEEN, noticed
from vrgen.geometry import Pose
from vrgen.messages import Hand, Tracked

LEFT, RIGHT = Hand("left", grip_room=Pose()), Hand("right", grip_room=Pose())
BOTH = Tracked(hands=(LEFT, RIGHT))
ONE = Tracked(hands=(Hand("left"), RIGHT))


def after(tracked: Tracked | None, seconds: float) -> tuple[str, ...]:
    first = noticed(UNSEEN, tracked, 10.0)
    assert not first.notes
    return noticed(first, tracked, 10.0 + seconds).notes


def test_one_controller_none_and_no_head() -> None:
    assert after(BOTH, 60) == ()
    assert after(None, 60) == ()
    (one,) = after(ONE, PATIENCE_S)
    assert one.startswith("the left controller")
    (none,) = after(Tracked(hands=(Hand("left"), Hand("right"))), PATIENCE_S)
    assert none.startswith("no controller")
    (head,) = after(Tracked(hands=(LEFT, RIGHT), valid=False), PATIENCE_S)
    assert "tracking is lost" in head


@given(st.lists(st.tuples(st.floats(0.01, 1.5), st.booleans()), max_size=40))
def test_it_is_told_when_it_has_lasted_without_a_gap(moments: list[tuple[float, bool]]) -> None:
    seen = UNSEEN
    time_s, since_s = 0.0, None
    for step_s, missing in moments:
        time_s += step_s
        since_s = (since_s if since_s is not None else time_s) if missing else None
        seen = noticed(seen, ONE if missing else BOTH, time_s)
        assert bool(seen.notes) == (since_s is not None and time_s - since_s >= PATIENCE_S)

"""What is the matter with a headset, second by second: nothing of what passes in a moment, all of what stays."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrgen.display.openxr.troubles import Seen, Troubles
from vrgen.geometry import Pose
from vrgen.messages import Hand, Side, Tracked

INDEX, TOUCH = "valve/index_controller", "oculus/touch_controller"
STEP_S = 0.5
LASTING_S = 2.0


def hand(side: Side, profile: str = INDEX, there: bool = True) -> Hand:
    return Hand(side, Pose() if there else None, Pose() if there else None, profile if there else "")


BOTH = Tracked(hands=(hand("left"), hand("right")))
LEFT = Tracked(hands=(hand("left"), hand("right", there=False)))
RIGHT = Tracked(hands=(hand("left", there=False), hand("right")))
NONE = Tracked(hands=(hand("left", there=False), hand("right", there=False)))


def seen(
    troubles: Troubles, tracked: Tracked | None, begin_s: float, seconds: float, state: str = "FOCUSED"
) -> Troubles:
    """The same thing, seen for so long."""
    for step in range(round(seconds / STEP_S) + 1):
        troubles = troubles.after(Seen(state, tracked), begin_s + step * STEP_S)
    return troubles


def test_a_healthy_session_has_no_notes() -> None:
    assert seen(Troubles(), BOTH, 0, 60).notes == ()


def test_no_controllers_are_said_when_they_have_had_time_to_come() -> None:
    begun = seen(Troubles(), NONE, 0, 3)
    assert begun.notes == ()
    waited = seen(begun, NONE, 3, 6)
    (note,) = waited.notes
    assert "no controller" in note
    assert waited.after(Seen("FOCUSED", BOTH), 10).notes == ()


@pytest.mark.parametrize(("tracked", "other"), [(LEFT, "right"), (RIGHT, "left")])
def test_one_controller_only_is_said(tracked: Tracked, other: str) -> None:
    (note,) = seen(Troubles(), tracked, 0, 9).notes
    assert "only one" in note and other in note


@pytest.mark.parametrize(("tracked", "lost"), [(LEFT, "the right"), (RIGHT, "the left"), (NONE, "both")])
def test_a_controller_that_goes_is_lost_not_absent(tracked: Tracked, lost: str) -> None:
    known = seen(Troubles(), BOTH, 0, 3)
    assert seen(known, tracked, 3.5, 1).notes == ()
    (note,) = seen(known, tracked, 3.5, 3).notes
    assert note.startswith(lost) and "lost" in note


@given(st.lists(st.tuples(st.floats(0.01, 1.5), st.sampled_from([BOTH, LEFT, RIGHT, NONE])), max_size=40))
def test_a_loss_is_told_when_it_has_lasted_without_a_gap(moments: list[tuple[float, Tracked]]) -> None:
    known, now_s = seen(Troubles(), BOTH, 0, 5), 5.0
    since_s: dict[str, float] = {}
    for step_s, tracked in moments:
        now_s += step_s
        gone = {hand.side for hand in tracked.hands if hand.grip_room is None}
        since_s = {side: since_s.get(side, now_s) for side in sorted(gone)}
        known = known.after(Seen("FOCUSED", tracked), now_s)
        told = {side for side in ("left", "right") if any(side in note or "both" in note for note in known.notes)}
        assert told == {side for side, began_s in since_s.items() if now_s - began_s >= LASTING_S}


def test_bare_hands_are_no_loss() -> None:
    joints = np.zeros((26, 4))
    bare = Tracked(hands=(Hand("left", joints_room=joints), Hand("right", joints_room=joints)))
    assert seen(seen(Troubles(), BOTH, 0, 5), bare, 5, 5).notes == ()


def test_another_controller_is_news_for_a_while() -> None:
    known = seen(Troubles(), BOTH, 0, 5)
    changed = Tracked(hands=(hand("left"), hand("right", TOUCH)))
    now = known.after(Seen("FOCUSED", changed), 5.5)
    (note,) = now.notes
    assert note == "the right hand now has: Meta Quest and Rift"
    assert seen(now, changed, 6, 10).notes == ()


def test_tracking_that_is_lost_is_said() -> None:
    lost = replace(BOTH, valid=False)
    known = seen(Troubles(), BOTH, 0, 5)
    assert known.after(Seen("FOCUSED", lost), 5.5).notes == ()
    (note,) = seen(known, lost, 5.5, 3).notes
    assert "where it is" in note


@pytest.mark.parametrize(
    ("state", "words"),
    [("IDLE", "asleep"), ("SYNCHRONIZED", "not worn"), ("VISIBLE", "menu"), ("READY", "does not begin")],
)
def test_a_headset_that_does_not_show_the_world_says_why(state: str, words: str) -> None:
    before = seen(Troubles(), BOTH, 0, 5)
    assert before.after(Seen(state, BOTH), 5.5).notes == ()
    (note,) = seen(before, BOTH, 5.5, 6, state).notes
    assert words in note
    assert "controller" not in note or state == "VISIBLE"  # nobody has lost one


def test_a_runtime_that_asks_for_no_frames_is_said() -> None:
    (note,) = seen(seen(Troubles(), BOTH, 0, 5), None, 5, 5).notes
    assert "stopped asking" in note


def test_a_menu_is_no_loss_of_controllers() -> None:
    away = seen(seen(Troubles(), BOTH, 0, 5), NONE, 5, 30, "VISIBLE")
    assert seen(away, NONE, 35.5, 1).notes == ()


tracked = st.builds(
    lambda left, right, valid: Tracked(hands=(left, right), valid=valid),
    st.builds(lambda p, t: hand("left", p, t), st.sampled_from([INDEX, TOUCH, "new/one"]), st.booleans()),
    st.builds(lambda p, t: hand("right", p, t), st.sampled_from([INDEX, TOUCH, "new/one"]), st.booleans()),
    st.booleans(),
)
states = st.sampled_from(
    ["UNKNOWN", "IDLE", "READY", "SYNCHRONIZED", "VISIBLE", "FOCUSED", "STOPPING", "LOSS_PENDING", "EXITING"]
)


@given(st.lists(st.tuples(states, st.none() | tracked, st.floats(0, 5))))
def test_whatever_happens_a_session_that_is_well_again_has_no_notes(
    life: list[tuple[str, Tracked | None, float]],
) -> None:
    troubles, now_s = Troubles(), 0.0
    for state, what, dt_s in life:
        now_s += dt_s
        troubles = troubles.after(Seen(state, what), now_s)
        assert len(troubles.notes) <= 5 and all(note and not note.endswith(".") for note in troubles.notes)
    assert seen(troubles, BOTH, now_s, 20).notes == ()

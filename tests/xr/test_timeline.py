"""Timelines: where head and hands are at a moment, and what a script may say."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xr_testbed.headset import ControllerState, RemoteState, facing
from xr_testbed.timeline import BUTTONS, HandStep, PoseStep, ScriptError, Step, in_order, read_script, state_at

START = RemoteState()
metres = st.floats(-10, 10)
degrees = st.floats(-180, 180)
goals = st.builds(PoseStep, st.tuples(metres, metres, metres), degrees, degrees, degrees)
moments = st.floats(0, 20)
presses = st.lists(st.sampled_from(BUTTONS), max_size=3).map(tuple)
hands = st.builds(HandStep, pose=st.none() | goals, trigger=st.none() | st.floats(0, 1), press=presses)
steps = st.lists(st.builds(Step, moments, st.floats(0, 5), st.none() | goals, st.none() | hands), max_size=6)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "script.toml"
    path.write_text(text, encoding="utf-8")
    return path


@given(goals, st.floats(0.1, 5))
def test_a_step_begins_where_it_was_and_ends_where_it_says(goal: PoseStep, over_s: float) -> None:
    step = Step(1.0, over_s, head=goal)
    assert state_at([step], START, 0.999) == START
    assert state_at([step], START, 1.0).head.pose.position_m == START.head.pose.position_m
    there = state_at([step], START, 1.0 + over_s).head.pose
    wanted = facing(goal.position_m, goal.yaw_deg, goal.pitch_deg, goal.roll_deg)
    assert there.position_m == pytest.approx(wanted.position_m)
    assert abs(sum(a * b for a, b in zip(there.orientation, wanted.orientation))) == pytest.approx(1)


@given(goals, st.floats(0, 1))
def test_a_turn_is_even_and_the_shorter_way(goal: PoseStep, part: float) -> None:
    step = Step(0.0, 1.0, head=goal)

    def turned_by(t_s: float) -> float:
        return 2 * math.acos(min(1.0, abs(state_at([step], START, t_s).head.pose.orientation[3])))

    assert turned_by(1.0) <= math.pi + 1e-6
    # 1e-4: near no turn at all the arc cosine knows no more
    assert turned_by(part) == pytest.approx(part * turned_by(1.0), abs=1e-4)


@given(steps, moments)
def test_turns_stay_turns_and_nothing_moves_that_no_step_names(script: list[Step], t_s: float) -> None:
    state = state_at(in_order(script), START, t_s)
    for pose in (state.head.pose, state.left.pose):
        assert math.hypot(*pose.orientation) == pytest.approx(1)
    assert state.right == START.right
    assert state.left.thumbstick == START.left.thumbstick


@given(steps, moments)
def test_what_glides_never_jumps(script: list[Step], t_s: float) -> None:
    gliding = [step for step in in_order(script) if step.over_s > 0.05]
    before, after = (state_at(gliding, START, t).head.pose.position_m for t in (t_s, t_s + 1e-6))
    # six steps at once, 35 m in 0.05 s each
    assert math.dist(before, after) < 6 * 35 / 0.05 * 1e-6 + 1e-9


def test_buttons_are_held_until_they_are_released() -> None:
    script = [Step(1, right=HandStep(press=("a_click", "a_touch"))), Step(2, right=HandStep(release=("a_click",)))]
    held = [state_at(script, START, t).right for t in (0, 1, 1.9, 2, 9)]
    assert [hand.a_click for hand in held] == [False, True, True, False, False]
    assert [hand.a_touch for hand in held] == [False, True, True, True, True]


def test_every_button_of_the_controller_has_its_name_in_scripts() -> None:
    flags = {name for name, value in vars(ControllerState()).items() if value is False}
    assert flags == set(BUTTONS)


def test_a_file_says_it_all(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [[step]]
        at_s = 2
        left = { pose = { position_m = [0, 1, 0] }, thumbstick = [0, 1], curls = [1, 1, 1, 0, 0], squeeze = 1 }
        picture = "later.png"
        [[step]]
        at_s = 1
        over_s = 0.5
        head = { position_m = [0, 1.7, 1], yaw_deg = 90, pitch_deg = -10 }
        right = { press = ["b_click"], active = false }
        """,
    )
    first, second = read_script(path)
    assert (first.at_s, first.end_s, second.picture) == (1, 1.5, "later.png")
    end = state_at([first, second], START, 3)
    assert end.left.thumbstick == (0, 1)
    assert (end.left.curls.little, end.left.curls.thumb, end.left.squeeze) == (1, 0, 1)
    assert (end.right.b_click, end.right.active) == (True, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[step]]\nat_s = 1\nhaed = {}", "haed"),
        ("[[step]]\nat_s = 1\nleft = { press = ['c_click'] }", "c_click"),
        ("[[step]]\nat_s = 1\nhead = { yaw_deg = 3 }", "position_m"),
        ("[[step]]\nat_s = -1", "times are seconds, zero or more"),
        ("[[step", "script.toml"),
    ],
)
def test_what_no_headset_can_do_is_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ScriptError, match=said):
        read_script(written(tmp_path, text))

"""Controls become intents, and every binding is reachable and documented."""

import math
from pathlib import Path

import pytest

from vrgen.inputs import interpret as interpreting
from vrgen.inputs.bindings import BINDINGS, hand_rows, help_rows, markdown
from vrgen.inputs.interpret import RUN_MPS, WALK_MPS
from vrgen.messages import HAND_AXES, HAND_BUTTONS, Action, Controls, Intent


def interpret(controls: Controls, captured: frozenset[str] = frozenset()) -> Intent:
    """The intent of a single frame."""
    return interpreting.interpret(controls, captured=captured)[0]


def test_nothing_asks_for_nothing() -> None:
    assert interpret(Controls(dt_s=0.01)) == Intent()


@pytest.mark.parametrize(
    ("held", "walk"),
    [
        ({"w"}, (0, WALK_MPS)),
        ({"s"}, (0, -WALK_MPS)),
        ({"a"}, (-WALK_MPS, 0)),
        ({"d"}, (WALK_MPS, 0)),
        ({"up"}, (0, WALK_MPS)),
        ({"w", "up", "left shift"}, (0, RUN_MPS)),
        ({"w", "d"}, (WALK_MPS / math.sqrt(2), WALK_MPS / math.sqrt(2))),
        ({"w", "s"}, (0, 0)),
        ({"s", "left ctrl"}, (0, 0)),
    ],
)
def test_walking(held: set[str], walk: tuple[float, float]) -> None:
    assert interpret(Controls(held=frozenset(held))).walk_mps == pytest.approx(walk)


def test_looking_right_and_down_turns_right_and_down() -> None:
    yaw, pitch = interpret(Controls(look_px=(100, 50))).turn_rad
    assert yaw < 0
    assert pitch < 0
    assert abs(yaw) == pytest.approx(2 * abs(pitch))


@pytest.mark.parametrize("binding", [b for b in BINDINGS if b.action], ids=lambda b: b.does)
def test_every_way_fires_its_action_alone(binding) -> None:  # type: ignore[no-untyped-def]
    for way in (*binding.keys, *binding.pad, *binding.hand):
        *modifiers, key = way.split("+")
        held = frozenset({key, *(f"left {word}" for word in modifiers)})
        assert interpret(Controls(pressed=(key,), held=held)).actions == (binding.action,), way


def test_no_two_bindings_share_a_way() -> None:
    ways = [way for b in BINDINGS for way in (*b.keys, *b.pad, *b.hand)]
    assert len(ways) == len(set(ways))


def test_every_action_can_be_asked_for() -> None:
    assert {b.action for b in BINDINGS if b.action} == set(Action)


def test_modifiers() -> None:
    shift, ctrl = "left shift", "right ctrl"
    assert interpret(Controls(pressed=("n",), held=frozenset({shift}))).actions == (Action.NEW_WORLD,)
    assert interpret(Controls(pressed=("n",), held=frozenset({ctrl}))).actions == ()
    assert interpret(Controls(pressed=("z",), held=frozenset({ctrl, shift}))).actions == (Action.REDO,)
    assert interpret(Controls(pressed=("l", "n"))).actions == (Action.LIKE, Action.NEW_WORLD)


def test_what_the_panel_captures_does_not_steer() -> None:
    typing = Controls(pressed=("n", "space", "pad.x"), held=frozenset({"w", "n"}), typed="n")
    intent = interpret(typing, frozenset({"keyboard"}))
    assert intent.actions == (Action.LIKE,)
    assert intent.walk_mps == (0, 0)
    assert not intent.jump
    pointing = Controls(scroll=2, drag_px=(5, 5), held=frozenset({"w"}))
    intent = interpret(pointing, frozenset({"pointer"}))
    assert intent.morph == (0, 0)
    assert intent.walk_mps[1] > 0


def test_morphing_with_wheel_drag_and_stick() -> None:
    assert interpret(Controls(scroll=1)).morph[0] > 0
    right, up = interpret(Controls(drag_px=(10, -10))).morph
    assert right > 0
    assert up > 0
    stick = {"right_x": 1.0, "right_y": 0.0}
    assert interpret(Controls(dt_s=0.01, axes=stick)).turn_rad[0] < 0
    squeezed = interpret(Controls(dt_s=0.01, axes={**stick, "right_trigger": 1.0}))
    assert squeezed.turn_rad == (0, 0)
    assert squeezed.morph[0] > 0


def test_a_key_or_a_button_picks_what_is_in_the_middle_of_the_picture() -> None:
    assert interpret(Controls(pressed=("e",))).pick == "eyes"
    assert interpret(Controls(pressed=("pad.rb",))).pick == "eyes"
    assert interpret(Controls(held=frozenset({"e"}))).pick is None, "once a press"
    assert interpret(Controls(pressed=("e",)), frozenset({"keyboard"})).pick is None


def test_sticks_rest_in_the_dead_zone_and_reach_the_full_speed() -> None:
    assert interpret(Controls(axes={"left_x": 0.1, "left_y": -0.1})).walk_mps == (0, 0)
    assert interpret(Controls(axes={"left_x": 0.0, "left_y": -1.0})).walk_mps == pytest.approx((0, WALK_MPS))
    slow = interpret(Controls(axes={"left_x": 0.4, "left_y": 0.0})).walk_mps[0]
    assert 0 < slow < WALK_MPS


def test_a_stall_does_not_turn_the_person_round() -> None:
    assert abs(interpret(Controls(dt_s=30.0, axes={"right_x": 1.0})).turn_rad[0]) < 0.5


def test_closing_quits_and_a_dropped_file_swaps() -> None:
    assert interpret(Controls(closing=True)).actions == (Action.QUIT,)
    assert interpret(Controls(dropped=(Path("a.pt"), Path("b.pt")))).swap == Path("a.pt")


def test_help_names_every_binding() -> None:
    assert [does for _, does in help_rows()] == [b.does for b in BINDINGS if b.keys]
    assert all(b.does in markdown() for b in BINDINGS)


def test_help_for_hands_names_what_controllers_can_say() -> None:
    assert {way for b in BINDINGS for way in b.hand} == HAND_BUTTONS | set(HAND_AXES)
    told = {does for _, does in hand_rows()}
    assert {b.action.value for b in BINDINGS if b.action and b.hand} <= told
    assert ("menu", "new world") in hand_rows((("hand.new_world", "menu"),))

"""From buttons to meanings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrgen.display.openxr.presses import LONG_S, PICK_ON, RUN_RESTS_S, Buttons, Presses
from vrgen.display.openxr.profiles import BARE, PROFILES, Profile, profile_of
from vrgen.messages import HAND_AXES, HAND_BUTTONS


def using(path: str) -> Presses:
    profile = profile_of(path)
    assert profile is not None
    presses = Presses()
    presses.use(profile, profile)
    presses.step(Buttons(), 0.0)
    return presses


def clicks(*names: str) -> Buttons:
    return Buttons(list(names))


def test_a_button_is_pressed_once_and_held_while_it_is_down() -> None:
    presses = using("valve/index_controller")
    assert presses.step(clicks("hand.undo"), 0.1) == (frozenset({"hand.undo"}), ("hand.undo",), {})
    assert presses.step(clicks("hand.undo"), 0.2) == (frozenset({"hand.undo"}), (), {})
    assert presses.step(clicks(), 0.3) == (frozenset(), (), {})
    assert presses.step(clicks("hand.undo"), 0.4)[1] == ("hand.undo",)


def test_presses_come_in_the_order_they_were_made() -> None:
    presses = using("valve/index_controller")
    assert presses.step(clicks("hand.undo", "hand.dislike", "hand.new_world"), 0.1)[1] == (
        "hand.undo",
        "hand.dislike",
        "hand.new_world",
    )


def test_a_trigger_that_trembles_is_one_press() -> None:
    presses = using("oculus/touch_controller")
    pressed = []
    for at, value in enumerate((0.2, PICK_ON, 0.5, 0.62, 0.4, 0.9, 0.1, 0.5, 0.7)):
        pressed += presses.step(Buttons(values={"right.pick": value}), at * 0.01)[1]
    assert pressed == ["right.pick", "right.pick"]


def test_the_index_drags_by_force_a_little_of_which_is_enough() -> None:
    assert presses_drag("valve/index_controller", 0.35)
    assert not presses_drag("oculus/touch_controller", 0.35)


def presses_drag(path: str, value: float) -> bool:
    return "left.drag" in using(path).step(Buttons(values={"left.drag": value}), 0.1)[0]


@pytest.mark.parametrize(
    ("at", "does"),
    [
        ((0.0, 0.9), "hand.like"),
        ((0.1, -0.7), "hand.dislike"),
        ((-0.8, 0.5), "hand.undo"),
        ((0.8, 0.0), "hand.redo"),
    ],
)
def test_a_pad_does_what_its_place_means_wherever_the_thumb_slides(at: tuple[float, float], does: str) -> None:
    presses = using("htc/vive_controller")

    def pad(at: tuple[float, float], press: float) -> Buttons:
        return Buttons(values={"left.pad_press": press}, sticks={"left.pad": at})

    assert presses.step(pad(at, 0.0), 0.1)[0] == frozenset()
    held = presses.step(pad(at, 1.0), 0.2)[0]
    assert held == (frozenset() if does == "hand.like" else frozenset({does}))  # held, like means a screenshot
    assert presses.step(pad((-at[0], -at[1]), 1.0), 0.3)[0] == held
    _, pressed, _ = presses.step(pad(at, 0.0), 0.4)
    assert pressed == (("hand.like",) if does == "hand.like" else ())


def test_a_vive_pad_pressed_at_its_side_turns_and_at_the_top_teleports() -> None:
    presses = using("htc/vive_controller")

    def pad(x: float, y: float, press: float) -> Buttons:
        return Buttons(values={"right.pad_press": press}, sticks={"right.pad": (x, y), "hand.move": (0.0, 0.5)})

    assert presses.step(pad(-0.9, 0.1, 0.0), 0.1)[2]["hand.turn_x"] == 0.0  # a thumb that only lies there
    assert presses.step(pad(-0.9, 0.1, 1.0), 0.2)[2]["hand.turn_x"] == -1.0
    assert presses.step(pad(0.9, 0.1, 0.0), 0.3)[2]["hand.turn_x"] == 0.0
    assert presses.step(pad(0.9, 0.1, 1.0), 0.4)[2]["hand.turn_x"] == 1.0
    presses.step(pad(0.0, 0.0, 0.0), 0.5)
    held, pressed, axes = presses.step(pad(0.0, 0.9, 1.0), 0.6)
    assert held == {"hand.teleport"} and pressed == ("hand.teleport",)
    assert axes == {"hand.turn_x": 0.0, "hand.move_x": 0.0, "hand.move_y": 0.5}


def test_holding_a_button_means_something_else_than_a_tap() -> None:
    presses = using("oculus/touch_controller")
    assert presses.step(clicks("hand.undo"), 1.0)[:2] == (frozenset(), ())
    assert presses.step(clicks("hand.undo"), 1.0 + LONG_S / 2)[:2] == (frozenset(), ())
    assert presses.step(clicks(), 1.1 + LONG_S / 2)[:2] == (frozenset(), ("hand.undo",))  # a tap
    assert presses.step(clicks("hand.undo"), 5.0)[1] == ()
    assert presses.step(clicks("hand.undo"), 5.01 + LONG_S)[:2] == (frozenset({"hand.redo"}), ("hand.redo",))
    assert presses.step(clicks("hand.undo"), 6.0 + LONG_S)[:2] == (frozenset({"hand.redo"}), ())
    assert presses.step(clicks(), 7.0 + LONG_S)[:2] == (frozenset(), ())


def test_a_controller_with_a_button_for_it_needs_no_long_press() -> None:
    presses = using("htc/vive_cosmos_controller")
    assert presses.step(clicks("hand.undo"), 1.0)[1] == ("hand.undo",)


def test_of_two_controllers_one_with_a_button_for_it_is_enough() -> None:
    presses = Presses()
    presses.use(profile_of("oculus/touch_controller"), profile_of("htc/vive_cosmos_controller"))
    presses.step(Buttons(), 0.0)
    assert presses.step(clicks("hand.undo"), 1.0)[1] == ("hand.undo",)  # the Cosmos has a button for redo
    presses.step(Buttons(), 1.1)
    assert presses.step(clicks("hand.panel"), 1.2)[1] == ()  # neither has one for recentre


def test_what_was_down_when_the_controls_come_back_counts_from_its_next_press() -> None:
    presses = using("oculus/touch_controller")
    down = Buttons(["hand.pause"], {"right.pick": 1.0})
    presses.release()
    assert presses.step(down, 1.0)[:2] == (frozenset(), ())
    assert presses.step(down, 9.0)[:2] == (frozenset(), ())
    assert presses.step(Buttons(["hand.pause"]), 9.1)[:2] == (frozenset(), ())
    assert presses.step(down, 9.2)[:2] == (frozenset({"right.pick"}), ("right.pick",))


def test_one_press_runs_until_the_stick_rests() -> None:
    presses = using("oculus/touch_controller")

    def moving(y: float, *names: str) -> Buttons:
        return Buttons(list(names), sticks={"hand.move": (0.0, y)})

    assert "hand.run" not in presses.step(moving(1.0), 1.0)[0]
    assert "hand.run" in presses.step(moving(1.0, "hand.run"), 1.1)[0]
    assert "hand.run" in presses.step(moving(1.0), 5.0)[0]
    assert "hand.run" in presses.step(moving(0.0), 5.1)[0]
    assert "hand.run" in presses.step(moving(0.0), 5.2)[0]
    assert "hand.run" in presses.step(moving(0.8), 5.0 + RUN_RESTS_S)[0]  # only a short rest
    presses.step(moving(0.0), 8.0)
    assert "hand.run" not in presses.step(moving(0.0), 8.1 + RUN_RESTS_S)[0]
    presses.step(moving(1.0, "hand.run"), 10.0)
    presses.step(moving(1.0), 10.1)
    assert "hand.run" not in presses.step(moving(1.0, "hand.run"), 10.2)[0]  # a second press


def test_both_bare_fists_ask_for_the_panel_and_drag_nothing() -> None:
    presses = Presses()
    presses.use(BARE, BARE)
    presses.step(Buttons(), 0.0)
    assert presses.step(Buttons(values={"left.drag": 1.0}), 0.1)[:2] == (frozenset({"left.drag"}), ("left.drag",))
    both = Buttons(values={"left.drag": 1.0, "right.drag": 1.0})
    assert presses.step(both, 0.2)[:2] == (frozenset(), ())
    assert presses.step(Buttons(), 0.3)[:2] == (frozenset(), ("hand.panel",))
    presses.step(both, 1.0)
    assert presses.step(both, 1.1 + LONG_S)[1] == ("hand.recentre",)
    one = using("oculus/touch_controller")
    assert one.step(both, 0.2)[0] == {"left.drag", "right.drag"}


unit = st.floats(-1, 1)
buttons = st.builds(
    Buttons,
    st.lists(st.sampled_from(sorted(name for name in HAND_BUTTONS if name.startswith("hand."))), unique=True),
    st.dictionaries(
        st.sampled_from(
            [f"{side}.{what}" for side in ("left", "right") for what in ("pick", "drag", "pad_press")]
        ),
        st.floats(0, 1),
    ),
    st.dictionaries(st.sampled_from(["hand.move", "hand.turn", "left.pad", "right.pad"]), st.tuples(unit, unit)),
)
some_profile = st.sampled_from([None, BARE, *PROFILES])


@given(st.lists(st.tuples(buttons, some_profile, some_profile, st.floats(0, 2), st.booleans()), max_size=12))
def test_whatever_happens_only_known_names_are_said_and_nothing_stays_down(
    story: list[tuple[Buttons, Profile | None, Profile | None, float, bool]],
) -> None:
    presses = Presses()
    time_s = 0.0
    for said, left, right, later_s, lost in story:
        time_s += later_s
        if lost:
            presses.release()
        presses.use(left, right)
        before = presses.step(said, time_s)[0]
        held, pressed, axes = presses.step(said, time_s + 0.001)
        assert held <= HAND_BUTTONS and set(pressed) <= HAND_BUTTONS
        assert len(set(pressed)) == len(pressed)
        assert held - before <= set(pressed) | {"hand.run"}, "what is held now and was not was pressed"
        assert set(axes) <= set(HAND_AXES) and all(-1 <= value <= 1 for value in axes.values())
        time_s += 0.001
    presses.step(Buttons(), time_s)
    assert presses.step(Buttons(), time_s + RUN_RESTS_S + 0.1)[:2] == (frozenset(), ())
    assert presses.step(Buttons(), time_s + RUN_RESTS_S + 0.2)[:2] == (frozenset(), ())


@given(st.floats(0.01, 3.0), st.sampled_from([p for p in PROFILES if p.long]))
def test_a_press_of_two_meanings_tells_exactly_one(held_s: float, profile: Profile) -> None:
    for short, long in profile.long.items():
        presses = using(profile.path)
        said: list[str] = []
        for part in (0.0, 0.3, 0.6, 1.0):
            time_s = 1.0 + held_s * part
            said += presses.step(clicks(short), time_s)[1]
        said += presses.step(clicks(), time_s)[1]
        assert said in ([short], [long])

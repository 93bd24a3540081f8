"""The table of controllers: whole, consistent, and true to what the help says.

The runtime's own word on the paths is asked for in tests/xr/test_actions.py.
"""

import re
import subprocess
import sys

import pytest

from vrgen.display.openxr.actions import EXTENSIONS
from vrgen.display.openxr.labels import labels_of
from vrgen.display.openxr.profiles import (
    ACTIONS,
    PROFILES,
    SIDES,
    Kind,
    Profile,
    help_of,
    profile_of,
    table,
    words_of,
)
from vrgen.messages import HAND_AXES, HAND_BUTTONS

IDS = [profile.path for profile in PROFILES]
FULL = [profile for profile in PROFILES if profile.full]
each = pytest.mark.parametrize("profile", PROFILES, ids=IDS)
each_full = pytest.mark.parametrize("profile", FULL, ids=[profile.path for profile in FULL])


def kind_of(path: str) -> set[Kind]:
    """What a component gives, by its last word (OpenXR 1.1, 6.3.2); a click may stand for a value of 0 or 1."""
    last = path.rsplit("/", 1)[1]
    return {
        "click": {Kind.CLICK, Kind.VALUE},
        "value": {Kind.VALUE},
        "force": {Kind.VALUE},
        "pose": {Kind.POSE},
        "haptic": {Kind.PULSE},
        "thumbstick": {Kind.STICK},
        "trackpad": {Kind.STICK},
    }[last]


@each
def test_paths_are_well_formed_and_fit_their_actions(profile: Profile) -> None:
    assert re.fullmatch(r"[a-z]+/[a-z0-9_]+", profile.path)
    for name, paths in profile.bindings.items():
        side, _, action = name.partition(".")
        assert side in (("left", "right") if ACTIONS[action].sided else ("hand",))
        for path in paths:
            assert re.fullmatch(r"/user/(hand/(left|right)|eyes_ext)/(input(/[a-z_]+){1,2}|output/haptic)", path)
            assert ACTIONS[action].kind in kind_of(path)
            if side != "hand":
                assert path.startswith(f"/user/hand/{side}/")


@each
def test_no_button_does_two_things(profile: Profile) -> None:
    used = [path for name, paths in profile.bindings.items() for path in paths if not name.endswith(".pad")]
    assert len(used) == len(set(used))
    for side, pad in profile.pads.items():
        assert f"{side}.pad" in profile.bindings and f"{side}.pad_press" in profile.bindings
        assert len(set(pad.values())) == len(pad)
        for place, name in pad.items():
            assert place in ("up", "down", "left", "right", "any")
            assert name in HAND_BUTTONS or name in ("turn.left", "turn.right")
            assert name not in profile.bindings, "a pad repeats a button"
    assert not set(profile.long) & set(profile.long.values())


@each
def test_everything_is_on_the_controller_or_on_the_panel(profile: Profile) -> None:
    places = (profile.direct, frozenset(profile.long.values()), profile.on_panel)
    assert frozenset().union(*places) == HAND_BUTTONS
    assert sum(map(len, places)) == len(HAND_BUTTONS)


@each_full
def test_a_full_controller_leaves_little_to_the_panel(profile: Profile) -> None:
    assert profile.on_panel <= {"hand.run"}
    assert {"hand.new_world", "hand.undo", "hand.like", "hand.dislike", "hand.pause"} <= profile.direct
    assert "hand.move" in profile.bindings
    assert {"left.haptic", "right.haptic"} <= set(profile.bindings)


@pytest.mark.parametrize("profile", [p for p in PROFILES if "/eye" not in p.path], ids=lambda p: p.path)
def test_with_every_controller_one_points_picks_and_gets_anywhere(profile: Profile) -> None:
    assert {f"{side}.{what}" for side in ("left", "right") for what in ("grip", "aim", "pick")} <= set(
        profile.bindings
    )
    assert "hand.teleport" in profile.direct
    assert "hand.panel" in profile.direct | set(profile.long.values()), "what is on the panel only can be reached"


@each
def test_help_names_every_button_once(profile: Profile) -> None:
    rows = help_of(profile)
    buttons = [(row.side, row.button) for row in rows]
    assert len(buttons) == len(set(buttons))
    told = {name for row in rows for name in row.names}
    assert told & HAND_BUTTONS >= HAND_BUTTONS - profile.on_panel - {"hand.teleport"}
    assert all(row.does for row in rows)


def test_words_of_two_controllers_come_each_from_its_own() -> None:
    index, simple = profile_of("valve/index_controller"), profile_of("khr/simple_controller")
    words = dict(words_of(index, simple))
    assert words["hand.like"] == "left A"
    assert words["hand.screenshot"] == "left A, held"
    assert words["hand.new_world"] == "right menu"
    assert words["hand.panel"] == "right menu, held"
    assert (
        "hand.undo" not in words
    )  # on the Index' right hand and on the simple one's left hand, both of which lie away
    assert set(words) <= HAND_BUTTONS | set(HAND_AXES)
    assert dict(words_of(index, index))["hand.teleport"] == "right stick forward, let go"
    assert words_of(None, None) == ()


def test_labels_stand_at_the_parts_that_the_models_have() -> None:
    labels = {label.button: label for label in labels_of("oculus/touch_controller", "left")}
    assert set(labels) == {"trigger", "squeeze", "thumbstick", "x", "y", "menu"}
    assert labels["thumbstick"].text == "move / press: run"
    assert labels["trigger"].does == "pick"
    (pad,) = [label for label in labels_of("htc/vive_controller", "right") if label.button == "trackpad"]
    assert pad.text == "up: teleport / down: panel, hold: recentre / left, right: turn"
    assert labels_of("acme/unheard_of", "left") == ()


@each
def test_every_label_that_lights_up_is_of_a_button_that_is_told(profile: Profile) -> None:
    for side in SIDES:
        labels = labels_of(profile.path, side)
        assert len({label.button for label in labels}) == len(labels)
        for label in labels:
            assert not label.does or {f"hand.{label.does}", f"{side}.{label.does}"} & HAND_BUTTONS
            assert label.text


def test_profiles_are_found_by_the_path_that_the_runtime_names() -> None:
    assert len(set(IDS)) == len(IDS)
    assert all(profile_of(profile.path) is profile for profile in PROFILES)
    assert profile_of("acme/unheard_of") is None
    assert profile_of("") is None


def test_a_profile_needs_its_extension_or_a_version_that_has_it() -> None:
    cosmos = profile_of("htc/vive_cosmos_controller")
    plus = profile_of("meta/touch_plus_controller")
    vive = profile_of("htc/vive_controller")
    assert cosmos is not None and plus is not None and vive is not None
    with_cosmos = frozenset({"XR_HTC_vive_cosmos_controller_interaction"})
    assert cosmos.works_with(with_cosmos, (1, 0))
    assert cosmos.works_with(frozenset(), (1, 1))
    assert not cosmos.works_with(frozenset(), (1, 0))
    assert plus.works_with(frozenset(), (1, 1)) and not plus.works_with(with_cosmos, (1, 0))
    assert vive.works_with(frozenset(), (1, 0))
    assert all(profile.extension in EXTENSIONS for profile in PROFILES if profile.extension)


def test_actions_have_names_that_a_runtime_takes() -> None:
    assert all(re.fullmatch(r"[a-z0-9_.-]{1,63}", name) for name in ACTIONS)
    words = [action.words for action in ACTIONS.values()]
    assert len(set(words)) == len(words) and all(len(text) < 128 for text in words)
    for name in HAND_BUTTONS:
        assert ACTIONS[name.split(".")[1]].kind in (Kind.CLICK, Kind.VALUE)


def test_the_table_for_the_guide_has_every_controller() -> None:
    lines = table().splitlines()
    assert all(line.count("|") == 5 for line in lines)
    for profile in PROFILES:
        assert profile.name in table() or profile.name == "eyes"
    index = next(line for line in lines if "Valve Index" in line)
    assert "**A** new world" in index.split("|")[3]


def test_reading_the_table_loads_no_openxr() -> None:
    code = "import sys, vrgen.display.openxr.actions; print('xr' in sys.modules, 'OpenGL' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False"]

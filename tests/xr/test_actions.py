"""Controllers and bare hands on a real runtime: what a script does with them is what `Actions` says."""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xr_testbed.headset import ControllerState, FingerCurls, Pose, RemoteState, facing
from xr_testbed.program import Program
from xr_testbed.testbed import Testbed

from vrgen.display.openxr.profiles import PROFILES

pytestmark = pytest.mark.xr

PROGRAM = Path(__file__).with_name("hands_program.py")
ROOT = Path(__file__).resolve().parents[2]
NOT_IN_MONADO_25 = {
    "bytedance/pico_ultra_controller_bd",
    "khr/generic_controller",
    "microsoft/hand_interaction",
}
"""Profiles of extensions that this runtime does not offer."""


def said_by(program: Program) -> list[dict[str, Any]]:
    """What the program has told so far, without the runtime's own words."""
    return [json.loads(line) for line in program.said().splitlines() if line.startswith("{")]


class Hands:
    """The program of this test, and the controllers that a test moves."""

    def __init__(self, testbed: Testbed, program: Program) -> None:
        self.testbed, self.program = testbed, program
        self._seen = 0

    def last(self) -> dict[str, Any]:
        return said_by(self.program)[-1]

    def when(self, what: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first thing told, after what was waited for before, of which that is so."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            told = said_by(self.program)
            for at, each in enumerate(told[self._seen :], self._seen):
                if "held" in each and what(each):
                    self._seen = at + 1
                    return each
            time.sleep(0.02)
        raise AssertionError(f"waited in vain; told last: {self.program.last_line()[:400]}")

    def change(self, side: str, **what: Any) -> None:
        self.testbed.headset.change(lambda state: replace(state, **{side: replace(getattr(state, side), **what)}))

    def press(self, side: str, name: str, **what: Any) -> None:
        """Do that with a controller, see the name pressed and held, and let go again."""
        self.change(side, **what)
        assert name in self.when(lambda told: name in told["pressed"])["held"]
        rest = ControllerState()
        self.change(side, **{key: getattr(rest, key) for key in what})
        self.when(lambda told: name not in told["held"] and not told["pressed"])


@pytest.fixture
def hands(testbed: Testbed, request: pytest.FixtureRequest) -> Iterator[Hands]:
    """A session with both controllers at rest; `hands` may be given a profile to be limited to."""
    testbed.headset.send(RemoteState())
    limit = ["--profile", request.param] if hasattr(request, "param") else []
    program = testbed.popen(testbed.python(PROGRAM, *limit), {"PYTHONPATH": str(ROOT)})
    hands = Hands(testbed, program)
    try:
        hands.when(lambda told: told["focused"] and told["hands"]["right"]["profile"] != "")
        yield hands
    finally:
        testbed.headset.send(RemoteState())
        program.end()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_runtime_takes_the_bindings_of_every_profile(testbed: Testbed, tmp_path: Path, version: str) -> None:
    findings = testbed.folder / f"findings-{version}.txt"
    env = testbed.environment(validation=findings) | {"PYTHONPATH": str(ROOT)}
    done = testbed.run(testbed.python(PROGRAM, "--each", "--version", version), env)
    assert done.returncode == 0, done.stdout
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [each["profile"] for each in told] == [profile.path for profile in PROFILES]
    assert [each["refused"] for each in told if each["refused"]] == []
    core = {profile.path for profile in PROFILES if profile.core == (1, 1) and not profile.extension}
    unknown = {each["profile"] for each in told if not each["known"]}
    assert unknown == (NOT_IN_MONADO_25 if version == "1.1" else NOT_IN_MONADO_25 | core)
    assert "VALID_ERROR" not in findings.read_text() and "VALID_WARNING" not in findings.read_text()


def test_every_button_of_the_index_says_what_it_means(hands: Hands) -> None:
    hands.press("right", "right.pick", trigger=1.0)
    hands.press("left", "left.pick", trigger=0.8)
    hands.press("right", "right.drag", squeeze_force=0.6)
    hands.press("left", "left.drag", squeeze_force=0.6)
    hands.press("right", "hand.new_world", a_click=True)
    hands.press("right", "hand.undo", b_click=True)
    hands.press("right", "hand.redo", trackpad_force=1.0)
    hands.press("left", "hand.pause", thumbstick_click=True)
    hands.change("left", a_click=True)
    assert "hand.like" not in hands.when(lambda told: "hand.screenshot" in told["pressed"])["pressed"]
    hands.change("left", a_click=False)
    hands.when(lambda told: not told["held"])
    for side, button, name in (("left", "a_click", "hand.like"), ("right", "thumbstick_click", "hand.panel")):
        hands.change(side, **{button: True})
        time.sleep(0.1)
        hands.change(side, **{button: False})
        hands.when(lambda told, name=name: name in told["pressed"])  # type: ignore[misc]
    hands.change("left", b_click=True)
    hands.when(lambda told: "hand.dislike" in told["pressed"])
    assert hands.program.wait(10) == 0


def test_what_is_held_when_the_controls_come_counts_from_its_next_press(testbed: Testbed) -> None:
    state = RemoteState()
    testbed.headset.send(replace(state, right=replace(state.right, trigger=1.0, a_click=True)))
    program = testbed.popen(testbed.python(PROGRAM), {"PYTHONPATH": str(ROOT)})
    hands = Hands(testbed, program)
    try:
        first = hands.when(lambda told: True)
        assert not first["focused"] and first["hands"]["right"]["grip"] is None and first["axes"] == {}
        focused = hands.when(lambda told: told["focused"] and told["hands"]["right"]["grip"] is not None)
        assert focused["held"] == focused["pressed"] == []
        hands.change("right", a_click=False)
        time.sleep(0.1)
        assert hands.last()["held"] == []
        hands.press("right", "hand.new_world", a_click=True)
        hands.change("right", trigger=0.0)
        time.sleep(0.1)
        hands.press("right", "right.pick", trigger=1.0)
    finally:
        testbed.headset.send(RemoteState())
        program.end()


def test_sticks_are_axes_and_a_press_of_the_pad_runs(hands: Hands) -> None:
    hands.change("left", thumbstick=(-0.25, 0.75))
    hands.change("right", thumbstick=(0.5, -1.0))
    axes = {"hand.move_x": -0.25, "hand.move_y": 0.75, "hand.turn_x": 0.5, "hand.turn_y": -1.0}
    hands.when(lambda told: told["axes"] == pytest.approx(axes, abs=1e-3))
    hands.change("left", trackpad_force=1.0)
    hands.when(lambda told: "hand.run" in told["held"])
    hands.change("left", trackpad_force=0.0)
    time.sleep(0.1)
    assert "hand.run" in hands.last()["held"]
    hands.change("left", thumbstick=(0.0, 0.0))
    hands.when(lambda told: "hand.run" not in told["held"])


@pytest.mark.parametrize("hands", ["oculus/touch_controller"], indirect=True)
def test_a_touch_controller_is_squeezed_by_value(hands: Hands) -> None:
    told = hands.last()
    assert told["hands"]["left"]["profile"] == "oculus/touch_controller"
    assert told["hands"]["left"]["model"] == "touch"
    hands.press("left", "left.drag", squeeze=1.0)
    hands.press("right", "hand.new_world", a_click=True)
    hands.press("left", "hand.pause", system_click=True)  # the runtime's own stand-in for the menu button


@pytest.mark.parametrize("hands", ["khr/simple_controller"], indirect=True)
def test_a_simple_controller_picks_and_has_no_axes(hands: Hands) -> None:
    assert hands.last()["axes"] == {}
    hands.press("right", "right.pick", trigger=1.0)
    hands.change("right", b_click=True)
    hands.when(lambda told: "hand.panel" in told["pressed"])
    hands.change("right", b_click=False)


def test_hands_are_where_the_controllers_are(hands: Hands) -> None:
    left = facing((-0.31, 1.27, -0.44), yaw_deg=35, pitch_deg=-20, roll_deg=10)
    right = facing((0.12, 0.93, -0.61), yaw_deg=-80, pitch_deg=45, roll_deg=-120)
    hands.testbed.headset.move(left=left, right=right)

    def there(told: dict[str, Any]) -> bool:
        return all(
            near(told["hands"][side][which], pose)
            for side, pose in (("left", left), ("right", right))
            for which in ("grip", "aim")
        )

    told = hands.when(there)
    assert all(told["hands"][side]["joints"] is None for side in ("left", "right"))


def near(told: list[float] | None, pose: Pose) -> bool:
    """Within 1 mm and 0.1°."""
    if told is None:
        return False
    apart = abs(float(np.dot(told[3:], pose.orientation)))
    return math.dist(told[:3], pose.position_m) < 1e-3 and 2 * math.acos(min(apart, 1.0)) < math.radians(0.1)


def test_a_controller_that_is_laid_down_leaves_a_bare_hand_that_pinches_and_drags(hands: Hands) -> None:
    hands.change("right", active=False)
    bare = hands.when(lambda told: told["hands"]["right"]["joints"] is not None)
    assert bare["hands"]["right"]["profile"] == "" and bare["hands"]["right"]["model"] == ""
    assert bare["hands"]["left"]["joints"] is None
    joints = np.array(bare["hands"]["right"]["joints"])
    assert joints.shape == (26, 4)
    assert np.linalg.norm(joints[:, :3] - bare["hands"]["right"]["grip"][:3], axis=1).max() < 0.25
    assert (joints[:, 3] > 0.002).all() and (joints[:, 3] < 0.05).all()
    assert bare["hands"]["right"]["aim"] is not None
    assert "hand.move_x" in bare["axes"], "the other controller's stick still moves"
    fist = FingerCurls(1.0, 1.0, 1.0, 1.0, 1.0)
    hands.change("right", curls=fist)
    hands.when(lambda told: "right.drag" in told["pressed"])
    hands.change("right", curls=FingerCurls())
    hands.when(lambda told: "right.drag" not in told["held"])
    hands.change("right", hand_tracking_active=False)
    gone = hands.when(lambda told: told["hands"]["right"]["joints"] is None)
    assert gone["hands"]["right"]["grip"] is None and gone["hands"]["right"]["aim"] is None
    hands.change("right", active=True)
    back = hands.when(lambda told: told["hands"]["right"]["grip"] is not None)
    assert back["hands"]["right"]["profile"] == "valve/index_controller"


def test_one_action_set_serves_session_after_session(testbed: Testbed) -> None:
    testbed.headset.send(RemoteState())
    findings = testbed.folder / "findings-sessions.txt"
    env = testbed.environment(validation=findings) | {"PYTHONPATH": str(ROOT)}
    program = testbed.popen(testbed.python(PROGRAM, "--sessions", "2"), env)
    hands = Hands(testbed, program)
    try:
        for _ in range(2):
            hands.when(lambda told: told["focused"] and told["hands"]["left"]["profile"] != "")
            hands.press("right", "right.pick", trigger=1.0)
            hands.change("left", b_click=True)
            hands.when(lambda told: "hand.dislike" in told["pressed"])
            hands.change("left", b_click=False)
        assert program.wait(10) == 0
    finally:
        program.end()
    assert "VALID_ERROR" not in findings.read_text() and "VALID_WARNING" not in findings.read_text()


def test_a_runtime_that_dies_ends_the_sync_with_a_sentence(hands: Hands) -> None:
    hands.testbed.stop_runtime()
    try:
        assert hands.program.wait(20) != 0
        assert "OpenXrError: OpenXR: xr" in hands.program.said()
    finally:
        hands.testbed.start_runtime()

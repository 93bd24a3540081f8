"""The panel in the world of a person in a headset: drawn into both eyes, used by rays and triggers."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from vrgen.clock import StepClock
from vrgen.display.headless import HeadlessDisplay
from vrgen.feedback.panel_state import PanelState, PanelWants
from vrgen.geometry import Fov, Pose, inverse_rigid, multiply, pitch_quat, projection, transform, yaw_quat
from vrgen.inputs.bindings import hand_rows
from vrgen.messages import (
    Action,
    Choice,
    Controls,
    GeneratorStatus,
    Hand,
    Knob,
    Person,
    Phase,
    Side,
    Tracked,
    View,
)
from vrgen.room import world_from_room

EYE_PX = (480, 540)
FOV = Fov(-math.radians(50), math.radians(50), math.radians(50), -math.radians(50))
HEAD = Pose((0.1, 1.62, -0.2), multiply(yaw_quat(0.3), pitch_quat(-0.15)))
PERSON = Person((5.0, 2.0, -3.0), 0.4, room=1, head_room=HEAD.position, head_yaw_rad=0.3)
SEASON = Knob("season", "slider", (1,), "Season", ("g",))
GROUND = Knob("ground", "label", (1, 3), "Ground", ("g",), labels=("grass", "sand", "snow"))
STATE = PanelState(
    title="Valley",
    choice=Choice(values={"season": np.array([0.3], np.float32), "ground": np.array([[1, 0, 0]], np.float32)}),
    knobs=(SEASON, GROUND),
    generators=(
        GeneratorStatus("sky", Phase.READY),
        GeneratorStatus("terrain", Phase.MAKING, busy_s=1, usual_s=2),
    ),
    rate_hz=90.0,
    missed=2,
    help=hand_rows((("hand.new_world", "right A"), ("hand.pause", "left menu"))),
)
SKY = (102, 153, 204)


class Worn:
    """The panel in a headset that is imitated: two eyes in one picture, hands where they are put."""

    def __init__(self, panel, display: HeadlessDisplay) -> None:  # type: ignore[no-untyped-def]
        self.panel, self.display = panel, display
        self.person = PERSON
        self.ground = 2.0
        self.wanted: list[PanelWants] = []

    @property
    def views(self) -> tuple[View, ...]:
        room = world_from_room(self.person)
        width, height = EYE_PX
        return tuple(
            View(
                room @ HEAD.matrix() @ transform((aside, 0, 0)),
                FOV,
                self.framebuffer,
                (which * width, 0, width, height),
            )
            for which, aside in enumerate((-0.032, 0.032))
        )

    def aimed(self, at: tuple[float, float], side: Side = "right") -> Hand:
        """A hand that points at that place of the panel's plane."""
        start = np.array([0.25 if side == "right" else -0.05, 1.25, -0.4])
        room_from_world = inverse_rigid(world_from_room(self.person))
        target = (room_from_world @ [*self.panel._hanging.place(at), 1.0])[:3]
        x, y, z = target - start
        turn = multiply(yaw_quat(math.atan2(-x, -z)), pitch_quat(math.atan2(y, math.hypot(x, z))))
        pose = Pose(tuple(start), turn)
        return Hand(side, pose, pose)

    def frame(self, *hands: Hand, state: PanelState = STATE, valid: bool = True, **controls) -> PanelWants:  # type: ignore[no-untyped-def]
        from vrgen.gl.api import GL

        for open_frame in self.display.frames():
            with open_frame as frame:
                self.framebuffer = frame.views(Person())[0].framebuffer
                GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self.framebuffer)
                GL.glClearColor(*(part / 255 for part in SKY), 1.0)
                GL.glClear(GL.GL_COLOR_BUFFER_BIT)
                said: Controls = replace(
                    frame.controls, tracked=Tracked(HEAD, hands=hands, valid=valid), **controls
                )
                self.panel.hang(self.person, said, lambda x, z: self.ground)
                wants: PanelWants = self.panel.update(said, lambda: state)
                self.panel.draw(self.views)
            break
        self.wanted.append(wants)
        return wants

    def settle(self, *hands: Hand, state: PanelState = STATE) -> np.ndarray:
        for _ in range(10):
            self.frame(*hands, state=state)
        return self.display.read_pixels().astype(int)

    def pull(self, hand: Hand, state: PanelState = STATE) -> list[PanelWants]:
        """Its trigger, and let go."""
        pick = f"{hand.side}.pick"
        return [
            self.frame(hand, state=state),
            self.frame(hand, state=state, pressed=(pick,), held=frozenset({pick})),
            self.frame(hand, state=state, held=frozenset({pick})),
            self.frame(hand, state=state),
            self.frame(hand, state=state),
        ]


@pytest.fixture
def worn(gl_context: HeadlessDisplay) -> Iterator[Worn]:
    from vrgen.feedback.panel import Panel
    from vrgen.gl.objects import alive
    from vrgen.gl.pipeline import Pipeline

    gl_context.close()
    with HeadlessDisplay((2 * EYE_PX[0], EYE_PX[1]), clock=StepClock(1 / 30)) as display:
        Pipeline.forget()  # another context was bound last
        before = alive()
        with Panel() as panel:
            worn = Worn(panel, display)
            worn.settle()
            yield worn
        assert alive() == before


def panel_pixels(pixels: np.ndarray, eye: int) -> np.ndarray:
    """(N, 2) x and y from the eye's lower left of what is not sky."""
    width, height = EYE_PX
    part = pixels[:, eye * width : (eye + 1) * width]
    y, x = np.nonzero(np.abs(part - SKY).max(axis=2) > 30)
    return np.column_stack([x + 0.5, height - y - 0.5])


def corners_px(worn: Worn, eye: int) -> np.ndarray:
    """(4, 2): where geometry has the corners of the quad that a display is handed."""
    quad, view = worn.panel.quad, worn.views[eye]
    half = np.array([quad.width_m / 2, quad.height_m / 2])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    points = quad.world_from_quad @ np.column_stack([corners, np.zeros(4), np.ones(4)]).T
    clip = projection(view.fov, 0.05) @ inverse_rigid(view.world_from_eye) @ points
    return np.asarray(((clip[:2] / clip[3]).T + 1) / 2 * EYE_PX)


@pytest.mark.parametrize("compact", [False, True])
def test_drawn_it_stands_where_the_layer_would(worn: Worn, compact: bool) -> None:
    if compact:
        worn.panel.toggle()
    pixels = worn.settle()
    for eye in (0, 1):
        shown, corners = panel_pixels(pixels, eye), corners_px(worn, eye)
        assert np.abs(shown.min(axis=0) - corners.min(axis=0)).max() < 3  # rounded corners miss a little
        assert np.abs(shown.max(axis=0) - corners.max(axis=0)).max() < 3
        x, y = corners.T
        area = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
        assert len(shown) == pytest.approx(area, rel=0.03)
    left, right = (panel_pixels(pixels, eye)[:, 0].mean() for eye in (0, 1))
    assert left - right > 5  # nearer than infinity


def test_letters_are_large_enough(worn: Worn) -> None:
    from vrgen.feedback.dressing import SMALL, WIDTH_FOR_HANDS

    quad = worn.panel.quad
    line_m = 1.17 * SMALL * quad.width_m / WIDTH_FOR_HANDS
    away_m = np.linalg.norm(quad.world_from_quad[:3, 3] - worn.views[0].world_from_eye[:3, 3])
    assert math.degrees(line_m / away_m) > 1.2


def test_from_behind_nothing_is_drawn(worn: Worn) -> None:
    assert len(panel_pixels(worn.settle(), 0))
    place = worn.panel.quad.world_from_quad
    there = (place @ [0.0, 0.0, -1.0, 1.0])[:3]
    for part in np.linspace(0, 1, 12):  # walks past it, and looks back
        x, _, z = (1 - part) * np.array(PERSON.feet_world) + part * there
        worn.person = replace(PERSON, feet_world=(float(x), 2.0, float(z)), yaw_rad=PERSON.yaw_rad + math.pi)
        worn.frame()
    np.testing.assert_allclose(worn.panel.quad.world_from_quad, place)
    assert worn.panel._hanging.in_sight
    assert not len(panel_pixels(worn.display.read_pixels().astype(int), 0))
    worn.panel.toggle()
    assert len(panel_pixels(worn.settle(), 0))


def test_a_dot_marks_where_the_ray_meets_it(worn: Worn) -> None:
    before = worn.settle()
    at = (0.5, 0.06)
    hand = worn.aimed(at)
    after = worn.settle(hand)
    changed = panel_pixels(np.where(np.abs(after - before).max(axis=2, keepdims=True) > 60, 255, np.array(SKY)), 0)
    view, place = worn.views[0], np.array([*worn.panel._hanging.place(at), 1.0])
    clip = projection(view.fov, 0.05) @ inverse_rigid(view.world_from_eye) @ place
    expected = (clip[:2] / clip[3] + 1) / 2 * EYE_PX
    assert len(changed)
    assert np.abs(changed.mean(axis=0) - expected).max() < 2
    assert worn.panel.pointed["right"] == pytest.approx(worn.panel._hanging.place(at), abs=1e-6)


def find(worn: Worn, wanted, *columns: float) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """A place in one of these columns where a pull of the trigger does what is wanted."""
    for v in np.arange(worn.panel._hanging.shape - 0.04, 0.05, -0.05):
        for u in columns:
            if any(wanted(wants) for wants in worn.pull(worn.aimed((u, float(v))))):
                return u, float(v)
    raise AssertionError("there is no such place")


def test_a_slider_is_dragged_and_follows_the_ray_off_the_panel(worn: Worn) -> None:
    u, v = find(worn, lambda wants: "season" in wants.settings, 0.44)
    held = {"held": frozenset({"right.pick"})}
    worn.frame(worn.aimed((u, v)))
    worn.frame(worn.aimed((u, v)), pressed=("right.pick",), **held)
    worn.frame(worn.aimed((u, v)), **held)
    far = worn.frame(worn.aimed((1.3, v + 0.9)), **held)
    assert far.settings["season"] == pytest.approx([1.0])
    assert far.captured == {"right.pick"}
    assert set(worn.panel.pointed) == {"right"}
    assert worn.frame(worn.aimed((-0.3, v)), **held).settings["season"] == pytest.approx([0.0])
    worn.frame(worn.aimed((-0.3, v)))
    assert not worn.frame(worn.aimed((-0.3, v))).captured
    assert not worn.frame(worn.aimed((u, v))).settings


def test_a_label_is_turned_over_by_its_arrows(worn: Worn) -> None:
    u, v = find(worn, lambda wants: "ground" in wants.settings, 0.27, 0.55)
    chosen = [w.settings["ground"] for w in worn.pull(worn.aimed((u, v))) if "ground" in w.settings]
    assert [value.tolist() for value in chosen] in ([[[0, 1, 0]]], [[[0, 0, 1]]])


@pytest.mark.parametrize("action", [Action.NEW_WORLD, Action.REDO, Action.SCREENSHOT, Action.RECENTRE])
def test_what_the_controllers_lack_is_a_button(worn: Worn, action: Action) -> None:
    find(worn, lambda wants: action in wants.actions, 0.66, 0.86)


def test_quit_asks_before_it_leaves(worn: Worn) -> None:
    pulls: list[bool] = []
    place = find(worn, lambda wants: pulls.append(Action.QUIT in wants.actions) or pulls[-1], 0.86, 0.861)
    assert len(pulls) > 5  # the first one asked
    worn.settle()
    for _ in range(120):  # who has thought better of it
        worn.frame()
    assert not any(wants.actions for wants in worn.pull(worn.aimed(place)))
    assert any(Action.QUIT in wants.actions for wants in worn.pull(worn.aimed(place)))


def test_compact_opens_where_it_is_pointed_at(worn: Worn) -> None:
    worn.panel.toggle()
    worn.settle()
    wants = worn.pull(worn.aimed((0.5, 0.05)))
    assert [w.actions for w in wants if w.actions] == [(Action.PANEL,)]


def test_a_trigger_that_was_down_before_is_not_the_panels(worn: Worn) -> None:
    held = {"held": frozenset({"right.pick"})}
    u, v = find(worn, lambda wants: "season" in wants.settings, 0.44)
    worn.frame(worn.aimed((1.5, v)), pressed=("right.pick",), **held)
    for _ in range(3):
        wants = worn.frame(worn.aimed((u, v)), **held)
        assert wants == PanelWants()


def test_the_other_hand_takes_over_by_its_trigger(worn: Worn) -> None:
    u, v = find(worn, lambda wants: "season" in wants.settings, 0.44)
    for _ in range(3):
        worn.frame(worn.aimed((0.9, 0.05)), worn.aimed((u, v), "left"))
    left = {"held": frozenset({"left.pick"})}
    hands = worn.aimed((0.9, 0.05)), worn.aimed((u, v), "left")
    wants = [worn.frame(*hands, pressed=("left.pick",), **left), worn.frame(*hands, **left)]
    assert any("season" in each.settings for each in wants)


def test_called_out_of_sight_it_comes_and_in_sight_it_folds(worn: Worn) -> None:
    place = worn.panel.quad.world_from_quad
    worn.person = replace(PERSON, yaw_rad=PERSON.yaw_rad + math.pi)
    worn.settle()
    np.testing.assert_allclose(worn.panel.quad.world_from_quad, place)
    worn.panel.toggle()
    worn.settle()
    assert not worn.panel.compact
    assert np.abs(worn.panel.quad.world_from_quad - place).max() > 0.5
    worn.panel.toggle()
    assert worn.panel.compact


def test_the_rate_is_told_twice_a_second(worn: Worn) -> None:
    worn.settle()
    first = worn.panel.quad.stamp
    for number in range(30):  # a second
        worn.frame(state=replace(STATE, rate_hz=60.0 + number, missed=number))
    assert 2 <= worn.panel.quad.stamp - first <= 3


def test_what_is_not_seen_is_told(worn: Worn) -> None:
    hands = worn.aimed((1.5, 0.1)), worn.aimed((1.5, 0.1), "left")
    both = worn.settle(*hands)
    tall = worn.panel.quad.height_m
    lost = replace(STATE, notes=("the left controller was lost; bring it into view",))
    worn.settle(hands[0], state=lost)
    assert worn.panel.quad.height_m > tall
    for _ in range(90):
        worn.frame(*hands, state=lost, valid=False)
    assert worn.panel.quad.height_m > tall
    assert np.abs(worn.settle(*hands) - both).max() == 0


def test_compact_shows_a_note_while_it_is_new(worn: Worn) -> None:
    hands = worn.aimed((1.5, 0.1)), worn.aimed((1.5, 0.1), "left")
    worn.panel.toggle()
    worn.settle(*hands)
    low = worn.panel.quad.height_m
    lost = replace(STATE, notes=("headset lost: the OpenXR runtime has stopped",))
    worn.settle(*hands, state=lost)
    assert worn.panel.quad.height_m > low
    for _ in range(260):
        worn.frame(*hands, state=lost)
    assert worn.panel.quad.height_m == pytest.approx(low)


def test_rows_stay_where_they_are_while_there_is_more_to_tell(worn: Worn) -> None:
    place = find(worn, lambda wants: Action.UNDO in wants.actions, 0.66)
    troubled = GeneratorStatus("rocks", Phase.FAILED, errors=("rocks.pt: numbers that are not finite",))
    more = replace(STATE, asked="undo", notes=("a note",), paused=True, at=(0.5, 0.5), generators=(troubled,) * 3)
    worn.panel.say("undone", 1e9)
    worn.settle(state=more)
    assert any(Action.UNDO in wants.actions for wants in worn.pull(worn.aimed(place), more))


def test_from_headset_to_window_and_back(worn: Worn) -> None:
    quad = worn.panel.quad
    for open_frame in worn.display.frames():
        with open_frame as frame:
            worn.panel.hang(Person(), frame.controls, lambda x, z: None)
            assert worn.panel.update(frame.controls, lambda: STATE) == PanelWants()
            assert worn.panel.quad is None
        break
    worn.settle()
    assert worn.panel.quad.height_m == pytest.approx(quad.height_m)

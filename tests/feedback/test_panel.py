"""The panel, drawn by a real OpenGL and used with real controls."""

from dataclasses import replace

import numpy as np
import pytest

from vrgen.display.headless import HeadlessDisplay
from vrgen.feedback.missed import CAUSES
from vrgen.feedback.pace import Pace
from vrgen.feedback.panel_state import PanelState, PanelWants
from vrgen.messages import Action, Choice, GeneratorStatus, Knob, Person, Phase, View
from vrgen.prompts import prompt_text, prompt_value

Colour = tuple[float, float, float, float]
SEASON = Knob("season", "slider", (1,), "Season", ("g",))
GROUND = Knob("ground", "label", (1, 3), "Ground", ("g",), labels=("grass", "sand", "snow"))
STATE = PanelState(
    title="Valley",
    asked="new world",
    choice=Choice(values={"season": np.array([0.3], np.float32), "ground": np.array([[1, 0, 0]], np.float32)}),
    knobs=(SEASON, GROUND),
    generators=(GeneratorStatus("terrain", Phase.MAKING, waiting=3, busy_s=1.0, usual_s=2.0),),
    help=(("N", "new world"), ("L", "like"), ("W A S D", "walk")),
)


class Shown:
    """A panel on a headless display, one call a frame."""

    def __init__(self, panel, display: HeadlessDisplay) -> None:  # type: ignore[no-untyped-def]
        self.panel, self.display = panel, display
        self.held: frozenset[str] = frozenset()

    def frame(self, state: PanelState = STATE, **controls) -> PanelWants:  # type: ignore[no-untyped-def]
        from vrgen.gl.api import GL

        for open_frame in self.display.frames():
            with open_frame as frame:
                views = frame.views(Person())
                GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, views[0].framebuffer)
                GL.glClearColor(0.4, 0.6, 0.8, 1.0)
                GL.glClear(GL.GL_COLOR_BUFFER_BIT)
                said = replace(frame.controls, **controls)
                wants: PanelWants = self.panel.update(said, lambda: state)
                self.panel.draw(views)
                self.views: tuple[View, ...] = views
            break
        return wants

    def settle(self, state: PanelState = STATE) -> np.ndarray:
        for _ in range(10):
            self.frame(state)
        return self.display.read_pixels().astype(int)

    def click(self, x: float, y: float, state: PanelState = STATE) -> list[PanelWants]:
        return [
            self.frame(state, pointer_px=(x, y)),
            self.frame(state, pointer_px=(x, y), pressed=("mouse.left",), held=frozenset({"mouse.left"})),
            self.frame(state, pointer_px=(x, y), held=frozenset({"mouse.left"})),
            self.frame(state, pointer_px=(x, y)),
            self.frame(state, pointer_px=(x, y)),
        ]


@pytest.fixture
def shown(gl_context: HeadlessDisplay):  # type: ignore[no-untyped-def]
    from vrgen.clock import StepClock
    from vrgen.feedback.panel import Panel
    from vrgen.gl.objects import alive

    gl_context.close()
    with HeadlessDisplay((640, 700), clock=StepClock(1 / 30)) as display:
        before = alive()
        with Panel() as panel:
            yield Shown(panel, display)
        assert alive() == before


def redraws(shown: Shown) -> list[int]:
    """Counts how often the panel paints from here on."""
    painted = [0]
    paint = shown.panel._paint

    def counted() -> None:
        painted[0] += 1
        paint()

    shown.panel._paint = counted
    return painted


def test_it_covers_a_corner_and_leaves_the_world_alone(shown: Shown) -> None:
    pixels = shown.settle()
    world = np.array([102, 153, 204])
    assert np.abs(pixels[:, 400:] - world).max() <= 1
    assert np.abs(pixels[:12] - world).max() <= 1
    assert pixels[20:200, 30:340].mean() < 90
    assert pixels[20:200, 30:340].max() > 200  # bright text on it


CALM = Pace(6.0, 90, (4,) * 90, (0,) * 90, (0,) * 5)


def coloured(pixels: np.ndarray, colour: Colour) -> int:
    """How many pixels of the panel are nearly of that colour."""
    return int((np.abs(pixels[:, :360] - np.array(colour[:3]) * 255).max(axis=2) <= 3).sum())


@pytest.mark.parametrize("cause", range(len(CAUSES)))
def test_the_graph_marks_missed_frames_in_the_colour_of_their_cause(shown: Shown, cause: int) -> None:
    from vrgen.feedback.graph import _OF_CAUSE

    before = coloured(shown.settle(replace(STATE, pace=lambda: CALM)), _OF_CAUSE[cause])
    heights, causes, missed_by = list(CALM.heights), list(CALM.causes), list(CALM.missed_by)
    heights[80:84], causes[80:84], missed_by[cause] = [16] * 4, [1 + cause] * 4, 4
    late = replace(CALM, heights=tuple(heights), causes=tuple(causes), missed_by=tuple(missed_by))
    for _ in range(40):
        shown.frame(replace(STATE, pace=lambda: late))
    pixels = shown.settle(replace(STATE, pace=lambda: late))
    assert coloured(pixels, _OF_CAUSE[cause]) > before + 150, "four columns of 26 units, each some 3 wide"


def test_the_bar_of_the_last_change_is_divided_among_its_stages(shown: Shown) -> None:
    from vrgen.feedback.graph import _OF_STAGE

    calm = coloured(shown.settle(replace(STATE, pace=lambda: CALM)), _OF_STAGE[4])
    pace = replace(CALM, change=("sky", (0.0, 0.0, 250.0, 0.0, 500.0, 0.0, 250.0)))
    for _ in range(40):
        shown.frame(replace(STATE, pace=lambda: pace))
    pixels = shown.settle(replace(STATE, pace=lambda: pace))
    row = max(range(len(pixels)), key=lambda y: coloured(pixels[y : y + 1], _OF_STAGE[4]))
    half, quarter = (coloured(pixels[row : row + 1], _OF_STAGE[i]) for i in (4, 6))
    assert calm == 0 and half == pytest.approx(2 * quarter, rel=0.25) and half > 100


def test_a_graph_that_looks_the_same_is_not_laid_out_again(shown: Shown) -> None:
    asked: list[float] = []

    def pace() -> Pace:
        asked.append(0.0)
        return replace(CALM, seconds=6.0)

    state = replace(STATE, pace=pace)
    shown.settle(state)
    painted = redraws(shown)
    for _ in range(90):
        shown.frame(state)
    assert painted[0] == 0 and 2 <= len(asked) <= 5


def test_it_is_drawn_over_every_view(gl_context: HeadlessDisplay) -> None:
    from vrgen.clock import StepClock
    from vrgen.feedback.panel import Panel

    gl_context.close()
    with HeadlessDisplay((1200, 500), stereo=True, clock=StepClock(1 / 30)) as display, Panel() as panel:
        shown = Shown(panel, display)
        pixels = shown.settle()
        assert (pixels[:, :600] == pixels[:, 600:]).all()
        assert pixels[20:200, 30:340].mean() < 90
        (_, *_, last) = shown.click(600 + 16 + 40, 20 + 16)
        assert last.captured == {"pointer"}


def test_nothing_new_means_nothing_to_lay_out(shown: Shown) -> None:
    shown.settle()
    painted = redraws(shown)
    for _ in range(30):
        shown.frame()
    assert painted[0] == 0
    for _ in range(3):
        shown.frame(replace(STATE, asked="undo"))
    assert painted[0] == 1


def test_a_change_in_every_frame_is_laid_out_fifteen_times_a_second(shown: Shown) -> None:
    shown.settle()
    painted = redraws(shown)
    for number in range(30):
        shown.frame(replace(STATE, asked=str(number)))
    assert 10 <= painted[0] <= 16


@pytest.mark.parametrize("compact", [False, True])
def test_what_failed_is_told_in_red_in_both_sizes(shown: Shown, compact: bool) -> None:
    def red() -> int:
        pixels = shown.display.read_pixels().astype(int)
        return int(((pixels[..., 0] > 200) & (pixels[..., 2] < 150)).sum())

    if compact:
        shown.panel.toggle()
    shown.settle()
    assert red() == 0
    errors = ("rocks.pt: numbers that are not finite; press N or export it again",)
    shown.settle(replace(STATE, generators=(GeneratorStatus("rocks", Phase.FAILED, errors=errors),)))
    assert red() > 100


def test_compact_is_small_and_back_again(shown: Shown) -> None:
    def dark() -> int:
        return int((shown.settle().mean(axis=2) < 90).sum())

    full = dark()
    shown.panel.toggle()
    assert dark() < full / 3
    shown.panel.toggle()
    assert dark() == full


def test_a_toast_comes_and_goes(shown: Shown) -> None:
    before = shown.settle()
    shown.panel.say("liked", shown.frame() and shown.display.clock.now_s())
    assert np.abs(shown.settle() - before).max() > 50
    for _ in range(100):
        shown.frame()
    assert (shown.settle() == before).all()


def test_the_pointer_is_captured_over_the_panel_only(shown: Shown) -> None:
    shown.settle()
    assert shown.frame(pointer_px=(100, 60)).captured == {"pointer"}
    assert shown.frame(pointer_px=(500, 60)).captured == frozenset()
    assert shown.frame(pointer_px=None).captured == frozenset()


def find(shown: Shown, wanted) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """A place on the panel where a click does what is wanted."""
    shown.settle()
    for y in range(40, 500, 8):
        for x in (44, 60, 200, 250):
            if any(wanted(wants) for wants in shown.click(x, y)):
                shown.settle()
                return x, y
    raise AssertionError("there is no such place")


def test_a_slider_is_dragged(shown: Shown) -> None:
    x, y = find(shown, lambda wants: "season" in wants.settings)
    shown.frame(pointer_px=(x, y), pressed=("mouse.left",), held=frozenset({"mouse.left"}))
    shown.frame(pointer_px=(x, y), held=frozenset({"mouse.left"}))
    far = shown.frame(pointer_px=(600, y), held=frozenset({"mouse.left"}))
    assert far.settings["season"] == pytest.approx([1.0])
    assert far.settings["season"].dtype == np.float32
    assert far.captured == {"pointer"}
    shown.frame(pointer_px=(600, y))
    assert shown.frame(pointer_px=(600, y)).captured == frozenset()


def test_a_number_is_typed_and_keys_are_captured_meanwhile(shown: Shown) -> None:
    x, y = find(shown, lambda wants: "season" in wants.settings)
    ctrl, both = frozenset({"left ctrl"}), frozenset({"left ctrl", "mouse.left"})
    shown.frame(pointer_px=(x, y), pressed=("left ctrl",), held=ctrl)
    shown.frame(pointer_px=(x, y), pressed=("mouse.left",), held=both)
    shown.frame(pointer_px=(x, y), held=ctrl)
    shown.frame(pointer_px=(x, y))
    assert "keyboard" in shown.frame(pointer_px=(x, y)).captured
    shown.frame(pointer_px=(x, y), typed="0.75")
    shown.frame(pointer_px=(x, y))
    done = [
        shown.frame(pointer_px=(x, y), pressed=("enter",)),
        *(shown.frame(pointer_px=(x, y)) for _ in range(3)),
    ]
    assert any(wants.settings.get("season") == pytest.approx([0.75]) for wants in done)
    assert "keyboard" not in done[-1].captured


def test_a_label_is_chosen_from_its_list(shown: Shown) -> None:
    x, y = find(shown, lambda wants: "season" in wants.settings)
    shown.click(x, y + 29)
    chosen = [wants.settings["ground"] for wants in shown.click(x, y + 93) if "ground" in wants.settings]
    assert [value.tolist() for value in chosen] == [[[0, 1, 0]]]


def test_a_prompt_is_typed_and_taken_by_enter(shown: Shown) -> None:
    knob = Knob("prompt", "prompt", (1, 384), "Prompt", ("g",), encoder="all-MiniLM-L6-v2")
    values = {**STATE.choice.values, "prompt": prompt_value("")}
    state = replace(STATE, knobs=(knob, SEASON, GROUND), choice=Choice(values=values))
    shown.settle(state)
    for y in range(60, 300, 6):
        wants = shown.click(150.0, float(y), state)[-1]
        if "keyboard" in wants.captured:
            break
    assert "keyboard" in wants.captured, "no field to type into was found"
    assert shown.frame(state, typed="misty moor").settings == {}
    down = frozenset({"enter"})
    taken = [shown.frame(state, pressed=("enter",), held=down), shown.frame(state), shown.frame(state)]
    (settings,) = [wants.settings for wants in taken if wants.settings]
    assert prompt_text(settings["prompt"]) == "misty moor"
    assert "keyboard" not in shown.frame(state).captured, "keys steer again"


def test_a_label_that_the_prompt_decides_about_is_drawn(shown: Shown) -> None:
    left_open = Choice(values={**STATE.choice.values, "ground": np.zeros((1, 3), np.float32)})
    assert (shown.settle() != shown.settle(replace(STATE, choice=replace(left_open, revision=1)))).any()


def test_a_key_cap_that_names_an_action_is_a_button(shown: Shown) -> None:
    find(shown, lambda wants: wants.actions == (Action.NEW_WORLD,))


def test_controls_without_a_pointer_are_harmless(shown: Shown) -> None:
    wants = shown.frame(pressed=("n", "mouse.left"), held=frozenset({"mouse.left"}), typed="n", scroll=1.0)
    assert wants == PanelWants()


def amber(pixels: np.ndarray) -> int:
    """How many pixels are of the colour of what needs care."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return int(((red > 150) & (red - blue > 70) & (green - blue > 40) & (red > green)).sum())


def test_what_is_no_alarm_is_plain_and_goes(shown: Shown) -> None:
    quiet = shown.settle()
    note = ("no headset: no OpenXR runtime is registered; install one",)
    alarmed = shown.settle(replace(STATE, notes=note))
    told = shown.settle(replace(STATE, info=note))
    assert amber(alarmed) > amber(quiet) + 100 and amber(told) == amber(quiet)
    assert (told != quiet).any()
    for _ in range(15 * 30):
        shown.frame(replace(STATE, info=note))
    assert (shown.settle(replace(STATE, info=note)) == quiet).all()

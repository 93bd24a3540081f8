"""How the panel looks: a card of fixed width, as high as what it has to say. Dear ImGui, immediate mode."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import imgui_bundle
import numpy as np
from imgui_bundle import imgui

from vrgen.feedback.panel_state import PanelState
from vrgen.messages import Action, GeneratorStatus, InputValue, Knob, Phase

WIDTH = 340
MARGIN = 16
TEXT = 15.0
SMALL = 13.0
SMALL_FOR_HANDS = 14.0

_Colour = tuple[float, float, float, float]


def _rgb(code: str, alpha: float = 1.0) -> _Colour:
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue, alpha


INK = _rgb("eef2f5")
FAINT = _rgb("a3b1bd")
CARD = _rgb("10161c", 0.80)
FIELD = _rgb("ffffff", 0.09)
ACCENT = _rgb("7cc4e8")
GOOD = _rgb("7fd1a0")
BUSY = _rgb("f2c46d")
BAD = _rgb("ff8f7d")

_PHASES: dict[Phase, tuple[_Colour, str]] = {
    Phase.LOADING: (BUSY, "loading"),
    Phase.READY: (GOOD, "ready"),
    Phase.MAKING: (ACCENT, "making"),
    Phase.FAILED: (BAD, "failed"),
    Phase.RESTARTING: (BUSY, "restarting"),
    Phase.GONE: (BAD, "given up"),
}
_ACTIONS = {action.value: action for action in Action}
_TROUBLED = (Phase.FAILED, Phase.RESTARTING, Phase.GONE)


@dataclass(frozen=True, slots=True)
class Form:
    """How it is to look."""

    scale: float
    """Pixels a unit."""
    compact: bool = False
    """A few lines instead of the whole."""
    for_hands: bool = False
    """In a headset: larger to hit, less of the world shining through, buttons for what the controllers lack."""
    toast: str = ""
    news: tuple[str, ...] = ()
    """Notes that have just come: the compact form shows these too."""
    sure: bool = False
    """Quit was pressed, and quits when it is pressed again."""


@dataclass
class Made:
    """What one layout came to."""

    settings: dict[str, InputValue] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    asked_to_quit: bool = False
    """Pressed for the first time."""
    height_px: float = 0.0


def fitting_scale(scale: float, view_px: tuple[int, int]) -> float:
    """The display's scale, larger on a picture of very many pixels, smaller where the card would not fit."""
    wanted = max(scale, view_px[1] / 1080)
    return max(min(round(wanted * 4) / 4, view_px[0] / (WIDTH + 2 * MARGIN)), 0.5)


def width_px(scale: float) -> int:
    return round(WIDTH * scale)


def margin_px(scale: float) -> int:
    return round(MARGIN * scale)


def load_font() -> None:
    """Roboto (Apache-2.0), which the imgui-bundle package carries, or ImGui's own scalable font."""
    fonts = imgui.get_io().fonts
    roboto = Path(imgui_bundle.__file__).parent / "assets" / "fonts" / "Roboto" / "Roboto-Regular.ttf"
    if roboto.is_file():
        fonts.add_font_from_file_ttf(str(roboto), TEXT)
    else:
        fonts.add_font_default_vector()


def dress(scale: float, for_hands: bool = False) -> None:
    """Colours and measures for that scale."""
    style = imgui.get_style()
    # A headset's compositor blends a layer in linear light, where much more of a bright sky shines through.
    card = (*CARD[:3], 0.97) if for_hands else CARD
    easy = 5 * scale if for_hands else 0.0
    style.window_rounding = 12 * scale
    style.frame_rounding = style.grab_rounding = style.popup_rounding = 6 * scale
    style.window_padding = imgui.ImVec2(16 * scale, 14 * scale)
    style.frame_padding = imgui.ImVec2(8 * scale, 4 * scale + easy)
    style.item_spacing = imgui.ImVec2(8 * scale, 6 * scale)
    style.item_inner_spacing = imgui.ImVec2(6 * scale, 4 * scale)
    style.window_border_size = style.popup_border_size = 0
    style.grab_min_size = 12 * scale + 2 * easy
    style.scrollbar_size = 8 * scale
    style.font_size_base = TEXT
    style.font_scale_main = scale
    col = imgui.Col_
    for name, colour in (
        (col.text, INK),
        (col.text_disabled, FAINT),
        (col.window_bg, card),
        (col.popup_bg, _rgb("1a232b", 0.97)),
        (col.frame_bg, FIELD),
        (col.frame_bg_hovered, _rgb("ffffff", 0.15)),
        (col.frame_bg_active, _rgb("ffffff", 0.20)),
        (col.slider_grab, ACCENT),
        (col.slider_grab_active, _rgb("a9dcf5")),
        (col.button, FIELD),
        (col.button_hovered, _rgb("7cc4e8", 0.35)),
        (col.button_active, _rgb("7cc4e8", 0.55)),
        (col.header, _rgb("7cc4e8", 0.25)),
        (col.header_hovered, _rgb("7cc4e8", 0.35)),
        (col.header_active, _rgb("7cc4e8", 0.55)),
        (col.scrollbar_bg, _rgb("000000", 0.0)),
        (col.scrollbar_grab, _rgb("ffffff", 0.25)),
        (col.separator, _rgb("ffffff", 0.12)),
        (col.text_selected_bg, _rgb("7cc4e8", 0.35)),
    ):
        style.set_color_(name, imgui.ImVec4(*colour))


def lay_out(state: PanelState, form: Form) -> Made:
    """One ImGui frame's content."""
    made = Made()
    flags = imgui.WindowFlags_
    across = width_px(form.scale)
    imgui.set_next_window_pos((0, 0))
    imgui.set_next_window_size_constraints((across, 0), (across, imgui.get_io().display_size.y))
    imgui.begin(
        "panel",
        None,
        flags.no_title_bar
        | flags.no_move
        | flags.no_resize
        | flags.always_auto_resize
        | flags.no_saved_settings
        | flags.no_nav
        | flags.no_focus_on_appearing,
    )
    if form.compact:
        _compact(state, form)
    else:
        _heading(state, form.scale)
        _making(state, form.scale)
        _knobs(state, made, form)
        if form.for_hands:
            _buttons(state, made, form)
            _told(state)
        else:
            _keys(state, made, form.scale)
        if form.toast:
            _line(form.toast, ACCENT)
    made.height_px = imgui.get_window_height()
    imgui.end()
    if imgui.is_popup_open("", imgui.PopupFlags_.any_popup):  # an open list may reach below the card
        made.height_px = imgui.get_io().display_size.y
    if form.for_hands:
        _dot(form.scale)
    return made


# --- parts ------------------------------------------------------------------------------------------------


def _compact(state: PanelState, form: Form) -> None:
    """A few lines: what failed, else what is being made, else what was asked."""
    troubled = [g for g in state.generators if g.phase in _TROUBLED]
    making = [g for g in state.generators if g.phase in (Phase.MAKING, Phase.LOADING) or g.waiting]
    for note in form.news:
        _small(note, BUSY)
    for generator in troubled:
        _line(f"{generator.name} {_PHASES[generator.phase][1]}: {(generator.errors or ('',))[-1]}", BAD)
    if making:
        _line("  ".join(f"{g.name} {_doing(g)}" for g in making), ACCENT)
    if state.paused:
        how = next((how for how, does in state.help if does == Action.PAUSE.value and how), "the panel")
        _line(f"paused: {how} goes on", BUSY)
    _line(form.toast or (f"asked: {state.asked}" if state.asked else state.title), INK)


def _heading(state: PanelState, scale: float) -> None:
    imgui.push_font(None, TEXT * 1.25)
    imgui.text_unformatted(state.title or "vrgen")
    imgui.pop_font()
    if state.rate_hz:
        _right(f"{state.rate_hz:.0f} fps" + (f" · {state.missed} missed" if state.missed else ""), FAINT)
    _small(f"world {state.choice.world + 1} · seed {state.choice.seed}", FAINT)
    if state.paused:
        _right("paused", BUSY)
    if state.prompt:
        _line(f"“{state.prompt}”", INK)
    if state.asked:
        _line(f"asked: {state.asked}", INK)
    if state.at != (0.0, 0.0):
        _map(state.at, scale)
    for note in state.notes:
        _small(note, BUSY)


def _making(state: PanelState, scale: float) -> None:
    """A line for each generator, with a bar while it works and the sentence when it failed."""
    if not state.generators:
        return
    _rule()
    for generator in state.generators:
        colour, _ = _PHASES[generator.phase]
        place = imgui.get_cursor_screen_pos()
        middle = place.y + imgui.get_text_line_height() / 2
        radius = 4 * scale
        draw = imgui.get_window_draw_list()
        ink = imgui.get_color_u32(imgui.ImVec4(*colour))
        draw.add_circle_filled((place.x + radius, middle), radius, ink, 20)
        imgui.dummy((2 * radius, 0))
        imgui.same_line()
        imgui.text_unformatted(generator.name)
        _right(_doing(generator), colour if generator.phase is not Phase.READY else FAINT)
        if generator.busy_s > 0 and generator.usual_s > 0:
            _bar(min(generator.busy_s / generator.usual_s, 1.0), colour, scale)
        if generator.phase in _TROUBLED and generator.errors:
            _small(generator.errors[-1], BAD)


def _doing(generator: GeneratorStatus) -> str:
    """What a generator is at, in a few words."""
    words = _PHASES[generator.phase][1]
    if generator.phase is Phase.MAKING and generator.busy_s >= 1:
        words += f" {generator.busy_s:.0f} s"
    if generator.waiting:
        words += f" · {generator.waiting} waiting"
    return words


def _knobs(state: PanelState, made: Made, form: Form) -> None:
    """Sliders and labels, to be set; latents move with the wheel, prompts come with the command line."""
    shown = [knob for knob in state.knobs if knob.kind in ("slider", "label") and knob.name in state.choice.values]
    if not shown:
        return
    _rule()
    column = imgui.get_content_region_avail().x * 0.36
    for knob in shown:
        value = state.choice.values[knob.name]
        imgui.align_text_to_frame_padding()
        imgui.text_colored(imgui.ImVec4(*FAINT), _cut(knob.label or knob.name, column))
        imgui.same_line(column + imgui.get_style().window_padding.x)
        if knob.kind == "slider":
            _slide(knob, value, made)
        elif form.for_hands:
            _turn_over(knob, value, made)
        else:
            imgui.set_next_item_width(-1)
            _choose(knob, value, made)


def _slide(knob: Knob, value: InputValue, made: Made) -> None:
    """A slider with its number beside it; Ctrl and a click let one type."""
    told = f"{float(value.ravel()[0]):.2f}"
    imgui.set_next_item_width(-imgui.calc_text_size("-0.00").x - imgui.get_style().item_spacing.x)
    changed, number = imgui.slider_float(
        f"##{knob.name}", float(value.ravel()[0]), *knob.range, "##%.4g", imgui.SliderFlags_.always_clamp
    )
    if changed:
        made.settings[knob.name] = np.full(knob.shape, number, np.float32)
    right = imgui.get_window_width() - imgui.get_style().window_padding.x
    imgui.same_line(right - imgui.calc_text_size(told).x)
    imgui.text_unformatted(told)


def _choose(knob: Knob, value: InputValue, made: Made) -> None:
    """A list of labels."""
    at = _label_at(knob, value)
    if imgui.begin_combo(f"##{knob.name}", knob.labels[at] if 0 <= at < len(knob.labels) else "?"):
        for index, label in enumerate(knob.labels):
            if imgui.selectable(label, index == at)[0]:
                made.settings[knob.name] = _labelled(knob, index)
        imgui.end_combo()


def _turn_over(knob: Knob, value: InputValue, made: Made) -> None:
    """The label with an arrow at each side, for who points from afar."""
    at, count = _label_at(knob, value), len(knob.labels)
    left = imgui.get_cursor_pos_x()
    if imgui.arrow_button(f"##before {knob.name}", imgui.Dir.left) and count:
        made.settings[knob.name] = _labelled(knob, (at - 1) % count)
    size = imgui.get_frame_height()
    right = imgui.get_window_width() - imgui.get_style().window_padding.x - size
    label = _cut(knob.labels[at] if 0 <= at < count else "?", right - left - 2 * size)
    imgui.same_line((left + size + right - imgui.calc_text_size(label).x) / 2)
    imgui.text_unformatted(label)
    imgui.same_line(right)
    if imgui.arrow_button(f"##after {knob.name}", imgui.Dir.right) and count:
        made.settings[knob.name] = _labelled(knob, (at + 1) % count)


def _label_at(knob: Knob, value: InputValue) -> int:
    return int(np.argmax(value)) if knob.one_hot else int(value.ravel()[0])


def _labelled(knob: Knob, index: int) -> InputValue:
    if not knob.one_hot:
        return np.full(knob.shape, index, np.int64)
    chosen = np.zeros(knob.shape, np.float32)
    chosen[..., index] = 1
    return chosen


def _keys(state: PanelState, made: Made, scale: float) -> None:
    """Keys as small caps with what they do, two to a row; one that names an action can be clicked."""
    rows = [(key, does) for key, does in state.help if key]
    if not rows:
        return
    _rule()
    half = imgui.get_content_region_avail().x / 2
    imgui.push_font(None, SMALL)
    imgui.push_style_var(imgui.StyleVar_.frame_padding, (6 * scale, 1 * scale))
    imgui.push_style_var(imgui.StyleVar_.frame_rounding, 4 * scale)
    for number, (key, does) in enumerate(rows):
        if number % 2:
            imgui.same_line(half + imgui.get_style().window_padding.x)
        if imgui.button(key) and does in _ACTIONS:
            made.actions += (_ACTIONS[does],)
        imgui.same_line()
        imgui.text_colored(imgui.ImVec4(*FAINT), does)
    imgui.pop_style_var(2)
    imgui.pop_font()


def _buttons(state: PanelState, made: Made, form: Form) -> None:
    """What no button of the controllers does, to be pointed at, three to a row."""
    lacking = [_ACTIONS[does] for how, does in state.help if not how and does in _ACTIONS]
    if not lacking:
        return
    _rule()
    gap = imgui.get_style().item_spacing.x
    third = (imgui.get_content_region_avail().x - 2 * gap) / 3
    for number, action in enumerate(lacking):
        if number % 3:
            imgui.same_line()
        asks = action is Action.QUIT and form.sure
        imgui.push_style_color(imgui.Col_.text, imgui.ImVec4(*(BAD if asks else INK)))
        if imgui.button(f"{'sure?' if asks else action.value}##{action.value}", (third, 0)):
            if action is Action.QUIT and not asks:
                made.asked_to_quit = True
            else:
                made.actions += (action,)
        imgui.pop_style_color()


def _told(state: PanelState) -> None:
    """What the controllers at hand do, folded away: they say it themselves where they are looked at."""
    rows = [row for row in state.help if row[0]]
    if not rows or not imgui.collapsing_header("controls"):
        return
    column = imgui.get_content_region_avail().x * 0.42
    imgui.push_font(None, SMALL_FOR_HANDS)
    for how, does in rows:
        imgui.text_unformatted(does)
        imgui.same_line(column + imgui.get_style().window_padding.x)
        _line(how, FAINT)
    imgui.pop_font()


# --- pieces -----------------------------------------------------------------------------------------------


def _line(text: str, colour: _Colour) -> None:
    """Wrapped text."""
    imgui.push_style_color(imgui.Col_.text, imgui.ImVec4(*colour))
    imgui.push_text_wrap_pos(0.0)
    imgui.text_unformatted(text)
    imgui.pop_text_wrap_pos()
    imgui.pop_style_color()


def _cut(text: str, width: float) -> str:
    """`text`, shortened with an ellipsis where it is wider."""
    if imgui.calc_text_size(text).x <= width:
        return text
    while text and imgui.calc_text_size(text + "…").x > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _small(text: str, colour: _Colour) -> None:
    imgui.push_font(None, SMALL)
    _line(text, colour)
    imgui.pop_font()


def _right(text: str, colour: _Colour) -> None:
    """On the line just begun, at its right end, small."""
    imgui.push_font(None, SMALL)
    width = imgui.calc_text_size(text).x
    imgui.same_line(imgui.get_window_width() - imgui.get_style().window_padding.x - width)
    imgui.text_colored(imgui.ImVec4(*colour), text)
    imgui.pop_font()


def _rule() -> None:
    imgui.dummy((0, 1))
    imgui.separator()
    imgui.dummy((0, 1))


def _map(at: tuple[float, float], scale: float) -> None:
    """Where the morph has got to, on the line just begun: the rim is the far side of the latents' sphere."""
    radius = imgui.get_text_line_height() * 0.62
    line = imgui.get_item_rect_min().y + imgui.get_text_line_height() / 2
    right = imgui.get_window_pos().x + imgui.get_window_width() - imgui.get_style().window_padding.x
    middle = (right - radius, line)
    far = math.hypot(*at)
    reach = radius * min(far / math.pi, 1.0) / far
    draw = imgui.get_window_draw_list()
    draw.add_circle_filled(middle, radius, imgui.get_color_u32(imgui.ImVec4(*FIELD)), 32)
    draw.add_circle(middle, radius, imgui.get_color_u32(imgui.ImVec4(*FAINT)), 32, scale)
    place = (middle[0] + at[0] * reach, middle[1] - at[1] * reach)
    draw.add_circle_filled(place, 2.5 * scale, imgui.get_color_u32(imgui.ImVec4(*ACCENT)), 16)


def _dot(scale: float) -> None:
    """Where the hand's ray meets the panel."""
    io = imgui.get_io()
    if not imgui.is_mouse_pos_valid():
        return
    draw, place = imgui.get_foreground_draw_list(), (io.mouse_pos.x, io.mouse_pos.y)
    radius = (4.0 if io.mouse_down[0] else 5.5) * scale
    for more, colour in ((2 * scale, CARD), (0.0, ACCENT if io.mouse_down[0] else INK)):
        draw.add_circle_filled(place, radius + more, imgui.get_color_u32(imgui.ImVec4(*colour)), 24)


def _bar(part: float, colour: _Colour, scale: float) -> None:
    """A thin bar, filled to `part`."""
    place, height = imgui.get_cursor_screen_pos(), 3 * scale
    across = imgui.get_content_region_avail().x
    draw = imgui.get_window_draw_list()
    for width, ink in ((across, FIELD), (max(across * part, height), colour)):
        corner = (place.x + width, place.y + height)
        draw.add_rect_filled((place.x, place.y), corner, imgui.get_color_u32(imgui.ImVec4(*ink)), height / 2)
    imgui.dummy((across, height))

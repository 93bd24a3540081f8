"""How the panel looks: a card of fixed width, as high as what it has to say. Dear ImGui, immediate mode."""

from dataclasses import dataclass, field

import numpy as np
from imgui_bundle import imgui

from vrgen.feedback.dressing import ACCENT, BAD, BUSY, FAINT, GOOD, INK, SMALL, TEXT, Colour, width_px
from vrgen.feedback.graph import change_bar, pace_graph
from vrgen.feedback.pace import Pace
from vrgen.feedback.panel_state import PanelState
from vrgen.feedback.widgets import bar, dot, line, right, rule, shortened, small, small_map
from vrgen.labels import label_index, label_value
from vrgen.messages import Action, GeneratorStatus, InputValue, Knob, Phase
from vrgen.prompts import prompt_text, prompt_value

_QUOTED = 300
"""Characters of a prompt that is shown and not typed."""
_KNOBS_SHARE = 0.58
"""Of a headset's panel; the rest is buttons."""
_BUTTONS = (
    *(Action.NEW_WORLD, Action.PAUSE, Action.UNDO, Action.REDO, Action.LIKE, Action.DISLIKE),
    *(Action.SCREENSHOT, Action.RECENTRE, Action.PANEL, Action.QUIT),
)
"""Whatever the controllers at hand can do, and whatever they lack."""

_PHASES: dict[Phase, tuple[Colour, str]] = {
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
    """In a headset: broader, larger to hit, less of the world shining through, with a button for every action."""
    explains: bool = False
    """In a headset: what the controllers do instead of the sliders."""
    toast: str = ""
    news: tuple[str, ...] = ()
    """Notes that have just come: the compact form shows these too."""
    info: tuple[str, ...] = ()
    """What is good to know and no alarm, while it is new."""
    pace: Pace | None = None
    sure: bool = False
    """Quit was pressed, and quits when it is pressed again."""


@dataclass
class Made:
    """What one layout came to."""

    settings: dict[str, InputValue] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    asked_to_quit: bool = False
    """Quit was pressed for the first time."""
    asked_how: bool = False
    """To explain the controllers, or to stop that."""
    height_px: float = 0.0


def lay_out(state: PanelState, form: Form) -> Made:
    """One ImGui frame's content."""
    made = Made()
    flags = imgui.WindowFlags_
    across = width_px(form.scale, form.for_hands)
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
        if form.for_hands and imgui.is_window_hovered() and imgui.is_mouse_clicked(0):
            made.actions += (Action.PANEL,)
    else:
        if form.for_hands:  # what is pointed at first: it stays where it is, whatever there is to tell
            _title(state)
            _asked(state, form)
            _sides(state, made, form)
            _making_together(state, form.scale)
            _notes(state, form)
            _pace(form)
        else:
            _heading(state, form)
            _pace(form)
            _making_together(state, form.scale)
            _knobs(state, made, form)
            _keys(state, made, form.scale)
        if form.toast:
            line(form.toast, ACCENT)
    made.height_px = imgui.get_window_height()
    imgui.end()
    if imgui.is_popup_open("", imgui.PopupFlags_.any_popup):  # an open list may reach below the card
        made.height_px = imgui.get_io().display_size.y
    if form.for_hands:
        dot(form.scale)
    return made


# --- parts ------------------------------------------------------------------------------------------------


def _compact(state: PanelState, form: Form) -> None:
    """A few lines: what failed, else what is being made, else what was asked."""
    troubled = [g for g in state.generators if g.phase in _TROUBLED]
    making = [g for g in state.generators if g.phase in (Phase.MAKING, Phase.LOADING) or g.waiting]
    for note in form.news:
        small(note, BUSY)
    for text in form.info:
        small(text, FAINT)
    for generator in troubled:
        line(f"{generator.name} {_PHASES[generator.phase][1]}: {(generator.errors or ('',))[-1]}", BAD)
    if making:
        line("  ".join(f"{g.name} {_doing(g)}" for g in making), ACCENT)
    if state.paused:
        how = next((how for how, does in state.help if does == Action.PAUSE.value and how), "the panel")
        line(f"paused: {how} goes on", BUSY)
    line(form.toast or (f"asked: {state.asked}" if state.asked else state.title), INK)


def _title(state: PanelState) -> None:
    """Where one is, and how fast it is drawn."""
    imgui.push_font(None, TEXT * 1.25)
    imgui.text_unformatted(state.title or "vrgen")
    imgui.pop_font()
    if state.rate_hz:
        size = f" · size {state.scale:.0%}" if state.scale < 1.0 else ""
        right(f"{state.rate_hz:.0f} fps{size}" + (f" · {state.missed} missed" if state.missed else ""), FAINT)
    small(f"world {state.choice.world + 1} · seed {state.choice.seed}", FAINT)


def _pace(form: Form) -> None:
    """How evenly it is drawn, and what was seen last."""
    if form.pace is not None:
        if form.for_hands:
            rule()
        pace_graph(form.pace, form.scale)
        change_bar(form.pace, form.scale)


def _asked(state: PanelState, form: Form) -> None:
    """On the line just begun, so that nothing moves for it."""
    if state.at != (0.0, 0.0):
        small_map(state.at, form.scale)
    if state.asked:
        imgui.same_line()
        small(f"· asked: {state.asked}", INK)


def _heading(state: PanelState, form: Form) -> None:
    _title(state)
    if state.paused:
        right("paused", BUSY)
    if state.asked:
        line(f"asked: {state.asked}", INK)
    if state.at != (0.0, 0.0):
        small_map(state.at, form.scale)
    _notes(state, form)


def _notes(state: PanelState, form: Form) -> None:
    for note in state.notes:
        small(note, BUSY)
    for text in form.info:
        small(text, FAINT)


def _making(shown: tuple[GeneratorStatus, ...], scale: float) -> None:
    """A line for each generator, with a bar while it works and the sentence when it failed."""
    if not shown:
        return
    rule()
    for generator in shown:
        _lamp(generator, scale)
        colour, _ = _PHASES[generator.phase]
        right(_doing(generator), colour if generator.phase is not Phase.READY else FAINT)
        if generator.busy_s > 0 and generator.usual_s > 0:
            bar(min(generator.busy_s / generator.usual_s, 1.0), colour, scale)
        if generator.phase in _TROUBLED and generator.errors:
            small(generator.errors[-1], BAD)


def _making_together(state: PanelState, scale: float) -> None:
    """The same, with those that have nothing to tell in one line before them."""
    quiet = tuple(g for g in state.generators if g.phase is Phase.READY and not g.waiting)
    if quiet:
        _lamps(quiet, scale)
    _making(tuple(g for g in state.generators if g not in quiet), scale)


def _lamps(quiet: tuple[GeneratorStatus, ...], scale: float) -> None:
    rule()
    end = imgui.get_cursor_screen_pos().x + imgui.get_content_region_avail().x
    for number, generator in enumerate(quiet):
        if number:
            imgui.same_line(0.0, 14 * scale)
            if imgui.get_cursor_screen_pos().x + imgui.calc_text_size(generator.name).x + 16 * scale > end:
                imgui.new_line()
        _lamp(generator, scale)


def _lamp(generator: GeneratorStatus, scale: float) -> None:
    """A dot of its phase's colour, and its name."""
    colour, _ = _PHASES[generator.phase]
    place, radius = imgui.get_cursor_screen_pos(), 4 * scale
    middle = place.y + imgui.get_text_line_height() / 2
    ink = imgui.get_color_u32(imgui.ImVec4(*colour))
    imgui.get_window_draw_list().add_circle_filled((place.x + radius, middle), radius, ink, 20)
    imgui.dummy((2 * radius, 0))
    imgui.same_line()
    imgui.text_unformatted(generator.name)


def _doing(generator: GeneratorStatus) -> str:
    """What a generator is at, in a few words."""
    words = _PHASES[generator.phase][1]
    if generator.phase is Phase.MAKING and generator.busy_s >= 1:
        words += f" {generator.busy_s:.0f} s"
    if generator.waiting:
        words += f" · {generator.waiting} waiting"
    return words


def _knobs(state: PanelState, made: Made, form: Form) -> None:
    """Prompts, sliders and labels, to be set; latents move with the wheel or a hand.

    Nobody types in a headset: there a prompt is shown.
    """
    known = [knob for knob in state.knobs if knob.name in state.choice.values]
    shown = [knob for knob in known if knob.kind in ("slider", "label")]
    prompts = [knob for knob in known if knob.kind == "prompt"]
    if form.for_hands:
        prompts = [knob for knob in prompts if state.choice.values[knob.name].size]
    if not shown and not prompts:
        return
    if not form.for_hands:
        rule()
    for knob in prompts:
        text = prompt_text(state.choice.values[knob.name])
        if form.for_hands:
            small(f"“{text if len(text) <= _QUOTED else text[: _QUOTED - 1] + '…'}”", INK)
        else:
            _type(knob, text, made)
    column = imgui.get_content_region_avail().x * 0.36
    for knob in shown:
        value = state.choice.values[knob.name]
        end = _end()
        imgui.align_text_to_frame_padding()
        imgui.text_colored(imgui.ImVec4(*FAINT), shortened(knob.label or knob.name, column))
        imgui.same_line(column + imgui.get_style().window_padding.x)
        if knob.kind == "slider":
            _slide(knob, value, made, end)
        elif form.for_hands:
            _turn_over(knob, value, made, end)
        else:
            imgui.set_next_item_width(-1)
            _choose(knob, value, made)


def _end() -> float:
    """Where the line that begins now ends, as `same_line` counts (in a column from the column)."""
    return imgui.get_style().window_padding.x + imgui.get_content_region_avail().x


def _slide(knob: Knob, value: InputValue, made: Made, end: float) -> None:
    """A slider with its number beside it; Ctrl and a click let one type."""
    told = f"{float(value.ravel()[0]):.2f}"
    imgui.set_next_item_width(-imgui.calc_text_size("-0.00").x - imgui.get_style().item_spacing.x)
    changed, number = imgui.slider_float(
        f"##{knob.name}", float(value.ravel()[0]), *knob.range, "##%.4g", imgui.SliderFlags_.always_clamp
    )
    if changed:
        made.settings[knob.name] = np.full(knob.shape, number, np.float32)
    imgui.same_line(end - imgui.calc_text_size(told).x)
    imgui.text_unformatted(told)


def _type(knob: Knob, text: str, made: Made) -> None:
    """A line of text over the whole width; Enter takes it."""
    hint = f"{knob.label or knob.name}: a few words, then Enter"
    imgui.set_next_item_width(-1)
    taken, typed = imgui.input_text_with_hint(
        f"##{knob.name}", hint, text, imgui.InputTextFlags_.enter_returns_true
    )
    if taken:
        made.settings[knob.name] = prompt_value(typed)


def _choose(knob: Knob, value: InputValue, made: Made) -> None:
    """A list of labels."""
    at = _label_at(knob, value)
    if imgui.begin_combo(f"##{knob.name}", _label(knob, at)):
        for index, label in enumerate(knob.labels):
            if imgui.selectable(label, index == at)[0]:
                made.settings[knob.name] = label_value(knob, index)
        imgui.end_combo()


def _turn_over(knob: Knob, value: InputValue, made: Made, end: float) -> None:
    """The label with an arrow at each side, for who points from afar."""
    at, count = _label_at(knob, value), len(knob.labels)
    size, begin = imgui.get_frame_height(), imgui.get_content_region_avail().x
    if imgui.arrow_button(f"##before {knob.name}", imgui.Dir.left) and count:
        made.settings[knob.name] = label_value(knob, (at - 1) % count)
    room = begin - 2 * size
    label = shortened(_label(knob, at), room)
    imgui.same_line(end - size - (room + imgui.calc_text_size(label).x) / 2)
    imgui.text_unformatted(label)
    imgui.same_line(end - size)
    if imgui.arrow_button(f"##after {knob.name}", imgui.Dir.right) and count:
        made.settings[knob.name] = label_value(knob, (at + 1) % count)


def _label_at(knob: Knob, value: InputValue) -> int:
    """-1 where the prompt decides."""
    return -1 if knob.one_hot and not value.any() else label_index(knob, value)


def _label(knob: Knob, at: int) -> str:
    return knob.labels[at] if 0 <= at < len(knob.labels) else "as the prompt says" if at < 0 else "?"


def _keys(state: PanelState, made: Made, scale: float) -> None:
    """Keys as small caps with what they do, two to a row; one that names an action can be clicked."""
    rows = [(key, does) for key, does in state.help if key]
    if not rows:
        return
    rule()
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


def _sides(state: PanelState, made: Made, form: Form) -> None:
    """What can be set, or what the controllers do, beside what can be done."""
    rule()
    if not imgui.begin_table("sides", 2):
        return
    imgui.table_setup_column("set", imgui.TableColumnFlags_.width_stretch, _KNOBS_SHARE)
    imgui.table_setup_column("do", imgui.TableColumnFlags_.width_stretch, 1 - _KNOBS_SHARE)
    imgui.table_next_column()
    if form.explains:
        _explained(state)
    else:
        _knobs(state, made, form)
    imgui.table_next_column()
    _buttons(state, made, form)
    imgui.end_table()


def _buttons(state: PanelState, made: Made, form: Form) -> None:
    """Every action, two to a row, and what the controllers do."""
    half = (imgui.get_content_region_avail().x - imgui.get_style().item_spacing.x) / 2
    for number, action in enumerate(_BUTTONS):
        if number % 2:
            imgui.same_line()
        words, ink = _button(action, state, form)
        asks = action is Action.QUIT and form.sure
        imgui.push_style_color(imgui.Col_.text, imgui.ImVec4(*ink))
        if imgui.button(f"{words}##{action.value}", (half, 0)):
            if action is Action.QUIT and not asks:
                made.asked_to_quit = True
            else:
                made.actions += (action,)
        imgui.pop_style_color()
    if imgui.button("sliders##how" if form.explains else "what the buttons do##how", (-1, 0)):
        made.asked_how = True


def _button(action: Action, state: PanelState, form: Form) -> tuple[str, Colour]:
    """What is written on it, and how."""
    if action is Action.QUIT and form.sure:
        return "sure?", BAD
    if action is Action.PAUSE and state.paused:
        return "go on", BUSY
    return ("less" if action is Action.PANEL else action.value), INK


def _explained(state: PanelState) -> None:
    """What the controllers at hand do."""
    column = imgui.get_content_region_avail().x * 0.40
    imgui.push_font(None, SMALL)
    for how, does in state.help:
        if how:
            imgui.text_unformatted(does)
            imgui.same_line(column + imgui.get_style().window_padding.x)
            line(how, FAINT)
    imgui.pop_font()

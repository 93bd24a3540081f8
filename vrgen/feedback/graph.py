"""On the panel: how evenly frames came in the last seconds, why some were missed, and where the last change's time
went."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from imgui_bundle import imgui

from vrgen.feedback.changes import STAGES
from vrgen.feedback.dressing import ACCENT, BAD, BUSY, FAINT, FIELD, INK, SMALL, Colour, rgb
from vrgen.feedback.missed import CAUSES
from vrgen.feedback.pace import STEPS_A_PERIOD, Pace

_HIGH = 26
"""Units."""
_PERIODS = 4
"""That are seen; a longer frame is cut off there."""
_IN_TIME = rgb("a3b1bd", 0.45)
_OF_CAUSE: tuple[Colour, ...] = (ACCENT, rgb("c9a4f4"), rgb("8fd9a8"), BUSY, BAD)
_OF_STAGE: tuple[Colour, ...] = (*(INK, FAINT, ACCENT, rgb("6fa8dc"), rgb("8fd9a8"), rgb("c9a4f4"), BUSY),)
_BACK, _DARK = rgb("10161c", 0.8), rgb("10161c")


def stands(pace: Pace) -> tuple[object, ...]:
    """What decides how high it is."""
    return bool(pace.heights), pace.change is not None


def pace_graph(pace: Pace, scale: float) -> None:
    """A bar for every few frames, as high as the longest of them took; the line is one period of the display. What
    made frames late is said over it."""
    if not pace.heights:
        return
    place, across = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail().x
    high = _HIGH * scale
    bottom, draw = place.y + high, imgui.get_window_draw_list()
    draw.add_rect_filled(place, (place.x + across, bottom), _ink(FIELD), 4 * scale)
    a_step = high / (_PERIODS * STEPS_A_PERIOD)
    a_column = across / pace.columns
    right = place.x + across
    inks = [_ink(colour) for colour in (_IN_TIME, *_OF_CAUSE)]
    for first, count, (height, cause) in _runs(tuple(zip(pace.heights, pace.causes))):
        left = right - (len(pace.heights) - first) * a_column
        top = bottom - min(height, _PERIODS * STEPS_A_PERIOD) * a_step
        draw.add_rect_filled((left, top), (left + count * a_column, bottom), inks[cause])
    line_y = bottom - STEPS_A_PERIOD * a_step
    draw.add_line((place.x, line_y), (right, line_y), _ink(rgb("ffffff", 0.35)), max(1.0, scale))
    imgui.push_font(None, SMALL)
    words = [(f"{pace.missed_by[i]} {name}", _OF_CAUSE[i]) for i, name in enumerate(CAUSES) if pace.missed_by[i]]
    at, gap = place.x + 4 * scale, 5 * scale
    for text, colour in words and [("late:", FAINT), *words]:
        size = imgui.calc_text_size(text)
        if at + size.x + gap <= right:
            draw.add_rect_filled((at - gap, place.y), (at + size.x, place.y + size.y), _ink(_BACK))
            draw.add_text((at, place.y), _ink(colour), text)
        at += size.x + gap
    imgui.pop_font()
    imgui.dummy((across, high))


def change_bar(pace: Pace, scale: float) -> None:
    """What was seen last, and how its time divides among the stages; those that are long enough are named."""
    if pace.change is None:
        return
    name, stages_ms = pace.change
    total_ms = max(sum(stages_ms), 1e-6)
    imgui.push_font(None, SMALL)
    imgui.text_colored(imgui.ImVec4(*FAINT), f"{name}: {_time(total_ms)}")
    imgui.same_line()
    place, across = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail().x
    draw, high, left = imgui.get_window_draw_list(), imgui.get_text_line_height(), place.x
    for stage, took_ms, colour in zip(STAGES, stages_ms, _OF_STAGE):
        width = across * took_ms / total_ms
        draw.add_rect_filled((left, place.y), (left + width, place.y + high), _ink(colour))
        said = stage.replace("_", "-")
        for text in (f"{said} {_time(took_ms)}", said):
            if imgui.calc_text_size(text).x + 6 * scale <= width:
                draw.add_text((left + 3 * scale, place.y), _ink(_DARK), text)
                break
        left += width
    imgui.dummy((across, high))
    imgui.pop_font()


def _runs(columns: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Equal neighbours as one: first, how many, what."""
    first = 0
    for what, same in groupby(columns):
        count = len(list(same))
        yield first, count, what
        first += count


def _time(ms: float) -> str:
    return f"{ms / 1e3:.1f} s" if ms >= 1000 else f"{ms:.0f} ms"


def _ink(colour: Colour) -> int:
    return int(imgui.get_color_u32(imgui.ImVec4(*colour)))

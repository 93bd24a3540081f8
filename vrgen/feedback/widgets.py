"""Small pieces of the panel: lines of text, a bar, a map, the dot of a hand's ray."""

import math

from imgui_bundle import imgui

from vrgen.feedback.dressing import ACCENT, CARD, FAINT, FIELD, INK, SMALL, Colour


def line(text: str, colour: Colour) -> None:
    """Wrapped text."""
    imgui.push_style_color(imgui.Col_.text, imgui.ImVec4(*colour))
    imgui.push_text_wrap_pos(0.0)
    imgui.text_unformatted(text)
    imgui.pop_text_wrap_pos()
    imgui.pop_style_color()


def shortened(text: str, width: float) -> str:
    """`text`, shortened with an ellipsis where it is wider."""
    if imgui.calc_text_size(text).x <= width:
        return text
    while text and imgui.calc_text_size(text + "…").x > width:
        text = text[:-1]
    return text.rstrip() + "…"


def small(text: str, colour: Colour) -> None:
    imgui.push_font(None, SMALL)
    line(text, colour)
    imgui.pop_font()


def right(text: str, colour: Colour) -> None:
    """On the line just begun, at its right end, small."""
    imgui.push_font(None, SMALL)
    width = imgui.calc_text_size(text).x
    imgui.same_line(imgui.get_window_width() - imgui.get_style().window_padding.x - width)
    imgui.text_colored(imgui.ImVec4(*colour), text)
    imgui.pop_font()


def rule() -> None:
    imgui.dummy((0, 1))
    imgui.separator()
    imgui.dummy((0, 1))


def small_map(at: tuple[float, float], scale: float) -> None:
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


def dot(scale: float) -> None:
    """Where the hand's ray meets the panel."""
    io = imgui.get_io()
    if not imgui.is_mouse_pos_valid():
        return
    draw, place = imgui.get_foreground_draw_list(), (io.mouse_pos.x, io.mouse_pos.y)
    radius = (4.0 if io.mouse_down[0] else 5.5) * scale
    for more, colour in ((2 * scale, CARD), (0.0, ACCENT if io.mouse_down[0] else INK)):
        draw.add_circle_filled(place, radius + more, imgui.get_color_u32(imgui.ImVec4(*colour)), 24)


def bar(part: float, colour: Colour, scale: float) -> None:
    """A thin bar, filled to `part`."""
    place, height = imgui.get_cursor_screen_pos(), 3 * scale
    across = imgui.get_content_region_avail().x
    draw = imgui.get_window_draw_list()
    for width, ink in ((across, FIELD), (max(across * part, height), colour)):
        corner = (place.x + width, place.y + height)
        draw.add_rect_filled((place.x, place.y), corner, imgui.get_color_u32(imgui.ImVec4(*ink)), height / 2)
    imgui.dummy((across, height))

"""What the panel is dressed in: colours, letters, measures. In units, of which the scale says how many pixels."""

from pathlib import Path

import imgui_bundle
from imgui_bundle import imgui

WIDTH = 340
WIDTH_FOR_HANDS = 460
"""In a headset it is broad rather than high."""
MARGIN = 16
TEXT = 15.0
SMALL = 13.0

Colour = tuple[float, float, float, float]


def rgb(code: str, alpha: float = 1.0) -> Colour:
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue, alpha


INK = rgb("eef2f5")
FAINT = rgb("a3b1bd")
CARD = rgb("10161c", 0.80)
FIELD = rgb("ffffff", 0.09)
ACCENT = rgb("7cc4e8")
GOOD = rgb("7fd1a0")
BUSY = rgb("f2c46d")
BAD = rgb("ff8f7d")


def fitting_scale(scale: float, view_px: tuple[int, int]) -> float:
    """The display's scale, larger on a picture of very many pixels, smaller where the card would not fit."""
    wanted = max(scale, view_px[1] / 1080)
    return max(min(round(wanted * 4) / 4, view_px[0] / (WIDTH + 2 * MARGIN)), 0.5)


def width_px(scale: float, for_hands: bool = False) -> int:
    return round((WIDTH_FOR_HANDS if for_hands else WIDTH) * scale)


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
    easy = 3 * scale if for_hands else 0.0
    style.window_rounding = 12 * scale
    style.frame_rounding = style.grab_rounding = style.popup_rounding = 6 * scale
    style.window_padding = imgui.ImVec2(16 * scale, 14 * scale)
    style.frame_padding = imgui.ImVec2(8 * scale, 4 * scale + easy)
    style.item_spacing = imgui.ImVec2(8 * scale, 6 * scale)
    style.item_inner_spacing = imgui.ImVec2(6 * scale, 4 * scale)
    style.window_border_size = style.popup_border_size = 0
    style.grab_min_size = 12 * scale + 3 * easy
    style.scrollbar_size = 8 * scale
    style.font_size_base = TEXT
    style.font_scale_main = scale
    col = imgui.Col_
    for name, colour in (
        (col.text, INK),
        (col.text_disabled, FAINT),
        (col.window_bg, card),
        (col.popup_bg, rgb("1a232b", 0.97)),
        (col.frame_bg, FIELD),
        (col.frame_bg_hovered, rgb("ffffff", 0.15)),
        (col.frame_bg_active, rgb("ffffff", 0.20)),
        (col.slider_grab, ACCENT),
        (col.slider_grab_active, rgb("a9dcf5")),
        (col.button, FIELD),
        (col.button_hovered, rgb("7cc4e8", 0.35)),
        (col.button_active, rgb("7cc4e8", 0.55)),
        (col.header, rgb("7cc4e8", 0.25)),
        (col.header_hovered, rgb("7cc4e8", 0.35)),
        (col.header_active, rgb("7cc4e8", 0.55)),
        (col.scrollbar_bg, rgb("000000", 0.0)),
        (col.scrollbar_grab, rgb("ffffff", 0.25)),
        (col.separator, rgb("ffffff", 0.12)),
        (col.text_selected_bg, rgb("7cc4e8", 0.35)),
    ):
        style.set_color_(name, imgui.ImVec4(*colour))

"""Captions of a contact sheet are there whole, or say that something is left out."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from vrgen.training.contact import CAPTION_PX, FONT, MOST_LINES, above_nearest, fitted, sheet


@pytest.mark.parametrize("width", [40, 62, 128, 300])
@pytest.mark.parametrize(
    "caption", ["snow", "nearest of the data", "a_very_long_file_name_without_blanks_0001.png", "many words " * 20]
)
def test_lines_fit(caption: str, width: int) -> None:
    lines = fitted(caption, width)
    assert 1 <= len(lines) <= MOST_LINES and all(FONT.getlength(line) <= width for line in lines)
    assert lines[0][0] == caption[0] and lines[-1][-1] == caption.strip()[-1]
    whole = " ".join(lines) == " ".join(caption.split())
    assert whole != any("…" in line for line in lines)


def test_a_row_is_named_over_its_width() -> None:
    rng = np.random.default_rng(0)
    made, real = rng.random((3, 3, 8, 8), np.float32), rng.random((9, 3, 8, 8), np.float32)
    drawn = np.asarray(above_nearest(made, real, np.arange(3)))
    wanted = Image.new("RGB", (200, CAPTION_PX))
    ImageDraw.Draw(wanted).text((1, 0), "nearest of the data", fill="white", font=FONT)
    row = drawn.shape[0] // 4
    assert (drawn[row : row + CAPTION_PX, :200] == np.asarray(wanted)).all()


def test_small_pictures_are_enlarged_for_their_captions() -> None:
    pictures = [np.ones((8, 8, 3), np.float32)] * 2
    assert sheet(pictures, columns=2).width == 2 * 18
    assert sheet(pictures, ["one", "two"], columns=2).width == 2 * 66

"""Contact sheets: many pictures on one, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from vrgen.training.resizing import Array, resized, srgb_from_linear

Bytes = npt.NDArray[np.uint8]

MOST_PX = 1600
LEAST_PX = 64
"""Narrower pictures are enlarged where they have captions."""
CAPTION_PX = 13
MOST_LINES = 3
FONT = ImageFont.load_default(11)
EXPOSURE = 0.35
"""What the mean of a panorama's upper half is brought to before it is tone-mapped."""


def shown(light: Array) -> Array:
    """sRGB codes (H, W, 3) of radiance (H, W, 3), at an exposure of its own and with soft highlights.

    Reinhard et al., "Photographic Tone Reproduction for Digital Images", 2002, equation 3.
    """
    upper = np.minimum(light[: max(1, len(light) // 2)], 5.0)
    exposed = light * (EXPOSURE / max(float(upper.mean()), 1e-4))
    return srgb_from_linear(exposed / (1 + 0.6 * exposed))


def relief(heights: Array, steepness: float) -> Array:
    """Grey (H, W) in [0, 1] of heights lit from the north-west; `steepness` is the slope that is taken as 1 in 2.

    Row along +Z (south), column along +X (east).
    """
    south, east = np.gradient(heights * np.float32(0.5 / max(steepness, 1e-9)))
    upright = 1 / np.sqrt(1 + south**2 + east**2)
    light: Array = np.clip((0.5 * east + 0.5 * south + 0.7) * upright, 0, 1).astype(np.float32)
    return light


def sheet(
    pictures: Sequence[Array],
    captions: Sequence[str] = (),
    columns: int | None = None,
    side_px: int | None = None,
) -> Image.Image:
    """One picture of many (H, W, 3) of one size, sRGB codes in [0, 1], each with its caption above.

    A caption is broken into lines, and shortened in the middle where they are not enough. It may run on over the
    pictures to its right that have an empty one.
    """
    height, width = pictures[0].shape[:2]
    across = columns or max(1, round((len(pictures) * height / width) ** 0.5))
    times = max(1, -(-LEAST_PX // width)) if captions and side_px is None else 1
    wide = side_px or max(16, min(width * times, MOST_PX // across))
    high = max(1, round(height * wide / width))
    told = [fitted(caption, _room(captions, k, across) * (wide + 2) - 4) for k, caption in enumerate(captions)]
    top = CAPTION_PX * max((len(lines) for lines in told), default=0)
    down = -(-len(pictures) // across)
    made = Image.new("RGB", (min(across, len(pictures)) * (wide + 2), down * (high + top + 2)))
    draw = ImageDraw.Draw(made)
    for k, picture in enumerate(pictures):
        x, y = (k % across) * (wide + 2), (k // across) * (high + top + 2)
        large = picture.repeat(times, 0).repeat(times, 1) if wide >= width * times else picture
        small = resized(large.astype(np.float32), high, wide, "area")
        made.paste(Image.fromarray(np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8)), (x, y + top))
        if captions:
            lines = told[k]
            for n, line in enumerate(lines):
                draw.text((x + 1, y + top - (len(lines) - n) * CAPTION_PX), line, fill="white", font=FONT)
    return made


def fitted(caption: str, width_px: float) -> list[str]:
    """A caption as at most `MOST_LINES` lines of that width."""
    lines: list[str] = []
    for word in caption.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and FONT.getlength(longer) <= width_px:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > MOST_LINES:  # the end is kept: it tells siblings apart
        kept = " ".join(lines[MOST_LINES - 1 :])
        lines[MOST_LINES - 1 :] = [kept]
    return [_shortened(line, width_px) for line in lines]


def _shortened(line: str, width_px: float) -> str:
    """A line without its middle, as much as does not fit."""
    shown, kept = line, len(line)
    while kept > 1 and FONT.getlength(shown) > width_px:
        kept -= 1
        shown = f"{line[: (kept + 1) // 2].rstrip()}…{line[len(line) - kept // 2 :].lstrip()}"
    return shown


def _room(captions: Sequence[str], k: int, across: int) -> int:
    """Over how many pictures the caption of one may run."""
    end = min(len(captions), (k // across + 1) * across)
    after = range(k + 1, end)
    return next((n for n in after if captions[n]), end) - k


def above_nearest(made: Array, real: Array, near: npt.NDArray[np.int64], across: int = 8) -> Image.Image:
    """What was made (N, 3, H, W), each above the real picture of that number; then the first of the real ones."""
    pictures: list[Array] = []
    captions: list[str] = []
    for start in range(0, len(made), across):
        row = range(start, min(start + across, len(made)))
        blank = across - len(row)
        pictures += [*(made[k] for k in row), *[np.zeros_like(made[0])] * blank]
        captions += ["made"] + [""] * (across - 1)
        pictures += [*(real[near[k]] for k in row), *[np.zeros_like(real[0])] * blank]
        captions += ["nearest of the data"] + [""] * (across - 1)
    pictures += list(real[: 2 * across])
    captions += ["the data" if n % across == 0 else "" for n in range(min(2 * across, len(real)))]
    height, width = made.shape[2:]
    alike = [
        resized(picture.transpose(1, 2, 0), height, width, "area")
        if picture.shape[1:] != (height, width)
        else picture.transpose(1, 2, 0)
        for picture in pictures
    ]
    return sheet(alike, captions, columns=across)


def save(made: Image.Image, path: Path) -> None:
    """As PNG, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    made.save(partial, "PNG")
    partial.replace(path)

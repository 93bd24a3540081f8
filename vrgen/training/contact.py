"""Contact sheets: many pictures on one, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from vrgen.training.resizing import Array, resized, srgb_from_linear

Bytes = npt.NDArray[np.uint8]

MOST_PX = 1600
CAPTION_PX = 13
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
    """One picture of many (H, W, 3) of one size, sRGB codes in [0, 1], each with its caption above."""
    height, width = pictures[0].shape[:2]
    across = columns or max(1, round((len(pictures) * height / width) ** 0.5))
    wide = side_px or max(16, min(width, MOST_PX // across))
    high = max(1, round(height * wide / width))
    top = CAPTION_PX if captions else 0
    down = -(-len(pictures) // across)
    made = Image.new("RGB", (across * (wide + 2), down * (high + top + 2)))
    draw = ImageDraw.Draw(made)
    for k, picture in enumerate(pictures):
        x, y = (k % across) * (wide + 2), (k // across) * (high + top + 2)
        small = resized(picture.astype(np.float32), high, wide, "area")
        made.paste(Image.fromarray(np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8)), (x, y + top))
        if captions:
            draw.text((x + 1, y), captions[k][: wide // 6], fill="white")
    return made


def above_nearest(made: Array, real: Array, near: npt.NDArray[np.int64], across: int = 8) -> Image.Image:
    """What was made (N, 3, H, W), each above the real picture of that number; then the first of the real ones."""
    pictures: list[Array] = []
    captions: list[str] = []
    for start in range(0, len(made), across):
        row = range(start, min(start + across, len(made)))
        blank = across - len(row)
        pictures += [*(made[k] for k in row), *[np.zeros_like(made[0])] * blank]
        captions += ["made"] * len(row) + [""] * blank
        pictures += [*(real[near[k]] for k in row), *[np.zeros_like(real[0])] * blank]
        captions += ["nearest of the data"] * len(row) + [""] * blank
    pictures += list(real[: 2 * across])
    captions += ["the data"] * min(2 * across, len(real))
    height, width = made.shape[2:]
    fitted = [
        resized(picture.transpose(1, 2, 0), height, width, "area")
        if picture.shape[1:] != (height, width)
        else picture.transpose(1, 2, 0)
        for picture in pictures
    ]
    return sheet(fitted, captions, columns=across)


def save(made: Image.Image, path: Path) -> None:
    """As PNG, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    made.save(partial, "PNG")
    partial.replace(path)

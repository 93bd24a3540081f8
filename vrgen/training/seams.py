"""Where a picture should go on and may not: round its edges, over the poles, from tile to tile.

Pictures are (N, C, H, W) in whatever numbers they are seen in.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float32]

LEFT_OVER = 0.75
"""Of a picture's width: cut to it, no picture goes on at its opposite edge."""


def wrap(pictures: Pixels, down: bool) -> float:
    """The step over the edge by the mean step inside of the same pictures; about 1 where nothing is seen.

    `down`: from the last row to the first too.
    """
    over, inside = [_mean(pictures[..., 0], pictures[..., -1])], [_mean(pictures[..., 1:], pictures[..., :-1])]
    if down:
        over.append(_mean(pictures[..., 0, :], pictures[..., -1, :]))
        inside.append(_mean(pictures[..., 1:, :], pictures[..., :-1, :]))
    return float(np.mean(over) / max(float(np.mean(inside)), 1e-9))


def cut(pictures: Pixels) -> Pixels:
    """The same pictures without their last quarter, right and below: they no longer go on."""
    height, width = (max(2, int(n * LEFT_OVER)) for n in pictures.shape[-2:])
    return pictures[..., :height, :width]


def pinch(panoramas: Pixels) -> float:
    """The step from pixel to pixel in the row round the zenith, by that half way down to the horizon.

    The zenith is one place: in a sphere the ratio is small, in a flat picture about 1.
    """
    rows = panoramas.shape[-2]
    around = [_mean(row, np.roll(row, 1, -1)) for row in (panoramas[..., 0, :], panoramas[..., rows // 4, :])]
    return around[0] / max(around[1], 1e-9)


def _mean(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one - other).mean())

"""Numbers of a generator as colours: sRGB at the edges, linear inside."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from vrgen.contract import Range
from vrgen.scene_model import F32, U8

_T = TypeVar("_T", bound=np.generic)
_FROM_SRGB = np.where(
    np.arange(1024) / 1023 <= 0.04045,
    np.arange(1024) / 1023 / 12.92,
    ((np.arange(1024) / 1023 + 0.055) / 1.055) ** 2.4,
).astype(np.float32)


def unit(values: npt.NDArray[np.generic], low: float, high: float) -> F32:
    """`values` with `low` at 0 and `high` at 1, clipped."""
    scaled = (values.astype(np.float32, copy=False) - low) * (1.0 / (high - low))
    return np.clip(scaled, 0.0, 1.0, out=scaled)


def linear(planes: npt.NDArray[np.generic], meaning: Range) -> F32:
    """(C, H, W) colours of a manifest's range as (H, W, 3) linear radiance; one channel is grey."""
    if meaning == "linear":
        colours = np.maximum(planes.astype(np.float32, copy=False), 0.0)
    else:
        low, high = meaning
        colours = _FROM_SRGB[(unit(planes, float(low), float(high)) * 1023.0 + 0.5).astype(np.uint16)]
    return _three(colours)


def encoded(planes: npt.NDArray[np.generic], meaning: Range) -> U8:
    """(C, H, W) colours of a manifest's range as (H, W, 3) sRGB bytes; one channel is grey."""
    if meaning == "linear":
        v = np.clip(planes.astype(np.float32, copy=False), 0.0, 1.0)
        v = np.where(v <= 0.0031308, 12.92 * v, 1.055 * np.power(v, 1 / 2.4) - 0.055)
    else:
        low, high = meaning
        v = unit(planes, float(low), float(high))
    return _three((v * 255.0 + 0.5).astype(np.uint8))


def _three(planes: npt.NDArray[_T]) -> npt.NDArray[_T]:
    """(C, H, W) as (H, W, 3); one channel is repeated."""
    planes = planes[:3] if planes.shape[0] >= 3 else np.repeat(planes[:1], 3, axis=0)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))

"""Numbers of a generator as colours: sRGB at the edges, linear inside.

Planes are worked through a band of rows at a time: a band stays in the processor's cache from the first step to
the last, and a result that is still on its way is begun with the bands that are here.
"""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from vrgen.contract import Range
from vrgen.messages import Arrival
from vrgen.scene_model import F32, U8
from vrgen.srgb import BRIGHTEST, FROM_SRGB, STEPS, to_steps

_T = TypeVar("_T", bound=np.generic)
Planes = npt.NDArray[np.generic]
F16 = npt.NDArray[np.float16]

_BAND_BYTES = 256 << 10


class Lost(Exception):
    """A result that was arriving will never be whole."""


def linear(planes: Planes, meaning: Range, arrival: Arrival | None = None) -> F16:
    """(C, H, W) colours of a manifest's range as (H, W, 3) linear radiance; one channel is grey.

    Raises:
        Lost: they will not arrive (`arrival`; it waits for them).
    """
    made = np.empty((*planes.shape[1:], 3 if planes.shape[0] >= 3 else 1), np.float16)
    for channel, rows, band in _bands(planes[: made.shape[2]], arrival):
        if meaning == "linear":
            made[rows, :, channel] = np.clip(band, 0.0, BRIGHTEST)
        else:
            made[rows, :, channel] = FROM_SRGB.take(_steps(band, meaning, STEPS).astype(np.uint16))
    return _three(made)


def encoded(planes: Planes, meaning: Range, arrival: Arrival | None = None) -> U8:
    """(C, H, W) colours of a manifest's range as (H, W, 3) sRGB bytes; one channel is grey.

    Raises:
        Lost: as `linear`.
    """
    planes = planes[:3] if planes.shape[0] >= 3 else planes[:1]
    if meaning != "linear":
        return _three(levels(planes, meaning, arrival))
    made = np.empty((*planes.shape[1:], planes.shape[0]), np.uint8)
    for channel, rows, band in _bands(planes, arrival):
        v = np.clip(band.astype(np.float32, copy=False), 0.0, 1.0)
        v = np.where(v <= 0.0031308, 12.92 * v, 1.055 * np.power(v, 1 / 2.4) - 0.055)
        made[rows, :, channel] = v * 255.0 + 0.5
    return _three(made)


def levels(planes: Planes, between: tuple[float, float], arrival: Arrival | None = None) -> U8:
    """(C, H, W) numbers as (H, W, C) bytes: the low end of the range is 0, the high end 255.

    Raises:
        Lost: as `linear`.
    """
    made = np.empty((*planes.shape[1:], planes.shape[0]), np.uint8)
    for channel, rows, band in _bands(planes, arrival):
        made[rows, :, channel] = _steps(band, between, 255)
    return made


def _bands(planes: Planes, arrival: Arrival | None) -> Iterator[tuple[int, slice, Planes]]:
    """Channel, rows and numbers of each band in turn, once it is here."""
    for channel, plane in enumerate(planes):
        step = max(1, _BAND_BYTES // max(1, plane[:1].nbytes))
        for start in range(0, len(plane), step):
            band = plane[start : start + step]
            if arrival is not None and not arrival.wait(band):
                raise Lost
            yield channel, slice(start, start + step), band


def _steps(band: Planes, between: tuple[float, float], last: int) -> F32:
    """`band` in steps from 0 to `last`, to be cut to whole numbers, which rounds them."""
    scale, offset = to_steps(between, last)
    made = np.multiply(band, scale, dtype=np.float32)
    made += offset
    return np.clip(made, 0.0, last, out=made)


def _three(pixels: npt.NDArray[_T]) -> npt.NDArray[_T]:
    """(H, W, C) with one channel repeated to three."""
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels

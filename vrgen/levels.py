"""Smaller levels of textures, each half as large as the one before, down to one texel (OpenGL 4.5, 8.14.3).

Light is averaged as light, in linear numbers; directions are averaged and made unit again. They are made where the
assets are, beside the frame: numpy lets go of the interpreter lock.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

_T = TypeVar("_T", bound=np.generic)
_F32 = npt.NDArray[np.float32]
_STEPS = np.arange(256, dtype=np.float32) / 255
_LINEAR = np.where(_STEPS <= 0.04045, _STEPS / 12.92, ((_STEPS + 0.055) / 1.055) ** 2.4).astype(np.float32)
_FINE = 1 << 14
_GREY = np.arange(_FINE + 1, dtype=np.float32) / _FINE
_ENCODED = np.where(_GREY <= 0.0031308, 12.92 * _GREY, 1.055 * _GREY ** np.float32(1 / 2.4) - 0.055)
_ENCODED = (_ENCODED * 255 + 0.5).astype(np.uint8)


def smaller_colours(pixels: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], ...]:
    """Of (H, W, 4) sRGB bytes; the last channel is a plain number."""
    planes = [_LINEAR.take(pixels[..., channel]) for channel in range(3)]
    planes.append(pixels[..., 3].astype(np.float32))

    def bytes_of(planes: list[_F32]) -> npt.NDArray[np.uint8]:
        made = np.empty((*planes[0].shape, 4), np.uint8)
        for channel in range(3):
            made[..., channel] = _ENCODED.take((planes[channel] * _FINE + 0.5).astype(np.uint16))
        made[..., 3] = planes[3] + 0.5
        return made

    return _levels(planes, bytes_of)


def smaller_bumps(pixels: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], ...]:
    """Of (H, W, 4) bytes: unit vectors mapped from [-1, 1], and a plain number."""
    planes = [pixels[..., channel].astype(np.float32) for channel in range(4)]
    for plane in planes[:3]:
        plane -= 127.5

    def bytes_of(planes: list[_F32]) -> npt.NDArray[np.uint8]:
        made = np.empty((*planes[0].shape, 4), np.uint8)
        scale = 127.5 / np.maximum(np.sqrt(sum(plane * plane for plane in planes[:3])), 1e-3)
        for channel in range(3):
            made[..., channel] = np.minimum(planes[channel] * scale + 128.0, 255.0)
        made[..., 3] = planes[3] + 0.5
        return made

    return _levels(planes, bytes_of)


def smaller_radiance(pixels: npt.NDArray[np.float16]) -> tuple[npt.NDArray[np.float16], ...]:
    """Of (H, W, 3) linear half floats."""
    planes = [pixels[..., channel].astype(np.float32) for channel in range(pixels.shape[2])]

    def halves_of(planes: list[_F32]) -> npt.NDArray[np.float16]:
        made = np.empty((*planes[0].shape, len(planes)), np.float16)
        for channel, plane in enumerate(planes):
            made[..., channel] = plane
        return made

    return _levels(planes, halves_of)


def _levels(planes: list[_F32], stored: Callable[[list[_F32]], npt.NDArray[_T]]) -> tuple[npt.NDArray[_T], ...]:
    made = []
    while max(planes[0].shape) > 1:
        planes = [_half(_half(plane).T).T for plane in planes]
        made.append(stored(planes))
    return tuple(made)


def _half(plane: _F32) -> _F32:
    """(H, W) as (H // 2, W): means of two rows, and of parts of three where H is odd."""
    rows = len(plane)
    half = rows // 2
    if rows == 1:
        return plane
    if rows % 2 == 0:
        made = plane[0::2] + plane[1::2]
        made *= np.float32(0.5)
        return made
    at = np.arange(half, dtype=np.float32)[:, None]
    made = plane[0:-1:2] * (half - at) + plane[1::2] * np.float32(half) + plane[2::2] * (at + 1)
    return np.asarray(made * np.float32(1 / rows), np.float32)

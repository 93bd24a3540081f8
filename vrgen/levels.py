"""Smaller levels of textures, each half as large as the one before, down to one texel (OpenGL 4.5, 8.14.3).

Light is averaged as light, in linear numbers; directions are averaged and made unit again. They are made where the
assets are, beside the frame where those are: numpy lets go of the interpreter lock.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from vrgen.halves import floats, halves

_T = TypeVar("_T", bound=np.generic)
_F32 = npt.NDArray[np.float32]
_U8 = npt.NDArray[np.uint8]
_STEPS = np.arange(256, dtype=np.float32) / 255
_LINEAR = np.where(_STEPS <= 0.04045, _STEPS / 12.92, ((_STEPS + 0.055) / 1.055) ** 2.4).astype(np.float32)
_FINE = 1 << 14
_GREY = np.arange(_FINE + 1, dtype=np.float32) / _FINE
_ENCODED = np.where(_GREY <= 0.0031308, 12.92 * _GREY, 1.055 * _GREY ** np.float32(1 / 2.4) - 0.055)
_ENCODED = (_ENCODED * 255 + 0.5).astype(np.uint8)
_BAND_NUMBERS = 1 << 16
"""As many are worked through at a time: they stay in the processor's cache."""
_ALPHA = np.float32(1 / 256)
"""Brings bytes to where linear light is, and loses nothing."""


def smaller_colours(pixels: _U8) -> tuple[_U8, ...]:
    """Of (H, W, 4) sRGB bytes; the last channel is a plain number."""
    return _levels(pixels, _light_of_bytes, _bytes_of_light)


def _light_of_bytes(pixels: _U8) -> _F32:
    light = _LINEAR.take(pixels)
    np.multiply(pixels[..., 3], _ALPHA, out=light[..., 3])
    return light


def _bytes_of_light(light: _F32) -> _U8:
    steps = light * np.float32(_FINE)
    steps += np.float32(0.5)
    made = _ENCODED.take(steps.astype(np.uint16))
    made[..., 3] = light[..., 3] * (1 / _ALPHA) + np.float32(0.5)
    return made


def smaller_bumps(pixels: _U8) -> tuple[_U8, ...]:
    """Of (H, W, 4) bytes: unit vectors mapped from [-1, 1], and a plain number."""
    return _levels(pixels, _bumps_of_bytes, _bytes_of_bumps)


def _bumps_of_bytes(pixels: _U8) -> _F32:
    return np.subtract(pixels, np.float32(127.5), dtype=np.float32)


def _bytes_of_bumps(bumps: _F32) -> _U8:
    made = np.empty(bumps.shape, np.uint8)
    x, y, z = (bumps[..., axis] for axis in range(3))
    scale = x * x
    scale += y * y
    scale += z * z
    scale = np.float32(127.5) / np.maximum(np.sqrt(scale, out=scale), np.float32(1e-3), out=scale)
    for axis in range(3):
        along = bumps[..., axis] * scale
        along += np.float32(128.0)
        made[..., axis] = np.minimum(along, np.float32(255.0), out=along)
    made[..., 3] = bumps[..., 3] + np.float32(128.0)
    return made


def smaller_radiance(pixels: npt.NDArray[np.float16]) -> tuple[npt.NDArray[np.float16], ...]:
    """Of (H, W, 3) linear half floats, finite and not negative."""
    return _levels(pixels, floats, halves)


def _levels(
    pixels: npt.NDArray[_T], numbers: Callable[[npt.NDArray[_T]], _F32], stored: Callable[[_F32], npt.NDArray[_T]]
) -> tuple[npt.NDArray[_T], ...]:
    """Without the largest. `numbers`: pixels as what is averaged; `stored`: the other way."""
    if max(pixels.shape[:2]) == 1:
        return ()
    rows = max(2, _BAND_NUMBERS // pixels[0].size // 2 * 2) if len(pixels) % 2 == 0 else len(pixels)
    bands = (pixels[start : start + rows] for start in range(0, len(pixels), rows))
    level = np.concatenate([_narrower(_lower(numbers(band))) for band in bands])
    made = [stored(level)]
    while max(level.shape[:2]) > 1:
        level = _narrower(_lower(level))
        made.append(stored(level))
    return tuple(made)


def _lower(pixels: _F32) -> _F32:
    """(H, W, C) as (H // 2, W, C): means of two rows, and of parts of three where H is odd."""
    rows = len(pixels)
    half = rows // 2
    if rows == 1:
        return pixels
    if rows % 2 == 0:
        made = pixels[0::2] + pixels[1::2]
        made *= np.float32(0.5)
        return made
    at = np.arange(half, dtype=np.float32)[:, None, None]
    made = pixels[0:-1:2] * (half - at) + pixels[1::2] * np.float32(half) + pixels[2::2] * (at + 1)
    return np.asarray(made * np.float32(1 / rows), np.float32)


def _narrower(pixels: _F32) -> _F32:
    """(H, W, C) as (H, W // 2, C), likewise."""
    height, width, channels = pixels.shape
    if width == 1 or width % 2:
        return np.ascontiguousarray(_lower(pixels.swapaxes(0, 1)).swapaxes(0, 1))
    made = np.empty((height, width // 2, channels), np.float32)
    for channel in range(channels):  # at once it would take four times as long
        np.add(pixels[:, 0::2, channel], pixels[:, 1::2, channel], out=made[..., channel])
    made *= np.float32(0.5)
    return made

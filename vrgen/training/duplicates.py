"""Pictures and meshes that are there twice: the same bytes, or the same thing in another size, encoding or format.

A picture is known by the signs of its lowest frequencies (the perceptual hash of Zauner, 2010, 8×8 of a cosine
transform of 32×32) and by a thumbnail in colour. Both have to be near: a recoloured sibling is no duplicate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import dctn

from vrgen.training.resizing import Array, resized, srgb_from_linear

BITS_APART = 8
"""Of 64. Two unlike pictures differ in some 32."""
COLOUR_APART = 0.03
"""Mean difference of the thumbnails' sRGB codes."""
RADIUS_APART = 0.01
"""Mean difference of the radii of two bodies, of themselves."""
FLAT = 0.004
"""A thumbnail that varies less has no signs that mean anything."""
MIDDLE_GREY = 0.18


@dataclass(frozen=True)
class Print:
    """What a picture is known by: 64 signs, and a thumbnail (8, 8, 3) of sRGB codes."""

    signs: npt.NDArray[np.bool_]
    thumbnail: Array


def print_of(light: Array, hdr: bool) -> Print:
    """Of linear light (H, W, 3); radiance is brought to one exposure first."""
    small = resized(light, 32, 32, "area")
    if hdr:
        small = small * (MIDDLE_GREY / max(float(np.median(small)), 1e-6))
        small = small / (1 + small)
    coded = srgb_from_linear(small)
    lowest = dctn(coded.mean(-1), norm="ortho")[:8, :8].ravel()
    return Print(lowest > np.median(lowest[1:]), coded.reshape(8, 4, 8, 4, 3).mean((1, 3)))


class Seen:
    """The pictures so far, and which file had each, in arrays that grow: each new one is compared with all."""

    def __init__(self) -> None:
        self._digests: dict[str, str] = {}
        self._files: list[str] = []
        self._signs = np.zeros((64, 64), np.bool_)
        self._thumbnails = np.zeros((64, 8, 8, 3), np.float32)

    def same(self, sha256: str) -> str | None:
        """The file that had the same bytes."""
        return self._digests.get(sha256)

    def near(self, found: Print) -> str | None:
        """The file that showed the same."""
        count = len(self._files)
        flat = _is_flat(found.thumbnail)
        apart = np.count_nonzero(self._signs[:count] != found.signs, axis=1)
        alike = np.arange(count) if flat else np.flatnonzero(apart <= BITS_APART)
        colour = np.abs(self._thumbnails[alike] - found.thumbnail).mean((1, 2, 3))
        like = alike[colour < (FLAT if flat else COLOUR_APART)]
        return self._files[int(like[0])] if len(like) else None

    def add(self, file: str, sha256: str, found: Print | None) -> None:
        """Remember a picture that is used."""
        self._digests[sha256] = file
        if found is None:
            return
        if len(self._files) == len(self._signs):
            self._signs = np.concatenate([self._signs, np.zeros_like(self._signs)])
            self._thumbnails = np.concatenate([self._thumbnails, np.zeros_like(self._thumbnails)])
        self._signs[len(self._files)] = found.signs
        self._thumbnails[len(self._files)] = found.thumbnail
        self._files.append(file)


class SeenBodies:
    """The meshes so far, by radius and colour over the sphere (`bodies`), whatever the file's format."""

    def __init__(self) -> None:
        self._files: list[str] = []
        self._bodies: list[Array] = []

    def near(self, body: Array) -> str | None:
        """The file that had the same shape and colours; bodies (4, V, 1)."""
        for file, other in zip(self._files, self._bodies, strict=True):
            radius, *colour = np.abs(body - other).mean((1, 2))
            if radius < RADIUS_APART and max(colour) < COLOUR_APART:
                return file
        return None

    def add(self, file: str, body: Array) -> None:
        """Remember a mesh that is used."""
        self._files.append(file)
        self._bodies.append(body)


def _is_flat(thumbnail: Array) -> bool:
    return bool(thumbnail.std((0, 1)).max() < FLAT)

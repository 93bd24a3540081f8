"""How fast what is seen may change its brightness, so that nothing that generators make can flash.

A flash is a pair of opposing changes of relative luminance by a tenth of its maximum or more; three of them in a
second are the most that is safe (WCAG 2.3.1, "general flash"). A pair travels by a fifth at least: what never
travels faster than `MOST_PER_S` flashes twice in a second at most. The bound holds for every part of the sky and
of each material by itself, because a small part of the view is enough to flash.

Luminance is that of the display, linear, in [0, 1]: exposed, and through the curve of shaders/tone.glsl.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from vrgen.scene.light import basis
from vrgen.scene_model import F32, Fade, Light, Picture, Sky, Surface

MOST_PER_S = 0.5
"""Greatest change of displayed luminance in a second."""
LONGEST_S = 0.1
"""A frame that took longer counts as this long: after a hitch nothing may jump either."""
_CELLS = 8
"""Rows from the zenith to the horizon; rows and columns of a material."""
_WHITE = 8.0
"""Exposed radiance from which on all is white."""
_THINGS_FACE = np.array([[0, 1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]], np.float32)
_THINGS = np.full_like(_THINGS_FACE, 0.6)
"""What stands on the ground, of a bright grey: in another light it changes as well."""
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
_TO_ACES = np.array(
    [0.59719, 0.07600, 0.02840, 0.35458, 0.90834, 0.13383, 0.04823, 0.01566, 0.83777], np.float32
).reshape(3, 3)
_FROM_ACES = np.array(
    [1.60475, -0.10208, -0.00327, -0.53108, 1.10813, -0.07276, -0.07367, -0.00605, 1.07602], np.float32
).reshape(3, 3)
"""For rows from the left, as GLSL writes the columns of its matrices."""
_STEPS = np.arange(256, dtype=np.float32) / 255
_FROM_SRGB = np.where(_STEPS <= 0.04045, _STEPS / 12.92, ((_STEPS + 0.055) / 1.055) ** 2.4).astype(np.float32)
_TRIES = 12
_A = TypeVar("_A", Sky, Surface)


def displayed(exposed: F32) -> F32:
    """(N,) luminance on the display of (N, 3) radiance times exposure: the curve of shaders/tone.glsl."""
    v = exposed @ _TO_ACES
    v = (v * (v + 0.0245786) - 0.000090537) / (v * (0.983729 * v + 0.4329510) + 0.238081)
    return np.asarray(np.clip(v @ _FROM_ACES, 0.0, 1.0) @ _LUMINANCE, np.float32)


def lit(albedo: F32, normals: F32, light: Light) -> F32:
    """(N, 3) exposed radiance of surfaces in the open: shaders/light.glsl without shadows and shine."""
    ambient = np.maximum(basis(normals) @ light.ambient_sh, 0.0)
    sun = np.maximum(normals @ light.sun_direction, 0.0)[:, None] * (light.sun_irradiance / np.float32(np.pi))
    return np.asarray(albedo * (ambient + sun) * np.float32(light.exposure), np.float32)


def sky_cells(sky: Sky) -> F32:
    """(8 · 32, 3) radiance of the sky above the horizon, each cell 11° high: means of 4 × 4 places in it."""
    return _half(sky, 0)


def floor_cells(sky: Sky) -> F32:
    """The same below the horizon, where nothing but the panorama is the floor."""
    return _half(sky, 1)


def _half(sky: Sky, lower: int) -> F32:
    height, width = sky.radiance.shape[:2]
    down, across = 4 * _CELLS, 16 * _CELLS
    rows = (((np.arange(down) + 0.5) / down + lower) * height / 2).astype(int)
    columns = ((np.arange(across) + 0.5) / across * width).astype(int)
    white = _WHITE / sky.light.exposure  # a sun must not count for more than the white that it is seen as
    places = np.clip(np.nan_to_num(sky.radiance[np.ix_(rows, columns)].astype(np.float32)), 0.0, white)
    return _means(places).reshape(-1, 3)


def surface_cells(surface: Surface) -> F32:
    """(64, 6): linear albedo and tangent-space normal in parts of a material."""
    albedo = _FROM_SRGB[surface.albedo[_spread(surface.albedo.shape)][..., :3]]
    bumps = surface.bumps[_spread(surface.bumps.shape)][..., :3].astype(np.float32) / np.float32(127.5) - 1
    return _means(np.concatenate([albedo, bumps], axis=-1)).reshape(-1, 6)


def picture_cells(picture: Picture) -> F32:
    """(64, 3) linear albedo in parts of a picture."""
    return _means(_FROM_SRGB[picture.pixels[_spread(picture.pixels.shape)][..., :3]]).reshape(-1, 3)


def _spread(shape: tuple[int, ...]) -> tuple[npt.NDArray[np.intp], ...]:
    """Indices of as many places as four in each direction a cell."""
    size = 4 * _CELLS
    return np.ix_(*(((np.arange(size) + 0.5) / size * n).astype(np.intp) for n in shape[:2]))


def _means(places: F32) -> F32:
    """Of 4 × 4 each."""
    rows, columns, channels = places.shape
    return np.asarray(places.reshape(rows // 4, 4, columns // 4, 4, channels).mean(axis=(1, 3)), np.float32)


class Governor:
    """Owner of what is known about the brightness of assets, and of the pace that fades go at."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, str], F32] = {}
        self._used: set[tuple[int, str]] = set()
        self._pace = 1.0

    def luminances(self, sky: Fade[Sky], surfaces: Mapping[str, Fade[Surface]], light: Light) -> F32:
        """(N,) luminance of every part of what is seen: of the sky, of each material, of things."""
        above = self._mixed(sky, sky_cells)
        if sky.shown.relief is not None or (sky.arriving is not None and sky.arriving.relief is not None):
            above = np.concatenate([above, self._mixed(sky, floor_cells)])
        above = np.float32(light.exposure) * above
        ground = np.concatenate([self._mixed(surfaces[name], surface_cells) for name in sorted(surfaces)])
        x, z = ground[:, 3], ground[:, 4]
        normals = np.empty((len(ground) + len(_THINGS_FACE), 3), np.float32)
        normals[: len(ground), 1] = up = 1 / np.sqrt(x * x + 1 + z * z)
        normals[: len(ground), 0], normals[: len(ground), 2] = x * up, -z * up
        normals[len(ground) :] = _THINGS_FACE
        below = lit(np.concatenate([ground[:, :3], _THINGS]), normals, light)
        return displayed(np.concatenate([above, below]))

    def _mixed(self, fade: Fade[_A], cells_of: Callable[[_A], F32]) -> F32:
        shown = self._of(fade.shown, cells_of)
        if fade.arriving is None:
            return shown
        return shown + np.float32(fade.weight) * (self._of(fade.arriving, cells_of) - shown)

    def _of(self, asset: _A, cells_of: Callable[[_A], F32]) -> F32:
        which = (asset.id, cells_of.__name__)
        self._used.add(which)
        if which not in self._cells:
            self._cells[which] = cells_of(asset)
        return self._cells[which]

    def pace(self, seen_at: Callable[[float], F32], dt_s: float) -> float:
        """How much of this frame's step all fades may take together, in (0, 1].

        `seen_at`: the `luminances` after a step of that pace; at 0 what is seen now. What changes by a jump,
        however short the step, is let through: there is nothing between.
        """
        self._used.clear()
        most = MOST_PER_S * min(dt_s, LONGEST_S)
        now = seen_at(0.0)
        pace = min(1.0, 1.5 * self._pace)
        for _ in range(_TRIES):
            change = float(np.abs(seen_at(pace) - now).max())
            if change <= most:
                break
            pace *= min(max(0.9 * most / change, 0.03), 0.9)
        self._pace = pace
        self._cells = {name: cells for name, cells in self._cells.items() if name in self._used}
        return pace


class Allowance:
    """Owner of when each thing that changes at once may change again: the more it did, the later."""

    def __init__(self) -> None:
        self._again_s: dict[Hashable, float] = {}

    def rested(self, which: Hashable, now_s: float) -> bool:
        """Whether it may change now."""
        return now_s >= self._again_s.get(which, 0.0)

    def spend(self, which: Hashable, change: float, now_s: float) -> None:
        """It changes now, by that much of the greatest luminance."""
        self._again_s[which] = now_s + min(change, 1.0) / MOST_PER_S

    def forget(self, which: Hashable) -> None:
        """It is seen no more."""
        self._again_s.pop(which, None)

"""Gaussian splats from an output: packed for the GPU, set up in the world, faded in and exchanged."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vrgen.config import SplatsConfig, World
from vrgen.contract import SplatsOutput
from vrgen.geometry import Vec3
from vrgen.messages import Output, Request
from vrgen.scene.colours import Lost, linear
from vrgen.scene.fading import MORPH_S, Fading
from vrgen.scene.governor import MOST_PER_S, displayed
from vrgen.scene_model import F32, SPLAT, Cloud, Light, Splats, new_id

AHEAD_M, ASIDE_M = 4.2, 2.5
"""Where splats stand that no one has placed: so far before the start, and apart if there are several."""
_BRIGHTEST = 65408.0
"""Of what nine bits and an exponent can hold."""
_PROBED = 4096
_PER_METRE = 0.5
_LEAST = 0.1
"""What another shape counts for at least: a flash is two changes of a tenth."""
_NOTHING = Splats(new_id(), np.zeros(0, SPLAT))

_Key = tuple[str, int, int]
"""Generator, variant, and which of its outputs of splats it is: another checkpoint may name it otherwise."""
_Height = Callable[[float, float], float | None]


def splats_of(output: Output) -> Splats:
    """A splats output, packed; what is too faint to be seen is left out.

    Rotations are normalised, opacities and scales brought into their ranges.

    Raises:
        Lost: it was arriving and will not (colours.py); while it arrives, this waits.
    """
    spec, arrays = output.spec, output.arrays
    assert isinstance(spec, SplatsOutput)
    for array in arrays.values():
        if output.arrival is not None and not output.arrival.wait(array):
            raise Lost
    opacity = np.rint(np.clip(np.asarray(arrays["opacities"], np.float32).ravel(), 0.0, 1.0) * 255)
    kept = np.flatnonzero(opacity)
    if not len(kept):
        kept = np.zeros(1, np.intp)
    made = np.zeros(len(kept), SPLAT)
    made["position"] = arrays["means"][kept]
    made["scale"] = np.clip(arrays["scales"][kept].astype(np.float32), 0.0, 6e4)
    rotation = arrays["rotations"][kept].astype(np.float32)
    length = np.linalg.norm(rotation, axis=1, keepdims=True)
    rotation = np.where(length > 1e-6, rotation / np.maximum(length, 1e-6), np.array([0, 0, 0, 1], np.float32))
    made["rotation"] = np.rint(rotation * 32767)
    made["opacity"] = opacity[kept]
    colours = np.ascontiguousarray(arrays["colours"][kept].T)[:, None, :]
    made["colour"] = shared_exponent(linear(colours, spec.range)[0].astype(np.float32))
    return Splats(new_id(), made, spec.range == "linear")


def shared_exponent(colours: F32) -> np.ndarray:
    """(K, 3) linear colours as GL_RGB9_E5 (OpenGL 4.5, 8.5.2); what is brighter than it holds is scaled down."""
    colours = np.clip(colours, 0.0, _BRIGHTEST)
    most = np.maximum(colours.max(axis=1), 2.0**-24)
    exponent = np.maximum(np.floor(np.log2(most)), -16) + 1
    exponent += np.rint(most * 2.0 ** (9 - exponent)) > 511
    steps = np.rint(colours * (2.0 ** (9 - exponent))[:, None]).astype(np.uint32)
    packed = steps[:, 0] | steps[:, 1] << 9 | steps[:, 2] << 18 | (exponent + 15).astype(np.uint32) << 27
    return np.asarray(packed, np.uint32)


def unpacked(colours: np.ndarray) -> F32:
    """(K, 3) linear colours of GL_RGB9_E5."""
    steps = np.stack([colours & 511, colours >> 9 & 511, colours >> 18 & 511], axis=-1)
    return np.asarray(steps * (2.0 ** ((colours >> 27).astype(np.float64) - 24))[:, None], np.float32)


@dataclass(slots=True)
class _Standing:
    """One output's splats."""

    fading: Fading[Splats]
    around: bool
    variants: int


class Clouds:
    """Owner of all splats that stand or are on their way."""

    def __init__(self, world: World) -> None:
        self._places = {place.generator: place for place in world.splats.values()}
        self._start = world.start
        self._standing: dict[_Key, _Standing] = {}
        self._rows: list[tuple[object, ...]] = []
        self._clouds: tuple[Cloud, ...] = ()

    def offer(
        self, request: Request, which: int, splats: Splats, spec: SplatsOutput, variants: int, light: Light | None
    ) -> None:
        """Newer ones were made; what waited before them is never shown. `light`: that falls on them, if any has
        been seen yet."""
        key = (request.generator, request.variant, which)
        standing = self._standing.get(key)
        if standing is None:
            standing = self._standing[key] = _Standing(Fading(_NOTHING), spec.around, variants)
        standing.around, standing.variants = spec.around, variants
        fade = standing.fading.fade
        before = fade.arriving or fade.shown
        seconds = 1.0 / MOST_PER_S
        if before is not _NOTHING and light is not None:
            seconds *= change(before, splats, light)
        standing.fading.offer(splats, False, max(MORPH_S, seconds))

    def advance(
        self, resident: frozenset[int], may_begin: bool, height: _Height, origin: Vec3, dt_s: float
    ) -> tuple[Cloud, ...]:
        """One frame on: what is seen, then what is to be uploaded. The same object while nothing changes."""
        rows: list[tuple[object, ...]] = []
        for key, standing in self._standing.items():
            fade = standing.fading.advance(resident, may_begin, dt_s)
            place = self._place(key, standing, height, origin)
            if fade.shown is not _NOTHING:
                rows.append((fade.shown, *place, 1.0 - fade.weight, fade.arriving is not None))
            if fade.arriving is not None:
                rows.append((fade.arriving, *place, fade.weight))
            if standing.fading.waiting is not None:
                rows.append((standing.fading.waiting, *place, 0.0))
        if rows != self._rows:
            self._rows, self._clouds = rows, tuple(Cloud(*row) for row in rows)  # type: ignore[arg-type]
        return self._clouds

    def _place(self, key: _Key, standing: _Standing, height: _Height, origin: Vec3) -> tuple[Vec3, float, float]:
        """Position relative to the drawing origin, heading, scale."""
        generator, variant, _ = key
        place = self._places.get(generator)
        if place is None:
            yaw = math.radians(self._start.yaw_deg)
            ahead = 0.0 if standing.around else AHEAD_M
            place = SplatsConfig(
                generator=generator,
                x_m=self._start.x_m - ahead * math.sin(yaw),
                z_m=self._start.z_m - ahead * math.cos(yaw),
                yaw_deg=self._start.yaw_deg,
            )
        yaw = math.radians(place.yaw_deg)
        aside = (variant - (standing.variants - 1) / 2) * ASIDE_M * place.scale
        x, z = place.x_m + aside * math.cos(yaw), place.z_m - aside * math.sin(yaw)
        y = round((height(x, z) or 0.0) + place.height_m, 3)
        return (x - origin[0], y - origin[1], z - origin[2]), yaw, place.scale

    def ready(self, resident: frozenset[int]) -> bool:
        """Whether nothing waits that is not on the GPU yet."""
        return all(standing.fading.ready(resident) for standing in self._standing.values())

    @property
    def still(self) -> bool:
        """Whether nothing is on its way or waits."""
        fadings = [standing.fading for standing in self._standing.values()]
        return all(fading.fade.arriving is None and fading.waiting is None for fading in fadings)

    @property
    def count(self) -> int:
        """Splats that are seen."""
        return sum(len(cloud.splats.gaussians) for cloud in self._clouds if cloud.weight > 0.0)


def change(before: Splats, now: Splats, light: Light) -> float:
    """Of displayed luminance, about, in [0.1, 1]: by where they are and how bright in each eighth."""
    apart = np.abs(_cells(before, light) - _cells(now, light)).max()
    return float(np.clip(apart, _LEAST, 1.0))


def _cells(splats: Splats, light: Light) -> F32:
    """Numbers that differ by as much as the luminance that is displayed may do."""
    some = splats.gaussians[:: max(1, len(splats.gaussians) // _PROBED)]
    weight = some["opacity"].astype(np.float64) + 1e-6
    middle = np.average(some["position"], axis=0, weights=weight)
    off = some["position"] - middle
    reach = np.sqrt(np.average(off**2, axis=0, weights=weight))
    falls = np.ones(3) if splats.shines else falling(light)
    octant = (off > 0.0) @ np.array([1, 2, 4])
    share = np.bincount(octant, weight, 8) + 1e-6
    albedo = unpacked(some["colour"])
    means = np.stack([np.bincount(octant, weight * albedo[:, c], 8) / share for c in range(3)], axis=-1)
    bright = displayed(np.asarray(means * falls * light.exposure, np.float32))
    return np.concatenate([np.concatenate([middle - reach, middle + reach]) * _PER_METRE, bright])


def falling(light: Light) -> F32:
    """(3,) what a splat of albedo 1 shines of that light: shaders/splats.comp has the same."""
    return np.asarray(np.maximum(light.ambient_sh[0] * 0.282095 + 0.5 / np.pi * light.sun_irradiance, 0.0))

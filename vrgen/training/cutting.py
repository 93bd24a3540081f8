"""From one picture or elevation model to the items of a dataset: fit, crop, resize."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from vrgen.training.dataset import Kind
from vrgen.training.reading import Material, Picture, Unreadable
from vrgen.training.resizing import Array, Filter, resized, srgb_from_linear
from vrgen.training.writing import DTYPES, Pixels

Crop = Literal["center", "grid", "random"]

CROPS = 4
"""Random windows of a picture, when nothing is said."""
BRIGHTEST = 6e4
"""Radiance that float16 still holds."""


@dataclass(frozen=True)
class Plan:
    """What every item of a dataset is to be."""

    kind: Kind
    height: int
    width: int
    crop: Crop = "center"
    """center: the largest window of that shape in the middle, resized. grid: windows side by side, at the
    picture's own scale. random: windows anywhere, of any scale down to the picture's own, resized."""
    crops: int = CROPS
    """How many random windows a picture gives."""
    stride: int | None = None
    """For grid: from one window to the next; left out, they do not overlap."""
    wraps: bool = False
    """Whether what leaves the picture at one edge comes in at the opposite one."""
    enlarge: bool = False
    """Whether smaller pictures are scaled up rather than left out."""

    maps: bool = False
    """Whether a texture has a normal and a roughness besides its colour."""

    @property
    def channels(self) -> tuple[str, ...]:
        """What each is."""
        if self.kind == "heightfield":
            return ("height",)
        if self.kind == "mesh":
            return ("radius", "r", "g", "b")
        return ("r", "g", "b", *(("nx", "ny", "nz", "roughness") if self.maps else ()))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return (len(self.channels), self.height, self.width)


def from_picture(picture: Picture, plan: Plan, rng: np.random.Generator) -> list[Pixels]:
    """The items (3, H, W) of a picture, texture or panorama, in the kind's dtype.

    Raises:
        Unreadable: it is of a wrong size, shape or range for this kind.
    """
    rows, columns = picture.light.shape[:2]
    if plan.kind == "panorama":
        if abs(columns / rows - 2) > 0.02:
            raise Unreadable(
                f"is {columns}×{rows}, a panorama is twice as wide as high", "no panoramas", "say --kind picture"
            )
        if not plan.enlarge and columns < plan.width:
            raise _small(columns, rows, plan)
        whole = resized(picture.light, plan.height, plan.width, "area", wraps=(False, True))
        return [_first(np.minimum(whole, BRIGHTEST).astype(np.float16))]
    if picture.hdr:
        raise Unreadable(
            f"has a high dynamic range, which a {plan.kind} has not", "no ordinary pictures", "use --kind panorama"
        )
    windows = _windows(picture.light, plan, rng, "lanczos")
    return [_first((srgb_from_linear(window) * 255 + 0.5).astype(DTYPES[plan.kind])) for window in windows]


def from_material(material: Material, plan: Plan, rng: np.random.Generator) -> list[Pixels]:
    """The items (7, H, W) uint8 of a material: sRGB, the normal and the roughness with 0 to 255 for their range.

    Raises:
        Unreadable: it is too small.
    """
    made = []
    stack = np.concatenate([material.light, material.normal, material.roughness], -1)
    for window in _windows(stack, plan, rng, "area"):
        normal = window[..., 3:6] / np.maximum(np.linalg.norm(window[..., 3:6], axis=-1, keepdims=True), 1e-6)
        coded = [srgb_from_linear(window[..., :3]), normal * 0.5 + 0.5, np.clip(window[..., 6:], 0, 1)]
        made.append(_first((np.concatenate(coded, -1) * 255 + 0.5).astype(np.uint8)))
    return made


def from_heights(heights: Array, plan: Plan, rng: np.random.Generator) -> list[Pixels]:
    """The windows (1, H, W) of an elevation model, metres; those with gaps are left out.

    Raises:
        Unreadable: it is smaller than a window, or every window has a gap.
    """
    windows = [w for w in _windows(heights[..., None], plan, rng, "area") if np.isfinite(w).all()]
    if not windows:
        raise Unreadable("has gaps everywhere")
    return [_first(window.astype(np.float32)) for window in windows]


def _windows(values: Array, plan: Plan, rng: np.random.Generator, how: Filter) -> list[Array]:
    rows, columns = values.shape[:2]
    fits = min(rows / plan.height, columns / plan.width)
    """The largest window is so many times the wanted size."""
    if fits < 1 and not (plan.enlarge and plan.crop == "center"):
        raise _small(columns, rows, plan)
    if plan.wraps and plan.crop == "center":
        return [resized(values, plan.height, plan.width, how, wraps=(True, True))]
    if plan.crop == "grid":
        tops = range(0, rows - plan.height + 1, plan.stride or plan.height)
        lefts = range(0, columns - plan.width + 1, plan.stride or plan.width)
        return [values[y : y + plan.height, x : x + plan.width] for y in tops for x in lefts]
    made = []
    for _ in range(1 if plan.crop == "center" else plan.crops):
        scale = fits if plan.crop == "center" else float(np.exp(rng.uniform(0, np.log(fits))))
        height, width = min(rows, round(plan.height * scale)), min(columns, round(plan.width * scale))
        if plan.crop == "center":
            top, left = (rows - height) // 2, (columns - width) // 2
            window = values[top : top + height, left : left + width]
        elif plan.wraps:
            window = np.roll(values, (-rng.integers(rows), -rng.integers(columns)), (0, 1))[:height, :width]
        else:
            top, left = rng.integers(rows - height + 1), rng.integers(columns - width + 1)
            window = values[top : top + height, left : left + width]
        made.append(resized(window, plan.height, plan.width, how))
    return made


def _small(columns: int, rows: int, plan: Plan) -> Unreadable:
    enlarged = ", or scale them up with --enlarge" if plan.crop == "center" else ""
    return Unreadable(
        f"is {columns}×{rows}, smaller than the {plan.width}×{plan.height} asked for",
        "too small",
        f"ask for a smaller --size{enlarged}",
    )


def _first(pixels: npt.NDArray[np.generic]) -> Pixels:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))

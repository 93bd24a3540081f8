"""From a mesh file, whatever the format, to triangles and the colour of every point on them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from vrgen.training.reading import Array, Unreadable
from vrgen.training.resizing import linear_from_srgb

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Up = Literal["x", "y", "z"]
Paint = Callable[[Ints, Floats], Array]
"""Faces (K,) and weights of their corners (K, 3) to linear colours (K, 3)."""

MESHES = (".ply", ".obj", ".stl", ".glb", ".gltf", ".off")
FOREIGN = (".fbx", ".dae", ".3ds", ".3mf", ".blend", ".usd", ".usdz", ".x3d", ".wrl", ".abc", ".step")
"""Meshes in formats that are not read."""
MESH_FORMATS = "PLY, OBJ, STL, GLB, glTF, OFF"
Y_UP_BY_RULE = (".glb", ".gltf")
MOST_FACES = 2_000_000
GREY = np.float32(0.3)
"""Of what has no colour, linear."""
TEXTURE_PX = 256
"""A texture is made as coarse as the directions of a body are."""

_UPRIGHT: dict[Up, Floats] = {
    "x": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "y": np.eye(3),
    "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
}


@dataclass(frozen=True)
class Surface:
    """triangles: (F, 3, 3), +Y up, in the file's own unit; `paint` tells the colour of points on them."""

    triangles: Floats
    paint: Paint


def read_surface(path: Path, up: Up = "y") -> Surface:
    """Everything that a mesh file shows, as one surface. `up`: the axis that points up in it; glTF says +Y itself.

    Raises:
        Unreadable: it is damaged, empty or absurd, or in a format that is not read.
    """
    suffix = path.suffix.lower()
    if suffix not in MESHES:
        raise Unreadable(
            "is in a format that is not read",
            "in formats that are not read",
            f"save them as one of {MESH_FORMATS}",
        )
    parts, triangles = _parts(path)
    if not np.isfinite(triangles).all():
        raise Unreadable("has corners at NaN or infinity", "damaged")
    turned = triangles if suffix in Y_UP_BY_RULE else triangles @ _UPRIGHT[up].T
    return Surface(turned, _painted(parts))


def _parts(path: Path) -> tuple[list[Any], Floats]:
    import trimesh

    logging.getLogger("trimesh").setLevel(logging.CRITICAL)  # what is wrong is told in our words
    form = path.suffix[1:].upper()
    try:
        shown = trimesh.load_scene(path, process=False).dump()
        parts = [part for part in shown if isinstance(part, trimesh.Trimesh) and len(part.faces)]
        faces = sum(len(part.faces) for part in parts)
        if faces > MOST_FACES:
            raise Unreadable(
                f"has {faces} triangles, at most {MOST_FACES} are read", "too large", "make them coarser"
            )
        if parts:
            return parts, np.concatenate([np.asarray(part.triangles, np.float64) for part in parts])
    except Unreadable:
        raise
    except Exception as error:  # the readers raise many kinds, MemoryError where a header lies
        raise Unreadable(f"is damaged or no {form} mesh", "damaged") from error
    if shown:
        raise Unreadable("has points or lines and no triangles", "without triangles", "export them with faces")
    raise Unreadable(f"is empty, damaged or no {form} mesh: it holds no triangles", "without triangles")


def _painted(parts: Sequence[Any]) -> Paint:
    ends = np.cumsum([len(part.faces) for part in parts])
    paints = [_paint_of(part) for part in parts]

    def paint(faces: Ints, weights: Floats) -> Array:
        of = np.searchsorted(ends, faces, side="right")
        found = np.full((len(faces), 3), GREY, np.float32)
        for number in np.unique(of):
            mine = of == number
            found[mine] = paints[number](faces[mine] - ends[number] + len(parts[number].faces), weights[mine])
        return found

    return paint


def _paint_of(part: Any) -> Paint:
    """By the texture, the colours of corners or faces, or the material; grey where there is none of them."""
    visual = part.visual
    kind = getattr(visual, "kind", None)
    if kind == "vertex":
        corners = _linear(visual.vertex_colors)
        return lambda faces, weights: (corners[part.faces[faces]] * weights[..., None]).sum(1).astype(np.float32)
    if kind == "face":
        sides = _linear(visual.face_colors)
        return lambda faces, _: sides[faces]
    if kind == "texture":
        material = visual.material
        image = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
        if image is not None and visual.uv is not None:
            return _textured(part, image)
        plain = _linear(np.atleast_2d(material.main_color))[0]
        return lambda faces, _: np.broadcast_to(plain, (len(faces), 3))
    return lambda faces, _: np.full((len(faces), 3), GREY, np.float32)


def _textured(part: Any, image: Image.Image) -> Paint:
    coarse = image.convert("RGB")
    coarse.thumbnail((TEXTURE_PX, TEXTURE_PX))
    texels = _linear(np.asarray(coarse))
    height, width, _ = texels.shape
    uv, corners = np.asarray(part.visual.uv, np.float64), part.faces

    def paint(faces: Ints, weights: Floats) -> Array:
        at = np.nan_to_num((uv[corners[faces]] * weights[..., None]).sum(1))
        at = np.where(np.abs(at - 0.5) > 0.5 + 1e-6, at % 1.0, at)  # 1 is the last texel, not the first again
        column, row = (at[:, 0] * width).astype(int), ((1.0 - at[:, 1]) * height).astype(int)
        found: Array = texels[row.clip(0, height - 1), column.clip(0, width - 1)]
        return found

    return paint


def _linear(codes: npt.NDArray[Any]) -> Array:
    """Codes (…, 3 or 4) from 0 to 255, sRGB, without what is transparent, as linear colours (…, 3)."""
    return linear_from_srgb(np.asarray(codes)[..., :3].astype(np.float32) / np.float32(255))

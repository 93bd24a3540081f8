"""A body as a small picture: seen from above and one side, lit by a sun and a sky."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from vrgen.training.bodies import Floats, Values, finest, points_of
from vrgen.training.resizing import Array, srgb_from_linear

TURN, TIP = 0.6, 0.35
"""Radians: how far the viewer stands to the right of +Z, and above."""
SUN = np.array([0.35, 0.8, 0.49])
WIDE = 1.5
"""What a picture shows, in lengths of a body's largest side."""
BACKGROUND = (70, 70, 74)
_FINER = 2


@cache
def _screen() -> Floats:
    """Rows: to the right, upwards, towards the viewer."""
    right = np.array([np.cos(TURN), 0.0, -np.sin(TURN)])
    viewer = np.array([np.sin(TURN) * np.cos(TIP), np.sin(TIP), np.cos(TURN) * np.cos(TIP)])
    return np.stack([right, np.cross(viewer, right), viewer])


def shaded(values: Values, size_px: int = 96) -> Array:
    """(4, V, 1) as a dataset holds it -> (3, size, size) sRGB codes in [0, 1]."""
    faces = finest().faces
    corners = points_of(values)[faces] @ _screen().T
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    sun = _screen() @ (SUN / np.linalg.norm(SUN))
    sky = normals @ _screen()[:, 1] * 0.5 + 0.5
    light = 0.9 * np.clip(normals @ sun, 0, 1) + 0.35 * sky + 0.08
    colours = np.clip(values[1:, :, 0].T[faces].mean(1), 0, 1) * light[:, None]
    codes = np.rint(255 * np.clip(srgb_from_linear(colours.astype(np.float32)), 0, 1)).astype(int)
    shown = np.flatnonzero(normals[:, 2] > 0)
    side = size_px * _FINER
    flat = (corners[:, :, :2] * [1, -1] / WIDE + 0.5) * side
    picture = Image.new("RGB", (side, side), BACKGROUND)
    draw = ImageDraw.Draw(picture)
    for face in shown[np.argsort(corners[shown, :, 2].mean(1))]:  # from behind to the front
        draw.polygon(flat[face].ravel().tolist(), fill=tuple(codes[face]))
    small = picture.resize((size_px, size_px), Image.Resampling.BOX)
    made: npt.NDArray[np.float32] = np.asarray(small, np.float32).transpose(2, 0, 1) / np.float32(255)
    return made

"""Panoramas from the six pictures of a cube, as games keep their skies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import map_coordinates

from vrgen.training.resizing import Array, resized

GL_FACES = ("posx", "negx", "posy", "negy", "posz", "negz")
OVERSAMPLED = 2


def directions(height: int, width: int) -> Array:
    """Unit vectors (H, W, 3) of a panorama's pixels: the middle looks to -Z, +X is right, row 0 is up."""
    azimuth = 2 * np.pi * (np.arange(width) + 0.5) / width - np.pi
    elevation = np.pi / 2 - np.pi * (np.arange(height) + 0.5) / height
    cos = np.cos(elevation)[:, None]
    x, z = np.sin(azimuth) * cos, -np.cos(azimuth) * cos
    y = np.repeat(np.sin(elevation)[:, None], width, 1)
    return np.stack([x, y, z], -1).astype(np.float32)


def panorama(faces: Mapping[str, Array], height: int) -> Array:
    """(height, 2 height, 3) from faces (S, S, 3) by OpenGL's names, linear light (OpenGL 4.6, table 8.19).

    OpenGL's cube is left-handed: `posz` lies in the panorama's middle, `posx` to its right.
    """
    large = OVERSAMPLED * height
    sides = {
        name: resized(face, large, large, "area") if len(face) > large else face for name, face in faces.items()
    }
    x, y, z = np.moveaxis(directions(large, 2 * large) * np.array([1, 1, -1], np.float32), -1, 0)
    table = {
        "posx": (x, -z, -y),
        "negx": (-x, z, -y),
        "posy": (y, x, z),
        "negy": (-y, x, -z),
        "posz": (z, x, -y),
        "negz": (-z, -x, -y),
    }
    largest = np.maximum(np.maximum(abs(x), abs(y)), abs(z))
    made = np.zeros((large, 2 * large, 3), np.float32)
    for name, (major, s, t) in table.items():
        here = major >= largest
        side = len(sides[name])
        columns = ((s[here] / major[here] + 1) / 2) * side - 0.5
        rows = ((t[here] / major[here] + 1) / 2) * side - 0.5
        for channel in range(3):
            made[here, channel] = map_coordinates(
                sides[name][..., channel], [rows, columns], order=1, mode="nearest"
            )
    return resized(made, height, 2 * height, "area", wraps=(False, True))


def of_quake(faces: Mapping[str, Array]) -> dict[str, Array]:
    """OpenGL's faces of those that id's games call ft, lf, bk, rt (to the right), up and dn."""
    return {
        "posz": faces["ft"],
        "posx": faces["lf"],
        "negz": faces["bk"],
        "negx": faces["rt"],
        "posy": np.rot90(faces["up"], 3),
        "negy": np.rot90(faces["dn"], 1),
    }

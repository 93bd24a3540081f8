"""Which tiles of the ground stand, how finely each is drawn, and which of them a frustum touches."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array
from vrgen.messages import Tile
from vrgen.scene_model import Scene

TILE = np.dtype(
    [
        ("slot", np.int32, 2),
        ("corner", np.float32, 2),
        ("edges", np.float32, 4),
        ("corners", np.float32, 4),
        ("self", np.float32, 4),
    ]
)
"""As shaders/ground.vert reads it."""
EYE_CELL_M = 0.25
"""Detail counts from the middle of a cell so large: at 100 m it is off by a 500th of a level, and a head that does
not walk changes nothing."""


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """Tiles that stand, by level, the finest first, and the boxes that they lie in; metres from the drawing
    origin."""

    tiles: npt.NDArray[np.void]
    """(T,) of `TILE`."""
    levels: npt.NDArray[np.intp]
    """(T,) the whole part of each tile's detail."""
    centres: Array
    """(4, T) homogeneous."""
    halves: Array
    """(3, T) half the sides."""

    def touched(self, planes: Array) -> npt.NDArray[np.bool_]:
        """(T,) whose box touches one of the frusta; `planes`: (F, P, 4)."""
        flat = planes.reshape(-1, 4)
        inside = flat @ self.centres + np.abs(flat[:, :3]) @ self.halves >= 0.0
        return np.asarray(inside.reshape(*planes.shape[:2], -1).all(axis=1).any(axis=0))


def eye_cell(eye: Array) -> tuple[float, float]:
    """x and z of the middle of the cell that an eye is in, metres from the drawing origin."""
    x, _, z = eye.tolist()
    return (math.floor(x / EYE_CELL_M) + 0.5) * EYE_CELL_M, (math.floor(z / EYE_CELL_M) + 0.5) * EYE_CELL_M


def laid_out(
    scene: Scene,
    walker: Tile,
    eye_xz: tuple[float, float],
    finest_m: float,
    top: int,
    low: npt.NDArray[np.floating],
    high: npt.NDArray[np.floating],
) -> Layout:
    """Every tile that stands. Up to `finest_m` from the eye a tile has detail 0, `top` is the coarsest; `low` and
    `high`: (grid, grid) bounds of the heights, by slot."""
    ground = scene.ground
    grid, metres = ground.grid, ground.shown.metres
    reach = grid // 2 - 1
    span = np.arange(-reach - 1, reach + 2)
    ix, iz = np.meshgrid(walker[0] + span, walker[1] + span)
    x = ix * metres - scene.origin[0]
    z = iz * metres - scene.origin[2]
    away = np.hypot(x + metres / 2 - eye_xz[0], z + metres / 2 - eye_xz[1])
    detail = np.clip(np.log2(np.maximum(away, 1.0) / finest_m), 0.0, top).astype(np.float32)
    across = np.maximum(detail[:, 1:], detail[:, :-1])
    down = np.maximum(detail[1:, :], detail[:-1, :])
    corner = np.maximum(across[1:, :], across[:-1, :])
    inner = (slice(1, -1), slice(1, -1))
    presence = ground.corners[:, :, 1]
    sx, sz = ix[inner] % grid, iz[inner] % grid
    stands = np.maximum(
        np.maximum(presence[sz, sx], presence[sz, (sx + 1) % grid]),
        np.maximum(presence[(sz + 1) % grid, sx], presence[(sz + 1) % grid, (sx + 1) % grid]),
    )
    keep = stands > 0.0
    tiles = np.zeros(int(keep.sum()), TILE)
    tiles["slot"] = np.stack([sx[keep], sz[keep]], axis=-1)
    tiles["corner"] = np.stack([x[inner][keep], z[inner][keep]], axis=-1)
    tiles["edges"] = np.stack(
        [across[1:-1, :-1][keep], across[1:-1, 1:][keep], down[:-1, 1:-1][keep], down[1:, 1:-1][keep]], axis=-1
    )
    tiles["corners"] = np.stack(
        [corner[:-1, :-1][keep], corner[:-1, 1:][keep], corner[1:, :-1][keep], corner[1:, 1:][keep]], axis=-1
    )
    tiles["self"][:, 0] = detail[inner][keep]
    tiles = tiles[np.argsort(tiles["self"][:, 0].astype(np.intp), kind="stable")]
    at = tiles["slot"][:, 1], tiles["slot"][:, 0]
    centres, halves = np.ones((4, len(tiles))), np.full((3, len(tiles)), metres / 2)
    centres[0], centres[2] = tiles["corner"][:, 0] + metres / 2, tiles["corner"][:, 1] + metres / 2
    centres[1], halves[1] = (low[at] + high[at]) / 2, (high[at] - low[at]) / 2
    return Layout(tiles, tiles["self"][:, 0].astype(np.intp), centres, halves)

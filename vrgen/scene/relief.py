"""Panoramas with a depth: places that one can lean into (docs/adr/0011).

The front is the panorama itself, cell by cell, torn apart where one thing stands before another: seen from the
middle nothing is missing, seen from beside it gaps open at silhouettes. In the gaps stands the back: the same
panorama with everything far grown in behind what is near, in one piece.
"""

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from vrgen.contract import PanoramaDepthOutput
from vrgen.geometry import Vec3
from vrgen.messages import Output
from vrgen.scene.colours import Lost
from vrgen.scene_model import F32, Fade, Relief, Sky

ROWS, COLUMNS = 256, 512
CELL_RAD = math.pi / ROWS
NEAREST_M, FARTHEST_M = 0.1, 1e4
APART = 0.15
"""Neighbours are torn apart whose distances differ by such a share…"""
SEEN = 0.5
"""…if leaning as far as the reach would part them by so much of a cell."""
_MOST_STEPS = 40
REACH = 0.35
"""The reach, of the distance to what is near: what comes to light is never wider than that angle."""
_FURTHEST_REACH_M = 1.0
_T = TypeVar("_T", bound=np.generic)
_AROUND = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]


def relief_of(output: Output, radiance: npt.NDArray[np.float16]) -> Relief:
    """A panorama_depth output with its panorama, (H, 2H, 3) linear radiance; their sizes may differ.

    Raises:
        Lost: it was arriving and will not (colours.py); while it arrives, this waits.
    """
    spec, metres = output.spec, output.arrays[""]
    assert isinstance(spec, PanoramaDepthOutput)
    if output.arrival is not None and not output.arrival.wait(metres):
        raise Lost
    pixels = 1.0 / np.clip(metres[0].astype(np.float32), NEAREST_M, FARTHEST_M)
    reach_m = min(_FURTHEST_REACH_M, REACH / float(np.percentile(pixels, 98)))
    least = SEEN * CELL_RAD / reach_m
    nearness = nearest(pixels, (ROWS, COLUMNS), least)
    front = torn(nearness, least, wraps=True)
    far, filled = grown(nearness, means(radiance, (ROWS, COLUMNS)), least, wraps=True)
    back = np.concatenate([filled, far[..., None]], axis=-1).astype(np.float16)
    return Relief(front.astype(np.float16), back, reach_m, spec.eye_m)


def torn(nearness: F32, least: float, wraps: bool) -> F32:
    """(H, W, 4) nearness at the corners (nw, ne, sw, se) of cells of (H, W), 1/m: the mean of those cells about
    the corner that hang together. `least`: less than that never parts two. `wraps`: the last column is the
    first's neighbour."""
    rows, columns = nearness.shape
    padded = _padded(nearness, wraps)
    about = np.stack([padded[dy : dy + rows + 1, dx : dx + columns + 1] for dy in (0, 1) for dx in (0, 1)])
    order = np.argsort(about, axis=0)
    ranked = np.take_along_axis(about, order, axis=0)
    group = np.zeros(ranked.shape, np.int8)
    np.cumsum(apart(ranked[:-1], ranked[1:], least), axis=0, out=group[1:])
    mean = np.empty_like(ranked)
    for one in range(4):
        members = group == one
        total = np.where(members, ranked, 0.0).sum(axis=0) / np.maximum(members.sum(axis=0), 1)
        np.copyto(mean, total.astype(np.float32), where=members)
    np.put_along_axis(about, order, mean, axis=0)
    # The cell is the south-east one of those about its north-west corner, and so on.
    corners = [about[3 - 2 * dy - dx, dy : dy + rows, dx : dx + columns] for dy in (0, 1) for dx in (0, 1)]
    return np.stack(corners, axis=-1)


def apart(far: F32, near: F32, least: float) -> npt.NDArray[np.bool_]:
    """Whether the second stands so much nearer than the first that there is a gap between them; both 1/m."""
    gap = near - far
    return np.asarray((gap > APART * near) & (gap > least))


def grown(nearness: F32, colours: F32, least: float, wraps: bool) -> tuple[F32, F32]:
    """(H, W) and (H, W, 3): what is far has grown in behind what is near before it, by as many cells as leaning
    can bring to light. `least`: as for `torn`."""
    rows, columns = nearness.shape
    far = nearness.ravel().copy()
    filled = colours.reshape(-1, 3).copy()
    todo = np.arange(far.size)
    touched = np.zeros(far.size, np.bool_)
    for step in range(_MOST_STEPS):
        beside = _beside(todo, rows, columns, wraps)
        lower = apart(far[beside], far[todo][:, None], max(least, (step - 1) * least / SEEN))
        some = lower.any(axis=1)
        todo, beside, lower = todo[some], beside[some], lower[some]
        if not len(todo):
            break
        share = lower / lower.sum(axis=1, keepdims=True).astype(np.float32)
        values = (far[beside] * share).sum(axis=1), np.einsum("kn,knc->kc", share, filled[beside])
        far[todo], filled[todo] = values
        touched[todo] = True
        todo = np.unique(_beside(todo, rows, columns, wraps))
    todo = np.flatnonzero(touched)
    for _ in range(4):  # what was guessed has no edges
        filled[todo] = filled[_beside(todo, rows, columns, wraps)].mean(axis=1)
    return far.reshape(rows, columns), filled.reshape(rows, columns, 3)


def nearest(pixels: F32, size: tuple[int, int], least: float) -> F32:
    """(H, W) nearness of that size: of each cell what is nearest. A mean of all would be where nothing is, and a
    silhouette that ended within a cell would leave some of its colour on what is behind."""
    parts = _parts(pixels, size)
    there = ~apart(parts, parts.max(axis=(1, 3), keepdims=True), least)
    return np.asarray(np.where(there, parts, 0.0).sum(axis=(1, 3)) / there.sum(axis=(1, 3)), np.float32)


def means(picture: npt.NDArray[np.float16], size: tuple[int, int]) -> F32:
    """(H, W, 3) of that size."""
    return np.asarray(_parts(picture, size).mean(axis=(1, 3), dtype=np.float32))


def _parts(grid: npt.NDArray[_T], size: tuple[int, int]) -> npt.NDArray[_T]:
    """(rows, h, columns, w, …): the pixels of each cell; of some only, where they are no whole number."""
    often = [max(1, n // m) for n, m in zip(grid.shape, size)]
    at = [((np.arange(m * k) + 0.5) * n / (m * k)).astype(np.intp) for n, m, k in zip(grid.shape, size, often)]
    picked = grid if all(len(i) == n for i, n in zip(at, grid.shape)) else grid[np.ix_(*at)]
    return picked.reshape(size[0], often[0], size[1], often[1], *grid.shape[2:])


def _padded(grid: F32, wraps: bool) -> F32:
    wide = np.pad(grid, ((0, 0), (1, 1)), "wrap" if wraps else "edge")
    return np.pad(wide, ((1, 1), (0, 0)), "edge")


def _beside(cells: npt.NDArray[np.intp], rows: int, columns: int, wraps: bool) -> npt.NDArray[np.intp]:
    """(K, 8) indices of the cells around each; at a rim the cell itself."""
    y, x = np.divmod(cells[:, None], columns)
    dy, dx = np.array(_AROUND).T
    y, x = np.clip(y + dy, 0, rows - 1), x + dx
    return np.asarray(y * columns + (x % columns if wraps else np.clip(x, 0, columns - 1)))


class Middle:
    """Owner of where reliefs were seen from: it stays while the person leans, and comes along when they go on."""

    def __init__(self, x: float, z: float) -> None:
        self._x, self._z = x, z

    def advance(self, sky: Fade[Sky], feet: Vec3, height: Callable[[float, float], float | None]) -> Vec3:
        """One frame on; metres, world. `height`: of the ground at x, z."""
        before, after = sky.shown.relief, None if sky.arriving is None else sky.arriving.relief
        x, _, z = feet
        if before is None:  # nothing of it is near yet
            self._x, self._z = x, z
        here = before or after
        if here is None:
            return feet
        there = after or here
        reach_m = here.reach_m + sky.weight * (there.reach_m - here.reach_m)
        away = math.hypot(x - self._x, z - self._z)
        if away > reach_m:
            share = 1.0 - reach_m / away
            self._x, self._z = self._x + share * (x - self._x), self._z + share * (z - self._z)
        eye_m = here.eye_m + sky.weight * (there.eye_m - here.eye_m)
        return self._x, (height(self._x, self._z) or 0.0) + eye_m, self._z

"""The endless ground: which tiles there are, how one world's land becomes the next's, and how high it is.

Tiles lie on a torus of `grid` × `grid` slots around the walker. At every tile corner stand two numbers: how much
of the arriving land is seen (its weight), and how present the ground is. A corner gains weight only when all four
tiles around it have arrived on the GPU; between corners everything is bilinear. So new land spreads from the
walker outwards without a step, and far tiles rise out of the haze.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vrgen.contract import HeightfieldOutput
from vrgen.messages import Output, Tile
from vrgen.scene_model import F32, Ground, TileHeights, TileSet, new_id

GRID = 16
REACH = GRID // 2 - 1
"""Tiles from the walker's own to the farthest that may stand."""
_AROUND = [(dx, dz) for dz in range(-REACH, REACH + 1) for dx in range(-REACH, REACH + 1)]
_WINDOW = np.array(_AROUND)
NEAR = 1
"""Tiles around the walker's own that must have arrived before new land may show."""
_BEFORE, _BEHIND = np.roll(np.arange(GRID), 1), np.roll(np.arange(GRID), -1)
"""Each slot's neighbour on the torus."""
_RISE_S = 1.2
_MORPH_S = 1.6
_RIM_STEPS = 256
"""Of a tile: the rim follows the walker so finely."""
_PLAIN_METRES = 128.0
_PLAIN_SAMPLES = 33
_PLAIN = TileHeights(new_id(), np.zeros((_PLAIN_SAMPLES, _PLAIN_SAMPLES), np.float32))
"""One for all tiles and for ever: what is on the GPU stays there as the walker goes on."""

Key = tuple[int, int]


def plain_tiles(centre: Tile) -> TileSet:
    """Flat ground, for worlds without any."""
    tiles = dict.fromkeys(_window(centre), _PLAIN)
    return TileSet(-1, -1, _PLAIN_METRES, _PLAIN_SAMPLES, tiles)


def tile_heights(output: Output) -> F32:
    """(N, N) metres of a heightfield output, N - 1 a power of two (resampled where it is not)."""
    spec = output.spec
    assert isinstance(spec, HeightfieldOutput)
    heights = np.asarray(output.arrays[""], np.float32)[0]
    if spec.range is not None:
        low, high = spec.range
        heights = (heights - low) / (high - low) * spec.relief_m
    cells = heights.shape[0] - 1
    if cells & (cells - 1) or cells < 4:
        heights = _resampled(heights, 1 << max(2, (cells - 1).bit_length()))
    return np.array(heights, np.float32)


def mirrored(heights: F32, centre: Tile) -> dict[Tile, TileHeights]:
    """A whole window of one picture of heights: every other tile mirrored, so that neighbours share edges."""
    turned = {
        (x, z): TileHeights(new_id(), np.ascontiguousarray(heights[:: 1 - 2 * z, :: 1 - 2 * x]))
        for x in (0, 1)
        for z in (0, 1)
    }
    return {(ix, iz): turned[(ix & 1, iz & 1)] for ix, iz in _window(centre)}


def _window(centre: Tile) -> list[Tile]:
    return [(centre[0] + dx, centre[1] + dz) for dx, dz in _AROUND]


def _resampled(heights: F32, cells: int) -> F32:
    at = np.linspace(0, heights.shape[0] - 1, cells + 1)
    low = np.minimum(at.astype(int), heights.shape[0] - 2)
    t = (at - low).astype(np.float32)
    rows = heights[low] * (1 - t)[:, None] + heights[low + 1] * t[:, None]
    return np.asarray(rows[:, low] * (1 - t) + rows[:, low + 1] * t, np.float32)


@dataclass(frozen=True, eq=False, slots=True)
class _Stands:
    """Tiles of a set that are on the GPU."""

    of: TileSet
    resident: frozenset[int]
    tiles: set[Tile]
    by_slot: npt.NDArray[np.bool_]


class Land:
    """Owner of the ground's state from frame to frame."""

    def __init__(self) -> None:
        self.ground = Ground(plain_tiles((0, 0)), GRID, np.zeros((GRID, GRID, 2), np.float32))
        self.target: Key = (-1, -1)
        """Epoch and revision of the tiles that are wanted; changes only when the land is free to change."""
        self._centre: Tile = (0, 0)
        self._rimmed: tuple[tuple[Tile, tuple[int, int]], F32] | None = None
        self._promised_m = 0.0
        self._clearing = False
        self.still = False
        """Whether no corner rose, sank or morphed in the last frame."""
        self._stands: dict[Key, _Stands] = {}
        self._last: tuple[Ground, frozenset[int], tuple[object, ...]] | None = None
        """What a frame in which nothing moved was made from: the same gives the same again."""

    # --- what is wanted -----------------------------------------------------------------------------------

    def retarget(self, key: Key, tile_m: float = 0.0) -> None:
        """The person wants other land. It waits while land is arriving, unless nothing of that is seen yet.

        `tile_m`: side of its tiles, as its generator promises it; 0 when that is not known.
        """
        if key == self.target:
            self._clearing = False
            return
        free = self.ground.arriving is None
        if not free and key[0] != self.target[0]:  # another world
            if self.ground.corners[..., 0].max() > 0.0:
                self._clearing = True  # finish quickly: what has not arrived sinks into the haze
            else:
                free = True
                self.ground = replace(self.ground, arriving=None)
        if free:
            self.target, self._promised_m = key, tile_m

    def missing(self, place: tuple[float, float], towards: tuple[float, float]) -> list[Tile]:
        """Tiles of the target that are not made yet, nearest and most looked at first.

        `place`: x and z of the walker, metres; `towards`: unit direction of the view.
        """
        made, metres = self._of(self.target), self.tile_m
        centre = (math.floor(place[0] / metres), math.floor(place[1] / metres))
        if self._clearing:
            return []
        window = _window(centre)
        offset = (np.array(centre) + (_WINDOW + 0.5)) * metres - np.array(place)
        away = np.hypot(offset[:, 0], offset[:, 1])
        ahead = (offset @ np.array(towards)) / np.maximum(away, 1.0)
        score = away * (1.35 - 0.35 * ahead) - np.where(away < 1.6 * metres, 10 * metres, 0.0)
        score[away >= (REACH + 0.2) * metres] = np.inf
        order = np.argsort(score, kind="stable")[: np.count_nonzero(score < np.inf)]
        tiles = [window[which] for which in order.tolist()]
        return tiles if made is None else [tile for tile in tiles if tile not in made.tiles]

    @property
    def tile_m(self) -> float:
        """Side of the target's tiles, metres: before the first of them has come, as promised."""
        made = self._of(self.target)
        return made.metres if made is not None else self._promised_m or self.ground.shown.metres

    def near_arrived(self) -> bool:
        """Whether the target's tiles around the walker are on the GPU."""
        stands = self._stands.get(self.target)
        if stands is None:
            return False
        span = range(-NEAR, NEAR + 1)
        return all((self._centre[0] + dx, self._centre[1] + dz) in stands.tiles for dx in span for dz in span)

    def _of(self, key: Key) -> TileSet | None:
        for tiles in (self.ground.shown, self.ground.arriving):
            if tiles is not None and (tiles.epoch, tiles.revision) == key:
                return tiles
        return None

    # --- what comes ---------------------------------------------------------------------------------------

    def offer(self, key: Key, made: Mapping[Tile, TileHeights], metres: float, samples: int) -> None:
        """Tiles that were made; those of another key than the target are out of date."""
        if key != self.target:
            return
        tiles = self._of(key)
        ground = self.ground
        if tiles is not None:
            grown = replace(tiles, tiles={**made, **tiles.tiles})  # what is there already stays on the GPU
            self.ground = (
                replace(ground, shown=grown) if tiles is ground.shown else replace(ground, arriving=grown)
            )
            return
        fresh = TileSet(key[0], key[1], metres, samples, dict(made))
        if (ground.shown.metres, ground.shown.samples) != (metres, samples):
            # Tiles of another size can't lie on the same torus: the old land goes, the new one rises.
            self.ground = Ground(fresh, GRID, np.zeros((GRID, GRID, 2), np.float32))
        else:
            self.ground = replace(ground, arriving=fresh)

    def advance(self, place: tuple[float, float], resident: frozenset[int], may_show: bool, dt_s: float) -> Ground:
        """One frame on: follow the walker, let corners rise and morph, finish what is through."""
        ground = self.ground
        steps = self._steps(place)
        last, how = self._last, (steps, may_show, self._clearing)
        if last is not None and last[0] is ground and last[1] is resident and last[2] == how:
            return ground
        centre = steps[0] // _RIM_STEPS, steps[1] // _RIM_STEPS
        if centre != self._centre:
            self._centre = centre
            ground = self._follow(ground)
        shown = self._standing(ground.shown, resident)
        corners = ground.corners.copy()
        weight, presence = corners[..., 0], corners[..., 1]
        all_shown = _around(shown)
        cap = self._rim(steps)
        if ground.arriving is None:
            rising = all_shown
        else:
            new = self._standing(ground.arriving, resident)
            all_new = _around(new) & may_show
            seen = _seen(presence)
            touched = ~_around(~seen)
            weight[all_new & ~touched] = 1.0
            # Where a tile is missing and not seen, its corners go along with the tiles beside it.
            going = touched & _around(new | ~seen) & may_show
            step = np.float32(dt_s / _MORPH_S)
            weight[going] = np.minimum(weight[going] + step, 1.0)
            rising = np.where(all_new, all_shown | (weight >= 1.0), all_shown & ~(weight > 0.0))
            if self._clearing:
                rising = rising & all_new
        # The rim counts as risen: walking on must not wait for a fade that distance already gives.
        up, down = np.float32(dt_s / _RISE_S), np.float32(dt_s / 0.6)
        risen = np.where(rising, np.minimum(presence + up, cap), np.maximum(presence - down, 0.0))
        presence[...] = np.minimum(risen, cap)
        self.still = np.array_equal(corners, ground.corners)
        if not self.still:
            ground = replace(ground, corners=corners)
        if ground.arriving is not None and self._through(weight, presence, cap):
            ground = replace(ground, shown=ground.arriving, arriving=None, corners=_weightless(corners))
            self._clearing = False
        self.ground = ground
        self._last = (ground, resident, how) if self.still and dt_s > 0 else None
        return ground

    @property
    def risen(self) -> bool:
        """Whether the ground around the walker stands at its full height."""
        slots = [(self._centre[1] + dz) % GRID for dz in range(-2, 4)]
        across = [(self._centre[0] + dx) % GRID for dx in range(-2, 4)]
        return bool(np.all(self.ground.corners[np.ix_(slots, across)][..., 1] >= 1.0))

    def _through(self, weight: F32, presence: F32, cap: F32) -> bool:
        """Whether nothing of the old land is seen any more."""
        seen = ~_around(~_seen(presence)) & (cap > 0.0)
        return bool(np.all(weight[seen] >= 1.0)) and bool(np.any(weight >= 1.0))

    def _follow(self, ground: Ground) -> Ground:
        """Drop tiles outside the window; plain and mirrored ground simply goes on."""
        kept = set(_window(self._centre))

        def trimmed(tiles: TileSet) -> TileSet:
            return replace(tiles, tiles={at: tile for at, tile in tiles.tiles.items() if at in kept})

        shown = plain_tiles(self._centre) if ground.shown.epoch < 0 else trimmed(ground.shown)
        return replace(ground, shown=shown, arriving=None if ground.arriving is None else trimmed(ground.arriving))

    def _standing(self, tiles: TileSet, resident: frozenset[int]) -> npt.NDArray[np.bool_]:
        """(grid, grid) by slot: tiles of the window that are on the GPU."""
        key = (tiles.epoch, tiles.revision)
        before = self._stands.get(key)
        if before is not None and before.of is tiles and before.resident is resident:
            return before.by_slot
        by_slot = np.zeros((GRID, GRID), bool)
        there = {at for at, tile in tiles.tiles.items() if tile.id in resident}
        for ix, iz in there:
            by_slot[iz % GRID, ix % GRID] = True
        self._stands = {k: v for k, v in self._stands.items() if self._of(k) is not None}
        self._stands[key] = _Stands(tiles, resident, there, by_slot)
        return by_slot

    def rim(self, place: tuple[float, float]) -> F32:
        """(grid, grid) greatest presence of each corner: the land ends in haze before its last tile."""
        return self._rim(self._steps(place))

    def _steps(self, place: tuple[float, float]) -> tuple[int, int]:
        """Where the walker is, in parts of a tile."""
        part_m = self.ground.shown.metres / _RIM_STEPS
        return math.floor(place[0] / part_m), math.floor(place[1] / part_m)

    def _rim(self, steps: tuple[int, int]) -> F32:
        """`rim`, of a place in steps; the same array again while that is the same."""
        before = self._rimmed
        if before is not None and before[0] == (self._centre, steps):
            return before[1]
        span = np.arange(-REACH, REACH + 2)
        cap = np.zeros((GRID, GRID), np.float32)
        x = self._centre[0] + span - (steps[0] + 0.5) / _RIM_STEPS
        z = self._centre[1] + span - (steps[1] + 0.5) / _RIM_STEPS
        away = np.hypot(x[None, :], z[:, None])
        # Half a tile's diagonal within what `missing` asks for: a corner that may be seen gets all its four tiles.
        rim = np.clip((REACH - 0.55 - away) / 1.8, 0.0, 1.0)
        slots_x, slots_z = (self._centre[0] + span) % GRID, (self._centre[1] + span) % GRID
        cap[np.ix_(slots_z, slots_x)] = rim * rim * (3 - 2 * rim)
        cap.flags.writeable = False
        self._rimmed = (self._centre, steps), cap
        return cap

    # --- how high it is -----------------------------------------------------------------------------------

    def height(self, x_m: float, z_m: float) -> float | None:
        """Height of what is seen at a place, metres; None where there is no ground yet."""
        ground = self.ground
        shown = _height_in(ground.shown, x_m, z_m)
        if ground.arriving is None:
            return shown
        arriving = _height_in(ground.arriving, x_m, z_m)
        weight = self._weight(x_m, z_m)
        if arriving is None or (weight <= 0.0 and shown is not None):
            return shown
        if shown is None or weight >= 1.0:
            return arriving
        return shown + weight * (arriving - shown)

    def _weight(self, x_m: float, z_m: float) -> float:
        at_x, at_z = x_m / self.ground.shown.metres, z_m / self.ground.shown.metres
        ix, iz = math.floor(at_x), math.floor(at_z)
        fx, fz = at_x - ix, at_z - iz
        w = self.ground.corners[..., 0]
        x0, x1, z0, z1 = ix % GRID, (ix + 1) % GRID, iz % GRID, (iz + 1) % GRID
        north = w[z0, x0] * (1 - fx) + w[z0, x1] * fx
        south = w[z1, x0] * (1 - fx) + w[z1, x1] * fx
        return float(north * (1 - fz) + south * fz)


def _height_in(tiles: TileSet, x_m: float, z_m: float) -> float | None:
    """On the triangles of the finest mesh: quads split from north-west to south-east."""
    at_x, at_z = x_m / tiles.metres, z_m / tiles.metres
    ix, iz = math.floor(at_x), math.floor(at_z)
    tile = tiles.tiles.get((ix, iz))
    if tile is None:
        return None
    cells = tiles.samples - 1
    c, r = (at_x - ix) * cells, (at_z - iz) * cells
    i, j = min(int(c), cells - 1), min(int(r), cells - 1)
    fx, fz = float(c - i), float(r - j)
    h = tile.heights
    nw, se = float(h[j, i]), float(h[j + 1, i + 1])
    if fx >= fz:
        ne = float(h[j, i + 1])
        return nw + fx * (ne - nw) + fz * (se - ne)
    sw = float(h[j + 1, i])
    return nw + fz * (sw - nw) + fx * (se - sw)


def _around(stands: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Corners (by slot of the tile to their south-east) that four standing tiles share."""
    west = stands & stands[:, _BEFORE]
    return np.asarray(west & west[_BEFORE])


def _seen(presence: F32) -> npt.NDArray[np.bool_]:
    """(grid, grid) tiles by slot: those with presence at any of their four corners."""
    there = presence > 0.0
    north = there | there[:, _BEHIND]
    return np.asarray(north | north[_BEHIND])


def _weightless(corners: F32) -> F32:
    cleared = corners.copy()
    cleared[..., 0] = 0.0
    return cleared

"""Scattering: where on the ground the meshes of a world stand. The same tile always has the same places."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vrgen.config import PropsConfig
from vrgen.messages import Tile
from vrgen.scene_model import F32, INSTANCE, Ground, TileHeights

_REACH_TILES = 3
_BURIED = 0.12
"""Share of its size that a thing stands in the ground, so that it does not float on a slope."""
_SEEN_FACTOR = 90.0
"""A thing of a metre is seen to this distance, metres; larger ones farther."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One [props] entry and the indices of its meshes in `Objects.meshes`."""

    name: str
    config: PropsConfig
    meshes: Sequence[int]


@dataclass(frozen=True, eq=False, slots=True)
class Placing:
    """An `instances` output. `rows`: (K, 8) position, quaternion xyzw, scale."""

    of: str
    """The mesh output that stands there."""
    rows: F32


class _Place(NamedTuple):
    """Where things of a kind stand."""

    kind: str
    at: Tile
    tile: TileHeights

    @property
    def key(self) -> tuple[str, Tile, int]:
        return self.kind, self.at, self.tile.id


class Scatter:
    """Owner of the places that were already worked out: a few tiles a frame, nearest first."""

    def __init__(self) -> None:
        self._of: tuple[object, ...] = ()
        self._origin = (0.0, 0.0, 0.0)
        self._around: Tile | None = None
        self._lie: tuple[Mapping[Tile, TileHeights] | None, ...] = ()
        self._wanted: list[_Place] = []
        """Nearest first."""
        self._missing: list[_Place] = []
        self._places: dict[tuple[str, Tile, int], npt.NDArray[np.void]] = {}

    def work(
        self,
        kinds: Sequence[Kind],
        ground: Ground,
        centre: Tile,
        seed: int,
        origin: tuple[float, float, float],
        budget: int,
    ) -> bool:
        """Work out what stands in at most `budget` tiles around tile `centre`; whether none is left.

        Candidates lie on a jittered grid; slopes that are too steep are left free, and a slow noise clumps the
        rest.
        """
        of = (seed, tuple((kind.name, tuple(kind.meshes)) for kind in kinds))
        if of != self._of:
            self._of, self._around, self._places = of, None, {}
        if origin != self._origin:  # what stands, stands where it did
            for places in self._places.values():
                places["position"] += np.subtract(self._origin, origin, dtype=np.float32)
            self._origin = origin
        lie = (ground.shown.tiles, ground.arriving.tiles if ground.arriving is not None else None)
        if centre != self._around or any(a is not b for a, b in zip(lie, self._lie)):
            self._around, self._lie = centre, lie
            # While land morphs, what has not arrived is still what is seen.
            tiles = {**ground.shown.tiles, **(lie[1] or {})}
            near = [(at, tiles[at]) for at in _spiral(centre) if at in tiles]
            self._wanted = [_Place(kind.name, at, tile) for at, tile in near for kind in kinds]
            there = {place.key for place in self._wanted}
            self._places = {key: places for key, places in self._places.items() if key in there}
            self._missing = [place for place in self._wanted if place.key not in self._places]
        now, self._missing = self._missing[:budget], self._missing[budget:]
        for kind in kinds:
            due = [place for place in now if place.kind == kind.name]
            made = _in_tiles(kind, due, ground.shown.metres, seed, origin) if due else []
            self._places |= {place.key: places for place, places in zip(due, made)}
        return not self._missing

    def instances(self) -> npt.NDArray[np.void]:
        """(K,) INSTANCE records of what was worked out and is near, sorted by mesh."""
        parts = [self._places[place.key] for place in self._wanted if place.key in self._places]
        if not parts:
            return np.zeros(0, INSTANCE)
        # As bytes: numpy would look at every field of every part.
        made = np.concatenate([part.view(np.uint8) for part in parts]).view(INSTANCE)
        return made[np.argsort(made["mesh"], kind="stable")]


def _spiral(centre: Tile) -> list[Tile]:
    span = range(-_REACH_TILES, _REACH_TILES + 1)
    offsets = sorted(((dx, dz) for dz in span for dx in span), key=lambda d: d[0] ** 2 + d[1] ** 2)
    return [(centre[0] + dx, centre[1] + dz) for dx, dz in offsets]


@lru_cache(maxsize=8)
def _grid(side: int) -> npt.NDArray[np.intp]:
    """(side², 2) columns and rows."""
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)


def _in_tiles(
    kind: Kind,
    places: Sequence[_Place],
    metres: float,
    seed: int,
    origin: tuple[float, float, float],
) -> list[npt.NDArray[np.void]]:
    """INSTANCE records of each tile. A tile has so few that numpy's calls cost more than what they do: each works
    on all tiles, but for what is drawn by each tile's own chance."""
    config = kind.config
    salt = sum(kind.name.encode())
    chances = [np.random.default_rng([abs(seed), salt, *(n & 0xFFFFFFFF for n in place.at)]) for place in places]
    side = max(1, int(np.sqrt(config.per_hectare * metres * metres / 1e4 * 2.0)))
    cell = metres / side
    grid = _grid(side)
    local = (grid + np.stack([rng.uniform(0.1, 0.9, grid.shape) for rng in chances])) * cell
    world = local + np.array([place.at for place in places])[:, None] * metres
    n = places[0].tile.heights.shape[0] - 1
    i = np.minimum((local / metres * n).astype(int), n - 1)
    rises = [
        (h[z, x + 1] - h[z, x], h[z + 1, x] - h[z, x])
        for h, z, x in zip((place.tile.heights for place in places), i[..., 1], i[..., 0])
    ]
    dx, dz = np.array(rises).swapaxes(0, 1)
    slope = np.degrees(np.arctan(np.hypot(dx, dz) / (metres / n)))
    x, z = world[..., 0], world[..., 1]
    wave = np.sin(x * 0.021 + 1.9 * np.sin(z * 0.013)) * np.sin(z * 0.027 + 1.3 * np.sin(x * 0.017))
    chance = 0.5 * (1 - config.clumping) + config.clumping * np.minimum(np.maximum(0.5 + wave, 0.0), 1.0)
    keep = np.stack([rng.uniform(size=len(grid)) for rng in chances]) < chance
    keep &= slope < config.slope_max_deg
    counts = [int(count) for count in keep.sum(axis=1)]
    drawn = [
        (
            rng.uniform(size=count),
            rng.uniform(0, 2 * np.pi, count),
            rng.normal(0, 0.12, (count, 2)),
            rng.integers(0, len(kind.meshes), count),
        )
        for rng, count in zip(chances, counts)
    ]
    share, yaw, tilt, which = (np.concatenate(part) for part in zip(*drawn))
    low, high = config.scale_m
    size = low * (high / low) ** (share**2.2)
    rotation = np.stack([tilt[:, 0], np.sin(yaw / 2), tilt[:, 1], np.cos(yaw / 2)], axis=-1)
    made = np.zeros(sum(counts), INSTANCE)
    made["position"][:, 0] = x[keep] - origin[0]
    made["position"][:, 1] = -_BURIED * size - origin[1]
    made["position"][:, 2] = z[keep] - origin[2]
    made["scale"] = size
    made["rotation"] = rotation / np.sqrt((rotation * rotation).sum(axis=1, keepdims=True))
    made["mesh"] = np.asarray(kind.meshes, np.uint32)[which]
    made["picture"] = -2 if config.surface == "cliff" else -1
    made["stands"] = 1.0
    made["reach_m"] = np.minimum(size * _SEEN_FACTOR, (_REACH_TILES - 0.2) * metres)
    ends = np.cumsum(counts).tolist()
    return [made[end - count : end] for count, end in zip(counts, ends)]


def placed(rows: F32, mesh: int, origin: tuple[float, float, float]) -> npt.NDArray[np.void]:
    """INSTANCE records of a `Placing`."""
    made = np.zeros(len(rows), INSTANCE)
    made["position"] = rows[:, :3] - np.array([origin[0], origin[1], origin[2]], np.float32)
    made["rotation"] = rows[:, 3:7]
    made["scale"] = rows[:, 7]
    made["mesh"] = mesh
    made["picture"] = -1
    return made

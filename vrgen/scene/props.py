"""Scattering: where on the ground the meshes of a world stand. The same tile always has the same places."""

from collections.abc import Sequence
from dataclasses import dataclass

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


class Scatter:
    """Owner of the places that were already worked out: a few tiles a frame, nearest first."""

    def __init__(self) -> None:
        self._of: tuple[object, ...] = ()
        self._places: dict[tuple[str, Tile, int], npt.NDArray[np.void]] = {}

    def around(
        self,
        kinds: Sequence[Kind],
        ground: Ground,
        centre: Tile,
        seed: int,
        origin: tuple[float, float, float],
        budget: int,
    ) -> tuple[npt.NDArray[np.void], bool]:
        """(K,) INSTANCE records around tile `centre`, sorted by mesh, and whether all tiles are among them.

        Candidates lie on a jittered grid; slopes that are too steep are left free, and a slow noise clumps the
        rest. At most `budget` tiles are worked out in this call.
        """
        of = (seed, origin, tuple((kind.name, tuple(kind.meshes)) for kind in kinds))
        if of != self._of:
            self._of, self._places = of, {}
        # While land morphs, what has not arrived is still what is seen.
        tiles = {**ground.shown.tiles, **(ground.arriving.tiles if ground.arriving is not None else {})}
        near = [(at, tiles[at]) for at in _spiral(centre) if at in tiles]
        wanted = [(kind, at, tile) for at, tile in near for kind in kinds]
        missing = [one for one in wanted if _name(*one) not in self._places]
        for kind in kinds:
            due = [(at, tile) for of, at, tile in missing[:budget] if of is kind]
            made = _in_tiles(kind, due, ground.shown.metres, seed, origin) if due else []
            self._places |= {_name(kind, at, tile): places for (at, tile), places in zip(due, made)}
        names = [_name(*one) for one in wanted]
        kept = {name: self._places[name] for name in names if name in self._places}
        self._places = kept
        if not kept:
            return np.zeros(0, INSTANCE), not missing
        # As bytes: numpy would look at every field of every part.
        instances = np.concatenate([places.view(np.uint8) for places in kept.values()]).view(INSTANCE)
        return instances[np.argsort(instances["mesh"], kind="stable")], len(missing) <= budget


def _name(kind: Kind, at: Tile, tile: TileHeights) -> tuple[str, Tile, int]:
    return kind.name, at, tile.id


def _spiral(centre: Tile) -> list[Tile]:
    span = range(-_REACH_TILES, _REACH_TILES + 1)
    offsets = sorted(((dx, dz) for dz in span for dx in span), key=lambda d: d[0] ** 2 + d[1] ** 2)
    return [(centre[0] + dx, centre[1] + dz) for dx, dz in offsets]


def _in_tiles(
    kind: Kind,
    tiles: Sequence[tuple[Tile, TileHeights]],
    metres: float,
    seed: int,
    origin: tuple[float, float, float],
) -> list[npt.NDArray[np.void]]:
    """INSTANCE records of each tile. A tile has so few that numpy's calls cost more than what they do: each works
    on all tiles, but for what is drawn by each tile's own chance."""
    config = kind.config
    salt = sum(kind.name.encode())
    chances = [np.random.default_rng([abs(seed), salt, at[0] & 0xFFFFFFFF, at[1] & 0xFFFFFFFF]) for at, _ in tiles]
    side = max(1, int(np.sqrt(config.per_hectare * metres * metres / 1e4 * 2.0)))
    cell = metres / side
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    local = (grid + np.stack([rng.uniform(0.1, 0.9, grid.shape) for rng in chances])) * cell
    world = local + np.array([at for at, _ in tiles])[:, None] * metres
    n = tiles[0][1].heights.shape[0] - 1
    column, row = np.moveaxis(np.minimum((local / metres * n).astype(int), n - 1), -1, 0)
    rises = [
        (h[z, x + 1] - h[z, x], h[z + 1, x] - h[z, x])
        for h, z, x in zip((tile.heights for _, tile in tiles), row, column)
    ]
    dx, dz = np.array(rises).swapaxes(0, 1)
    slope = np.degrees(np.arctan(np.hypot(dx, dz) / (metres / n)))
    x, z = world[..., 0], world[..., 1]
    wave = np.sin(x * 0.021 + 1.9 * np.sin(z * 0.013)) * np.sin(z * 0.027 + 1.3 * np.sin(x * 0.017))
    chance = 0.5 * (1 - config.clumping) + config.clumping * np.clip(0.5 + wave, 0.0, 1.0)
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
    made["rotation"] = rotation / np.linalg.norm(rotation, axis=1, keepdims=True)
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

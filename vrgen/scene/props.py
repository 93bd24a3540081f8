"""Scattering: where on the ground the meshes of a world stand. The same tile always has the same places."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vrgen.config import PropsConfig
from vrgen.messages import Tile
from vrgen.scene_model import F32, INSTANCE, Ground

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
        kept: dict[tuple[str, Tile, int], npt.NDArray[np.void]] = {}
        whole = True
        for at in _spiral(centre):
            tile = tiles.get(at)
            for kind in kinds if tile is not None else ():
                assert tile is not None
                name = (kind.name, at, tile.id)
                places = self._places.get(name)
                if places is None:
                    if budget <= 0:
                        whole = False
                        continue
                    budget -= 1
                    places = _in_tile(kind, tile.heights, at, ground.shown.metres, seed, origin)
                kept[name] = places
        self._places = kept
        if not kept:
            return np.zeros(0, INSTANCE), whole
        # As bytes: numpy would look at every field of every part.
        instances = np.concatenate([places.view(np.uint8) for places in kept.values()]).view(INSTANCE)
        return instances[np.argsort(instances["mesh"], kind="stable")], whole


def _spiral(centre: Tile) -> list[Tile]:
    span = range(-_REACH_TILES, _REACH_TILES + 1)
    offsets = sorted(((dx, dz) for dz in span for dx in span), key=lambda d: d[0] ** 2 + d[1] ** 2)
    return [(centre[0] + dx, centre[1] + dz) for dx, dz in offsets]


def _in_tile(
    kind: Kind,
    heights: npt.NDArray[np.float32],
    at: Tile,
    metres: float,
    seed: int,
    origin: tuple[float, float, float],
) -> npt.NDArray[np.void]:
    config = kind.config
    salt = sum(kind.name.encode())
    rng = np.random.default_rng([abs(seed), salt, at[0] & 0xFFFFFFFF, at[1] & 0xFFFFFFFF])
    side = max(1, int(np.sqrt(config.per_hectare * metres * metres / 1e4 * 2.0)))
    cell = metres / side
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    local = (grid + rng.uniform(0.1, 0.9, grid.shape)) * cell
    world = local + np.array(at) * metres
    n = heights.shape[0] - 1
    i = np.minimum((local / metres * n).astype(int), n - 1)
    dx = heights[i[:, 1], i[:, 0] + 1] - heights[i[:, 1], i[:, 0]]
    dz = heights[i[:, 1] + 1, i[:, 0]] - heights[i[:, 1], i[:, 0]]
    slope = np.degrees(np.arctan(np.hypot(dx, dz) / (metres / n)))
    wave = np.sin(world[:, 0] * 0.021 + 1.9 * np.sin(world[:, 1] * 0.013)) * np.sin(
        world[:, 1] * 0.027 + 1.3 * np.sin(world[:, 0] * 0.017)
    )
    chance = 0.5 * (1 - config.clumping) + config.clumping * np.clip(0.5 + wave, 0.0, 1.0)
    keep = (rng.uniform(size=len(local)) < chance) & (slope < config.slope_max_deg)
    count = int(keep.sum())
    made = np.zeros(count, INSTANCE)
    low, high = config.scale_m
    size = low * (high / low) ** (rng.uniform(size=count) ** 2.2)
    yaw = rng.uniform(0, 2 * np.pi, count)
    tilt = rng.normal(0, 0.12, (count, 2))
    rotation = np.stack([tilt[:, 0], np.sin(yaw / 2), tilt[:, 1], np.cos(yaw / 2)], axis=-1)
    made["position"][:, 0] = world[keep, 0] - origin[0]
    made["position"][:, 1] = -_BURIED * size - origin[1]
    made["position"][:, 2] = world[keep, 1] - origin[2]
    made["scale"] = size
    made["rotation"] = rotation / np.linalg.norm(rotation, axis=1, keepdims=True)
    made["mesh"] = np.asarray(kind.meshes, np.uint32)[rng.integers(0, len(kind.meshes), count)]
    made["picture"] = -2 if config.surface == "cliff" else -1
    made["stands"] = 1.0
    made["reach_m"] = np.minimum(size * _SEEN_FACTOR, (_REACH_TILES - 0.2) * metres)
    return made


def placed(rows: F32, mesh: int, origin: tuple[float, float, float]) -> npt.NDArray[np.void]:
    """INSTANCE records of a `Placing`."""
    made = np.zeros(len(rows), INSTANCE)
    made["position"] = rows[:, :3] - np.array([origin[0], origin[1], origin[2]], np.float32)
    made["rotation"] = rows[:, 3:7]
    made["scale"] = rows[:, 7]
    made["mesh"] = mesh
    made["picture"] = -1
    return made

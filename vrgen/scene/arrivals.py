"""When a result is first seen: from assets, by way of the GPU, to a frame that has some of them in it.

What waits is looked at only in frames in which something it depends on has changed: a world that stands costs
nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from vrgen.messages import News, Request, Tile
from vrgen.scene.appearance import Look
from vrgen.scene.picking import Maker
from vrgen.scene_model import Cloud, Fade, Ground, Objects, ShotLayer, Sky, Surface, TileSet

MOST = 1024
"""Results that may wait to be seen; beyond that the oldest are forgotten."""

_Key = tuple[str, Tile | None, int]


@dataclass(slots=True)
class _Waiting:
    """A result that was taken in. `uploads`: its skies, surfaces and splats; `bare`: what else of it fades;
    `things`: it has meshes or pictures; `land`: one picture of heights, spread over many tiles."""

    request: Request
    uploads: frozenset[int]
    bare: frozenset[int]
    things: bool
    land: bool
    resident: bool = False


class Arrivals:
    """Owner of what was taken in and has not been seen. `news` is what has become of it in this frame."""

    def __init__(self) -> None:
        self._waiting: dict[_Key, _Waiting] = {}
        self._tiles: dict[Tile, tuple[Request, int, bool]] = {}
        """Request, asset and whether it is on the GPU, of each tile that waits."""
        self._places: tuple[list[Tile], np.ndarray[tuple[int, ...], np.dtype[np.intp]]] | None = None
        self._looked: tuple[object, ...] = ()
        self._next: list[News] = []
        self.news: tuple[News, ...] = ()

    def took(
        self,
        request: Request,
        uploads: Iterable[int] = (),
        bare: Iterable[int] = (),
        *,
        things: bool = False,
        land: bool = False,
    ) -> None:
        """Assets were made of a result; one of the same key that was not seen yet never will be."""
        one = _Waiting(request, frozenset(uploads), frozenset(bare), things, land)
        self._waiting.pop(request.key, None)
        self._next.append((request, "taken"))
        if not (one.uploads or one.bare or things or land):  # a number that has nothing to wait for
            self._next += [(request, "resident"), (request, "seen")]
            return
        self._waiting[request.key] = one
        if len(self._waiting) > MOST:
            del self._waiting[next(iter(self._waiting))]

    def took_tile(self, request: Request, asset: int) -> None:
        """A tile of the ground has come."""
        assert request.tile is not None
        self._next.append((request, "taken"))
        self._tiles[request.tile] = (request, asset, False)
        self._places, self._looked = None, ()
        if len(self._tiles) > MOST:
            del self._tiles[next(iter(self._tiles))]

    @property
    def waits(self) -> bool:
        """Whether anything but ground has not been seen."""
        return bool(self._waiting)

    def advance(
        self,
        look: Look,
        ground: Ground,
        objects: Objects,
        makers: Mapping[int, Maker],
        resident: frozenset[int],
        clouds: tuple[Cloud, ...] = (),
        shots: tuple[ShotLayer, ...] = (),
    ) -> None:
        """One frame on: this is what will be drawn. `makers`: of meshes and pictures, by id; only needed
        while something `waits`."""
        if self._waiting:
            self._look_at(look, ground, objects, makers, resident, clouds, shots)
        if self._tiles:
            now = (ground.shown, ground.arriving, ground.corners, resident)
            if len(self._looked) != len(now) or any(a is not b for a, b in zip(now, self._looked)):
                self._looked = now
                self._look_at_tiles(ground, resident)
        if self._next or self.news:
            self.news, self._next = tuple(self._next), []

    def _look_at(
        self,
        look: Look,
        ground: Ground,
        objects: Objects,
        makers: Mapping[int, Maker],
        resident: frozenset[int],
        clouds: tuple[Cloud, ...],
        shots: tuple[ShotLayer, ...],
    ) -> None:
        fades: tuple[Fade[Sky] | Fade[Surface], ...] = (look.sky, *look.surfaces.values())
        visible = set(look.bare)
        visible.update(fade.shown.id for fade in fades)
        visible.update(cloud.splats.id for cloud in clouds if cloud.weight > 0.0)
        visible.update(layer.shot.id for layer in shots if layer.weight > 0.0)
        visible.update(fade.arriving.id for fade in fades if fade.arriving is not None and fade.weight > 0.0)
        made: set[tuple[_Key, int, int]] | None = None
        for key, one in list(self._waiting.items()):
            request = one.request
            seen = not visible.isdisjoint(one.uploads) or not visible.isdisjoint(one.bare)
            if not seen and one.things and objects.arrival > 0.0:
                if made is None:
                    shown = [*(mesh.id for mesh in objects.meshes), *(picture.id for picture in objects.pictures)]
                    made = {_ident(makers[name].request) for name in shown if name in makers}
                seen = _ident(request) in made
            if not seen and one.land:
                seen = _lies(ground, (request.epoch, request.revision))
            if not one.resident and (seen or (one.uploads and one.uploads <= resident)):
                one.resident = True
                self._next.append((request, "resident"))
            if seen:
                del self._waiting[key]
                self._next.append((request, "seen"))

    def _look_at_tiles(self, ground: Ground, resident: frozenset[int]) -> None:
        if self._places is None:
            tiles = list(self._tiles)
            at = np.array(tiles, np.intp) % ground.grid
            x, z = (
                np.stack([at[:, 0], (at[:, 0] + 1) % ground.grid]),
                np.stack([at[:, 1], (at[:, 1] + 1) % ground.grid]),
            )
            self._places = (tiles, np.stack([z[[0, 0, 1, 1]], x[[0, 1, 0, 1]]]))
        tiles, (rows, columns) = self._places
        corners = ground.corners[rows, columns]
        present = corners[..., 1] > 0.0
        by_set = (
            (ground.shown, present.any(axis=0)),
            (ground.arriving, (present & (corners[..., 0] > 0.0)).any(axis=0)),
        )
        for number, tile in enumerate(tiles):
            request, asset, there = self._tiles[tile]
            kept = False
            for tiles_of, visible in by_set:
                if tiles_of is None or not _has(tiles_of, tile, asset):
                    continue
                kept = True
                if not there and asset in resident:
                    there = True
                    self._tiles[tile] = (request, asset, True)
                    self._next.append((request, "resident"))
                if there and visible[number]:
                    self._next.append((request, "seen"))
                    kept = False
            if not kept:  # seen, or walked away from
                del self._tiles[tile]
                self._places = None


def _has(tiles: TileSet, tile: Tile, asset: int) -> bool:
    found = tiles.tiles.get(tile)
    return found is not None and found.id == asset


def _lies(ground: Ground, key: tuple[int, int]) -> bool:
    """Whether land of that epoch and revision is seen anywhere."""
    shown, arriving = ground.shown, ground.arriving
    if (shown.epoch, shown.revision) == key:
        return bool(ground.corners[..., 1].max() > 0.0)
    if arriving is not None and (arriving.epoch, arriving.revision) == key:
        return bool(ground.corners[..., 0].max() > 0.0)
    return False


def _ident(request: Request) -> tuple[_Key, int, int]:
    return request.key, request.epoch, request.revision

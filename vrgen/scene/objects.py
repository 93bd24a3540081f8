"""What stands on the ground: scattered props, placed instances, pictures in frames."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from vrgen.config import World
from vrgen.messages import Request, Tile
from vrgen.scene.meshes import picture_frame
from vrgen.scene.picking import Maker
from vrgen.scene.props import Kind, Placing, Scatter, placed
from vrgen.scene.swaps import Thing
from vrgen.scene_model import F32, INSTANCE, Ground, Mesh, Objects, Picture

_SHRINK_S, _GROW_S = 0.5, 0.9
_SCATTER_EVERY_S = 0.25
_TILES_A_FRAME = 2
_PICTURE_M = 2.4
_HANG_M = 4.2


class Standing:
    """Owner of the objects' state from frame to frame."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._coming: dict[str, dict[int, Mesh]] = {}
        self._of: dict[str, tuple[Mesh, ...]] = {}
        self._epochs: dict[str, int] = {}
        self._next: dict[str, tuple[Mesh, ...]] = {}
        self._pictures: dict[tuple[str, int], Picture] = {}
        self._rows: dict[str, F32] = {}
        self._loose: dict[str, str] = {}
        self._seed = 0
        self._next_seed = 0
        self._objects = Objects()
        self._arrival = 1.0
        self._ahead: tuple[Mesh, ...] = ()
        self._drawn_from: tuple[object, ...] = ()
        self._scatter = Scatter()
        self._scattered_s = -1.0
        self._makers: dict[int, Maker] = {}

    @property
    def makers(self) -> Mapping[int, Maker]:
        """Who made what stands here, by the id of the mesh or picture."""
        return self._makers

    @property
    def arrival(self) -> float:
        """1 when what stands has grown to its full size."""
        scattering = bool(self._drawn_from) and self._drawn_from[0] is None
        return 0.0 if self._next or scattering else self._arrival

    def offer(self, request: Request, name: str, made: Thing, variants: int) -> None:
        """A mesh, instances of one, or a picture."""
        if isinstance(made, Mesh):
            meshes = self._coming.setdefault(request.generator, {})
            if self._epochs.get(request.generator) != request.epoch:
                meshes.clear()
                self._epochs[request.generator] = request.epoch
            meshes[request.variant] = made
            self._remember(made, name, request)
            self._loose[name] = request.generator
            if len(meshes) == variants:
                self._next[request.generator] = tuple(meshes[v] for v in sorted(meshes))
                self._next_seed = request.seed
            self._look_ahead()
        elif isinstance(made, Placing):
            self._rows[made.of] = made.rows
            self._drawn_from = ()
        else:
            self._pictures[(request.generator, request.variant)] = made
            self._remember(made, name, request)
            self._drawn_from = ()

    def _look_ahead(self) -> None:
        """What is not seen yet, to be brought to the GPU."""
        there = {mesh.id for meshes in self._of.values() for mesh in meshes}
        coming = [*self._next.values(), *(tuple(made.values()) for made in self._coming.values())]
        meshes = {mesh.id: mesh for meshes in coming for mesh in meshes}
        self._ahead = tuple(mesh for at, mesh in meshes.items() if at not in there)

    def _remember(self, asset: Mesh | Picture, name: str, request: Request) -> None:
        """Who made it; of what is there no more it is forgotten."""
        sets = (*self._of.values(), *self._next.values(), *(made.values() for made in self._coming.values()))
        there = {mesh.id for meshes in sets for mesh in meshes} | {shown.id for shown in self._pictures.values()}
        there |= {mesh.id for mesh in self._objects.meshes}
        self._makers = {at: maker for at, maker in self._makers.items() if at in there}
        self._makers[asset.id] = Maker(name, request)

    def advance(
        self,
        ground: Ground,
        centre: Tile,
        origin: tuple[float, float, float],
        resident: frozenset[int],
        may_show: bool,
        now_s: float,
        dt_s: float,
    ) -> Objects:
        """One frame on: another world's things take the place of the old when all of them are on the GPU and the
        old have shrunk away."""
        if self._next and may_show and self.ready(resident):
            stands = any(name in self._of for name in self._next)
            if stands and self._next_seed != self._seed and self._arrival > 0.0:
                self._arrival = max(0.0, self._arrival - dt_s / _SHRINK_S)
            else:
                self._arrival = self._arrival if stands else 0.0
                self._of |= self._next
                self._next = {}
                self._seed = self._next_seed
                self._drawn_from = ()
                self._look_ahead()
        elif self._arrival < 1.0:
            self._arrival = min(1.0, self._arrival + dt_s / _GROW_S)
        self._place(ground, centre, origin, now_s)
        objects = self._objects
        eased = self._arrival * self._arrival * (3 - 2 * self._arrival)
        if objects.arrival != eased or objects.coming is not self._ahead:
            self._objects = objects = replace(objects, arrival=eased, coming=self._ahead)
        return objects

    def ready(self, resident: frozenset[int]) -> bool:
        """Whether no whole set waits that is not on the GPU yet."""
        return all(mesh.id in resident for meshes in self._next.values() for mesh in meshes)

    def _place(self, ground: Ground, centre: Tile, origin: tuple[float, float, float], now_s: float) -> None:
        """Scatter anew when the walker entered another tile, or tiles or meshes changed; not too often."""
        tiles = ground.arriving or ground.shown
        source = (tiles.tiles, centre, origin, self._seed, tuple(id(v) for v in self._of.values()))
        before = self._drawn_from
        if before and (before[0] is source[0] and before[1:] == source[1:]):
            return
        first: dict[str, int] = {}
        meshes: list[Mesh] = []
        for name, made in self._of.items():
            first[name] = len(meshes)
            meshes += made
        kinds = [
            Kind(
                name, props, range(first[props.generator], first[props.generator] + len(self._of[props.generator]))
            )
            for name, props in self._world.props.items()
            if props.generator in self._of
        ]
        whole = self._scatter.work(kinds, ground, centre, self._seed, origin, _TILES_A_FRAME)
        if before and before[2:] == source[2:] and now_s - self._scattered_s < _SCATTER_EVERY_S:
            return
        # Until it is whole, the rest follows soon.
        self._drawn_from, self._scattered_s = source if whole else (None, *source[1:]), now_s
        scattered = self._scatter.instances()
        parts = [scattered]
        for mesh_name, rows in self._rows.items():
            generator = self._loose.get(mesh_name)
            if generator in first:
                parts.append(placed(rows, first[generator], origin))
        with_rules = {props.generator for props in self._world.props.values()}
        for name, at in first.items():
            if name not in with_rules and not any(self._loose.get(of) == name for of in self._rows):
                parts.append(_before_the_person(range(at, at + len(self._of[name])), origin))
        pictures = tuple(self._pictures.values())
        if pictures:
            meshes.append(self._frame())
            parts.append(_hung(len(pictures), len(meshes) - 1, origin))
        instances = scattered
        if len(parts) > 1:
            instances = np.concatenate(parts)
            instances = instances[np.argsort(instances["mesh"], kind="stable")]
        kept = tuple(meshes)
        if [m.id for m in kept] == [m.id for m in self._objects.meshes]:
            kept = self._objects.meshes
        self._objects = replace(self._objects, meshes=kept, pictures=pictures, instances=instances)

    def _frame(self) -> Mesh:
        if not hasattr(self, "_frame_mesh"):
            self._frame_mesh = picture_frame(_PICTURE_M, _PICTURE_M)
        return self._frame_mesh


def _before_the_person(meshes: range, origin: tuple[float, float, float]) -> npt.NDArray[np.void]:
    """Single objects of a world without placing rules: in a row a few steps ahead of the start."""
    made = np.zeros(len(meshes), INSTANCE)
    x = (np.arange(len(meshes)) - (len(meshes) - 1) / 2) * 2.5
    made["position"] = np.stack([x, np.zeros_like(x), np.full_like(x, -_HANG_M)], axis=-1) - np.array(origin)
    made["scale"] = 1.5
    made["rotation"] = (0, 0, 0, 1)
    made["mesh"] = np.array(meshes)
    made["picture"] = -1
    made["stands"] = 1.0
    return made


def _hung(count: int, mesh: int, origin: tuple[float, float, float]) -> npt.NDArray[np.void]:
    """Pictures on an arc before the start, each turned to where the person stands."""
    made = np.zeros(count, INSTANCE)
    angle = (np.arange(count) - (count - 1) / 2) * 0.75
    made["position"][:, 0] = np.sin(angle) * _HANG_M - origin[0]
    made["position"][:, 2] = -np.cos(angle) * _HANG_M - origin[2]
    made["rotation"][:, 1] = np.sin(-angle / 2)
    made["rotation"][:, 3] = np.cos(-angle / 2)
    made["scale"] = 1.0
    made["mesh"] = mesh
    made["picture"] = np.arange(count)
    made["stands"] = 1.0
    return made

"""Meshes on the GPU: one buffer of vertices and one of faces for all, each mesh with a range of both.

What is shown is copied whole at once, what is coming piece by piece, within a budget.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer, VertexArray
from vrgen.scene_model import VERTEX, Mesh

LEVELS = 3
_PIECE_BYTES = 128 << 10
"""Copied between two looks at the clock."""
_LEAST_BYTES = 1 << 20
_INDEX = np.dtype(np.uint32)


class _Room:
    """Owner of a buffer of items of one kind; what is taken in it stays where it is when it grows."""

    def __init__(self, item: np.dtype[np.generic], label: str) -> None:
        self._item = item
        self.buffer = Buffer(_LEAST_BYTES, label)
        self._taken: dict[int, int] = {}
        """Counts, by where they begin."""

    def take(self, count: int) -> int:
        """Where so many can be put; room is made where there is none."""
        begin = 0
        for first in sorted(self._taken):
            if first - begin >= count:
                break
            begin = first + self._taken[first]
        if (begin + count) * self._item.itemsize > self.buffer.size:
            self._grow((begin + count) * self._item.itemsize)
        self._taken[begin] = count
        return begin

    def give_back(self, first: int) -> None:
        del self._taken[first]

    def write(self, items: npt.NDArray[np.generic], first: int) -> None:
        self.buffer.write(items, first * self._item.itemsize)

    def _grow(self, size: int) -> None:
        before = self.buffer
        self.buffer = Buffer(max(size, 2 * before.size), before.label)
        GL.glCopyNamedBufferSubData(before.name, self.buffer.name, 0, 0, before.size)
        before.close()


@dataclass(eq=False, slots=True)
class Held:
    """Where a mesh lies: the number of its first vertex; first index and count of each of its levels' faces."""

    mesh: Mesh
    base_vertex: int
    faces: tuple[tuple[int, int], ...]
    coming: Iterator[int] | None
    """Copies the next piece, and tells its bytes; None when the mesh is whole."""


class MeshPool:
    """Owner of the buffers, and of the vertex array that reads them."""

    def __init__(self) -> None:
        self._vertices, self._indices = _Room(VERTEX, "mesh vertices"), _Room(_INDEX, "mesh faces")
        self._held: dict[int, Held] = {}
        self._listed: tuple[Sequence[Mesh], Sequence[Mesh]] | None = None
        self._resident: frozenset[int] | None = None
        self.vao = VertexArray("mesh")
        for location, count, form, name, normalized in (
            (0, 3, GL.GL_FLOAT, "position", False),
            (1, 4, GL.GL_SHORT, "normal", True),
            (2, 4, GL.GL_UNSIGNED_BYTE, "tint", True),
            (3, 2, GL.GL_FLOAT, "uv", False),
        ):
            fields = VERTEX.fields
            assert fields is not None
            self.vao.attribute(location, count, form, fields[name][1], normalized)

    @property
    def resident(self) -> frozenset[int]:
        """Ids of meshes that are whole; the same object while they are the same."""
        if self._resident is None:
            self._resident = frozenset(name for name, held in self._held.items() if held.coming is None)
        return self._resident

    def of(self, mesh: Mesh) -> Held:
        return self._held[mesh.id]

    def advance(self, shown: Sequence[Mesh], coming: Sequence[Mesh], budget_s: float) -> int:
        """Copy what is shown, and of what is coming as much as the time allows, but something; returns bytes."""
        deadline_s = time.perf_counter() + budget_s
        if self._listed is None or self._listed[0] is not shown or self._listed[1] is not coming:
            self._listed = shown, coming
            self._forget({mesh.id for mesh in (*shown, *coming)})
        elif len(self.resident) == len(self._held):
            return 0
        copied = sum(sum(self._held_of(mesh).coming or ()) for mesh in shown)
        for mesh in coming:
            pieces = self._held_of(mesh).coming
            while pieces is not None and (piece := next(pieces, None)) is not None:
                copied += piece
                if time.perf_counter() >= deadline_s:
                    return copied
        return copied

    def _forget(self, wanted: set[int]) -> None:
        for name in [name for name in self._held if name not in wanted]:
            held = self._held.pop(name)
            self._vertices.give_back(held.base_vertex)
            self._indices.give_back(held.faces[0][0])
            self._resident = None

    def _held_of(self, mesh: Mesh) -> Held:
        held = self._held.get(mesh.id)
        if held is None:
            faces = mesh.faces[:LEVELS]
            begin = self._indices.take(sum(level.size for level in faces))
            ranges = []
            for level in faces:
                ranges.append((begin, level.size))
                begin += level.size
            held = Held(mesh, self._vertices.take(len(mesh.packed)), tuple(ranges), None)
            held.coming = self._copied(held)
            self._held[mesh.id] = held
            self.vao.sources(self._vertices.buffer, VERTEX.itemsize, self._indices.buffer)
        return held

    def _copied(self, held: Held) -> Iterator[int]:
        levels = zip(held.mesh.faces, held.faces)
        parts: list[tuple[_Room, npt.NDArray[np.generic], int]] = [
            (self._vertices, held.mesh.packed, held.base_vertex),
            *((self._indices, np.asarray(level, _INDEX).ravel(), first) for level, (first, _) in levels),
        ]
        for room, items, first in parts:
            step = _PIECE_BYTES // items.itemsize
            for at in range(0, len(items), step):
                piece = items[at : at + step]
                room.write(piece, first + at)
                yield piece.nbytes
        held.coming = self._resident = None

    def close(self) -> None:
        self.vao.close()
        self._vertices.buffer.close()
        self._indices.buffer.close()
        self._held.clear()

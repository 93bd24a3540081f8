"""The endless ground on the GPU: two tori of heights with their slopes, corner states, tiles with detail."""

import math
from collections.abc import MutableSequence
from contextlib import ExitStack

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array
from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer, Texture, VertexArray
from vrgen.gl.pipeline import Pipeline, Program
from vrgen.messages import Tile
from vrgen.renderer.frame_data import SINK_M
from vrgen.renderer.tiles import Layout, eye_cell, laid_out
from vrgen.renderer.variants import Variants
from vrgen.scene_model import Ground, Scene, TileSet

COMMAND = np.dtype([(n, np.uint32) for n in ("count", "instances", "first_index", "base_vertex", "base_instance")])
_WRAP_UNITS = {"heights": (8, 9), "slopes": (7, 15)}


class _Torus:
    """Heights of one tile set, by slot; tile (ix, iz) lies in slot (ix mod grid, iz mod grid)."""

    def __init__(self, size: int, grid: int, label: str) -> None:
        self.heights = Texture(GL.GL_TEXTURE_2D, (size, size), GL.GL_R32F, f"heights {label}", linear=False)
        wrap = (GL.GL_REPEAT, GL.GL_REPEAT)
        self.slopes = Texture(GL.GL_TEXTURE_2D, (size, size), GL.GL_RG16F, f"slopes {label}", wrap=wrap)
        zero = np.zeros(1, np.float32).ctypes.data_as(GL.GLvoidp)
        for texture, form in ((self.heights, GL.GL_RED), (self.slopes, GL.GL_RG)):
            GL.glClearTexImage(texture.name, 0, form, GL.GL_FLOAT, zero if form == GL.GL_RED else None)
        self.key: tuple[int, int] | None = None
        self.held = np.zeros((grid, grid), np.int64)
        self.low = np.zeros((grid, grid), np.float32)
        self.high = np.zeros((grid, grid), np.float32)
        self._seen: TileSet | None = None
        self.pending: list[Tile] = []

    def follow(self, tiles: TileSet, nearest_to: Tile) -> bool:
        """Note which tiles of the set are not here yet, nearest first; False where the set is the one before."""
        if tiles is self._seen:
            return False
        key = (tiles.epoch, tiles.revision)
        if key != self.key:
            self.key = key
            self.held[:] = 0
        self._seen = tiles
        grid = len(self.held)
        self.pending = [at for at, tile in tiles.tiles.items() if self.held[at[1] % grid, at[0] % grid] != tile.id]
        self.pending.sort(key=lambda t: -((t[0] - nearest_to[0]) ** 2 + (t[1] - nearest_to[1]) ** 2))
        return True

    def close(self) -> None:
        self.heights.close()
        self.slopes.close()


class GroundPass:
    """Owner of the ground's textures, meshes and programs."""

    def __init__(self, detail: bool, finest_m: float) -> None:
        self._stack = ExitStack()
        self._finest_m = finest_m
        defines = (f"DETAIL {int(detail)}",)
        self.pipelines = self._stack.enter_context(Variants(("ground.vert", "ground.frag"), defines))
        self._slopes = self._stack.enter_context(Program("slopes.comp"))
        self.corners: Texture | None = None
        self._corners_seen: npt.NDArray[np.float32] | None = None
        self._tori: list[_Torus] = []
        self._shape: tuple[int, int] = (0, 0)
        self._vao: VertexArray | None = None
        self._levels: list[tuple[int, int]] = []
        self._mesh_stack = ExitStack()
        self.triangles = 0
        self._resident: frozenset[int] | None = None
        self._kept: tuple[tuple[object, ...], Layout] | None = None
        self.stamp = 0
        """Goes up whenever the ground's shape changes: shadows are drawn anew."""
        self._copies = 0
        """The same when a tile was copied."""
        self._heights = (0, (-SINK_M, 0.0))
        """After so many copies, what the ground lies between."""
        self._standing = b""
        """Which corners there is ground at."""

    # --- content ------------------------------------------------------------------------------------------

    def advance(self, scene: Scene, walker: Tile, tiles_a_frame: int) -> int:
        """Copy tiles that are not here yet, at most so many; returns the bytes copied."""
        ground = scene.ground
        self._fit(ground)
        if ground.arriving is not None and self._tori[1].key == (ground.shown.epoch, ground.shown.revision):
            self._tori.reverse()
        shown_key = (ground.shown.epoch, ground.shown.revision)
        if self._tori[0].key != shown_key and self._tori[1].key == shown_key:
            self._tori.reverse()
        copied = 0
        for torus, tiles in zip(self._tori, (ground.shown, ground.arriving)):
            if tiles is None:
                continue
            if torus.follow(tiles, walker):
                self._resident = None
            while torus.pending and copied < tiles_a_frame:
                self._copy(torus, tiles, torus.pending.pop())
                copied += 1
        if ground.corners is not self._corners_seen and self.corners is not None:
            self._corners_seen = ground.corners
            self._standing = (ground.corners[..., 1] > 0.0).tobytes()
            self.stamp += 1
            corners, n = np.ascontiguousarray(ground.corners), ground.grid
            pointer = GL.GLvoidp(corners.ctypes.data)
            GL.glTextureSubImage2D(self.corners.name, 0, 0, 0, n, n, GL.GL_RG, GL.GL_FLOAT, pointer)
        return copied * (ground.shown.samples**2) * 4

    @property
    def resident(self) -> frozenset[int]:
        """Ids of tiles that are on the GPU; the same object while they are the same."""
        if self._resident is None:
            held = [torus.held[torus.held != 0].tolist() for torus in self._tori]
            self._resident = frozenset[int]().union(*held)
        return self._resident

    def _fit(self, ground: Ground) -> None:
        shape = (ground.shown.samples - 1, ground.grid)
        if shape == self._shape:
            return
        self._drop()
        self._shape = shape
        cells, grid = shape
        self._tori = [_Torus(cells * grid, grid, label) for label in ("a", "b")]
        self.corners = Texture(GL.GL_TEXTURE_2D, (grid, grid), GL.GL_RG32F, "corner states", linear=False)
        at = np.stack(np.meshgrid(np.arange(cells + 1), np.arange(cells + 1)), axis=-1).astype(np.uint16)
        faces, self._levels, first = [], [], 0
        for level in range(min(cells.bit_length(), 6) if cells > 1 else 1):
            index = _grid_faces(cells, 1 << level)
            faces.append(index)
            self._levels.append((first, len(index)))
            first += len(index)
        vertices = Buffer(at.nbytes, "tile vertices", at)
        indices = Buffer(first * 4, "tile faces", np.concatenate(faces))
        self._vao = VertexArray("tile")
        GL.glEnableVertexArrayAttrib(self._vao.name, 0)
        GL.glVertexArrayAttribIFormat(self._vao.name, 0, 2, GL.GL_UNSIGNED_SHORT, 0)
        GL.glVertexArrayAttribBinding(self._vao.name, 0, 0)
        self._vao.sources(vertices, 4, indices)
        for owned in (vertices, indices, self._vao):
            self._mesh_stack.enter_context(owned)

    def _copy(self, torus: _Torus, tiles: TileSet, at: Tile) -> None:
        tile = tiles.tiles[at]
        cells, grid = self._shape
        size = cells * grid
        slot_x, slot_z = at[0] % grid, at[1] % grid
        heights = np.ascontiguousarray(tile.heights, np.float32)
        x0, z0 = slot_x * cells, slot_z * cells
        whole = cells + 1
        GL.glPixelStorei(GL.GL_UNPACK_ROW_LENGTH, whole)
        for z, rows, r in _wrapped(z0, whole, size):
            for x, columns, c in _wrapped(x0, whole, size):
                pointer = GL.GLvoidp(heights[r:, c:].ctypes.data)
                GL.glTextureSubImage2D(torus.heights.name, 0, x, z, columns, rows, GL.GL_RED, GL.GL_FLOAT, pointer)
        GL.glPixelStorei(GL.GL_UNPACK_ROW_LENGTH, 0)
        self._resident = None
        torus.held[slot_z, slot_x] = tile.id
        for dx, dz in ((1, 0), (0, 1), (1, 1)):
            # The far edge was written into the next slots: what lies there and is no neighbour is spoilt.
            beside = tiles.tiles.get((at[0] + dx, at[1] + dz))
            z, x = (slot_z + dz) % grid, (slot_x + dx) % grid
            if beside is None or torus.held[z, x] != beside.id:
                torus.held[z, x] = 0
        torus.low[slot_z, slot_x] = heights.min()
        torus.high[slot_z, slot_x] = heights.max()
        self.stamp += 1
        self._copies += 1
        program = self._slopes.name
        GL.glUseProgram(program)
        Pipeline._bound = None
        torus.heights.bind(0)
        GL.glBindImageTexture(0, torus.slopes.name, 0, False, 0, GL.GL_WRITE_ONLY, GL.GL_RG16F)
        GL.glProgramUniform2i(program, 0, x0 - 1, z0 - 1)
        GL.glProgramUniform1i(program, 1, cells + 3)
        GL.glProgramUniform1f(program, 2, tiles.metres / cells)
        groups = (cells + 3 + 7) // 8
        GL.glDispatchCompute(groups, groups, 1)
        GL.glMemoryBarrier(GL.GL_TEXTURE_FETCH_BARRIER_BIT)

    # --- drawing ------------------------------------------------------------------------------------------

    def put(self, units: MutableSequence[int]) -> None:
        """Name the height tori and corner states by texture unit: whatever stands on the ground reads them too."""
        for i, torus in enumerate(self._tori):
            units[_WRAP_UNITS["heights"][i]] = torus.heights.name
            units[_WRAP_UNITS["slopes"][i]] = torus.slopes.name
        if self.corners is not None:
            units[10] = self.corners.name

    def layout(self, scene: Scene, walker: Tile, eye: Array, pixel_rad: float, detail: float = 1.0) -> Layout:
        """Every tile that stands, with its detail; the same again while nothing that it is made from has changed.
        `eye`: metres from the drawing origin. `pixel_rad`: of the picture; no cell is drawn that is smaller.
        `detail`: of the distance up to which tiles are fine."""
        ground, at = scene.ground, eye_cell(eye)
        seen_to_m = ground.shown.metres / (ground.shown.samples - 1) / pixel_rad
        # In steps of a quarter of a level, so that a size that adapts does not lay out anew each time.
        finest_m = min(self._finest_m * detail, 2.0 ** (math.floor(4.0 * math.log2(seen_to_m)) / 4.0))
        key = (finest_m, walker, at, scene.origin, ground.grid, ground.shown.metres, self._copies, self._standing)
        kept = self._kept
        if kept is None or kept[0] != key:
            shown, other = self._tori
            low, high = np.minimum(shown.low, other.low) - 1.0, np.maximum(shown.high, other.high) + 1.0
            laid = laid_out(scene, walker, at, finest_m, len(self._levels) - 1, low, high)
            self._kept = kept = (key, laid)
        return kept[1]

    def heights(self) -> tuple[float, float]:
        """What all the ground lies between, standing or sunk, and 0 with it; metres."""
        if self._heights[0] != self._copies:
            low = min(float(torus.low.min()) for torus in self._tori)
            high = max(float(torus.high.max()) for torus in self._tori)
            self._heights = (self._copies, (min(low, 0.0) - SINK_M, max(high, 0.0)))
        return self._heights[1]

    def commands(self, levels: npt.NDArray[np.intp], views: int) -> npt.NDArray[np.void]:
        """One indirect command a level in use, for tiles of those levels in rising order."""
        counts = np.bincount(levels).tolist()
        made, before, self.triangles = [], 0, 0
        for (first, count), tiles in zip(self._levels, counts):
            if tiles:
                made.append((count, tiles * views, first, 0, before))
                before += tiles
                self.triangles += count // 3 * tiles
        return np.array(made, COMMAND)

    def draw(self, commands: int, offset: int, pipeline: Pipeline) -> None:
        """Give `commands` indirect draws, at `offset` bytes of the bound indirect buffer."""
        assert self._vao is not None
        pipeline.bind()
        GL.glBindVertexArray(self._vao.name)
        GL.glMultiDrawElementsIndirect(
            GL.GL_TRIANGLES, GL.GL_UNSIGNED_INT, GL.GLvoidp(offset), commands, COMMAND.itemsize
        )

    def _drop(self) -> None:
        for torus in self._tori:
            torus.close()
        self._tori = []
        if self.corners is not None:
            self.corners.close()
            self.corners = None
        self._mesh_stack.close()
        self._mesh_stack = ExitStack()
        self._vao = None
        self._corners_seen = self._kept = self._resident = None

    def close(self) -> None:
        self._drop()
        self._stack.close()


def _wrapped(start: int, count: int, size: int) -> list[tuple[int, int, int]]:
    """(place, count, first) of the one or two runs of `count` samples from `start` around a torus."""
    first = min(count, size - start)
    runs = [(start, first, 0)]
    if first < count:
        runs.append((0, count - first, first))
    return runs


def _grid_faces(cells: int, stride: int) -> npt.NDArray[np.uint32]:
    """Indices of a tile's triangles at one level; quads split from north-west to south-east."""
    n = cells + 1
    at = np.arange(0, cells, stride)
    x, z = np.meshgrid(at, at)
    nw = (z * n + x).ravel()
    ne, sw = nw + stride, nw + stride * n
    se = sw + stride
    return np.stack([nw, sw, se, nw, se, ne], axis=-1).astype(np.uint32).ravel()

"""The endless ground on the GPU: two tori of heights with their slopes, corner states, tiles with detail."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array
from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer, Texture, VertexArray
from vrgen.gl.pipeline import Pipeline, Program
from vrgen.messages import Tile
from vrgen.renderer.variants import Variants
from vrgen.scene_model import Ground, Scene, TileSet

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

    def follow(self, tiles: TileSet, nearest_to: Tile) -> None:
        """Note which tiles of the set are not here yet, nearest first."""
        if tiles is self._seen:
            return
        key = (tiles.epoch, tiles.revision)
        if key != self.key:
            self.key = key
            self.held[:] = 0
        self._seen = tiles
        grid = len(self.held)
        self.pending = [at for at, tile in tiles.tiles.items() if self.held[at[1] % grid, at[0] % grid] != tile.id]
        self.pending.sort(key=lambda t: -((t[0] - nearest_to[0]) ** 2 + (t[1] - nearest_to[1]) ** 2))

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
        self.stamp = 0
        """Goes up whenever the ground's shape changes: shadows are drawn anew."""

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
            torus.follow(tiles, walker)
            while torus.pending and copied < tiles_a_frame:
                self._copy(torus, tiles, torus.pending.pop())
                copied += 1
        if ground.corners is not self._corners_seen and self.corners is not None:
            self._corners_seen = ground.corners
            self.stamp += 1
            pointer = np.ascontiguousarray(ground.corners).ctypes.data_as(GL.GLvoidp)
            n = ground.grid
            GL.glTextureSubImage2D(self.corners.name, 0, 0, 0, n, n, GL.GL_RG, GL.GL_FLOAT, pointer)
        return copied * (ground.shown.samples**2) * 4

    def resident(self) -> Iterable[int]:
        """Ids of tiles that are on the GPU."""
        for torus in self._tori:
            yield from torus.held[torus.held != 0].tolist()

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
                pointer = heights[r:, c:].ctypes.data_as(GL.GLvoidp)
                GL.glTextureSubImage2D(torus.heights.name, 0, x, z, columns, rows, GL.GL_RED, GL.GL_FLOAT, pointer)
        GL.glPixelStorei(GL.GL_UNPACK_ROW_LENGTH, 0)
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

    def bind(self) -> None:
        """Bind the height tori and corner states: whatever stands on the ground reads them too."""
        for i, torus in enumerate(self._tori):
            torus.heights.bind(_WRAP_UNITS["heights"][i])
            torus.slopes.bind(_WRAP_UNITS["slopes"][i])
        if self.corners is not None:
            self.corners.bind(10)

    def layout(self, scene: Scene, walker: Tile, eye: Array) -> npt.NDArray[np.void]:
        """Every tile that stands, with its detail, as TILE records; `eye` from the drawing origin."""
        ground = scene.ground
        grid, metres = ground.grid, ground.shown.metres
        reach = grid // 2 - 1
        span = np.arange(-reach - 1, reach + 2)
        ix, iz = np.meshgrid(walker[0] + span, walker[1] + span)
        x = ix * metres - scene.origin[0]
        z = iz * metres - scene.origin[2]
        away = np.hypot(x + metres / 2 - eye[0], z + metres / 2 - eye[2])
        top = len(self._levels) - 1
        detail = np.clip(np.log2(np.maximum(away, 1.0) / self._finest_m), 0.0, top).astype(np.float32)
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
        return tiles

    def inside(self, tiles: npt.NDArray[np.void], planes: Sequence[Array], metres: float) -> npt.NDArray[np.void]:
        """Those tiles whose box touches one of the frusta, each (P, 4) planes."""
        if not len(tiles):
            return tiles
        sx, sz = tiles["slot"][:, 0], tiles["slot"][:, 1]
        low = np.minimum(self._tori[0].low[sz, sx], self._tori[1].low[sz, sx]) - 1.0
        high = np.maximum(self._tori[0].high[sz, sx], self._tori[1].high[sz, sx]) + 1.0
        centre = np.empty((len(tiles), 4))
        centre[:, 0] = tiles["corner"][:, 0] + metres / 2
        centre[:, 1] = (low + high) / 2
        centre[:, 2] = tiles["corner"][:, 1] + metres / 2
        centre[:, 3] = 1.0
        half = np.empty((len(tiles), 3))
        half[:, 0] = half[:, 2] = metres / 2
        half[:, 1] = (high - low) / 2
        seen = np.zeros(len(tiles), bool)
        for faces in planes:
            reach = np.abs(faces[:, :3]) @ half.T
            seen |= np.all(faces @ centre.T + reach >= 0.0, axis=0)
        return tiles[seen]

    def commands(
        self, tiles: npt.NDArray[np.void], views: int
    ) -> tuple[npt.NDArray[np.void], npt.NDArray[np.void]]:
        """Tiles sorted by level, and one indirect command a level in use."""
        level = tiles["self"][:, 0].astype(np.int32)
        order = np.argsort(level, kind="stable")
        counts = np.bincount(level, minlength=len(self._levels))
        used = np.flatnonzero(counts)
        made = np.zeros(len(used), COMMAND)
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        self.triangles = 0
        for row, i in enumerate(used):
            first, count = self._levels[i]
            made[row] = (count, counts[i] * views, first, 0, starts[i])
            self.triangles += count // 3 * int(counts[i])
        return tiles[order], made

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
        self._corners_seen = None

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

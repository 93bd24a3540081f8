"""Gaussian splats: brought to the GPU, coloured, sorted from far to near, blended over the opaque scene.

They are sorted by their distance from the point between the eyes, not by their depth along the view: turning the
head then changes nothing, so that nothing pops, and nothing is sorted (docs/adr/0010). A GPU sorts them itself, in
the frame; where the processor draws, numpy does it beside the frame, and an order may be a few frames old.
"""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array
from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer, VertexArray
from vrgen.gl.pipeline import Pipeline, Program, State
from vrgen.gl.transfer import Ring
from vrgen.renderer.sorting import U32, GpuSort, order_of
from vrgen.renderer.splat_pool import Held, SplatPool
from vrgen.renderer.variants import Variants
from vrgen.scene_model import Cloud, Scene

BLOCK = 128
"""Splats of an instance, as shaders/splats.vert has it."""
KEY_BITS = 24
STEP_M = 0.01
"""An order serves until the eyes, or a cloud, have moved so far."""
HAZE_STEP = 0.004
"""…and its colours so far, of the distance that one sees: haze changes by less than a 255th."""
AT_ONCE = 30_000
"""Up to so many numpy sorts within the frame: it takes less than a millisecond."""
CLOUD = np.dtype(
    [("position", np.float32, 3), ("scale", np.float32), ("rotation", np.float32, 4), ("shown", np.float32, 4)]
)
"""As shaders/splats.glsl reads it."""


class Part(NamedTuple):
    """A cloud that is listed, as it stood."""

    held: Held
    position: tuple[float, float, float]
    yaw_rad: float
    scale: float

    def near(self, other: "Part", step_m: float) -> bool:
        turned = self.yaw_rad != other.yaw_rad or self.scale != other.scale
        return self.held is other.held and not turned and math.dist(self.position, other.position) < step_m


@dataclass(frozen=True, eq=False, slots=True)
class _Order:
    """What an order was made from."""

    parts: tuple[Part, ...]
    eye: tuple[float, ...]

    @property
    def count(self) -> int:
        return sum(part.held.count for part in self.parts)

    def serves(self, other: "_Order", step_m: float = STEP_M) -> bool:
        if len(self.parts) != len(other.parts) or math.dist(self.eye, other.eye) >= step_m:
            return False
        return all(a.near(b, step_m) for a, b in zip(self.parts, other.parts))


_NOTHING = _Order((), (0.0, 0.0, 0.0))


class SplatsPass:
    """Owner of the splats on the GPU, of their order, and of what draws them. `beside`: numpy sorts."""

    def __init__(self, beside: bool) -> None:
        self._beside = beside
        self._pool = SplatPool()
        self._stack = ExitStack()
        self._programs: _Programs | None = None
        self._sort: GpuSort | None = None
        self._order_buffer: Buffer | None = None
        self._order = _NOTHING
        self._sorting: tuple[_Order, Future[U32]] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._coloured: tuple[object, ...] = ()
        self._coloured_at = self._order
        self._clouds: tuple[Cloud, ...] = ()
        self._table: tuple[int, int] = (0, 0)
        self._shown = self._fading = False
        self.resident: frozenset[int] = frozenset()
        """Ids of what is whole and has its place in the order."""

    # --- content ------------------------------------------------------------------------------------------

    def advance(self, clouds: tuple[Cloud, ...], budget_ms: float) -> int:
        """Bring clouds to the GPU as far as the time goes; returns the bytes copied."""
        if clouds is self._clouds and len(self.resident) == len({cloud.splats.id for cloud in clouds}):
            return 0
        self._clouds = clouds
        copied = self._pool.advance(clouds, budget_ms / 1e3)
        wanted = {cloud.splats.id for cloud in clouds}
        ordered = {part.held.splats.id for part in self._order.parts} & wanted
        if ordered != self.resident:
            self.resident = frozenset(ordered)
        return copied

    def prepare(self, scene: Scene, ring: Ring, eye: Array, fading: bool) -> None:
        """Colour and sort what is here, if anything changed. The frame's block and textures are bound."""
        self._shown = False
        whole = [
            (cloud, held)
            for cloud in self._clouds
            if (held := self._pool.of(cloud.splats)) is not None and held.whole
        ]
        if not whole:
            return
        if self._programs is None:
            self._programs = self._stack.enter_context(_Programs())
        parts = tuple(Part(held, cloud.position, cloud.yaw_rad, cloud.scale) for cloud, held in whole)
        wanted = _Order(parts, tuple(eye.tolist()))
        self._table = ring.put(_table(whole, self._pool.slots))
        self._bind(ring)
        source = (scene.sky, scene.light, scene.fog_m, self._pool.stamp)
        if source != self._coloured or not self._coloured_at.serves(wanted, HAZE_STEP * scene.fog_m):
            self._coloured, self._coloured_at = source, wanted
            assert self._pool.colours is not None
            GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, 3, self._pool.colours.name)
            self._dispatch(self._programs.colour.of(fading).program, wanted, keys=False)
        if self._beside:
            self._sort_beside(wanted)
        elif not self._order.serves(wanted):
            self._sort_on_gpu(wanted)
        GL.glMemoryBarrier(GL.GL_SHADER_STORAGE_BARRIER_BIT)
        self._shown = any(cloud.weight > 0.0 for cloud, _ in whole)
        self._fading = any(0.0 < cloud.weight < 1.0 for cloud, _ in whole)

    def _dispatch(self, program: Program, wanted: _Order, keys: bool) -> None:
        """The program once over each cloud that is listed."""
        GL.glMemoryBarrier(GL.GL_SHADER_STORAGE_BARRIER_BIT)  # the frame before may still read what it writes
        GL.glUseProgram(program.name)
        Pipeline._bound = None
        GL.glProgramUniform3f(program.name, 2, *wanted.eye)
        listed = 0
        for part in wanted.parts:
            GL.glProgramUniform1ui(program.name, 0, part.held.first)
            GL.glProgramUniform1ui(program.name, 1, part.held.count)
            if keys:
                GL.glProgramUniform1ui(program.name, 3, listed)
            GL.glDispatchCompute((part.held.count + 63) // 64, 1, 1)
            listed += part.held.count

    def _bind(self, ring: Ring) -> None:
        assert self._pool.buffer is not None
        GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, 1, self._pool.buffer.name)
        GL.glBindBufferRange(GL.GL_SHADER_STORAGE_BUFFER, 2, ring.buffer.name, *self._table)

    # --- order --------------------------------------------------------------------------------------------

    def _sort_on_gpu(self, wanted: _Order) -> None:
        assert self._programs is not None
        if self._sort is None or self._sort.most < wanted.count:
            if self._sort is not None:
                self._sort.close()
            self._sort = GpuSort(max(wanted.count, self._pool.capacity))
        GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, 3, self._sort.keys.name)
        GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, 4, self._sort.values.name)
        self._dispatch(self._programs.keys.of(False).program, wanted, keys=True)
        self._sort.sort(wanted.count, KEY_BITS)
        self._order = wanted

    def _sort_beside(self, wanted: _Order) -> None:
        """Take an order that is done, ask for another where it is not near enough to what is wanted."""
        if self._sorting is not None and self._sorting[1].done():
            made, order = self._sorting
            self._sorting = None
            self._put(made, order.result())
        if self._sorting is not None or self._order.serves(wanted):
            return
        if wanted.count <= AT_ONCE:
            self._put(wanted, ordered(wanted.parts, wanted.eye))
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "splats")
        self._sorting = (wanted, self._thread.submit(ordered, wanted.parts, wanted.eye))

    def _put(self, made: _Order, order: U32) -> None:
        if self._order_buffer is None or self._order_buffer.size < order.nbytes:
            if self._order_buffer is not None:
                self._order_buffer.close()
            self._order_buffer = Buffer(order.nbytes, "splat order")
        self._order_buffer.write(order)
        self._order = made

    # --- drawing ------------------------------------------------------------------------------------------

    def draw(self, ring: Ring, views: int, size_px: tuple[int, int]) -> None:
        """Blend them over what was drawn, behind what is nearer; a picture of that size."""
        count = self._order.count
        order = self._order_buffer if self._beside else self._sort.values if self._sort is not None else None
        if not self._shown or not count or order is None:
            return
        assert self._programs is not None and self._pool.colours is not None
        pipeline = self._programs.draw.of(self._fading, views)
        pipeline.bind()
        self._bind(ring)
        GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, 3, self._pool.colours.name)
        GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, 4, order.name)
        GL.glProgramUniform1ui(pipeline.program.name, 0, count)
        GL.glProgramUniform2f(pipeline.program.name, 1, size_px[0] / 2, size_px[1] / 2)
        GL.glBindVertexArray(self._programs.array.name)
        blocks = (count + BLOCK - 1) // BLOCK
        GL.glDrawElementsInstanced(GL.GL_TRIANGLES, 6 * BLOCK, GL.GL_UNSIGNED_SHORT, None, views * blocks)

    def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown()
        for owned in (self._sort, self._order_buffer, self._pool):
            if owned is not None:
                owned.close()
        self._stack.close()


class _Programs:
    """Owner of what is compiled when the first cloud comes."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        own = self._stack.enter_context
        self.colour = own(Variants(("splats.comp",), ()))
        for fading in (False, True):  # now, while nothing of it is seen yet
            self.colour.of(fading)
        self.keys = own(Variants(("splats.comp",), ("KEYS",)))
        state = State(write_depth=False, cull="none", blend="over")
        self.draw = own(Variants(("splats.vert", "splats.frag"), (), state))
        corners = np.array([0, 1, 2, 2, 1, 3]) + 4 * np.arange(BLOCK)[:, None]
        quads = corners.astype(np.uint16).ravel()
        self.array = own(VertexArray("splat quads"))
        self.array.sources(None, 0, own(Buffer(quads.nbytes, "splat quads", quads)))

    def __enter__(self) -> "_Programs":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def ordered(parts: tuple[Part, ...], eye: tuple[float, ...]) -> U32:
    """Indices of all their splats, the farthest first: the slow twin of shaders/splats.comp and radix.comp."""
    keys, indices = [], []
    for held, position, yaw_rad, scale in parts:
        at = held.splats.gaussians["position"]
        cos, sin = np.float32(math.cos(yaw_rad) * scale), np.float32(math.sin(yaw_rad) * scale)
        start = np.subtract(position, eye).astype(np.float32)
        x = cos * at[:, 0] + sin * at[:, 2] + start[0]
        y = np.float32(scale) * at[:, 1] + start[1]
        z = cos * at[:, 2] - sin * at[:, 0] + start[2]
        away = np.maximum(np.sqrt(x * x + y * y + z * z), np.float32(1e-3))
        keys.append(np.uint32(0xFFFFFF) - (away.view(np.uint32) >> np.uint32(7)))
        indices.append(np.arange(held.first, held.first + held.count, dtype=np.uint32))
    return np.concatenate(indices)[order_of(np.concatenate(keys))]


def _table(whole: list[tuple[Cloud, Held]], slots: int) -> npt.NDArray[np.void]:
    """(slots,) of CLOUD; what is not here any more, or not whole, has no weight."""
    table = np.zeros(slots, CLOUD)
    for cloud, held in whole:
        row = table[held.slot]
        row["position"], row["scale"] = cloud.position, cloud.scale
        row["rotation"] = (0.0, math.sin(cloud.yaw_rad / 2), 0.0, math.cos(cloud.yaw_rad / 2))
        share = (1.0 - cloud.weight, 1.0) if cloud.leaves else (0.0, cloud.weight)
        row["shown"][:3] = *share, float(cloud.splats.shines)
    return table

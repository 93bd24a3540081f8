"""Everything that stands on the ground: one mesh pool, instances culled on the GPU, one indirect draw a pass."""

import struct
from contextlib import ExitStack

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array
from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer
from vrgen.gl.pipeline import Pipeline, Program
from vrgen.gl.transfer import Ring
from vrgen.renderer.clumps import CLUMP, clumped
from vrgen.renderer.ground import COMMAND
from vrgen.renderer.mesh_pool import MeshPool
from vrgen.renderer.occlusion import Occlusion
from vrgen.renderer.pictures import PicturePool
from vrgen.renderer.variants import Variants
from vrgen.scene_model import INSTANCE, Objects

PICTURE, LATE, CASCADES = 0, 1, 2
LISTS = 5
"""Of commands: the picture, what came into sight after the first of it was drawn, and three shadow cascades; none
waits for another's."""
_ROOMS = 4
"""For the instances that they list, and as many lists of clumps; LATE has none of its own."""
_LISTED = GL.GL_COMMAND_BARRIER_BIT | GL.GL_SHADER_STORAGE_BARRIER_BIT
_FEW = 16
"""Clumps that are all looked into: choosing among them would take longer."""
PLACED_BYTES = 64
"""Of one listed instance, as shaders/instance.glsl has it."""
_PLANES_BYTES = 160
_ASKED = struct.Struct("=4f 4I f3I 2f2I 2I8x")
"""What a cull is asked beside the planes: shaders/cull.glsl."""
_FINEST = 0.12
"""Radius over distance from which on a mesh is drawn at its finest."""

BOUNDS = np.dtype(
    [
        ("sphere", np.float32, 4),
        ("levels", np.uint32),
        ("first_command", np.uint32),
        ("room", np.uint32),
        ("pad", np.uint32),
    ]
)


class ObjectsPass:
    """Owner of the mesh pool, the instances and their programs."""

    def __init__(self, detail: bool) -> None:
        self._stack = ExitStack()
        defines = (f"DETAIL {int(detail)}",)
        self.pipelines = self._stack.enter_context(Variants(("object.vert", "object.frag"), defines))
        self._cull = self._stack.enter_context(Variants(("cull.comp",), ("LATE 0",)))
        self._cull_late = self._stack.enter_context(Variants(("cull.comp",), ("LATE 1",)))
        self._seen: Objects | None = None
        self._count = 0
        self._commands = 0
        self._triangles = 0
        self._pool = MeshPool()
        self._stack.callback(self._pool.close)
        self._clumps = self._stack.enter_context(Program("clumps.comp"))
        self._clump_count = 0
        self._clump_bounds = Buffer(CLUMP.itemsize, "clumps")
        self._clump_lists = Buffer(16, "clumps listed")
        self._instances = Buffer(INSTANCE.itemsize, "instances")
        self._bounds = Buffer(BOUNDS.itemsize, "mesh bounds")
        self._visible = Buffer(16, "visible")
        self._template = Buffer(16, "command template")
        self._indirect = Buffer(16, "object commands")
        self._in_sight = Buffer(16, "in sight")
        """Of each instance, whether an eye saw it."""
        self.pictures = PicturePool()
        self._stack.callback(self.pictures.close)
        self._asked = np.zeros(_PLANES_BYTES + _ASKED.size, np.uint8)
        self.detail = 1.0
        """Of the distance up to which a mesh is drawn at its finest."""
        self.stamp = 0
        """Goes up whenever what stands changes: shadows are drawn anew."""

    # --- content ------------------------------------------------------------------------------------------

    @property
    def resident(self) -> frozenset[int]:
        """Ids of meshes that are whole; the same object while they are the same."""
        return self._pool.resident

    def advance(self, objects: Objects, time_s: float, budget_ms: float) -> int:
        """Bring meshes and instances to the GPU where they changed, what is coming within the budget; returns the
        bytes copied."""
        before, self._seen = self._seen, objects
        copied = self._pool.advance(objects.meshes, objects.coming, budget_ms / 1e3)
        if before is objects:
            return copied
        new_pictures = before is None or before.pictures is not objects.pictures
        if new_pictures:
            copied += self.pictures.place(objects.pictures, time_s)
        new_things = (
            before is None or before.meshes is not objects.meshes or before.instances is not objects.instances
        )
        if new_pictures or new_things:
            copied += self._fill_instances(objects)
        if new_things or before is None or before.arrival != objects.arrival:
            self.stamp += 1
        return copied

    def _fill_instances(self, objects: Objects) -> int:
        self._count = len(objects.instances)
        self._commands = self._triangles = 0
        if not self._count:
            return 0
        counts = np.bincount(objects.instances["mesh"], minlength=len(objects.meshes))
        ranges = [self._pool.of(mesh) for mesh in objects.meshes]
        levels = np.array([len(at.faces) for at in ranges])
        self._commands = int(levels.sum())
        bounds = np.zeros(len(ranges), BOUNDS)
        bounds["sphere"] = [mesh.sphere for mesh in objects.meshes]
        bounds["levels"] = levels
        bounds["first_command"] = np.cumsum(levels) - levels
        bounds["room"] = counts
        self._triangles = sum(at.faces[0][1] // 3 * int(n) for at, n in zip(ranges, counts))
        # After the lists one that counts what is hidden, and for each room one that names how many groups of
        # threads the cull has: how many clumps are listed, 1 and 1.
        commands = np.zeros(LISTS * self._commands + 1 + _ROOMS, COMMAND)
        lists = commands[: LISTS * self._commands].reshape(LISTS, -1)
        commands["instances"][-_ROOMS:] = commands["first_index"][-_ROOMS:] = 1
        faces = [face for at in ranges for face in at.faces]
        lists["first_index"], lists["count"] = np.array(faces, np.uint32).T
        lists["base_vertex"] = np.repeat([at.base_vertex for at in ranges], levels)
        # Each command has room for all instances of its mesh.
        room = np.repeat(counts, levels)
        places = int(room.sum())
        ends = np.cumsum(room)
        lists["base_instance"] = ends - room + places * np.maximum(np.arange(LISTS) - 1, 0)[:, None]
        lists["base_instance"][LATE] = ends  # the same room, from its end
        instances = objects.instances
        if objects.pictures:
            instances = instances.copy()
            layers = np.array([self.pictures.layers.get(picture.id, -1) for picture in objects.pictures])
            shown = instances["picture"] >= 0
            instances["picture"][shown] = layers[instances["picture"][shown]]
        instances, clumps = clumped(instances, bounds["sphere"])
        self._clump_count = len(clumps)
        self._clump_bounds = _filled(self._clump_bounds, clumps)
        if len(clumps) <= _FEW:
            commands["count"][-_ROOMS:] = len(clumps)
        listed = np.tile(np.arange(len(clumps), dtype=np.uint32), _ROOMS)
        self._clump_lists = _filled(self._clump_lists, listed)
        self._instances = _filled(self._instances, instances)
        self._bounds = _filled(self._bounds, bounds)
        self._template = _filled(self._template, commands)
        self._indirect = _filled(self._indirect, commands)
        if self._visible.size < PLACED_BYTES * _ROOMS * places:
            self._visible.close()
            self._visible = Buffer(2 * PLACED_BYTES * _ROOMS * places, "visible")
        if self._in_sight.size < 4 * self._count:
            self._in_sight.close()
            self._in_sight = Buffer(8 * self._count, "in sight")
            name, form = self._in_sight.name, GL.GL_RED_INTEGER
            GL.glClearNamedBufferData(name, GL.GL_R32UI, form, GL.GL_UNSIGNED_INT, None)
        return int(objects.instances.nbytes + commands.nbytes)

    # --- drawing ------------------------------------------------------------------------------------------

    @property
    def there(self) -> bool:
        """Whether anything stands."""
        return self._commands > 0

    def reset(self) -> None:
        """Set every command's count back to none; once a frame."""
        if self._commands:
            size = (LISTS * self._commands + 1 + _ROOMS) * COMMAND.itemsize
            GL.glCopyNamedBufferSubData(self._template.name, self._indirect.name, 0, 0, size)

    def cull(
        self,
        ring: Ring,
        which: int,
        planes: Array,
        views: int,
        eye: Array,
        least: float,
        fading: bool,
        *,
        ground: tuple[float, float] = (0.0, 0.0),
        seen_only: bool = False,
        size_px: tuple[int, int] = (0, 0),
    ) -> None:
        """List what pass `which` sees. `planes`: (P, 5, 4), one set a frustum; 0 in `least` keeps the smallest;
        `ground`: between which heights all of it lies.

        `seen_only`: leave out what `LATE` of the frame before has found hidden. `LATE` lists what was left out and
        is not hidden behind the depth of the picture, `size_px` large, whose pyramid is bound (`Occlusion.look`).
        """
        if not self._commands:
            return
        storage = GL.GL_SHADER_STORAGE_BUFFER
        room = max(which - 1, 0)
        head, first = LISTS * self._commands + 1 + room, room * self._clump_count
        asked = self._asked
        asked[: 4 * planes.size].view(np.float32)[:] = planes.reshape(-1)
        _ASKED.pack_into(
            asked.data, _PLANES_BYTES,
            *eye.tolist(), least,
            len(planes), self._count, which * self._commands, views,
            _FINEST / self.detail, first, self._clump_count, head,
            *ground, *size_px,
            LISTS * self._commands, seen_only,
        )  # fmt: skip
        GL.glBindBufferRange(GL.GL_UNIFORM_BUFFER, 2, ring.buffer.name, *ring.put(asked))
        GL.glBindBufferBase(storage, 5, self._indirect.name)
        Pipeline._bound = None
        if which != LATE and self._clump_count > _FEW:  # LATE has the clumps of the picture
            GL.glUseProgram(self._clumps.name)
            GL.glBindBufferBase(storage, 2, self._clump_bounds.name)
            GL.glBindBufferBase(storage, 3, self._clump_lists.name)
            GL.glDispatchCompute((self._clump_count + 63) // 64, 1, 1)
            GL.glMemoryBarrier(_LISTED)
        GL.glUseProgram((self._cull_late if which == LATE else self._cull).of(fading).program.name)
        self._bind_lists()
        GL.glBindBufferBase(storage, 4, self._bounds.name)
        GL.glBindBufferBase(storage, 6, self._in_sight.name)
        GL.glBindBufferBase(storage, 7, self._clump_lists.name)
        GL.glBindBuffer(GL.GL_DISPATCH_INDIRECT_BUFFER, self._indirect.name)
        GL.glDispatchComputeIndirect(head * COMMAND.itemsize)

    def draw(self, which: int, pipelines: Variants, fading: bool, views: int = 1) -> None:
        """Draw what pass `which` listed, in so many views."""
        if not self._commands:
            return
        pipelines.of(fading, views).bind()
        self._bind_lists()
        self.pictures.bind()
        GL.glBindVertexArray(self._pool.vao.name)
        GL.glBindBuffer(GL.GL_DRAW_INDIRECT_BUFFER, self._indirect.name)
        offset = which * self._commands * COMMAND.itemsize
        GL.glMultiDrawElementsIndirect(
            GL.GL_TRIANGLES, GL.GL_UNSIGNED_INT, GL.GLvoidp(offset), self._commands, COMMAND.itemsize
        )

    def count(self, occlusion: Occlusion, views: int) -> None:
        """The lists of the frame are whole: `occlusion` may ask how long they are."""
        if self._commands:
            occlusion.count(self._indirect, self._commands, LISTS * self._commands, self._count, views)

    def _bind_lists(self) -> None:
        GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, 2, self._instances.name)
        GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, 3, self._visible.name)

    def close(self) -> None:
        for buffer in (
            self._instances,
            self._bounds,
            self._visible,
            self._template,
            self._indirect,
            self._in_sight,
            self._clump_bounds,
            self._clump_lists,
        ):
            buffer.close()
        self._stack.close()


def _filled(buffer: Buffer, data: npt.NDArray[np.generic]) -> Buffer:
    """`buffer` holding `data`; a larger one in its place where it must be."""
    if buffer.size < data.nbytes:
        label = buffer.label
        buffer.close()
        buffer = Buffer(2 * data.nbytes, label)
    buffer.write(data)
    return buffer

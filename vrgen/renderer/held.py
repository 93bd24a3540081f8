"""Controllers in the hands: all models seen so far in one pool, one indirect draw."""

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer, VertexArray
from vrgen.gl.pipeline import Pipeline, Program
from vrgen.gl.transfer import Ring
from vrgen.messages import Side
from vrgen.renderer.controllers import VERTEX, ControllerModel, load_controller
from vrgen.renderer.ground import COMMAND
from vrgen.scene_model import HeldModel

HELD = np.dtype([("world_from_grip", np.float32, (4, 4)), ("pressed", np.uint32, 4)])
"""As shaders/held.vert reads it; the matrix by columns."""


class HeldPass:
    """Owner of the controllers' pool and program."""

    def __init__(self, views: int, defines: tuple[str, ...]) -> None:
        self._stack = ExitStack()
        self._views = views
        program = self._stack.enter_context(Program("held.vert", "held.frag", defines=(*defines, "ROUGHNESS 0.5")))
        self._pipeline = Pipeline(program)
        self._vao = self._stack.enter_context(VertexArray("controllers"))
        for location, count, form, offset, normalized in (
            (0, 3, GL.GL_FLOAT, 0, False),
            (1, 3, GL.GL_BYTE, 12, True),
            (2, 3, GL.GL_UNSIGNED_BYTE, 16, True),
            (3, 1, GL.GL_UNSIGNED_BYTE, 19, False),
        ):
            self._vao.attribute(location, count, form, offset, normalized)
        self._models: dict[tuple[str, Side], ControllerModel] = {}
        self._commands: dict[tuple[str, Side], tuple[int, int, int, int]] = {}
        self._buffers: tuple[Buffer, ...] = ()

    def model(self, held: HeldModel) -> ControllerModel:
        """What the hand holds, loaded when it is first seen."""
        key = (held.model, held.side)
        if key not in self._models:
            self._models[key] = load_controller(*key)
            self._fill()
        return self._models[key]

    def _fill(self) -> None:
        """The pool anew, with every model that was seen."""
        for buffer in self._buffers:
            buffer.close()
        models = self._models
        first_face = first_vertex = first_part = 0
        matrices = []
        for key, model in models.items():
            self._commands[key] = (model.faces.size, first_face, first_vertex, first_part)
            first_face += model.faces.size
            first_vertex += len(model.vertices)
            first_part += 1 + len(model.buttons)
            matrices += [np.eye(4, dtype=np.float32)[None], model.pressed_from_rest.transpose(0, 2, 1)]
        vertices = np.concatenate([model.vertices for model in models.values()])
        faces = np.concatenate([model.faces.ravel() for model in models.values()])
        presses = np.ascontiguousarray(np.concatenate(matrices), np.float32)
        self._buffers = (
            Buffer(vertices.nbytes, "controller vertices", vertices),
            Buffer(faces.nbytes, "controller faces", faces),
            Buffer(presses.nbytes, "controller buttons", presses),
        )
        self._vao.sources(self._buffers[0], VERTEX.itemsize, self._buffers[1])

    def draw(self, ring: Ring, held: Sequence[HeldModel], origin: Sequence[float]) -> None:
        """Into the bound framebuffer. `origin`: of drawing, metres, world."""
        records, commands = np.zeros(len(held), HELD), np.zeros(len(held), COMMAND)
        for i, one in enumerate(held):
            model = self.model(one)
            matrix = records["world_from_grip"][i]
            matrix[:] = one.world_from_grip.T
            matrix[3, :3] = one.world_from_grip[:3, 3] - origin
            mask = 0
            for label in one.labels:
                if label.does in one.pressed and label.button in model.buttons:
                    mask |= 2 << model.buttons.index(label.button)
            records["pressed"][i, 0] = mask
        for i, one in enumerate(held):  # where they lie is known when all are loaded
            count, face, vertex, part = self._commands[(one.model, one.side)]
            records["pressed"][i, 1] = part
            commands[i] = (count, self._views, face, vertex, i)
        self._pipeline.bind()
        GL.glBindVertexArray(self._vao.name)
        GL.glBindBufferRange(GL.GL_SHADER_STORAGE_BUFFER, 1, ring.buffer.name, *ring.put(records))
        GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, 3, self._buffers[2].name)
        GL.glBindBuffer(GL.GL_DRAW_INDIRECT_BUFFER, ring.buffer.name)
        offset, _ = ring.put(commands)
        GL.glMultiDrawElementsIndirect(
            GL.GL_TRIANGLES, GL.GL_UNSIGNED_SHORT, GL.GLvoidp(offset), len(commands), COMMAND.itemsize
        )

    def close(self) -> None:
        for buffer in self._buffers:
            buffer.close()
        self._stack.close()

"""What the lenses hide, drawn first, black and nearer than anything, so that nothing is shaded there."""

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np

from vrgen.geometry import Fov, projection
from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer, VertexArray
from vrgen.gl.pipeline import Pipeline, Program, State
from vrgen.messages import Mask, View
from vrgen.renderer.frame_data import NEAR_M


class HiddenPass:
    """Owner of the masks' triangles, of all views in one buffer; made when a view first has a mask."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        program = self._stack.enter_context(Program("hidden.vert", "black.frag"))
        self._pipeline = Pipeline(program, State(depth="always", cull="none"))
        self._vao = self._stack.enter_context(VertexArray("hidden area"))
        self._vao.attribute(0, 3, GL.GL_FLOAT, 0)
        self._vertices: Buffer | None = None
        self._masks: tuple[Mask | None, ...] = ()
        self._fovs: list[Fov] = []
        self._count = 0

    def draw(self, views: Sequence[View]) -> None:
        """Into the bound framebuffer, whose layers are the views."""
        masks = tuple(view.mask for view in views)
        if len(masks) != len(self._masks) or any(now is not then for now, then in zip(masks, self._masks)):
            self._masks = masks
            self._fill(masks)
        if not self._count:
            return
        self._pipeline.bind()
        if (fovs := [view.fov for view in views]) != self._fovs:
            self._fovs = fovs
            lenses = [projection(fov, NEAR_M) for fov in fovs]
            lens = np.array([(m[0, 0], m[0, 2], m[1, 1], m[1, 2]) for m in lenses], np.float32)
            GL.glProgramUniform4fv(self._pipeline.program.name, 0, len(views), lens)
        GL.glBindVertexArray(self._vao.name)
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, self._count)

    def _fill(self, masks: Sequence[Mask | None]) -> None:
        parts = [np.zeros((0, 3), np.float32)]
        for i, mask in enumerate(masks):
            if mask is not None:
                at = np.asarray(mask.triangles, np.float32).reshape(-1, 2)
                parts.append(np.column_stack([at, np.full(len(at), i, np.float32)]))
        vertices = np.concatenate(parts)
        self._count = len(vertices)
        if self._vertices is not None:
            self._vertices.close()
        self._vertices = Buffer(vertices.nbytes, "hidden area", vertices)
        self._vao.sources(self._vertices, 12, None)

    def close(self) -> None:
        if self._vertices is not None:
            self._vertices.close()
        self._stack.close()

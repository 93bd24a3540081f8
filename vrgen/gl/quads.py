"""Flat pictures drawn where they stand in the world, into one view."""

import numpy as np

from vrgen.geometry import inverse_rigid, projection
from vrgen.gl.api import GL
from vrgen.gl.objects import VertexArray
from vrgen.gl.pipeline import Pipeline, Program, State
from vrgen.messages import Quad, View

_NEAR_M = 0.05


class QuadPainter:
    """Owner of the program. Quads are drawn over what is there, without regard to depth, and seen from the front
    only, as a quad layer is (OpenXR 1.1, 10.6.2)."""

    def __init__(self) -> None:
        self._program = Program("quad_world.vert", "panel_quad.frag")
        self._pipeline = Pipeline(self._program, State(depth="off", write_depth=False, cull="back", blend="over"))
        self._array = VertexArray("quad in the world")

    def draw(self, quad: Quad, view: View) -> None:
        """Into the view's framebuffer and rectangle."""
        across, up = quad.width_m / 2, quad.height_m / 2
        clip_from_quad = projection(view.fov, _NEAR_M) @ inverse_rigid(view.world_from_eye) @ quad.world_from_quad
        clip_from_quad = clip_from_quad @ np.diag([across, up, 1.0, 1.0])
        x, y, width, height = quad.rect_px
        left, bottom = x / quad.size_px[0], y / quad.size_px[1]
        GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, view.framebuffer)
        GL.glViewport(*view.rect_px)
        self._pipeline.bind()
        GL.glBindVertexArray(self._array.name)
        GL.glBindTextureUnit(0, quad.texture)
        GL.glUniformMatrix4fv(0, 1, GL.GL_TRUE, np.ascontiguousarray(clip_from_quad, np.float32))
        GL.glUniform4f(4, left, bottom, left + width / quad.size_px[0], bottom + height / quad.size_px[1])
        GL.glDrawArrays(GL.GL_TRIANGLE_STRIP, 0, 4)
        GL.glBindVertexArray(0)

    def close(self) -> None:
        self._array.close()
        self._program.close()

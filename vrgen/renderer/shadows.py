"""Shadows of the sun: three nested square maps around the walker, drawn anew only when something moved.

At most one cascade a frame is drawn (all of them when there is none yet): the cost of shadows does not pile up.
"""

import math
from contextlib import ExitStack

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array
from vrgen.gl.api import GL
from vrgen.gl.objects import Framebuffer, Texture
from vrgen.gl.pipeline import State
from vrgen.renderer.variants import Variants
from vrgen.scene_model import Light

REACH_M = (16.0, 80.0, 420.0)
_DEPTH_M = 900.0
_SLACK = 0.12
"""A cascade is drawn anew when the walker has moved this share of its reach."""
_TURN = 0.0015
"""…or the sun has turned so far, radians."""

_UV_FROM_CLIP = np.array([[0.5, 0, 0, 0.5], [0, 0.5, 0, 0.5], [0, 0, 1, 0], [0, 0, 0, 1.0]])


class Cascade:
    """One map: where it looks, and what it was drawn from."""

    def __init__(self, reach_m: float) -> None:
        self.reach_m = reach_m
        self.clip_from_world: Array = np.eye(4)
        self.uv_by_columns: Array = _UV_FROM_CLIP.T
        self.planes: Array = np.array([[0.0, 0.0, 0.0, 1.0]] * 5)
        """(5, 4): the four sides, and one that everything passes (casters towards the sun are clamped)."""
        self.centre: Array | None = None
        self.direction: Array = np.zeros(3)
        self.stamp = -1

    def stale(self, eye: Array, direction: Array, stamp: int) -> float:
        """How much it needs drawing: 0 not at all."""
        if self.centre is None:
            return math.inf
        away = [abs(now - then) for now, then in zip(eye.tolist(), self.centre.tolist())]
        need = max(
            max(away) / (self.reach_m * _SLACK),
            math.dist(direction.tolist(), self.direction.tolist()) / _TURN,
            float(stamp != self.stamp),
        )
        return need if need >= 1.0 else 0.0

    def look(self, eye: Array, direction: Array, size_px: int, stamp: int) -> None:
        """Centre on the walker, in whole texels, so that edges do not swim."""
        # Number by number, as in frame_data.py.
        bx, by, bz = direction.tolist()
        rx, ry, rz = (-by, bx, 0.0) if abs(by) > 0.9 else (bz, 0.0, -bx)
        length = math.hypot(rx, ry, rz)
        rx, ry, rz = rx / length, ry / length, rz / length
        ux, uy, uz = by * rz - bz * ry, bz * rx - bx * rz, bx * ry - by * rx
        x, y, z = eye.tolist()
        reach, texel = self.reach_m, 2 * self.reach_m / size_px
        across = math.floor((rx * x + ry * y + rz * z) / texel) * texel / reach
        along = math.floor((ux * x + uy * y + uz * z) / texel) * texel / reach
        # reversed depth: 1 towards the sun, 0 away from it
        deep = 2 * _DEPTH_M
        right, up = (rx / reach, ry / reach, rz / reach), (ux / reach, uy / reach, uz / reach)
        toward = (bx / deep, by / deep, bz / deep, 0.5 - (bx * x + by * y + bz * z) / deep)
        self.clip_from_world = m = np.array([(*right, -across), (*up, -along), toward, (0.0, 0.0, 0.0, 1.0)])
        self.uv_by_columns = (_UV_FROM_CLIP @ m).T
        self.planes = np.array(
            [
                [part * reach for part in (*(sign * axis for axis in axes), 1.0 - sign * offset)]
                for axes, offset in ((right, across), (up, along))
                for sign in (1.0, -1.0)
            ]
            + [[0.0, 0.0, 0.0, 1.0]]
        )
        self.centre, self.direction, self.stamp = eye.copy(), direction.copy(), stamp


class ShadowPass:
    """Owner of the shadow maps and the depth-only pipelines."""

    def __init__(self, size_px: int) -> None:
        self._stack = ExitStack()
        own = self._stack.enter_context
        self.size_px = size_px
        self.map = own(
            Texture(
                GL.GL_TEXTURE_2D_ARRAY,
                (size_px, size_px, len(REACH_M)),
                GL.GL_DEPTH_COMPONENT32F,
                "shadow map",
                compare=True,
            )
        )
        self.framebuffers = [
            own(Framebuffer(f"shadow cascade {i}", depth=self.map, layer=i)) for i in range(len(REACH_M))
        ]
        state = State(cull="none", bias=(-1.5, -2.0), clamp_depth=True)
        defines = ("SHADOW",)
        self.ground = own(Variants(("ground.vert", "nothing.frag"), defines, state))
        self.objects = own(Variants(("object.vert", "nothing.frag"), defines, state))
        self.cascades = [Cascade(reach) for reach in REACH_M]

    def due(self, eye: Array, light: Light, stamp: int) -> list[int]:
        """Cascades to draw in this frame, already looking the right way."""
        direction = np.asarray(light.sun_direction, np.float64)
        needs = [cascade.stale(eye, direction, stamp) for cascade in self.cascades]
        chosen = [i for i, need in enumerate(needs) if need == math.inf]
        if not chosen and max(needs) > 0:
            chosen = [needs.index(max(needs))]
        for i in chosen:
            self.cascades[i].look(eye, direction, self.size_px, stamp)
        return chosen

    def begin(self, which: int, fading: bool) -> None:
        """Direct drawing into a cascade, cleared; both pipelines know its matrix."""
        GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, self.framebuffers[which].name)
        GL.glViewport(0, 0, self.size_px, self.size_px)
        self.ground.of(fading).bind()  # its state lets depth be written
        clear = np.zeros(1, np.float32)
        GL.glClearNamedFramebufferfv(self.framebuffers[which].name, GL.GL_DEPTH, 0, clear)
        matrix = np.ascontiguousarray(self.cascades[which].clip_from_world.T, np.float32)
        for pipeline in (self.ground.of(fading), self.objects.of(fading)):
            GL.glProgramUniformMatrix4fv(pipeline.program.name, 0, 1, False, matrix)

    def fill(self, block: npt.NDArray[np.void], on: bool) -> None:
        """Write the shadow members of a FRAME record."""
        block["shadow_from_world"] = [cascade.uv_by_columns for cascade in self.cascades]
        block["shadow_reach"] = (*REACH_M, float(on))

    def close(self) -> None:
        self._stack.close()

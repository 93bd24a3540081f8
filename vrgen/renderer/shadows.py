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
        back = direction
        helper = np.array([0.0, 0.0, 1.0]) if abs(back[1]) > 0.9 else np.array([0.0, 1.0, 0.0])
        right = np.cross(helper, back)
        right /= np.linalg.norm(right)
        up = np.cross(back, right)
        light_from_world = np.stack([right, up, back])
        at = light_from_world @ eye
        texel = 2 * self.reach_m / size_px
        at[:2] = np.floor(at[:2] / texel) * texel
        m = np.eye(4)
        m[0, :3], m[0, 3] = right / self.reach_m, -at[0] / self.reach_m
        m[1, :3], m[1, 3] = up / self.reach_m, -at[1] / self.reach_m
        # reversed depth: 1 towards the sun, 0 away from it
        m[2, :3], m[2, 3] = back / (2 * _DEPTH_M), 0.5 - at[2] / (2 * _DEPTH_M)
        self.clip_from_world, self.uv_by_columns = m, (_UV_FROM_CLIP @ m).T
        self.centre, self.direction, self.stamp = eye.copy(), direction.copy(), stamp

    @property
    def planes(self) -> Array:
        """(5, 4): the four sides, and one that everything passes (casters towards the sun are clamped)."""
        r = self.clip_from_world
        sides = np.stack([r[3] + r[0], r[3] - r[0], r[3] + r[1], r[3] - r[1], [0.0, 0.0, 0.0, 1.0]])
        norms = np.linalg.norm(sides[:, :3], axis=1, keepdims=True)
        norms[4] = 1.0
        return np.asarray(sides / norms)


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

"""Rays, the arc of a teleport and lines to labels: ribbons that face the eye, all in one draw."""

import math
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array
from vrgen.gl.api import GL
from vrgen.gl.pipeline import Pipeline, Program, State
from vrgen.gl.transfer import Ring

POINT = np.dtype(
    [("at", np.float32, 4), ("colour", np.float32, 4), ("along", np.float32, 4), ("style", np.float32, 4)]
)
"""As shaders/ribbon.vert reads it."""
MOST_POINTS = 1024
ARC_POINTS = 200

ACCENT = (0.486, 0.769, 0.91)
AMBER = (0.949, 0.769, 0.427)
INK = (0.933, 0.949, 0.961)

_RAY_POINTS = 12


class RibbonsPass:
    """Owner of the ribbons' program; collects a frame's ribbons, then draws them."""

    def __init__(self, views: int, defines: tuple[str, ...]) -> None:
        self._stack = ExitStack()
        self._views = views
        program = self._stack.enter_context(Program("ribbon.vert", "ribbon.frag", defines=defines))
        self._pipeline = Pipeline(program, State(write_depth=False, cull="none", blend="over"))
        self._points = np.zeros(MOST_POINTS, POINT)
        self._count = 0

    def ray(self, start: Array, end: Array) -> None:
        """From a hand to what it points at: it tapers and fades. Metres from the drawing origin."""
        share = np.linspace(0.0, 1.0, _RAY_POINTS)
        points = self._put(start + (end - start) * share[:, None])
        if points is not None:
            # Much of the way is far from the hand: it fades by metres first, and stays faintly whole.
            far = points["along"][:, 3]
            points["at"][:, 3] = 0.0022 - 0.0014 * share
            points["colour"][:, :3] = ACCENT
            points["colour"][:, 3] = 0.25 + 0.6 * np.exp(-far / 1.2)
            points["colour"][0, 3] = 0.0

    def arc(self, path: Array, lands: bool) -> None:
        """Of a teleport: long dashes on their way, or dots that stand where it leads nowhere."""
        if len(path) > ARC_POINTS:
            path = path[np.linspace(0, len(path) - 1, ARC_POINTS).astype(int)]
        points = self._put(path)
        if points is None:
            return
        away = points["along"][:, 3]
        points["at"][:, 3] = 0.0035 + 0.0085 * np.minimum(1.0, away / 2.5)
        points["colour"][:, :3] = ACCENT if lands else AMBER
        points["colour"][:, 3] = 0.95 * np.minimum(1.0, away / 0.25)
        if not lands:
            points["colour"][:, 3] *= np.linspace(1.0, 0.15, len(points))
        points["style"][:, :3] = (3.6, 0.66, 0.30) if lands else (9.0, 0.34, 0.0)

    def lines(self, corners: Array, seen: float) -> None:
        """Thin ones: (L, 3, 3), each with a bend."""
        count = len(corners)
        if not count or self._count + 3 * count > MOST_POINTS:
            return
        points = self._points[self._count : self._count + 3 * count].reshape(count, 3)
        self._count += 3 * count
        points["at"][..., :3] = corners
        points["at"][..., 3] = 0.00055
        steps = corners[:, 1:] - corners[:, :-1]
        points["along"][:, 0, :3] = steps[:, 0]
        points["along"][:, 1, :3] = steps[:, 0] + steps[:, 1]
        points["along"][:, 2, :3] = steps[:, 1]
        points["colour"][...] = (*INK, 0.75 * seen)
        points["style"][...] = 0.0
        points["style"][:, 2, 3] = 1.0

    def _put(self, path: Array) -> npt.NDArray[np.void] | None:
        """Points along a path, with directions and lengths; None where there is no more room."""
        count = len(path)
        if count < 2 or self._count + count > MOST_POINTS:
            return None
        points = self._points[self._count : self._count + count]
        self._count += count
        steps = path[1:] - path[:-1]
        points["at"][:, :3] = path
        along = points["along"]
        along[0, :3], along[-1, :3] = steps[0], steps[-1]
        along[1:-1, :3] = steps[:-1] + steps[1:]
        along[0, 3] = 0.0
        along[1:, 3] = np.cumsum(np.sqrt(np.einsum("ij,ij->i", steps, steps)))
        points["style"] = 0.0
        points["style"][-1, 3] = 1.0
        return points

    def draw(self, ring: Ring) -> None:
        """What was collected, into the bound framebuffer, and begin anew."""
        count, self._count = self._count, 0
        if count < 2:
            return
        self._pipeline.bind()
        GL.glBindBufferRange(GL.GL_SHADER_STORAGE_BUFFER, 1, ring.buffer.name, *ring.put(self._points[:count]))
        GL.glDrawArraysInstanced(GL.GL_TRIANGLES, 0, 6, (count - 1) * self._views)

    def close(self) -> None:
        self._stack.close()


def from_origin(places: Sequence[float] | Array, origin: Sequence[float]) -> Array:
    """Metres in the world → metres from the drawing origin."""
    return np.asarray(places, np.float64) - origin


def unit(v: Array) -> Array:
    """(3,) of length 1; of no length it stays so."""
    return v / max(math.sqrt(float(v @ v)), 1e-6)

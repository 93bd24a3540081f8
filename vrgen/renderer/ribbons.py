"""Rays, the arc of a teleport and lines to labels: ribbons that face the eye, all in one draw."""

import math
from contextlib import ExitStack

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array, Vec3
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
_SHARE = np.linspace(0.0, 1.0, _RAY_POINTS)


def _ray() -> npt.NDArray[np.float32]:
    """(P, 16): what every ray's points have in common."""
    points = np.zeros(_RAY_POINTS, POINT)
    points["at"][:, 3] = 0.0022 - 0.0014 * _SHARE
    points["colour"][:, :3] = ACCENT
    points["style"][-1, 3] = 1.0
    return points.view(np.float32).reshape(-1, 16)


def _line() -> npt.NDArray[np.float32]:
    """(3, 4, 4): the same of a line."""
    points = np.zeros(3, POINT)
    points["at"][:, 3] = 0.00055
    points["colour"] = (*INK, 0.75)
    points["style"][-1, 3] = 1.0
    return points.view(np.float32).reshape(3, 4, 4)


_RAY, _LINE = _ray(), _line()


class RibbonsPass:
    """Owner of the ribbons' program; collects a frame's ribbons, then draws them."""

    def __init__(self, views: int, defines: tuple[str, ...]) -> None:
        self._stack = ExitStack()
        self._views = views
        program = self._stack.enter_context(Program("ribbon.vert", "ribbon.frag", defines=defines))
        self._pipeline = Pipeline(program, State(write_depth=False, cull="none", blend="over"))
        self._points = np.zeros(MOST_POINTS, POINT)
        self._numbers = self._points.view(np.float32).reshape(MOST_POINTS, 16)
        self._count = 0

    def ray(self, start: Vec3, end: Vec3) -> None:
        """From a hand to what it points at: it tapers and fades. Metres from the drawing origin."""
        if self._count + _RAY_POINTS > MOST_POINTS:
            return
        numbers = self._numbers[self._count : self._count + _RAY_POINTS]
        self._count += _RAY_POINTS
        numbers[:] = _RAY
        way = end[0] - start[0], end[1] - start[1], end[2] - start[2]
        far = _SHARE * math.hypot(*way)
        numbers[:, :3] = _SHARE[:, None] * way
        numbers[:, :3] += start
        # Much of the way is far from the hand: it fades by metres first, and stays faintly whole.
        numbers[1:, 7] = 0.25 + 0.6 * np.exp(far[1:] / -1.2)
        numbers[:, 8:11] = way
        numbers[:, 11] = far

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

    def lines(self, bent: Array) -> None:
        """Thin ones with a bend: (L, 6, 3), each line's three points and how it goes on at each, metres from the
        drawing origin."""
        count = len(bent)
        if not count or self._count + 3 * count > MOST_POINTS:
            return
        numbers = self._numbers[self._count : self._count + 3 * count].reshape(count, 3, 4, 4)
        self._count += 3 * count
        numbers[:] = _LINE
        numbers[:, :, 0, :3] = bent[:, :3]
        numbers[:, :, 2, :3] = bent[:, 3:]

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


def from_origin(place: Vec3, origin: Vec3) -> Vec3:
    """Metres in the world → metres from the drawing origin."""
    return place[0] - origin[0], place[1] - origin[1], place[2] - origin[2]


def unit(v: Vec3) -> Vec3:
    """Of length 1; of no length it stays so."""
    x, y, z = v
    length = max(math.hypot(x, y, z), 1e-6)
    return x / length, y / length, z / length

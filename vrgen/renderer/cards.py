"""Flat things that face the head: labels of buttons, the map of the latent, dots where rays end; one draw."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array, Vec3
from vrgen.gl.api import GL
from vrgen.gl.pipeline import Pipeline, Program, State
from vrgen.gl.transfer import Ring
from vrgen.messages import ButtonLabel
from vrgen.renderer.controllers import ControllerModel
from vrgen.renderer.letters import ROW_EM, Letters
from vrgen.renderer.ribbons import unit
from vrgen.scene_model import HeldModel

CARD = np.dtype([(name, np.float32, 4) for name in ("centre", "right", "up", "drawn")])
"""As shaders/card.vert reads it."""
MOST_CARDS = 64
_LABEL, _MAP, _DOT = 0.0, 1.0, 2.0

MAP_M = 0.16
MAP_RANGE = 3.0
"""Standard deviations from the middle of the map to its rim."""
EM_M = 0.0125
"""Of labels: a small x is 6.6 mm high."""
_ROW_M = 0.0185
_GAP_M = 0.018
"""From the controller to its labels."""
_BEND_M = 0.01
_ALIASES = {"touchpad": "trackpad", "grip": "squeeze", "bumper": "shoulder", "select": "trigger"}
_UPWARDS = np.array([0.0, 0.6, -0.8])
"""In a controller as it is usually held: what lies farther along has its label higher."""


@dataclass(frozen=True, eq=False, slots=True)
class _Layout:
    """What does not change from frame to frame of one hand's labels, top to bottom."""

    mean: Array
    """(3,) metres, from the grip: the middle of what they point at."""
    sums: Array
    """(L * 9, 7): nine vectors a label (its card's centre, right and up; its line's three points and how it goes
    on at each) as sums of seven: the grip's place and axes, where the labels stand, right and up."""
    cards: npt.NDArray[np.float32]
    """(L, 16) what of each `CARD` is always the same."""
    does: tuple[str, ...]


def facing(at: Vec3, head: Vec3, head_right: Vec3) -> tuple[Vec3, Vec3, Vec3]:
    """Unit vectors to the right, up and towards the head, of a card at a place that faces it and leans with it."""
    toward = unit((head[0] - at[0], head[1] - at[1], head[2] - at[2]))
    x, y, z = toward
    a, b, c = head_right
    along = a * x + b * y + c * z
    right = unit((a - along * x, b - along * y, c - along * z))
    a, b, c = right
    return right, (y * c - z * b, z * a - x * c, x * b - y * a), toward


class CardsPass:
    """Owner of the atlas of letters and the cards' program; collects a frame's cards, then draws them."""

    def __init__(self, views: int, defines: tuple[str, ...]) -> None:
        self._stack = ExitStack()
        self._views = views
        program = self._stack.enter_context(Program("card.vert", "card.frag", defines=defines))
        self._pipeline = Pipeline(program, State(cull="none", blend="over"))
        self._letters = Letters()
        self._stack.callback(self._letters.close)
        self._cards = np.zeros(MOST_CARDS, CARD)
        self._numbers = self._cards.view(np.float32).reshape(MOST_CARDS, 16)
        self._count = 0
        self._layouts: dict[tuple[str, str, tuple[ButtonLabel, ...]], _Layout] = {}
        self._stamp = 0

    def begin(self) -> None:
        self._letters.begin()
        if self._letters.stamp != self._stamp:
            self._stamp = self._letters.stamp
            self._layouts.clear()

    def map(self, at: Vec3, dot: tuple[float, float], head: Vec3, head_right: Vec3) -> None:
        """The latent's plane, where it stands on it marked."""
        right, up, _ = facing(at, head, head_right)
        self._put(at, _MAP, MAP_M / 2, right, up, (*dot, MAP_RANGE, 0.0))

    def dot(self, at: Vec3, colour: Vec3, head: Vec3, head_right: Vec3) -> None:
        """Where a ray ends: as large as it looks at arm's length, near and far."""
        right, up, (x, y, z) = facing(at, head, head_right)
        radius = 0.009 * max(math.dist(head, at), 0.3)
        before = at[0] + x * radius, at[1] + y * radius, at[2] + z * radius
        self._put(before, _DOT, radius, right, up, (*colour, 0.0))

    def labels(self, held: HeldModel, model: ControllerModel, grip: Vec3, head: Vec3, head_right: Vec3) -> Array:
        """Beside the controller, on its outer side; returns the lines to them, (L, 6, 3) as `RibbonsPass.lines`
        takes them.

        `grip`: where the hand is, metres from the drawing origin.
        """
        layout = self._layout(held, model)
        count = len(layout.cards)
        if not count or self._count + count > MOST_CARDS:
            return np.zeros((0, 6, 3))
        outward = 1.0 if held.side == "right" else -1.0
        axes = np.array(facing(grip, head, head_right))
        in_grip = axes @ held.world_from_grip[:3, :3]
        aside = outward * (float((model.outline @ (in_grip[0] * outward)).max()) + _GAP_M)
        middle = float(layout.mean @ in_grip[1])
        basis = np.empty((7, 3))
        basis[0] = grip
        basis[1:4] = held.world_from_grip[:3, :3].T
        basis[4] = grip + (aside, middle, 0.02) @ axes
        basis[5:] = axes[:2]
        vectors = (layout.sums @ basis).reshape(count, 9, 3)
        cards = self._numbers[self._count : self._count + count]
        self._count += count
        cards[:] = layout.cards
        cards.reshape(count, 4, 4)[:, :3, :3] = vectors[:, :3]
        if held.pressed:
            cards[:, 11] = [name in held.pressed for name in layout.does]
        return vectors[:, 3:]

    def _layout(self, held: HeldModel, model: ControllerModel) -> _Layout:
        """Widths and order; labels whose text is not written yet come with a later frame."""
        key = (held.model, held.side, held.labels)
        found = self._layouts.get(key)
        if found is not None:
            return found
        rows = []
        whole = True
        for label in held.labels:
            button = label.button if label.button in model.buttons else _ALIASES.get(label.button, label.button)
            written = self._letters.line(label.text) if button in model.buttons else None
            whole = whole and (written is not None or button not in model.buttons)
            if written is not None:
                anchor = model.anchors[model.buttons.index(button)]
                rows.append((float(_UPWARDS @ anchor), anchor, written, label.does))
        rows.sort(key=lambda row: -row[0])
        cards = np.zeros(len(rows), CARD)
        cards["centre"][:, 3], cards["right"][:, 3] = _LABEL, 1.0
        cards["drawn"] = np.array([rect for _, _, (rect, _), _ in rows]).reshape(-1, 4)
        anchors = np.array([anchor for _, anchor, _, _ in rows], np.float64).reshape(-1, 3)
        made = _Layout(
            anchors.sum(axis=0) / max(len(rows), 1),
            _sums(anchors, [ems * EM_M / 2 for _, _, (_, ems), _ in rows], 1.0 if held.side == "right" else -1.0),
            cards.view(np.float32).reshape(-1, 16),
            tuple(does for _, _, _, does in rows),
        )
        if whole:
            self._layouts[key] = made
        return made

    def _put(self, at: Vec3, kind: float, half_m: float, right: Vec3, up: Vec3, drawn: Sequence[float]) -> None:
        """A square card."""
        if self._count < MOST_CARDS:
            right = right[0] * half_m, right[1] * half_m, right[2] * half_m
            up = up[0] * half_m, up[1] * half_m, up[2] * half_m
            self._numbers[self._count] = (*at, kind, *right, 1.0, *up, 0.0, *drawn)
            self._count += 1

    def draw(self, ring: Ring) -> None:
        """What was collected, into the bound framebuffer, and begin anew."""
        count, self._count = self._count, 0
        if not count:
            return
        self._letters.bind(18)
        self._pipeline.bind()
        GL.glBindBufferRange(GL.GL_SHADER_STORAGE_BUFFER, 1, ring.buffer.name, *ring.put(self._cards[:count]))
        GL.glDrawArraysInstanced(GL.GL_TRIANGLES, 0, 6, count * self._views)

    def close(self) -> None:
        self._stack.close()


def _sums(anchors: Array, halves_m: Sequence[float], outward: float) -> Array:
    """`_Layout.sums` of labels, top to bottom: what they point at, (L, 3) from the grip, and half their widths."""
    count = len(halves_m)
    grip, right, up = 0, 5, 6
    sums = np.zeros((count, 9, 7))
    centre, across, along, near, bend, far = (sums[:, which] for which in range(6))
    near[:, grip], near[:, 1:4] = 1.0, anchors
    far[:, 4], far[:, up] = 1.0, _ROW_M * ((count - 1) / 2 - np.arange(count))
    centre[:], bend[:] = far, far
    centre[:, right], across[:, right] = np.multiply(halves_m, outward), halves_m
    along[:, up] = ROW_EM * EM_M / 2
    bend[:, right] -= outward * _BEND_M
    sums[:, 6], sums[:, 7], sums[:, 8] = bend - near, far - near, far - bend
    return sums.reshape(-1, 7)

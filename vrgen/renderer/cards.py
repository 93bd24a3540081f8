"""Flat things that face the head: labels of buttons, the map of the latent, dots where rays end; one draw."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from vrgen.geometry import Array
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

    anchors: Array
    """(L, 3) metres, from the grip."""
    rights: Array
    """(L,) half the width of each card, metres."""
    rects: Array
    """(L, 4) in the atlas."""
    does: tuple[str, ...]


def facing(at: Array, head: Array, head_right: Array) -> tuple[Array, Array, Array]:
    """Unit vectors to the right, up and towards the head, of a card at a place that faces it and leans with it."""
    toward = unit(head - at)
    right = unit(head_right - (head_right @ toward) * toward)
    x, y, z = toward
    a, b, c = right
    return right, np.array([y * c - z * b, z * a - x * c, x * b - y * a]), toward


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
        self._count = 0
        self._layouts: dict[tuple[str, str, tuple[ButtonLabel, ...]], _Layout] = {}
        self._stamp = 0

    def begin(self) -> None:
        self._letters.begin()
        if self._letters.stamp != self._stamp:
            self._stamp = self._letters.stamp
            self._layouts.clear()

    def map(self, at: Array, dot: tuple[float, float], head: Array, head_right: Array) -> None:
        """The latent's plane, where it stands on it marked."""
        right, up, _ = facing(at, head, head_right)
        self._put(at, _MAP, right * (MAP_M / 2), up * (MAP_M / 2), (*dot, MAP_RANGE, 0.0))

    def dot(self, at: Array, colour: tuple[float, float, float], head: Array, head_right: Array) -> None:
        """Where a ray ends: as large as it looks at arm's length, near and far."""
        right, up, toward = facing(at, head, head_right)
        radius = 0.009 * max(math.dist(head, at), 0.3)
        self._put(at + toward * radius, _DOT, right * radius, up * radius, (*colour, 0.0))

    def labels(
        self, held: HeldModel, model: ControllerModel, grip: Array, head: Array, head_right: Array
    ) -> Array:
        """Beside the controller, on its outer side; returns the lines to them, (L, 3, 3) metres, drawing origin.

        `grip`: where the hand is, metres from the drawing origin.
        """
        layout = self._layout(held, model)
        count = len(layout.anchors)
        if not count or self._count + count > MOST_CARDS:
            return np.zeros((0, 3, 3))
        outward = 1.0 if held.side == "right" else -1.0
        right, up, toward = facing(grip, head, head_right)
        anchors = layout.anchors @ held.world_from_grip[:3, :3].T
        heights = anchors @ up
        reach = float((model.outline @ (held.world_from_grip[:3, :3].T @ right) * outward).max())
        middle = float(heights.mean())
        rows = middle + _ROW_M * ((count - 1) / 2 - np.arange(count))
        column = outward * (reach + _GAP_M)
        edge = grip + right * column + toward * 0.02 + rows[:, None] * up
        cards = self._cards[self._count : self._count + count]
        self._count += count
        cards["centre"][:, :3] = edge + right * (outward * layout.rights[:, None])
        cards["centre"][:, 3] = _LABEL
        cards["right"][:, :3] = right * layout.rights[:, None]
        cards["right"][:, 3] = 1.0
        cards["up"][:, :3] = up * (ROW_EM * EM_M / 2)
        cards["up"][:, 3] = [name in held.pressed for name in layout.does]
        cards["drawn"] = layout.rects
        lines = np.empty((count, 3, 3))
        lines[:, 0] = anchors + grip
        lines[:, 1] = edge - right * (outward * _BEND_M)
        lines[:, 2] = edge
        return lines

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
        rights = np.array([ems * EM_M / 2 for _, _, (_, ems), _ in rows])
        rects = np.array([rect for _, _, (rect, _), _ in rows]).reshape(-1, 4)
        made = _Layout(
            np.array([anchor for _, anchor, _, _ in rows], np.float64).reshape(-1, 3),
            rights,
            rects,
            tuple(does for _, _, _, does in rows),
        )
        if whole:
            self._layouts[key] = made
        return made

    def _put(self, at: Array, kind: float, right: Array, up: Array, drawn: Sequence[float]) -> None:
        if self._count < MOST_CARDS:
            card = self._cards[self._count]
            self._count += 1
            card["centre"][:3], card["centre"][3] = at, kind
            card["right"][:3], card["right"][3] = right, 1.0
            card["up"][:3], card["up"][3] = up, 0.0
            card["drawn"] = drawn

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

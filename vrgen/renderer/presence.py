"""What belongs to the person: controllers and hands, rays, the arc of a teleport, the map, what dims their sight.

Drawn after the world in the same pass for both eyes; at most seven draws, whatever there is to show.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

import numpy as np

from vrgen.geometry import Vec3
from vrgen.gl.api import GL
from vrgen.gl.objects import VertexArray
from vrgen.gl.pipeline import Pipeline, Program, State
from vrgen.gl.transfer import Ring
from vrgen.messages import View
from vrgen.renderer.cards import CardsPass
from vrgen.renderer.hands import HandsPass
from vrgen.renderer.held import HeldPass
from vrgen.renderer.ribbons import ACCENT, RibbonsPass, from_origin, unit
from vrgen.scene_model import NOBODY, Presence

LANDING_M = 0.42
"""Radius of the ring where a teleport leads."""
_LANDING_VERTICES = 64 * 6 * 6

WIDE_RAD, NARROW_RAD = np.radians(62.0), np.radians(25.0)
"""Where the vignette begins, at its weakest and at its strongest."""
_SOFT_RAD = np.radians(20.0)


class PresencePass:
    """Owner of everything that shows the person's own things."""

    def __init__(self, views: int) -> None:
        self._stack = ExitStack()
        self._views = views
        own = self._stack.enter_context
        # They are small on the screen: the finer light costs little, also where it is counted in software.
        defines = (f"VIEWS {views}", "DETAIL 1")
        lit = (*defines, "FADING 0")
        self._held = HeldPass(views, lit)
        self._stack.callback(self._held.close)
        self._hands = HandsPass(views, lit)
        self._stack.callback(self._hands.close)
        self._ribbons = RibbonsPass(views, defines)
        self._stack.callback(self._ribbons.close)
        self._cards = CardsPass(views, defines)
        self._stack.callback(self._cards.close)
        glass = State(write_depth=False, cull="none", blend="over")
        self._landing = Pipeline(own(Program("landing.vert", "landing.frag", defines=defines)), glass)
        everything = State(depth="off", write_depth=False, cull="none", blend="over")
        self._veil = Pipeline(own(Program("veil.vert", "veil.frag", defines=defines)), everything)
        self._empty = own(VertexArray("no vertices"))

    def draw(self, ring: Ring, presence: Presence, views: Sequence[View], origin: Vec3) -> None:
        """Into the bound framebuffer, over the finished world. `origin`: of drawing, metres, world."""
        if presence is NOBODY:
            return
        head, right, ahead = _head(views, origin)
        if presence.held:
            self._held.draw(ring, presence.held, origin)
        if presence.joints:
            self._hands.draw(ring, presence.joints, origin)
        self._collect(presence, head, right, origin)
        GL.glBindVertexArray(self._empty.name)
        if presence.landing is not None:
            self._disc(presence.landing, LANDING_M, origin)
        if (mark := presence.mark) is not None:
            self._disc(mark.foot_world, mark.radius_m, origin)
        self._ribbons.draw(ring)
        self._cards.draw(ring)
        if presence.vignette > 0.0 or presence.fade > 0.0:
            self._dim(presence, ahead)

    def _disc(self, at: Vec3, radius_m: float, origin: Vec3) -> None:
        """A disc of light that lies on the ground."""
        self._landing.bind()
        x, y, z = from_origin(at, origin)
        GL.glProgramUniform4f(self._landing.program.name, 0, x, y, z, radius_m)
        GL.glDrawArraysInstanced(GL.GL_TRIANGLES, 0, _LANDING_VERTICES, self._views)

    def _collect(self, presence: Presence, head: Vec3, right: Vec3, origin: Vec3) -> None:
        """Ribbons and cards of this frame."""
        ribbons, cards = self._ribbons, self._cards
        cards.begin()
        if presence.arc is not None:
            ribbons.arc(presence.arc - origin, presence.landing is not None)
        for start, end in presence.rays:
            there = from_origin(end, origin)
            ribbons.ray(from_origin(start, origin), there)
            cards.dot(there, ACCENT, head, right)
        if presence.mark is not None:
            cards.dot(from_origin(presence.mark.at_world, origin), ACCENT, head, right)
        if presence.map_at is not None:
            cards.map(from_origin(presence.map_at, origin), presence.map_dot, head, right)
        for held in presence.held:
            if held.labelled and held.labels:
                x, y, z = held.world_from_grip[:3, 3].tolist()
                grip = from_origin((x, y, z), origin)
                ribbons.lines(cards.labels(held, self._held.model(held), grip, head, right))

    def _dim(self, presence: Presence, ahead: Vec3) -> None:
        program = self._veil.program.name
        strength = min(max(presence.vignette, 0.0), 1.0)
        begins = WIDE_RAD + (NARROW_RAD - WIDE_RAD) * strength
        self._veil.bind()
        GL.glProgramUniform4f(program, 0, *ahead, min(max(presence.fade, 0.0), 1.0))
        GL.glProgramUniform2f(program, 1, begins, begins + _SOFT_RAD)
        GL.glProgramUniform1f(program, 2, min(1.0, strength * 3.0))
        GL.glDrawArraysInstanced(GL.GL_TRIANGLES, 0, 3, self._views)

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _head(views: Sequence[View], origin: Vec3) -> tuple[Vec3, Vec3, Vec3]:
    """Place (metres from the drawing origin), right and forward of the head that has these eyes."""
    mean = (views[0].world_from_eye + views[-1].world_from_eye) / 2
    (a, _, c, x), (d, _, f, y), (g, _, i, z), _ = mean.tolist()
    return from_origin((x, y, z), origin), unit((a, d, g)), unit((-c, -f, -i))

"""The panel: what was asked, what is being made and what failed, over the world at all times.

Dear ImGui lays it out into a texture of its own, when something on it changed and at most `REDRAW_HZ` times a
second (at once while the person uses it). Over a flat view it is one quad at the top left; in a headset it
stands in the world, as a quad layer where the display has them, and hands point at it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self

from imgui_bundle import imgui

from vrgen.feedback import dressing, graph, layout
from vrgen.feedback.hanging import Hanging, Height, hung
from vrgen.feedback.imgui_gl import OVER, ImguiRenderer
from vrgen.feedback.pace import Pace
from vrgen.feedback.panel_state import PanelState, PanelWants
from vrgen.feedback.reaching import NOTHING, reached
from vrgen.geometry import Vec3
from vrgen.gl.api import GL
from vrgen.gl.objects import Framebuffer, Texture, VertexArray
from vrgen.gl.pipeline import Pipeline, Program
from vrgen.gl.quads import QuadPainter
from vrgen.messages import Action, Controls, InputValue, Person, Quad, Side, View

REDRAW_HZ = 15.0
TOAST_S = 3.0
RATE_EVERY_S = 0.5
GRAPH_EVERY_S = 1.0

NEWS_S = 8.0
"""How long the compact panel shows a note that has come."""
INFO_S = 12.0
"""How long a sentence is shown that is no alarm."""
SURE_S = 3.0
"""How long a first press of quit counts."""

_TALLEST = 1.5
"""Height over width that a headset's panel may have."""
_CALLS = 2
"""Frames for which it comes when called, or is turned when folded: only in the second its height is known."""
_TREMBLE_PX = 1.0
"""A ray that moves by less stays where it was: hands are never still, and every move is a layout."""

_KEYS = {
    "backspace": imgui.Key.backspace,
    "delete": imgui.Key.delete,
    "enter": imgui.Key.enter,
    "escape": imgui.Key.escape,
    "tab": imgui.Key.tab,
    "left": imgui.Key.left_arrow,
    "right": imgui.Key.right_arrow,
    "home": imgui.Key.home,
    "end": imgui.Key.end,
    "left ctrl": imgui.Key.mod_ctrl,
    "right ctrl": imgui.Key.mod_ctrl,
}


class Panel:
    """Owner of the ImGui context, the texture and the quad. A context manager; needs a current GL context."""

    def __init__(self) -> None:
        self.compact = False
        """One line instead of the whole panel; what is asked, made or failed shows in both."""
        self._toast = ("", -math.inf)
        self._shown: tuple[object, object] | None = None
        self._rate = (0.0, 0, -math.inf)
        self._pace: Pace | None = None
        self._paced_s = -math.inf
        self._laid_out_s = self._compared_s = -math.inf
        self._scale = 0.0
        self._views_px: tuple[tuple[int, int, int, int], ...] = ((0, 0, 1280, 720),)
        self._size_px = self._used_px = (0, 0)
        self._pointer: tuple[float, float] | None = None
        self._down: frozenset[str] = frozenset()
        self._over = self._dragging = False
        self._hanging: Hanging | None = None
        self._for_hands = self._explains = False
        self._calls = self._folds = 0
        self._reach = NOTHING
        self._notes: tuple[str, ...] = ()
        self._news: tuple[tuple[str, float], ...] = ()
        self._info: dict[str, float] = {}
        self._quits_until_s = -math.inf
        self._stamp = 0

    def __enter__(self) -> Self:
        self._context = imgui.create_context()
        imgui.set_current_context(self._context)
        io = imgui.get_io()
        io.set_ini_filename("")
        io.set_log_filename("")
        dressing.load_font()
        self._renderer = ImguiRenderer()
        self._program = Program("panel_quad.vert", "panel_quad.frag")
        self._pipeline = Pipeline(self._program, OVER)
        self._array = VertexArray("panel quad")
        self._painter: QuadPainter | None = None
        self._texture: Texture | None = None
        self._framebuffer: Framebuffer | None = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        imgui.set_current_context(self._context)
        self._drop_texture()
        if self._painter is not None:
            self._painter.close()
        self._array.close()
        self._program.close()
        self._renderer.close()
        imgui.destroy_context(self._context)

    def say(self, text: str, time_s: float) -> None:
        """Show a line for a few seconds: "liked", "saved shot.png"."""
        self._toast = (text, time_s)

    def toggle(self) -> None:
        """The whole panel, or a few lines. In a headset, where it is out of sight, it comes to where the person
        looks instead."""
        if self._hanging is None or self._hanging.in_sight:
            self.compact = not self.compact
            self._compared_s = -math.inf
            self._folds = _CALLS
        else:
            self._calls = _CALLS

    # --- in the world ---------------------------------------------------------------------------------------

    def hang(self, person: Person, controls: Controls, height: Height) -> None:
        """Stand in the world of a person in a headset, or over the picture of one who is not. `height`: of the
        ground."""
        tracked = controls.tracked
        if tracked is None:
            self._hanging, self._reach = None, NOTHING
        elif tracked.valid or self._hanging is not None:
            shape = self._used_px[1] / self._used_px[0] if self._used_px[1] else 0.5
            if self._hanging is None:
                self._calls = _CALLS
            called = self._calls > 0 and tracked.valid
            self._calls -= called
            folded = self._folds > 0
            self._folds -= folded
            self._hanging = hung(self._hanging, person, tracked, shape, controls.time_s, height, called, folded)
            self._reach = reached(self._reach, self._hanging, controls)

    @property
    def pointed(self) -> Mapping[Side, Vec3]:
        """Where each hand's ray meets the panel, metres, world; also off it while the hand drags something."""
        hanging, reach = self._hanging, self._reach
        if hanging is None:
            return {}
        return {
            side: hanging.place(at)
            for side, at in hanging.at.items()
            if hanging.has(at) or (reach.holds and side == reach.side)
        }

    @property
    def quad(self) -> Quad | None:
        """The panel as it stands in the world; None over a flat picture, and before it was laid out."""
        hanging = self._hanging
        if hanging is None or self._texture is None or not self._used_px[1]:
            return None
        width, height = self._used_px
        part = (0, self._size_px[1] - height, width, height)
        return Quad(
            self._texture.name, self._size_px, part, hanging.world_from_panel, hanging.width_m, self._stamp
        )

    def _reached(self, controls: Controls) -> tuple[Controls, tuple[float, float] | None]:
        """The hand that points at the panel as a pointer, and its trigger as the button."""
        reach, left = self._reach, "mouse.left"
        pointer = None
        if reach.at is not None:
            pointer = (reach.at[0] * self._size_px[0], reach.at[1] * self._size_px[0])
            if self._pointer is not None and math.dist(pointer, self._pointer) < _TREMBLE_PX:
                pointer = self._pointer
        if not reach.holds and not reach.pressed and left not in controls.held and left not in controls.pressed:
            return controls, pointer
        return replace(
            controls,
            held=(controls.held - {left}) | ({left} if reach.holds else frozenset()),
            pressed=tuple(name for name in controls.pressed if name != left) + ((left,) if reach.pressed else ()),
        ), pointer

    def update(self, controls: Controls, tell: Callable[[], PanelState], scale: float = 1.0) -> PanelWants:
        """Feed the controls, and lay the panel out again if that is due. `tell`: what it shows, asked for only
        when that may have changed. `scale`: `Display.scale`."""
        imgui.set_current_context(self._context)
        self._fit(scale)
        if self._hanging is not None:
            used = self._feed(*self._reached(controls))
        else:
            used = self._feed(controls, self._on_panel(controls.pointer_px))
        now_s = controls.time_s
        settings: dict[str, InputValue] = {}
        actions: tuple[Action, ...] = ()
        if used or now_s - self._compared_s >= 1 / REDRAW_HZ or now_s < self._compared_s:
            self._compared_s = now_s
            state = tell()
            form = self._form(state, now_s)
            shown = self._key(state, form, now_s)
            changed = shown != self._shown
            otherwise = self._shown is None or shown[0] != self._shown[0]
        else:
            changed = otherwise = False
        if used or changed:
            imgui.get_io().delta_time = min(max(now_s - self._laid_out_s, 1e-3), 1.0)
            self._shown, self._laid_out_s = shown, now_s
            state = replace(state, rate_hz=self._rate[0], missed=self._rate[1])
            # ImGui learns the size of new content by laying it out; the second time it is right.
            for _ in range(2 if otherwise else 1):
                imgui.new_frame()
                made = layout.lay_out(state, form)
                imgui.render()
                settings |= made.settings
                actions += made.actions
                self._explains ^= made.asked_how
                if made.asked_to_quit:
                    self._quits_until_s = now_s + SURE_S
            self._used_px = (self._size_px[0], min(math.ceil(made.height_px), self._size_px[1]))
            self._paint()
            self._dragging = imgui.is_any_item_active()
        captured = set(self._reach.captured)
        if self._hanging is None and (self._over or self._dragging):
            captured.add("pointer")
        captured |= {"keyboard"} if imgui.get_io().want_text_input else set()
        return PanelWants(settings, actions, frozenset(captured))

    def draw(self, views: tuple[View, ...]) -> None:
        """One quad: over each view at its top left, or where it stands in the world."""
        if (quad := self.quad) is not None:
            self._painter = self._painter or QuadPainter()
            for view in views:
                self._painter.draw(quad, view)
            return
        self._views_px = tuple(view.rect_px for view in views)
        if self._texture is None or not views:
            return
        width, height = self._used_px
        self._pipeline.bind()
        GL.glBindVertexArray(self._array.name)
        self._texture.bind(0)
        GL.glUniform4f(1, 0.0, 1 - height / self._size_px[1], width / self._size_px[0], 1.0)
        margin = dressing.margin_px(self._scale)
        for view in views:
            x, y, across, up = view.rect_px
            GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, view.framebuffer)
            GL.glViewport(x, y, across, up)
            left, top = 2 * margin / across - 1, 1 - 2 * margin / up
            GL.glUniform4f(0, left, top - 2 * height / up, left + 2 * width / across, top)
            GL.glDrawArrays(GL.GL_TRIANGLE_STRIP, 0, 4)
        GL.glBindVertexArray(0)

    # --- when -----------------------------------------------------------------------------------------------

    def _form(self, state: PanelState, now_s: float) -> layout.Form:
        """How it looks now."""
        notes, info = state.notes, state.info
        if state.pace is not None and not now_s - self._paced_s < GRAPH_EVERY_S:
            self._pace, self._paced_s = state.pace(), now_s
        if notes != self._notes:
            self._news += tuple((note, now_s) for note in notes if note not in self._notes)
            self._notes = notes
        self._news = tuple((note, since_s) for note, since_s in self._news if now_s - since_s < NEWS_S)
        return layout.Form(
            scale=self._scale,
            compact=self.compact,
            for_hands=self._hanging is not None,
            explains=self._explains,
            toast=self._toast_at(now_s),
            news=tuple(note for note, _ in self._news if note in notes),
            info=tuple(text for text in info if now_s - self._info.setdefault(text, now_s) < INFO_S),
            pace=None if self.compact else self._pace,
            sure=now_s < self._quits_until_s,
        )

    def _key(self, state: PanelState, form: layout.Form, now_s: float) -> tuple[object, object]:
        """What decides what stands on the panel, and the numbers in it; equal keys mean that nothing needs to be
        laid out."""
        if now_s - self._rate[2] >= RATE_EVERY_S:
            self._rate = (round(state.rate_hz), state.missed, now_s)
        makers = tuple(
            (g.name, g.phase, g.waiting > 0, g.busy_s > 0, g.usual_s > 0, g.errors[-1:]) for g in state.generators
        )
        numbers = tuple((g.waiting, round(g.busy_s, 1), round(g.usual_s, 2)) for g in state.generators)
        choice = (state.choice.world, state.choice.revision, state.choice.seed)
        words = (state.title, state.asked, state.notes, state.paused, state.help)
        stands = (
            makers,
            words,
            choice,
            replace(form, pace=None),
            self._size_px,
            state.knobs,
            state.at != (0.0, 0.0),
        )
        drawn = None if form.pace is None else graph.stands(form.pace)
        return (stands, drawn), (numbers, self._rate[:2], state.at, form.pace)

    def _toast_at(self, now_s: float) -> str:
        text, since_s = self._toast
        return text if now_s - since_s < TOAST_S else ""

    # --- input ----------------------------------------------------------------------------------------------

    def _feed(self, controls: Controls, pointer: tuple[float, float] | None) -> bool:
        """Tell ImGui what the devices did, the pointer being at that pixel of the panel; returns whether the panel
        is being used."""
        io = imgui.get_io()
        over = pointer is not None and all(0 <= p < u for p, u in zip(pointer, self._used_px))
        moved = pointer != self._pointer
        near = over or self._over or self._dragging
        if moved:
            io.add_mouse_pos_event(*(pointer or (-1e30, -1e30)))
        if controls.pressed or controls.held != self._down:
            self._feed_buttons(controls, near)
        if over and controls.scroll:
            io.add_mouse_wheel_event(0.0, controls.scroll)
        if controls.typed and io.want_text_input:
            io.add_input_characters_utf8(controls.typed)
        used = io.want_text_input or (near and (moved or bool(controls.pressed) or controls.held != self._down))
        self._pointer, self._over, self._down = pointer, over, controls.held
        return used

    def _feed_buttons(self, controls: Controls, near: bool) -> None:
        io = imgui.get_io()
        gone = {name for name in (*self._down, *controls.pressed) if name not in controls.held}
        for button, name in enumerate(("mouse.left", "mouse.right")):
            if name in controls.pressed and near:
                io.add_mouse_button_event(button, True)
            if name in gone:
                io.add_mouse_button_event(button, False)
        for name, key in _KEYS.items():
            if name in controls.pressed:
                io.add_key_event(key, True)
            if name in gone:
                io.add_key_event(key, False)

    def _on_panel(self, pointer_px: tuple[float, float] | None) -> tuple[float, float] | None:
        """A place in the framebuffer as one on the panel, whichever view it lies in."""
        if pointer_px is None:
            return None
        margin = dressing.margin_px(self._scale)
        for x, _, across, _ in self._views_px:
            if x <= pointer_px[0] < x + across:
                return pointer_px[0] - x - margin, pointer_px[1] - margin
        return None

    # --- texture --------------------------------------------------------------------------------------------

    def _fit(self, scale: float) -> None:
        """Make the texture as high as a view can show, or as a headset's panel may get; it is used as far as the
        panel reaches."""
        for_hands = self._hanging is not None
        if for_hands:
            size_px = (dressing.width_px(scale, for_hands), round(dressing.WIDTH_FOR_HANDS * _TALLEST * scale))
        else:
            across, up = self._views_px[0][2:]
            scale = dressing.fitting_scale(scale, (across, up))
            size_px = (dressing.width_px(scale), max(up - 2 * dressing.margin_px(scale), 64))
        if size_px == self._size_px and for_hands == self._for_hands:
            return
        self._drop_texture()
        self._size_px, self._scale, self._for_hands = size_px, scale, for_hands
        self._used_px, self._pointer = (size_px[0], 0), None
        self._texture = Texture(GL.GL_TEXTURE_2D, size_px, GL.GL_RGBA8, "panel")
        self._framebuffer = Framebuffer("panel", self._texture)
        self._compared_s, self._shown = -math.inf, None
        imgui.get_io().display_size = imgui.ImVec2(*size_px)
        dressing.dress(scale, for_hands)

    def _paint(self) -> None:
        assert self._framebuffer is not None
        GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, self._framebuffer.name)
        GL.glViewport(0, 0, *self._size_px)
        GL.glClearNamedFramebufferfv(self._framebuffer.name, GL.GL_COLOR, 0, (GL.GLfloat * 4)(0, 0, 0, 0))
        self._renderer.draw(imgui.get_draw_data(), self._size_px)
        self._stamp += 1

    def _drop_texture(self) -> None:
        if self._texture is not None and self._framebuffer is not None:
            self._framebuffer.close()
            self._texture.close()
        self._texture = self._framebuffer = None

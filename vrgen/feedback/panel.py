"""The panel: what was asked, what is being made and what failed, over the world at all times.

Dear ImGui lays it out into a texture of its own, when something on it changed and at most `REDRAW_HZ` times a
second (at once while the person uses it). Over a flat view it is one quad at the top left; in a headset it
stands in the world, as a quad layer where the display has them, and hands point at it.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self

from imgui_bundle import imgui

from vrgen.feedback import layout
from vrgen.feedback.hanging import WIDTH_M, Hanging, hung
from vrgen.feedback.imgui_gl import OVER, ImguiRenderer
from vrgen.feedback.panel_state import PanelState, PanelWants
from vrgen.geometry import Vec3
from vrgen.gl.api import GL
from vrgen.gl.objects import Framebuffer, Texture, VertexArray
from vrgen.gl.pipeline import Pipeline, Program
from vrgen.gl.quads import QuadPainter
from vrgen.messages import Action, Controls, InputValue, Person, Quad, Side, View

REDRAW_HZ = 15.0
TOAST_S = 3.0
RATE_EVERY_S = 0.5

_IN_WORLD = (((0, 0, 1280, 1280),), 1.6)
"""What a headset's panel is laid out for: a picture of that size, and the scale of its letters."""

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
        self._shown: object = None
        self._rate = (0.0, 0, -math.inf)
        self._laid_out_s = -math.inf
        self._scale = 0.0
        self._views_px: tuple[tuple[int, int, int, int], ...] = ((0, 0, 1280, 720),)
        self._size_px = self._used_px = (0, 0)
        self._pointer: tuple[float, float] | None = None
        self._down: frozenset[str] = frozenset()
        self._over = self._dragging = False
        self._hanging: Hanging | None = None
        self._called = False
        self._stamp = 0

    def __enter__(self) -> Self:
        self._context = imgui.create_context()
        imgui.set_current_context(self._context)
        io = imgui.get_io()
        io.set_ini_filename("")
        io.set_log_filename("")
        layout.load_font()
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
        """The whole panel, or one line; in a headset it comes to where the person looks."""
        self.compact = not self.compact
        self._called = True

    # --- in the world ---------------------------------------------------------------------------------------

    def hang(self, person: Person, controls: Controls) -> None:
        """Stand in the world of a person in a headset, or over the picture of one who is not."""
        if controls.tracked is None:
            self._hanging = None
        elif controls.tracked.valid:
            shape = max(self._used_px[1], 1) / max(self._used_px[0], 1)
            self._hanging = hung(self._hanging, person, controls.tracked, shape, self._called)
            self._called = False

    @property
    def pointed(self) -> Mapping[Side, Vec3]:
        """Where each hand's ray meets the panel, metres, world."""
        return self._hanging.pointed if self._hanging is not None else {}

    @property
    def quad(self) -> Quad | None:
        """The panel as it stands in the world; None over a flat picture, and before it was laid out."""
        if self._hanging is None or self._texture is None or not self._used_px[1]:
            return None
        width, height = self._used_px
        part = (0, self._size_px[1] - height, width, height)
        return Quad(self._texture.name, self._size_px, part, self._hanging.world_from_panel, WIDTH_M, self._stamp)

    def _reached(self, controls: Controls) -> Controls:
        """A hand that points at the panel as a pointer, and its trigger as the button."""
        if self._hanging is None:
            return controls
        at = self._hanging.at
        using = [side for side in at if f"{side}.pick" in controls.held] or list(at)
        if not using:
            return replace(controls, pointer_px=None)
        side = using[-1]
        u, v = at[side]
        margin, wide = layout.margin_px(self._scale), self._used_px[0]
        pick, left = f"{side}.pick", "mouse.left"
        return replace(
            controls,
            pointer_px=(u * wide + margin, v * wide + margin),
            held=controls.held | ({left} if pick in controls.held else frozenset()),
            pressed=(*controls.pressed, left) if pick in controls.pressed else controls.pressed,
        )

    def update(self, controls: Controls, state: PanelState, scale: float = 1.0) -> PanelWants:
        """Feed the controls, and lay the panel out again if that is due. `scale`: `Display.scale`."""
        imgui.set_current_context(self._context)
        if self._hanging is not None:
            self._views_px, scale = _IN_WORLD
        self._fit(scale)
        controls = self._reached(controls)
        used = self._feed(controls)
        now_s = controls.time_s
        state_shown = self._key(state, now_s)
        changed = state_shown != self._shown
        settings: dict[str, InputValue] = {}
        actions: tuple[Action, ...] = ()
        if used or (changed and now_s - self._laid_out_s >= 1 / REDRAW_HZ):
            imgui.get_io().delta_time = min(max(now_s - self._laid_out_s, 1e-3), 1.0)
            self._shown, self._laid_out_s = state_shown, now_s
            # ImGui learns the size of new content by laying it out; the second time it is right.
            for _ in range(2 if changed else 1):
                imgui.new_frame()
                shown = replace(state, rate_hz=self._rate[0], missed=self._rate[1])
                made = layout.lay_out(shown, self._toast_at(now_s), self.compact, self._scale)
                imgui.render()
                settings |= made.settings
                actions += made.actions
            self._used_px = (self._size_px[0], min(math.ceil(made.height_px), self._size_px[1]))
            self._paint()
            self._dragging = imgui.is_any_item_active()
        captured = {"pointer"} if self._over or self._dragging else set()
        captured |= {f"{side}.pick" for side in self.pointed}
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
        margin = layout.margin_px(self._scale)
        for view in views:
            x, y, across, up = view.rect_px
            GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, view.framebuffer)
            GL.glViewport(x, y, across, up)
            left, top = 2 * margin / across - 1, 1 - 2 * margin / up
            GL.glUniform4f(0, left, top - 2 * height / up, left + 2 * width / across, top)
            GL.glDrawArrays(GL.GL_TRIANGLE_STRIP, 0, 4)
        GL.glBindVertexArray(0)

    # --- when -----------------------------------------------------------------------------------------------

    def _key(self, state: PanelState, now_s: float) -> object:
        """What decides how the panel looks; equal keys mean that nothing needs to be laid out."""
        if now_s - self._rate[2] >= RATE_EVERY_S:
            self._rate = (round(state.rate_hz), state.missed, now_s)
        made = tuple(
            (g.name, g.phase, g.waiting, round(g.busy_s, 1), round(g.usual_s, 2), g.errors[-1:])
            for g in state.generators
        )
        choice = (state.choice.world, state.choice.revision, state.choice.seed)
        words = (state.title, state.asked, state.prompt, state.notes, state.paused, state.help)
        here = (self._rate[:2], self._toast_at(now_s), self.compact, self._size_px, self._scale)
        return (made, choice, words, here, state.knobs, state.at)

    def _toast_at(self, now_s: float) -> str:
        text, since_s = self._toast
        return text if now_s - since_s < TOAST_S else ""

    # --- input ----------------------------------------------------------------------------------------------

    def _feed(self, controls: Controls) -> bool:
        """Tell ImGui what the devices did; returns whether the panel is being used."""
        io = imgui.get_io()
        pointer = self._on_panel(controls.pointer_px)
        over = pointer is not None and all(0 <= p < u for p, u in zip(pointer, self._used_px))
        moved = pointer != self._pointer
        near = over or self._over or self._dragging
        if moved:
            io.add_mouse_pos_event(*(pointer or (-1e30, -1e30)))
        for button, name in enumerate(("mouse.left", "mouse.right")):
            if name in controls.pressed and near:
                io.add_mouse_button_event(button, True)
            if name not in controls.held and (name in self._down or name in controls.pressed):
                io.add_mouse_button_event(button, False)
        if over and controls.scroll:
            io.add_mouse_wheel_event(0.0, controls.scroll)
        for name, key in _KEYS.items():
            if name in controls.pressed:
                io.add_key_event(key, True)
            if name not in controls.held and (name in self._down or name in controls.pressed):
                io.add_key_event(key, False)
        if controls.typed and io.want_text_input:
            io.add_input_characters_utf8(controls.typed)
        used = io.want_text_input or (near and (moved or bool(controls.pressed) or controls.held != self._down))
        self._pointer, self._over, self._down = pointer, over, controls.held
        return used

    def _on_panel(self, pointer_px: tuple[float, float] | None) -> tuple[float, float] | None:
        """A place in the framebuffer as one on the panel, whichever view it lies in."""
        if pointer_px is None:
            return None
        margin = layout.margin_px(self._scale)
        for x, _, across, _ in self._views_px:
            if x <= pointer_px[0] < x + across:
                return pointer_px[0] - x - margin, pointer_px[1] - margin
        return None

    # --- texture --------------------------------------------------------------------------------------------

    def _fit(self, scale: float) -> None:
        """Make the texture as high as a view can show; it is used as far as the panel reaches."""
        across, up = self._views_px[0][2:]
        scale = layout.fitting_scale(scale, (across, up))
        margin = layout.margin_px(scale)
        size_px = (layout.width_px(scale), max(up - 2 * margin, 64))
        if size_px == self._size_px:
            return
        self._drop_texture()
        self._size_px, self._scale = size_px, scale
        self._texture = Texture(GL.GL_TEXTURE_2D, size_px, GL.GL_RGBA8, "panel")
        self._framebuffer = Framebuffer("panel", self._texture)
        self._laid_out_s = -math.inf
        imgui.get_io().display_size = imgui.ImVec2(*size_px)
        layout.dress(scale)

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

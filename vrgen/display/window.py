"""The desktop window: keyboard, mouse and gamepad in, the picture out. GLFW.

A click captures the pointer for looking; Escape gives it back, then leaves full screen, and only then reaches the
program. The picture is drawn into a framebuffer of our own and copied to the window's, because what a window's own
buffer holds after a swap, or under another window, is undefined (OpenGL 4.5 core, 14.1).
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vrgen.clock import Clock
from vrgen.display import glfw_context
from vrgen.display.eyes import eye_views
from vrgen.display.interface import Display, Frame
from vrgen.display.pace import Pace
from vrgen.display.target import Reading, Target
from vrgen.messages import Action, Controls, Person, Pulse, Quad, View

TITLE = "vrgen"
_UNSEEN_HZ = 20.0
_PADS_EVERY_S = 0.5
"""How often it is looked which gamepads there are."""
_FREE_SWAPS = 5
"""So many swaps in a row that come too soon mean that swapping does not wait for the monitor (Xvfb, a driver set
to no vsync); from then on the frames are paced by a timer."""


class _Gathered:
    """What callbacks have said since the last frame."""

    def __init__(self) -> None:
        self.pressed: list[str] = []
        self.typed = ""
        self.moved = [0.0, 0.0]
        self.scroll = 0.0
        self.dropped: list[Path] = []


class WindowDisplay(Display):
    """A world in a window."""

    kind = "window"

    def __init__(
        self,
        size: tuple[int, int] = (1280, 720),
        *,
        stereo: bool = False,
        clock: Clock | None = None,
        debug: bool = False,
    ) -> None:
        """`size`: width and height in screen units, which are pixels except on high-density screens."""
        super().__init__(clock)
        self._asked_size = size
        self._stereo = stereo
        self.view_count = 1 + stereo
        self._debug = debug
        self._target: Target | None = None
        self._down: dict[str, str] = {}
        """Held: what was pressed (a key's place, a button) → the name it was given."""
        self._gathered = _Gathered()
        self._pointer: tuple[float, float] | None = None
        self._looking = False
        self._windowed: tuple[int, int, int, int] | None = None
        """Place and size to come back to from full screen."""
        self._seen = self._changed = True
        self._units = (1, 1)
        """The window's size in units of pointer coordinates."""
        self._pads: tuple[int, ...] = ()
        self._pads_until_s = 0.0
        self._free_swaps = 0
        self._pace: Pace | None = None
        self._swapped_s = 0.0

    # --- hooks ----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        glfw = self._glfw = glfw_context.start()
        self._window = glfw_context.make_window(glfw, self._asked_size, TITLE, visible=True, debug=self._debug)
        try:
            glfw_context.bind_platform_of(glfw, self._window)
            from vrgen.gl import api

            api.require()
            self._current_context = _context_getter()
            self._context = self._current_context()
            self.gl = api.describe()
            glfw.swap_interval(1)
            self._listen()
            self._dress()
            self._find_rate()
            self._fit()
        except BaseException:
            glfw.destroy_window(self._window)
            raise

    def _close(self) -> None:
        if self._target is not None:
            self._target.close()
        # GLFW stays started: another window may live in this process (a headset's mirror, a test).
        self._glfw.destroy_window(self._window)

    def _begin_frame(self) -> Frame:
        glfw = self._glfw
        if not self._seen:
            glfw.wait_events_timeout(1 / _UNSEEN_HZ)
        elif self._pace is not None:
            self._pace.wait()
        return Frame(self, self._read(), should_render=self._seen)

    def _locate_views(self, person: Person) -> tuple[View, ...]:
        assert self._target is not None
        return eye_views(person, self._target.name, self._target.size_px, self._stereo)

    def _end_frame(self, drawn: bool) -> None:
        if drawn and self._target is not None:
            self._present()
            self._watch_swap()

    def _begin_reading(self) -> Reading:
        assert self._target is not None
        return self._target.read()

    def _apply(self, action: Action) -> None:
        if action is Action.FULL_SCREEN:
            self._leave_full_screen() if self._windowed else self._enter_full_screen()

    def _pulse(self, pulse: Pulse) -> None:
        """There is no hand to feel it."""

    def _show_quad(self, quad: Quad) -> bool:
        return False

    # --- for a headset, whose mirror the window is -----------------------------------------------------------

    def _read(self) -> Controls:
        """What the devices say, without waiting for the window's turn."""
        self._glfw.poll_events()
        self._fit()
        return self._controls()

    def _picture(self) -> tuple[int, tuple[int, int]] | None:
        """Framebuffer and size of what `_present` shows; None while the window is minimised."""
        return (self._target.name, self.size_px) if self._target is not None and self._seen else None

    def _present(self) -> None:
        """Bring the picture to the window."""
        from vrgen.gl.api import GL

        assert self._target is not None
        width, height = self.size_px
        GL.glBlitNamedFramebuffer(
            self._target.name, 0, 0, 0, width, height, 0, 0, width, height, GL.GL_COLOR_BUFFER_BIT, GL.GL_NEAREST
        )
        begun_s = time.perf_counter()
        self._glfw.swap_buffers(self._window)
        self.held_s = time.perf_counter() - begun_s

    def _hold_back(self, on: bool) -> None:
        """Whether presenting waits for the monitor; a mirror must not, or the headset would wait with it."""
        self._glfw.swap_interval(int(on))
        self._find_rate()

    def _make_current(self) -> None:
        """Make the window's context current again, where a runtime has left another one (SteamVR does)."""
        # GLFW's own answer is what it made current itself.
        if self._current_context() != self._context:
            self._glfw.make_context_current(self._window)

    # --- the window -----------------------------------------------------------------------------------------

    def _dress(self) -> None:
        glfw = self._glfw
        glfw.set_window_size_limits(self._window, 160, 120, glfw.DONT_CARE, glfw.DONT_CARE)
        if sys.platform != "darwin" and not self._on_wayland():
            picture = glfw_context.icon()
            glfw.set_window_icon(self._window, 1, [(64, 64, picture.tolist())])

    def _on_wayland(self) -> bool:
        return bool(self._glfw.get_platform() == self._glfw.PLATFORM_WAYLAND)

    def _fit(self) -> None:
        """Follow the framebuffer's size; a minimised window has none and is not drawn."""
        if not self._changed:  # each question is a round trip to the X server
            return
        self._changed = False
        glfw = self._glfw
        size = glfw.get_framebuffer_size(self._window)
        self._units = glfw.get_window_size(self._window)
        self._seen = min(size) > 0 and not glfw.get_window_attrib(self._window, glfw.ICONIFIED)
        if not self._seen or size == self.size_px:
            return
        if self._target is not None:
            self._target.close()
        self._target = Target(size)
        self.size_px = size
        self.scale = max(glfw.get_window_content_scale(self._window)[0], 0.5)

    def _monitor(self) -> Any:
        """The monitor that most of the window is on, or None where there is none."""
        glfw = self._glfw
        if self._on_wayland():
            return glfw.get_primary_monitor()
        left, top = glfw.get_window_pos(self._window)
        width, height = glfw.get_window_size(self._window)

        def shared(monitor: Any) -> int:
            x, y = glfw.get_monitor_pos(monitor)
            size = glfw.get_video_mode(monitor).size
            across = min(left + width, x + size.width) - max(left, x)
            along = min(top + height, y + size.height) - max(top, y)
            return int(max(across, 0) * max(along, 0))

        return max(glfw.get_monitors(), key=shared, default=None)

    def _enter_full_screen(self) -> None:
        glfw, monitor = self._glfw, self._monitor()
        if monitor is None:
            return
        place = (100, 100) if self._on_wayland() else glfw.get_window_pos(self._window)
        self._windowed = (*place, *glfw.get_window_size(self._window))
        mode = glfw.get_video_mode(monitor)
        glfw.set_window_monitor(self._window, monitor, 0, 0, mode.size.width, mode.size.height, mode.refresh_rate)
        self._find_rate()

    def _leave_full_screen(self) -> None:
        if self._windowed is not None:
            self._glfw.set_window_monitor(self._window, None, *self._windowed, self._glfw.DONT_CARE)
            self._windowed = None
            self._find_rate()

    # --- pace -----------------------------------------------------------------------------------------------

    def _find_rate(self) -> None:
        monitor = self._monitor()
        rate = self._glfw.get_video_mode(monitor).refresh_rate if monitor is not None else 0
        self.refresh_hz = float(rate) if rate > 0 else 60.0
        self._free_swaps, self._pace = 0, None

    def _watch_swap(self) -> None:
        """Notice a swap that does not wait for the monitor."""
        now_s = time.perf_counter()
        too_soon = now_s - self._swapped_s < 0.6 / self.refresh_hz
        self._swapped_s = now_s
        self._free_swaps = self._free_swaps + 1 if too_soon else 0
        if self._pace is None and self._free_swaps >= _FREE_SWAPS:
            self._pace = Pace(self.refresh_hz)

    # --- controls -------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        glfw, window = self._glfw, self._window
        glfw.set_key_callback(window, self._on_key)
        glfw.set_char_callback(window, self._on_char)
        glfw.set_mouse_button_callback(window, self._on_button)
        glfw.set_cursor_pos_callback(window, self._on_move)
        glfw.set_cursor_enter_callback(window, self._on_enter)
        glfw.set_scroll_callback(window, self._on_scroll)
        glfw.set_drop_callback(window, self._on_drop)
        glfw.set_window_focus_callback(window, self._on_focus)
        glfw.set_framebuffer_size_callback(window, self._on_change)
        glfw.set_window_size_callback(window, self._on_change)
        glfw.set_window_iconify_callback(window, self._on_change)
        if glfw.raw_mouse_motion_supported():
            glfw.set_input_mode(window, glfw.RAW_MOUSE_MOTION, True)

    def _controls(self) -> Controls:
        said, self._gathered = self._gathered, _Gathered()
        pad_held, axes = self._gamepads()
        pressed = [*said.pressed, *sorted(pad_held - set(self._down.values()))]
        self._down = {k: v for k, v in self._down.items() if not v.startswith("pad.")} | {n: n for n in pad_held}
        held = frozenset(self._down.values())
        ratio = self._pixels_per_unit()
        moved = (said.moved[0] * ratio[0], said.moved[1] * ratio[1])
        shift = not held.isdisjoint({"left shift", "right shift"})
        dragging = "mouse.middle" in held or (shift and "mouse.left" in held)
        pointer = None
        if not self._looking and self._pointer is not None:
            pointer = (self._pointer[0] * ratio[0], self._pointer[1] * ratio[1])
        time_s, dt_s = self._tick()
        return Controls(
            time_s=time_s,
            dt_s=dt_s,
            held=held,
            pressed=tuple(pressed),
            typed=said.typed,
            pointer_px=pointer,
            look_px=moved if self._looking and not dragging else (0.0, 0.0),
            drag_px=moved if dragging else (0.0, 0.0),
            scroll=said.scroll,
            axes=axes,
            dropped=tuple(said.dropped),
            closing=bool(self._glfw.window_should_close(self._window)),
        )

    def _pixels_per_unit(self) -> tuple[float, float]:
        """Framebuffer pixels per unit of pointer coordinates; 2 on some high-density screens."""
        width, height = self._units
        return self.size_px[0] / max(width, 1), self.size_px[1] / max(height, 1)

    def _gamepads(self) -> tuple[set[str], dict[str, float]]:
        """Buttons and axes of all gamepads together, raw; of an axis the strongest."""
        now_s = time.perf_counter()
        if not self._pads and now_s < self._pads_until_s:
            return set(), {}
        from vrgen.display.keys import PAD_BUTTONS, PAD_STICKS, PAD_TRIGGERS

        glfw = self._glfw
        held: set[str] = set()
        axes: dict[str, float] = {}
        if now_s >= self._pads_until_s:
            self._pads_until_s = now_s + _PADS_EVERY_S
            every = range(glfw.JOYSTICK_1, glfw.JOYSTICK_LAST + 1)
            self._pads = tuple(joystick for joystick in every if glfw.joystick_is_gamepad(joystick))
        for joystick in self._pads:
            state = glfw.get_gamepad_state(joystick)
            if not state:
                continue
            held |= {name for name, down in zip(PAD_BUTTONS, state.buttons, strict=False) if down}
            values = [*state.axes[:4], *((value + 1) / 2 for value in state.axes[4:6])]
            for name, value in zip((*PAD_STICKS, *PAD_TRIGGERS), values, strict=False):
                if abs(value) >= abs(axes.get(name, 0.0)):
                    axes[name] = float(value)
        return held, axes

    def _look(self, on: bool) -> None:
        """Capture the pointer, or give it back where it was."""
        glfw = self._glfw
        if on != self._looking:
            self._looking = on
            glfw.set_input_mode(self._window, glfw.CURSOR, glfw.CURSOR_DISABLED if on else glfw.CURSOR_NORMAL)
            self._pointer = glfw.get_cursor_pos(self._window)

    # --- callbacks ------------------------------------------------------------------------------------------

    def _on_change(self, window: Any, *_: int) -> None:
        self._changed = True

    def _on_key(self, window: Any, key: int, scancode: int, action: int, mods: int) -> None:
        from vrgen.display.keys import key_name

        glfw = self._glfw
        place = f"key {scancode}"
        if action == glfw.RELEASE:
            self._down.pop(place, None)
            return
        if action != glfw.PRESS:
            return
        if key == glfw.KEY_ESCAPE and (self._looking or self._windowed):
            self._look(False) if self._looking else self._leave_full_screen()
            return
        name = key_name(key, scancode, mods)
        if name is not None:
            self._down[place] = name
            self._gathered.pressed.append(name)

    def _on_char(self, window: Any, codepoint: int) -> None:
        self._gathered.typed += chr(codepoint)

    def _on_button(self, window: Any, button: int, action: int, mods: int) -> None:
        from vrgen.display.keys import MOUSE

        glfw = self._glfw
        name = MOUSE.get(button)
        if name is None:
            return
        if action == glfw.RELEASE:
            self._down.pop(name, None)
            return
        self._down[name] = name
        self._gathered.pressed.append(name)
        if name == "mouse.left" and not mods & glfw.MOD_SHIFT and "pointer" not in self.captured:
            self._look(True)

    def _on_move(self, window: Any, x: float, y: float) -> None:
        if self._pointer is not None:
            self._gathered.moved[0] += x - self._pointer[0]
            self._gathered.moved[1] += y - self._pointer[1]
        self._pointer = (x, y)

    def _on_enter(self, window: Any, entered: int) -> None:
        if not entered and not self._looking:
            self._pointer = None

    def _on_scroll(self, window: Any, across: float, up: float) -> None:
        self._gathered.scroll += up

    def _on_drop(self, window: Any, paths: list[str]) -> None:
        self._gathered.dropped += [Path(path) for path in paths]

    def _on_focus(self, window: Any, focused: int) -> None:
        if not focused:  # GLFW itself releases the keys that are held
            self._look(False)


def _context_getter() -> Callable[[], int | None]:
    """What tells the context that the driver has current on this thread; of the API that PyOpenGL is bound to."""
    from OpenGL import platform

    getter: Callable[[], int | None] = platform.PLATFORM.GetCurrentContext
    return getter

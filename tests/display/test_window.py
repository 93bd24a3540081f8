"""The window, on a real X server with real key and mouse events."""

import ctypes
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from vrgen.display.window import WindowDisplay
from vrgen.messages import Action, Controls, Person

pytestmark = pytest.mark.window
Xdo = Callable[..., str]


class Driven:
    """A window, and what its controls said."""

    def __init__(self, display: WindowDisplay, xdo: Xdo) -> None:
        self.display, self.xdo = display, xdo
        self.frames = display.frames()
        self.turn()
        self.id = xdo("search", "--name", "^vrgen$").split()[-1]
        xdo("mousemove", "--window", self.id, 200, 100)
        xdo("windowfocus", self.id)
        self.turn()

    def turn(self, colour: float = 0.5) -> Controls:
        """A few frames; their controls as one."""
        from vrgen.gl.api import GL

        said = Controls()
        for _ in range(4):
            with next(self.frames) as frame:
                for view in frame.views(Person()):
                    GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, view.framebuffer)
                    GL.glClearColor(colour, 0.2, 0.4, 1.0)
                    GL.glClear(GL.GL_COLOR_BUFFER_BIT)
                now = frame.controls
            said = replace(
                now,
                pressed=said.pressed + now.pressed,
                typed=said.typed + now.typed,
                look_px=(said.look_px[0] + now.look_px[0], said.look_px[1] + now.look_px[1]),
                drag_px=(said.drag_px[0] + now.drag_px[0], said.drag_px[1] + now.drag_px[1]),
                scroll=said.scroll + now.scroll,
            )
        return said


@pytest.fixture
def driven(x_server: str, xdo: Xdo) -> Iterator[Driven]:
    with WindowDisplay((640, 400)) as display:
        yield Driven(display, xdo)


def test_keys_are_held_pressed_and_released(driven: Driven) -> None:
    driven.xdo("keydown", "w")
    driven.xdo("keydown", "Shift_L")
    said = driven.turn()
    assert {"w", "left shift"} <= said.held
    assert said.pressed == ("w", "left shift")
    assert said.typed.startswith("w")
    assert driven.turn().pressed == ()  # a repeat is no press
    driven.xdo("keyup", "w")
    assert driven.turn().held == {"left shift"}
    driven.xdo("keyup", "Shift_L")
    driven.xdo("key", "Tab")
    driven.xdo("key", "F12")
    assert driven.turn().pressed == ("tab", "f12")


def test_a_click_looks_and_escape_frees_the_pointer_before_it_reaches_the_program(driven: Driven) -> None:
    xdo = driven.xdo
    assert driven.turn().pointer_px == (200, 100)
    xdo("click", 1)
    assert driven.turn().pressed == ("mouse.left",)
    xdo("mousemove_relative", "--", 40, -15)
    said = driven.turn()
    assert said.look_px == (40, -15)
    assert said.pointer_px is None
    xdo("key", "Escape")
    said = driven.turn()
    assert said.pressed == ()
    assert said.pointer_px is not None
    xdo("key", "Escape")
    assert driven.turn().pressed == ("escape",)


def test_a_click_on_the_panel_does_not_look(driven: Driven) -> None:
    driven.display.captured = frozenset({"pointer"})
    driven.xdo("click", 1)
    said = driven.turn()
    assert said.pressed == ("mouse.left",)
    assert said.pointer_px == (200, 100)


def test_scroll_and_drag(driven: Driven) -> None:
    xdo = driven.xdo
    xdo("click", 4)
    xdo("click", 4)
    xdo("click", 5)
    assert driven.turn().scroll == 1
    xdo("mousedown", 2)
    driven.turn()
    xdo("mousemove_relative", "--", 30, 20)
    said = driven.turn()
    assert said.drag_px == (30, 20)
    assert said.look_px == (0, 0)
    xdo("mouseup", 2)
    xdo("keydown", "Shift_L")
    xdo("mousedown", 1)
    driven.turn()
    xdo("mousemove_relative", "--", -10, 5)
    assert driven.turn().drag_px == (-10, 5)
    xdo("mouseup", 1)
    xdo("keyup", "Shift_L")


def test_lost_focus_releases_what_is_held(driven: Driven) -> None:
    driven.xdo("keydown", "w")
    assert "w" in driven.turn().held
    driven.xdo("mousemove", 1500, 900)
    root = driven.xdo("search", "--maxdepth", 0, "").split()
    driven.xdo("windowfocus", root[0] if root else driven.xdo("getactivewindow"))
    assert driven.turn().held == frozenset()
    driven.xdo("keyup", "w")


def test_resize_and_full_screen_and_back(driven: Driven) -> None:
    driven.xdo("windowsize", driven.id, 500, 300)
    driven.turn()
    assert driven.display.size_px == (500, 300)
    driven.display.apply(Action.FULL_SCREEN)
    driven.turn()
    assert driven.display.size_px == (1600, 1000)
    assert driven.display.read_pixels().shape == (1000, 1600, 3)
    driven.xdo("key", "Escape")
    said = driven.turn()
    assert said.pressed == ()
    assert driven.display.size_px == (500, 300)


def test_a_minimised_window_is_not_drawn(driven: Driven, x_server: str) -> None:
    for state, drawn in ((3, False), (1, True)):
        say_wm_state(x_server, int(driven.id), state)
        for _ in range(4):
            with next(driven.frames) as frame:
                last = frame.should_render
        assert last is drawn


def say_wm_state(server: str, window: int, state: int) -> None:
    """Play the window manager: 3 says that the window is now an icon, 1 that it is not (ICCCM 4.1.3.1)."""
    with x_display(server) as (x, display):
        atom = x.XInternAtom(display, b"WM_STATE", False)
        x.XChangeProperty(display, ctypes.c_ulong(window), atom, atom, 32, 0, (ctypes.c_long * 2)(state, 0), 2)


@contextmanager
def x_display(server: str) -> Iterator[tuple[ctypes.CDLL, ctypes.c_void_p]]:
    x = ctypes.CDLL("libX11.so.6")
    x.XOpenDisplay.restype = ctypes.c_void_p
    display = ctypes.c_void_p(x.XOpenDisplay(server.encode()))
    yield x, display
    x.XSync(display, False)
    x.XCloseDisplay(display)


def test_a_dense_screen_gets_more_pixels(x_server: str) -> None:
    """Desktops tell of one by the resource Xft.dpi; 96 is an ordinary one."""
    program = (
        "from vrgen.display.window import WindowDisplay\n"
        "with WindowDisplay((400, 300)) as display:\n    print(display.scale, display.size_px)"
    )
    text = b"Xft.dpi:\t192\n"
    with x_display(x_server) as (x, display):
        root, resources, string = ctypes.c_ulong(x.XDefaultRootWindow(display)), 23, 31  # predefined atoms
        x.XChangeProperty(display, root, resources, string, 8, 0, text, len(text))
        x.XSync(display, False)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        x.XDeleteProperty(display, root, resources)
    assert done.stdout.strip() == "2.0 (800, 600)"


def test_what_is_drawn_is_on_the_screen_and_in_read_pixels(driven: Driven, x_server: str) -> None:
    driven.turn(colour=0.8)
    assert (driven.display.read_pixels() == (204, 51, 102)).all()
    dump = subprocess.run(
        ["import", "-display", x_server, "-window", driven.id, "-depth", "8", "rgb:-"],
        capture_output=True,
        check=False,
    )
    if dump.returncode:
        pytest.skip("no ImageMagick here to look at the screen; apt install imagemagick")
    screen = np.frombuffer(dump.stdout, np.uint8).reshape(400, 640, 3)
    assert (screen == (204, 51, 102)).all()


def test_closing_ends_the_frames(driven: Driven) -> None:
    driven.display._glfw.set_window_should_close(driven.display._window, True)
    last = None
    for open_frame in driven.frames:
        with open_frame as frame:
            last = frame
    assert last is not None
    assert last.controls.closing


def test_auto_takes_the_window_or_says_why_not(x_server: str) -> None:
    program = (
        "from vrgen.display import open_display; from vrgen.config import RunOptions\n"
        "display, refused = open_display(RunOptions(size=(64, 64)))\n"
        "with display:\n"
        "    from vrgen.display import platform\n"
        "    print(display.kind, platform.bound(), *refused, sep='|')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    kind, bound, *refused = done.stdout.strip().split("|")
    assert (kind, bound) == ("window", "glx")
    assert [line.split(":")[0] for line in refused] == ["openxr"]


def test_old_opengl_is_one_sentence(x_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "from vrgen.display.window import WindowDisplay; from vrgen.errors import GraphicsError\n"
        "try:\n    WindowDisplay((64, 64)).__enter__()\n"
        "except GraphicsError as error:\n    print(error)\n"
    )
    monkeypatch.setenv("MESA_GL_VERSION_OVERRIDE", "3.3")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    if not done.stdout:
        pytest.skip("this OpenGL driver can't play an older one")
    assert "needs 4.5" in done.stdout
    assert "3." in done.stdout


_CONTEXT_TAKEN = """
import ctypes
from vrgen.display.window import WindowDisplay

with WindowDisplay((160, 120)) as display:
    from OpenGL import GLX

    shown = ctypes.cast(GLX.glXGetCurrentContext(), ctypes.c_void_p).value
    GLX.glXMakeCurrent(GLX.glXGetCurrentDisplay(), 0, None)
    display._make_current()
    assert shown
    assert ctypes.cast(GLX.glXGetCurrentContext(), ctypes.c_void_p).value == shown
"""


def test_a_context_that_somebody_else_made_current_is_noticed(x_server: str) -> None:
    """As runtimes of headsets do, with GLX itself and past GLFW; in a process whose PyOpenGL is bound to GLX."""
    done = subprocess.run([sys.executable, "-c", _CONTEXT_TAKEN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

"""GLFW started, and OpenGL 4.5 core windows made with it; its errors become sentences.

OpenGL is not imported here: whether a window can be had is known before PyOpenGL is bound to a platform.
"""

import contextlib
import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from vrgen.display import platform
from vrgen.errors import DisplayError, GraphicsError, VrgenError

NEEDED = (4, 5)


def has_screen() -> bool:
    """Whether the environment names a window system; whether it answers shows when a window is opened."""
    return not sys.platform.startswith("linux") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def start() -> Any:
    """GLFW, initialised; returns the module.

    Raises:
        DisplayError: there is no window system, or GLFW is missing.
    """
    # Before the import, which picks the library by it: with an X server at hand the X11 build. It is the one whose
    # windows have a place on the screen and a GLX context, which OpenXR runtimes need.
    x11 = sys.platform.startswith("linux") and bool(os.environ.get("DISPLAY"))
    wayland = sys.platform.startswith("linux") and bool(os.environ.get("WAYLAND_DISPLAY"))
    if sys.platform.startswith("linux") and not (x11 or wayland):
        raise DisplayError(
            "there is no screen (neither DISPLAY nor WAYLAND_DISPLAY is set); start it from a desktop session, or "
            "use --display headless"
        )
    if x11 or wayland:
        os.environ.setdefault("PYGLFW_LIBRARY_VARIANT", "x11" if x11 else "wayland")
        _name_library(os.environ["PYGLFW_LIBRARY_VARIANT"])
    try:
        import glfw
    except ImportError as error:
        raise DisplayError(f"GLFW can't be loaded ({error}); run pip install glfw") from error
    glfw.ERROR_REPORTING = "ignore"  # read with get_error where it matters
    if x11:
        glfw.init_hint(glfw.PLATFORM, glfw.PLATFORM_X11)
    if not glfw.init():
        raise DisplayError(f"no window can be opened ({_said(glfw)}); use --display headless")
    return glfw


def _name_library(variant: str) -> None:
    """Tell `import glfw` of the library that its wheel brings, if it does and no other is named: to look for one
    takes it a Python process for each that it finds."""
    package = find_spec("glfw")
    if package is not None and package.origin is not None:
        library = Path(package.origin).parent / variant / "libglfw.so"
        with contextlib.suppress(OSError):  # one that can't be loaded is left to the search
            ctypes.CDLL(str(library))
            os.environ.setdefault("PYGLFW_LIBRARY", str(library))


def make_window(glfw: Any, size: tuple[int, int], title: str, *, visible: bool, debug: bool) -> Any:
    """A window with a current OpenGL 4.5 core context. `size` in screen units.

    Raises:
        GraphicsError: the driver's OpenGL is older. DisplayError: the window system refused.
    """
    glfw.default_window_hints()
    glfw.window_hint(glfw.VISIBLE, visible)
    glfw.window_hint(glfw.SCALE_TO_MONITOR, True)
    glfw.window_hint(glfw.DEPTH_BITS, 0)
    glfw.window_hint(glfw.STENCIL_BITS, 0)
    _bind_platform(glfw)
    glfw.window_hint(glfw.CONTEXT_VERSION_MAJOR, NEEDED[0])
    glfw.window_hint(glfw.CONTEXT_VERSION_MINOR, NEEDED[1])
    glfw.window_hint(glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE)
    glfw.window_hint(glfw.OPENGL_DEBUG_CONTEXT, debug)
    window = glfw.create_window(*size, title, None, None)
    if not window:
        raise _refusal(glfw, _said(glfw))
    glfw.make_context_current(window)
    return window


def _bind_platform(glfw: Any) -> None:
    """Make the window's context with the API that PyOpenGL is bound to, or will be."""
    if not sys.platform.startswith("linux"):
        return
    native: platform.Binding = "egl" if glfw.get_platform() == glfw.PLATFORM_WAYLAND else "glx"
    use = platform.bound() or native
    glfw.window_hint(glfw.CONTEXT_CREATION_API, glfw.EGL_CONTEXT_API if use == "egl" else glfw.NATIVE_CONTEXT_API)


def bind_platform_of(glfw: Any, window: Any) -> None:
    """The window is there to stay: bind PyOpenGL to the API of its context."""
    api = glfw.get_window_attrib(window, glfw.CONTEXT_CREATION_API)
    platform.bind("egl" if api == glfw.EGL_CONTEXT_API else "glx")


def _refusal(glfw: Any, said: str) -> VrgenError:
    """Why there is no window: an old OpenGL, found by asking for any, or something else."""
    glfw.default_window_hints()
    glfw.window_hint(glfw.VISIBLE, False)
    probe = glfw.create_window(64, 64, "vrgen", None, None)
    if not probe:
        return DisplayError(f"no window with OpenGL can be opened ({said}); update the graphics driver")
    found = tuple(
        glfw.get_window_attrib(probe, name) for name in (glfw.CONTEXT_VERSION_MAJOR, glfw.CONTEXT_VERSION_MINOR)
    )
    glfw.destroy_window(probe)
    return GraphicsError(
        f"the graphics driver gives OpenGL {found[0]}.{found[1]}, vrgen needs {NEEDED[0]}.{NEEDED[1]} core "
        f"({said}); update the driver or use a GPU made after 2014"
    )


def _said(glfw: Any) -> str:
    _, text = glfw.get_error()
    return text.decode(errors="replace").rstrip(".") if text else "GLFW gives no reason"


class HiddenWindow:
    """The context of a window nobody sees, for drawing without a screen where there is no EGL."""

    def __init__(self) -> None:
        self._glfw = start()
        self._window = make_window(self._glfw, (64, 64), "vrgen", visible=False, debug=False)
        bind_platform_of(self._glfw, self._window)

    def close(self) -> None:
        self._glfw.destroy_window(self._window)


def icon() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """(64, 64, 4) uint8: a sun over a hill."""
    y, x = np.mgrid[0:64, 0:64].astype(np.float32)
    picture = np.zeros((64, 64, 4), np.float32)
    picture[..., :3] = np.stack([70 + y, 120 + 1.5 * y, 190 + y], -1)
    picture[np.hypot(x - 40, y - 24) < 11, :3] = (255, 226, 150)
    picture[y > 42 - 9 * np.sin(x / 11), :3] = (38, 74, 66)
    picture[..., 3] = 255 * np.clip(32.5 - np.hypot(x - 31.5, y - 31.5), 0, 1)
    return np.clip(picture, 0, 255).astype(np.uint8)

"""The one import of PyOpenGL for drawing; every module says `from vrgen.gl.api import GL`.

PyOpenGL's own error check after every call doubles a call's cost; errors come through KHR_debug instead
(`watch_errors`). The display chose the platform (EGL, GLX, WGL) before this is imported.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import OpenGL

OpenGL.ERROR_CHECKING = False
OpenGL.ERROR_ON_COPY = False

from OpenGL import GL  # noqa: E402  (the flags above must come first)

from vrgen.errors import GraphicsError  # noqa: E402

__all__ = ["GL", "bare", "describe", "require", "watch_errors"]

REQUIRED_EXTENSIONS = ("GL_ARB_shader_viewport_layer_array", "GL_ARB_shader_draw_parameters")


def describe() -> str:
    """Renderer and version of the current context, for people."""
    renderer = GL.glGetString(GL.GL_RENDERER)
    version = GL.glGetString(GL.GL_VERSION)
    if renderer is None or version is None:
        raise GraphicsError("no OpenGL context is current; open a display first")
    return f"{renderer.decode()}, OpenGL {version.decode()}"


def require() -> None:
    """Check that the current context can draw worlds.

    Raises:
        GraphicsError: it is older than 4.5 core or lacks a needed extension.
    """
    major, minor = GL.glGetIntegerv(GL.GL_MAJOR_VERSION), GL.glGetIntegerv(GL.GL_MINOR_VERSION)
    if (int(major), int(minor)) < (4, 5):
        raise GraphicsError(
            f"the graphics driver gives OpenGL {major}.{minor} ({describe()}), vrgen needs 4.5; update the driver"
        )
    count = int(GL.glGetIntegerv(GL.GL_NUM_EXTENSIONS))
    there = {GL.glGetStringi(GL.GL_EXTENSIONS, i).decode() for i in range(count)}
    missing = [name for name in REQUIRED_EXTENSIONS if name not in there]
    if missing:
        raise GraphicsError(
            f"the graphics driver ({describe()}) lacks {' and '.join(missing)}; update the driver or use a GPU "
            "made after 2014"
        )


def bare(name: str, result: type | None, *arguments: type) -> Callable[..., Any]:
    """A GL function with plain C types, for calls a frame that PyOpenGL's types make dear."""
    from OpenGL.platform import PLATFORM

    made: Callable[..., Any] = PLATFORM.createBaseFunction(
        name,
        dll=PLATFORM.GL,
        resultType=result,
        argTypes=arguments,
        argNames=tuple(f"argument_{number}" for number in range(len(arguments))),
    )
    return made


def watch_errors(on_message: Callable[[str], None]) -> object:
    """Report GL errors through KHR_debug; keep the returned object alive as long as the context."""

    def heard(source: int, kind: int, name: int, severity: int, length: int, message: bytes, user: object) -> None:
        if kind == GL.GL_DEBUG_TYPE_ERROR:
            text = ctypes.string_at(message, length) if isinstance(message, int) else message[:length]
            on_message(text.decode(errors="replace").strip())

    callback = GL.GLDEBUGPROC(heard)
    GL.glEnable(GL.GL_DEBUG_OUTPUT)
    GL.glEnable(GL.GL_DEBUG_OUTPUT_SYNCHRONOUS)
    GL.glDebugMessageCallback(callback, None)
    return callback

"""A second OpenGL context, on a thread of its own, that shares objects with the first: what takes a driver long to
make is made there, beside the frame.

A context shares with the one that is current where it is made, whichever window system that one is of; so the two
Linux has are asked themselves (EGL 1.5, GLX_ARB_create_context), not PyOpenGL, which is bound to one of them.
"""

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from ctypes import POINTER, c_char_p, c_int, c_uint, c_void_p
from typing import Any, Protocol, TypeVar

from vrgen.gl.api import GL

_MAJOR, _MINOR, _PROFILE, _CORE = 0x3098, 0x30FB, 0x30FD, 0x0001
_NICE = 5
"""As the worker: the frame goes first."""
T = TypeVar("T")


class _Shared(Protocol):
    """A context that can be made current on another thread, without a window."""

    def use(self) -> bool: ...

    def close(self) -> None: ...


class Second:
    """Owner of the thread and of its context, which are made when they are first needed."""

    def __init__(self, wanted: bool = True) -> None:
        """Where it is not `wanted`, or none can be had, everything is made here and at once."""
        self._wanted = wanted
        self._context: _Shared | None = None
        self._thread: ThreadPoolExecutor | None = None

    def make(self, what: Callable[[], T]) -> Future[T]:
        """Let `what` make objects there; they can be used here once the future is done."""

        def made() -> T:
            result = what()
            GL.glFinish()  # the first context sees what has been finished here
            return result

        if self._wanted and self._thread is None:
            self._wanted = self._begin()
        if self._thread is not None:
            return self._thread.submit(made)
        here: Future[T] = Future()
        here.set_result(what())
        return here

    def close(self) -> None:
        """Waits for what is being made. Where it was used already, it can't be again."""
        if self._thread is not None and self._context is not None:
            self._thread.submit(self._context.close).result()
            self._thread.shutdown()
        self._thread, self._wanted = None, False

    def _begin(self) -> bool:
        self._context = _shared()
        if self._context is None:
            return False
        thread = ThreadPoolExecutor(1, "second context")
        if not thread.submit(self._use).result():
            thread.submit(self._context.close).result()
            thread.shutdown()
            return False
        self._thread = thread
        return True

    def _use(self) -> bool:
        assert self._context is not None
        if sys.platform.startswith("linux"):  # there it is the thread's own
            with contextlib.suppress(OSError):
                os.nice(_NICE)
        return self._context.use()


def _shared() -> _Shared | None:
    """Shares with the context that is current; None where none can."""
    if not sys.platform.startswith("linux"):
        return None
    return _Egl.made() or _Glx.made()


def _library(name: str, signatures: dict[str, tuple[Any, tuple[Any, ...]]]) -> Any:
    try:
        library = ctypes.CDLL(name)
    except OSError:
        return None
    for function, (result, arguments) in signatures.items():
        found = getattr(library, function)
        found.restype, found.argtypes = result, arguments
    return library


class _Egl:
    def __init__(self, egl: Any, display: int, context: int) -> None:
        self._egl, self._display, self._context = egl, display, context

    @classmethod
    def made(cls) -> "_Egl | None":
        egl = _library(
            "libEGL.so.1",
            {
                "eglGetCurrentDisplay": (c_void_p, ()),
                "eglGetCurrentContext": (c_void_p, ()),
                "eglQueryContext": (c_uint, (c_void_p, c_void_p, c_int, POINTER(c_int))),
                "eglChooseConfig": (c_uint, (c_void_p, POINTER(c_int), POINTER(c_void_p), c_int, POINTER(c_int))),
                "eglBindAPI": (c_uint, (c_uint,)),
                "eglCreateContext": (c_void_p, (c_void_p, c_void_p, c_void_p, POINTER(c_int))),
                "eglMakeCurrent": (c_uint, (c_void_p, c_void_p, c_void_p, c_void_p)),
                "eglDestroyContext": (c_uint, (c_void_p, c_void_p)),
            },
        )
        first = egl and egl.eglGetCurrentContext()
        if not first:
            return None
        display, config, none, config_id = egl.eglGetCurrentDisplay(), c_int(), 0x3038, 0x3028
        configs, count = (c_void_p * 1)(), c_int()
        egl.eglQueryContext(display, first, config_id, config)
        egl.eglChooseConfig(display, (c_int * 3)(config_id, config, none), configs, 1, count)
        attributes = (c_int * 7)(_MAJOR, 4, _MINOR, 5, _PROFILE, _CORE, none)
        context = egl.eglCreateContext(display, configs[0], first, attributes)
        return cls(egl, display, context) if context else None

    def use(self) -> bool:
        opengl_api = 0x30A2
        self._egl.eglBindAPI(opengl_api)  # of this thread
        return bool(self._egl.eglMakeCurrent(self._display, None, None, self._context))

    def close(self) -> None:
        self._egl.eglMakeCurrent(self._display, None, None, None)
        self._egl.eglDestroyContext(self._display, self._context)


class _Glx:
    def __init__(self, glx: Any, display: int, context: int) -> None:
        self._glx, self._display, self._context = glx, display, context

    @classmethod
    def made(cls) -> "_Glx | None":
        glx = _library(
            "libGL.so.1",
            {
                "glXGetCurrentDisplay": (c_void_p, ()),
                "glXGetCurrentContext": (c_void_p, ()),
                "glXQueryContext": (c_int, (c_void_p, c_void_p, c_int, POINTER(c_int))),
                "glXChooseFBConfig": (POINTER(c_void_p), (c_void_p, c_int, POINTER(c_int), POINTER(c_int))),
                "glXGetProcAddressARB": (c_void_p, (c_char_p,)),
                "glXMakeContextCurrent": (c_int, (c_void_p, c_void_p, c_void_p, c_void_p)),
                "glXDestroyContext": (None, (c_void_p, c_void_p)),
            },
        )
        first = glx and glx.glXGetCurrentContext()
        address = glx and glx.glXGetProcAddressARB(b"glXCreateContextAttribsARB")
        if not first or not address:
            return None
        display, config, screen, count = glx.glXGetCurrentDisplay(), c_int(), c_int(), c_int()
        config_id, screen_of, none = 0x8013, 0x800C, 0
        glx.glXQueryContext(display, first, config_id, config)
        glx.glXQueryContext(display, first, screen_of, screen)
        configs = glx.glXChooseFBConfig(display, screen, (c_int * 3)(config_id, config, none), count)
        if not configs or not count.value:
            return None
        create = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))(address)
        major, minor, profile = 0x2091, 0x2092, 0x9126
        attributes = (c_int * 7)(major, 4, minor, 5, profile, _CORE, none)
        context = create(display, configs[0], first, True, attributes)
        return cls(glx, display, context) if context else None

    def use(self) -> bool:
        return bool(self._glx.glXMakeContextCurrent(self._display, None, None, self._context))

    def close(self) -> None:
        self._glx.glXMakeContextCurrent(self._display, None, None, None)
        self._glx.glXDestroyContext(self._display, self._context)

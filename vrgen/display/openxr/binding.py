"""What tells a runtime which OpenGL context draws: of the window system's kind, filled from what is current."""

import ctypes
import sys
from typing import Any

from vrgen.display import platform
from vrgen.display.openxr.api import call, extension, load
from vrgen.display.openxr.runtime import EGL, Runtime
from vrgen.errors import DisplayError, GraphicsError


def check_requirements(runtime: Runtime, version: tuple[int, int]) -> None:
    """Ask what the runtime requires of OpenGL, which is due before a session (XR_KHR_opengl_enable).

    Raises:
        GraphicsError: it wants another version than the context has.
    """
    xr = load()
    ask = extension(runtime.instance, "xrGetOpenGLGraphicsRequirementsKHR")
    found = xr.GraphicsRequirementsOpenGLKHR()
    call(ask, runtime.instance, runtime.system_id, ctypes.byref(found))
    least = xr.Version(int(found.min_api_version_supported))
    if version < (least.major, least.minor):
        raise GraphicsError(
            f"{runtime.name} wants OpenGL {least.major}.{least.minor}, the context has {version[0]}.{version[1]}; "
            "update the graphics driver"
        )


def of_current_context(runtime: Runtime) -> Any:
    """The graphics binding of the context that is current on this thread.

    Raises:
        DisplayError: the runtime can't share a context of this window system.
    """
    if sys.platform == "win32":
        return _wgl()
    if platform.bound() == "egl":
        if EGL not in runtime.extensions:
            raise DisplayError(
                f"{runtime.name} takes OpenGL through GLX only and there is no X server; start vrgen from a "
                f"desktop "
                "session (under Wayland with XWayland)"
            )
        return _egl()
    return _glx()


def _wgl() -> Any:
    from OpenGL import WGL

    binding = load().GraphicsBindingOpenGLWin32KHR()
    binding.h_dc = WGL.wglGetCurrentDC()
    binding.h_glrc = WGL.wglGetCurrentContext()
    return binding


def _glx() -> Any:
    from OpenGL import GLX

    display, context = GLX.glXGetCurrentDisplay(), GLX.glXGetCurrentContext()
    binding = load().GraphicsBindingOpenGLXlibKHR(
        x_display=display, glx_drawable=GLX.glXGetCurrentDrawable(), glx_context=context
    )
    number, screen = ctypes.c_int(), ctypes.c_int()
    GLX.glXQueryContext(display, context, GLX.GLX_FBCONFIG_ID, ctypes.byref(number))
    GLX.glXQueryContext(display, context, GLX.GLX_SCREEN, ctypes.byref(screen))
    count = ctypes.c_int()
    asked = (ctypes.c_int * 3)(GLX.GLX_FBCONFIG_ID, number.value, 0)
    configs = GLX.glXChooseFBConfig(display, screen.value, asked, ctypes.byref(count))
    if configs and count.value:
        visual = ctypes.c_int()
        GLX.glXGetFBConfigAttrib(display, configs[0], GLX.GLX_VISUAL_ID, ctypes.byref(visual))
        binding.glx_fbconfig = configs[0]
        binding.visualid = visual.value
    return binding


def _egl() -> Any:
    from vrgen.display.egl import current

    xr = load()
    display, config, context, get_proc_address = current()
    return xr.GraphicsBindingEGLMNDX(
        get_proc_address=ctypes.cast(get_proc_address, xr.PFN_xrEglGetProcAddressMNDX),
        display=display,
        config=config,
        context=context,
    )

"""An OpenGL 4.5 core context without a window, made with EGL itself rather than through PyOpenGL, which must not
be imported before it is known that there is a context for it (platform.py).

Tried in this order: EGL's devices that are hardware, Mesa's surfaceless platform, any other device, EGL's default
display. Devices come first because the surfaceless platform is Mesa's own and would pass an NVIDIA GPU by.
"""

import ctypes
from collections.abc import Iterator
from ctypes import POINTER, byref, c_char_p, c_int, c_uint, c_void_p
from typing import Any

from vrgen.display import platform
from vrgen.errors import DisplayError

# Numbers of the EGL 1.5 registry.
_NONE, _OPENGL_API, _EXTENSIONS = 0x3038, 0x30A2, 0x3055
_SURFACE_TYPE, _PBUFFER, _RENDERABLE_TYPE, _OPENGL = 0x3033, 0x0001, 0x3040, 0x0008
_MAJOR, _MINOR, _PROFILE, _CORE = 0x3098, 0x30FB, 0x30FD, 0x0001
_PLATFORM_SURFACELESS, _PLATFORM_DEVICE = 0x31DD, 0x313F

_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "eglGetProcAddress": (c_void_p, (c_char_p,)),
    "eglGetDisplay": (c_void_p, (c_void_p,)),
    "eglInitialize": (c_uint, (c_void_p, c_void_p, c_void_p)),
    "eglBindAPI": (c_uint, (c_uint,)),
    "eglChooseConfig": (c_uint, (c_void_p, POINTER(c_int), POINTER(c_void_p), c_int, POINTER(c_int))),
    "eglCreateContext": (c_void_p, (c_void_p, c_void_p, c_void_p, POINTER(c_int))),
    "eglMakeCurrent": (c_uint, (c_void_p, c_void_p, c_void_p, c_void_p)),
    "eglDestroyContext": (c_uint, (c_void_p, c_void_p)),
    "eglGetError": (c_int, ()),
}
_EXTRAS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "eglGetPlatformDisplayEXT": (c_void_p, (c_uint, c_void_p, c_void_p)),
    "eglQueryDevicesEXT": (c_uint, (c_int, POINTER(c_void_p), POINTER(c_int))),
    "eglQueryDeviceStringEXT": (c_char_p, (c_void_p, c_int)),
}


_current: "list[EglContext]" = []


def current() -> tuple[int, int, int, int]:
    """Of the context that is current: addresses of display, configuration, context and eglGetProcAddress."""
    (made,) = _current
    address = ctypes.cast(made._egl.eglGetProcAddress, c_void_p).value
    return int(made._display), int(made._config or 0), int(made._context), int(address or 0)


class EglContext:
    """Current on this thread from its making until `close`."""

    def __init__(self) -> None:
        """
        Raises:
            DisplayError: no way to an OpenGL 4.5 core context.
        """
        try:
            self._egl = ctypes.CDLL("libEGL.so.1")
        except OSError as error:
            raise DisplayError(
                f"EGL, which draws without a screen, can't be loaded ({error}); install it (Debian, Ubuntu: "
                "apt install libegl1 libgl1-mesa-dri)"
            ) from error
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._egl, name)
            function.restype, function.argtypes = result, arguments
        refused = []
        for name, display in self._displays():
            reason = self._make_current(display)
            if reason is None:
                platform.bind("egl")
                _current.append(self)
                return
            refused.append(f"{name}: {reason}")
        raise DisplayError(
            f"no OpenGL 4.5 context without a window ({'; '.join(refused)}); install a graphics driver (Debian, "
            "Ubuntu: apt install libgl1-mesa-dri)"
        )

    def close(self) -> None:
        """Release and destroy it. The EGL display stays: the process shares it with others."""
        self._egl.eglMakeCurrent(self._display, None, None, None)
        self._egl.eglDestroyContext(self._display, self._context)
        _current.remove(self)

    def _displays(self) -> Iterator[tuple[str, int | None]]:
        """EGL displays to try, by name, best first."""
        on_platform = self._extra("eglGetPlatformDisplayEXT")
        if on_platform is not None:
            devices = self._devices()
            hardware = [device for device, software in devices if not software]
            for device in hardware:
                yield "GPU", on_platform(_PLATFORM_DEVICE, device, None)
            yield "surfaceless", on_platform(_PLATFORM_SURFACELESS, None, None)
            for device, software in devices:
                if software:
                    yield "software device", on_platform(_PLATFORM_DEVICE, device, None)
        yield "default display", self._egl.eglGetDisplay(None)

    def _devices(self) -> list[tuple[int, bool]]:
        """EGL devices, and whether each is a software rasteriser."""
        query, tell = self._extra("eglQueryDevicesEXT"), self._extra("eglQueryDeviceStringEXT")
        devices, count = (c_void_p * 16)(), c_int()
        if query is None or tell is None or not query(16, devices, byref(count)):
            return []
        found = [int(device) for device in devices[: count.value] if device]
        return [(device, b"EGL_MESA_device_software" in (tell(device, _EXTENSIONS) or b"")) for device in found]

    def _extra(self, name: str) -> Any:
        """An extension's function, or None."""
        address = self._egl.eglGetProcAddress(name.encode())
        result, arguments = _EXTRAS[name]
        return ctypes.CFUNCTYPE(result, *arguments)(address) if address else None

    def _make_current(self, display: int | None) -> str | None:
        """Make a context on `display` current; returns why it can't."""
        egl = self._egl
        if not display:
            return "not offered"
        if not egl.eglInitialize(display, None, None) or not egl.eglBindAPI(_OPENGL_API):
            return f"EGL error {egl.eglGetError():#06x}"
        wanted = (c_int * 5)(_SURFACE_TYPE, _PBUFFER, _RENDERABLE_TYPE, _OPENGL, _NONE)
        configs, count = (c_void_p * 1)(), c_int()
        if not egl.eglChooseConfig(display, wanted, configs, 1, byref(count)) or not count.value:
            return "no configuration for OpenGL"
        version = (c_int * 7)(_MAJOR, 4, _MINOR, 5, _PROFILE, _CORE, _NONE)
        context = egl.eglCreateContext(display, configs[0], None, version)
        if not context:
            return f"no OpenGL 4.5 core (EGL error {egl.eglGetError():#06x})"
        if not egl.eglMakeCurrent(display, None, None, context):
            reason = f"EGL error {egl.eglGetError():#06x}"
            egl.eglDestroyContext(display, context)
            return reason
        self._display, self._config, self._context = display, configs[0], context
        return None

"""The active OpenXR runtime and the headset it has: an instance and a system, made once a connection."""

import ctypes
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from vrgen.display.openxr.api import OpenXrError, ask, call, load, text
from vrgen.errors import DisplayError

OPENGL = "XR_KHR_opengl_enable"
EGL = "XR_MNDX_egl_enable"
DEPTH = "XR_KHR_composition_layer_depth"
MASK = "XR_KHR_visibility_mask"
RATE = "XR_FB_display_refresh_rate"
LOCAL_FLOOR = "XR_EXT_local_floor"
USED = (OPENGL, EGL, DEPTH, MASK, RATE, LOCAL_FLOOR)
"""What is enabled where the runtime has it; only the first is needed."""


def available_extensions() -> frozenset[str]:
    """What the active runtime and the implicit layers offer.

    Raises:
        OpenXrError: there is no runtime, or it does not load.
    """
    xr = load()
    count = ctypes.c_uint32()
    enumerate_them = xr.raw_functions.xrEnumerateInstanceExtensionProperties
    call(enumerate_them, None, 0, ctypes.byref(count), None)
    properties = (xr.ExtensionProperties * count.value)(*[xr.ExtensionProperties() for _ in range(count.value)])
    call(enumerate_them, None, count, ctypes.byref(count), properties)
    return frozenset(text(each.extension_name) for each in properties[: count.value])


class Runtime:
    """Owner of an instance. `wanted`: extensions beside `USED` to enable where they are there."""

    def __init__(self, wanted: Sequence[str] = ()) -> None:
        """Raises OpenXrError: no runtime answers, or it has no headset. DisplayError: it has no OpenGL."""
        self._xr = load()
        offered = available_extensions()
        if OPENGL not in offered:
            raise DisplayError(
                "the active OpenXR runtime does not take OpenGL; make SteamVR or another runtime with OpenGL the "
                "active one"
            )
        self.extensions = frozenset(name for name in (*USED, *wanted) if name in offered)
        self.instance = self._create()
        try:
            properties = self._xr.InstanceProperties()
            call(self._xr.raw_functions.xrGetInstanceProperties, self.instance, ctypes.byref(properties))
            version = self._xr.Version(int(properties.runtime_version))
            self.name = f"{text(properties.runtime_name)} {version.major}.{version.minor}.{version.patch}"
            self._find_system()
        except BaseException:
            self.close()
            raise

    def _create(self) -> Any:
        """An instance of OpenXR 1.1, or 1.0 where the runtime knows no more."""
        xr = self._xr
        for version in ((1, 1), (1, 0)):
            info = xr.InstanceCreateInfo(
                application_info=xr.ApplicationInfo("vrgen", 1, "vrgen", 1, xr.Version(*version, 0)),
                enabled_extension_names=sorted(self.extensions),
            )
            instance = xr.Instance()
            try:
                call(xr.raw_functions.xrCreateInstance, ctypes.byref(info), ctypes.byref(instance))
            except OpenXrError as error:
                if error.result == "ERROR_API_VERSION_UNSUPPORTED" and version > (1, 0):
                    continue
                raise
            instance.instance = instance
            self.version: tuple[int, int] = version
            return instance
        raise AssertionError("the last version either succeeds or raises")

    def _find_system(self) -> None:
        xr = self._xr
        system_id = xr.SystemId()
        wanted = xr.SystemGetInfo(xr.FormFactor.HEAD_MOUNTED_DISPLAY)
        call(xr.raw_functions.xrGetSystem, self.instance, ctypes.byref(wanted), ctypes.byref(system_id))
        self.system_id = system_id
        properties = xr.SystemProperties()
        call(xr.raw_functions.xrGetSystemProperties, self.instance, system_id, ctypes.byref(properties))
        self.headset = text(properties.system_name)
        self.most_layers = int(properties.graphics_properties.max_layer_count)
        stereo = xr.ViewConfigurationType.PRIMARY_STEREO
        views = ask(xr.enumerate_view_configuration_views, self.instance, system_id, stereo)
        self.size_px = (
            max(int(view.recommended_image_rect_width) for view in views),
            max(int(view.recommended_image_rect_height) for view in views),
        )
        self.most_px = (
            min(int(view.max_image_rect_width) for view in views),
            min(int(view.max_image_rect_height) for view in views),
        )
        modes = ask(xr.enumerate_environment_blend_modes, self.instance, system_id, stereo)
        self.blend_mode = modes[0]  # in the order of the runtime's preference (OpenXR 1.1, 10.5)

    def close(self) -> None:
        """Destroy the instance, and with it all that belongs to it."""
        if self.instance is not None:
            instance, self.instance = self.instance, None
            # A runtime that has died says so here as well; there is nothing left to give back to it.
            self._xr.raw_functions.xrDestroyInstance(instance)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

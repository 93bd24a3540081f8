"""Whether CUDA computes on the device that OpenGL draws with, asked of CUDA's driver (`vrgen.device.driver`)."""

import ctypes
import sys
from typing import Any

from vrgen.findings import Finding

_ALL = 1
"""CU_GL_DEVICE_LIST_ALL."""
_MOST = 16


def examine(cuda: Any, gl: str) -> Finding:
    """Hold the first device, which the generator takes, against those of the context that is current (`gl`)."""
    first = ctypes.c_int()
    name = ctypes.create_string_buffer(100)
    cuda.cuDeviceGet(ctypes.byref(first), 0)
    cuda.cuDeviceGetName(name, len(name), first)
    generator = name.value.decode(errors="replace")
    count, found = ctypes.c_uint(), (ctypes.c_int * _MOST)()
    if (
        cuda.cuGLGetDevices_v2(ctypes.byref(count), found, _MOST, _ALL) == 0
        and first.value in found[: count.value]
    ):
        return Finding("gpu", "ok", f"OpenGL and CUDA are both on {generator}")
    return Finding(
        "gpu",
        "note",
        f"CUDA is on {generator}, OpenGL draws with {gl}",
        _REMEDY,
    )


_REMEDY = (
    "Windows: Settings → System → Display → Graphics → python.exe → High performance"
    if sys.platform == "win32"
    else "with an integrated GPU beside it: export __NV_PRIME_RENDER_OFFLOAD=1 __GLX_VENDOR_LIBRARY_NAME=nvidia; "
    "with two NVIDIA cards: let CUDA_VISIBLE_DEVICES name the one that draws"
)

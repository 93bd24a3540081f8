"""Whether CUDA computes on the device that OpenGL draws with, asked of CUDA's driver (`vrgen.device.driver`).

Generators take it then by themselves (`vrgen.device.chosen`, by the identifier that OpenGL tells); doctor asks
CUDA, which knows it also where OpenGL does not tell.
"""

import ctypes
import sys
from typing import Any

from vrgen.cuda import Cuda, CudaError
from vrgen.findings import Finding

_ALL = 1
"""CU_GL_DEVICE_LIST_ALL."""
_MOST = 16


def examine(cuda: Any, gl: str) -> Finding:
    """Look for CUDA's devices among those of the context that is current (`gl`), and for what else results need to
    stay on the card (`vrgen/gl/card_copies.py`)."""
    count, found = ctypes.c_uint(), (ctypes.c_int * _MOST)()
    if cuda.cuGLGetDevices_v2(ctypes.byref(count), found, _MOST, _ALL) == 0 and count.value:
        both = f"OpenGL and CUDA are both on {_name(cuda, found[0])}"
        try:
            if not (sharing := Cuda()).shares_events(sharing.device(0)):
                raise CudaError("the driver shares no memory between processes")
        except CudaError as error:
            why, _, remedy = str(error).partition("; ")
            return Finding("gpu", "ok", f"{both}; results cross the host: {why}", remedy)
        return Finding("gpu", "ok", f"{both}; results stay on the card, once a first copy has read back equal")
    first = ctypes.c_int()
    cuda.cuDeviceGet(ctypes.byref(first), 0)
    return Finding("gpu", "note", f"CUDA is on {_name(cuda, first.value)}, OpenGL draws with {gl}", _REMEDY)


def _name(cuda: Any, device: int) -> str:
    name = ctypes.create_string_buffer(100)
    cuda.cuDeviceGetName(name, len(name), device)
    return name.value.decode(errors="replace")


_REMEDY = (
    "Windows: Settings → System → Display → Graphics → python.exe → High performance"
    if sys.platform == "win32"
    else "with an integrated GPU beside it: export __NV_PRIME_RENDER_OFFLOAD=1 __GLX_VENDOR_LIBRARY_NAME=nvidia; "
    "where CUDA_VISIBLE_DEVICES is set: let it name the card that draws"
)

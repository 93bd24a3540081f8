"""What the lenses hide of each eye, where the runtime tells (XR_KHR_visibility_mask)."""

import ctypes
from typing import Any

import numpy as np

from vrgen.display.openxr.api import OpenXrError, call, extension, load
from vrgen.display.openxr.runtime import MASK, Runtime
from vrgen.messages import Mask


def masks_of(runtime: Runtime, session: Any) -> tuple[Mask | None, Mask | None]:
    """The hidden triangles of the left and the right eye; None where all is seen or nothing is told."""
    if MASK not in runtime.extensions:
        return None, None
    try:
        ask = extension(runtime.instance, "xrGetVisibilityMaskKHR")
        return _mask(ask, session, 0), _mask(ask, session, 1)
    except OpenXrError:
        return None, None  # an optimisation, which some runtimes name and then don't have


def _mask(ask: Any, session: Any, eye: int) -> Mask | None:
    xr = load()
    found = xr.VisibilityMaskKHR()
    arguments = (
        session,
        int(xr.ViewConfigurationType.PRIMARY_STEREO),
        eye,
        int(xr.VisibilityMaskTypeKHR.HIDDEN_TRIANGLE_MESH),
        ctypes.byref(found),
    )
    call(ask, *arguments)
    if not found.index_count_output:
        return None
    vertices = (xr.Vector2f * found.vertex_count_output)()
    indices = (ctypes.c_uint32 * found.index_count_output)()
    found.vertex_capacity_input, found.index_capacity_input = len(vertices), len(indices)
    found.vertices, found.indices = vertices, indices
    call(ask, *arguments)
    corners = np.frombuffer(vertices, np.float32).reshape(-1, 2)
    return Mask(corners[np.frombuffer(indices, np.uint32)].reshape(-1, 3, 2).copy())

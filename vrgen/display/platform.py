"""Which window-system binding PyOpenGL uses: decided once a process, before `OpenGL.GL` is first imported.

PyOpenGL reads PYOPENGL_PLATFORM when `OpenGL.platform` is imported and can't change afterwards. Displays therefore
open their context first, with GLFW alone or with EGL, and import OpenGL last.
"""

import os
import sys
from typing import Literal

Binding = Literal["egl", "glx"]


def bound() -> Binding | None:
    """What this process is bound to; None while free, and always None off Linux, where there is no choice."""
    module = sys.modules.get("OpenGL.platform")
    if module is None or not sys.platform.startswith("linux"):
        return None
    return "egl" if type(module.PLATFORM).__name__ == "EGLPlatform" else "glx"


def bind(binding: Binding) -> Binding:
    """Bind to `binding` where still free; returns what the process is bound to."""
    before = bound()
    if before is not None:
        return before
    if sys.platform.startswith("linux"):
        os.environ["PYOPENGL_PLATFORM"] = binding
    return binding

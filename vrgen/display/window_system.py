"""Which window system there is, and what it means for a headset."""

import os
import sys
from collections.abc import Mapping

from vrgen.findings import Finding

_NAME = "window system"


def examine(environment: Mapping[str, str] | None = None, system: str = sys.platform) -> Finding:
    """From the environment alone; whether a window opens is another question."""
    environment = os.environ if environment is None else environment
    if not system.startswith("linux"):
        return Finding(_NAME, "ok", "Windows" if system == "win32" else system)
    x11, wayland = environment.get("DISPLAY"), environment.get("WAYLAND_DISPLAY")
    if x11 and wayland:
        return Finding(_NAME, "ok", f"Wayland ({wayland}) with XWayland ({x11}), which headsets are drawn through")
    if x11:
        return Finding(_NAME, "ok", f"X11 ({x11})")
    if wayland:
        return Finding(
            _NAME,
            "note",
            f"Wayland ({wayland}) without XWayland: most headsets' runtimes take OpenGL from X windows only",
            "install XWayland (Debian, Ubuntu: sudo apt install xwayland) and log in again",
        )
    return Finding(
        _NAME,
        "note",
        "none (neither DISPLAY nor WAYLAND_DISPLAY is set)",
        "start vrgen from a desktop session; over ssh: export DISPLAY=:0",
    )

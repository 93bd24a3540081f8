"""OpenXR runtimes by name: how each is started, and how one is made the active one."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from vrgen.display.openxr.registration import Registration


@dataclass(frozen=True, slots=True)
class Known:
    """One runtime."""

    name: str
    traces: tuple[str, ...]
    """What its manifest's or library's path holds, in lower case."""
    start: str
    manifests: tuple[str, ...] = ()
    """Where Linux has it."""


STEAMVR = Known(
    "SteamVR",
    ("steamvr", "steamxr", "vrclient"),
    "start SteamVR and wait until it shows the headset",
    (
        "~/.local/share/Steam/steamapps/common/SteamVR/steamxr_linux64.json",
        "~/.steam/steam/steamapps/common/SteamVR/steamxr_linux64.json",
    ),
)
MONADO = Known(
    "Monado",
    ("monado",),
    "systemctl --user start monado.service (or run monado-service in a terminal and read what it says)",
    ("/usr/share/openxr/1/openxr_monado.json", "/usr/local/share/openxr/1/openxr_monado.json"),
)
WIVRN = Known(
    "WiVRn",
    ("wivrn",),
    "start WiVRn on this computer and connect the headset's WiVRn app to it",
    ("/usr/share/openxr/1/openxr_wivrn.json", "/usr/local/share/openxr/1/openxr_wivrn.json"),
)
MIXED_REALITY = Known("Windows Mixed Reality", ("mixedreality",), "start Mixed Reality Portal")
KNOWN = (
    STEAMVR,
    WIVRN,
    MONADO,
    MIXED_REALITY,
    Known("Meta Quest Link", ("oculus", "ovrrt"), "start Quest Link in the headset"),
    Known("Virtual Desktop", ("virtualdesktop",), "connect the headset in Virtual Desktop"),
    Known("Varjo", ("varjo",), "start Varjo Base"),
)
STEAMVR_SETTING = 'in SteamVR: Settings → OpenXR → "Set SteamVR as OpenXR runtime"'


def named(registration: Registration) -> Known:
    """The runtime of a registration; one that is not known is called by its library."""
    path = f"{registration.manifest.resolve()} {registration.library or ''}".lower()
    for each in KNOWN:
        if any(trace in path for trace in each.traces):
            return each
    return Known(registration.name, (), f"start {registration.name}")


def how_to_activate() -> str:
    """The command or setting that makes one active: of those that are installed, if any are."""
    if sys.platform == "win32":
        return f"{STEAMVR_SETTING}; other runtimes have such a switch in their own settings"
    for known in KNOWN:
        for manifest in known.manifests:
            if (path := Path(manifest).expanduser()).exists():
                return activation_of(path)
    return (
        f"install SteamVR and set it ({STEAMVR_SETTING}), or Monado (Debian, Ubuntu: sudo apt install "
        "libopenxr1-monado monado-service)"
    )


def activation_of(manifest: Path) -> str:
    """The command that makes a manifest the active one on Linux."""
    folder = "$XDG_CONFIG_HOME/openxr/1" if os.environ.get("XDG_CONFIG_HOME") else "~/.config/openxr/1"
    return f"mkdir -p {folder} && ln -sf {shlex.quote(str(manifest))} {folder}/active_runtime.json"


def to_set(variable: str, value: str = "1") -> str:
    """The command that sets a variable for the programs that are started next."""
    return (
        f"setx {variable} {value} (and open a new terminal)"
        if sys.platform == "win32"
        else (f"export {variable}={value}")
    )


def to_unset(variable: str) -> str:
    """The command that forgets one."""
    return f"reg delete HKCU\\Environment /v {variable} /f" if sys.platform == "win32" else f"unset {variable}"

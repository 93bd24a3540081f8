"""Third-party API layers that the OpenXR loader puts between vrgen and the runtime, read from their manifests.

An *implicit* layer is loaded into every program until its own environment variable is set; one that can't be
loaded keeps the instance from being made, and one that crashes takes the program with it. Found as the loader
finds them (OpenXR loader design, "API layer discovery"; loader 1.1, manifest_file.cpp).
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path("openxr/1/api_layers/implicit.d")
_KEY = r"SOFTWARE\Khronos\OpenXR\1\ApiLayers\Implicit"
_NEEDED = ("name", "api_version", "library_path", "implementation_version", "disable_environment")
EXPLICIT = "XR_ENABLE_API_LAYERS"
"""The variable that asks for layers by name."""


@dataclass(frozen=True, slots=True)
class ApiLayer:
    """One implicit layer. It is loaded unless `off` or `trouble` says why not."""

    name: str
    manifest: Path
    switch: str = ""
    """The environment variable that turns it off, whatever its value."""
    off: str = ""
    trouble: str = ""
    """What is wrong with its manifest, so that the loader passes it by."""

    @property
    def is_on(self) -> bool:
        return not self.off and not self.trouble


def implicit_layers(environment: Mapping[str, str] | None = None) -> tuple[ApiLayer, ...]:
    """Every implicit layer that is installed, in the loader's order."""
    environment = os.environ if environment is None else environment
    if sys.platform == "win32":
        return tuple(_read(path, environment, off) for path, off in _in_registry())
    return tuple(_read(path, environment, "") for folder in _folders(environment) for path in _manifests(folder))


def _folders(environment: Mapping[str, str]) -> list[Path]:
    """Where manifests lie on Linux (XDG base directories, without the person's own configuration folder)."""
    config = environment.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    data = environment.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    home = environment.get("XDG_DATA_HOME") or f"{environment.get('HOME', '')}/.local/share"
    named = [*config.split(":"), "/usr/local/etc", "/etc", *data.split(":"), home]
    return list(dict.fromkeys(Path(each) / _FOLDER for each in named if each.startswith("/")))


def _manifests(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(".json"))
    except OSError:
        return []


def _in_registry() -> Iterator[tuple[Path, str]]:
    """Manifests that the registry names, and why one is off."""
    if sys.platform != "win32":
        return
    import winreg

    for root, name in ((winreg.HKEY_LOCAL_MACHINE, "HKLM"), (winreg.HKEY_CURRENT_USER, "HKCU")):
        try:
            with winreg.OpenKey(root, _KEY) as key:
                entries = [winreg.EnumValue(key, index) for index in range(winreg.QueryInfoKey(key)[1])]
        except OSError:
            continue
        yield from ((Path(path), "" if value == 0 else f"in {name}\\{_KEY}") for path, value, _ in entries)


def _read(manifest: Path, environment: Mapping[str, str], off: str) -> ApiLayer:
    """What a manifest says; the loader passes one by that lacks what it needs."""
    try:
        said = json.loads(manifest.read_text(encoding="utf-8"))["api_layer"]
        missing = [name for name in _NEEDED if not isinstance(said.get(name), str)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ApiLayer(manifest.stem, manifest, off=off, trouble="its manifest can't be read")
    name, switch = str(said.get("name", manifest.stem)), str(said.get("disable_environment", ""))
    if missing:
        return ApiLayer(name, manifest, switch, off, f"its manifest lacks {', '.join(missing)}")
    wanted = said.get("enable_environment")
    if switch in environment:
        off = f"{switch} is set"
    elif isinstance(wanted, str) and wanted not in environment:
        off = f"{wanted} is not set"
    library = said["library_path"]
    trouble = ""
    if ("/" in library or "\\" in library) and not (manifest.parent / library).exists():
        trouble = f"its library {library} is not there"
    return ApiLayer(name, manifest, switch, off, trouble)

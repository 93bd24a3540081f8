"""Which OpenXR runtime is registered as the active one, and where: what the loader would find, without loading
it."""

import json
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

_FILES = (
    Path(f"openxr/1/active_runtime.{platform.machine()}.json"),
    Path("openxr/1/active_runtime.json"),
)
"""In the loader's order: for this kind of processor, then for any."""


@dataclass(frozen=True, slots=True)
class Registration:
    """The active runtime's manifest, and what named it."""

    manifest: Path
    by: str
    """"XR_RUNTIME_JSON", a path, or the registry's key."""
    library: Path | None = None
    """The runtime's library, as a whole path or as a bare name; None where the manifest can't be read."""

    @property
    def name(self) -> str:
        """A word for people: the library's name without its dress."""
        return (
            self.library.stem.removeprefix("lib").removeprefix("openxr_") if self.library else self.manifest.stem
        )


def registered() -> Registration | None:
    """The active runtime, or None where none is registered (OpenXR loader design, "Runtime discovery")."""
    override = os.environ.get("XR_RUNTIME_JSON")
    if override:
        return _read(Path(override), "XR_RUNTIME_JSON")
    if sys.platform == "win32":
        return _in_registry()
    for path in places():
        if path.exists():
            return _read(path, str(path))
    return None


def places() -> list[Path]:
    """Where Linux looks for the active runtime's manifest; the first that is there counts."""
    return [folder / file for folder in _folders() for file in _FILES]


def _folders() -> list[Path]:
    """Configuration folders in the loader's order."""
    home = Path.home()
    named = os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    return [
        Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config"),
        *(Path(each) for each in named.split(":")),
        Path("/usr/local/etc"),
        Path("/etc"),
    ]


def _in_registry() -> Registration | None:
    if sys.platform != "win32":
        return None
    import winreg

    # The loader reads the machine's key only (manifest_file.cpp, ReadRuntimeDataFilesInRegistry).
    key = r"SOFTWARE\Khronos\OpenXR\1"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            return _read(Path(winreg.QueryValueEx(opened, "ActiveRuntime")[0]), f"HKLM\\{key}")
    except OSError:
        return None


def _read(manifest: Path, by: str) -> Registration:
    try:
        library = str(json.loads(manifest.read_text(encoding="utf-8"))["runtime"]["library_path"])
    except (OSError, ValueError, KeyError, TypeError):
        return Registration(manifest, by)
    # Relative to the file itself, not to a link that leads to it; a bare name is looked for by the system.
    is_path = "/" in library or "\\" in library
    return Registration(manifest, by, manifest.resolve().parent / library if is_path else Path(library))

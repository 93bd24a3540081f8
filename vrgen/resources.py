"""Where the files that ship with vrgen lie: shaders, worlds, checkpoints.

In a checkout they stand at the top of the repository; in a wheel they are inside the package (pyproject.toml
puts them there). Nothing is downloaded.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_ROOT = _PACKAGE if (_PACKAGE / "shaders").is_dir() else _PACKAGE.parent

SHADERS = _ROOT / "shaders"
ASSETS = _ROOT / "assets"
WORLDS = ASSETS / "worlds"


def bundled_worlds() -> tuple[str, ...]:
    """Names of the worlds that ship, sorted."""
    return tuple(sorted(p.stem for p in WORLDS.glob("*.toml")))

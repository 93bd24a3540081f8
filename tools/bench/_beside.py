"""Finds the engines of _peers.py that this machine can run beside vrgen, and runs each in a process of its own.

pyrender needs older packages than vrgen: it gets an environment of its own in the user's cache.
"""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from _stones import Times
from platformdirs import user_cache_path

GLS = {"nothing drawn": {"GALLIUM_NOOP": "1"}, "drawn": {"GALLIUM_NOOP": "0"}}
"""Mesa's null driver takes every call and draws nothing: what is left is what a frame costs the CPU where a GPU
does the rest. Other drivers don't know the variable, and the two are the same."""
PEERS = {
    "panda3d-stereo": "panda3d",
    "panda3d-cameras": "panda3d",
    "pygfx": "pygfx",
    "pygfx-instanced": "pygfx",
    "pyrender": "pyrender",
    "moderngl": "moderngl",
}
"""Engine → the package that has it."""
MOST = {"pyrender": 1_000}
"""It takes a tenth of a second for every thousand."""
PYRENDER = ("pyrender==0.1.45", "numpy<2")
_SLOWEST_S = 300.0


class Peers:
    """Runs the engines that are here; says once of each other one why it is left out."""

    def __init__(self, frames: int, threads: str, may_install: bool) -> None:
        self._frames, self._threads = frames, threads
        self._pythons = {package: self._python(package, may_install) for package in set(PEERS.values())}
        self.left_out: dict[str, str] = {}
        self.gl: dict[str, str] = {}

    def times(self, engine: str, count: int, gl: str) -> Times | None:
        """Of `timed`; None where the engine is left out, or is too slow for so many."""
        package = PEERS[engine]
        python = self._pythons[package]
        if engine in self.left_out or count > MOST.get(engine, count):
            return None
        if not isinstance(python, Path):
            self.left_out[engine] = python
            return None
        without = package == "pygfx" and gl != "drawn"
        pins = {"LP_NUM_THREADS": self._threads, "PYOPENGL_PLATFORM": "egl", **GLS["drawn" if without else gl]}
        command: list[str | Path] = [
            python,
            Path(__file__).with_name("_peers.py"),
            engine,
            str(count),
            str(self._frames),
        ]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                env={**os.environ, **pins},
                check=False,
                timeout=_SLOWEST_S,
            )
        except subprocess.TimeoutExpired:
            self.left_out[engine] = f"{count:,} objects took more than {_SLOWEST_S:g} s"
            return None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            self.left_out[engine] = last.removeprefix("left out: ")[:300]
            return None
        told = json.loads(done.stdout.strip().splitlines()[-1])
        if gl == "drawn":
            self.gl[f"{package} on"] = told["gl"]
        times: Times = told["times"]
        return {**times, "process": times["thread"]} if without else times

    def _python(self, package: str, may_install: bool) -> Path | str:
        """Which Python has it, or why none has."""
        if package == "pyrender":
            return _pyrender(may_install)
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            return f"not installed (pip install {package}, or vrgen[bench])"
        return Path(sys.executable)


def _pyrender(may_install: bool) -> Path | str:
    """A Python that has pyrender and the old packages that it needs, or why there is none."""
    folder = user_cache_path("vrgen") / "bench" / "pyrender"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "installed"
    if done.exists():
        return python
    if not may_install:
        return "its environment is made by a run without --quick"
    print(f"objects: pyrender gets an environment of its own in {folder}", file=sys.stderr)
    install: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *PYRENDER,
    ]
    make: list[str | Path] = [sys.executable, "-m", "venv", folder]
    for step in (make, install):
        made = subprocess.run(step, capture_output=True, text=True, check=False)
        if made.returncode:
            last = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
            return f"{' '.join(PYRENDER)} can't be installed here ({last[:200]})"
    done.touch()
    return python

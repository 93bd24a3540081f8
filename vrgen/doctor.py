"""What this machine can run, what it can't, and how to mend it.

Drivers are asked in child processes (`python -m vrgen.doctor window`, for one): one that crashes or hangs is a
finding, not the end of the examination. What concerns headsets is in `display/openxr/diagnosis.py`.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Literal

from vrgen import __version__, device
from vrgen.config import RunOptions, read_world
from vrgen.display import window_system
from vrgen.display.openxr import diagnosis
from vrgen.errors import VrgenError
from vrgen.findings import Finding
from vrgen.resources import ASSETS, SHADERS, WORLDS, bundled_worlds

DIGESTS = ASSETS / "SHA256SUMS"
PROBE_TIMEOUT_S = 60
STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}
SOFTWARE = re.compile(r"llvmpipe|softpipe|swrast|swiftshader|gdi generic|basic render", re.IGNORECASE)


def examine() -> tuple[Finding, ...]:
    """Everything `vrgen doctor` looks at, in the order it is shown."""
    with ThreadPoolExecutor(3) as pool:  # more would only make each other slow on a small machine
        headsets = pool.submit(diagnosis.examine)
        headless, window, gamepads, gpu, torch = pool.map(_ask, PROBES)
    shown = headless.state == "ok" or window.state == "ok"
    if not shown:
        headless, window = (replace(f, state="problem") for f in (headless, window))
    return (
        *_software(),
        headless,
        window,
        window_system.examine(),
        gamepads,
        *headsets.result(),
        gpu,
        torch,
        *_machine(),
        _ffmpeg(),
        _prompts(),
        *_bundled(),
    )


def report(as_json: bool) -> int:
    """Print the findings; 0 when a world can be shown in some way, else 1."""
    findings = examine()
    if as_json:
        print(json.dumps({"vrgen": __version__, "findings": [asdict(f) for f in findings]}, indent=2))
    else:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for f in findings:
            found = Text(f.found).append(f"\n→ {f.remedy}" if f.remedy else "", style="cyan")
            table.add_row(f.name, Text(f.state, style=STYLES[f.state]), found)
        Console().print(table)
    return int(any(f.state == "problem" for f in findings))


# --- drivers, each in a process of its own ------------------------------------------------------------------


def _ask(probe: str) -> Finding:
    """Run one probe in a child and tell what it found, or how it died."""
    command = [sys.executable, "-m", "vrgen.doctor", probe]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False)
        return Finding(**json.loads(child.stdout.splitlines()[-1]))
    except subprocess.TimeoutExpired:
        return Finding(probe, "note", f"no answer within {PROBE_TIMEOUT_S} s", "update or reinstall its driver")
    except (IndexError, ValueError, TypeError):
        return Finding(
            probe, "note", f"its process died with status {child.returncode}", "reinstall it or its driver"
        )


def _probe_display(kind: Literal["window", "headless"]) -> Finding:
    """A small picture opened for a moment; its OpenGL is what the renderer needs, or opening raises."""
    from vrgen.display import open_display

    display, _ = open_display(RunOptions(display=kind, size=(160, 90)))
    with display:
        from vrgen.gl.api import REQUIRED_EXTENSIONS

        found = f"{display.gl}, {', '.join(REQUIRED_EXTENSIONS)}"
    if SOFTWARE.search(found):
        return Finding(kind, "ok", f"{found}; a software rasteriser", "for full speed install the GPU's driver")
    return Finding(kind, "ok", found)


def _probe_gamepads() -> Finding:
    """The gamepads that GLFW sees."""
    from vrgen.display import glfw_context

    glfw = glfw_context.start()
    names = [glfw.get_gamepad_name(j) for j in range(glfw.JOYSTICK_LAST + 1) if glfw.joystick_is_gamepad(j)]
    glfw.terminate()
    return Finding(
        "gamepads", "ok", ", ".join(n.decode() if isinstance(n, bytes) else str(n) for n in names) or "none"
    )


def _probe_gpu() -> Finding:
    """Whether CUDA and the OpenGL that draws are on one device."""
    from vrgen.display import cuda_device, open_display
    from vrgen.display.glfw_context import has_screen

    if (cuda := device.driver()) is None:
        return Finding("gpu", "ok", "no CUDA device")
    display, _ = open_display(RunOptions(display="window" if has_screen() else "headless", size=(160, 90)))
    with display:
        return cuda_device.examine(cuda, display.gl)


def _probe_torch() -> Finding:
    """torch and the device that `--device auto` would take."""
    import torch

    if torch.cuda.is_available():
        return Finding("torch", "ok", f"{torch.__version__}, CUDA on {torch.cuda.get_device_name(0)}")
    if torch.version.cuda:
        return Finding(
            "torch", "note", f"{torch.__version__}, no CUDA device; the generator runs on the CPU", _CUDA_DRIVER
        )
    return Finding("torch", "note", f"{torch.__version__}, a CPU build", _CUDA_BUILD)


_CUDA_DRIVER = "with an NVIDIA card: install its driver"
_CUDA_BUILD = f"with an NVIDIA card: {device.BUILD} (on Windows PyPI's torch is CPU only)"
PROBES: dict[str, Callable[[], Finding]] = {
    "headless": lambda: _probe_display("headless"),
    "window": lambda: _probe_display("window"),
    "gamepads": _probe_gamepads,
    "gpu": _probe_gpu,
    "torch": _probe_torch,
}


def _answer(probe: str) -> int:
    """In the child: ask, print the finding as JSON, exit with 0 when all is well."""
    try:
        finding = PROBES[probe]()
    except VrgenError as error:
        found, _, remedy = str(error).rpartition("; ")
        finding = Finding(probe, "note", found, remedy)
    except Exception as error:  # whatever a driver's or torch's binding raises is the finding
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        finding = Finding(probe, "note", reason, "reinstall it or its driver")
    print(json.dumps(asdict(finding)), flush=True)
    return int(finding.state != "ok")


# --- the rest -----------------------------------------------------------------------------------------------


def _software() -> tuple[Finding, ...]:
    """Python, vrgen and the packages that it needs."""
    python = Finding(
        "python", "ok", f"{platform.python_version()} on {platform.platform(terse=True)}; vrgen {__version__}"
    )
    try:
        required = importlib.metadata.requires("vrgen") or []
    except importlib.metadata.PackageNotFoundError:
        return python, Finding("packages", "note", "vrgen runs without being installed", "pip install .")
    installed, missing = [], []
    for line in required:
        name = re.split(r"[^\w.-]", line)[0]
        if "extra ==" in line or name == "torch":
            continue
        try:
            installed.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return python, Finding(
            "packages", "problem", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}"
        )
    return python, Finding("packages", "ok", ", ".join(installed))


def _machine() -> tuple[Finding, ...]:
    """Cores and memory. (Results are handed over in nameless memory: the size of /dev/shm is no limit.)"""
    import psutil

    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    free_gb = psutil.virtual_memory().available / 1e9
    few, low = cores < 2, free_gb < 2
    return (
        Finding(
            "cores", "note" if few else "ok", str(cores), "one for frames, one for the generator" if few else ""
        ),
        Finding(
            "memory", "note" if low else "ok", f"{free_gb:.1f} GB free", "close other programs" if low else ""
        ),
    )


def _ffmpeg() -> Finding:
    """What `--video` needs."""
    try:
        import imageio_ffmpeg

        return Finding("ffmpeg", "ok", str(imageio_ffmpeg.get_ffmpeg_version()))
    except Exception as error:  # its own kinds vary with how it fails to find or start the program
        return Finding("ffmpeg", "note", str(error)[:200], "pip install --force-reinstall imageio-ffmpeg")


def _prompts() -> Finding:
    """Whether texts can steer."""
    from vrgen.generator.encoders import MINILM, REMEDY, missing

    if packages := missing():
        return Finding("prompts", "note", f"no text encoder: {', '.join(packages)} missing", REMEDY)
    return Finding("prompts", "ok", f"{MINILM}, from an installed package")


def _bundled() -> tuple[Finding, ...]:
    """Shaders, worlds and checkpoints that ship, and whether they are as they were listed."""
    again = "reinstall vrgen"
    if not any(SHADERS.glob("**/*.*")):
        return (Finding("bundled", "problem", f"no shaders in {SHADERS}", again),)
    try:
        for world in bundled_worlds():
            read_world(WORLDS / f"{world}.toml")
    except VrgenError as error:
        return (Finding("bundled", "note", str(error).rpartition("; ")[0], again),)
    found = f"worlds: {', '.join(bundled_worlds()) or 'none'}"
    if not DIGESTS.is_file():
        return (Finding("bundled", "note", f"{found}; no list of digests at {DIGESTS}"),)
    changed = []
    for line in DIGESTS.read_text(encoding="utf-8").splitlines():
        digest, name = line.split(maxsplit=1)
        path = ASSETS / name.lstrip("*")
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            changed.append(name)
    if changed:
        return (Finding("bundled", "note", f"{found}; changed or missing: {', '.join(changed)}", again),)
    return (Finding("bundled", "ok", f"{found}; digests as listed"),)


if __name__ == "__main__":
    sys.exit(_answer(sys.argv[1]))

"""What this machine can run, what it can't, and how to mend it.

Drivers are asked in child processes (`python -m vrgen.doctor egl|window|torch`): one that crashes or hangs is a
finding, not the end of the examination. A `problem` keeps every world from being shown; a `note` is good to know.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from vrgen import __version__
from vrgen.config import read_world
from vrgen.errors import VrgenError
from vrgen.resources import ASSETS, SHADERS, WORLDS, bundled_worlds

EXTENSIONS = ("GL_ARB_shader_viewport_layer_array", "GL_ARB_shader_draw_parameters")
"""What the renderer requires beside OpenGL 4.5: both eyes in one pass, and the number of an indirect draw."""
DIGESTS = ASSETS / "SHA256SUMS"
PROBE_TIMEOUT_S = 60
SOFTWARE = re.compile(r"llvmpipe|softpipe|swrast|swiftshader|gdi generic|basic render", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """One thing examined. `remedy` is empty where nothing is to be done."""

    name: str
    state: Literal["ok", "note", "problem"]
    found: str
    remedy: str = ""


def examine() -> tuple[Finding, ...]:
    """Everything `vrgen doctor` looks at, in the order it is shown."""
    with ThreadPoolExecutor() as pool:
        egl, window, torch = pool.map(_ask, PROBES)
    shown = egl.state == "ok" or window.state == "ok"
    if not shown:
        egl, window = (Finding(f.name, "problem", f.found, f.remedy) for f in (egl, window))
    return (
        *_software(),
        egl,
        window,
        Finding(
            "headset", "note", "vrgen's OpenXR display is not built yet", "use a window or --display headless"
        ),
        torch,
        *_machine(),
        _ffmpeg(),
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

        colour = {"ok": "green", "note": "yellow", "problem": "red"}
        table = Table(box=None, pad_edge=False)
        for title in ("", "", "found", "remedy"):
            table.add_column(title, overflow="fold")
        for f in findings:
            table.add_row(f.name, f"[{colour[f.state]}]{f.state}[/]", f.found, f.remedy)
        Console().print(table)
    return int(any(f.state == "problem" for f in findings))


# --- drivers, each in a process of its own ------------------------------------------------------------------


def _ask(probe: str) -> Finding:
    """Run one probe in a child and tell what it found, or how it died."""
    name = PROBES[probe][0]
    command = [sys.executable, "-m", "vrgen.doctor", probe]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False)
        return Finding(**json.loads(child.stdout.splitlines()[-1]))
    except subprocess.TimeoutExpired:
        return Finding(name, "note", f"no answer within {PROBE_TIMEOUT_S} s", "update or reinstall its driver")
    except (IndexError, ValueError, TypeError):
        return Finding(
            name, "note", f"its process died with status {child.returncode}", "reinstall it or its driver"
        )


def _probe_egl() -> Finding:
    """OpenGL with no screen, as the headless display makes it."""
    os.environ["PYOPENGL_PLATFORM"] = "egl"
    from OpenGL import EGL

    surfaceless_mesa = 0x31DD
    display = EGL.eglGetPlatformDisplay(surfaceless_mesa, EGL.EGL_DEFAULT_DISPLAY, None)
    EGL.eglInitialize(display, None, None)
    EGL.eglBindAPI(EGL.EGL_OPENGL_API)
    attributes = [
        *(EGL.EGL_CONTEXT_MAJOR_VERSION, 4, EGL.EGL_CONTEXT_MINOR_VERSION, 5),
        *(EGL.EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL.EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT, EGL.EGL_NONE),
    ]
    config, found = (EGL.EGLConfig * 1)(), EGL.EGLint()
    wanted = [EGL.EGL_RENDERABLE_TYPE, EGL.EGL_OPENGL_BIT, EGL.EGL_SURFACE_TYPE, EGL.EGL_DONT_CARE, EGL.EGL_NONE]
    EGL.eglChooseConfig(display, wanted, config, 1, found)
    context = EGL.eglCreateContext(display, config[0], EGL.EGL_NO_CONTEXT, attributes)
    EGL.eglMakeCurrent(display, EGL.EGL_NO_SURFACE, EGL.EGL_NO_SURFACE, context)
    return _current_context("headless")


def _probe_window() -> Finding:
    """A hidden window with an OpenGL 4.5 context, and the gamepads that GLFW sees."""
    import glfw

    glfw.ERROR_REPORTING = "raise"
    glfw.init()
    glfw.window_hint(glfw.VISIBLE, False)
    glfw.window_hint(glfw.CONTEXT_VERSION_MAJOR, 4)
    glfw.window_hint(glfw.CONTEXT_VERSION_MINOR, 5)
    glfw.window_hint(glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE)
    window = glfw.create_window(64, 64, "vrgen doctor", None, None)
    glfw.make_context_current(window)
    finding = _current_context("window")
    pads = [glfw.get_gamepad_name(j) for j in range(glfw.JOYSTICK_LAST + 1) if glfw.joystick_is_gamepad(j)]
    seen = ", ".join(p.decode() if isinstance(p, bytes) else str(p) for p in pads) or "none"
    glfw.terminate()
    return Finding(finding.name, finding.state, f"{finding.found}; gamepads: {seen}", finding.remedy)


def _current_context(name: str) -> Finding:
    """What the current OpenGL context can do."""
    from OpenGL import GL

    renderer = bytes(GL.glGetString(GL.GL_RENDERER)).decode()
    version = f"{GL.glGetIntegerv(GL.GL_MAJOR_VERSION)}.{GL.glGetIntegerv(GL.GL_MINOR_VERSION)}"
    count = int(GL.glGetIntegerv(GL.GL_NUM_EXTENSIONS))
    present = {bytes(GL.glGetStringi(GL.GL_EXTENSIONS, i)).decode() for i in range(count)}
    missing = [e for e in EXTENSIONS if e not in present]
    found = f"OpenGL {version} on {renderer}"
    if missing:
        return Finding(name, "note", f"{found}, without {' and '.join(missing)}", "update the graphics driver")
    if SOFTWARE.search(renderer):
        return Finding(name, "ok", f"{found}, a software rasteriser", "for full speed install the GPU's driver")
    return Finding(name, "ok", found)


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
_CUDA_BUILD = (
    "with an NVIDIA card: install the CUDA build by the selector on https://pytorch.org/get-started/locally/"
    " (on Windows PyPI's torch is CPU only)"
)
_SYSTEM_GL = (
    "install the graphics driver, or Mesa: apt-get install "
    "libegl1 libgl1 libgl1-mesa-dri libglx-mesa0 libegl-mesa0 libopengl0"
)
_SCREEN = "start it in a desktop session (DISPLAY or WAYLAND_DISPLAY is set there), or take --display headless"
PROBES: dict[str, tuple[str, Callable[[], Finding], str]] = {
    "egl": ("headless", _probe_egl, _SYSTEM_GL),
    "window": ("window", _probe_window, _SCREEN),
    "torch": ("torch", _probe_torch, "pip install --force-reinstall torch"),
}
"""By name: the finding's name, the question, and the remedy where it fails."""


def _answer(probe: str) -> int:
    """In the child: ask, print the finding as JSON, exit with 0 when all is well."""
    name, question, remedy = PROBES[probe]
    try:
        finding = question()
    except Exception as error:  # whatever a driver's binding raises is the finding
        text = " ".join(str(error).split()) or type(error).__name__
        reason = re.sub(r"^\(\d+\) b?['\"](.*)['\"]$", r"\1", text)  # GLFW's: (65550) b'X11: …'
        finding = Finding(name, "note", reason[:200], remedy)
    print(json.dumps(asdict(finding)), flush=True)
    return int(finding.state != "ok")


# --- the rest -----------------------------------------------------------------------------------------------


def _software() -> tuple[Finding, ...]:
    """Python, vrgen and the packages that it needs."""
    installed, missing = [], []
    for line in importlib.metadata.requires("vrgen") or []:
        name = re.split(r"[^\w.-]", line)[0]
        if "extra ==" in line or name == "torch":
            continue
        try:
            installed.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    python = Finding(
        "python", "ok", f"{platform.python_version()} on {platform.platform(terse=True)}; vrgen {__version__}"
    )
    if missing:
        return python, Finding(
            "packages", "problem", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}"
        )
    return python, Finding("packages", "ok", ", ".join(installed))


def _machine() -> tuple[Finding, ...]:
    """Cores, memory and what the worker hands its results over in."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    free_gb = psutil.virtual_memory().available / 1e9
    few, low = cores < 2, free_gb < 2
    found = [
        Finding(
            "cores", "note" if few else "ok", str(cores), "one for frames, one for the generator" if few else ""
        ),
        Finding(
            "memory", "note" if low else "ok", f"{free_gb:.1f} GB free", "close other programs" if low else ""
        ),
    ]
    shm = Path("/dev/shm")
    if shm.is_dir():
        shm_mb = shutil.disk_usage(shm).free / 1e6
        small = shm_mb < 256
        remedy = "in a container: docker run --shm-size=1g" if small else ""
        found.append(Finding("shared memory", "note" if small else "ok", f"{shm_mb:.0f} MB free", remedy))
    return tuple(found)


def _ffmpeg() -> Finding:
    """What `--video` needs."""
    try:
        import imageio_ffmpeg

        return Finding("ffmpeg", "ok", str(imageio_ffmpeg.get_ffmpeg_version()))
    except Exception as error:  # its own kinds vary with how it fails to find or start the program
        return Finding("ffmpeg", "note", str(error)[:200], "pip install --force-reinstall imageio-ffmpeg")


def _bundled() -> tuple[Finding, ...]:
    """Shaders, worlds and checkpoints that ship, and whether they are as they were listed."""
    again = "reinstall vrgen"
    if not any(SHADERS.glob("**/*.*")):
        return (Finding("bundled", "problem", f"no shaders in {SHADERS}", again),)
    try:
        for world in bundled_worlds():
            read_world(WORLDS / f"{world}.toml")
    except VrgenError as error:
        return (Finding("bundled", "note", str(error), again),)
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

"""One command for people who work on vrgen: set up, run, test. Standard library only.

It keeps a virtual environment in `.venv` at the top of the repository, installs vrgen there in editable form under
`constraints.txt`, and installs the system libraries that are missing where it runs as root on Debian or Ubuntu
(elsewhere it prints the command). When nothing has changed it starts at once and needs no network.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed.txt"
OUT = ROOT / "out"

GL_PACKAGES = ["libegl1", "libgl1", "libgl1-mesa-dri", "libglx-mesa0", "libegl-mesa0", "libopengl0"]
WINDOW_PACKAGES = ["libx11-6", "libxcursor1", "libxi6", "libxinerama1", "libxrandr2", "libxkbcommon0"]
TEST_PACKAGES = ["xvfb", "xdotool", "imagemagick"]
XR_PACKAGES = [
    "mmdebstrap",
    "debian-archive-keyring",
]  # for tools/xr_testbed
BENCH_PACKAGES = ["mesa-vulkan-drivers"]  # for pygfx, where no GPU brings a Vulkan driver

ON_EVERY_CORE = ["-n", "logical", "--maxprocesses", "4"]
"""Tests in that many processes, of up to 1 GB each; `-n 0` after `test` takes it back."""

EPILOGUE = """\
examples:
  python tools/dev.py run                       the bundled world: in a window, or as a film and a picture in out/
  python tools/dev.py run my.pt --as panorama   everything after `run` goes to `vrgen run`
  python tools/dev.py test                      lint, types, fast tests, slow tests
  python tools/dev.py test -m "not slow and not xr"  what to run at each edit
  python tools/dev.py test -k geometry -x       everything after `test` goes to pytest
  python tools/dev.py lint --fix                let ruff mend and format what it can
  python tools/dev.py golden                    draw the golden pictures anew; look at them before you commit them
  python tools/dev.py bench objects             run tools/bench/objects.py; without a name, all of them
"""


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - the older one is told in a sentence
        found = ".".join(map(str, sys.version_info[:3]))
        fail(f"this is Python {found}, vrgen needs 3.11 or newer; install one and run: python3.11 tools/dev.py …")
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[1],
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verbs = {
        "run": (run, "set up and start `vrgen run` on the bundled world, or on what you name"),
        "test": (test, "set up and run ruff, mypy and every test that this machine can run"),
        "setup": (setup_only, "set up, nothing else"),
        "lint": (lint_only, "ruff and mypy; with --fix, ruff mends and formats first"),
        "golden": (golden, "draw the golden pictures of the renderer anew"),
        "bench": (bench, "run the benchmarks of tools/bench"),
    }
    listed = "\n".join(f"  {name:<8}{what}" for name, (_, what) in verbs.items())
    parser.description = f"{parser.description}\n\nverbs:\n{listed}"
    parser.add_argument("verb", choices=verbs, metavar="VERB", help="one of the verbs above")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="handed on as they are")
    parsed = parser.parse_args()
    try:
        return verbs[parsed.verb][0](parsed.args)
    except KeyboardInterrupt:
        return 130


# --- verbs --------------------------------------------------------------------------------------------------


def run(args: list[str]) -> int:
    set_up(GL_PACKAGES + WINDOW_PACKAGES)
    given = {arg.split("=")[0] for arg in args}
    if given & {"--display", "--help", "-h"} or window_opens():
        return call(PYTHON, "-m", "vrgen", "run", *args)
    say("no window opens here, so this run has no screen: a film and a picture come instead")
    OUT.mkdir(exist_ok=True)
    extra = ["--display", "headless", "--settle"]
    made = {"--video": OUT / "vrgen.mp4", "--screenshot": OUT / "vrgen.png"}
    for flag, path in made.items():
        path.unlink(missing_ok=True)
        extra += [] if flag in given else [flag, str(path)]
    if not given & {"--frames", "--seconds"}:
        extra += ["--seconds", "8"]
    if "--hold" not in given:
        extra += ["--hold", "w"]
    status = call(PYTHON, "-m", "vrgen", "run", *args, *extra)
    for path in made.values():
        if path.is_file():
            say(f"see {path}")
    return status


def test(args: list[str]) -> int:
    set_up(GL_PACKAGES + WINDOW_PACKAGES + TEST_PACKAGES + XR_PACKAGES)
    failed = lint()
    if call(PYTHON, "-m", "pytest", *ON_EVERY_CORE, *args, cwd=ROOT):
        failed.append("pytest")
    if failed:
        fail(f"failed: {', '.join(failed)}")
    return 0


def setup_only(args: list[str]) -> int:
    set_up(GL_PACKAGES + WINDOW_PACKAGES + TEST_PACKAGES + XR_PACKAGES)
    say(f"ready; the environment is {VENV}")
    return 0


def lint_only(args: list[str]) -> int:
    set_up([])
    if "--fix" in args:
        call(PYTHON, "-m", "ruff", "check", "--fix", "--quiet", ".", cwd=ROOT)
        call(PYTHON, "-m", "ruff", "format", ".", cwd=ROOT)
    failed = lint()
    if failed:
        fail(f"failed: {', '.join(failed)}")
    return 0


def golden(args: list[str]) -> int:
    set_up(GL_PACKAGES)
    return call(PYTHON, "-m", "pytest", "tests/renderer", "--regenerate-golden", *args, cwd=ROOT)


def bench(args: list[str]) -> int:
    there = {p.stem: p for p in sorted((ROOT / "tools/bench").glob("*.py")) if not p.stem.startswith("_")}
    if args and args[0] not in there:
        fail(f"there is no benchmark '{args[0]}'; there are: {', '.join(there) or 'none'}")
    set_up(GL_PACKAGES + BENCH_PACKAGES, extras="dev,train,prompts,bench")
    if args:
        return call(PYTHON, there[args[0]], *args[1:], cwd=ROOT)
    return max((call(PYTHON, path, cwd=ROOT) for path in there.values()), default=0)


def lint() -> list[str]:
    """Run the linters and return the names of those that found something."""
    checks = (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"])
    return [" ".join(check) for check in checks if call(PYTHON, "-m", *check, cwd=ROOT)]


# --- setting up ---------------------------------------------------------------------------------------------


def set_up(packages: list[str], extras: str = "dev,train,prompts") -> None:
    """Leave `.venv` with vrgen and `extras` installed, and the system packages present where that is possible."""
    install_system(packages)
    wanted = hashlib.sha256(
        b"".join([(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")])
        + str(ROOT).encode()
    ).hexdigest()
    stamp = STAMP.read_text().split() if STAMP.is_file() else []
    if PYTHON.exists() and stamp[:1] == [wanted] and set(extras.split(",")) <= set(stamp[1:]):
        return
    make_venv()
    say("installing vrgen and what it needs into .venv; the first time takes some minutes …")
    what = ["--constraint", "constraints.txt", "--editable", f".[{extras}]"]
    if call(PYTHON, "-m", "pip", "install", "--disable-pip-version-check", *what, cwd=ROOT):
        fail("pip could not install what vrgen needs, its reason is above; without a network, connect once")
    STAMP.write_text(" ".join([wanted, *extras.split(",")]) + "\n")


def make_venv() -> None:
    """Make `.venv`, or mend it where its Python is gone (removed, or upgraded away)."""
    if succeeds(PYTHON, "-m", "pip", "--version"):
        return
    if not succeeds(sys.executable, "-c", "import ensurepip"):  # Debian ships it in a package of its own
        install_system([f"python3.{sys.version_info.minor}-venv"])
    clear = [] if succeeds(PYTHON, "--version") else ["--clear"]
    if call(sys.executable, "-m", "venv", *clear, VENV):
        fail(
            "Python can't make a virtual environment here; "
            "install its venv module (Debian, Ubuntu: apt-get install python3-venv) and run this again"
        )


def install_system(packages: list[str]) -> None:
    """Install missing Debian packages as root; otherwise say how, and go on with what is there."""
    if sys.platform != "linux" or not packages:
        return
    if not shutil.which("dpkg-query"):
        return  # another distribution: `vrgen doctor` says what is missing
    listed = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *packages],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    present = {line.split()[0] for line in listed.splitlines() if line.endswith(" installed")}
    missing = [p for p in packages if p not in present]
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        say(f"system libraries are missing; install them with: sudo {shlex.join(command)}")
        return
    say(f"installing system libraries: {' '.join(missing)}")
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if any(
        subprocess.run(step, env=env, stdout=subprocess.DEVNULL, check=False).returncode
        for step in (["apt-get", "update", "--quiet"], command)
    ):
        say(f"apt-get could not install them; going on without. When it works again: {shlex.join(command)}")


def window_opens() -> bool:
    """Whether a window with the OpenGL that vrgen needs opens here (asked in a process of its own)."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    return succeeds(PYTHON, "-m", "vrgen.doctor", "window")


# --- small things -------------------------------------------------------------------------------------------


def call(*command: str | Path, cwd: Path | None = None) -> int:
    """Run a program with this one's input and output and return its exit status."""
    sys.stdout.flush()
    try:
        return subprocess.run(command, cwd=cwd, check=False).returncode
    except OSError as error:
        fail(f"{command[0]} can't be started ({error.strerror}); remove the folder {VENV} and run this again")


def succeeds(*command: str | Path) -> bool:
    """Whether a program runs and exits with 0; what it prints is dropped."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def say(text: str) -> None:
    print(f"dev.py: {text}", flush=True)


def fail(text: str) -> NoReturn:
    sys.stdout.flush()
    sys.exit(f"dev.py: {text}")


if __name__ == "__main__":
    sys.exit(main())

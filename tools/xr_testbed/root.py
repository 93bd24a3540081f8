"""The runtime's root: a small Debian 13 in a cache folder, because older systems have no OpenXR runtime.

Programs of this machine's Python run in it too: the newer C library serves both. Each program gets a mount
namespace of its own with the folders it needs bound into the root, so no mount is ever left behind: it ends with
the program, also when that crashes.
"""

import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

SUITE = "trixie"
PACKAGES = (
    # the runtime, and what it draws with
    *("libopenxr1-monado", "monado-service", "libopenxr-loader1", "mesa-vulkan-drivers", "xvfb", "procps"),
    *("libgl1-mesa-dri", "libgl1", "libegl1", "libglx-mesa0", "libegl-mesa0", "libopengl0"),
    # what GLFW loads to open a window
    *("libx11-6", "libxcursor1", "libxi6", "libxinerama1", "libxrandr2", "libxkbcommon0"),
    # what Python's own modules are linked with
    *("libffi8", "libssl3t64", "libsqlite3-0", "libexpat1", "libbz2-1.0", "liblzma5", "zlib1g", "libreadline8t64"),
)
BUILD_PACKAGES = ("mmdebstrap", "debian-archive-keyring")
TOOLS = ("unshare", "setpriv", "mount", "chroot")
"""Programs that starting something in the root takes; util-linux and coreutils have them."""

REPOSITORY = Path(__file__).resolve().parents[2]
RUNTIME_JSON = Path("/usr/share/openxr/1/openxr_monado.json")
"""The runtime's manifest, inside the root."""

Say = Callable[[str], None]


class TestbedUnavailable(Exception):
    """This machine can't have the testbed; the message is the reason, one sentence."""

    __test__ = False  # pytest: the name is no test


@dataclass(frozen=True)
class Root:
    """A built root. `binds`: folders and files of this machine that its programs see under the same path."""

    folder: Path
    binds: tuple[Path, ...]

    def command(self, program: Sequence[str | Path], cwd: Path = REPOSITORY) -> list[str]:
        """The command line that runs `program` in the root; the process keeps its number through all steps.

        The program is killed when the thread that started it ends (`prctl(2)`, PR_SET_PDEATHSIG).
        """
        under = shlex.quote(str(self.folder))
        steps = ["set -e", *(f"mount --rbind /{name} {under}/{name}" for name in ("proc", "dev", "sys", "tmp"))]
        for path in map(str, self.binds):
            steps.append(f"mount --bind {shlex.quote(path)} {under}{shlex.quote(path)}")
        steps.append(f'exec chroot {under} env --chdir={shlex.quote(str(cwd))} "$@"')
        inside = ["sh", "-c", "\n".join(steps), "sh", *map(str, program)]
        return ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", *inside]


def open_root(say: Say = print, binds: Sequence[Path] = ()) -> Root:
    """The root, built where it is not there yet (about 40 s, 760 MB), with this Python and repository bound in.

    Raises:
        TestbedUnavailable: it can't be had here.
    """
    _check_machine()
    listed = " ".join([SUITE, *PACKAGES])
    cache = user_cache_path("vrgen")
    folder = cache / f"xr-root-{SUITE}-{hashlib.sha256(listed.encode()).hexdigest()[:8]}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache / "xr-root.lock"):
            if not folder.is_dir():  # another process may have built it while this one waited
                _build(folder, say)
    wanted = {*_python(), REPOSITORY, *_temporary(), *(path.resolve() for path in binds)}
    bound = tuple(sorted(wanted))  # a folder before what is in it, which it would hide
    for path in bound:
        _make_mount_point(path, folder / path.relative_to("/"))
    return Root(folder, bound)


def _check_machine() -> None:
    """Raise TestbedUnavailable where the root can neither be built nor used."""
    if sys.platform != "linux" or not shutil.which("apt-get"):
        raise TestbedUnavailable(
            f"the OpenXR testbed needs Debian or a system derived from it, this is {sys.platform} without "
            "apt-get; use a container or virtual machine with Debian"
        )
    if os.geteuid() != 0:
        raise TestbedUnavailable(
            "the OpenXR testbed needs root (for chroot and mount), this is a user's process; run it with sudo"
        )
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise TestbedUnavailable(
            f"the OpenXR testbed needs {', '.join(missing)}; run apt-get install util-linux mount coreutils"
        )
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        raise TestbedUnavailable(
            f"the OpenXR testbed needs a mount namespace of its own, this machine refuses it "
            f"({tried.stderr.strip()}); give the container the capability SYS_ADMIN"
        )


def _build(folder: Path, say: Say) -> None:
    """Make the root under another name, then rename it: a root that is there is whole."""
    _install_builder(say)
    building = folder.with_name(f"{folder.name}.building")
    remove(building)  # left by a build that was interrupted
    say(f"building a Debian {SUITE} with the OpenXR runtime in {folder}; once, about a minute …")
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(building)]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise TestbedUnavailable(
                f"mmdebstrap could not build the OpenXR testbed's root ({_reason(made.stderr)}); "
                "it needs a network with Debian's packages, once"
            )
        building.rename(folder)
    finally:
        remove(building)


def _install_builder(say: Say) -> None:
    if shutil.which("mmdebstrap"):
        return
    say(f"installing {' '.join(BUILD_PACKAGES)}")
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *BUILD_PACKAGES]
    for step in (["apt-get", "update", "--quiet"], install):
        done = subprocess.run(step, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TestbedUnavailable(
                f"the OpenXR testbed needs mmdebstrap and apt-get could not install it ({_reason(done.stderr)}); "
                f"when it works again: {shlex.join(install)}"
            )


def _reason(said: str) -> str:
    """The line of a program's complaints that tells most: the first error, else the last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next(
        (line for line in lines if line.startswith(("E:", "Err:"))), lines[-1] if lines else "no reason given"
    )


def remove(folder: Path) -> None:
    """Delete a root that was not finished. What is still mounted in it is unmounted first, never deleted."""
    under = f"{folder}/"
    for line in reversed(Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()):
        place = line.split()[4].encode().decode("unicode_escape")  # proc(5): blanks are written \040
        if place.startswith(under):
            subprocess.run(["umount", "--lazy", place], check=True)
    if folder.exists():
        shutil.rmtree(folder)


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Only one process at a time."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _python() -> list[Path]:
    """Where this Python and its packages lie. Of a system's Python only its own files: /usr is the root's."""
    prefix, base = Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()
    if base not in (Path("/usr"), Path("/")):
        return [base, prefix]
    names = [Path(sys.executable).resolve()]  # the program, and the links by which an environment finds it
    link = Path(sys.executable)
    while link.is_symlink():
        link = link.parent / link.readlink()
        names.append(link)
    stdlib = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")]
    return [*names, *stdlib, *([] if prefix == base else [prefix])]


def _temporary() -> list[Path]:
    """The folder of temporary files, where it is not in /tmp."""
    folder = Path(tempfile.gettempdir()).resolve()
    return [] if folder.is_relative_to("/tmp") else [folder]


def _make_mount_point(source: Path, place: Path) -> None:
    if source.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    elif not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()

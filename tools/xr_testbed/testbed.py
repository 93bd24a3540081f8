"""Display, OpenXR runtime and headset in the runtime's root, and programs of this machine's Python among them."""

import contextlib
import itertools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from xr_testbed.headset import HeadsetError, RemoteHeadset
from xr_testbed.picture import read_screen, write_png
from xr_testbed.program import Program, TestbedError
from xr_testbed.root import REPOSITORY, RUNTIME_JSON, Root, Say, open_root

Device = Literal["remote", "simulated"]
"""remote: 960 × 1080 an eye, moved over a socket, seen in a window. simulated: 320 × 240, no window, 20 Hz."""

_PYTHON = Path(sys.executable).parent.resolve() / Path(sys.executable).name
_STARTED = "The Monado service has started."
_START_TIMEOUT_S = 60.0


class Testbed:
    """Two displays, an OpenXR runtime and a headset, from entering to leaving. Several may stand side by side.

    The runtime's compositor fills a display of its own (`picture_px`, both eyes side by side); programs open their
    windows on another one (`desktop_px`, its name is `display`), which programs outside the root reach too.
    `scale_percent`: how large programs are told to draw an eye; 100 is 960 × 1080, less is quicker on a software
    rasteriser.
    Everything that was started in the testbed ends with it. `folder` holds the logs and is removed at the end,
    unless an exception ends it or `keep` is set.
    """

    __test__ = False

    def __init__(
        self,
        root: Root | None = None,
        *,
        device: Device = "remote",
        picture_px: tuple[int, int] = (960, 540),
        desktop_px: tuple[int, int] = (1600, 1000),
        rate_hz: int = 90,
        scale_percent: int = 100,
        keep: bool = False,
        say: Say = print,
    ) -> None:
        self._root = root
        self._device: Device = device
        self._picture_px = picture_px
        self._desktop_px = desktop_px
        self._rate_hz = rate_hz
        self._scale_percent = scale_percent
        self._keep = keep
        self._say = say
        # The kernel kills a program of the testbed when the thread that started it ends; this one lives as long as
        # the testbed, whichever thread asks for a start, and ends with the process however that ends.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="xr-testbed-starter")
        self._end = contextlib.ExitStack()
        self._runtime: Program | None = None
        self._headset: RemoteHeadset | None = None
        self._numbers = itertools.count(1)
        self.folder = Path()
        self.display = ""
        self.port = 0
        self._headset_display = ""

    # --- its life -----------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.callback(self._starter.shutdown)
            self._root = self._root or open_root(self._say)
            self.folder = Path(tempfile.mkdtemp(prefix="vrgen-xr-", dir="/tmp"))  # /tmp is the same in the root
            undo.push(self._remove_folder)
            for name in ("run", "config/monado", "home", "headset", "desktop"):
                (self.folder / name).mkdir(parents=True, mode=0o700)
            self._headset_display = self._start_display("headset", self._picture_px, undo)
            self.display = self._start_display("desktop", self._desktop_px, undo)
            self.port = _free_port()
            settings = {"remote": {"version": 0, "port": self.port, "view_count": 2}}
            (self.folder / "config/monado/config_v0.json").write_text(json.dumps(settings), encoding="utf-8")
            undo.callback(self.stop_runtime)
            self.start_runtime()
            self._end = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.__exit__(kind, error, trace)

    def _remove_folder(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            error.add_note(f"The testbed's logs are in {self.folder}.")
        elif not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- the runtime --------------------------------------------------------------------------------------------

    def start_runtime(self) -> None:
        """Start the runtime, and come back when it answers. A headset that was moved before is put back there."""
        if self._runtime is not None:
            raise TestbedError("the runtime runs already; call stop_runtime() first")
        env = self.environment() | {"XRT_NO_STDIN": "1", "DISPLAY": self._headset_display}
        if self._device == "remote":
            env |= {
                "P_OVERRIDE_ACTIVE_CONFIG": "remote",
                "XRT_COMPOSITOR_FORCE_XCB": "1",
                "XRT_COMPOSITOR_XCB_FULLSCREEN": "1",
                "XRT_COMPOSITOR_SCALE_PERCENTAGE": str(self._scale_percent),
                "XRT_COMPOSITOR_DEFAULT_FRAMERATE": str(self._rate_hz),
            }
        else:
            env |= {"XRT_COMPOSITOR_NULL": "1", "SIMULATED_ENABLE": "1"}
        log = self.folder / "runtime.log"
        starts = 1 + (log.read_text(encoding="utf-8", errors="replace").count(_STARTED) if log.exists() else 0)
        self._runtime = self._start(["monado-service"], env, log)
        self._runtime.wait_for(_STARTED, _START_TIMEOUT_S, starts)
        if self._device == "remote":
            known = self._headset.state if self._headset else None
            self._headset = self._headset or RemoteHeadset(port=self.port)
            self._headset.connect()
            if known is not None:
                self._headset.send(known)

    def stop_runtime(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Stop the runtime: as if it crashed, or with SIGTERM in order."""
        if self._headset is not None:
            self._headset.close()
        if self._runtime is not None:
            self._runtime.end(how)
            self._runtime = None

    def freeze_runtime(self) -> None:
        """Let the runtime hang, whatever it is doing, until `thaw_runtime`."""
        self._tell_runtime(signal.SIGSTOP)

    def thaw_runtime(self) -> None:
        """Let it go on."""
        self._tell_runtime(signal.SIGCONT)

    def _tell_runtime(self, what: signal.Signals) -> None:
        if self._runtime is None:
            raise TestbedError("the runtime does not run; call start_runtime() first")
        self._runtime.send_signal(what)

    @property
    def headset(self) -> RemoteHeadset:
        """The connection that moves head and controllers (the runtime serves only one)."""
        if self._headset is None:
            raise HeadsetError(f"the testbed's device is {self._device}, only the remote one can be moved")
        return self._headset

    # --- programs -----------------------------------------------------------------------------------------------

    def environment(self, validation: Path | None = None) -> dict[str, str]:
        """What a program in the testbed finds in its environment; this process's own stays out, but for a few.

        With `validation`, the core-validation layer writes what it finds to that file.
        """
        kept = {name: value for name, value in os.environ.items() if name in ("LANG", "LC_ALL", "TERM")}
        run = str(self.folder / "run")
        env = kept | {
            "PATH": f"{_PYTHON.parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "DISPLAY": self.display,
            "HOME": str(self.folder / "home"),
            "PYTHONUNBUFFERED": "1",
            "VK_DRIVER_FILES": "/usr/share/vulkan/icd.d/lvp_icd.json",
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_RUNTIME_DIR": run,
            "XR_RUNTIME_JSON": str(RUNTIME_JSON),
        }
        if validation is not None:  # pyopenxr carries the layer and finds it by itself
            env |= {
                "XR_ENABLE_API_LAYERS": "XR_APILAYER_LUNARG_core_validation",
                "XR_CORE_VALIDATION_EXPORT_TYPE": "text",
                "XR_CORE_VALIDATION_FILE_NAME": str(validation),
            }
        return env

    def popen(
        self,
        program: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        *,
        log: Path | None = None,
        cwd: Path = REPOSITORY,
    ) -> Program:
        """Start a program in the root; it ends with the testbed at the latest.

        `env` is added to `environment()`. What it prints goes to `log`, by default a file in `folder`. The process
        is the program itself: signals reach it. It leads a process group of its own.
        """
        log = log or self.folder / f"program-{next(self._numbers)}.log"
        process = self._start(program, self.environment() | dict(env or {}), log, cwd)
        self._end.callback(process.end)
        return process

    def run(
        self,
        program: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 120.0,
        cwd: Path = REPOSITORY,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in the root to its end; output and errors come back together as `stdout`.

        Raises:
            TestbedError: it did not end in time (then it is killed).
        """
        process = self.popen(program, env, cwd=cwd)
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            process.end()
            raise TestbedError(
                f"{' '.join(map(str, program))} ran longer than {timeout_s:g} s and was ended; it said last: "
                f"{process.last_line()}"
            ) from error
        return subprocess.CompletedProcess(program, status, process.said(), "")

    def python(self, *args: str | Path) -> list[str | Path]:
        """The command line of this Python with `args`, for `run` and `popen`."""
        return [_PYTHON, *args]

    # --- the displays -------------------------------------------------------------------------------------------

    def picture(self) -> npt.NDArray[np.uint8]:
        """What the headset shows, left eye and right eye side by side: (height, width, 3) uint8."""
        return read_screen(self.folder / "headset/Xvfb_screen0")

    def picture_when(
        self, expected: Callable[[npt.NDArray[np.uint8]], bool], timeout_s: float = 10.0
    ) -> npt.NDArray[np.uint8]:
        """The first picture that is as expected: the compositor shows what was drawn some frames later.

        Raises:
            TestbedError: none was in time; the last one is kept as a file in `folder`.
        """
        until = time.monotonic() + timeout_s
        while not expected(picture := self.picture()):
            if time.monotonic() > until:
                last = self.folder / "last.png"
                write_png(picture, last)
                raise TestbedError(
                    f"the picture in the headset is not what was expected, {timeout_s:g} s long; see {last}"
                )
            time.sleep(0.05)
        return picture

    def desktop_picture(self) -> npt.NDArray[np.uint8]:
        """The desktop with the programs' windows: (height, width, 3) uint8."""
        return read_screen(self.folder / "desktop/Xvfb_screen0")

    def _start_display(self, name: str, size_px: tuple[int, int], undo: contextlib.ExitStack) -> str:
        """Start an X server and return its name, ":5"; it keeps its screen in a file in the folder `name`."""
        reader, writer = os.pipe()
        command = [
            *("Xvfb", "-displayfd", str(writer), "-screen", "0", f"{size_px[0]}x{size_px[1]}x24"),
            *("-nolisten", "tcp", "-noreset", "-fbdir", str(self.folder / name)),
        ]
        log = self.folder / f"{name}.log"
        with os.fdopen(reader) as said:
            try:
                server = self._start(command, dict(os.environ), log, pass_fds=[writer])
            finally:
                os.close(writer)
            undo.callback(server.end)
            ready, _, _ = select.select([said], [], [], _START_TIMEOUT_S)
            number = said.readline().strip() if ready else ""
        if not number:
            raise TestbedError(f"Xvfb did not start; it said last: {server.last_line()}")
        return f":{number}"

    # --- processes ----------------------------------------------------------------------------------------------

    def _start(
        self,
        program: Sequence[str | Path],
        env: Mapping[str, str],
        log: Path,
        cwd: Path = REPOSITORY,
        pass_fds: Sequence[int] = (),
    ) -> Program:
        assert self._root is not None
        command = self._root.command(program, cwd)
        return self._starter.submit(Program, command, env, log, pass_fds).result()


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port

"""Python child processes: start one, bound what it may take, say how it ended.

Not multiprocessing: its spawn runs the caller's main module again in the child, and nothing of what it passes
around is wanted here. A child's standard input is its lifeline: it ends when its parent does.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import resource

_BOOT = """
import json, sys
sys.path[:], module, arguments = json.loads(sys.argv[1])
import importlib
importlib.import_module(module).main(**arguments)
"""

# Blocks of the size of a feature map would otherwise go back to the system after every call and be faulted in
# again.
# Idle OpenMP threads must not spin on the cores that the frame process draws with.
ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TRIM_THRESHOLD_": "10000000000",
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
}


def start(
    module: str,
    arguments: dict[str, object],
    fds: Sequence[int] = (),
    *,
    output: int | IO[bytes],
    words: IO[bytes],
) -> "subprocess.Popen[bytes]":
    """Run `MODULE.main(**arguments)` in a new Python.

    `fds` are inherited under their own numbers; what it prints as its last words goes to `words`.
    """
    command = [sys.executable, "-c", _BOOT, json.dumps([sys.path, module, arguments])]
    environment = {**os.environ, **ENVIRONMENT}
    if sys.platform == "win32":
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=words, env=environment, bufsize=0
        )
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=output, stderr=words, env=environment, bufsize=0, pass_fds=fds
    )


def stand_back() -> None:
    """In the child: give way to the frame process, and leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        os.nice(5)


def limit_memory(memory_mb: int) -> None:
    """In the child, on Linux: beyond `memory_mb` of private memory an allocation fails, and becomes a sentence.

    Not for a process that uses CUDA, which maps far more than it takes; the parent's watch bounds that one.
    """
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = memory_mb << 20
        if hard == resource.RLIM_INFINITY or limit < hard:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def end_with_parent(rung: Callable[[], object] = lambda: None) -> None:
    """In the child: end at once when the parent has gone; call `rung` whenever it writes to the child's stdin."""

    def listen() -> None:
        while os.read(0, 4096):
            rung()
        os._exit(0)

    threading.Thread(target=listen, name="lifeline", daemon=True).start()


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def rss_mb(pid: int) -> float:
    """Resident memory of a process, MB; 0 when it has gone."""
    if sys.platform == "linux":  # some microseconds; the frame asks twice a second
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        except (OSError, IndexError):
            return 0.0
        return pages * resource.getpagesize() / (1 << 20)
    import psutil

    with contextlib.suppress(psutil.Error):
        return float(psutil.Process(pid).memory_info().rss) / (1 << 20)
    return 0.0


def how_it_ended(returncode: int, words: IO[bytes]) -> str:
    """An ended child in a few words, with the last line it said."""
    if returncode < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-returncode).name
            return f"was ended by {name}{_last_line(words)}"
    return f"exited with status {returncode}{_last_line(words)}"


def _last_line(words: IO[bytes]) -> str:
    words.seek(0, os.SEEK_END)
    words.seek(max(0, words.tell() - 2000))
    lines = [line.strip() for line in words.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return f" ({lines[-1][:160]})" if lines else ""

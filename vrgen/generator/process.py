"""The worker's process as the frame sees it: started off the frame's thread, watched, ended, never waited for."""

import contextlib
import os
import subprocess
import tempfile
import threading
from typing import IO

from vrgen.generator import child
from vrgen.generator.shared import MIB, Segment

BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""How long to wait before the first, second, … start after a death; the last again and again."""


class WorkerProcess:
    """One life of the worker. Made without waiting: `running` once the system has started it."""

    def __init__(self, segment: Segment, arguments: dict[str, object]) -> None:
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        self._process: subprocess.Popen[bytes] | None = None
        self._error: OSError | None = None
        self._thread = threading.Thread(
            target=self._start, args=(segment, arguments), name="worker-start", daemon=True
        )
        self._thread.start()

    def _start(self, segment: Segment, arguments: dict[str, object]) -> None:
        try:
            process = child.start(
                "vrgen.generator.worker",
                {"handle": segment.handle, **arguments},
                segment.fds,
                output=subprocess.DEVNULL,
                words=self._words,
            )
            assert process.stdin is not None
            # A worker that is stopped reads no bells: writing one must fail rather than wait.
            with contextlib.suppress(AttributeError, OSError):
                os.set_blocking(process.stdin.fileno(), False)
            self._process = process
        except OSError as error:
            self._error = error

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def ended(self) -> str | None:
        """How it ended, in a few words; None while it starts or runs."""
        if self._process is None:
            return f"could not be started ({self._error})" if self._error else None
        code = self._process.poll()
        return None if code is None else child.how_it_ended(code, self._words)

    @property
    def rss_mb(self) -> float:
        return child.rss_mb(self._process.pid) if self._process and self._process.returncode is None else 0.0

    def ring(self) -> None:
        """Wake the worker if it sleeps. Never waits."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):  # full: it has enough to wake up for; broken: it has ended
                os.write(self._process.stdin.fileno(), b"!")

    def hush(self) -> None:
        """Keep the file with its last words small, whatever a module prints."""
        with contextlib.suppress(OSError):
            if os.fstat(self._words.fileno()).st_size > MIB:
                os.ftruncate(self._words.fileno(), 0)
                os.lseek(self._words.fileno(), 0, os.SEEK_SET)

    def kill(self) -> None:
        """End it now; there is nothing in it that needs tidying up."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End it and wait until the system has taken it away."""
        self._thread.join()
        self.kill()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            if self._process.stdin is not None:
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
        self._words.close()

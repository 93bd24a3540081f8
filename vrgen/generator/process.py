"""The worker's process as the frame sees it: started off the frame's thread, watched, ended, never waited for."""

import contextlib
import math
import os
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from typing import IO

from vrgen.generator import child
from vrgen.generator.protocol import CALLING, IDLE, LOADING, STARTING, TUNING, Board
from vrgen.generator.shared import MIB, Segment

BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""How long to wait before the first, second, … start after a death; the last again and again."""
LOAD_TIMEOUT_S = 300.0
_HOUSEKEEPING_S = 0.5
_DOING = {CALLING: "a call", LOADING: "loading", STARTING: "its start", IDLE: "an answer", TUNING: "a try"}


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


@dataclass(frozen=True)
class Death:
    """A worker that has gone: what it did last (protocol.py), for which generator, and how it ended."""

    what: int
    number: int
    how: str


class Supervisor:
    """Keeps a worker alive: starts it, ends it when it hangs or takes too much, starts another after a while."""

    def __init__(
        self,
        segment: Segment,
        board: Board,
        arguments: dict[str, object],
        *,
        call_timeout_s: float,
        memory_mb: int,
        at_once: bool = True,
    ) -> None:
        """`at_once`: start it here, and not when `start` is called."""
        self._segment = segment
        self._board = board
        self._arguments = arguments
        self._call_timeout_s = call_timeout_s
        self._memory_mb = memory_mb
        self._worker: WorkerProcess | None = None
        self._why_killed: str | None = None
        self._start_at_s = math.inf
        self._housekeeping_at_s = self._grace_until_s = 0.0
        self._last_look_s: float | None = None
        self.deaths = 0
        """Since the last result."""
        self.rss_mb = 0.0
        self.peak_mb = 0.0
        board.set_state(STARTING)
        if at_once:
            self.start()

    def start(self) -> None:
        """Start it, the first time; later it is started anew when it has to be."""
        if self._start_at_s == math.inf:
            self._start_at_s = 0.0
            self._start()

    @property
    def pid(self) -> int | None:
        return self._worker.pid if self._worker else None

    def ring(self) -> None:
        """Wake the worker if it sleeps."""
        if self._worker is not None:
            self._worker.ring()

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def watch(self, now: float) -> Death | None:
        """Look after the worker, some microseconds; what it was doing if it has gone since the last look."""
        if self._last_look_s is not None and now - self._last_look_s > 1.0:
            # The frame process itself stood still (stopped, suspended): the worker may only seem to hang.
            self._grace_until_s = now + 2.0
        self._last_look_s = now
        if self._worker is None:
            if now >= self._start_at_s:
                self._start()
            return None
        if (ended := self._worker.ended) is not None:
            return self._bury(self._worker, ended, now)
        if now >= self._housekeeping_at_s:
            self._housekeeping_at_s = now + _HOUSEKEEPING_S
            self._worker.hush()
            self.rss_mb = self._worker.rss_mb
            self.peak_mb = max(self.peak_mb, self.rss_mb)
        if self._why_killed is None and now >= self._grace_until_s:
            self._why_killed = self._misbehaviour(now)
            if self._why_killed is not None:
                self._worker.kill()
        return None

    def _start(self) -> None:
        self._board.set_state(STARTING)
        self._board.set_step(0)
        self._why_killed = None
        self._worker = WorkerProcess(self._segment, self._arguments)

    def _misbehaviour(self, now: float) -> str | None:
        what, _, since_s = self._board.state
        limit_s = max(1.0, self._call_timeout_s) if what in (CALLING, IDLE, TUNING) else LOAD_TIMEOUT_S
        if now - since_s > limit_s:
            return (
                f"was ended because {_DOING[what]} took more than {limit_s:g} s "
                "(make the model faster or raise --call-timeout-s)"
            )
        if self.rss_mb > self._memory_mb:
            return (
                f"was ended because it took {self.rss_mb:.0f} MB, {self._memory_mb} MB are allowed "
                "(make the model smaller or raise --worker-memory-mb)"
            )
        return None

    def _bury(self, worker: WorkerProcess, ended: str, now: float) -> Death:
        what, number, _ = self._board.state
        worker.close()
        self._worker = None
        self._board.arena.recover()
        self._board.mailbox.reader_left()
        self._board.set_state(STARTING)
        self._start_at_s = now + BACK_OFF_S[min(self.deaths, len(BACK_OFF_S) - 1)]
        self.deaths += 1
        self.rss_mb = 0.0
        return Death(what, number, self._why_killed or ended)

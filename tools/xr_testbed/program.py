"""A program that runs in the testbed: what it said, waiting for what it says, and its end."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class TestbedError(Exception):
    """Display, runtime or a program did not do what it should; the message is one sentence."""

    __test__ = False  # pytest: the name is no test


class Program(subprocess.Popen[bytes]):
    """A running program, leader of a process group of its own, whose output and errors go to `log`."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], log: Path, pass_fds: Sequence[int] = ()
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            super().__init__(
                command,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=pass_fds,
            )

    def said(self) -> str:
        """All that is in its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def last_line(self) -> str:
        lines = [line.strip(" #") for line in self.said().splitlines()]
        return next((line for line in reversed(lines) if line), "nothing")

    def wait_for(self, text: str, timeout_s: float = 30.0, times: int = 1) -> str:
        """Wait until the log holds `text`, so often; returns the log.

        Raises:
            TestbedError: the program ended, or the time did, and it is not there.
        """
        until = time.monotonic() + timeout_s
        while True:
            ended = self.poll() is not None  # before reading: what it said last counts
            if (said := self.said()).count(text) >= times:
                return said
            if ended or time.monotonic() > until:
                how = f"ended with status {self.returncode}" if ended else f"has not in {timeout_s:g} s"
                raise TestbedError(f"a program should say '{text}' and {how}; it said last: {self.last_line()}")
            time.sleep(0.02)

    def end(self, how: signal.Signals = signal.SIGTERM, patience_s: float = 5.0) -> None:
        """End it and what it started: first with the signal `how`, after so long by force."""
        for with_signal in (how, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, with_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait(patience_s)
        self.wait()

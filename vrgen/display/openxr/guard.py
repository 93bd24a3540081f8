"""What gets the drawing thread out of a call to a runtime that hangs in it.

Only xrWaitFrame is waited for in a thread of its own; every other call is made where the picture is drawn. Where
one does not return, a signal interrupts the system call in which the runtime's client waits. Monado's takes that
for a lost connection (25.0.0, ipc_message_channel_unix.c) and the call fails; a client that waits on is none the
worse for it. Windows has no such signal: there only a hang in xrWaitFrame is survived.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

HUNG_S = 2.0
"""A call that takes longer hangs."""
_LEAVING_S = 0.05
"""The same once a call has hung: what is still to be given back hangs as well."""
_LOOK_S, _AGAIN_S = 0.1, 0.02


class Guard:
    """Enter it around calls to the runtime, on the thread that made it: `with guard.within(2.0): …`.

    `waits`: whether that thread waits for the frame's turn just now, which is no such call. Where there are no
    signals it does nothing.
    """

    def __init__(self, waits: Callable[[], bool]) -> None:
        self.hung = False
        """Whether a call has hung. Set it back for another connection."""
        self._waits = waits
        self._patience_s = HUNG_S
        self._overdue_s: float | None = None
        self._thread_id = threading.get_ident()
        self._closed = threading.Event()
        self._before: object = None
        self._works = os.name == "posix" and threading.current_thread() is threading.main_thread()
        if self._works:
            self._before = signal.signal(signal.SIGURG, _nothing)
            threading.Thread(target=self._watch, name="xr-guard", daemon=True).start()

    def within(self, seconds: float) -> Self:
        """For calls that may take so long."""
        self._patience_s = _LEAVING_S if self.hung else seconds
        return self

    def __enter__(self) -> None:
        self._overdue_s = time.monotonic() + self._patience_s

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._overdue_s = None

    def _watch(self) -> None:
        pause_s = _LOOK_S
        while not self._closed.wait(pause_s):
            overdue_s, now_s = self._overdue_s, time.monotonic()
            if overdue_s is not None and self._waits():
                self._overdue_s = overdue_s = now_s + self._patience_s
            late = overdue_s is not None and now_s > overdue_s
            pause_s = _AGAIN_S if late else _LOOK_S
            if late:
                self.hung = True
                signal.pthread_kill(self._thread_id, signal.SIGURG)

    def close(self) -> None:
        """Stop watching; the signal means again what it meant."""
        self._closed.set()
        if self._works and self._before is not None:
            signal.signal(signal.SIGURG, self._before)  # type: ignore[arg-type]
            self._before = None


def _nothing(number: int, frame: FrameType | None) -> None:
    """A handler of one's own, so that a system call is interrupted and not restarted."""

"""Ctrl+C and SIGTERM, noted and read where it suits: between two frames, between two steps.

Python raises KeyboardInterrupt wherever the thread happens to be; within a call to C it comes out as another error
or not at all.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A signal ended the run, in order."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_status = 128 + number
        """As shells have it."""


class Interrupt:
    """Whether a signal came; what is being done is finished first."""

    def __init__(self) -> None:
        self.signal = 0

    def take(self, number: int, _: FrameType | None) -> None:
        """The handler; a second signal ends the process at once, as it would have."""
        if self.signal:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.signal = number


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Takes SIGINT and SIGTERM meanwhile; outside the main thread, where Python lets nobody take them, neither."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {number: signal.signal(number, interrupt.take) for number in (signal.SIGINT, signal.SIGTERM)}
    if hasattr(signal, "siginterrupt"):  # Windows interrupts no call
        for number in before:
            # Monado's client takes a call that a signal interrupts for the end of its connection (25.0.0,
            # ipc_message_channel_unix.c); restarted by the kernel, the session ends in order.
            signal.siginterrupt(number, False)
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

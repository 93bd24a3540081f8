"""Waiting for the headset's next frame, in a thread of its own, so that a runtime that hangs holds nobody up.

xrWaitFrame may be called from another thread than the rest of the frame (OpenXR 1.1, 10.3); its turns still
pair one to one with xrBeginFrame, so there is never more than one on its way.
"""

import ctypes
import threading
from typing import Any

from vrgen.display.openxr.api import OpenXrError, call, load

_END_S = 1.0


class FrameWait:
    """The turns of one session. `state` is the runtime's answer to the last one."""

    def __init__(self, session: Any) -> None:
        xr = load()
        self._session, self._wait_frame = session, xr.raw_functions.xrWaitFrame
        self.state = xr.FrameState()
        self._asked, self._answered = threading.Semaphore(0), threading.Semaphore(0)
        self._pending = self._outlived = self._closing = False
        self._error: OpenXrError | None = None
        self._thread = threading.Thread(target=self._run, name="xrWaitFrame", daemon=True)
        self._thread.start()

    def turn(self, timeout_s: float) -> bool:
        """Whether the next frame's turn has come; False after `timeout_s`, ask again then.

        Raises:
            OpenXrError: the runtime does not want another frame.
        """
        if not self._pending:
            self._pending = True
            self._asked.release()
        if not self._answered.acquire(timeout=timeout_s):
            return False
        self._pending = False
        (error, self._error), outlived = (self._error, None), self._outlived
        self._outlived = False
        if error is not None and outlived:
            return self.turn(timeout_s)
        if error is not None:
            raise error
        return True

    def run_ended(self) -> None:
        """The session was ended (it may begin again): that a turn still on its way is then refused, is no error.

        One that is granted counts: the next xrWaitFrame would wait for its xrBeginFrame (OpenXR 1.1, 10.3).
        """
        self._outlived = self._pending

    @property
    def hangs(self) -> bool:
        """Whether a turn was asked for and has not come."""
        return self._pending

    def _run(self) -> None:
        while True:
            self._asked.acquire()
            if self._closing:
                return
            try:
                call(self._wait_frame, self._session, None, ctypes.byref(self.state))
            except OpenXrError as error:
                self._error = error
            self._answered.release()

    def close(self) -> bool:
        """End the thread; False where it still waits for the runtime (then the session can't be destroyed)."""
        self._closing = True
        self._asked.release()
        self._thread.join(_END_S)
        return not self._thread.is_alive()

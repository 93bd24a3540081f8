"""Looking out for a headset while the world is shown elsewhere: a child process asks, the frame only ever
looks."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from vrgen.display.openxr.registration import registered

_LOOK_EVERY_S = 3.0
_SILENT_S = 20.0
"""A child that says nothing for so long hangs in the runtime, and is started again."""
_END_S = 0.05
_BACK_OFF_S = (1.0, 2.0, 5.0, 15.0)

NOT_REGISTERED = (
    "no OpenXR runtime is registered; install SteamVR or another runtime and make it the active one in its "
    "settings"
)


@dataclass(frozen=True, slots=True)
class Sighting:
    """The newest answer."""

    ready: bool
    problem: str = ""
    runtime: str = ""
    headset: str = ""
    broken: bool = False
    """The runtime crashed or hangs, rather than having no headset."""


class Watch:
    """Owner of the child. `look` never waits. `may_start`: asking may start the runtime (SteamVR's does)."""

    def __init__(self, *, may_start: bool = False) -> None:
        self._may_start = may_start
        self._child: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None
        self._said: Sighting | None = None
        self._heard_s = self._try_after_s = 0.0
        self._deaths = 0

    def look(self) -> Sighting | None:
        """What was seen last since `begin`; None before the first answer."""
        now_s = time.monotonic()
        if self._child is None:
            if now_s >= self._try_after_s:
                self._start(now_s)
        elif self._child.poll() is not None:
            self._lost(f"the OpenXR runtime or one of its layers ended with {_ending(self._child.returncode)}")
        elif now_s - self._heard_s > _SILENT_S:
            self._lost(f"the OpenXR runtime has not answered for {_SILENT_S:.0f} s")
        return self._said

    def _start(self, now_s: float) -> None:
        if registered() is None:
            self._said = Sighting(False, NOT_REGISTERED)
            self._try_after_s = now_s + _LOOK_EVERY_S
            return
        self._heard_s = now_s
        self._child = subprocess.Popen(
            [
                *(sys.executable, "-m", "vrgen.display.openxr.probe", "watch"),
                *(["start"] if self._may_start else []),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # the loader's own complaints; the answer says what matters
        )
        self._listener = threading.Thread(target=self._listen, args=(self._child,), name="xr-watch", daemon=True)
        self._listener.start()

    def _listen(self, child: "subprocess.Popen[bytes]") -> None:
        assert child.stdout is not None
        with child.stdout as lines:
            for line in lines:
                if child is not self._child:
                    return
                with contextlib.suppress(
                    ValueError, KeyError, TypeError
                ):  # a runtime that prints on standard output
                    said = json.loads(line)
                    self._heard_s, self._deaths = time.monotonic(), 0
                    self._said = Sighting(
                        bool(said["ready"]),
                        str(said.get("problem", "")),
                        str(said.get("runtime", "")),
                        str(said.get("headset", "")),
                    )

    def _lost(self, how: str) -> None:
        self._stop_child()
        problem = f"{how}; run vrgen doctor, and switch third-party API layers off"
        self._said = Sighting(False, problem, broken=True)
        self._try_after_s = time.monotonic() + _BACK_OFF_S[min(self._deaths, len(_BACK_OFF_S) - 1)]
        self._deaths += 1

    def stop(self) -> None:
        """End the child and forget what it said; `look` begins anew."""
        self._stop_child()
        self._said, self._try_after_s, self._deaths = None, 0.0, 0

    def pause(self, seconds: float) -> None:
        """As `stop`, and do not ask again before."""
        self.stop()
        self._try_after_s = time.monotonic() + seconds

    def _stop_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            if self._listener is not None:  # what it still hears is not the next child's
                self._listener.join(_END_S)  # a runtime that the child has started may hold its output open
            if child.stdin is not None:
                with contextlib.suppress(OSError):
                    child.stdin.close()


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"status {code}"

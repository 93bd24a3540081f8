"""The whole program in the testbed: what it tells while it runs, and the person's hands."""

import itertools
import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from xr_testbed.headset import ControllerState
from xr_testbed.root import REPOSITORY
from xr_testbed.testbed import Testbed

PROGRAM = Path(__file__).with_name("visit_program.py")
PATHS = {"PYTHONPATH": str(REPOSITORY), "MESA_SHADER_CACHE_DIR": "/tmp/vrgen-xr-shaders"}
"""The testbed's home is new each time; the shaders are kept, which llvmpipe takes many seconds to compile."""
PATIENCE_S = 60.0
_numbers = itertools.count(1)


class Visit:
    """A running `vrgen run` on a tiny world, ended by `leave`."""

    def __init__(
        self, testbed: Testbed, world: Path, *args: str | Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.testbed = testbed
        self._report = testbed.folder / f"report-{next(_numbers)}.json"
        self.program = testbed.popen(
            testbed.python(
                *(PROGRAM, "run", world, "--quality", "low", "--device", "cpu", "--size", "320", "180"),
                *("--report", self._report),
                *args,
            ),
            PATHS | dict(env or {}),
        )
        self._told: list[dict[str, Any]] = []
        self._at = self._beat = self._seen = 0

    @property
    def now(self) -> dict[str, Any]:
        """What it told last."""
        self._read()
        return self._told[-1]

    def _read(self) -> None:
        """Take what was told since."""
        with self.program.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._at)
            new = log.read()
        whole = new[: new.rfind("\n") + 1]  # the last line may still be on its way
        self._at += len(whole.encode())
        for line in whole.splitlines():
            if line.startswith("{"):
                said = json.loads(line)
                self._beat = said.get("beat", self._beat)
                if "visit" in said:
                    self._told.append(said["visit"])

    def frames(self, count: int = 2) -> None:
        """Wait until so many have passed."""
        self._read()
        last, until = self._beat + count, time.monotonic() + PATIENCE_S
        while self._beat < last:
            assert time.monotonic() < until and self.program.poll() is None, "there are no frames"
            time.sleep(0.02)
            self._read()

    def when(self, what: Callable[[dict[str, Any]], bool], patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The first thing told of which that is so, after what was waited for before."""
        until = time.monotonic() + patience_s
        while True:
            ended = self.program.poll() is not None
            self._read()
            for at, each in enumerate(self._told[self._seen :], self._seen):
                if what(each):
                    self._seen = at
                    return each
            if ended or time.monotonic() > until:
                last = self._told[-1] if self._told else self.program.last_line()
                raise AssertionError(f"waited in vain; told last: {last}")
            time.sleep(0.05)

    def change(self, side: str, **what: Any) -> None:
        """Of a controller: its buttons, sticks, pose."""
        self.testbed.headset.change(lambda state: replace(state, **{side: replace(getattr(state, side), **what)}))

    @contextmanager
    def held(self, side: str, **what: Any) -> Iterator[None]:
        """While this lasts; then it is let go, and seen to be."""
        self.change(side, **what)
        yield
        rest = ControllerState()
        self.change(side, **{name: getattr(rest, name) for name in what})
        self.frames()

    def leave(self) -> dict[str, Any]:
        """End it as Ctrl+C does; returns the report."""
        self.program.send_signal(signal.SIGINT)
        assert self.program.wait(30) == 130, self.program.said()[-2000:]
        report: dict[str, Any] = json.loads(self._report.read_text(encoding="utf-8"))
        return report


def apart_m(a: list[float], b: list[float]) -> float:
    return math.dist(a, b)

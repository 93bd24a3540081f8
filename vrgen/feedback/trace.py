"""A trace that ui.perfetto.dev opens: every frame, every call of a generator, each change from one to the other.

Chrome's trace event format, as JSON (`.json`) or gzipped (`.json.gz`). Events go to the file as frames end; at
most `BATCH` and those of a frame wait in memory. A `.json` is whole after every write, whatever ends the program;
a `.json.gz` when the trace is closed.
"""

import gzip
import io
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from vrgen import __version__
from vrgen.collector import Collector
from vrgen.errors import VrgenError
from vrgen.feedback.changes import STAGES, Change
from vrgen.feedback.ledger import Ledger, Passes, Step
from vrgen.feedback.missed import CAUSES
from vrgen.laps import Laps
from vrgen.messages import Request, Timings

BATCH = 256
_FRAME, _WORKER = 1, 2
"""Processes; `(1, 1)` is the frame's thread, `(1, 2)` the GPU, `(2, 1)` the worker's calls."""
_TAIL = "\n]}\n"
_GENERATIONS = ("collect young", "collect older", "collect everything")
_CLOCK_EVERY = 450
"""Frames after which the GPU's clock is compared with ours again."""


class TracedPasses(Passes, Protocol):
    """What the trace reads of `vrgen.gl.timing.PassTimer`."""

    log: list[tuple[int, float, float]] | None
    gpu_log: list[tuple[int, int, int]] | None

    def gpu_clock_s(self) -> float:
        """time.perf_counter less the GPU's clock."""
        ...


class Trace:
    """Owner of the file. A context manager: leaving it, by an error too, makes the file whole.

    Raises:
        VrgenError: the file can't be written; while frames are drawn that is kept for the end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._events: list[str] = []
        self._first = True
        self._file: io.BufferedIOBase | None = None
        self._end = 0
        self._error: OSError | None = None
        self._zero_s = 0.0
        self._monotonic_s = 0.0
        self._clock_s = 0.0
        self._rested_s = 0.0
        self._gpu_end = 0
        self._shown: dict[str, object] = {}

    def __enter__(self) -> Self:
        head = {"producer": f"vrgen {__version__}", "begun": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
        try:
            zipped = self.path.suffix == ".gz"
            file: io.BufferedIOBase
            file = gzip.open(self.path, "wb", compresslevel=1) if zipped else self.path.open("wb")
            self._file = file
            file.write(f'{{"otherData": {json.dumps(head)}, "displayTimeUnit": "ms", "traceEvents": ['.encode())
        except OSError as error:
            raise self._broken(error) from error
        for pid, process, tid, thread in (
            (_FRAME, "frame", 1, "frame"),
            (_FRAME, "frame", 2, "GPU"),
            (_WORKER, "worker", 1, "calls"),
        ):
            named = f'"ph": "M", "pid": {pid}, "tid": {tid}'
            self._events.append(f'{{{named}, "name": "process_name", "args": {{"name": "vrgen: {process}"}}}}')
            self._events.append(f'{{{named}, "name": "thread_name", "args": {{"name": "{thread}"}}}}')
        self._flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        if self._file is not None:
            try:
                if isinstance(self._file, gzip.GzipFile):
                    self._file.write(_TAIL.encode())
                self._file.close()
            except OSError as problem:
                self._error = self._error or problem
            self._file = None
        if self._error is not None and error is None:
            raise self._broken(self._error) from self._error

    def begin(self, now_s: float, ledger: Ledger, steps: Laps, passes: TracedPasses, collector: Collector) -> None:
        """From `now_s` (time.perf_counter) on everything is logged."""
        self._zero_s = self._rested_s = now_s
        self._monotonic_s = ledger.changes.monotonic_s
        self._clock_s = passes.gpu_clock_s()
        steps.log, passes.log, passes.gpu_log, collector.log = [], [], [], []

    # --- what happened --------------------------------------------------------------------------------------

    def frame(
        self,
        ledger: Ledger,
        steps: Laps,
        passes: TracedPasses,
        collector: Collector,
        results: Iterable[tuple[Request, Timings]],
        waiting: int,
    ) -> None:
        """A frame is over, and what follows it. `results`: what it was the first to have whole; `waiting`: how
        many requests are not answered."""
        if self._error is not None or steps.log is None or passes.log is None or collector.log is None:
            return
        begun_s, ended_s = steps.log[0][1], steps.ended_s[Step.END]
        self._slice("wait", self._rested_s, begun_s)
        missed, cause = ledger.last_miss
        if missed:
            self._add(f'"ph": "i", "s": "t", "name": "missed {missed}: {CAUSES[cause]}"', begun_s)
        self._slice("frame", begun_s, ended_s, args=f'{{"number": {ledger.count}}}')
        for names, log in ((steps.names, steps.log), (passes.names, passes.log)):
            for which, since_s, until_s in log:
                self._slice(names[which], since_s, until_s)
        for since_s, until_s, generation in collector.log:
            self._slice(_GENERATIONS[generation], since_s, until_s)
        self._gpu(passes, ledger.count)
        for request, times in results:
            self._result(request, times)
        for change in ledger.changes.finished:
            self._change(change, ended_s - steps.took_s[Step.END] / 2)
        by_cause = ", ".join(f'"{name}": {count}' for name, count in zip(CAUSES, ledger.missed_by))
        self._counter("missed frames", by_cause, begun_s)
        self._counter("requests", f'"waiting": {waiting}', begun_s)
        self._counter("upload", f'"ms": {passes.took_s[0] * 1e3:.3f}', begun_s)
        self._rested_s = steps.ended_s[Step.COLLECT]
        steps.log.clear()
        passes.log.clear()
        collector.log.clear()
        if len(self._events) >= BATCH:
            self._flush()

    def _gpu(self, passes: TracedPasses, number: int) -> None:
        if passes.gpu_log is None:
            return
        if number % _CLOCK_EVERY == 0:
            self._clock_s = passes.gpu_clock_s()
        for which, since_ns, until_ns in passes.gpu_log:
            since_ns = max(since_ns, self._gpu_end)  # clocks are compared anew, ours and the GPU's
            self._gpu_end = max(until_ns, since_ns)
            name = passes.names[which] if which >= 0 else "drawing"
            self._slice(name, since_ns / 1e9 + self._clock_s, self._gpu_end / 1e9 + self._clock_s, tid=2)
        passes.gpu_log.clear()

    def _result(self, request: Request, times: Timings) -> None:
        """The worker's part of it, on its own track."""
        started_s, made_s = times.started_s - self._monotonic_s, times.made_s - self._monotonic_s
        self._slice(f"infer {request.generator}", started_s, made_s, pid=_WORKER, args=_asked(request))
        if times.handed_s:
            self._slice("copy", made_s, times.handed_s - self._monotonic_s, pid=_WORKER)

    def _change(self, change: Change, shows_s: float) -> None:
        """A change and its stages as one bundle, and an arrow from asking, by the call, to the frame that shows
        it, where its thread is at `shows_s`."""
        name, ident, times_s = change.name, f'"cat": "change", "id": {change.number}', change.times_s
        self._add(f'"ph": "b", {ident}, "name": {_said(name)}', times_s[0])
        for stage, since_s, until_s in zip(STAGES, times_s, times_s[1:]):
            self._add(f'"ph": "b", {ident}, "name": "{stage}"', since_s)
            self._add(f'"ph": "e", {ident}, "name": "{stage}"', until_s)
        self._add(f'"ph": "e", {ident}, "name": {_said(name)}', times_s[-1])
        arrow = f'"cat": "flow", "id": {change.number}, "name": "change"'
        self._add(f'"ph": "s", {arrow}', times_s[1])
        self._add(f'"ph": "t", {arrow}', times_s[2], pid=_WORKER)
        self._add(f'"ph": "f", "bp": "e", {arrow}', shows_s)

    # --- how it is written ----------------------------------------------------------------------------------

    def _slice(
        self, name: str, since_s: float, until_s: float, *, pid: int = _FRAME, tid: int = 1, args: str = ""
    ) -> None:
        since, until = self._ns(since_s), self._ns(until_s)
        length = f'"dur": {(until - since) / 1e3:.3f}'
        more = f', "args": {args}' if args else ""
        self._add(f'"ph": "X", "name": {_said(name)}, {length}{more}', since_s, pid=pid, tid=tid)

    def _counter(self, name: str, args: str, at_s: float) -> None:
        if self._shown.get(name) != args:
            self._shown[name] = args
            self._add(f'"ph": "C", "name": "{name}", "args": {{{args}}}', at_s)

    def _add(self, event: str, at_s: float, *, pid: int = _FRAME, tid: int = 1) -> None:
        self._events.append(f'{{"pid": {pid}, "tid": {tid}, "ts": {self._ns(at_s) / 1e3:.3f}, {event}}}')

    def _ns(self, at_s: float) -> int:
        return round((at_s - self._zero_s) * 1e9)

    def _flush(self) -> None:
        if self._file is None or self._error is not None or not self._events:
            return
        text = ("\n" if self._first else ",\n") + ",\n".join(self._events)
        self._first = False
        self._events.clear()
        try:
            if isinstance(self._file, gzip.GzipFile):
                self._file.write(text.encode())
                return
            self._file.seek(self._end, io.SEEK_SET) if self._end else None
            self._file.write(text.encode())
            self._end = self._file.tell()
            self._file.write(_TAIL.encode())
            self._file.flush()
        except OSError as error:
            self._error = error

    def _broken(self, error: OSError) -> VrgenError:
        return VrgenError(f"{self.path}: the trace can't be written ({error.strerror}); choose another place")


def _asked(request: Request) -> str:
    told: dict[str, object] = {"epoch": request.epoch, "revision": request.revision, "variant": request.variant}
    if request.tile is not None:
        told["tile"] = list(request.tile)
    return json.dumps(told)


def _said(name: str) -> str:
    return json.dumps(name)

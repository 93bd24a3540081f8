"""The trace file: what the format asks for, whole at any time, bounded in memory."""

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest
from tracing import read, require_arrows, require_bundles, require_nested

from vrgen.collector import Collector
from vrgen.errors import VrgenError
from vrgen.feedback.ledger import STEPS, Ledger, Step
from vrgen.feedback.trace import BATCH, Trace
from vrgen.laps import Laps
from vrgen.messages import FrameCost, Request, Timings


class Passes(Laps):
    """As the renderer's, with a GPU whose clock is 100 s behind."""

    def __init__(self) -> None:
        super().__init__(("upload", "sky"))
        self.gpu_ms, self.gpu_frame_ms, self.gpu_frames = [0.0, 1.0], 1.0, 0
        self.gpu_log: list[tuple[int, int, int]] | None = None

    def gpu_clock_s(self) -> float:
        return 100.0

    def draw(self) -> None:
        self.begin()
        self.lap(0)
        self.lap(1)
        now_ns = int((time.perf_counter() - 100.0) * 1e9)
        if self.gpu_log is not None:
            self.gpu_log.append((1, now_ns - 1000, now_ns))


class Run:
    """Frames as `Session` makes them, with a result in each."""

    def __init__(self, trace: Trace) -> None:
        self.trace, self.ledger = trace, Ledger("headless", 90.0, "", passes=("upload", "sky"))
        self.steps, self.passes, self.collector = Laps(STEPS), Passes(), Collector()
        trace.begin(time.perf_counter(), self.ledger, self.steps, self.passes, self.collector)

    def frames(self, count: int, name: str = "sky") -> None:
        for _ in range(count):
            self.frame(name)

    def frame(self, name: str) -> None:
        ledger, steps, changes = self.ledger, self.steps, self.ledger.changes
        begun_s = steps.begin()
        steps.lap(Step.INTERPRET)
        request = Request(name, 1, ledger.count, tile=(ledger.count, 0) if name == "land" else None)
        asked_s = time.monotonic()
        steps.lap(Step.REQUEST)
        made_s = time.monotonic()
        handed_s = time.monotonic()
        whole = ((request, Timings(asked_s, asked_s, made_s, handed_s, time.monotonic(), begun_s)),)
        changes.whole(whole)
        steps.lap(Step.LIVE)
        changes.became([(request, "taken"), (request, "resident"), (request, "seen")], time.perf_counter())
        self.passes.draw()
        steps.lap(Step.SHOW)
        steps.lap(Step.ANSWER)
        ledger.frame(begun_s, steps.ended_s[Step.ANSWER], 1.0, FrameCost())
        steps.lap(Step.END)
        ledger.handed_over(steps.ended_s[Step.END], 0.0)
        self.collector._notice("start", {})
        self.collector._notice("stop", {"generation": 0, "collected": 0})
        steps.lap(Step.COLLECT)
        ledger.rested(steps, self.passes, 0.0)
        self.trace.frame(ledger, steps, self.passes, self.collector, whole, waiting=3)


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_slices_nest_bundles_pair_and_stages_are_in_order(tmp_path: Path, name: str) -> None:
    with Trace(tmp_path / name) as trace:
        Run(trace).frames(60)
    events = read(tmp_path / name)
    assert require_nested(events) > 60 * 8
    assert len(require_bundles(events)) == require_arrows(events) == 60
    by_name = {event["name"] for event in events}
    assert {"frame", "interpret", "sky", "infer sky", "copy", "collect young", "missed frames"} <= by_name
    gpu = [event for event in events if event["ph"] == "X" and event["tid"] == 2]
    frames = [event for event in events if event["name"] == "frame"]
    assert len(gpu) == 60
    assert all(frames[0]["ts"] <= event["ts"] <= frames[-1]["ts"] + frames[-1]["dur"] for event in gpu)


def test_names_are_quoted(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    with Trace(path) as trace:
        Run(trace).frames(2, 'sk"y\\ é\n')
    assert 'infer sk"y\\ é\n' in {event["name"] for event in read(path)}


def test_missed_frames_are_marked_with_their_cause(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    with Trace(path) as trace:
        run = Run(trace)
        run.frames(2)
        run.ledger._begun_s = time.perf_counter() - 0.05
        run.frames(1)
    marks = [event["name"] for event in read(path) if event["ph"] == "i"]
    assert any(mark.startswith("missed") and mark.endswith("waiting") for mark in marks)
    counted = [event["args"] for event in read(path) if event["name"] == "missed frames"]
    assert counted[0]["waiting"] == 0 and counted[-1]["waiting"] >= 3


def test_it_is_whole_at_any_time_whatever_ends_the_program(tmp_path: Path) -> None:
    """Read while it is open: as after SIGKILL."""
    path = tmp_path / "trace.json"
    with Trace(path) as trace:
        run, seen = Run(trace), []
        for _ in range(20):
            run.frames(7)
            seen.append(len(read(path)))
    assert seen == sorted(seen) and seen[-1] > 500


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_it_is_whole_after_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ZeroDivisionError), Trace(tmp_path / name) as trace:
        Run(trace).frames(30)
        raise ZeroDivisionError
    assert len(require_bundles(read(tmp_path / name))) == 30


def test_little_waits_in_memory(tmp_path: Path) -> None:
    with Trace(tmp_path / "trace.json") as trace:
        run = Run(trace)
        for _ in range(300):
            run.frame("land")
            assert len(trace._events) < BATCH
            assert not run.steps.log and not run.passes.log and not run.collector.log and not run.passes.gpu_log


def test_a_place_that_can_not_be_written_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(VrgenError, match=r"trace\.json: the trace can't be written .*; choose another place"):
        Trace(tmp_path / "nowhere" / "trace.json").__enter__()


def test_a_full_disk_ends_no_session_and_is_told_at_the_end(tmp_path: Path) -> None:
    class Full:
        def __getattr__(self, name: str) -> Any:
            def refuse(*_: object) -> None:
                if name != "close":
                    raise OSError(28, "No space left on device")

            return refuse

    with pytest.raises(VrgenError, match="No space left"), Trace(tmp_path / "trace.json") as trace:
        run = Run(trace)
        assert trace._file is not None
        trace._file.close()
        trace._file = Full()  # type: ignore[assignment]
        run.frames(100)
        assert run.ledger.count == 100


def test_without_a_trace_nothing_is_logged() -> None:
    laps = Laps(("a", "b"))
    laps.begin()
    laps.lap(0)
    assert laps.log is None


def test_the_gzipped_file_is_smaller(tmp_path: Path) -> None:
    for name in ("trace.json", "trace.json.gz"):
        with Trace(tmp_path / name) as trace:
            Run(trace).frames(100)
    plain, zipped = ((tmp_path / name).read_bytes() for name in ("trace.json", "trace.json.gz"))
    assert len(zipped) < len(plain) / 4 and json.loads(gzip.decompress(zipped))["displayTimeUnit"] == "ms"

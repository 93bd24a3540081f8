"""What telling costs: the ledger's own CPU time a frame, and what frames of a world that stands leave in memory.

The calls that a frame makes to tell where its time went (laps, GPU timestamps, rings, the look at the garbage) are
made again and again by themselves, and held against the CPU time of a whole frame in the same run, nothing drawn.
The same frames once more with a trace being written.

For memory the world stands, the panel is there and the clock goes by frames: bytes and blocks that so many frames
more or less hold after a full collection, what the collection found, and the most that a frame held for itself.
"""

import gc
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import _bench
import numpy as np

from vrgen.app import Session
from vrgen.clock import StepClock
from vrgen.config import RunOptions
from vrgen.feedback.ledger import STEPS, Ledger, Step
from vrgen.feedback.trace import Trace
from vrgen.laps import Laps
from vrgen.messages import FrameCost

MOST_US = 60.0
"""That telling may take of the CPU in a frame without a trace."""


def main() -> None:
    parser = _bench.arguments(__doc__)
    _bench.world_argument(parser)
    parser.add_argument("--frames", type=int, help="of the world that stands")
    args = parser.parse_args()
    frames = args.frames or (100 if args.quick else 1000)
    target = _bench.chosen_world(args.world)
    report = _bench.Report("ledger", args)
    options = RunOptions(target=target, size=(64, 36))
    with _bench.visit(options, StepClock(1 / 90), drawn=False) as session:
        report.machine["GL"] = session.display.gl
        _bench.arrives(session, 20.0 if args.quick else 240.0)
        _turn(session, frames)
        telling_us = {name: _telling_us(session, software) for name, software in _TIMERS.items()}
        plain_us = _frame_us(session, frames)
        with tempfile.TemporaryDirectory() as folder, Trace(Path(folder) / "trace.json") as trace:
            session.accounts.trace_to(trace)
            traced_us = _frame_us(session, frames)
            session.accounts.trace_to(None)
        _stop_logging(session)
        memory = _memory(session, frames)
    rows = [[f"telling, {name}", f"{us:.1f}", f"{us / plain_us:.3f}"] for name, us in telling_us.items()]
    rows += [
        ["a frame", f"{plain_us:.1f}", "1"],
        ["a frame, traced", f"{traced_us:.1f}", f"{traced_us / plain_us:.2f}"],
    ]
    report.table(f"CPU time, µs (telling at most {MOST_US:g})", ("", "a frame", "÷ a frame"), rows)
    head = ("", "bytes", "blocks", "garbage", "most within a frame, bytes")
    report.table(f"What {frames} frames of a standing world leave", head, [["", *map(str, memory.values())]])
    collected = session.accounts.collector.told
    report.say(f"collections within frames: {collected['in_frames']}; all in all {collected}")
    report.keep(
        telling_us=telling_us, frame_us=plain_us, traced_us=traced_us, memory=memory, collections=collected
    )
    report.finish()


_TIMERS = {"no GPU asked": None, "with a GPU's timestamps": False, "with those of a rasteriser in software": True}


class _Untimed(Laps):
    """Passes whose time on the GPU nobody asks for."""

    gpu_frame_ms = 0.0
    gpu_frames = 0

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self.gpu_ms: list[float] = []

    def end(self) -> None:
        """Nothing was asked."""

    close = end


def _turn(session: Session, frames: int) -> None:
    until = session.ledger.count + frames
    _bench.turn(session, lambda: session.ledger.count >= until)


def _frame_us(session: Session, frames: int) -> float:
    begun_s = time.thread_time()
    _turn(session, frames)
    return (time.thread_time() - begun_s) / frames * 1e6


def _telling_us(session: Session, software: bool | None) -> float:
    """Median over ten of what `Session.frame` and `rest` do to tell, by itself."""
    from vrgen.gl.api import GL
    from vrgen.gl.timing import PassTimer
    from vrgen.renderer import PASSES

    ledger = Ledger("headless", 90.0, "", passes=PASSES)
    steps, collector = Laps(STEPS), session.accounts.collector
    passes = _Untimed(PASSES) if software is None else PassTimer(PASSES, software)
    cost = FrameCost(1.0, 0.5, 4096, 0.1)

    def tell() -> None:
        steps.begin()
        begun_s, core_s = time.perf_counter(), time.thread_time()
        for step in Step:
            steps.lap(step)
        passes.begin()
        for which in range(len(PASSES)):
            passes.lap(which)
        passes.resume()
        passes.end()
        ledger.changes.whole(())
        core_s = time.thread_time() - core_s
        ledger.frame(begun_s, steps.ended_s[Step.ANSWER], 1.0, cost, answered=True, core_s=core_s)
        slack_s = ledger.handed_over(steps.ended_s[Step.END], 0.0)
        collector.tidy(slack_s)
        ledger.rested(steps, passes, 0.0)

    found = [_each_us(tell, GL.glFinish) for _ in range(10)]
    passes.close()
    return float(np.median(found))


def _each_us(do: Callable[[], None], between: Callable[[], None], times: int = 200) -> float:
    between()
    begun_s = time.thread_time()
    for _ in range(times):
        do()
    return (time.thread_time() - begun_s) / times * 1e6


def _stop_logging(session: Session) -> None:
    session.accounts.steps.log = session.renderer.passes.log = session.accounts.collector.log = None
    session.renderer.passes.gpu_log = None


def _memory(session: Session, frames: int) -> dict[str, int]:
    tracemalloc.start()
    try:
        _turn(session, frames)
        gc.collect()
        held, blocks = tracemalloc.get_traced_memory()[0], sys.getallocatedblocks()
        freed = session.accounts.collector.freed
        most = 0
        for _ in range(frames):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            _turn(session, 1)
            most = max(most, tracemalloc.get_traced_memory()[1] - before)
        gc.collect()
        return {
            "bytes": tracemalloc.get_traced_memory()[0] - held,
            "blocks": sys.getallocatedblocks() - blocks,
            "garbage": session.accounts.collector.freed - freed,
            "most": most,
        }
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    main()

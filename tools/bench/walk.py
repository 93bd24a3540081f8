"""Walking in one direction, ten minutes or an hour: what both processes hold in memory, every ten seconds.

The real loop runs without a screen, the forward key held down. `--speed 10` lets the run's clock go ten times
as fast: the same way in a tenth of the time. Shared memory, which both processes see, is told apart from what
each has for itself. After five minutes the lines should be level: the median of the last five minutes is held
against that of the second five (of thirds, where the walk is shorter than a quarter of an hour).

The way is shorter than the time promises where somebody stands before what is too steep, or where frames take
longer than half a second: so the table has the rate of frames, and the last line what became of the way.
"""

import os
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import _bench
import numpy as np

from vrgen.app import Session
from vrgen.clock import RealClock
from vrgen.config import RunOptions
from vrgen.generator.child import rss_mb
from vrgen.inputs.interpret import WALK_MPS

LEVEL_AFTER_S = 300.0
GROWS = 1.02
"""What each process may hold at the end ÷ what it held after five minutes."""


class FastClock(RealClock):
    """Real time, `speed` times as fast."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def now_s(self) -> float:
        return super().now_s() * self._speed


@dataclass(frozen=True)
class Sample:
    """Memory at one time, MiB."""

    time_s: float
    way_m: float
    frame_own: float
    worker_own: float
    frame_shared: float
    worker_shared: float
    tiles: int
    results: int
    frames: int


def main() -> None:
    parser = _bench.arguments(__doc__)
    _bench.world_argument(parser)
    parser.add_argument("--minutes", type=float, help="of walking, on the run's clock")
    parser.add_argument("--speed", type=float, default=1.0, help="of the run's clock")
    parser.add_argument("--undrawn", action="store_true", help="leave out the calls that make a GPU work")
    parser.add_argument("--every", type=float, help="seconds of walking between two looks")
    args = parser.parse_args()
    minutes = args.minutes or (0.15 if args.quick else 10.0)
    every_s = args.every or (1.0 if args.quick else 10.0)
    target = _bench.chosen_world(args.world)
    report = _bench.Report("walk", args)
    options = RunOptions(target=target, size=(320, 180), hold=("w",))
    samples: list[Sample] = []
    due_s = 0.0
    begun_s = time.perf_counter()
    with _bench.visit(options, FastClock(args.speed), drawn=not args.undrawn) as session:
        report.machine["GL"] = session.display.gl
        start = session.person.feet_world

        def look() -> bool:
            now_s = session.display.clock.now_s()
            nonlocal due_s
            if now_s >= due_s:
                due_s = (now_s // every_s + 1) * every_s
                samples.append(_sample(session, now_s, start))
            return now_s > 60.0 * minutes

        for _ in _bench.turning(session):  # a list of frames would grow with the way
            if look():
                break
    took_s = time.perf_counter() - begun_s
    rows = [
        [f"{one.time_s:.0f} s", f"{one.way_m:.0f}",
         *(f"{n:.1f}" for n in (one.frame_own, one.worker_own, one.frame_shared, one.worker_shared)),
         str(one.tiles), str(one.results), f"{rate:.1f}"]
        for one, rate in zip(samples, _rates(samples, args.speed), strict=True)
    ]  # fmt: skip
    title = f"Walking on, {Path(target).name}: memory, MiB ({minutes:g} min in {took_s / 60:.1f} min)"
    memory = ("frame", "worker", "frame, shared", "worker, shared")
    head = ("after", "metres", *memory, "tiles", "results", "frames/s")
    report.table(title, head, rows)
    level_after_s = LEVEL_AFTER_S if 60.0 * minutes >= 3 * LEVEL_AFTER_S else 20.0 * minutes
    early = [one for one in samples if level_after_s <= one.time_s < 2 * level_after_s]
    late = [one for one in samples if one.time_s >= 60.0 * minutes - level_after_s]
    for name in ("frame_own", "worker_own", "frame_shared", "worker_shared"):
        if not early or not late:  # frames that take longer than the time between two looks
            break
        before, after = (float(np.median([getattr(one, name) for one in part])) for part in (early, late))
        words = f"{name.replace('_', ', ')}: {before:.1f} MiB after {level_after_s:.0f} s, {after:.1f} at the end"
        report.say(words)
        if name.endswith("own"):
            what = f"memory of the {name.partition('_')[0]}, at the end ÷ after {level_after_s:.0f} s"
            report.figure(what, after / before, at_most=GROWS)
    if samples:
        last = samples[-1]
        report.say(f"{last.way_m:.0f} m from the start; at {WALK_MPS} m/s it is {last.time_s * WALK_MPS:.0f} m")
    report.keep(world=target, speed=args.speed, samples=[asdict(one) for one in samples])
    report.finish()


def _sample(session: Session, now_s: float, start: tuple[float, float, float]) -> Sample:
    at = session.person.feet_world
    own, shared = _memory(os.getpid())
    worker_own, worker_shared = _memory(session.generators.worker_pid)
    tiles = len(session.scene.ground.shown.tiles) if session.scene is not None else 0
    results = sum(status.results for status in session.generators.status)
    way_m = float(np.hypot(at[0] - start[0], at[2] - start[2]))
    frames = session.ledger.count
    return Sample(now_s, way_m, own, worker_own, shared, worker_shared, tiles, results, frames)


def _rates(samples: list[Sample], speed: float) -> list[float]:
    """Frames a second of real time, until each sample from the one before."""
    begun = [(0.0, 0), *((one.time_s, one.frames) for one in samples)]
    return [
        (frames - before) * speed / max(at_s - before_s, 1e-9)
        for (before_s, before), (at_s, frames) in pairwise(begun)
    ]


def _memory(pid: int | None) -> tuple[float, float]:
    """What a process holds for itself, and of shared memory, MiB; all of it as its own where that is not told."""
    if pid is None:
        return 0.0, 0.0
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
        sizes = {name: value for name, _, value in (line.partition(":") for line in lines)}
        own, shared = (int(sizes[name].split()[0]) / 1024 for name in ("RssAnon", "RssShmem"))
    except (OSError, KeyError):
        return rss_mb(pid), 0.0
    return own, shared


if __name__ == "__main__":
    main()

"""How evenly frames follow each other while the generators rest, work without pause, are stopped or killed.

The real loop runs without a screen; the world stands whole at first. Then, one after the other in one session:
nothing is asked; a new world is asked for whenever the last one is nearly made; the latent is moved in every
frame; the worker is stopped (SIGSTOP) while it is asked; the worker is killed (SIGKILL), again and again, two
seconds after it is back at work.

A software rasteriser takes longer for two worlds that fade into each other than for one, whatever the worker does.
So everything is measured twice: at 90 Hz with the calls that draw left out, as if a GPU did the rest; and drawn,
at a rate that the rasteriser keeps. The frame's process has a core for itself and the worker the others, so that
what is measured is vrgen and not how the system moves two processes about; `--cores free` leaves it to the system.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import _bench
import psutil
from _cores import Cores, cores_argument

from vrgen.app import Session
from vrgen.clock import RealClock
from vrgen.config import RunOptions, world_of
from vrgen.display import headless
from vrgen.feedback.rings import summary
from vrgen.generator.inspection import inspect_checkpoint
from vrgen.messages import Controls

IDLE = "idle"
NEARLY_MADE = 4
MOST = 1.10
"""The p99 interval of busy frames ÷ that of idle ones."""
_BACK_S = 2.0


class Person:
    """Presses the keys: the display's script."""

    def __init__(self) -> None:
        self.does: Callable[[], Controls] = Controls

    def __call__(self, number: int) -> Controls:
        return self.does()


@dataclass(frozen=True)
class Phase:
    """What was measured while one thing went on."""

    name: str
    turns: _bench.Turns
    worker: float
    """Cores that the worker took, on average; negative where it was another one in the end."""
    results: int


def main() -> None:
    parser = _bench.arguments(__doc__)
    _bench.world_argument(parser)
    cores_argument(parser)
    _bench.device_argument(parser)
    parser.add_argument("--seconds", type=float, help="of each phase")
    parser.add_argument("--threads", default="0", help="LP_NUM_THREADS: rasteriser threads beside the drawing one")
    parser.add_argument("--size", type=int, nargs=2, default=(160, 90), help="width and height, pixels")
    parser.add_argument("--hz", type=float, default=20.0, help="rate of the frames that are drawn")
    args = parser.parse_args()
    seconds = args.seconds or (1.0 if args.quick else 15.0)
    os.environ["LP_NUM_THREADS"] = args.threads
    target = _bench.chosen_world(args.world)
    report = _bench.Report("interval", args, f"LP_NUM_THREADS={args.threads}")
    killed: dict[str, list[float]] = {}
    for drawn, rate_hz in ((False, 90.0), (True, args.hz)):
        person = Person()
        options = RunOptions(target=target, size=tuple(args.size), device=args.device)
        with (
            _at(rate_hz),
            _bench.visit(options, RealClock(), person, drawn) as session,
            Cores(session, args.cores) as cores,
        ):
            cores.look()
            report.machine["pinned"] = f"LP_NUM_THREADS={args.threads}; {cores.said}"
            report.machine["GL"] = session.display.gl
            patience_s = 4.0 if args.quick else 120.0
            _bench.arrives(session, patience_s)
            phases, back_s = _phases(session, person, cores, seconds, patience_s)
        said = f"drawn, {args.size[0]} × {args.size[1]}" if drawn else "nothing drawn"
        _tell(report, f"{Path(target).name}, {said}, {rate_hz:g} Hz", phases)
        killed[said] = back_s
        report.keep(
            **{
                said: {
                    "hz": rate_hz,
                    "interval_ms": [[phase.name, phase.turns.interval_ms] for phase in phases],
                    "frame_ms": [[phase.name, phase.turns.cost_ms] for phase in phases],
                    "back_s": back_s,
                }
            }
        )
    loads_s = {} if args.quick else _loads(target)
    rows = [[f"killed, {said}", str(len(found)), *_bench.cells(found)] for said, found in killed.items()]
    rows += [[f"loading {name} and its first calls", "1", f"{s:.2f}", "", ""] for name, s in loads_s.items()]
    title = "SIGKILL to the next result, s (at most 3 s plus the load time)"
    report.table(title, ("", "times", "p50", "p95", "p99"), rows)
    report.keep(world=target, loads_s=loads_s)
    report.finish()


def _tell(report: _bench.Report, what: str, phases: list[Phase]) -> None:
    idle = summary([ms for phase in phases if phase.name == IDLE for ms in phase.turns.interval_ms])
    rows = []
    for phase in phases:
        interval, cost = phase.turns.interval_ms, phase.turns.cost_ms
        share = summary(interval)["p99"] / idle["p99"]
        if phase.name.startswith("busy"):
            report.figure(f"p99 of the interval ÷ idle, {what}, {phase.name}", share, at_most=MOST)
        worker = f"{phase.worker:.2f}" if phase.worker >= 0 else "–"
        rows.append(
            [phase.name, *_bench.cells(interval), f"{share:.2f}", *_bench.cells(cost), worker, str(phase.results)]
        )
    head = ("generators", "p50", "p95", "p99", "÷ idle", "cost p50", "p95", "p99", "worker's cores", "results")
    report.table(f"Frame interval and cost, ms: {what}", head, rows)


@contextmanager
def _at(rate_hz: float) -> Iterator[None]:
    """The display without a screen at another rate than its own."""
    own_hz, headless.REFRESH_HZ = headless.REFRESH_HZ, rate_hz
    try:
        yield
    finally:
        headless.REFRESH_HZ = own_hz


def _phases(
    session: Session, person: Person, cores: Cores, seconds: float, patience_s: float
) -> tuple[list[Phase], list[float]]:
    phases: list[Phase] = []
    back_s: list[float] = []

    def measure(name: str, does: Callable[[], Controls], each: Callable[[], None] = lambda: None) -> None:
        person.does = does
        begun_s, before, results = time.perf_counter(), _worker_cpu_s(session), _results(session)

        def through() -> bool:
            cores.look()
            each()
            return time.perf_counter() - begun_s > seconds

        turns = _bench.turn(session, through)
        took_s = time.perf_counter() - begun_s
        worker = (_worker_cpu_s(session) - before) / took_s
        phases.append(Phase(name, turns, worker, _results(session) - results))
        person.does = Controls

    def new_world() -> Controls:
        return Controls(pressed=("n",) if _bench.open_requests(session) < NEARLY_MADE else ())

    measure(IDLE, Controls)
    measure("busy: a new world when one is made", new_world)
    measure("busy: morphing in every frame", lambda: Controls(scroll=0.2))
    _bench.arrives(session, patience_s)
    measure(IDLE, Controls)
    if hasattr(signal, "SIGSTOP"):
        _signal(session, signal.SIGSTOP)
        measure("stopped: SIGSTOP", new_world)
        _signal(session, signal.SIGCONT)
    _bench.arrives(session, patience_s)

    killer = _Killer(session, back_s)
    measure("killed: SIGKILL", new_world, killer.look)
    _bench.turn(session, lambda: killer.is_back() or killer.waits_s() > 60.0)
    _bench.arrives(session, patience_s)
    measure(IDLE, Controls)
    return phases, back_s


class _Killer:
    """Kills the worker, and notes when another one gives a result."""

    def __init__(self, session: Session, back_s: list[float]) -> None:
        self._session = session
        self._back_s = back_s
        self._killed: tuple[int, float] | None = None
        """Process and time, until it is back at work."""
        self._next_s = 0.0
        self._results = 0

    def look(self) -> None:
        pid = self._session.generators.worker_pid
        if self.is_back() and time.perf_counter() >= self._next_s and pid is not None:
            self._killed = pid, time.perf_counter()
            os.kill(pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)

    def is_back(self) -> bool:
        if self._killed is not None:
            killed, _ = self._killed
            if self._session.generators.worker_pid in (killed, None):
                self._results = _results(self._session)  # what it had made before its end still comes
            elif _results(self._session) > self._results:
                self._back_s.append(self.waits_s())
                self._next_s, self._killed = time.perf_counter() + _BACK_S, None
        return self._killed is None

    def waits_s(self) -> float:
        return 0.0 if self._killed is None else time.perf_counter() - self._killed[1]


def _signal(session: Session, which: int) -> None:
    pid = session.generators.worker_pid
    if pid is not None:
        os.kill(pid, which)


def _results(session: Session) -> int:
    return sum(status.results + status.stale for status in session.generators.status)


def _worker_cpu_s(session: Session) -> float:
    try:
        times = psutil.Process(session.generators.worker_pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _loads(target: str) -> dict[str, float]:
    """Seconds to load each checkpoint of the world and call it three times, as the worker does before it counts
    as loaded; in a process that has torch already."""
    paths = {use.checkpoint for use in world_of(target).generators.values()}
    found = {path.name: inspect_checkpoint(path) for path in sorted(paths)}
    return {
        name: told["load_s"] + (told["first_call_ms"] + 2 * told["call_ms"]["p50"]) / 1e3
        for name, told in found.items()
    }


if __name__ == "__main__":
    main()

"""How evenly frames follow each other while the generators rest, work without pause, are stopped or killed.

The real loop runs without a screen at 90 Hz; the world stands whole at first. Then, one after the other in one
session: nothing is asked; a new world is asked for whenever the last one is nearly made; the latent is moved in
every frame; the worker is stopped (SIGSTOP) while it is asked; the worker is killed (SIGKILL), again and again,
two seconds after it is back at work. The rasteriser is pinned, so that the frame and the worker have a core
each.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import _bench
import psutil

from vrgen.app import Session
from vrgen.clock import RealClock
from vrgen.config import RunOptions, world_of
from vrgen.feedback.ledger import summary
from vrgen.generator.inspection import inspect_checkpoint
from vrgen.messages import Controls

NEARLY_MADE = 4
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
    parser.add_argument("--seconds", type=float, help="of each phase")
    parser.add_argument("--threads", default="0", help="LP_NUM_THREADS: rasteriser threads beside the drawing one")
    parser.add_argument("--size", type=int, nargs=2, default=(320, 180), help="width and height, pixels")
    args = parser.parse_args()
    seconds = args.seconds or (1.5 if args.quick else 20.0)
    os.environ["LP_NUM_THREADS"] = args.threads
    target = _bench.chosen_world(args.world)
    width, height = args.size
    report = _bench.Report("interval", args, f"LP_NUM_THREADS={args.threads}")
    person = Person()
    options = RunOptions(target=target, size=(width, height))
    with _bench.visit(options, RealClock(), person) as session:
        report.machine["GL"] = session.display.gl
        _bench.arrives(session, 4.0 if args.quick else 120.0)
        phases, back_s = _phases(session, person, seconds, 4.0 if args.quick else 120.0)

    idle = summary([ms for phase in phases if phase.name == "idle" for ms in phase.turns.interval_ms])
    rows = []
    for phase in phases:
        interval, cost = phase.turns.interval_ms, phase.turns.cost_ms
        ratio = summary(interval)["p99"] / idle["p99"]
        worker = f"{phase.worker:.2f}" if phase.worker >= 0 else "–"
        rows.append(
            [phase.name, *_bench.cells(interval), f"{ratio:.2f}", *_bench.cells(cost), worker, str(phase.results)]
        )
    title = (
        f"Frame interval, ms: {target.rpartition('/')[2]}, {width} × {height}, 90 Hz (p99 at most 1.15 × idle's)"
    )
    head = (
        "generators",
        "p50",
        "p95",
        "p99",
        "÷ idle p99",
        "frame p50",
        "p95",
        "p99",
        "worker's cores",
        "results",
    )
    report.table(title, head, rows)

    loads_s = {} if args.quick else _loads(target)
    if back_s:
        rows = [[f"kill {number}", f"{found:.2f}"] for number, found in enumerate(back_s, 1)]
        rows += [[f"loading {name} and its first call", f"{found:.2f}"] for name, found in loads_s.items()]
        report.table("Back at work after SIGKILL, s (at most 3 s plus the load time)", ("", "s"), rows)
    else:
        report.say("no kill: the worker was not back at work within the phase")
    report.keep(
        world=target,
        size=[width, height],
        interval_ms=[[phase.name, phase.turns.interval_ms] for phase in phases],
        frame_ms=[[phase.name, phase.turns.cost_ms] for phase in phases],
        back_s=back_s,
        loads_s=loads_s,
    )
    report.finish()


def _phases(
    session: Session, person: Person, seconds: float, patience_s: float
) -> tuple[list[Phase], list[float]]:
    phases: list[Phase] = []
    back_s: list[float] = []

    def measure(name: str, does: Callable[[], Controls], each: Callable[[], None] = lambda: None) -> None:
        person.does = does
        begun_s, before, results = time.perf_counter(), _worker_cpu_s(session), _results(session)

        def through() -> bool:
            each()
            return time.perf_counter() - begun_s > seconds

        turns = _bench.turn(session, through)
        took_s = time.perf_counter() - begun_s
        worker = (_worker_cpu_s(session) - before) / took_s
        phases.append(Phase(name, turns, worker, _results(session) - results))
        person.does = Controls

    def new_world() -> Controls:
        return Controls(pressed=("n",) if _bench.open_requests(session) < NEARLY_MADE else ())

    measure("idle", Controls)
    measure("busy: a new world when one is made", new_world)
    measure("busy: morphing in every frame", lambda: Controls(scroll=0.2))
    _bench.arrives(session, patience_s)
    measure("idle", Controls)
    if hasattr(signal, "SIGSTOP"):
        _signal(session, signal.SIGSTOP)
        measure("stopped: SIGSTOP", new_world)
        _signal(session, signal.SIGCONT)
    _bench.arrives(session, patience_s)

    killer = _Killer(session, back_s)
    measure("killed: SIGKILL", new_world, killer.look)
    _bench.turn(session, lambda: killer.is_back() or killer.waits_s() > 60.0)
    _bench.arrives(session, patience_s)
    measure("idle", Controls)
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
    """Seconds to load each checkpoint of the world and call it once, in a process that has torch already."""
    paths = {use.checkpoint for use in world_of(target).generators.values()}
    found = {path.name: inspect_checkpoint(path) for path in sorted(paths)}
    return {name: told["load_s"] + told["first_call_ms"] / 1e3 for name, told in found.items()}


if __name__ == "__main__":
    main()

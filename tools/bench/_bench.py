"""What every benchmark shares: its arguments, the machine in words, tables, and files of them in out/bench.

Times are milliseconds unless a name says otherwise. A figure is only as good as the machine was calm: the load
at the start stands under every table.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import vrgen
from vrgen.app import Session
from vrgen.clock import Clock
from vrgen.config import RunOptions, world_of
from vrgen.display.headless import HeadlessDisplay, Script
from vrgen.errors import WorldError
from vrgen.feedback.rings import summary
from vrgen.generator.generators import Generators
from vrgen.resources import ASSETS

OUT = Path(__file__).resolve().parents[2] / "out" / "bench"
WORLD = "valley"
_PACKAGES = ("numpy", "PyOpenGL", "torch", "panda3d", "pygfx", "moderngl")


def arguments(doc: str) -> argparse.ArgumentParser:
    """A parser that knows `--quick` and says what `doc`, a module's docstring, says."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="a few seconds: shows that it runs; no figures to keep"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the JSON")
    return parser


class Report:
    """Tables under one heading, with the machine they were measured on."""

    def __init__(self, name: str, args: argparse.Namespace, pinned: str = "nothing") -> None:
        self._quick: bool = args.quick
        self._path: Path = args.out / f"{name}.json"
        self._console = Console(width=None if sys.stdout.isatty() else 150)
        self._written: list[str] = []
        self._figures: list[dict[str, str | float]] = []
        self._data: dict[str, Any] = {"date": f"{datetime.now():%Y-%m-%d %H:%M}", "quick": self._quick}
        self.machine = {**machine(), "pinned": pinned}

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print one table; the first column holds words, the others numbers."""
        table = Table(title=title, title_justify="left")
        for number, name in enumerate(head):
            table.add_column(name, justify="right" if number else "left", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        self._console.print(table)
        ruler = "|".join("---:" if number else "---" for number in range(len(head)))
        lines = [f"**{title}**", "", f"| {' | '.join(head)} |", f"|{ruler}|"]
        self._written += [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]

    def say(self, text: str) -> None:
        """One line below a table."""
        self._console.print(text, highlight=False)
        self._written += [text, ""]

    def figure(
        self, what: str, measured: float, *, at_most: float | None = None, at_least: float | None = None
    ) -> None:
        """One of the figures that are asked for; a table of them comes last."""
        kept = at_least is None or measured >= at_least
        kept &= at_most is None or measured <= at_most
        asked = f"≤ {at_most:g}" if at_most is not None else f"≥ {at_least:g}"
        state = "kept" if kept else "missed"
        self._figures.append({"what": what, "measured": measured, "asked": asked, "state": state})

    def keep(self, **data: Any) -> None:
        """What the JSON holds beside the machine."""
        self._data.update(data)

    def finish(self) -> None:
        """The machine under the tables; everything into NAME.json, and what was printed into NAME.md."""
        self.machine["load at the end"] = load()
        if self._figures:
            rows = [
                [str(f["what"]), f"{f['measured']:.3g}", str(f["asked"]), str(f["state"])] for f in self._figures
            ]
            self.table("What is asked", ("", "measured", "asked", ""), rows)
            self.keep(figures=self._figures)
        self.say("; ".join(f"{what}: {found}" for what, found in self.machine.items()))
        if self._quick:
            self.say("--quick: these are no figures to keep")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**self._data, "machine": self.machine}, indent=2)
        self._path.write_text(text + "\n", encoding="utf-8")
        self._path.with_suffix(".md").write_text("\n".join(self._written), encoding="utf-8")
        self.say(f"kept in {os.path.relpath(self._path)}\n")


def machine() -> dict[str, str]:
    """Processor, cores, memory, versions and how busy the machine is."""
    import psutil

    found = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "vrgen": vrgen.__version__,
    }
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    found["load at the start"] = load()
    return found


def load() -> str:
    """Processes that wanted a core in the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def cells(values: Sequence[float], digits: int = 2) -> list[str]:
    """p50, p95 and p99 as they stand in a table."""
    found = summary(values)
    return [f"{found[name]:.{digits}f}" if found else "–" for name in ("p50", "p95", "p99")]


def in_child(script: str, *args: object, **environment: str) -> dict[str, Any]:
    """Run a benchmark's own script in a process of its own; its last line of output is JSON.

    Mesa reads LP_NUM_THREADS and its like once, when the driver is loaded: so each setting has its own process.
    """
    command = [sys.executable, script, *map(str, args)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}, check=False
    )
    if done.returncode:
        sys.exit(f"{Path(script).name}: {' '.join(map(str, args))} failed with status {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def device_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the generators compute")


def world_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", default=None, help="world or checkpoint; the bundled world when left out")


def chosen_world(asked: str | None) -> str:
    """The bundled world; where its checkpoints are not trained yet, its ground alone."""
    if asked is not None:
        return asked
    try:
        world_of(WORLD)
    except WorldError:
        return str(ASSETS / "checkpoints" / "terrain.pt")
    return WORLD


_DRAWING = ("glDraw", "glMultiDraw", "glDispatch", "glBlit", "glClear", "glGenerateTextureMipmap")


@contextmanager
def nothing_drawn() -> Iterator[None]:
    """Leave out the calls that make a GPU work: what remains is a frame's cost on the CPU, on software GL too."""
    from vrgen.gl.api import GL

    names = [name for name in dir(GL) if name.startswith(_DRAWING) and not name.startswith("glDrawBuffer")]
    kept = {name: getattr(GL, name) for name in names}
    for name in kept:
        setattr(GL, name, lambda *_: None)
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(GL, name, function)


@contextmanager
def visit(
    options: RunOptions, clock: Clock, script: Script | None = None, drawn: bool = True
) -> Iterator[Session]:
    """A session of the real program without a screen, as `vrgen.visit.run` puts it together."""
    world = world_of(options.target, options.as_kind)
    with ExitStack() as stack:
        # Without calls that nobody asked for: where the worker is to be idle, it is.
        generators = stack.enter_context(Generators(world, device=options.device, precise=True))
        display = HeadlessDisplay(options.size, clock=clock, hold=options.hold, script=script)
        stack.enter_context(display)
        if not drawn:
            stack.enter_context(nothing_drawn())
        session = Session(options, world, display, generators)
        stack.callback(session.close)
        yield session


class Turns:
    """When frames began, and what each cost until it was handed to the display."""

    def __init__(self) -> None:
        self.begun_s: list[float] = []
        self.cost_ms: list[float] = []

    @property
    def interval_ms(self) -> list[float]:
        return [(after - before) * 1e3 for before, after in pairwise(self.begun_s)]


def turn(session: Session, until: Callable[[], bool]) -> Turns:
    """Turn the session's wheel until `until` says so."""
    turns = Turns()
    for begun_s, cost_s in turning(session):
        turns.begun_s.append(begun_s)
        turns.cost_ms.append(cost_s * 1e3)
        if until():
            break
    return turns


def turning(session: Session) -> Iterator[tuple[float, float]]:
    """Frames for ever: when each frame began, and how long it took to be handed over, seconds."""
    for open_frame in session.display.frames():
        with open_frame as frame:
            begun_s = time.perf_counter()
            session.frame(frame, session.ledger.count)
            cost_s = time.perf_counter() - begun_s
        session.rest(frame)
        yield begun_s, cost_s


def open_requests(session: Session) -> int:
    """How many calls are wanted and not made yet."""
    return sum(status.waiting for status in session.generators.status)


def arrives(session: Session, patience_s: float) -> None:
    """Frames until the world stands whole: nothing is wanted, nothing is on its way, nothing rises."""
    deadline_s = time.perf_counter() + patience_s

    def whole() -> bool:
        return bool(session.generators.manifests) and not open_requests(session) and standing(session)

    turn(session, lambda: whole() or time.perf_counter() > deadline_s)


def standing(session: Session) -> bool:
    scene = session.scene
    return (
        scene is not None
        and not session.assembly.arriving
        and not session.assembly.requests(session.person, 0.0)
        and not scene.preload
        and scene.ground.arriving is None
        and session.assembly.risen
    )


@contextmanager
def x_server() -> Iterator[Mapping[str, str] | None]:
    """Environment of a screen to open windows on: the one there is, else Xvfb's; None where there is neither."""
    if os.environ.get("DISPLAY"):
        yield {"DISPLAY": os.environ["DISPLAY"]}
        return
    if shutil.which("Xvfb") is None:
        yield None
        return
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as said:
            yield {"DISPLAY": f":{said.readline().strip()}"}
    finally:
        server.terminate()
        server.wait(10)

"""Frames missed at 90 Hz in ten minutes, and why, with another world every 2 s and 64 MiB to upload every 5 s.

The real loop runs without a screen, as fast as a display of 90 Hz would ask, with the calls that make a GPU work
left out, as if one did the rest: a software rasteriser draws no world at 90 Hz. Uploads are made. Every 2 s the
person asks for another world, whether the last one stands or not; every 5 s 64 MiB of texture are laid beside what
is on its way to the GPU, and taken away when they are there.

A frame is missed when the next one begins a period late or more. Each is put down to one cause, by what the frame
before it took: CPU time of uploads, CPU time of Python's garbage collection, waiting for a core (as the kernel
counts it), other waiting (the interpreter's lock). It is that without which the frame would have been in time, and
of several such the longest; where none of these alone would have helped, the longest of them and the loop's own
work.
"""

import gc
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import astuple, dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import _bench
import numpy as np
from _cores import Cores, cores_argument

from vrgen.app import Session
from vrgen.clock import RealClock
from vrgen.config import RunOptions, world_of
from vrgen.display.headless import REFRESH_HZ, HeadlessDisplay
from vrgen.display.interface import Frame
from vrgen.generator.generators import Generators
from vrgen.levels import smaller_bumps, smaller_colours
from vrgen.messages import Controls, FrameCost, Intent
from vrgen.scene_model import Scene, Surface, new_id

WORLD_S, UPLOAD_S = 2.0, 5.0
UPLOAD_SHAPE = (4096, 2048, 4)
"""uint8; twice that is 64 MiB."""
PERIOD_S = 1 / REFRESH_HZ
_LATE = 1.5
"""Periods from one frame's beginning to the next, from which on one is missed."""
CAUSES = ("uploads", "collection", "own work", "waiting for a core", "other waiting")


@dataclass
class Took:
    """One frame, seconds; all but `begun_s` until the next one's turn."""

    begun_s: float
    work_s: float = 0.0
    """By the clock, from its beginning until it was handed over and garbage looked after."""
    cpu_s: float = 0.0
    core_s: float = 0.0
    """Ready to run, and no core free; while it worked."""
    woken_s: float = 0.0
    """The same, when its sleep was over."""
    collection_s: float = 0.0
    """CPU time of it, as of the next."""
    upload_s: float = 0.0
    storage_s: float = 0.0
    """Of uploads, asking the driver for textures."""
    upload_bytes: int = 0

    @property
    def cause(self) -> str:
        """Why the next frame came late."""
        over_s = self.work_s - PERIOD_S
        if over_s <= 0:  # it was in time, and the next one's turn came late
            return "waiting for a core" if self.woken_s > PERIOD_S / 4 else "other waiting"
        parts = {
            "uploads": self.upload_s,
            "collection": self.collection_s,
            "waiting for a core": self.core_s,
            "other waiting": max(0.0, self.work_s - self.cpu_s - self.core_s),
        }
        enough = {name: part_s for name, part_s in parts.items() if part_s >= over_s}
        own = {"own work": self.cpu_s - self.upload_s - self.collection_s}
        return max((enough or parts | own).items(), key=lambda part: part[1])[0]


class Person:
    """Asks for another world every `WORLD_S`: the display's script."""

    def __init__(self) -> None:
        self.at_work = False
        self.worlds = 0
        self._next_s = 0.0

    def __call__(self, number: int) -> Controls:
        now_s = time.perf_counter()
        if not self.at_work or now_s < self._next_s:
            return Controls()
        self._next_s = now_s + WORLD_S
        self.worlds += 1
        return Controls(pressed=("n",))


class Measured(Session):
    """A session beside whose world 64 MiB are uploaded now and then."""

    at_work = False
    uploads = uploaded = 0
    cost: FrameCost | None = None
    _big: Surface | None = None
    _next_s = 0.0

    def live(self, intent: Intent, controls: Controls) -> None:
        super().live(intent, controls)
        now_s = time.perf_counter()
        if self._big is not None and self._big.id in self.renderer.resident.ids:
            self._big, self.uploaded = None, self.uploaded + 1
        if self.at_work and self._big is None and now_s >= self._next_s:
            self._next_s, self.uploads = now_s + UPLOAD_S, self.uploads + 1
            self._big = Surface(new_id(), _PIXELS, _PIXELS, 4.0, *_SMALLER)
        if self._big is not None and self.scene is not None:
            self.scene = replace(self.scene, preload=(*self.scene.preload, self._big))

    def show(self, frame: Frame, scene: Scene, intent: Intent) -> FrameCost | None:
        self.cost = super().show(frame, scene, intent)
        return self.cost


_PIXELS = np.random.default_rng(0).integers(0, 255, UPLOAD_SHAPE, np.uint8)
_SMALLER = smaller_colours(_PIXELS), smaller_bumps(_PIXELS)
"""A third as much again: the scene makes them beside the frame."""


class Meter:
    """Measures frames of the thread that calls it."""

    def __init__(self) -> None:
        self.frames: list[Took] = []
        self._collected_s = self._collects_s = self._upload_s = self._storage_s = 0.0
        path = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._stat = os.open(path, os.O_RDONLY) if path.exists() else None
        self._begun = (0.0, 0.0, 0.0)
        self._ended_waiting_s = self._waited_s()

    def collecting(self, phase: str, info: dict[str, int]) -> None:
        """For gc.callbacks."""
        now_s = time.thread_time()
        if phase == "start":
            self._collects_s = now_s
        else:
            self._collected_s += now_s - self._collects_s

    @contextmanager
    def uploading(self) -> Iterator[None]:
        """While this is entered, the CPU time of uploads is noted."""
        from vrgen.gl.api import GL
        from vrgen.renderer.uploads import Uploads  # OpenGL's platform is the display's choice: once it is open

        own, own_storage, drawing = Uploads.advance, GL.glTextureStorage2D, threading.get_ident()

        def storage(*args: Any) -> None:
            before_s = time.thread_time()
            own_storage(*args)
            if threading.get_ident() == drawing:
                self._storage_s += time.thread_time() - before_s

        def advance(uploads: Uploads, scene: Scene) -> None:
            before_s = time.thread_time()
            own(uploads, scene)
            self._upload_s += time.thread_time() - before_s

        with (
            mock.patch.object(Uploads, "advance", advance),
            mock.patch.object(GL, "glTextureStorage2D", storage),
        ):
            yield

    def begin(self) -> None:
        waited_s = self._waited_s()
        if self.frames:
            self.frames[-1].woken_s = waited_s - self._ended_waiting_s
        self._begun = time.perf_counter(), time.thread_time(), waited_s
        self._collected_s = self._upload_s = self._storage_s = 0.0

    def end(self, cost: FrameCost | None) -> None:
        begun_s, cpu_s, waiting_s = self._begun
        now_s, self._ended_waiting_s = time.perf_counter(), self._waited_s()
        took = Took(begun_s, now_s - begun_s, time.thread_time() - cpu_s, self._ended_waiting_s - waiting_s)
        took.collection_s, took.upload_s = self._collected_s, self._upload_s
        took.storage_s = self._storage_s
        took.upload_bytes = cost.upload_bytes if cost is not None else 0
        self.frames.append(took)

    def _waited_s(self) -> float:
        """How long this thread was ready to run and had no core; 0 where the system does not tell."""
        return int(os.pread(self._stat, 64, 0).split()[1]) / 1e9 if self._stat is not None else 0.0


def main() -> None:
    parser = _bench.arguments(__doc__)
    _bench.world_argument(parser)
    cores_argument(parser)
    _bench.device_argument(parser)
    parser.add_argument("--minutes", type=float, help="ten when left out")
    parser.add_argument("--drawn", action="store_true", help="draw, where a GPU does")
    parser.add_argument("--size", type=int, nargs=2, default=(160, 90), help="width and height, pixels")
    args = parser.parse_args()
    seconds = 60.0 * (args.minutes or (0.05 if args.quick else 10.0))
    os.environ["LP_NUM_THREADS"] = "0"
    target = _bench.chosen_world(args.world)
    report = _bench.Report("missed", args, "LP_NUM_THREADS=0")
    person, meter = Person(), Meter()
    options = RunOptions(target=target, size=tuple(args.size), device=args.device)
    patience_s = 3.0 if args.quick else 120.0
    session, cores_said = _run(options, args.drawn, args.cores, person, meter, seconds, patience_s)
    report.machine["pinned"] += f"; {cores_said}"
    report.machine["GL"] = session.display.gl
    _tell(report, f"{Path(target).name}", meter.frames, seconds)
    results = sum(status.results for status in session.generators.status)
    report.say(
        f"{person.worlds} worlds asked for, {results} results; {session.uploaded} of {session.uploads} uploads of "
        f"{2 * _PIXELS.nbytes / 2**20:g} MiB done"
    )
    names = [field.name for field in fields(Took)]
    report.keep(world=target, columns=names, frames=[astuple(took) for took in meter.frames])
    report.finish()


def _run(
    options: RunOptions, drawn: bool, cores: str, person: Person, meter: Meter, seconds: float, patience_s: float
) -> tuple[Measured, str]:
    world = world_of(options.target)
    clock = RealClock()
    with (
        Generators(world, device=options.device) as generators,
        HeadlessDisplay(options.size, clock=clock, script=person) as display,
        nullcontext() if drawn else _bench.nothing_drawn(),
    ):
        session = Measured(options, world, display, generators)
        try:
            with Cores(session, cores) as apart:
                apart.look()
                _bench.arrives(session, patience_s)
                gc.callbacks.append(meter.collecting)
                person.at_work = session.at_work = True
                until_s = time.perf_counter() + seconds
                with meter.uploading():
                    for number, open_frame in enumerate(display.frames(), session.ledger.count):
                        with open_frame as frame:
                            meter.begin()
                            apart.look()
                            session.frame(frame, number)
                        session.rest(frame)
                        meter.end(session.cost)
                        if time.perf_counter() > until_s:
                            break
                gc.callbacks.remove(meter.collecting)
                return session, apart.said
        finally:
            session.close()


def _tell(report: _bench.Report, world: str, frames: list[Took], seconds: float) -> None:
    causes = missed(frames)
    count = sum(causes.values())
    rows = [[cause, str(causes[cause])] for cause in CAUSES]
    title = f"Frames missed in {seconds / 60:.3g} min, {world}, {REFRESH_HZ:g} Hz"
    report.table(title, ("because of", "frames"), rows)
    report.say(f"{count} of {len(frames) + count}")
    report.figure("frames missed by uploads or collection", causes["uploads"] + causes["collection"], at_most=0)
    shown: dict[str, list[float]] = {
        "CPU time of a frame": [took.cpu_s for took in frames],
        "from its turn to its end": [took.work_s for took in frames],
        "of it, waiting for a core": [took.core_s for took in frames],
        "of it, uploads, where there were any": [took.upload_s for took in frames if took.upload_bytes],
        "of that, asking the driver for textures": [took.storage_s for took in frames if took.storage_s],
        "of it, collection, where there was any": [took.collection_s for took in frames if took.collection_s],
        "from one frame to the next": list(np.diff([took.begun_s for took in frames])),
    }
    table: list[Any] = []
    for name, times_s in shown.items():
        most = f"{1e3 * max(times_s, default=0.0):.2f}"
        table.append([name, str(len(times_s)), *_bench.cells([1e3 * s for s in times_s]), most])
    report.table("The frames of that run, ms", ("", "frames", "p50", "p95", "p99", "max"), table)


def missed(frames: list[Took]) -> Counter[str]:
    """How many of the display's periods passed without a picture, by cause."""
    causes: Counter[str] = Counter()
    for took, after in pairwise(frames):
        periods = (after.begun_s - took.begun_s) / PERIOD_S
        if periods > _LATE:
            causes[took.cause] += round(periods) - 1
    return causes


if __name__ == "__main__":
    main()

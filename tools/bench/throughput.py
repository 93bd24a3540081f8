"""Calls a second of each bundled checkpoint through vrgen, beside a bare torch loop of the same file in one run.

Through vrgen: a worker process as in a run, a list of requests that is never empty, and a loop that looks for
results 90 times a second, as frames do. Bare: a process that loads the file and calls it again and again under
`inference_mode`, with inputs that lie ready, and drops what it gets. Same threads, same priority, inputs of the
same draws. Stretches of both alternate; the ratio is the median of those of neighbours, by the clock and by the
processor time of a call, which a busy machine disturbs less.

The worker looks for faster ways of calling a model that make nearly the same (half precision, channels-last, on a
GPU a CUDA graph) while nothing is wanted of it, between the stretches; the table says which it took. `--precise`
leaves that out.

The worker sets the C library's allocator so that it keeps its memory; a plain Python does not. So there are two
bare loops: in the worker's environment, which vrgen is held against, and in a plain one.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import _bench
import psutil

from vrgen import contract as c
from vrgen.config import GeneratorConfig, World
from vrgen.contract import Manifest
from vrgen.errors import VrgenError
from vrgen.generator import child
from vrgen.generator.generators import Generators
from vrgen.generator.knobs import sample_inputs
from vrgen.generator.manifest import read_manifest
from vrgen.messages import Generated, InputValue, Request
from vrgen.resources import ASSETS

WANTED = 0.95
DRAWS = 16
"""Inputs that follow each other in a circle."""
OPEN = 64
"""Requests that are wanted at a time."""
LOOK_S = 1 / 90
_PATIENCE_S = 120.0
_FILLED = (c.TileInput, c.TimeInput, c.NoiseInput, c.StateInput)
"""Inputs that the worker fills itself."""
VRGEN, BARE, PLAIN = "vrgen", "bare", "bare, plain allocator"


@dataclass
class Stretch:
    """What was made while the clock ran."""

    calls: int
    wall_s: float
    cpu_s: float
    median_ms: float = 0.0
    """Of a bare call."""


@dataclass
class Found:
    """One checkpoint: stretches by way, and where a call's time went through vrgen, ms."""

    stretches: dict[str, list[Stretch]] = field(default_factory=lambda: {VRGEN: [], BARE: [], PLAIN: []})
    parts: dict[str, list[float]] = field(default_factory=lambda: {"call": [], "copy": [], "between": []})

    way: str = ""
    """How vrgen called it in the end."""

    def ratios(self, way: str, of: Callable[[Stretch], float]) -> list[float]:
        """vrgen's rate ÷ the other's, of each pair of neighbours, sorted."""
        pairs = zip(self.stretches[VRGEN], self.stretches[way], strict=True)
        return sorted(of(ours) / of(theirs) for ours, theirs in pairs)


def by_clock(one: Stretch) -> float:
    return one.calls / one.wall_s


def by_processor(one: Stretch) -> float:
    return one.calls / one.cpu_s


def main() -> None:
    parser = _bench.arguments(__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="*", help="files; all that come with vrgen when left out")
    _bench.device_argument(parser)
    parser.add_argument("--precise", action="store_true", help="float32 through vrgen, no faster way of calling")
    parser.add_argument("--seconds", type=float, help="of each stretch")
    parser.add_argument("--rounds", type=int, help="stretches of each")
    parser.add_argument("--bare", action="store_true", help="be the bare loop of one checkpoint (internal)")
    args = parser.parse_args()
    if args.bare:
        bare(args.checkpoints[0], args.device)
        return
    seconds = args.seconds or (0.2 if args.quick else 4.0)
    rounds = args.rounds or (1 if args.quick else 7)
    bundled = sorted((ASSETS / "checkpoints").glob("*.pt"))
    paths = args.checkpoints or (bundled[:1] if args.quick else bundled)
    report = _bench.Report("throughput", args, f"{threads()} torch threads; {args.device}")
    found: dict[str, Found] = {}
    for path in paths:
        print(f"throughput: {path.name}, load {_bench.load()}", file=sys.stderr)
        found[path.name] = compare(path, args.device, args.precise, seconds, rounds)
    tell(report, found)
    report.keep(
        checkpoints={
            name: {way: [vars(one) for one in several] for way, several in one.stretches.items()}
            for name, one in found.items()
        }
    )
    report.finish()


def tell(report: _bench.Report, found: dict[str, Found]) -> None:
    rows = []
    for name, one in found.items():
        rates = [f"{statistics.median(map(by_clock, one.stretches[way])):.1f}" for way in (VRGEN, BARE, PLAIN)]
        clock, processor = one.ratios(BARE, by_clock), one.ratios(BARE, by_processor)
        plain = one.ratios(PLAIN, by_processor)
        span = f"{clock[0]:.2f} to {clock[-1]:.2f}"
        middle = [f"{statistics.median(several):.2f}" for several in (clock, processor, plain)]
        rows.append([name, *rates, middle[0], span, *middle[1:], one.way])
        report.figure(f"{name}: calls a second ÷ bare", statistics.median(clock), at_least=WANTED)
        report.figure(f"{name}: calls a second of CPU ÷ bare", statistics.median(processor), at_least=WANTED)
    head = ("calls/s", VRGEN, BARE, "plain", "÷ bare", "least to most", "CPU, ÷ bare", "CPU, ÷ plain", "called in")
    report.table(f"Calls a second through vrgen and without it (at least {WANTED} of bare)", head, rows)
    rows = []
    for name, one in found.items():
        bare_ms = statistics.median(stretch.median_ms for stretch in one.stretches[BARE])
        parts = {part: statistics.median(times) for part, times in one.parts.items()}
        rest = f"{sum(parts.values()) - bare_ms:+.2f}"
        rows.append([name, f"{bare_ms:.2f}", *(f"{ms:.2f}" for ms in parts.values()), rest])
    columns = ("median, ms", "bare", "the call", "into shared memory", "until the next begins", "vrgen's own")
    report.table("Where a call's time goes through vrgen", columns, rows)
    report.say("the call has in it: inputs to tensors, the module, whether all numbers are finite")


def compare(path: Path, device: str, precise: bool, seconds: float, rounds: int) -> Found:
    """Stretches of the three ways in turn."""
    manifest = read_manifest(path)
    if manifest is None:
        raise VrgenError(f"{path.name}: has no manifest; the benchmark needs one to know its inputs")
    found = Found()
    with ExitStack() as stack:
        ways = {
            BARE: stack.enter_context(bare_loop(path, device, {**os.environ, **child.ENVIRONMENT})),
            PLAIN: stack.enter_context(bare_loop(path, device, dict(os.environ))),
            VRGEN: stack.enter_context(through_vrgen(path, device, precise, manifest, found)),
        }
        for number in range(rounds):
            for way in sorted(ways, reverse=bool(number % 2)):
                found.stretches[way].append(ways[way](seconds))
    return found


# --- through vrgen ----------------------------------------------------------------------------------------------


@contextmanager
def through_vrgen(
    path: Path, device: str, precise: bool, manifest: Manifest, found: Found
) -> Iterator[Callable[[float], Stretch]]:
    world = World(name=path.stem, generators={"one": GeneratorConfig(checkpoint=path)})
    with Generators(world, device=device, precise=precise) as generators:
        feed = _Feed(generators, manifest)
        deadline_s = time.monotonic() + _PATIENCE_S
        while feed.made < 8:
            feed.look()
            if time.monotonic() > deadline_s:
                raise SystemExit(f"throughput: {path.name} made nothing: {generators.status[0].errors}")

        def stretch(seconds: float) -> Stretch:
            feed.start()
            worker = psutil.Process(generators.worker_pid)
            times = worker.cpu_times()
            before, begun_s, cpu_s = feed.made, time.perf_counter(), times.user + times.system
            results: list[Generated] = []
            while (took_s := time.perf_counter() - begun_s) < seconds:
                results += feed.look()
            times = worker.cpu_times()
            feed.stop()
            _note(results, found.parts)
            found.way = generators.status[0].way
            return Stretch(feed.made - before, took_s, times.user + times.system - cpu_s)

        yield stretch


class _Feed:
    """Keeps the list of what is wanted full."""

    def __init__(self, generators: Generators, manifest: Manifest) -> None:
        self._generators = generators
        self._tiled = any(isinstance(entry, c.TileInput) for entry in manifest.inputs.values())
        self._draws = [
            {name: value for name, value in sample_inputs(manifest, seed).items() if _given(manifest, name)}
            for seed in range(DRAWS)
        ]
        self._open: dict[tuple[str, Any, int], Request] = {}
        self._number = self.made = 0

    def look(self) -> list[Generated]:
        """What has come since the last look; a frame's time passes."""
        came = self._generators.poll()
        self.made += len(came)
        for one in came:
            self._open.pop(one.request.key, None)
        while len(self._open) < OPEN:
            self._number += 1
            tile = (self._number, 0) if self._tiled else None
            inputs = self._draws[self._number % DRAWS]
            request = Request("one", 1, 1, inputs, tile, 0 if self._tiled else self._number, self._number)
            self._open[request.key] = request
        self._generators.submit(list(self._open.values()))
        time.sleep(LOOK_S)
        return [replaced(one) for one in came]

    def start(self) -> None:
        """Until the worker is at work again."""
        made = self.made
        while self.made == made:
            self.look()

    def stop(self) -> None:
        """Nothing is wanted: the worker rests when it has made what it is at."""
        self._open.clear()
        self._generators.submit([])
        time.sleep(0.3)
        self.made += len(self._generators.poll())


def replaced(one: Generated) -> Generated:
    """Without its arrays: their shared memory must not wait for the end of a stretch."""
    return Generated(one.request, {}, one.timings)


def _given(manifest: Manifest, name: str) -> bool:
    return name in manifest.inputs and not isinstance(manifest.inputs[name], _FILLED)


def _note(results: list[Generated], parts: dict[str, list[float]]) -> None:
    for at, one in enumerate(results):
        times = one.timings
        parts["call"].append((times.made_s - times.started_s) * 1e3)
        parts["copy"].append((times.handed_s - times.made_s) * 1e3)
        if at + 1 < len(results):
            parts["between"].append((results[at + 1].timings.started_s - times.handed_s) * 1e3)


# --- bare -------------------------------------------------------------------------------------------------------


def threads() -> int:
    """As `Generators` gives its worker."""
    return max(1, child.cores() - 1)


@contextmanager
def bare_loop(path: Path, device: str, environment: dict[str, str]) -> Iterator[Callable[[float], Stretch]]:
    command = [sys.executable, __file__, str(path), "--bare", "--device", device]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdin is not None and process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def stretch(seconds: float) -> Stretch:
        stdin.write(f"{seconds}\n")
        stdin.flush()
        return Stretch(**json.loads(stdout.readline()))

    try:
        stretch(0.0)
        yield stretch
    finally:
        stdin.close()
        process.wait(_PATIENCE_S)
        stdout.close()


def bare(path: Path, device: str) -> None:
    """The bare loop: a stretch for every line of standard input."""
    if hasattr(os, "nice"):
        os.nice(5)  # as the worker
    import torch

    torch.set_num_threads(threads())
    untyped: Any = torch
    module = untyped.jit.load(str(path), map_location=device).eval()
    manifest = read_manifest(path)
    assert manifest is not None
    draws = [_tensors(sample_inputs(manifest, seed), device) for seed in range(DRAWS)]
    call = manifest.call
    if call is not None:
        draws = [tuple(inputs[name] for name in call.args) for inputs in draws]
    number = 0
    with torch.inference_mode():
        for line in sys.stdin:
            begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
            ends_s = [begun_s]
            while len(ends_s) < 9 or ends_s[-1] - begun_s < float(line):
                inputs = draws[number % DRAWS]
                _ = module(*inputs) if call is not None else module(inputs)
                if device == "cuda":
                    torch.cuda.synchronize()
                number += 1
                ends_s.append(time.perf_counter())
            cpu_s = time.process_time() - begun_cpu_s
            median_ms = 1e3 * statistics.median(after - before for before, after in pairwise(ends_s))
            stretch = Stretch(len(ends_s) - 1, ends_s[-1] - begun_s, cpu_s, median_ms)
            print(json.dumps(vars(stretch)), flush=True)


def _tensors(inputs: dict[str, InputValue], device: str) -> Any:
    import torch

    return {name: torch.from_numpy(value).to(device) for name, value in inputs.items()}


if __name__ == "__main__":
    main()

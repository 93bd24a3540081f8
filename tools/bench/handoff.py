"""A result of 64 MiB on its way from the worker to a texture, beside memcpy of as much in the same run.

A checkpoint returns one tensor that lies ready; so the call costs nothing, and what is measured is the hand-
off: the worker's copy into shared memory, until the frame has noticed, and until the texture is complete. Once
the upload waits until all is copied, once it takes what has arrived while the rest is being copied. Then what a
person gets: the same result as a surface of the scene. The frame looks every half millisecond here; in a run it
looks once a frame. With the generators on CUDA the same result by the card's memory, beside a copy within the card
of as much. Last, what the scene makes of results, beside the frame where they are large.
"""

import itertools
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import _bench
import numpy as np
import numpy.typing as npt

from vrgen.clock import StepClock
from vrgen.config import GeneratorConfig, World
from vrgen.contract import PanoramaOutput, TextureOutput
from vrgen.display.headless import HeadlessDisplay
from vrgen.generator.generators import Generators
from vrgen.messages import Generated, Output, Person, Request, Resident, Timings, Wish
from vrgen.scene.assembly import Assembly
from vrgen.scene.light import light_of
from vrgen.scene.sky import sky_of
from vrgen.scene.surfaces import surface_of

SIDE = 2048
_WARM_UP = 4
_LOOK_S = 0.0005
_PATIENCE_S = 120.0
_PIECE = 512 << 10
Rows = npt.NDArray[np.generic]
Upload = Callable[[int, Rows], None]
"""Rows into the texture, from the given one on."""


def main() -> None:
    parser = _bench.arguments(__doc__)
    parser.add_argument("--side", type=int, help="of the square result of four float32 channels; 2048 is 64 MiB")
    parser.add_argument("--results", type=int, help="how many are measured on each path")
    _bench.device_argument(parser)
    args = parser.parse_args()
    side = args.side or (512 if args.quick else SIDE)
    count = args.results or (3 if args.quick else 30)
    report = _bench.Report("handoff", args)
    mebibytes = side * side * 16 / 2**20
    with tempfile.TemporaryDirectory() as folder:
        path = _checkpoint(Path(folder) / "ready.pt", side)
        world = World(name="ready", generators={"ready": GeneratorConfig(checkpoint=path)})
        with (
            HeadlessDisplay((64, 64), clock=StepClock(1 / 60)) as display,
            Generators(world, device=args.device) as made,
        ):
            report.machine["GL"] = display.gl
            stages = _measure(made, side, count)
            stages["whole, as a surface of the scene"] = _as_a_surface(made, world, count)
            by_card = _by_the_card(made, side, count)
    memcpy = _median(stages["memcpy"])
    rows = []
    for name, times in stages.items():
        copies = name not in (CALL, NOTICED)
        rate = f"{mebibytes / 1024 / (_median(times) / 1e3):.2f}" if copies else "–"
        share = f"{memcpy / _median(times):.0%}" if copies else "–"
        rows.append([name, f"{min(times):.2f}", *_bench.cells(times), rate, share])
    title = f"{mebibytes:g} MiB from the worker to GL, ms"
    report.table(title, ("", "least", "p50", "p95", "p99", "GiB/s", "of memcpy"), rows)
    for via in ("from shared memory", "by a pixel buffer"):
        way = f"whole, while it arrives, {via}"
        report.figure(f"memcpy ÷ hand-off, {way}", memcpy / _median(stages[way]), at_least=0.8)
    _tell_of_the_card(report, by_card, side * side * 16)
    scene = _scene(3 if args.quick else 15)
    rows = [[name, *_bench.cells(times)] for name, times in scene.items()]
    report.table("What the scene makes of a result, ms", ("", "p50", "p95", "p99"), rows)
    report.keep(mebibytes=mebibytes, stages=stages, scene=scene, by_card=by_card)
    report.finish()


def _median(values: list[float]) -> float:
    return float(np.median(values))


def _checkpoint(path: Path, side: int) -> Path:
    """TorchScript that returns a tensor of (1, 4, side, side) float32 which it holds."""
    import torch

    class Ready(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.made: torch.Tensor
            self.register_buffer("made", torch.rand(1, 4, side, side) * 2 - 1)

        def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {"albedo": self.made}

    manifest = {
        "vrgen": 1,
        "name": "ready",
        "inputs": {"latent": {"kind": "latent", "shape": [1, 8]}},
        "outputs": {"albedo": {"kind": "texture", "role": "albedo", "shape": [4, side, side], "metres": 4.0}},
    }
    untyped: Any = torch
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, and remains what most checkpoints are
        scripted = untyped.jit.script(Ready())
        untyped.jit.save(scripted, str(path), _extra_files={"vrgen.json": json.dumps(manifest)})
    return path


CALL, HANDED, NOTICED = (
    "worker: the call, and whether all numbers are finite",
    "worker: into shared memory",
    "frame: until it notices",
)


def _measure(made: Generators, side: int, count: int) -> dict[str, list[float]]:
    """Milliseconds of each stage, by name, in the order of the table."""
    from vrgen.gl.api import GL
    from vrgen.gl.objects import Buffer, Texture

    size = side * side * 16
    stages: dict[str, list[float]] = {name: [] for name in ("memcpy", CALL, HANDED, NOTICED)}
    here, there = np.ones(size, np.uint8), np.ones(size, np.uint8)
    step = max(1, _PIECE // (side * 4))
    # the four channels one under the other, as they lie
    with (
        Texture(GL.GL_TEXTURE_2D, (side, 4 * side), GL.GL_R32F, "result") as texture,
        Buffer(size, "result", persistent=True) as staging,
    ):

        def write(at: int, rows: int, pointer: Any) -> None:
            GL.glTextureSubImage2D(texture.name, 0, 0, at, side, rows, GL.GL_RED, GL.GL_FLOAT, pointer)

        def from_memory(at: int, rows: Rows) -> None:
            write(at, len(rows), GL.GLvoidp(rows.ctypes.data))

        def by_buffer(at: int, rows: Rows) -> None:
            begin = at * side * 4
            staging.mapped[begin : begin + rows.nbytes] = rows.reshape(-1).view(np.uint8)
            GL.glBindBuffer(GL.GL_PIXEL_UNPACK_BUFFER, staging.name)
            write(at, len(rows), GL.GLvoidp(begin))
            GL.glBindBuffer(GL.GL_PIXEL_UNPACK_BUFFER, 0)

        def whole(upload: Upload) -> Timings:
            result = _next_result(made)
            upload(0, result.outputs["albedo"].arrays[""].reshape(4 * side, side))
            return result.timings

        def arriving(upload: Upload) -> Timings:
            result = _next_result(made, arriving=True)
            output, timings = result.outputs["albedo"], result.timings
            rows = output.arrays[""].reshape(4 * side, side)
            for at in range(0, 4 * side, step):
                part = rows[at : at + step]
                if output.arrival is not None and not output.arrival.wait(part):
                    raise SystemExit("handoff.py: the worker died over a result; run it again")
                upload(at, part)
            return timings

        ways = [(whole, "one copy after the other"), (arriving, "while it arrives")]
        paths = [(from_memory, "from shared memory"), (by_buffer, "by a pixel buffer")]
        for number in range(count + _WARM_UP):
            for (bring, way), (upload, path) in itertools.product(ways, paths):  # in turn: load changes with time
                timings = bring(upload)
                GL.glFinish()
                complete_s = time.monotonic()
                copied_ms = _memcpy(here, there)
                if number < _WARM_UP:
                    continue
                stages["memcpy"].append(copied_ms)
                if bring is whole:
                    stages[CALL].append((timings.made_s - timings.started_s) * 1e3)
                    stages[HANDED].append((timings.handed_s - timings.made_s) * 1e3)
                    stages[NOTICED].append((timings.polled_s - timings.handed_s) * 1e3)
                    uploads = stages.setdefault(f"frame: into the texture, {path}", [])
                    uploads.append((complete_s - timings.polled_s) * 1e3)
                wholes = stages.setdefault(f"whole, {way}, {path}", [])
                wholes.append((complete_s - timings.made_s) * 1e3)
    return stages


def _memcpy(here: npt.NDArray[np.uint8], there: npt.NDArray[np.uint8]) -> float:
    begun_s = time.perf_counter()
    np.copyto(there, here)
    return (time.perf_counter() - begun_s) * 1e3


def _as_a_surface(made: Generators, world: World, count: int) -> list[float]:
    """From the call's return until the scene's surface lies on the GPU with its smaller levels."""
    from vrgen.gl.api import GL
    from vrgen.renderer.uploads import Uploads  # OpenGL's platform is the display's choice

    uploads = Uploads(direct=True)
    assembly, person = Assembly(world), Person()
    latent = {"latent": np.zeros((1, 8), np.float32)}
    times: list[float] = []
    known: frozenset[int] = frozenset()
    for number in range(count + _WARM_UP):
        epoch = _epochs()
        assembly.ask({"ready": Wish("ready", epoch, 1, latent)}, 0.0)
        made_s, deadline_s = 0.0, time.monotonic() + _PATIENCE_S
        while not made_s or uploads.resident <= known:
            made.submit(assembly.requests(person, 0.0))
            came = made.poll(arriving=True)
            made_s = came[0].timings.made_s if came else made_s
            # ten seconds a turn: a fade is over before the next result comes
            scene = assembly.advance(came, person, Resident(uploads.resident), frozenset(), 10.0 * epoch, 10.0)
            del came
            uploads.advance(scene)
            if time.monotonic() > deadline_s:
                raise SystemExit(f"handoff.py: no surface came: {'; '.join(made.status[0].errors)}")
            time.sleep(_LOOK_S)
        GL.glFinish()
        if number >= _WARM_UP:
            times.append((time.monotonic() - made_s) * 1e3)
        known = known | uploads.resident
    uploads.close()
    return times


COPIED, LANDED, DRAWN = "a copy within the card", "until it lies in OpenGL's memory", "whole, into the texture"
OVER_HOST = "bytes over the host"


def _by_the_card(made: Generators, side: int, count: int) -> dict[str, list[float]] | str:
    """Milliseconds from the call's return, and bytes that cross the host; or why it is left out."""
    if not (made.device or "").startswith("cuda"):
        return "no CUDA device"
    import torch

    from vrgen.generator.protocol import ON
    from vrgen.gl.api import GL
    from vrgen.gl.card_copies import CardCopies
    from vrgen.gl.objects import Texture
    from vrgen.on_gpu import RawPlanes, RawSurface
    from vrgen.renderer.conversions import Conversions

    stages: dict[str, list[float]] = {name: [] for name in (COPIED, LANDED, DRAWN, OVER_HOST)}
    here = torch.zeros(side * side * 4, device="cuda")
    there = torch.zeros_like(here)
    copies, conversions = CardCopies(), Conversions()
    made.land_by(copies)
    with Texture(GL.GL_TEXTURE_2D, (side, side), GL.GL_SRGB8_ALPHA8, "albedo") as texture:
        while copies.stage != ON and not copies.failed:
            made.poll()
            time.sleep(_LOOK_S)
        for number in range(count + _WARM_UP if not copies.failed else 0):
            result = _next_result(made)
            output = result.outputs["albedo"]
            if output.raw is None:
                break
            landed_s = time.monotonic()
            conversions.albedo(RawSurface((side, side), RawPlanes(output.raw, (-1.0, 1.0))), texture)
            GL.glFinish()
            drawn_s = time.monotonic()
            torch.cuda.synchronize()
            begun_s = time.monotonic()
            there.copy_(here)
            torch.cuda.synchronize()
            if number >= _WARM_UP:
                stages[COPIED].append((time.monotonic() - begun_s) * 1e3)
                stages[LANDED].append((landed_s - result.timings.made_s) * 1e3)
                stages[DRAWN].append((drawn_s - result.timings.made_s) * 1e3)
                stages[OVER_HOST].append(float(output.arrays[""].nbytes))
            del result, output
    why = copies.why
    conversions.close()
    copies.close()
    return why or stages


def _tell_of_the_card(report: _bench.Report, found: dict[str, list[float]] | str, size: int) -> None:
    if isinstance(found, str):
        report.say(f"by the card's memory: left out: {found}")
        return
    copied = _median(found[COPIED])
    rows = []
    for name in (COPIED, LANDED, DRAWN):
        took = _median(found[name])
        rows.append([name, f"{min(found[name]):.2f}", *_bench.cells(found[name]), f"{copied / took:.0%}"])
    title = f"{size / 2**20:g} MiB by the card's memory, ms from the call's return"
    report.table(title, ("", "least", "p50", "p95", "p99", "of the copy"), rows)
    report.figure("copy within the card ÷ hand-off by it", copied / _median(found[LANDED]), at_least=0.8)
    report.figure(
        "share of a result by the card that crosses the host", max(found[OVER_HOST]) / size, at_most=0.001
    )


_epochs = itertools.count(1).__next__


def _next_result(made: Generators, *, arriving: bool = False) -> Generated:
    made.submit([Request("ready", _epochs(), 1, {"latent": np.zeros((1, 8), np.float32)})])
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        for result in made.poll(arriving=arriving):
            return result
        time.sleep(_LOOK_S)
    raise SystemExit(f"handoff.py: no result came: {'; '.join(made.status[0].errors) or 'the worker is silent'}")


def _scene(count: int) -> dict[str, list[float]]:
    """Skies and surfaces made of results that lie ready."""
    rng = np.random.default_rng(1)

    def output(spec: Any, *shape: int) -> Output:
        return Output(spec, {"": rng.uniform(-1, 1, shape).astype(np.float32)})

    found: dict[str, list[float]] = {}
    for height in (256, 512, 1024):
        sky = output(PanoramaOutput(shape=(3, height, 2 * height)), 3, height, 2 * height)
        found[f"a sky of {height} × {2 * height}"] = _times(count, partial(sky_of, sky))
        radiance = np.ones((height, 2 * height, 3), np.float16)
        found[f"   of {height} × {2 * height}, its light alone"] = _times(count, partial(light_of, radiance))
    for side in (256, 512, 1024):
        shape = (3, side, side)
        dress = [
            output(TextureOutput(shape=shape, role="albedo", metres=4.0), *shape),
            output(TextureOutput(shape=shape, role="normal", metres=4.0), *shape),
            output(TextureOutput(shape=(1, side, side), role="roughness", metres=4.0), 1, side, side),
        ]
        name = f"a surface of {side} × {side}: albedo, normal, roughness"
        found[name] = _times(count, partial(surface_of, dress))
    return found


def _times(count: int, make: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(count + 1):
        begun_s = time.perf_counter()
        make()
        times.append((time.perf_counter() - begun_s) * 1e3)
    return times[1:]


if __name__ == "__main__":
    main()

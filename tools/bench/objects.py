"""What a frame costs the CPU when N objects stand around: vrgen beside what people would use instead, in one run.

All draw the same: N stones of 100 meshes (80 triangles each, one level of detail) in a disc of 150 m around a
viewer who turns; two eyes of 16 × 16 pixels, no shadows, one sample a pixel. The peers (_peers.py) are written as
a user of each would: Panda3D, pygfx and pyrender with one node an object, Panda3D once with two cameras and once
with its own stereo region; pygfx once more with its instanced meshes; moderngl as a bare loop, which culls nothing
and knows no scene: a draw for each mesh and eye. vrgen draws its sky and ground besides.

A software rasteriser spends CPU time on vertices and pixels that a GPU would not. So everything is measured twice:
with Mesa's null driver, which takes all calls and draws nothing, and drawn. pygfx draws through Vulkan, which Mesa
22 has no null driver for: there stands the time of its own thread, which submits what another thread draws.

What leaving out hidden objects saves is measured beside it, drawn alone: the same stones, in the open and with a
ring of hills before most of them, in larger pictures.

pyrender needs older packages: it gets an environment of its own in the cache, made by the first run that is not
--quick.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import _bench
import numpy as np
from _beside import GLS, MOST, PEERS, Peers
from _stones import EYE_PX, MESHES, Times, places, stones, timed

if TYPE_CHECKING:
    from vrgen.display.headless import HeadlessDisplay
    from vrgen.renderer import Renderer
    from vrgen.scene_model import Objects

COUNTS = (100, 1_000, 10_000)
MANY = 100_000
WAYS = {"all drawn": False, "hidden ones sought": True, "where it pays": None}
"""What the renderer is told of hidden objects."""
HILL_EYE_PX = 320
ROUNDS, SETTLES = 3, 12
"""How often each way has its turn, and how many frames of a turn are not measured."""
ASKED = {"panda3d": 0.1, "pygfx": 0.02}
"""vrgen's time ÷ theirs at the highest number, at most."""


# --- vrgen ------------------------------------------------------------------------------------------------------


def draw_vrgen(count: int, frames: int, anew: bool, split: bool) -> dict[str, Any]:
    """`anew`: every object is a new one in every frame. `split`: tell the time outside GL calls as well."""
    from vrgen.clock import StepClock
    from vrgen.display.headless import HeadlessDisplay

    with HeadlessDisplay((2 * EYE_PX, EYE_PX), stereo=True, clock=StepClock(1 / 90)) as display:
        from vrgen.renderer import Renderer

        with Renderer("low", samples=1, shadows=False) as renderer:
            stage = _Stage(display, renderer, count, anew)
            outside = _Outside() if split else None
            times = timed(frames, outside.watch(stage.draw) if outside else stage.draw)
            if outside:
                times["outside"] = outside.outside_ms[-frames:]
                times["calls"] = outside.calls[-frames:]
        return {"gl": display.gl, "times": times}


class _Stage:
    """The plain world with the stones on it, seen by someone who turns."""

    def __init__(self, display: "HeadlessDisplay", renderer: "Renderer", count: int, anew: bool) -> None:
        from vrgen.config import World
        from vrgen.messages import Person
        from vrgen.scene.assembly import Assembly

        self._frames = display.frames()
        self._renderer = renderer
        self._anew = False
        self._objects = stones_of(count)
        assembly = Assembly(World())
        for _ in range(100):  # until the plain ground has risen
            self._scene = assembly.advance((), Person(), renderer.resident, frozenset(), 0.0, 0.1)
            self.draw(0.0)
        self._scene = replace(self._scene, objects=self._objects)
        self._anew = anew

    def raise_hills(self) -> None:
        from vrgen.scene_model import TileHeights, TileSet, new_id

        ground = self._scene.ground
        metres, samples = ground.shown.metres, ground.shown.samples
        steps = np.linspace(0, metres, samples)
        tiles = {}
        for ix, iz in ground.shown.tiles:
            away = np.hypot(*np.meshgrid(ix * metres + steps, iz * metres + steps))
            heights = 12.0 * np.exp(-(((away - 40.0) / 6.0) ** 2))
            tiles[ix, iz] = TileHeights(new_id(), heights.astype(np.float32))
        shown = TileSet(1, 1, metres, samples, tiles)
        self._scene = replace(self._scene, ground=replace(ground, shown=shown))
        while not {tile.id for tile in tiles.values()} <= self._renderer.resident.ids:
            self.draw(0.0)

    def draw(self, yaw_rad: float) -> None:
        from vrgen.messages import Person

        if self._anew:
            objects = replace(self._objects, instances=self._objects.instances.copy())
            self._scene = replace(self._scene, objects=objects)
        with next(self._frames) as frame:
            person = Person(yaw_rad=yaw_rad)
            views = frame.views(person)
            self._renderer.advance(self._scene, person.feet_world, len(views))
            self._renderer.draw(self._scene, views)


def draw_hidden(count: int, frames: int, hilly: bool, samples: int) -> dict[str, Any]:
    """Each of `WAYS` in turns, in one picture; `hilly`: a ring of hills, 12 m high, stands 40 m away."""
    from vrgen.clock import StepClock
    from vrgen.display.headless import HeadlessDisplay

    with HeadlessDisplay((2 * HILL_EYE_PX, HILL_EYE_PX), stereo=True, clock=StepClock(1 / 90)) as display:
        from vrgen.renderer import Renderer
        from vrgen.renderer.occlusion import Worth

        with Renderer("low", samples=samples, shadows=False) as renderer:
            stage = _Stage(display, renderer, count, False)
            if hilly:
                stage.raise_hills()
            told: dict[str, Any] = {way: {} for way in WAYS}
            for _ in range(ROUNDS):
                for way, always in WAYS.items():
                    renderer._occlusion.always, renderer._occlusion._worth = always, Worth(tried=True)
                    for _ in range(SETTLES):
                        stage.draw(0.0)
                    for series, values in timed(max(1, frames // ROUNDS), stage.draw).items():
                        told[way].setdefault(series, []).extend(values)
                    told[way]["seen"] = asdict(renderer.seen)
        return {"gl": display.gl, "ways": told}


def stones_of(count: int) -> "Objects":
    """What stands there, as vrgen has it."""
    from vrgen.scene_model import INSTANCE, Mesh, Objects, new_id

    shapes, normals, faces = stones()
    colours = np.full((len(normals), 4), (150, 140, 130, 255), np.uint8)
    uv = np.zeros((len(normals), 2), np.float32)
    meshes = tuple(Mesh(new_id(), shape, normals, colours, uv, (faces,)) for shape in shapes)
    instances = np.zeros(count, INSTANCE)
    positions, scales, turns, numbers = places(count)
    instances["position"], instances["scale"], instances["rotation"] = positions, scales, turns
    instances["mesh"], instances["picture"] = numbers, -1
    return Objects(meshes=meshes, instances=instances)


class _Outside:
    """CPU time of a frame less that in GL calls: all of PyOpenGL's functions are timed, and those without it."""

    def __init__(self) -> None:
        from vrgen.gl import timing, transfer
        from vrgen.gl.api import GL

        self._inside_s, self._count = 0.0, 0
        self.outside_ms: list[float] = []
        self.calls: list[float] = []
        for name in [name for name in dir(GL) if name.startswith("gl") and callable(getattr(GL, name))]:
            setattr(GL, name, self._timed(getattr(GL, name)))
        for module in (timing, transfer):  # functions of ctypes, from vrgen.gl.api.bare
            for name in [name for name, value in vars(module).items() if getattr(value, "argtypes", None)]:
                setattr(module, name, self._timed(getattr(module, name)))

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            begun_s = time.thread_time()
            try:
                return function(*args)
            finally:
                self._inside_s += time.thread_time() - begun_s
                self._count += 1

        return call

    def watch(self, draw: Callable[[float], None]) -> Callable[[float], None]:
        def watched(yaw: float) -> None:
            self._inside_s, self._count = 0.0, 0
            begun_s = time.thread_time()
            draw(yaw)
            self.outside_ms.append((time.thread_time() - begun_s - self._inside_s) * 1e3)
            self.calls.append(self._count)

        return watched


# --- the tables -------------------------------------------------------------------------------------------------


def main() -> None:
    parser = _bench.arguments(__doc__)
    parser.add_argument("--counts", type=int, nargs="+", help="numbers of objects")
    parser.add_argument("--frames", type=int, help="frames measured for each")
    parser.add_argument(
        "--peers", nargs="*", default=list(PEERS), choices=PEERS, help="beside these; all when left out"
    )
    parser.add_argument("--threads", default="0", help="LP_NUM_THREADS: rasteriser threads beside the drawing one")
    parser.add_argument("--child", type=int, metavar="N", help="measure vrgen, print JSON (internal)")
    parser.add_argument("--anew", action="store_true", help="with --child: new objects in every frame")
    parser.add_argument("--hidden", type=int, nargs=2, metavar=("HILLS", "SAMPLES"), help="with --child: all WAYS")
    parser.add_argument("--split", action="store_true", help="with --child: time outside GL calls")
    args = parser.parse_args()
    counts = args.counts or ((100,) if args.quick else COUNTS)
    frames = args.frames or (8 if args.quick else 240)
    if args.child and args.hidden:
        hilly, samples = args.hidden
        print(json.dumps(draw_hidden(args.child, frames, bool(hilly), samples)), flush=True)
        return
    if args.child:
        print(json.dumps(draw_vrgen(args.child, frames, args.anew, args.split)))
        sys.stdout.flush()
        return

    report = _bench.Report("objects", args, f"LP_NUM_THREADS={args.threads}; vrgen samples=1, low, no shadows")
    peers = Peers(frames, args.threads, may_install=not args.quick)

    def measure(gl: str, count: int, *more: str) -> Times:
        pins = {"LP_NUM_THREADS": args.threads, **GLS[gl]}
        told = _bench.in_child(__file__, "--child", count, "--frames", frames, *more, **pins)
        report.machine[f"vrgen on {gl}"] = told["gl"]
        times: Times = told["times"]
        return times

    for gl in GLS:
        rows, shares = [], {}
        for count in counts:
            ours = measure(gl, count)
            found = {name: times for name in args.peers if (times := peers.times(name, count, gl)) is not None}
            for name, times in {**found, "vrgen": ours}.items():
                thread, wall = (_bench.cells(times[what])[0] for what in ("thread", "wall"))
                share = _cpu(ours) / _cpu(times)
                rows.append([f"{count:,} {name}", *_bench.cells(times["process"]), thread, wall, f"{share:.3f}"])
                report.keep(**{f"{gl}: {count} {name}": times})
            shares = {name: _cpu(ours) / _cpu(times) for name, times in found.items()}
        title = f"CPU time of a frame, ms, {gl}: N objects over {MESHES} meshes, two eyes of {EYE_PX} × {EYE_PX}"
        report.table(title, ("N, engine", "p50", "p95", "p99", "thread p50", "wall p50", "vrgen ÷ it"), rows)
        for package, asked in ASKED.items():
            of_it = [share for name, share in shares.items() if PEERS[name] == package and "instanced" not in name]
            if of_it:  # its faster way
                what = f"CPU time of a frame, {max(counts):,} objects, {gl} ÷ {package}"
                report.figure(what, max(of_it), at_most=asked)
    report.say("p50 to p99: CPU time of the whole process (of pygfx with nothing drawn: of its own thread)")
    for engine, why in peers.left_out.items():
        report.say(f"{engine} is left out: {why}")
    for engine, most in MOST.items():
        if max(counts) > most and engine in args.peers:
            report.say(f"{engine} draws at most {most:,} here")
    report.machine |= peers.gl

    rows, count = [], max(counts)
    pins = {"LP_NUM_THREADS": args.threads}
    for hilly, samples in ((1, 1), (1, 4), (0, 1)):
        told = _bench.in_child(
            __file__, "--child", count, "--frames", min(frames, 48), "--hidden", hilly, samples, **pins
        )["ways"]
        for way, times in told.items():
            seen, where = times["seen"], f"{'hills' if hilly else 'open'}, {samples} a pixel"
            share = _cpu(times) / _cpu(told["all drawn"])
            counted = [f"{seen[name]:,}" for name in ("drawn", "hidden", "outside")]
            rows.append([f"{where}: {way}", *_bench.cells(times["process"], 1), f"{share:.2f}", *counted])
        report.keep(**{f"hidden: {where}": told})
    title = f"CPU time of a frame, ms, drawn: {count:,} objects, two eyes of {HILL_EYE_PX} × {HILL_EYE_PX}"
    report.table(title, ("where: way", "p50", "p95", "p99", "÷ all drawn", "drawn", "hidden", "outside"), rows)

    rows, few, many = [], *((100, 300) if args.quick else (1_000, MANY))
    for gl in GLS:
        outside = {f"{count:,}": measure(gl, count, "--split") for count in (few, many)}
        if gl == "drawn":  # the null driver of Mesa 22 crashes when buffers are written in every frame
            outside[f"{max(counts):,}, all new in every frame"] = measure(gl, max(counts), "--split", "--anew")
        base = _median(outside[f"{few:,}"]["outside"])
        for name, times in outside.items():
            calls, grown = _median(times["calls"]), _median(times["outside"]) / base
            rows.append([f"{name}; {gl}", *_bench.cells(times["outside"], 3), f"{calls:.0f}", f"{grown:.2f}"])
        grown = _median(outside[f"{many:,}"]["outside"]) / base
        report.figure(f"time outside GL, {many:,} objects ÷ {few:,}, {gl}", grown, at_most=1.2)
        report.keep(**{f"outside, {gl}": outside})
    title = "vrgen outside GL calls, ms of a frame"
    report.table(title, ("N", "p50", "p95", "p99", "GL calls", f"÷ N = {few:,}"), rows)
    report.finish()


def _median(values: list[float]) -> float:
    return float(np.median(values))


def _cpu(times: Times) -> float:
    return _median(times["process"])


if __name__ == "__main__":
    main()

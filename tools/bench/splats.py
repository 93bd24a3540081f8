"""What Gaussian splats cost: sorting N of them, and the CPU's share of a frame that draws them for two eyes.

Sorting: vrgen's radix sort on the GPU, from keys to an order, waited for; numpy's, which a software rasteriser has
beside the frame, from places to an order; torch.sort of the same keys, on CUDA too where there is one.
Frames: a person who stands and turns, for whom nothing is sorted, and one who walks, for whom every frame is. With
Mesa's null driver, which takes all calls and draws nothing, as a GPU would be asked; then drawn, in eyes of the
size that is asked for. On a GPU, `--eye 1440x1600` tells the rate of a headset.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import _bench
import numpy as np

if TYPE_CHECKING:
    from vrgen.scene_model import Cloud

COUNTS = (100_000, 1_000_000)
EYE = "16x16"
GLS = {"nothing drawn": {"GALLIUM_NOOP": "1"}, "drawn": {"GALLIUM_NOOP": "0"}}
KEYS_BELOW = 2**24
WALKS_M = 0.02

Times = dict[str, list[float]]


def cloud_of(count: int) -> "Cloud":
    """Small Gaussians in a block of 6 × 2 × 6 m before the start, as dense however many there are."""
    from vrgen.scene.splats import shared_exponent
    from vrgen.scene_model import SPLAT, Cloud, Splats, new_id

    rng = np.random.default_rng(1)
    made = np.zeros(count, SPLAT)
    made["position"] = rng.uniform((-3, 0, -9), (3, 2, -3), (count, 3))
    turns = rng.normal(size=(count, 4))
    made["rotation"] = np.rint(turns / np.linalg.norm(turns, axis=1, keepdims=True) * 32767)
    made["scale"] = rng.uniform(0.2, 1.0, (count, 3)) * 0.6 / np.sqrt(count)
    made["opacity"] = rng.integers(40, 255, count)
    made["colour"] = shared_exponent(rng.uniform(0, 1, (count, 3)).astype(np.float32))
    return Cloud(Splats(new_id(), made), (0.0, 0.0, 0.0))


# --- sorting ----------------------------------------------------------------------------------------------------


def sort(count: int, rounds: int) -> dict[str, Any]:
    """Times of each way, ms."""
    from vrgen.clock import StepClock
    from vrgen.display.headless import HeadlessDisplay

    times: dict[str, Times] = {}
    with HeadlessDisplay((16, 16), clock=StepClock(1 / 90)) as display:
        from vrgen.gl.api import GL
        from vrgen.renderer.sorting import GpuSort
        from vrgen.renderer.splat_pool import Held
        from vrgen.renderer.splats import KEY_BITS, Part, ordered

        cloud = cloud_of(count)
        part = Part(Held(cloud.splats, 0, 0, count), cloud.position, 0.0, 1.0)
        times["numpy, with its keys"] = timed(lambda at: ordered((part,), (at, 1.7, 0.0)), rounds)
        keys = np.random.default_rng(2).integers(0, KEYS_BELOW, count).astype(np.uint32)
        gpu = GpuSort(count)

        def sorted_on_gpu(_: float) -> None:
            gpu.sort(count, KEY_BITS)
            GL.glFinish()

        gpu.keys.write(keys)
        times["vrgen's compute shader"] = timed(sorted_on_gpu, rounds)
        gpu.close()
        gl = display.gl
    import torch

    torch.set_num_threads(1)
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        on = torch.from_numpy(keys.astype(np.int32)).to(device)

        def sorted_by_torch(_: float, on: torch.Tensor = on, device: str = device) -> None:
            torch.sort(on, stable=True)
            if device == "cuda":
                torch.cuda.synchronize()

        times[f"torch.sort, {device}"] = timed(sorted_by_torch, rounds)
    return {"gl": gl, "times": times}


def timed(way: Callable[[float], object], rounds: int) -> Times:
    """Each round after one to warm up, ms; the argument goes up as a walker's place does."""
    way(0.0)
    times: Times = {"process": [], "wall": []}
    for number in range(rounds):
        before = clocks_s()
        way(WALKS_M * (number + 1))
        add(times, before)
    return times


def clocks_s() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def add(times: Times, before_s: tuple[float, float]) -> None:
    for series, begun_s, ended_s in zip(times.values(), before_s, clocks_s()):
        series.append((ended_s - begun_s) * 1e3)


# --- frames -----------------------------------------------------------------------------------------------------


def draw(count: int, frames: int, eye: tuple[int, int], as_gpu: bool) -> dict[str, Any]:
    """`as_gpu`: the calls that a GPU gets, whatever draws here. Times of a frame, ms."""
    from vrgen.clock import StepClock
    from vrgen.config import World
    from vrgen.display.headless import HeadlessDisplay
    from vrgen.messages import Person
    from vrgen.scene.assembly import Assembly

    with HeadlessDisplay((2 * eye[0], eye[1]), stereo=True, clock=StepClock(1 / 90)) as display:
        from vrgen.gl.api import GL
        from vrgen.renderer import Renderer

        with Renderer("high" if min(eye) > 500 else "low", samples=4, shadows=False) as renderer:
            if as_gpu:
                renderer._splats._beside = False
            opened, assembly = display.frames(), Assembly(World())

            def step(person: Person) -> None:
                with next(opened) as frame:
                    views = frame.views(person)
                    renderer.advance(scene, person.feet_world, len(views))
                    renderer.draw(scene, views)
                GL.glFinish()

            for _ in range(60):  # until the plain ground has risen
                scene = assembly.advance((), Person(), renderer.resident, frozenset(), 0.0, 0.1)
                step(Person())
            if count:
                cloud = cloud_of(count)
                scene = replace(scene, clouds=(cloud,))
                while cloud.splats.id not in renderer.resident.ids:
                    step(Person())
            people: dict[str, Callable[[float], Person]] = {
                "stands": lambda at: Person(yaw_rad=0.3 * np.sin(at / 10)),
                "walks": lambda at: Person((WALKS_M * at, 0.0, 0.0)),
            }
            told: dict[str, Times] = {}
            for name, person in people.items():
                times = told[name] = {"process": [], "wall": []}
                for number in range(-max(2, frames // 8), frames):
                    before = clocks_s()
                    step(person(float(number)))
                    if number >= 0:
                        add(times, before)
        return {"gl": display.gl, "times": told}


# --- the tables -------------------------------------------------------------------------------------------------


def main() -> None:
    parser = _bench.arguments(__doc__)
    parser.add_argument("--counts", type=int, nargs="+", help="numbers of splats")
    parser.add_argument("--frames", type=int, help="frames measured for each")
    parser.add_argument("--eye", default=EYE, metavar="WIDTHxHEIGHT", help="pixels of an eye")
    parser.add_argument("--threads", default="0", help="LP_NUM_THREADS: rasteriser threads beside the drawing one")
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "N"), help="measure one, print JSON (internal)")
    parser.add_argument("--as-gpu", action="store_true", help="with --child: submit what a GPU would get")
    args = parser.parse_args()
    counts = args.counts or ((2_000, 5_000) if args.quick else COUNTS)
    frames = args.frames or (6 if args.quick else 40)
    width, _, height = args.eye.partition("x")
    if args.child:
        what, count = args.child[0], int(args.child[1])
        size = (int(width), int(height))
        print(json.dumps(sort(count, frames) if what == "sort" else draw(count, frames, size, args.as_gpu)))
        sys.stdout.flush()
        return

    pinned = f"LP_NUM_THREADS={args.threads}; four samples, no shadows, eyes of {args.eye}"
    report = _bench.Report("splats", args, pinned)

    def measure(what: str, count: int, gl: str) -> Any:
        more = ("--as-gpu",) if gl != "drawn" else ()
        pins = {"LP_NUM_THREADS": args.threads, **GLS[gl]}
        told = _bench.in_child(
            __file__,
            "--child",
            what,
            count,
            "--frames",
            frames * (1 if gl == "drawn" else 8),
            "--eye",
            args.eye,
            *more,
            **pins,
        )
        report.machine[f"vrgen on {gl}"] = told["gl"]
        return told["times"]

    rows = []
    for count in counts:
        sorts = measure("sort", count, "drawn")
        for way, times in sorts.items():
            wall = _bench.cells(times["wall"])[0]
            rows.append([f"{count:,} {way}", *_bench.cells(times["process"]), wall])
        report.keep(**{f"sort {count}": sorts})
    head = ("N, by", "p50", "p95", "p99", "wall p50")
    report.table("Sorting N splats, ms of CPU time (on a GPU the wall's counts)", head, rows)

    for gl in GLS:
        rows = []
        bare = measure("draw", 0, gl)
        report.keep(**{f"{gl} 0": bare})
        for name, times in bare.items():
            rows.append([f"0 {name}", *_bench.cells(times["process"]), _bench.cells(times["wall"])[0], "1.00"])
        for count in counts:
            found = measure("draw", count, gl)
            report.keep(**{f"{gl} {count}": found})
            for name, times in found.items():
                share = np.median(times["process"]) / np.median(bare[name]["process"])
                wall = _bench.cells(times["wall"])[0]
                rows.append([f"{count:,} {name}", *_bench.cells(times["process"]), wall, f"{share:.2f}"])
        title = f"CPU time of a frame with N splats, ms, {gl}: two eyes of {args.eye}"
        report.table(title, ("N, who", "p50", "p95", "p99", "wall p50", "÷ N = 0"), rows)
    report.say("p50 to p99: CPU time of the whole process, the frame waited for")
    report.finish()


if __name__ == "__main__":
    main()

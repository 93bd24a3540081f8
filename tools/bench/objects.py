"""What a frame costs the CPU when N objects stand around: vrgen beside Panda3D, in the same run.

Both draw the same: N stones of 100 meshes (80 triangles each, one level of detail) in a disc of 150 m around a
viewer who turns; two eyes of 16 × 16 pixels, no shadows, one sample a pixel. Panda3D draws as it does by default,
one node an object, culled by its bounding volume; once with two cameras and once with its own stereo region. vrgen
draws its sky and ground besides.

A software rasteriser spends CPU time on vertices and pixels that a GPU would not. So everything is measured twice:
with Mesa's null driver, which takes all calls and draws nothing, and drawn.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import _bench
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vrgen.display.headless import HeadlessDisplay
    from vrgen.renderer import Renderer
    from vrgen.scene_model import Objects

COUNTS = (100, 1_000, 5_000, 10_000)
MESHES = 100
REACH_M = 150.0
EYE_PX = 16
EYE_DISTANCE_M = 0.063
FOV_DEG = 70.0
GLS = {"nothing drawn": {"GALLIUM_NOOP": "1"}, "drawn": {"GALLIUM_NOOP": "0"}}
"""Mesa's null driver takes every call and draws nothing: what is left is what a frame costs the CPU where a GPU
does the rest. Other drivers don't know the variable, and the two are the same."""
ENGINES = ("panda3d-stereo", "panda3d-cameras", "vrgen")

F32 = npt.NDArray[np.float32]
Times = dict[str, list[float]]


# --- what is drawn, the same for both ---------------------------------------------------------------------------


def stones() -> tuple[list[F32], F32, npt.NDArray[np.uint32]]:
    """100 × vertices (42, 3), normals of the sphere they are bent from (42, 3), faces (80, 3)."""
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=1)
    sphere = np.asarray(ball.vertices, np.float32)
    rng = np.random.default_rng(1)
    shapes = [sphere * rng.uniform(0.7, 1.0, (len(sphere), 1)).astype(np.float32) for _ in range(MESHES)]
    return shapes, sphere, np.asarray(ball.faces, np.uint32)


def places(count: int) -> tuple[F32, F32, F32, npt.NDArray[np.uint32]]:
    """Positions (N, 3), scales (N,), rotations xyzw (N, 4) and mesh numbers (N,), sorted by mesh."""
    rng = np.random.default_rng(2)
    angle, away = rng.uniform(0, 2 * np.pi, count), REACH_M * np.sqrt(rng.uniform(0.0004, 1.0, count))
    positions = np.stack([away * np.cos(angle), rng.uniform(0, 1, count), away * np.sin(angle)], axis=-1)
    turns = rng.normal(size=(count, 4))
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    meshes = np.sort(rng.integers(0, MESHES, count)).astype(np.uint32)
    scales = rng.uniform(0.6, 1.2, count)
    return positions.astype(np.float32), scales.astype(np.float32), turns.astype(np.float32), meshes


def yaws(frames: int) -> F32:
    """One turn of the head, radians a frame."""
    return np.linspace(0, 2 * np.pi, frames, endpoint=False, dtype=np.float32)


def timed(frames: int, draw: Callable[[float], None]) -> Times:
    """Draw a warm-up and then `frames`; wall time, CPU time of this thread and of the whole process, ms each."""
    for yaw in yaws(max(8, frames // 8)):
        draw(float(yaw))
    times: Times = {"wall": [], "thread": [], "process": []}
    for yaw in yaws(frames):
        before = time.perf_counter(), time.thread_time(), time.process_time()
        draw(float(yaw))
        after = time.perf_counter(), time.thread_time(), time.process_time()
        for series, begun_s, ended_s in zip(times.values(), before, after):
            series.append((ended_s - begun_s) * 1e3)
    return times


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
    """The time of a frame less the time in GL calls: every function of PyOpenGL is timed."""

    def __init__(self) -> None:
        from vrgen.gl.api import GL

        self._inside_s, self._count = 0.0, 0
        self.outside_ms: list[float] = []
        self.calls: list[float] = []
        for name in [name for name in dir(GL) if name.startswith("gl") and callable(getattr(GL, name))]:
            setattr(GL, name, self._timed(getattr(GL, name)))

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            begun_s = time.perf_counter()
            try:
                return function(*args)
            finally:
                self._inside_s += time.perf_counter() - begun_s
                self._count += 1

        return call

    def watch(self, draw: Callable[[float], None]) -> Callable[[float], None]:
        def watched(yaw: float) -> None:
            self._inside_s, self._count = 0.0, 0
            begun_s = time.perf_counter()
            draw(yaw)
            self.outside_ms.append((time.perf_counter() - begun_s - self._inside_s) * 1e3)
            self.calls.append(self._count)

        return watched


# --- Panda3D ----------------------------------------------------------------------------------------------------


def draw_panda(count: int, frames: int, stereo: bool) -> dict[str, Any]:
    """`stereo`: one camera and Panda3D's region for both eyes, culled once; else a camera an eye."""
    from panda3d import core

    core.load_prc_file_data("", "sync-video false\ncoordinate-system yup-right\nnotify-level-display error\n")
    engine = core.GraphicsEngine.get_global_ptr()
    pipe = core.GraphicsPipeSelection.get_global_ptr().make_module_pipe("p3headlessgl")
    wanted = core.FrameBufferProperties()
    wanted.set_rgba_bits(8, 8, 8, 8)
    wanted.set_depth_bits(24)
    flags = core.GraphicsPipe.BF_refuse_window | core.GraphicsPipe.BF_fb_props_optional
    size = core.WindowProperties.size(2 * EYE_PX, EYE_PX)
    buffer = engine.make_output(pipe, "eyes", 0, wanted, size, flags)
    engine.open_windows()

    root = core.NodePath("world")
    shapes, _, faces = stones()
    models = [_panda_model(shape, faces) for shape in shapes]
    for position, scale, (x, y, z, w), number in zip(*places(count)):
        stone = models[number].copy_to(root)
        stone.set_pos_quat_scale(
            core.LPoint3(*map(float, position)),
            core.LQuaternion(float(w), float(x), float(y), float(z)),
            core.LVecBase3(float(scale)),
        )
    head = root.attach_new_node("head")
    head.set_pos(0, 1.7, 0)
    for side in (0,) if stereo else (-1, 1):
        lens = core.PerspectiveLens()
        lens.set_fov(FOV_DEG, FOV_DEG)
        lens.set_near_far(0.05, 10_000.0)
        lens.set_interocular_distance(EYE_DISTANCE_M)
        eye = head.attach_new_node(core.Camera("eye", lens))
        eye.set_x(side * EYE_DISTANCE_M / 2)
        if stereo:
            buffer.set_side_by_side_stereo(True)
            region = buffer.make_stereo_display_region(0, 1, 0, 1)
        else:
            region = buffer.make_display_region(*((0, 0.5) if side < 0 else (0.5, 1)), 0, 1)
        region.set_camera(eye)

    def turn(yaw: float) -> None:
        head.set_h(float(np.degrees(yaw)))
        engine.render_frame()

    times = timed(frames, turn)
    gsg = buffer.get_gsg()
    return {"gl": f"{gsg.get_driver_renderer()}, {gsg.get_driver_version()}", "times": times}


def _panda_model(vertices: F32, faces: npt.NDArray[np.uint32]) -> Any:
    from panda3d import core

    data = core.GeomVertexData("stone", core.GeomVertexFormat.get_v3n3c4(), core.Geom.UH_static)
    data.set_num_rows(len(vertices))
    places_of, normals, colours = (core.GeomVertexWriter(data, name) for name in ("vertex", "normal", "color"))
    for at in vertices:
        places_of.add_data3(*map(float, at))
        normals.add_data3(*map(float, at / np.linalg.norm(at)))
        colours.add_data4(0.6, 0.55, 0.5, 1.0)
    triangles = core.GeomTriangles(core.Geom.UH_static)
    for face in faces:
        triangles.add_vertices(*map(int, face))
    geom = core.Geom(data)
    geom.add_primitive(triangles)
    node = core.GeomNode("stone")
    node.add_geom(geom)
    return core.NodePath(node)


# --- the tables -------------------------------------------------------------------------------------------------


def main() -> None:
    parser = _bench.arguments(__doc__)
    parser.add_argument("--counts", type=int, nargs="+", help="numbers of objects")
    parser.add_argument("--frames", type=int, help="frames measured for each")
    parser.add_argument("--threads", default="0", help="LP_NUM_THREADS: rasteriser threads beside the drawing one")
    parser.add_argument("--child", nargs=2, metavar=("ENGINE", "N"), help="measure one, print JSON (internal)")
    parser.add_argument("--anew", action="store_true", help="with --child: new objects in every frame")
    parser.add_argument("--split", action="store_true", help="with --child: time outside GL calls")
    args = parser.parse_args()
    counts = args.counts or ((100, 300) if args.quick else COUNTS)
    frames = args.frames or (16 if args.quick else 240)
    if args.child:
        engine, count = args.child[0], int(args.child[1])
        if engine == "vrgen":
            told = draw_vrgen(count, frames, args.anew, args.split)
        else:
            told = draw_panda(count, frames, engine == "panda3d-stereo")
        print(json.dumps(told))
        sys.stdout.flush()
        return

    report = _bench.Report("objects", args, f"LP_NUM_THREADS={args.threads}; vrgen samples=1, low, no shadows")

    def measure(gl: str, engine: str, count: int, *more: str) -> Times:
        pins = {"LP_NUM_THREADS": args.threads, **GLS[gl]}
        told = _bench.in_child(__file__, "--child", engine, count, "--frames", frames, *more, **pins)
        report.machine[f"{engine.partition('-')[0]} on {gl}"] = told["gl"]
        times: Times = told["times"]
        return times

    engines = ENGINES if report.machine["panda3d"] != "not installed" else ENGINES[-1:]
    for gl in GLS:
        found = {(engine, count): measure(gl, engine, count) for count in counts for engine in engines}
        rows = []
        for count in counts:
            best = min((_cpu(found[e, count]) for e in engines if e != "vrgen"), default=None)
            for engine in engines:
                times = found[engine, count]
                ratio = f"{_cpu(times) / best:.3f}" if best else "–"
                thread, wall = (_bench.cells(times[name])[0] for name in ("thread", "wall"))
                rows.append([f"{count:,} {engine}", *_bench.cells(times["process"]), thread, wall, ratio])
        title = f"CPU time of a frame, ms, {gl}: N objects over {MESHES} meshes, two eyes of {EYE_PX} × {EYE_PX}"
        report.table(title, ("N, engine", "p50", "p95", "p99", "thread p50", "wall p50", "÷ Panda3D"), rows)
        report.keep(**{gl: {f"{engine} {count}": times for (engine, count), times in found.items()}})
    report.say("p50 to p99: CPU time of the whole process; ÷ Panda3D: its faster way at the same N")
    if len(engines) == 1:
        report.say("Panda3D is not installed (pip install panda3d): vrgen is shown alone")

    rows, few, many = [], min(counts) if args.quick else 1_000, max(counts)
    for gl in GLS:
        outside = {f"{count:,}": measure(gl, "vrgen", count, "--split") for count in (few, many)}
        if gl == "drawn":  # the null driver of Mesa 22 crashes when buffers are written in every frame
            outside[f"{many:,}, all new in every frame"] = measure(gl, "vrgen", many, "--split", "--anew")
        base = _median(outside[f"{few:,}"]["outside"])
        for name, times in outside.items():
            share = f"{_median(times['outside']) / base:.2f}"
            calls = f"{_median(times['calls']):.0f}"
            rows.append([f"{name}; {gl}", *_bench.cells(times["outside"], 3), calls, share])
        report.keep(**{f"outside, {gl}": outside})
    title = f"vrgen outside GL calls, ms of a frame (at most 1.2 times from {few:,} to {many:,})"
    report.table(title, ("N", "p50", "p95", "p99", "GL calls", f"÷ N = {few:,}"), rows)
    report.finish()


def _median(values: list[float]) -> float:
    return float(np.median(values))


def _cpu(times: Times) -> float:
    return _median(times["process"])


if __name__ == "__main__":
    main()

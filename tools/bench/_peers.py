"""What objects.py measures beside vrgen: the same stones drawn by other engines, as a user of each would write it.

A program of its own: `_peers.py ENGINE N FRAMES` draws and prints its times as JSON. It imports nothing of vrgen.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from _stones import (
    COLOUR,
    EYE_DISTANCE_M,
    EYE_HEIGHT_M,
    EYE_PX,
    F32,
    FAR_M,
    FOV_DEG,
    MESHES,
    NEAR_M,
    places,
    stones,
    timed,
    world_from_eye,
    world_from_stone,
)

Told = dict[str, Any]
"""`gl`: what draws, in words; `times`: of `timed`."""
LEFT_OUT = "left out: "
"""Begins the sentence with which an engine says why it can't draw here."""


# --- Panda3D ----------------------------------------------------------------------------------------------------


def panda3d_stereo(count: int, frames: int) -> Told:
    """One node an object, one camera, and Panda3D's region for both eyes, culled once."""
    return _panda(count, frames, True)


def panda3d_cameras(count: int, frames: int) -> Told:
    """One node an object and a camera an eye."""
    return _panda(count, frames, False)


def _panda(count: int, frames: int, stereo: bool) -> Told:
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
    head.set_pos(0, EYE_HEIGHT_M, 0)
    for side in (0,) if stereo else (-1, 1):
        lens = core.PerspectiveLens()
        lens.set_fov(FOV_DEG, FOV_DEG)
        lens.set_near_far(NEAR_M, FAR_M)
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
        colours.add_data4(*COLOUR, 1.0)
    triangles = core.GeomTriangles(core.Geom.UH_static)
    for face in faces:
        triangles.add_vertices(*map(int, face))
    geom = core.Geom(data)
    geom.add_primitive(triangles)
    node = core.GeomNode("stone")
    node.add_geom(geom)
    return core.NodePath(node)


# --- pygfx ------------------------------------------------------------------------------------------------------


def pygfx(count: int, frames: int) -> Told:
    """One `Mesh` an object; geometries and the material are shared."""
    return _pygfx(count, frames, False)


def pygfx_instanced(count: int, frames: int) -> Told:
    """One `InstancedMesh` a mesh."""
    return _pygfx(count, frames, True)


def _pygfx(count: int, frames: int, instanced: bool) -> Told:
    import pygfx as gfx
    import wgpu

    # Mesa's OpenGL lacks what pygfx needs (FLOAT32_FILTERABLE), and is what wgpu may choose by itself.
    vulkan = [one for one in wgpu.gpu.enumerate_adapters_sync() if one.info["backend_type"] != "OpenGL"]
    if not vulkan:
        raise SystemExit(LEFT_OUT + "wgpu finds no Vulkan driver; on Debian: apt-get install mesa-vulkan-drivers")
    gfx.renderers.wgpu.select_adapter(vulkan[0])
    picture = gfx.Texture(dim=2, size=(2 * EYE_PX, EYE_PX, 1), format="rgba8unorm")
    renderer = gfx.renderers.WgpuRenderer(picture, pixel_ratio=1.0, pixel_filter="nearest", ppaa="none")
    scene = gfx.Scene()
    sun = gfx.DirectionalLight(intensity=2.0)
    sun.local.position = 1.0, 2.0, 1.0
    scene.add(gfx.AmbientLight(intensity=0.4), sun)
    shapes, normals, faces = stones()
    material = gfx.MeshPhongMaterial(color=(*COLOUR, 1.0))
    geometries = [gfx.Geometry(positions=shape, normals=normals, indices=faces) for shape in shapes]
    matrices, numbers = world_from_stone(count), places(count)[3]
    if instanced:
        for number in range(MESHES):
            of_it = matrices[numbers == number]
            if len(of_it):
                several = gfx.InstancedMesh(geometries[number], material, len(of_it))
                for i, matrix in enumerate(of_it):
                    several.set_matrix_at(i, matrix)
                scene.add(several)
    else:
        for matrix, number in zip(matrices, numbers, strict=True):
            stone = gfx.Mesh(geometries[number], material)
            stone.local.matrix = matrix
            scene.add(stone)
    eyes = {side: gfx.PerspectiveCamera(FOV_DEG, 1.0, depth_range=(NEAR_M, FAR_M)) for side in (-1, 1)}

    def turn(yaw: float) -> None:
        for side, eye in eyes.items():
            eye.local.matrix = world_from_eye(yaw, side)
            at = 0 if side < 0 else EYE_PX
            renderer.render(scene, eye, rect=(at, 0, EYE_PX, EYE_PX), flush=False)
        renderer.flush()
        renderer.snapshot()  # waits until it is drawn, so that no frames pile up

    times = timed(frames, turn)
    info = renderer.device.adapter.info
    return {"gl": f"{info['device']}, {info['backend_type']}, wgpu {wgpu.__version__}", "times": times}


# --- pyrender ---------------------------------------------------------------------------------------------------


def pyrender(count: int, frames: int) -> Told:
    """One node an object; `OffscreenRenderer.render` an eye, which also reads the picture back."""
    import pyrender as renderer
    from OpenGL import GL

    shapes, normals, faces = stones()
    material = renderer.MetallicRoughnessMaterial(baseColorFactor=(*COLOUR, 1.0))
    meshes = [
        renderer.Mesh([renderer.Primitive(shape, normals, indices=faces, material=material)]) for shape in shapes
    ]
    scene = renderer.Scene(ambient_light=(0.2, 0.2, 0.2))
    for matrix, number in zip(world_from_stone(count), places(count)[3], strict=True):
        scene.add(meshes[number], pose=matrix)
    scene.add(renderer.DirectionalLight(intensity=2.0))
    eye = scene.add(renderer.PerspectiveCamera(np.radians(FOV_DEG), NEAR_M, FAR_M, 1.0))
    offscreen = renderer.OffscreenRenderer(EYE_PX, EYE_PX)

    def turn(yaw: float) -> None:
        for side in (-1, 1):
            scene.set_pose(eye, world_from_eye(yaw, side))
            offscreen.render(scene)

    times = timed(frames, turn)
    said = ", ".join(GL.glGetString(name).decode() for name in (GL.GL_RENDERER, GL.GL_VERSION))
    return {"gl": said, "times": times}


# --- moderngl ---------------------------------------------------------------------------------------------------


_VERTEX = """
#version 330
uniform mat4 clip_from_world;
in vec3 at;
in vec3 normal;
in mat4 world_from_stone;
out vec3 facing;
void main() {
    gl_Position = clip_from_world * world_from_stone * vec4(at, 1.0);
    facing = mat3(world_from_stone) * normal;
}
"""
_FRAGMENT = """
#version 330
uniform vec3 colour;
in vec3 facing;
out vec4 shown;
void main() {
    shown = vec4(colour * (0.3 + 0.7 * max(0.0, dot(normalize(facing), vec3(0.4, 0.8, 0.4)))), 1.0);
}
"""


def moderngl(count: int, frames: int) -> Told:
    """A plain instanced loop: one vertex array and one draw a mesh and eye, nothing culled."""
    import moderngl as gl

    headless: dict[str, Any] = {"backend": "egl", "libgl": "libGL.so.1", "libegl": "libEGL.so.1"}
    context = gl.create_standalone_context(**(headless if sys.platform == "linux" else {}))
    program = context.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
    program["colour"] = COLOUR
    clip_from_world: Any = program["clip_from_world"]
    shapes, normals, faces = stones()
    matrices, numbers = world_from_stone(count).transpose(0, 2, 1).astype(np.float32), places(count)[3]
    indices = context.buffer(faces.tobytes())
    draws = []
    for number, shape in enumerate(shapes):
        of_it = matrices[numbers == number]
        if len(of_it):
            vertices = context.buffer(np.hstack([shape, normals]).astype(np.float32).tobytes())
            content = [
                (vertices, "3f 3f", "at", "normal"),
                (context.buffer(of_it.tobytes()), "16f/i", "world_from_stone"),
            ]
            draws.append((context.vertex_array(program, content, indices), len(of_it)))
    size = (2 * EYE_PX, EYE_PX)
    picture = context.framebuffer([context.renderbuffer(size)], context.depth_renderbuffer(size))
    picture.use()
    context.enable(gl.DEPTH_TEST | gl.CULL_FACE)
    clip_from_eye = _clip_from_eye()

    def turn(yaw: float) -> None:
        picture.viewport = (0, 0, *size)
        picture.clear()
        for side in (-1, 1):
            picture.viewport = (0 if side < 0 else EYE_PX, 0, EYE_PX, EYE_PX)
            matrix = clip_from_eye @ np.linalg.inv(world_from_eye(yaw, side))
            clip_from_world.write(matrix.T.astype(np.float32).tobytes())
            for stone, instances in draws:
                stone.render(instances=instances)
        context.finish()

    times = timed(frames, turn)
    return {"gl": f"{context.info['GL_RENDERER']}, {context.info['GL_VERSION']}", "times": times}


def _clip_from_eye() -> npt.NDArray[np.float64]:
    scale = 1.0 / np.tan(np.radians(FOV_DEG) / 2)
    found = np.diag([scale, scale, -(FAR_M + NEAR_M) / (FAR_M - NEAR_M), 0.0])
    found[2, 3], found[3, 2] = -2 * FAR_M * NEAR_M / (FAR_M - NEAR_M), -1.0
    return found


ENGINES: dict[str, Callable[[int, int], Told]] = {
    "panda3d-stereo": panda3d_stereo,
    "panda3d-cameras": panda3d_cameras,
    "pygfx": pygfx,
    "pygfx-instanced": pygfx_instanced,
    "pyrender": pyrender,
    "moderngl": moderngl,
}


if __name__ == "__main__":
    print(json.dumps(ENGINES[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]))), flush=True)

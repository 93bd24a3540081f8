"""Skies and surfaces whose numbers are on the GPU become the textures that uploads make of them on the host."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import stage as s
from stage import Stage

from vrgen.contract import TextureOutput
from vrgen.messages import Output
from vrgen.on_gpu import OnHost, RawPlanes, RawSurface
from vrgen.scene.colours import linear
from vrgen.scene.surfaces import surface_of
from vrgen.scene_model import Sky, Surface

Open = Callable[..., Stage]
LIGHT = s.sun((0.2, 1.0, 0.4))


@dataclass
class Lying:
    buffer: int
    shape: tuple[int, ...]


def largest(texture: Any) -> npt.NDArray[np.float32]:
    from vrgen.gl.api import GL

    width, height = texture.size
    out = np.zeros((height, width, 4), np.float32)
    GL.glGetTextureImage(texture.name, 0, GL.GL_RGBA, GL.GL_FLOAT, out.nbytes, out.ctypes.data_as(GL.GLvoidp))
    return out


def until(one: Stage, world: Any, *assets: Sky | Surface) -> int:
    for frames in range(200):
        one.draw(world)
        if {asset.id for asset in assets} <= one.renderer.resident.ids:
            return frames
    raise AssertionError("never resident")


def test_they_are_the_same_textures_and_take_their_turn(stage: Open) -> None:
    one = stage((32, 16), direct=False)
    from vrgen.gl.objects import Buffer

    rng = np.random.default_rng(1)
    panorama = rng.uniform(-1, 1, (3, 64, 128)).astype(np.float32)
    albedo = rng.uniform(-1, 1, (3, 96, 96)).astype(np.float32)
    rough = rng.uniform(0, 1, (1, 32, 32)).astype(np.float32)
    radiance = linear(panorama, (-1.0, 1.0))
    outputs = [
        Output(TextureOutput(shape=planes.shape, role=role, metres=2.0), {"": planes})  # type: ignore[arg-type]
        for role, planes in (("albedo", albedo), ("roughness", rough))
    ]
    twin = surface_of(outputs)
    with Buffer(panorama.nbytes, "sky", panorama) as above, Buffer(albedo.nbytes, "albedo", albedo) as below:
        sky = Sky(s.new_id(), radiance, LIGHT)
        raw_sky = replace(
            sky,
            id=s.new_id(),
            raw=RawPlanes(Lying(above.name, panorama.shape), (-1.0, 1.0)),
            radiance=radiance[::8, ::8],
        )
        made = RawSurface(
            (96, 96),
            albedo=RawPlanes(Lying(below.name, albedo.shape), (-1.0, 1.0)),
            roughness=RawPlanes(OnHost(rough), (0.0, 1.0)),
        )
        raw_surface = Surface(s.new_id(), twin.albedo[::8, ::8], twin.bumps[::8, ::8], 2.0, raw=made)
        assets = (sky, raw_sky, twin, raw_surface)
        frames = until(one, s.scene(over=s.nowhere(), preload=assets), *assets)
        assert frames > 0, "one picture a frame"
        uploads = one.renderer.uploads
        for asset, raw in ((sky, raw_sky), (twin, raw_surface)):
            for there, here in zip(uploads.of(asset), uploads.of(raw), strict=True):
                assert here.size == there.size and here.levels == there.levels
                assert (largest(here)[..., :3] == largest(there)[..., :3]).all()
        # Shown as any other, and freed as any other.
        one.draw(s.scene(over=s.nowhere(), above=raw_sky, dressed=raw_surface))
        one.draw(s.scene(over=s.nowhere(), above=sky))
        assert not {raw_sky.id, raw_surface.id} & one.renderer.resident.ids


def test_what_is_shown_is_there_at_once(stage: Open) -> None:
    one = stage((32, 16), budget_ms=0.0)
    from vrgen.gl.objects import Buffer

    planes = np.full((3, 32, 64), 0.5, np.float32)
    with Buffer(planes.nbytes, "sky", planes) as buffer:
        radiance = linear(planes, (-1.0, 1.0))
        sky = Sky(s.new_id(), radiance, LIGHT, raw=RawPlanes(Lying(buffer.name, planes.shape), (-1.0, 1.0)))
        one.draw(s.scene(over=s.nowhere(), above=sky))
        assert sky.id in one.renderer.resident.ids

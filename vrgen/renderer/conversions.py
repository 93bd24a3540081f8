"""Textures from generators' numbers, by the GPU: the same as vrgen/scene makes of them with numpy, texel by texel.

Each is one dispatch into the largest level of a texture that has room for it; sRGB textures are written through a
view of their bytes, and half floats as bits, so that no driver's rounding comes in between. Only sRGB of radiance,
which takes a power, may be one step off.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import numpy as np

from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer, Texture
from vrgen.gl.pipeline import Pipeline, Program
from vrgen.on_gpu import OnGpu, OnHost, RawPlanes, RawSurface
from vrgen.srgb import FROM_SRGB, STEPS, to_steps

PLAIN = (128, 128, 128, 128)
PLAIN_BUMPS = (128, 128, 255, 230)
"""As vrgen/scene/surfaces.py has them."""
Making = tuple[str, int, tuple[int, int], tuple[int, int], Callable[[Texture], None]]
_GROUP = 16
_NONE = (0, 1, 1)


class Conversions:
    """Owner of the programs, and of the little that they read beside the numbers."""

    def __init__(self) -> None:
        self._sky = Program("raw_sky.comp")
        self._colours = Program("raw_albedo.comp", defines=("COLOURS",))
        self._relief = Program("raw_albedo.comp", defines=("RELIEF",))
        self._bumps = Program("raw_bumps.comp")
        halves = FROM_SRGB.view(np.uint16).astype(np.uint32)
        self._halves = Buffer(halves.nbytes, "linear light of sRGB", halves)
        self._sum = Buffer(16, "sum of bytes")

    def pictures(self, name: int, raw: RawPlanes | RawSurface) -> tuple[Making, ...]:
        """The textures of a sky or a surface of that id: label, form, width and height, wrapping, maker."""
        repeat, edge = GL.GL_REPEAT, GL.GL_CLAMP_TO_EDGE
        if isinstance(raw, RawPlanes):
            _, height, width = raw.shape
            return ((f"sky {name}", GL.GL_RGBA16F, (width, height), (repeat, edge), partial(self.sky, raw)),)
        size, wrap = (raw.size[1], raw.size[0]), (repeat, repeat)
        flat = raw.normal is None and raw.roughness is None
        return (
            (f"albedo {name}", GL.GL_SRGB8_ALPHA8, size, wrap, partial(self.albedo, raw)),
            (f"bumps {name}", GL.GL_RGBA8, (1, 1) if flat else size, wrap, partial(self.bumps, raw)),
        )

    def sky(self, raw: RawPlanes, texture: Texture) -> None:
        """Linear radiance of a panorama into a texture of RGBA16F of its size."""
        program = self._sky.name
        width, height = texture.size[:2]
        GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, 1, self._halves.name)
        GL.glBindImageTexture(0, texture.name, 0, False, 0, GL.GL_WRITE_ONLY, GL.GL_RGBA16UI)
        with ExitStack() as brought:
            self._numbers(program, raw, STEPS, brought)
            _dispatch(program, width, height)
        _finish(texture)

    def albedo(self, raw: RawSurface, texture: Texture) -> None:
        """sRGB bytes with a relief in alpha into a texture of SRGB8_ALPHA8 of the surface's size."""
        if raw.albedo is None:
            _fill(texture, PLAIN)
            return
        height, width = raw.size
        view = _bytes_of(texture)
        self._sum.write(np.zeros(4, np.uint32))
        GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, 1, self._sum.name)
        GL.glBindImageTexture(0, view, 0, False, 0, GL.GL_READ_WRITE, GL.GL_RGBA8UI)
        with ExitStack() as brought:
            self._numbers(self._colours.name, raw.albedo, 255, brought)
            _dispatch(self._colours.name, width, height)
        GL.glMemoryBarrier(GL.GL_SHADER_IMAGE_ACCESS_BARRIER_BIT | GL.GL_SHADER_STORAGE_BARRIER_BIT)
        _dispatch(self._relief.name, width, height)
        GL.glDeleteTextures([view])
        _finish(texture)

    def bumps(self, raw: RawSurface, texture: Texture) -> None:
        """Normals and roughness into a texture of RGBA8 of the surface's size."""
        if raw.normal is None and raw.roughness is None:
            _fill(texture, PLAIN_BUMPS)
            return
        height, width = raw.size
        program = self._bumps.name
        GL.glProgramUniform4ui(program, 5, *PLAIN_BUMPS)
        GL.glBindImageTexture(0, texture.name, 0, False, 0, GL.GL_WRITE_ONLY, GL.GL_RGBA8UI)
        with ExitStack() as brought:
            for place, planes in enumerate((raw.normal, raw.roughness)):
                if planes is not None:
                    assert planes.between != "linear"
                    GL.glProgramUniform2f(program, 3 + place, *to_steps(planes.between, 255))
                    _bind(place, planes.lies, brought)
                else:
                    GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, place, self._sum.name)
                GL.glProgramUniform3ui(program, 1 + place, *(_NONE if planes is None else planes.shape))
            _dispatch(program, width, height)
        _finish(texture)

    def _numbers(self, program: int, raw: RawPlanes, last: int, brought: ExitStack) -> None:
        radiance = raw.between == "linear"
        GL.glProgramUniform3ui(program, 1, *raw.shape)
        if raw.between != "linear":
            GL.glProgramUniform2f(program, 2, *to_steps(raw.between, last))
        GL.glProgramUniform1i(program, 3, int(radiance))
        _bind(0, raw.lies, brought)

    def close(self) -> None:
        for owned in (self._sky, self._colours, self._relief, self._bumps, self._halves, self._sum):
            owned.close()


def _bind(place: int, lies: OnGpu | OnHost, brought: ExitStack) -> None:
    """`brought` closes what had to be brought here for it; to be left when the dispatch is given."""
    if isinstance(lies, OnHost):
        name = brought.enter_context(Buffer(lies.numbers.nbytes, "numbers from the host", lies.numbers)).name
    else:
        name = lies.buffer
    GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, place, name)


def _dispatch(program: int, width: int, height: int) -> None:
    GL.glProgramUniform2ui(program, 0, width, height)
    GL.glUseProgram(program)
    GL.glDispatchCompute(-(-width // _GROUP), -(-height // _GROUP), 1)
    Pipeline._bound = None


def _finish(texture: Texture) -> None:
    """What was written is there for whoever reads it, and smaller levels are made of it."""
    GL.glBindImageTexture(0, 0, 0, False, 0, GL.GL_READ_ONLY, GL.GL_RGBA8UI)
    GL.glMemoryBarrier(GL.GL_ALL_BARRIER_BITS)
    if texture.levels > 1:
        GL.glGenerateTextureMipmap(texture.name)


def _bytes_of(texture: Texture) -> int:
    """A view of an sRGB texture's largest level as whole numbers: an image unit takes no sRGB."""
    view = int(GL.glGenTextures(1))
    GL.glTextureView(view, GL.GL_TEXTURE_2D, texture.name, GL.GL_RGBA8UI, 0, 1, 0, 1)
    return view


def _fill(texture: Texture, pixel: tuple[int, int, int, int]) -> None:
    for level in range(texture.levels):
        GL.glClearTexImage(texture.name, level, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, np.array(pixel, np.uint8))

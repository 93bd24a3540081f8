"""Numbers made into textures by the GPU: texel by texel what numpy makes of them for the pixel buffer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vrgen.contract import Range, TextureOutput
from vrgen.display.headless import HeadlessDisplay
from vrgen.messages import Output
from vrgen.on_gpu import RawPlanes, RawSurface
from vrgen.scene.colours import linear
from vrgen.scene.surfaces import surface_of
from vrgen.srgb import BRIGHTEST

F32 = npt.NDArray[np.float32]
SIZES = st.integers(1, 67)
RANGES = st.sampled_from([(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), (1.0, -1.0), (-0.3, 0.1), "linear"])
SOME = settings(max_examples=40)


@dataclass
class Lying:
    buffer: int
    shape: tuple[int, ...]


@pytest.fixture(scope="module")
def gl() -> Iterator[Any]:
    from vrgen.clock import StepClock
    from vrgen.errors import DisplayError

    display = HeadlessDisplay((16, 16), clock=StepClock(1 / 60))
    try:
        display.__enter__()
    except DisplayError as error:
        pytest.skip(str(error))
    with display:
        from vrgen.gl.api import GL, watch_errors
        from vrgen.gl.objects import alive
        from vrgen.renderer.conversions import Conversions

        heard: list[str] = []
        watch = watch_errors(heard.append)
        before = alive()
        conversions = Conversions()
        yield conversions
        conversions.close()
        assert alive() == before and heard == [] and watch is not None
        GL.glFinish()


def numbers(shape: tuple[int, ...], between: Range, seed: int) -> F32:
    """Within the range and well beyond it, with its ends and the middles between steps."""
    rng = np.random.default_rng(seed)
    if between == "linear":
        made = 10.0 ** rng.uniform(-9, 6, shape)
        made[rng.random(shape) < 0.2] = -1.0
        made[rng.random(shape) < 0.1] = 0.0
    else:
        low, high = between
        made = rng.uniform(-0.2, 1.2, shape) * (high - low) + low
        edges = rng.integers(0, 2047, shape) / 2046 * (high - low) + low
        made = np.where(rng.random(shape) < 0.4, edges, made)
    return made.astype(np.float32)


def texels(texture: Any, kind: str) -> npt.NDArray[Any]:
    from vrgen.gl.api import GL

    width, height = texture.size
    out = np.zeros((height, width, 4), np.float16 if kind == "half" else np.uint8)
    form = GL.GL_HALF_FLOAT if kind == "half" else GL.GL_UNSIGNED_BYTE
    GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
    GL.glGetTextureImage(texture.name, 0, GL.GL_RGBA, form, out.nbytes, out.ctypes.data_as(GL.GLvoidp))
    return out


def converted_sky(conversions: Any, planes: F32, between: Range) -> npt.NDArray[np.float16]:
    from vrgen.gl.api import GL
    from vrgen.gl.objects import Buffer, Texture

    size = (planes.shape[2], planes.shape[1])
    with (
        Buffer(planes.nbytes, "numbers", planes) as buffer,
        Texture(GL.GL_TEXTURE_2D, size, GL.GL_RGBA16F, "made") as texture,
    ):
        conversions.sky(RawPlanes(Lying(buffer.name, planes.shape), between), texture)
        return texels(texture, "half")


@SOME
@given(SIZES, SIZES, st.sampled_from([1, 3, 4]), RANGES, st.integers(0, 99))
@example(32, 64, 3, "linear", 0)
def test_a_panorama(gl: Any, height: int, width: int, channels: int, between: Range, seed: int) -> None:
    planes = numbers((channels, height, width), between, seed)
    made = converted_sky(gl, planes, between)
    assert (made[..., :3] == linear(planes, between)).all()
    assert (made[..., 3] == 1.0).all()


def test_every_half_float_rounds_as_numpy_does(gl: Any) -> None:
    """Every half float from 0 to the brightest, what lies exactly between two, and its neighbours."""
    halves = np.arange(0x7B53, dtype=np.uint16).view(np.float16).astype(np.float32)
    middles = (halves[:-1] + halves[1:]) / 2
    every = np.concatenate([halves, middles, np.nextafter(middles, 0), np.nextafter(middles, np.float32(1e9))])
    every = np.concatenate([every, np.float32([BRIGHTEST, 7e4, 1e30, -0.0, -5.0, 1e-40])])
    width = 512
    planes = np.resize(every, (1, -(-len(every) // width), width))
    assert (converted_sky(gl, planes, "linear")[..., :3] == linear(planes, "linear")).all()


@SOME
@given(
    st.tuples(SIZES, SIZES, st.sampled_from([1, 3, 4])) | st.none(),
    st.tuples(SIZES, SIZES, st.sampled_from([1, 2, 3])) | st.none(),
    st.tuples(SIZES, SIZES, st.sampled_from([1, 3])) | st.none(),
    RANGES,
    RANGES,
    st.integers(0, 99),
)
@example((64, 64, 3), (64, 64, 3), (64, 64, 1), (-1.0, 1.0), (-1.0, 1.0), 0)
@example((16, 16, 3), None, None, (-1.0, 1.0), (-1.0, 1.0), 0)
def test_a_surface(
    gl: Any,
    albedo: tuple[int, int, int] | None,
    normal: tuple[int, int, int] | None,
    roughness: tuple[int, int, int] | None,
    colours: Range,
    others: Range,
    seed: int,
) -> None:
    """Each role or none of it, of sizes of their own, and of any range."""
    from vrgen.gl.api import GL
    from vrgen.gl.objects import Buffer, Texture

    if others == "linear":
        others = (-1.0, 1.0)
    roles = {"albedo": albedo, "normal": normal, "roughness": roughness}
    outputs, buffers, raw = [], [], {}
    for role, size in roles.items():
        if size is None:
            continue
        between = colours if role == "albedo" else others
        planes = numbers((size[2], size[0], size[1]), between, seed)
        spec = TextureOutput(shape=planes.shape, role=role, metres=2.0, range=between)  # type: ignore[arg-type]
        outputs.append(Output(spec, {"": planes}))
        buffers.append(Buffer(planes.nbytes, role, planes))
        raw[role] = RawPlanes(Lying(buffers[-1].name, planes.shape), between)
    if not outputs:
        return
    twin = surface_of(outputs)
    height, width = twin.albedo.shape[:2]
    surface = RawSurface((height, width), **raw)
    with (
        Texture(GL.GL_TEXTURE_2D, (width, height), GL.GL_SRGB8_ALPHA8, "albedo") as here,
        Texture(GL.GL_TEXTURE_2D, (width, height), GL.GL_RGBA8, "bumps") as there,
    ):
        gl.albedo(surface, here)
        gl.bumps(surface, there)
        made, bumps = texels(here, "bytes"), texels(there, "bytes")
    for buffer in buffers:
        buffer.close()
    assert (bumps == twin.bumps).all()
    off = np.abs(made.astype(int) - twin.albedo).max()
    assert off <= (1 if colours == "linear" else 0)


def test_smaller_levels_are_made(gl: Any) -> None:
    from vrgen.gl.api import GL
    from vrgen.gl.objects import Buffer, Texture

    planes = np.full((3, 16, 32), 0.5, np.float32)
    with (
        Buffer(planes.nbytes, "numbers", planes) as buffer,
        Texture(GL.GL_TEXTURE_2D, (32, 16), GL.GL_RGBA16F, "made", levels=6) as texture,
    ):
        gl.sky(RawPlanes(Lying(buffer.name, planes.shape), "linear"), texture)
        out = np.zeros(4, np.float32)
        GL.glGetTextureImage(texture.name, 5, GL.GL_RGBA, GL.GL_FLOAT, out.nbytes, out.ctypes.data_as(GL.GLvoidp))
    assert out.tolist() == [0.5, 0.5, 0.5, 1.0]

"""Generated textures → materials of named surfaces; what a generator does not make is given plainly."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from vrgen.contract import TextureOutput
from vrgen.messages import Output
from vrgen.scene.colours import encoded, unit
from vrgen.scene_model import U8, Surface, new_id

_PLAIN_ROUGHNESS = 0.9


def surface_of(outputs: Iterable[Output]) -> Surface:
    """One material from the texture outputs of one surface: albedo, normal, roughness, any of them missing.

    Pictures of other sizes than the largest are enlarged to it.
    """
    planes: dict[str, tuple[TextureOutput, npt.NDArray[np.generic]]] = {}
    metres = 4.0
    for output in outputs:
        spec = output.spec
        if isinstance(spec, TextureOutput):
            planes[spec.role] = (spec, output.arrays[""])
            metres = spec.metres
    height = max(plane.shape[-2] for _, plane in planes.values())
    width = max(plane.shape[-1] for _, plane in planes.values())
    albedo = np.full((height, width, 4), 128, np.uint8)
    bumps = np.empty((height, width, 4), np.uint8)
    bumps[...] = (128, 128, 255, round(255 * _PLAIN_ROUGHNESS))
    if "albedo" in planes:
        spec, plane = planes["albedo"]
        albedo[..., :3] = _sized(encoded(plane, spec.range or (-1.0, 1.0)), height, width)
        albedo[..., 3] = _relief(albedo)
    if "normal" in planes:
        spec, plane = planes["normal"]
        low, high = _numbers(spec, (-1.0, 1.0))
        normal = (unit(plane[:3], low, high) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
        bumps[..., :3] = _sized(normal, height, width)
    if "roughness" in planes:
        spec, plane = planes["roughness"]
        low, high = _numbers(spec, (0.0, 1.0))
        rough = (unit(plane[:1], low, high) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
        bumps[..., 3:] = _sized(rough, height, width)
    return Surface(new_id(), albedo, bumps, metres)


def plain_surface(colour: tuple[int, int, int]) -> Surface:
    """A material of one colour (sRGB), with the faintest grain so that motion can be seen."""
    rng = np.random.default_rng(7)
    size = 128
    coarse = rng.normal(0, 1, (size // 8, size // 8)).repeat(8, 0).repeat(8, 1)
    for axis in (0, 1):
        coarse = np.mean([np.roll(coarse, k, axis) for k in range(-4, 4)], axis=0)
    grain = rng.normal(0, 2.0, (size, size)) + 7.0 * coarse
    albedo = np.empty((size, size, 4), np.uint8)
    albedo[..., :3] = np.clip(np.array(colour) + grain[..., None], 0, 255)
    albedo[..., 3] = 128
    bumps = np.empty((size, size, 4), np.uint8)
    bumps[...] = (128, 128, 255, round(255 * _PLAIN_ROUGHNESS))
    return Surface(new_id(), albedo, bumps, 4.0)


def _numbers(spec: TextureOutput, default: tuple[float, float]) -> tuple[float, float]:
    return default if spec.range is None or isinstance(spec.range, str) else spec.range


def _relief(albedo: U8) -> U8:
    """How high a texel stands, for blending materials: its brightness about the mean."""
    grey = albedo[..., :3].mean(axis=-1)
    return np.asarray(np.clip(128 + 2.0 * (grey - grey.mean()), 0, 255), np.uint8)


def _sized(pixels: U8, height: int, width: int) -> U8:
    if pixels.shape[:2] == (height, width):
        return pixels
    rows = np.arange(height) * pixels.shape[0] // height
    columns = np.arange(width) * pixels.shape[1] // width
    return pixels[np.ix_(rows, columns)]

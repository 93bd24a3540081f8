"""Generated textures → materials of named surfaces; what a generator does not make is given plainly."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from vrgen.contract import TextureOutput
from vrgen.levels import smaller_bumps, smaller_colours
from vrgen.messages import Arrival, Output
from vrgen.on_gpu import SAMPLES, OnHost, RawPlanes, RawSurface, places
from vrgen.scene.colours import Lost, encoded, levels
from vrgen.scene_model import U8, Surface, new_id

_PLAIN_BUMPS = np.array([128, 128, 255, round(255 * 0.9)], np.uint8)
"""Straight up, and rough."""
_DEFAULT = {"normal": (-1.0, 1.0), "roughness": (0.0, 1.0), "emissive": (-1.0, 1.0)}
"""What numbers mean where the manifest does not say."""


def surface_of(outputs: Iterable[Output]) -> Surface:
    """One material from the texture outputs of one surface: albedo, normal, roughness, any of them missing.

    Pictures of other sizes than the largest are enlarged to it.

    Raises:
        Lost: one was arriving and will not (colours.py); while they arrive, this waits.
    """
    outputs = [output for output in outputs if isinstance(output.spec, TextureOutput)]
    if any(output.raw is not None for output in outputs):
        return _from_gpu(outputs)
    roles: dict[str, tuple[TextureOutput, npt.NDArray[np.generic], Arrival | None]] = {}
    metres = 4.0
    for output in outputs:
        spec = output.spec
        if isinstance(spec, TextureOutput):
            roles[spec.role] = (spec, output.arrays[""], output.arrival)
            metres = spec.metres
    height = max(planes.shape[-2] for _, planes, _ in roles.values())
    width = max(planes.shape[-1] for _, planes, _ in roles.values())
    albedo = np.full((height, width, 4), 128, np.uint8)
    size = (height, width) if roles.keys() & {"normal", "roughness"} else (1, 1)
    bumps = np.full((*size, 1), _PLAIN_BUMPS.view(np.uint32)[0], np.uint32).view(np.uint8)
    if "albedo" in roles:
        spec, planes, arrival = roles["albedo"]
        _lay(encoded(planes, spec.range or (-1.0, 1.0), arrival), albedo)
        albedo[..., 3] = _relief(albedo)
    if "normal" in roles:
        spec, planes, arrival = roles["normal"]
        _lay(levels(planes[:3], _numbers(spec, _DEFAULT["normal"]), arrival), bumps)
    if "roughness" in roles:
        spec, planes, arrival = roles["roughness"]
        _lay(levels(planes[:1], _numbers(spec, _DEFAULT["roughness"]), arrival), bumps[..., 3:])
    return Surface(new_id(), albedo, bumps, metres, smaller_colours(albedo), smaller_bumps(bumps))


def _from_gpu(outputs: Iterable[Output]) -> Surface:
    """The same where some of it is on the GPU: there it is made, of 32 × 32 places here what is reckoned with.

    Raises:
        Lost: as `surface_of`.
    """
    raw, read = {}, []
    for output in outputs:
        spec, planes = output.spec, output.arrays[""]
        assert isinstance(spec, TextureOutput)
        if output.raw is None:
            if output.arrival is not None and not output.arrival.wait(planes):
                raise Lost
            rows, columns = (places(n, SAMPLES) for n in planes.shape[1:])
            planes = planes[:, rows][:, :, columns]
        lies = output.raw or OnHost(output.arrays[""])
        between = (spec.range or (-1.0, 1.0)) if spec.role == "albedo" else _numbers(spec, _DEFAULT[spec.role])
        raw[spec.role] = RawPlanes(lies, between)
        read.append(replace(output, arrays={"": planes}, arrival=None, raw=None))
    size = max(planes.shape[1] for planes in raw.values()), max(planes.shape[2] for planes in raw.values())
    little = surface_of(read)
    made = RawSurface(size, raw.get("albedo"), raw.get("normal"), raw.get("roughness"))
    return Surface(new_id(), little.albedo, little.bumps, little.metres, raw=made)


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
    return Surface(new_id(), albedo, _PLAIN_BUMPS[None, None], 4.0, smaller_colours(albedo))


def _numbers(spec: TextureOutput, default: tuple[float, float]) -> tuple[float, float]:
    return default if spec.range is None or isinstance(spec.range, str) else spec.range


def _relief(albedo: U8) -> U8:
    """How high a texel stands, for blending materials: its brightness about the mean."""
    grey = albedo[..., 0].astype(np.float32)  # sums of channels: a mean over an axis of three is ten times slower
    grey += albedo[..., 1]
    grey += albedo[..., 2]
    grey -= grey.mean(dtype=np.float64)
    grey *= 2.0 / 3.0
    return np.asarray(np.clip(grey + 128.0, 0, 255), np.uint8)


def _lay(pixels: U8, into: U8) -> None:
    """Copy (H, W, C) into as many channels, enlarged where they are of another size."""
    height, width = into.shape[:2]
    if pixels.shape[:2] != (height, width):
        rows = np.arange(height) * pixels.shape[0] // height
        columns = np.arange(width) * pixels.shape[1] // width
        pixels = pixels[np.ix_(rows, columns)]
    for channel in range(pixels.shape[2]):  # at once it would take four times as long
        into[..., channel] = pixels[..., channel]

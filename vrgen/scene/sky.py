"""Panoramas → skies."""

import numpy as np

from vrgen.contract import LightOutput, PanoramaOutput
from vrgen.levels import smaller_radiance
from vrgen.messages import Output
from vrgen.on_gpu import RawPlanes
from vrgen.scene.colours import linear
from vrgen.scene.light import light_of
from vrgen.scene.relief import relief_of
from vrgen.scene_model import Light, Sky, new_id


def sky_of(output: Output, depth: Output | None = None) -> Sky:
    """A panorama output, the light that falls from it, and how far away it is where that was made too.

    Raises:
        Lost: it was arriving and will not (colours.py); while it arrives, this waits.
    """
    assert isinstance(output.spec, PanoramaOutput)
    if output.raw is not None:
        assert depth is None  # of its colours a relief is made on the host: they come there
        radiance = linear(output.arrays[""], "linear")
        return Sky(new_id(), radiance, light_of(radiance), raw=RawPlanes(output.raw, output.spec.range))
    radiance = linear(output.arrays[""], output.spec.range, output.arrival)
    relief = None if depth is None else relief_of(depth, radiance)
    smaller = smaller_radiance(radiance)
    return Sky(new_id(), radiance, light_of(radiance, smaller), relief, smaller)


def plain_sky() -> Sky:
    """A clear sky of no particular place: what stands before the first generated one, and in worlds without."""
    height = 64
    elevation = np.clip(np.cos((np.arange(height) + 0.5) / height * np.pi), 0.0, 1.0)[:, None]
    low, high = np.array([0.80, 0.86, 0.92]), np.array([0.22, 0.38, 0.68])
    column = low + (high - low) * elevation**0.55
    radiance = np.repeat(column[:, None, :], 2 * height, axis=1).astype(np.float32)
    light = light_of(radiance)
    sun = np.array([0.45, 0.62, 0.64], np.float32)
    warm = np.array([2.6, 2.4, 2.1], np.float32)
    halves = radiance.astype(np.float16)
    shone = Light(sun, warm, light.ambient_sh, light.exposure * 0.75)
    return Sky(new_id(), halves, shone, smaller=smaller_radiance(halves))


def given_light(output: Output) -> Light:
    """A `light` output in place of the light that the panorama gives. Its exposure is 1: the sky's counts."""
    assert isinstance(output.spec, LightOutput)
    numbers = np.asarray(output.arrays[""], np.float32).reshape(9)
    direction = numbers[:3] / max(float(np.linalg.norm(numbers[:3])), 1e-6)
    ambient = np.zeros((9, 3), np.float32)
    ambient[0] = numbers[6:9] / 0.282095
    return Light(direction, numbers[3:6], ambient, 1.0)

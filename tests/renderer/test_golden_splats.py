"""A tree of splats in a generated valley, as it was approved by eye."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stage import Stage
from test_golden import LARGE, compared, generated, valley, waves

from vrgen import contract as c
from vrgen.messages import Output, Person
from vrgen.scene.splats import splats_of
from vrgen.scene_model import Cloud, Splats

TRUNK, LEAVES = 160, 5000


def tree() -> Splats:
    """A trunk of wide Gaussians one above another, a crown of flat ones turned anyhow."""
    rng = np.random.default_rng(4)
    up = np.linspace(0, 1, TRUNK)
    lean = np.stack([0.3 * up**2, 1.9 * up, 0.06 * np.sin(5 * up)], axis=-1)
    wide = np.stack([0.10 - 0.05 * up, np.full(TRUNK, 0.02), 0.10 - 0.05 * up], axis=-1)
    ways = rng.normal(size=(LEAVES, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    out = (0.4 + 0.6 * rng.uniform(size=LEAVES) ** 0.4) * (1 + 0.3 * waves(3 * ways[:, 0], 3 * ways[:, 1], 6, 2))
    crown = ways * out[:, None] * (1.0, 0.75, 1.0) + (0.3, 2.2, 0.0)
    bright = (0.75 + 0.25 * ways[:, 1]) * rng.uniform(0.7, 1.2, LEAVES)
    bark = 0.8 + 0.3 * waves(40 * up, up, 7, 2)
    arrays = {
        "means": np.concatenate([lean, crown]),
        "scales": np.concatenate([wide, np.broadcast_to((0.05, 0.03, 0.008), (LEAVES, 3))]),
        "rotations": np.concatenate([np.tile((0, 0, 0, 1), (TRUNK, 1)), rng.normal(size=(LEAVES, 4))]),
        "opacities": np.full(TRUNK + LEAVES, 0.85),
        "colours": np.concatenate([np.outer(bark, (0.44, 0.34, 0.26)), np.outer(bright, (0.36, 0.56, 0.20))]),
    }
    spec = c.SplatsOutput(shape=(TRUNK + LEAVES, 3), range=(0.0, 1.0))
    return splats_of(Output(spec, {name: array.astype(np.float32) for name, array in arrays.items()}))


def standing(x: float, z: float) -> float:
    return float(valley(np.float32(x), np.float32(z)))


@pytest.mark.slow
def test_golden_splats(stage: Callable[..., Stage], request: pytest.FixtureRequest, kept_pictures: Path) -> None:
    one = stage(LARGE, shadows=True)
    if not one.renderer.software:
        pytest.skip(f"golden pictures are of software rasterisers, this is {one.display.gl}")
    world = generated()
    places = ((1.4, -6.5, 0.0, 1.0), (-26.0, -70.0, 2.0, 6.0))
    clouds = [Cloud(tree(), (x, standing(x, z), z), yaw, scale) for x, z, yaw, scale in places]
    world = replace(world, clouds=tuple(clouds))
    compared(one.settle(world, Person((0.0, 0.7, 0.0), pitch_rad=0.02)), "splats", request, kept_pictures)

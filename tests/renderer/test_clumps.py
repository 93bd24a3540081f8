"""Instances in clumps: all there, each within its clump's sphere, neighbours together."""

import numpy as np
import pytest

from vrgen.display.headless import HeadlessDisplay
from vrgen.scene_model import INSTANCE


@pytest.mark.parametrize("count", [1, 63, 64, 65, 5000])
@pytest.mark.parametrize("flat", [False, True])
def test_every_instance_is_in_its_clump(gl_context: HeadlessDisplay, count: int, flat: bool) -> None:
    from vrgen.renderer.clumps import SIZE, clumped

    rng = np.random.default_rng(count)
    spheres = np.float32([[0, 0, 0, 1], [0.5, 2, -1, 0.3], [0, 0, 4, 2]])
    made = np.zeros(count, INSTANCE)
    made["position"] = rng.uniform(-200, 200, (count, 3)) * (1, 0.1, not flat)
    made["scale"], made["mesh"] = rng.uniform(0.1, 3.0, count), np.sort(rng.integers(0, 3, count))
    made["stands"] = rng.uniform(size=count) < 0.01
    ordered, clumps = clumped(made, spheres)
    assert sorted(map(bytes, ordered)) == sorted(map(bytes, made))
    assert len(clumps) == -(-count // SIZE)
    of = np.arange(count) // SIZE
    reach = np.linalg.norm(spheres[:, :3], axis=1)[ordered["mesh"]] + spheres[ordered["mesh"], 3]
    apart = np.linalg.norm(ordered["position"] - clumps["sphere"][of, :3], axis=1) + reach * ordered["scale"]
    assert (apart <= clumps["sphere"][of, 3]).all()
    assert (spheres[ordered["mesh"], 3] * ordered["scale"] <= clumps["largest"][of]).all()
    for number, stands in enumerate(clumps["stands"]):
        assert (stands > 0.0) == ordered["stands"][of == number].any()
    if count == 5000:  # 79 clumps of a square 400 m a side
        assert np.median(clumps["sphere"][:, 3]) < 75.0

"""Results whose numbers are on the GPU: the scene passes them on, and reckons with the little on the host."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from vrgen.contract import PanoramaOutput, TextureOutput
from vrgen.generator.device_memory import little_of
from vrgen.messages import Output
from vrgen.on_gpu import OnHost
from vrgen.scene.colours import Lost
from vrgen.scene.governor import sky_cells, surface_cells
from vrgen.scene.sky import sky_of
from vrgen.scene.surfaces import surface_of


@dataclass
class Lying:
    buffer: int
    shape: tuple[int, ...]


class Never:
    """The arrival of a result whose worker has died."""

    lost = True
    whole = False

    def has(self, part: object) -> bool:
        return False

    def wait(self, part: object) -> bool:
        return False


def by_card(whole: Output) -> Output:
    """What the frame gets of it where the worker leaves it on the card."""
    planes = whole.arrays[""]
    little = little_of(whole.spec, torch.from_numpy(np.asarray(planes))).numpy()
    return Output(whole.spec, {"": little}, raw=Lying(7, planes.shape))


def texture(role: str, size: tuple[int, int], channels: int = 3, seed: int = 0) -> Output:
    rng = np.random.default_rng(seed)
    planes = rng.uniform(-1, 1, (channels, *size)).astype(np.float32)
    spec = TextureOutput(shape=planes.shape, role=role, metres=3.0)  # type: ignore[arg-type]
    return Output(spec, {"": planes})


def test_a_sky_is_passed_on_with_its_light() -> None:
    rows = np.linspace(1.0, -0.9, 256, dtype=np.float32)
    planes = np.broadcast_to(rows[:, None], (3, 256, 512)).copy()
    planes[:, 60:66, 100:106] = 1.0
    whole = Output(PanoramaOutput(shape=planes.shape), {"": planes})
    there, here = sky_of(whole), sky_of(by_card(whole))
    assert here.raw is not None and here.raw.shape == (3, 256, 512) and here.raw.between == (-1.0, 1.0)
    assert there.raw is None
    assert here.light.sun_direction @ there.light.sun_direction > np.cos(np.radians(1.0))
    assert here.light.exposure == pytest.approx(there.light.exposure, rel=0.02)
    assert np.allclose(sky_cells(here), sky_cells(there), atol=0.03)


@pytest.mark.parametrize("sizes", [((64, 64), (64, 64)), ((96, 64), (48, 32))])
def test_a_surface_is_passed_on_and_its_brightness_is_known(
    sizes: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    albedo, normal = texture("albedo", sizes[0], seed=1), texture("normal", sizes[1], seed=2)
    there, here = surface_of([albedo, normal]), surface_of([by_card(albedo), by_card(normal)])
    assert here.raw is not None and here.raw.size == sizes[0] and here.metres == 3.0
    assert here.raw.albedo is not None and here.raw.normal is not None and here.raw.roughness is None
    assert np.allclose(surface_cells(here), surface_cells(there))


def test_what_came_across_the_host_is_made_there_with_the_rest() -> None:
    albedo, rough = texture("albedo", (64, 64), seed=1), texture("roughness", (16, 16), 1, seed=2)
    here = surface_of([by_card(albedo), rough])
    assert here.raw is not None and here.raw.roughness is not None
    assert isinstance(here.raw.roughness.lies, OnHost) and here.raw.roughness.between == (0.0, 1.0)
    assert here.raw.roughness.lies.numbers is rough.arrays[""]
    normal = texture("normal", (48, 32), seed=3)
    there, here = surface_of([albedo, normal]), surface_of([by_card(albedo), normal])
    assert np.allclose(surface_cells(here), surface_cells(there), atol=0.02)


def test_what_is_lost_beside_it_is_lost() -> None:
    rough = texture("roughness", (16, 16), 1)
    gone = Output(rough.spec, rough.arrays, Never())
    with pytest.raises(Lost):
        surface_of([by_card(texture("albedo", (64, 64))), gone])

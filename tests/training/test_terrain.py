"""The land has no seams: every tile agrees with its neighbours to the bit, whoever asks first."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vrgen.training.terrain_model import Coarse, HashedNoise, Land, Refine, Window

CHECKPOINT = Path(__file__).parents[2] / "assets" / "checkpoints" / "terrain.pt"
TILES = st.integers(-(2**20), 2**20)
SLIDERS = st.sampled_from([0.0, 0.3, 0.7, 1.0])


def latent(seed: int) -> Tensor:
    return torch.randn(1, 64, generator=torch.Generator().manual_seed(seed))


class Ground:
    """The bundled checkpoint, called as the runtime calls it."""

    def __init__(self) -> None:
        extra = {"vrgen.json": ""}
        self.module = torch.jit.load(str(CHECKPOINT), _extra_files=extra)  # type: ignore[no-untyped-call]
        self.manifest = json.loads(extra["vrgen.json"])

    def tile(self, z: Tensor, ix: int, iz: int, relief: float = 0.7) -> Tensor:
        """(65, 65) metres; rows along +Z, columns along +X."""
        inputs = {
            "latent": z,
            "tile": torch.tensor([[ix, iz]]),
            "relief": torch.tensor([relief]),
            "roughness": torch.tensor([0.5]),
        }
        with torch.no_grad():
            height: Tensor = self.module(inputs)["height"]
        assert height.shape == (1, 1, 65, 65)
        assert height.dtype == torch.float32
        return height[0, 0]


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as the worker calls it; more of them only wait for each other here
    yield Ground()
    torch.set_num_threads(before)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 9), ix=TILES, iz=TILES, relief=SLIDERS, first=st.booleans())
def test_neighbours_share_their_edges_to_the_bit(
    ground: Ground, seed: int, ix: int, iz: int, relief: float, first: bool
) -> None:
    z = latent(seed)
    here = ground.tile(z, ix, iz, relief) if first else None
    east = ground.tile(z, ix + 1, iz, relief)
    south = ground.tile(z, ix, iz + 1, relief)
    corner = ground.tile(z, ix + 1, iz + 1, relief)
    here = here if here is not None else ground.tile(z, ix, iz, relief)
    assert torch.equal(here[:, 64], east[:, 0])
    assert torch.equal(here[64, :], south[0, :])
    assert here[64, 64] == corner[0, 0]
    assert torch.isfinite(here).all()


def test_an_edge_is_no_crease(ground: Ground) -> None:
    z = latent(3)
    whole = torch.cat([ground.tile(z, ix, 5)[:, :64] for ix in range(-3, 3)], 1)
    bend = (whole[:, 2:] - 2 * whole[:, 1:-1] + whole[:, :-2]).abs()
    at_edges = bend[:, 63::64].mean()
    elsewhere = bend.mean()
    assert at_edges < 1.5 * elsewhere


@pytest.mark.slow
def test_another_process_with_other_threads_makes_the_same_bits(ground: Ground) -> None:
    program = (
        "import hashlib, sys, torch\n"
        "torch.set_num_threads(2)\n"
        "m = torch.jit.load(sys.argv[1])\n"
        "z = torch.randn(1, 64, generator=torch.Generator().manual_seed(4))\n"
        "for t in ([9, 9], [-8, 3]):\n"
        "    h = m({'latent': z, 'tile': torch.tensor([t]), 'relief': torch.tensor([0.7]),\n"
        "           'roughness': torch.tensor([0.5])})['height']\n"
        "print(hashlib.sha256(h.numpy().tobytes()).hexdigest())\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program, str(CHECKPOINT)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    here = ground.tile(latent(4), -8, 3)
    assert said == hashlib.sha256(here.numpy().tobytes()).hexdigest()


def test_a_small_step_of_the_latent_is_a_small_step_of_the_land(ground: Ground) -> None:
    a, b = latent(1), latent(2)
    before = ground.tile(a, 0, 0)
    near = ground.tile(torch.lerp(a, b, 0.02), 0, 0)
    far = ground.tile(b, 0, 0)

    def apart(x: Tensor) -> float:
        return float((x - x.mean() - before + before.mean()).std())

    assert 0 < apart(near) < 0.35 * apart(far)


def test_lands_differ_and_do_not_repeat(ground: Ground) -> None:
    tiles = [ground.tile(latent(1), ix, 0) for ix in (0, 1, 2, 64, 4096)]
    tiles.append(ground.tile(latent(2), 0, 0))
    shapes = [t - t.mean() for t in tiles]
    for i, one in enumerate(shapes):
        for other in shapes[:i]:
            assert float((one - other).abs().max()) > 0.05 * float(one.abs().max())


def test_relief_raises_mountains(ground: Ground) -> None:
    def steepness(relief: float) -> float:
        heights = torch.stack([ground.tile(latent(s), s, -s, relief) for s in range(6)])
        return float((heights[:, 1:] - heights[:, :-1]).abs().mean())

    assert steepness(1.0) > 1.5 * steepness(0.1)


def test_the_manifest_tells_the_truth(ground: Ground) -> None:
    assert ground.manifest["vrgen"] == 1
    assert set(ground.manifest["inputs"]) == {"latent", "tile", "relief", "roughness", "prompt"}
    assert ground.manifest["outputs"]["height"]["metres"] == 128.0
    assert ground.manifest["outputs"]["height"]["kind"] == "heightfield"


@functools.cache
def untrained() -> Land:
    torch.manual_seed(0)
    land = Land(Coarse(), Refine())
    torch.nn.init.normal_(land.refine.detail.weight, std=0.3)
    land.make_exact()
    return land


@settings(max_examples=5, deadline=None)
@given(z0=st.integers(-50, 50), x0=st.integers(-50, 50), nz=st.integers(3, 20))
def test_untrained_windows_agree_where_they_overlap(z0: int, x0: int, nz: int) -> None:
    """The construction is exact, whatever the weights."""
    land = untrained()
    z = torch.round(latent(0).double() * 16384) / 16384
    slider = torch.tensor([[0.5]], dtype=torch.float64)
    with torch.no_grad():
        large = land.metres(z, slider, slider, Window(z0 - 3, x0 - 7, nz + 12, nz + 9))
        small = land.metres(z, slider, slider, Window(z0, x0, nz, nz))
    assert torch.equal(large[:, :, 3 : 3 + nz, 7 : 7 + nz], small)


def test_noise_is_white_and_standard() -> None:
    noise = HashedNoise()
    noise.exact = True
    z = latent(5).double()
    z = z / z.norm() * 8.0
    n = noise(z, 3, 2, Window(-40, 1000, 80, 80))
    assert n.shape == (1, 2, 80, 80)
    assert abs(float(n.mean())) < 0.05
    assert abs(float(n.std()) - 1.0) < 0.05
    for other in (n.roll(1, 2), n.roll(1, 3), n.flip(1)):
        assert abs(float((n * other).mean())) < 0.05

"""The bundled sky keeps what a sky owes: no seam, no pinched pole, light that can be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

CHECKPOINT = Path(__file__).resolve().parents[2] / "assets" / "checkpoints" / "sky.pt"
pytestmark = pytest.mark.skipif(not CHECKPOINT.exists(), reason="assets/checkpoints/sky.pt is missing")


@pytest.fixture(scope="module")
def model() -> torch.jit.ScriptModule:
    loaded: torch.jit.ScriptModule = torch.jit.load(str(CHECKPOINT), map_location="cpu")
    return loaded


def sky(model: torch.jit.ScriptModule, seed: int, daylight: float = 0.9, clouds: float = 0.5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    inputs = {
        "latent": torch.randn(1, 64, generator=generator),
        "daylight": torch.tensor([daylight]),
        "clouds": torch.tensor([clouds]),
    }
    with torch.no_grad():
        made: torch.Tensor = model(inputs)["sky"]
    return made


def test_manifest_describes_what_is_made(model: torch.jit.ScriptModule) -> None:
    extra = {"vrgen.json": ""}
    torch.jit.load(str(CHECKPOINT), map_location="cpu", _extra_files=extra)
    manifest = json.loads(extra["vrgen.json"])
    entry = manifest["outputs"]["sky"]
    assert entry["kind"] == "panorama" and entry["range"] == "linear"
    assert list(sky(model, 0).shape) == entry["shape"]


def test_same_inputs_give_the_same_sky(model: torch.jit.ScriptModule) -> None:
    assert torch.equal(sky(model, 1), sky(model, 1))


def test_latents_give_different_skies(model: torch.jit.ScriptModule) -> None:
    skies = [sky(model, seed).clamp(min=1e-3).log() for seed in range(4)]
    for index, one in enumerate(skies):
        for other in skies[index + 1 :]:
            assert (one - other).abs().mean() > 0.1


@pytest.mark.parametrize("seed", range(4))
def test_radiance_is_finite_and_in_range(model: torch.jit.ScriptModule, seed: int) -> None:
    made = sky(model, seed)
    assert torch.isfinite(made).all()
    assert made.min() >= 0
    assert made.max() <= 500
    assert 0.1 < made[:, :, :128].clamp(max=5).mean() < 2.5


def test_daylight_brightens(model: torch.jit.ScriptModule) -> None:
    night, day = (
        sum(float(sky(model, seed, daylight).clamp(max=5).mean()) for seed in range(4)) for daylight in (0.0, 1.0)
    )
    assert day > 3 * night


@pytest.mark.parametrize("seed", range(4))
def test_seam_is_no_larger_than_other_steps(model: torch.jit.ScriptModule, seed: int) -> None:
    log = sky(model, seed).clamp(min=1e-3).log()[0, :, :128]
    inside = (log[:, :, 1:] - log[:, :, :-1]).abs().mean(dim=(0, 1))
    seam = (log[:, :, 0] - log[:, :, -1]).abs().mean()
    assert seam < 3 * inside.median() + 1e-3


@pytest.mark.parametrize("seed", range(4))
def test_zenith_is_nearly_one_colour(model: torch.jit.ScriptModule, seed: int) -> None:
    top = sky(model, seed).clamp(min=1e-3).log()[0, :, 0]
    assert top.std(dim=1).max() < 0.25

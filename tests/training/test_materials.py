"""The bundled grounds keep what a material owes: they wrap, they differ, their normals are unit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

CHECKPOINT = Path(__file__).resolve().parents[2] / "assets" / "checkpoints" / "materials.pt"
pytestmark = pytest.mark.skipif(not CHECKPOINT.exists(), reason="assets/checkpoints/materials.pt is missing")


@pytest.fixture(scope="module")
def model() -> torch.jit.ScriptModule:
    loaded: torch.jit.ScriptModule = torch.jit.load(str(CHECKPOINT), map_location="cpu")
    return loaded


def manifest() -> dict[str, dict[str, dict[str, list[object]]]]:
    extra = {"vrgen.json": ""}
    torch.jit.load(str(CHECKPOINT), map_location="cpu", _extra_files=extra)
    read: dict[str, dict[str, dict[str, list[object]]]] = json.loads(extra["vrgen.json"])
    return read


LABELS = manifest()["inputs"]["biome"]["labels"] if CHECKPOINT.exists() else []


def ground(model: torch.jit.ScriptModule, biome: int, seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.zeros(1, len(LABELS))
    chosen[0, biome] = 1
    with torch.no_grad():
        inputs = {"latent": torch.randn(1, 64, generator=generator), "biome": chosen}
        made: dict[str, torch.Tensor] = model(inputs)
    return made


def test_manifest_describes_what_is_made(model: torch.jit.ScriptModule) -> None:
    made = ground(model, 0, 0)
    for name, entry in manifest()["outputs"].items():
        assert list(made[name].shape) == entry["shape"]


def test_same_inputs_give_the_same_ground(model: torch.jit.ScriptModule) -> None:
    one, two = ground(model, 0, 1), ground(model, 0, 1)
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("biome", range(len(LABELS)))
def test_ground_is_finite_in_range_and_unit(model: torch.jit.ScriptModule, biome: int) -> None:
    made = ground(model, biome, 2)
    assert all(bool(torch.isfinite(value).all()) for value in made.values())
    assert made["albedo"].abs().max() <= 1
    assert made["roughness"].min() >= 0 and made["roughness"].max() <= 1
    assert (made["normal"].norm(dim=1) - 1).abs().max() < 1e-3
    assert made["normal"][:, 2].min() > 0


@pytest.mark.parametrize("biome", range(len(LABELS)))
def test_edges_are_no_larger_than_other_steps(model: torch.jit.ScriptModule, biome: int) -> None:
    albedo = ground(model, biome, 3)["albedo"][0]
    for values in (albedo, albedo.transpose(1, 2)):
        inside = (values[:, 1:] - values[:, :-1]).abs().mean(dim=(0, 2))
        seam = (values[:, 0] - values[:, -1]).abs().mean()
        assert seam <= 1.5 * inside.max()


@pytest.mark.slow
def test_biomes_have_different_colours(model: torch.jit.ScriptModule) -> None:
    means = [
        torch.stack([ground(model, biome, seed)["albedo"].mean(dim=(0, 2, 3)) for seed in range(3)]).mean(0)
        for biome in range(len(LABELS))
    ]
    for index, one in enumerate(means):
        for other in means[index + 1 :]:
            assert (one - other).norm() > 0.04


def test_latents_give_different_grounds(model: torch.jit.ScriptModule) -> None:
    one, other = ground(model, 0, 4)["albedo"], ground(model, 0, 5)["albedo"]
    assert (one - other).abs().mean() > 0.02

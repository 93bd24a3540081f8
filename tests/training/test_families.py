"""Every family learns a step, is exported, and its checkpoint keeps the contract; heads keep what they promise."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from sets import pictures, recipe
from torch import Tensor

from vrgen.contract import kind
from vrgen.generator.inspection import check_checkpoint
from vrgen.generator.manifest import read_manifest
from vrgen.training import state as states
from vrgen.training.dataset import Kind
from vrgen.training.models import small_gan
from vrgen.training.models.conditional import Conditional
from vrgen.training.models.dcgan import Dcgan
from vrgen.training.models.family import Family, Shape, fits
from vrgen.training.models.layers import Poles, Wraps, beyond
from vrgen.training.models.small_gan import SmallGan
from vrgen.training.models.spatial import Maker, Noise
from vrgen.training.train import Asked, train_recipe

FAMILIES = ["dcgan", "wgan-gp", "conditional", "small-gan", "vae"]
MAKERS = [Dcgan, Conditional, SmallGan]


def quiet() -> Console:
    return Console(file=io.StringIO())


def trained(path: Path, out: Path) -> list[Path]:
    return list(train_recipe(Asked(path, out), quiet()).checkpoints)


def call(checkpoint: Path, seed: int = 0, **inputs: Tensor) -> dict[str, Tensor]:
    """The checkpoint's answer to a random latent."""
    load = torch.jit.load
    module = load(str(checkpoint))  # type: ignore[no-untyped-call]
    latent = torch.randn(1, 8, generator=torch.Generator().manual_seed(seed))
    made: dict[str, Tensor] = module({"latent": latent, **inputs})
    return made


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_becomes_a_checkpoint_that_keeps_the_contract(family: str, tmp_path: Path) -> None:
    pictures(tmp_path / "set")
    [checkpoint] = trained(recipe(tmp_path, family, steps=3), tmp_path / "run")
    assert list(check_checkpoint(checkpoint, None)) == []
    assert (tmp_path / "run" / "samples.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["dcgan", "conditional", "small-gan"])
def test_a_label_changes_what_is_made(family: str, tmp_path: Path) -> None:
    pictures(tmp_path / "set", labelled=True)
    [checkpoint] = trained(recipe(tmp_path, family, condition="labels", steps=3), tmp_path / "run")
    assert list(check_checkpoint(checkpoint, None)) == []
    one, other = (call(checkpoint, label=torch.eye(2)[n : n + 1])["picture"] for n in (0, 1))
    assert not torch.equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "shape", "channels", "outputs"),
    [
        ("picture", (1, 28, 28), None, {"picture": (1, 3, 28, 28)}),
        ("panorama", (3, 16, 32), None, {"panorama": (1, 3, 16, 32)}),
        (
            "texture",
            (7, 16, 16),
            ("r", "g", "b", "nx", "ny", "nz", "roughness"),
            {"albedo": (1, 3, 16, 16), "normal": (1, 3, 16, 16), "roughness": (1, 1, 16, 16)},
        ),
    ],
)
def test_every_kind_makes_its_outputs(
    kind: Kind,
    shape: tuple[int, int, int],
    channels: tuple[str, ...] | None,
    outputs: dict[str, tuple[int, ...]],
    tmp_path: Path,
) -> None:
    pictures(tmp_path / "set", kind, shape, channels=channels)
    [checkpoint] = trained(recipe(tmp_path, "small-gan", steps=2), tmp_path / "run")
    assert list(check_checkpoint(checkpoint, None)) == []
    made = call(checkpoint)
    assert {name: tuple(value.shape) for name, value in made.items()} == outputs
    if kind == "panorama":  # trained on radiance: no light is negative
        assert float(made["panorama"].min()) >= 0.0
    if kind == "texture":
        assert torch.allclose(made["normal"].norm(dim=1), torch.ones(1, 16, 16), atol=1e-5)
        assert float(made["roughness"].min()) >= 0.0 and float(made["roughness"].max()) <= 1.0


def made_by(family: type, wraps: Wraps, height: int, width: int) -> Tensor:
    torch.manual_seed(0)
    shape = Shape(3, height, width, 8, 0, 8, wraps)
    built: Family = family(shape)
    for norm in built.networks["maker"].modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.reset_running_stats()
    maker = built.networks["maker"].eval()
    with torch.no_grad():
        return torch.cat([built.make(maker, torch.randn(1, 8), torch.zeros(1, 0)) for _ in range(8)])


@pytest.mark.slow
def test_texts_and_sliders_steer(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "set").folder
    rng = np.random.default_rng(0)
    np.save(folder / "text.npy", rng.normal(size=(40, 384)).astype(np.float32))
    np.save(folder / "sliders.npy", rng.random((40, 2), np.float32))
    about = json.loads((folder / "dataset.json").read_text())
    about |= {"encoder": "all-MiniLM-L6-v2", "sliders": ["light", "size"]}
    (folder / "dataset.json").write_text(json.dumps(about))
    for how, inputs in (("text", {"prompt": "prompt"}), ("sliders", {"light": "slider", "size": "slider"})):
        [checkpoint] = trained(recipe(tmp_path, "conditional", condition=how, steps=2), tmp_path / how)
        assert list(check_checkpoint(checkpoint, None)) == []
        entries = read_manifest(checkpoint).inputs  # type: ignore[union-attr]
        assert {name: kind(entry) for name, entry in entries.items()} == {"latent": "latent", **inputs}


@pytest.mark.parametrize("family", ["dcgan", "wgan-gp", "small-gan"])
def test_bfloat16_trains_and_keeps_weights_in_float32(family: str, tmp_path: Path) -> None:
    pictures(tmp_path / "set")
    path = recipe(tmp_path, family, steps=2, train='precision = "bfloat16"')
    whole = recipe_folder(path, tmp_path / "half")
    exact = recipe_folder(recipe(tmp_path, family, steps=2), tmp_path / "whole")
    for name, weight in whole["networks"]["maker"].items():
        assert weight.dtype in (torch.float32, torch.int64)
        assert torch.allclose(weight.float(), exact["networks"]["maker"][name].float(), atol=5e-3)
    assert not all(torch.equal(w, exact["networks"]["maker"][n]) for n, w in whole["networks"]["maker"].items())


def recipe_folder(path: Path, out: Path) -> states.State:
    """Train, and what the state holds then."""
    train_recipe(Asked(path, out), quiet())
    return states.load(out / "state.pt")


class Rolled(torch.nn.Module):
    """A maker's first layer, whose field comes out moved by a number of rows and columns."""

    def __init__(self, first: torch.nn.Module, rows: int, columns: int, by: tuple[int, int]) -> None:
        super().__init__()
        self.first, self.field, self.by = first, (rows, columns), by

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.first(x).reshape(len(x), -1, *self.field).roll(self.by, (2, 3)).flatten(1)
        return made


def moved_with_its_field(family: type, wraps: Wraps, height: int, width: int, by: tuple[int, int]) -> float:
    """How much a picture whose first field is moved differs from the picture, moved as much: 0 where it wraps."""
    torch.manual_seed(0)
    shape = Shape(3, height, width, 8, 0, 8, wraps)
    built: Family = family(shape)
    maker = built.networks["maker"].eval()
    latent, nothing = torch.randn(1, 8), torch.zeros(1, 0)
    with torch.no_grad():
        plain = built.make(maker, latent, nothing)
        maker.first = Rolled(maker.first, *shape.start, by)  # type: ignore[arg-type]
        for n, block in enumerate(maker.blocks if isinstance(maker, small_gan.Maker) else ()):
            block.grain = block.grain.roll((by[0] << n, by[1] << n), (2, 3))  # the pattern moves too
        scale = 1 << shape.halvings
        expected = plain.roll((by[0] * scale, by[1] * scale), (2, 3))
        return float((built.make(maker, latent, nothing) - expected).abs().max() / plain.abs().max())


@pytest.mark.parametrize("family", MAKERS)
def test_a_texture_wraps_exactly(family: type) -> None:
    assert moved_with_its_field(family, "both", 32, 32, (1, 2)) < 1e-4
    assert moved_with_its_field(family, "nothing", 32, 32, (1, 2)) > 0.1


def test_places_alike_a_texture_moves_with_its_noise_and_with_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    maker = Maker(Shape(3, 32, 32, 8, 2, 8, "both")).eval()
    latent, label = torch.randn(1, 8), torch.eye(2)[:1]
    plain_noise = Noise.forward

    def moved(noise: Noise, latent: Tensor) -> Tensor:
        """By one place of the first field, 4 × 4, whatever the field."""
        return plain_noise(noise, latent).roll((noise.height // 4, noise.width // 4), (2, 3))

    with torch.no_grad():
        plain = maker(latent, label)
        monkeypatch.setattr(Noise, "forward", moved)
        assert torch.allclose(maker(latent, label), plain.roll((8, 8), (2, 3)), atol=1e-5)
    assert float(plain.std((2, 3)).min()) > 1e-4  # not flat


@pytest.mark.slow
def test_places_alike_make_a_checkpoint_that_a_label_steers(tmp_path: Path) -> None:
    pictures(tmp_path / "set", "texture", (3, 16, 16), labelled=True)
    path = recipe(tmp_path, "dcgan", condition="labels", steps=3)
    path.write_text(path.read_text().replace('family = "dcgan"', 'family = "dcgan"\nplaces = "alike"'))
    [checkpoint] = trained(path, tmp_path / "run")
    assert list(check_checkpoint(checkpoint, None)) == []
    one, other = (call(checkpoint, label=torch.eye(2)[n : n + 1])["albedo"] for n in (0, 1))
    assert not torch.equal(one, other)


@pytest.mark.parametrize("family", MAKERS)
def test_a_panorama_turns_without_a_seam(family: type) -> None:
    assert moved_with_its_field(family, "sphere", 16, 32, (0, 3)) < 1e-4
    assert moved_with_its_field(family, "nothing", 16, 32, (0, 3)) > 0.1


@pytest.mark.parametrize("family", MAKERS)
def test_a_panorama_is_not_pinched_at_its_poles(family: type) -> None:
    made = made_by(family, "sphere", 32, 64)
    for row in (made[:, :, 0], made[:, :, -1]):  # a tiny circle about the pole: all but one colour
        assert float(row.std(2).mean()) < 0.5 * float(made[:, :, 15:17].std(3).mean())


def test_a_row_at_the_pole_carries_no_more_than_its_length() -> None:
    noise = torch.randn(1, 1, 32, 64, generator=torch.Generator().manual_seed(0))
    power = torch.fft.rfft(Poles(32, 64)(noise), dim=3).abs()[0, 0]
    assert float(power[0, 5:].max()) < 1e-3
    assert torch.allclose(Poles(32, 64)(noise)[0, 0, 16].std(), noise[0, 0, 16].std(), rtol=0.2)


def test_beyond_a_pole_the_picture_goes_on_half_a_turn_away() -> None:
    x = torch.arange(4 * 8).reshape(1, 1, 4, 8).float()
    wide = beyond(x, "sphere", 1)[0, 0]
    assert wide.shape == (6, 10)
    assert wide[0, 1:9].tolist() == x[0, 0, 0].roll(4).tolist()
    assert wide[-1, 1:9].tolist() == x[0, 0, -1].roll(4).tolist()
    assert wide[2, 0] == x[0, 0, 1, -1] and wide[2, -1] == x[0, 0, 1, 0]


def test_sizes_that_halve_fit() -> None:
    assert all(fits(side, side) for side in (16, 28, 32, 48, 64, 96, 112, 128, 256))
    assert not any(fits(side, side) for side in (30, 33, 36, 100, 127))
    assert fits(64, 128) and not fits(64, 100)


@pytest.mark.slow
def test_a_heightfield_meets_its_neighbours_to_the_bit(tmp_path: Path) -> None:
    pictures(tmp_path / "set", "heightfield", (1, 64, 64), count=12, channels=("height",))
    [checkpoint] = trained(
        recipe(tmp_path, "heightfield", steps=2, batch=2, export="metres = 128.0"), tmp_path / "run"
    )
    assert list(check_checkpoint(checkpoint, None)) == []
    module = torch.jit.load(str(checkpoint))  # type: ignore[no-untyped-call]
    latent = torch.randn(1, 64, generator=torch.Generator().manual_seed(1))

    def tile(ix: int, iz: int) -> Tensor:
        made: Tensor = module({"latent": latent, "tile": torch.tensor([[ix, iz]])})["height"][0, 0]
        return made

    south, here, east = tile(7, -4), tile(7, -5), tile(8, -5)
    assert torch.equal(here[:, -1], east[:, 0])
    assert torch.equal(here[-1], south[0])
    assert float(here.std()) > 0.0


@pytest.mark.slow
def test_a_mesh_is_closed(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    pictures(tmp_path / "set", "mesh", (4, 2562, 1), count=6, channels=("radius", "r", "g", "b"))
    [checkpoint] = trained(recipe(tmp_path, "mesh", steps=2, batch=2), tmp_path / "run")
    assert list(check_checkpoint(checkpoint, None)) == []
    module = torch.jit.load(str(checkpoint))  # type: ignore[no-untyped-call]
    made = module({"latent": torch.randn(1, 80)})
    body = trimesh.Trimesh(made["mesh.vertices"].numpy(), made["mesh.faces"].numpy(), process=False)
    assert body.is_watertight and body.volume > 0

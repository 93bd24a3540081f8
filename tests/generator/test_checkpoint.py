"""Loading and calling, in this process: both archives, both call forms, bare modules, what breaks a manifest."""

import zipfile
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vrgen.errors import CheckpointError, ManifestError
from vrgen.generator.bare import number_range
from vrgen.generator.checkpoint import load
from vrgen.generator.encoders import Encoders
from vrgen.generator.inference import Inference, Wanted
from vrgen.generator.knobs import sample_inputs

ONES = {"latent": np.ones((1, 8), np.float32)}


def bare(path: Path, *shape: Any, **more: Any) -> Path:
    return checkpoints.save(checkpoints.Bare(*shape, **more), path, None)


def test_torchscript_and_exported_program_give_the_same(tmp_path: Path) -> None:
    said = checkpoints.manifest({"latent": checkpoints.LATENT}, {"picture": checkpoints.PICTURE})
    scripted = checkpoints.save(checkpoints.Constant(), tmp_path / "a.pt", said)
    exported = checkpoints.save_exported(
        checkpoints.Constant(), ({"latent": torch.zeros(1, 8)},), tmp_path / "b.pt2", said
    )
    for path in (scripted, exported):
        model = load(path)
        model.dry_run()
        made = model.call(ONES)["picture", ""]
        assert made.shape == (3, 16, 16) and made.dtype == torch.float32
        assert (made == 1.5).all()


class Positional(nn.Module):
    def forward(self, season: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        return latent.reshape(1, 1, 2, 4) + season, torch.ones(1, 3, 4, 4) * season


def test_positional_call_form(tmp_path: Path) -> None:
    inputs = {"latent": checkpoints.LATENT, "season": {"kind": "slider"}}
    outputs = {
        "picture": {"kind": "picture", "shape": [3, 4, 4]},
        "rough": {"kind": "texture", "shape": [1, 2, 4], "role": "roughness"},
    }
    call = {"args": ["season", "latent"], "returns": ["rough", "picture"]}
    path = checkpoints.save(Positional(), tmp_path / "a.pt", checkpoints.manifest(inputs, outputs, call=call))
    model = load(path)
    model.dry_run()
    made = model.call({**ONES, "season": np.array([0.5], np.float32)})
    assert made["rough", ""].shape == (1, 2, 4) and made["picture", ""].shape == (3, 4, 4)
    assert float(made["rough", ""].max()) == 1.5 and float(made["picture", ""].max()) == 0.5


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (checkpoints.Misnamed(), ["'picture' is missing", "image"]),
        (checkpoints.Extra(), ["returned 'noise'"]),
        (checkpoints.Misshapen(), ["(1, 3, 8, 16)", "(3, 16, 16)"]),
        (checkpoints.Doubles(), ["float64", "float32"]),
        (checkpoints.NotANumber(), ["NaN or infinity", "768 of 768"]),
        (checkpoints.Infinite(), ["NaN or infinity", "48 of 768"]),
        (checkpoints.Raises(), ["raised", "no such latent"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_breaks_the_manifest_is_one_sentence(tmp_path: Path, module: nn.Module, words: list[str]) -> None:
    model = load(checkpoints.picture(module, tmp_path / "bad.pt"))
    with pytest.raises(CheckpointError) as caught:
        model.dry_run()
    told = str(caught.value)
    assert told.startswith("bad.pt: ") and "\n" not in told and len(told) < 400
    assert all(word in told for word in words), told


def test_large_finite_numbers_are_no_infinity(tmp_path: Path) -> None:
    load(checkpoints.picture(checkpoints.Huge(), tmp_path / "a.pt")).dry_run()


class Season(nn.Module):
    def forward(self, z: Tensor, season: Tensor, truncation: float = 0.7) -> Tensor:
        return torch.zeros(3, 16, 16) + z[0, 0] * truncation + season


CALL = {"args": ["latent"], "returns": ["picture"]}


@pytest.mark.parametrize(
    ("module", "more", "words"),
    [
        (checkpoints.Flat(), {}, ["one tensor (z)", 'args = ["latent"] and returns = ["picture"]']),
        (checkpoints.Constant(), {"call": CALL}, ["takes a dictionary", "leave 'call' out"]),
        (Season(), {"call": CALL}, ["3 arguments (z, season, truncation)", '["latent"]', "name one for each"]),
    ],
)
def test_wrong_call_form_is_told(
    tmp_path: Path, module: nn.Module, more: dict[str, Any], words: list[str]
) -> None:
    said = checkpoints.manifest({"latent": checkpoints.LATENT}, {"picture": checkpoints.PICTURE}, **more)
    with pytest.raises(ManifestError, match=r"^a\.pt: forward takes") as caught:
        load(checkpoints.save(module, tmp_path / "a.pt", said))
    assert all(word in str(caught.value) for word in words), caught.value


def test_wrong_call_form_of_an_exported_program_is_told(tmp_path: Path) -> None:
    said = checkpoints.manifest({"latent": checkpoints.LATENT}, {"picture": checkpoints.PICTURE})
    module = checkpoints.Bare(8, 3, False, True, True).eval()
    path = checkpoints.save_exported(module, (torch.zeros(1, 8),), tmp_path / "a.pt2", said)
    with pytest.raises(ManifestError, match=r"one tensor \(z\), its manifest has no 'call'"):
        load(path)


def test_damaged_inside_is_told(tmp_path: Path) -> None:
    whole, path = checkpoints.constant(tmp_path / "whole.pt"), tmp_path / "a.pt"
    with zipfile.ZipFile(whole) as good, zipfile.ZipFile(path, "w") as bad:
        for name in good.namelist():
            data = good.read(name)
            bad.writestr(name, data if name.endswith((".json", "version")) else data[: len(data) // 2])
    with pytest.raises(CheckpointError, match=r"^a\.pt: can't be loaded \(.*; save it again") as caught:
        load(path)
    assert "\n" not in str(caught.value)


# --- bare modules -----------------------------------------------------------------------------------------


def test_bare_module_without_as_is_told(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="--as picture"):
        load(bare(tmp_path / "a.pt", 8, 3, False, True, True))


@pytest.mark.parametrize("pixels", [False, True], ids=["rows", "pixels"])
@pytest.mark.parametrize("batch", [False, True], ids=["alone", "batch"])
@pytest.mark.parametrize("signed", [False, True], ids=["unit", "signed"])
@pytest.mark.parametrize("channels", [1, 3])
def test_bare_modules_of_all_forms_are_found_out(
    tmp_path: Path, pixels: bool, batch: bool, signed: bool, channels: int
) -> None:
    model = load(bare(tmp_path / "a.pt", 77, channels, pixels, batch, signed), as_kind="picture")
    model.dry_run()
    assert model.manifest.inputs["latent"].shape == (1, 77)
    entry = model.manifest.outputs["picture"]
    assert entry.shape == (3, 16, 16)
    assert entry.range == ((-1, 1) if signed else (0, 1))  # type: ignore[union-attr]


def test_bare_frozen_module_and_bare_exported_program(tmp_path: Path) -> None:
    module = checkpoints.Bare(50, 3, False, True, True).eval()
    frozen = tmp_path / "frozen.pt"
    torch.jit.save(torch.jit.freeze(torch.jit.script(module)), str(frozen))
    exported = checkpoints.save_exported(module, (torch.zeros(1, 50),), tmp_path / "b.pt2", None)
    for path in (frozen, exported):
        model = load(path, as_kind="picture")
        model.dry_run()
        assert model.manifest.inputs["latent"].shape == (1, 50)


def test_latent_whose_length_no_weight_tells(tmp_path: Path) -> None:
    model = load(checkpoints.save(checkpoints.Flat(), tmp_path / "a.pt", None), as_kind="picture")
    assert model.manifest.inputs["latent"].shape == (1, 37)


class Painted(nn.Module):
    """24 numbers to a picture with `channels`, first or last."""

    def __init__(self, channels: int, last: bool = False) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.first = nn.Linear(24, channels * 64)
        self.channels = channels
        self.last = last

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = torch.tanh(self.first(z)).reshape(1, self.channels, 8, 8)
        return x.permute(0, 2, 3, 1) if self.last else x


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_may_come_last(tmp_path: Path, channels: int) -> None:
    first = load(checkpoints.save(Painted(channels), tmp_path / "a.pt", None), as_kind="picture")
    last = load(checkpoints.save(Painted(channels, last=True), tmp_path / "b.pt", None), as_kind="picture")
    inputs = sample_inputs(first.manifest, 1)
    assert first.manifest.inputs["latent"].shape == last.manifest.inputs["latent"].shape == (1, 24)
    assert torch.equal(first.call(inputs)["picture", ""], last.call(inputs)["picture", ""])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("archive", ["scripted", "frozen", "exported"])
def test_bare_module_of_other_numbers_than_float32(tmp_path: Path, dtype: torch.dtype, archive: str) -> None:
    module = checkpoints.Bare(20, 3, False, True, True).to(dtype).eval()
    path = tmp_path / ("a.pt2" if archive == "exported" else "a.pt")
    if archive == "scripted":
        checkpoints.save(module, path, None)
    elif archive == "frozen":
        torch.jit.save(torch.jit.freeze(torch.jit.script(module)), str(path))
    else:
        checkpoints.save_exported(module, (torch.zeros(1, 20, dtype=dtype),), path, None)
    model = load(path, as_kind="picture")
    model.dry_run()
    assert model.manifest.inputs["latent"].shape == (1, 20)
    assert model.call(sample_inputs(model.manifest, 1))["picture", ""].dtype == torch.float32


class Pairs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(24, 3 * 64)

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.first(z)
        if x.shape[0] != 2:
            raise ValueError("a batch of two is wanted")
        return x.reshape(2, 3, 8, 8)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (nn.Linear(5, 7), ["no latent of 1 to", "(1, 5) gave a tensor (1, 7)"]),
        (Painted(5), ["(1, 24) gave a tensor (1, 5, 8, 8)"]),
        (Pairs(), ["a latent (1, 24) raised", "a batch of two is wanted"]),
        (checkpoints.Misnamed(), ["forward takes a dictionary", "a.vrgen.toml"]),
        (Season(), ["forward takes 2 arguments (z, season)", "a.vrgen.toml"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_bare_module_that_can_not_be_shown_is_told_why(
    tmp_path: Path, module: nn.Module, words: list[str]
) -> None:
    with pytest.raises(CheckpointError, match=r"^a\.pt: ") as caught:
        load(checkpoints.save(module, tmp_path / "a.pt", None), as_kind="picture")
    told = str(caught.value)
    assert "\n" not in told and len(told) < 600 and all(word in told for word in words), told


@pytest.mark.parametrize("size", [(16, 16), (16, 32), (12, 20)])
def test_bare_panorama_closes_around_the_person(tmp_path: Path, size: tuple[int, int]) -> None:
    model = load(bare(tmp_path / "a.pt", 8, 3, False, True, True, size=size), as_kind="panorama")
    model.dry_run()
    made = model.call(sample_inputs(model.manifest, 1))["panorama", ""]
    assert made.shape == (3, size[0], 2 * size[0])
    if size[1] != 2 * size[0]:
        assert torch.equal(made[:, :, 0], made[:, :, -1])


def test_bare_heightfield_repeats_without_a_step(tmp_path: Path) -> None:
    model = load(bare(tmp_path / "a.pt", 8, 3, False, True, False, size=(12, 16)), as_kind="heightfield")
    model.dry_run()
    made = model.call(sample_inputs(model.manifest, 1))["heightfield", ""]
    assert made.shape == (1, 23, 23)
    assert torch.equal(made[:, 0], made[:, -1]) and torch.equal(made[:, :, 0], made[:, :, -1])


def test_bare_texture_is_mirrored_where_its_edges_do_not_meet(tmp_path: Path) -> None:
    class Ramp(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return torch.linspace(0, 1, 16).expand(1, 3, 16, 16) * torch.sigmoid(z.reshape(4).sum())

    model = load(checkpoints.save(Ramp(), tmp_path / "a.pt", None), as_kind="texture")
    made = model.call(sample_inputs(model.manifest, 1))["texture", ""]
    assert made.shape == (3, 32, 32) and torch.equal(made[:, :, 0], made[:, :, -1])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, (0, 1)),
        (0.2, 0.8, (0, 1)),
        (-0.9, 0.9, (-1, 1)),
        (-1.3, 1.2, (-1, 1)),
        (0, 255, (0, 255)),
        (-9, 7, (-9, 7)),
    ],
)
def test_what_numbers_mean(low: float, high: float, expected: tuple[float, float]) -> None:
    assert number_range([torch.tensor([low, high])]) == expected


# --- filling a call ---------------------------------------------------------------------------------------


@pytest.fixture
def counting(tmp_path: Path) -> Inference:
    inputs = {
        "calls": {"kind": "state", "shape": [1, 9], "from": "light"},
        "grain": {"kind": "noise", "shape": [1]},
    }
    outputs = {"light": {"kind": "light"}, "picture": {"kind": "picture", "shape": [3, 4, 4]}}
    path = checkpoints.save(checkpoints.Counts(), tmp_path / "a.pt", checkpoints.manifest(inputs, outputs))
    return Inference(load(path), {}, Encoders())


def test_state_is_carried_and_begins_again_with_every_world(counting: Inference) -> None:
    seen = [float(counting.make(Wanted("a", epoch=e))["light", ""][0]) for e in (1, 1, 1, 2, 2)]
    assert seen == [1, 2, 3, 1, 2]


def test_noise_follows_seed_and_variant_not_epoch_or_revision(counting: Inference) -> None:
    def grain(**wanted: int) -> float:
        return float(counting.make(Wanted("a", **wanted))["picture", ""][0, 0, 0])

    assert grain(seed=1, variant=2) == grain(seed=1, variant=2, epoch=5, revision=9)
    assert len({grain(seed=s, variant=v) for s in range(3) for v in range(3)}) == 9


def test_tile_is_filled_and_a_misshapen_input_told(tmp_path: Path) -> None:
    said = checkpoints.manifest(
        {"tile": {"kind": "tile"}, "season": {"kind": "slider"}},
        {"height": {"kind": "heightfield", "shape": [1, 9, 9], "metres": 8.0}},
    )
    inference = Inference(load(checkpoints.save(checkpoints.Waves(), tmp_path / "a.pt", said)), {}, Encoders())
    here, there = (inference.make(Wanted("a", tile=tile))["height", ""] for tile in ((3, -2), (4, -2)))
    assert torch.equal(here[0, :, -1], there[0, :, 0]) and not torch.equal(here, there)
    with pytest.raises(CheckpointError, match=r"'season' was given as \[2\]"):
        inference.make(Wanted("a", inputs={"season": np.zeros(2, np.float32)}))


def test_mesh_parts_lose_their_prefix_and_their_batch_axis(tmp_path: Path) -> None:
    said = checkpoints.manifest({}, {"rock": {"kind": "mesh", "shape": [1, 4, 3], "faces": 4}})
    made = load(checkpoints.save(checkpoints.Mesh(), tmp_path / "a.pt", said)).call({})
    assert made["rock", "vertices"].shape == (4, 3) and made["rock", "faces"].dtype == torch.int64


def test_equal_inputs_and_seed_give_equal_results(tmp_path: Path) -> None:
    class Drawn(nn.Module):
        def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
            return {"picture": torch.randn(3, 16, 16)}

    model = load(checkpoints.picture(Drawn(), tmp_path / "a.pt"))
    assert torch.equal(model.call(ONES, 3)["picture", ""], model.call(ONES, 3)["picture", ""])
    assert not torch.equal(model.call(ONES, 3)["picture", ""], model.call(ONES, 4)["picture", ""])

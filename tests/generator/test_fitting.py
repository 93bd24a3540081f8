"""A world that asks its checkpoints for what they can't do is refused before anything starts, in one sentence."""

from pathlib import Path
from typing import Any

import checkpoints
import pytest
import torch
from torch import Tensor, nn

from vrgen.cli import main
from vrgen.config import read_world
from vrgen.generator.fitting import described, misfits


class Steered(nn.Module):
    """A picture and a texture that nobody looks at here."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"ground": torch.zeros(3, 8, 8) + inputs["season"] - 0.5}


INPUTS: dict[str, Any] = {
    "latent": checkpoints.LATENT,
    "season": {"kind": "slider", "range": [0, 1], "default": 0.5},
    "biome": {"kind": "label", "shape": [1, 3], "labels": ["heath", "rock", "snow"]},
}
GROUND = {"ground": {"kind": "texture", "shape": [3, 8, 8]}}
ROCK = {"rock": {"kind": "mesh", "shape": [4, 3]}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds")
    checkpoints.save(Steered(), folder / "ground.pt", checkpoints.manifest(INPUTS, GROUND))
    checkpoints.save(checkpoints.Mesh(), folder / "rocks.pt", checkpoints.manifest({}, ROCK))
    checkpoints.save(checkpoints.Bare(8, 3, False, True, True), folder / "bare.pt", None)
    (folder / "broken.pt").write_bytes(b"PK\x03\x04 cut short")
    return folder


GENERATOR = '[generators.ground]\ncheckpoint = "ground.pt"\n'
ROCKS = '[generators.rocks]\ncheckpoint = "rocks.pt"\n'
BARE = '[generators.bare]\ncheckpoint = "bare.pt"\n'

WRONG = [
    ("[settings]\nsesaon = 0.3\n" + GENERATOR, ["settings.sesaon", "did you mean 'season'?"]),
    ("[settings]\ncolour = 0.3\n" + GENERATOR, ["settings.colour", "choose one of season, biome"]),
    ("[settings]\nlatent = 0.3\n" + BARE + 'as_kind = "picture"\n', ["settings.latent", "it is a latent"]),
    ("[settings]\nseason = 7.5\n" + GENERATOR, ["settings.season is 7.5", "from 0 to 1"]),
    ('[settings]\nseason = "warm"\n' + GENERATOR, ["settings.season is 'warm'", "a number from 0 to 1"]),
    ('[settings]\nbiome = "grass"\n' + GENERATOR, ["settings.biome is 'grass'", "heath, rock, snow"]),
    ('[settings]\nbiome = "Rock"\n' + GENERATOR, ["settings.biome", "did you mean 'rock'?"]),
    ("[settings]\nbiome = 1\n" + GENERATOR, ["settings.biome is 1", "heath, rock, snow"]),
    (
        "[settings]\nseason = 0.5\n" + GENERATOR + "fixed = {season = 0.1}\n",
        ["settings.season", "choose one of biome"],
    ),
    (GENERATOR + "fixed = {sesaon = 0.1}\n", ["ground", "'sesaon'", "did you mean 'season'?"]),
    (GENERATOR + "fixed = {season = 4}\n", ["ground", "'season' to 4", "from 0 to 1"]),
    (GENERATOR + 'fixed = {biome = "rok"}\n', ["ground", "'rok'", "did you mean 'rock'?"]),
    (GENERATOR + "fixed = {biome = 3}\n", ["ground", "'biome' to 3", "from 0 to 2"]),
    (GENERATOR + "fixed = {latent = [1.0, 2.0]}\n", ["ground", "2 numbers", "[1, 8]"]),
    (BARE + 'as_kind = "picture"\nfixed = {z = 1.0}\n', ["generators.bare.fixed.z", "the input latent alone"]),
    (BARE, ["bare", "no manifest", 'as_kind = "picture"']),
    (GENERATOR + 'as_kind = "picture"\n', ["generators.ground.as_kind", "a texture", "leave as_kind out"]),
    (ROCKS + 'surface = "cliff"\n', ["generators.rocks.surface", "a mesh", "no texture"]),
    (GENERATOR + '[props.stones]\ngenerator = "ground"\n', ["'stones'", "'ground'", "a texture", "no mesh"]),
    (BARE + 'as_kind = "heightfield"\n[props.x]\ngenerator = "bare"\n', ["'x'", "a heightfield", "no mesh"]),
]


@pytest.mark.parametrize(("text", "words"), WRONG, ids=[" ".join(words[:2]) for _, words in WRONG])
def test_what_no_checkpoint_takes_is_refused(
    folder: Path, text: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "place.toml"
    path.write_text(text, encoding="utf-8")
    assert main(["run", str(path), "--display", "headless", "--frames", "1"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("vrgen: ") and said.count("\n") == 1, said
    assert all(word in said for word in words), said
    assert "place" in said or "no manifest" in said


def test_a_world_that_fits_is_let_through(folder: Path) -> None:
    path = folder / "good.toml"
    path.write_text(
        '[settings]\nseason = 1.0\nbiome = "snow"\n'
        + GENERATOR
        + 'surface = "cliff"\nfixed = {latent = [0,0,0,0,0,0,0,1]}\n[generators.other]\ncheckpoint = "ground.pt"\n'
        + "fixed = {biome = 2, latent = 0.5, season = 1}\n"
        + BARE
        + 'as_kind = "texture"\nsurface = "ground"\nfixed = {latent = [1.0]}\n'
        + ROCKS
        + '[props.stones]\ngenerator = "rocks"\nsurface = "cliff"\n',
        encoding="utf-8",
    )
    assert list(misfits(described(read_world(path)))) == []


def test_a_broken_checkpoint_is_told_when_it_is_loaded_and_may_own_what_is_unknown(folder: Path) -> None:
    path = folder / "half.toml"
    path.write_text(
        '[settings]\nunknown = 1.0\nseason = 9\n[generators.broken]\ncheckpoint = "broken.pt"\n' + GENERATOR,
        encoding="utf-8",
    )
    (told,) = misfits(described(read_world(path)))
    assert "settings.season" in str(told)


def test_a_world_of_which_nothing_can_be_read_is_refused_before_a_display_opens(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(folder / "broken.pt")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("vrgen: broken.pt: the archive is truncated") and said.count("\n") == 1, said


def test_instances_of_a_mesh_that_nothing_makes(folder: Path) -> None:
    places = {"places": {"kind": "instances", "shape": [2, 8], "of": "rok"}}
    checkpoints.save(checkpoints.Constant(), folder / "places.pt", checkpoints.manifest({}, places))
    path = folder / "placed.toml"
    path.write_text(ROCKS + '[generators.places]\ncheckpoint = "places.pt"\n', encoding="utf-8")
    (told,) = misfits(described(read_world(path)))
    assert "'rok'" in str(told) and "did you mean 'rock'?" in str(told)


@pytest.mark.parametrize("command", [["run", "--display", "headless"], ["inspect"], ["check"]])
def test_as_beside_a_manifest_is_a_wrong_call(
    folder: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, str(folder / "ground.pt"), "--as", "picture"]) == 2
    said = capsys.readouterr().err
    assert said == "vrgen: --as picture: ground.pt has a manifest that says it makes a texture; leave --as out\n"

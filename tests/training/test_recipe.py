"""What a recipe and a dataset may not say is refused in one sentence, before anything is trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sets import pictures, recipe

from vrgen.cli import main
from vrgen.training.dataset import About
from vrgen.training.recipe import read

ROOT = Path(__file__).resolve().parents[2]


def refused(capsys: pytest.CaptureFixture[str], path: Path, status: int = 2, *more: str) -> str:
    """What `vrgen train` says of a recipe that it refuses."""
    assert main(["train", str(path), "--out", str(path.parent / "run"), *more]) == status
    said = capsys.readouterr().err
    assert said.startswith("vrgen: ") and said.count("\n") == 1 and "Traceback" not in said, said
    return said


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("batch = 8", "bach = 8", "'bach' is no key of train; did you mean 'batch'?"),
        ("[watch]", "[wach]\n[watch]", "'wach' is no key of a recipe; did you mean 'watch'?"),
        ('family = "dcgan"', 'family = "dcgam"', "did you mean 'dcgan'?"),
        ("latent = 8", "latent = 0", "model.latent is 0, expected a whole number from 1 to 4096"),
        ("latent = 8", "latent = 8\nsize = [30, 30]", "28 and 32 are the nearest"),
        ("latent = 8", "latent = 8\nsize = [32, 32]", "pictures are 16 × 16, model.size is 32 × 32"),
        ("steps = 6", "", "train has neither 'steps' nor 'seconds'"),
        ('folder = "set"', "", "data has neither of 'folder' and 'source'"),
        (
            'folder = "set"',
            'folder = "nowhere"',
            "no such folder, a dataset was expected; correct data.folder",
        ),
        ('condition = "none"', 'condition = "labels"', "a label for each picture was expected"),
        ('condition = "none"', 'condition = "text"', "has no text embeddings"),
        ('family = "dcgan"', 'family = "heightfield"', "export lacks 'metres'"),
        ('family = "dcgan"', 'family = "mesh"', "the family mesh learns mesh"),
        ('family = "dcgan"', 'family = "vae"\nplaces = "alike"', "only dcgan has that"),
        ('name = "tiny"', 'name = "tiny"\nkind = "panorama"', "a panorama is twice as wide as high"),
        ('folder = "set"', 'folder = "set"\nchanges = ["roll"]', "moves a picture over its edge"),
        ("latent = 8", 'latent = 8\nplaces = "alike"', 'model.places "alike" is for textures'),
        ("batch = 8", "batch = ", "is no valid TOML"),
    ],
)
def test_a_wrong_recipe(was: str, now: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "set")
    path = recipe(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, now), encoding="utf-8")
    assert told in refused(capsys, path, 1)
    assert not (tmp_path / "run").exists()


def test_a_recipe_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refused(capsys, tmp_path / "nothing.toml")


def empty(folder: Path) -> None:
    about = json.loads((folder / "dataset.json").read_text())
    about["items"], about["skipped"] = [], [{"file": "a.png", "why": "is damaged"}]
    (folder / "dataset.json").write_text(json.dumps(about))
    np.save(folder / "data.npy", np.zeros((0, 3, 16, 16), np.uint8))


def one(folder: Path) -> None:
    about = json.loads((folder / "dataset.json").read_text())
    for item in about["items"][1:]:
        item["split"] = "heldout"
    (folder / "dataset.json").write_text(json.dumps(about))


def pictures_alone(folder: Path) -> None:
    (folder / "dataset.json").unlink()


def half(folder: Path) -> None:
    whole = (folder / "data.npy").read_bytes()
    (folder / "data.npy").write_bytes(whole[: len(whole) // 2])


def of_another_size(folder: Path) -> None:
    np.save(folder / "data.npy", np.zeros((40, 3, 8, 8), np.uint8))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (empty, "has nothing to train on (1 files were skipped)"),
        (one, "has 1 picture to train on, at least 2 are needed"),
        (pictures_alone, "prepare a dataset from its pictures with 'vrgen dataset'"),
        (half, "is damaged"),
        (of_another_size, "dataset.json says (40, 3, 16, 16)"),
        (shutil.rmtree, "there is no such folder"),
    ],
)
def test_a_wrong_dataset(
    harm: Callable[[Path], None], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures(tmp_path / "set")
    harm(tmp_path / "set")
    assert told in refused(capsys, recipe(tmp_path), 1)


def test_a_run_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "set")
    path = recipe(tmp_path, steps=2)
    assert main(["train", str(path), "--out", str(tmp_path / "run")]) == 0
    assert "keeps the generator contract" in capsys.readouterr().out
    assert "holds a run already; go on with --resume" in refused(capsys, path)


def test_nothing_to_go_on_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "set")
    assert "leave --resume out" in refused(capsys, recipe(tmp_path), 2, "--resume")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--steps", "0"), "--steps is 0"),
        (("--seconds", "-1"), "--seconds is -1"),
        (("--seed", "-4"), "--seed is -4"),
    ],
)
def test_a_wrong_call(
    more: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capsys, tmp_path / "any.toml", 2, *more)


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_the_recipes_in_the_repository_are_read(path: Path) -> None:
    assert read(path).export.name


def test_every_key_is_described() -> None:
    text = (ROOT / "docs" / "training" / "recipes.md").read_text(encoding="utf-8")
    from vrgen.training import recipe as r

    for table in (r.Data, r.Model, r.Train, r.Watch, r.Export):
        for key in table.__struct_fields__:
            assert f"`{key}`" in text, f"docs/training/recipes.md says nothing of {table.__name__}.{key}"


def test_licences_come_from_what_was_trained_on(tmp_path: Path) -> None:
    from vrgen.training.product import licences

    opened = pictures(tmp_path / "set")
    assert isinstance(opened.about, About) and licences(opened) == "CC0-1.0"

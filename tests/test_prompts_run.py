"""`vrgen run --prompt` from the outside: the text changes the picture, and without it nothing has changed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from generator import checkpoints as made
from test_app import Run, apart, vrgen
from torch import Tensor

pytestmark = pytest.mark.slow
PROMPT = {"kind": "prompt", "shape": [1, 384], "encoder": "all-MiniLM-L6-v2", "label": "Prompt"}
SKY = {"kind": "panorama", "shape": [3, 16, 32], "range": [0, 1]}


class Unsaid(torch.nn.Module):
    """A grey sky."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"sky": torch.full((3, 16, 32), 0.5)}


class Said(torch.nn.Module):
    """A grey sky, with a colour that the prompt gives it."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        colour = (0.5 + 6.0 * inputs["prompt"][0, :3]).clamp(0.0, 1.0)
        return {"sky": colour[:, None, None].expand(3, 16, 32).contiguous()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prompts")
    made.save(Unsaid(), folder / "unsaid.pt", made.manifest({"latent": made.LATENT}, {"sky": SKY}))
    made.save(Said(), folder / "said.pt", made.manifest({"prompt": PROMPT}, {"sky": SKY}))
    return folder


def shown(folder: Path, name: str, target: Path, *words: str) -> np.ndarray:
    return Run(folder / name, target, "--frames", 3, *words).pixels


def test_a_prompt_changes_the_picture_and_none_leaves_it(folder: Path) -> None:
    before = shown(folder, "before", folder / "unsaid.pt")
    plain = shown(folder, "plain", folder / "said.pt")
    meadow = shown(folder, "meadow", folder / "said.pt", "--prompt", "a green meadow")
    assert np.array_equal(before, plain)
    assert apart(plain, meadow) > 3
    again = folder / "world.toml"
    again.write_text(
        'settings = { prompt = "a green meadow" }\n[generators.sky]\ncheckpoint = "said.pt"\n', encoding="utf-8"
    )
    assert np.array_equal(shown(folder, "again", again), meadow), "the world file says the same"
    assert apart(shown(folder, "other", again, "--prompt", "a black cave"), meadow) > 3, "--prompt goes before it"


def test_a_prompt_that_is_a_number_is_refused(folder: Path) -> None:
    world = folder / "wrong.toml"
    world.write_text('settings = { prompt = 3 }\n[generators.sky]\ncheckpoint = "said.pt"\n', encoding="utf-8")
    done = vrgen("run", world, "--display", "headless", "--frames", 1)
    assert done.returncode == 1 and "settings.prompt is 3, a text was expected" in done.stderr


def test_words_that_are_not_understood_are_told_once(folder: Path) -> None:
    (folder / "two.toml").write_text(
        '[generators.sky]\ncheckpoint = "said.pt"\n[generators.other]\ncheckpoint = "said.pt"\n', encoding="utf-8"
    )
    done = vrgen(
        *("run", folder / "two.toml", "--display", "headless", "--size", 64, 36, "--settle", "--frames", 2),
        *("--prompt", "a green лес"),
    )
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if "prompt" in line]
    assert line.startswith("vrgen: prompts: all-MiniLM-L6-v2") and "'лес'" in line

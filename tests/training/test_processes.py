"""Two processes under torchrun come to what one process comes to with the same batch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rich.console import Console
from sets import pictures, recipe

from vrgen.errors import RecipeError
from vrgen.training import state as states
from vrgen.training.processes import Processes
from vrgen.training.train import Asked, train_recipe


@pytest.mark.slow
@pytest.mark.parametrize("family", ["dcgan", "wgan-gp"])
def test_two_processes_do_what_one_does(family: str, tmp_path: Path) -> None:
    pictures(tmp_path / "set")
    path = recipe(tmp_path, family, steps=4, batch=16, train="clip = 5.0\nbetas = [0.0, 0.9]")
    one = train_recipe(Asked(path, tmp_path / "one"), Console(quiet=True))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, "-m", "vrgen", "train", str(path), "--out", str(tmp_path / "two")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "two" / "tiny.pt").is_file()
    alone, shared = (states.load(folder / "state.pt") for folder in (one.folder, tmp_path / "two"))
    for network, weights in alone["networks"].items():
        for name, value in weights.items():
            assert torch.allclose(value.float(), shared["networks"][network][name].float(), atol=2e-5), name


def test_a_batch_that_can_not_be_shared_is_refused() -> None:
    with pytest.raises(RecipeError, match="3 processes can't share evenly; set it to 15"):
        Processes(0, 3).rows(16)

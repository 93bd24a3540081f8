"""Checkpoints in every form and size answer like the trained model, and none appears that doesn't."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from sets import pictures, recipe
from torch import Tensor, nn

from vrgen.cli import main
from vrgen.errors import RecipeError
from vrgen.training.export import ExportError, export
from vrgen.training.models.dcgan import Maker
from vrgen.training.models.family import Shape
from vrgen.training.precision import quantised, stored_as

MANIFEST: dict[str, object] = {
    "vrgen": 1,
    "name": "tiny",
    "inputs": {"latent": {"kind": "latent", "shape": [1, 8]}},
    "outputs": {"picture": {"kind": "picture", "shape": [1, 3, 16, 16]}},
}
LATENT = {"latent": torch.ones(1, 8)}


class Named(nn.Module):
    """A maker from named tensors to named tensors."""

    def __init__(self, maker: nn.Module) -> None:
        super().__init__()
        self.maker = maker

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        latent = inputs["latent"]
        return {"picture": self.maker(latent, latent[:, :0])}


def module(features: int = 8) -> Named:
    torch.manual_seed(0)
    return Named(Maker(Shape(3, 16, 16, 8, 0, features, "nothing"))).eval()


@pytest.mark.slow
def test_every_form_and_size_is_written_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "set")
    asked = 'forms = ["torchscript", "exported"]\nstored = ["float32", "float16", "int8"]'
    path = recipe(tmp_path, steps=2, export=asked)
    assert main(["train", str(path), "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    names = [f"tiny{size}{form}" for form in (".pt", ".pt2") for size in ("", "-float16", "-int8")]
    for name in names:
        assert (tmp_path / "run" / name).is_file()
        assert f"{name}: keeps the generator contract" in said
    assert said.count("greatest difference after loading") == 6


def test_fewer_bits_make_a_smaller_file(tmp_path: Path) -> None:
    whole = module(64)
    sizes = {}
    for stored in ("float32", "float16", "int8"):
        path = tmp_path / f"{stored}.pt"
        small = stored_as(whole, stored)  # type: ignore[arg-type]
        lost = export(small, MANIFEST, path, LATENT, freeze=False, trained=whole, tolerance=0.1)
        sizes[stored] = path.stat().st_size
        assert (lost == 0.0) == (stored == "float32")
    assert sizes["float16"] < 0.6 * sizes["float32"] and sizes["int8"] < 0.4 * sizes["float32"]


def test_int8_keeps_each_output_within_half_a_step() -> None:
    weight = torch.randn(5, 3, 4, 4) * torch.logspace(-3, 1, 5)[:, None, None, None]
    whole, scale = quantised(weight, 0)
    assert whole.dtype == torch.int8 and scale.shape == (5, 1, 1, 1)
    assert bool(((whole * scale - weight).abs() <= scale * 0.5001).all())


def test_a_checkpoint_that_lost_too_much_does_not_appear(tmp_path: Path) -> None:
    other = module()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.5)
    with pytest.raises(ExportError, match=r"differs by .* after loading, under 0\.1 expected"):
        export(other, MANIFEST, tmp_path / "a.pt", LATENT, freeze=False, trained=module(), tolerance=0.1)
    assert list(tmp_path.iterdir()) == []


FULL = """
import resource, signal, sys
import subprocess
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_export import LATENT, MANIFEST, module
from vrgen.training.export import ExportError, export
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for form, name in (("torchscript", "a.pt"), ("exported", "a.pt2")):
    try:
        export(module(64), MANIFEST, Path(sys.argv[2]) / name, LATENT, form=form)
    except ExportError as error:
        print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits on the size of files are POSIX")
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FULL, str(Path(__file__).parent), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("free some room, then use --resume") == 2
    assert list(tmp_path.iterdir()) == []


class Branching(nn.Module):
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        bright = bool(inputs["latent"].sum() > 0)
        return {"picture": torch.ones(1, 3, 16, 16) if bright else torch.zeros(1, 3, 16, 16)}


def test_what_can_not_be_a_program_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r'leave "exported" out of export\.forms'):
        export(Branching(), MANIFEST, tmp_path / "a.pt2", LATENT, form="exported")


def test_a_module_without_layers_of_ours_is_not_made_smaller() -> None:
    with pytest.raises(RecipeError, match="set it to"):
        stored_as(nn.Linear(2, 2), "int8")

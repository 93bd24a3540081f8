"""What `vrgen check` says of splats that break the contract; where a world may place them."""

from pathlib import Path
from typing import Any

import checkpoints
import pytest
import torch
from torch import Tensor, nn

from vrgen.config import read_world
from vrgen.errors import CheckpointError
from vrgen.generator.fitting import described, misfits
from vrgen.generator.inspection import _check, check_checkpoint
from vrgen.generator.manifest import output_parts, parse_json

SPLATS: dict[str, Any] = {"kind": "splats", "shape": [6, 3]}


class Cloud(nn.Module):
    """Six good splats, but for one number of one part."""

    def __init__(self, part: str = "", number: float = 0.0) -> None:
        super().__init__()
        self.part = part
        self.number = number

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        made = {
            "thing.means": torch.zeros(1, 6, 3),
            "thing.scales": torch.full((1, 6, 3), 0.1),
            "thing.rotations": torch.tensor([[[0.0, 0.0, 0.0, 2.0]]]).expand(1, 6, 4).contiguous(),
            "thing.opacities": torch.full((1, 6, 1), 0.5),
            "thing.colours": torch.zeros(1, 6, 3),
        }
        for name in list(made.keys()):
            if name == "thing." + self.part:
                made[name][0, 2] = self.number
        return made


class Forgetful(nn.Module):
    """Without rotations."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"thing.means": torch.zeros(6, 3), "thing.scales": torch.zeros(6, 3)}


def saved(folder: Path, module: nn.Module, **more: Any) -> Path:
    return checkpoints.save(module, folder / "c.pt", checkpoints.manifest({}, {"thing": {**SPLATS, **more}}))


def test_parts_and_their_shapes() -> None:
    told = '{"vrgen": 1, "name": "c", "outputs": {"thing": {"kind": "splats", "shape": [1, 6, 3]}}}'
    parts = output_parts(parse_json(told, "c").outputs["thing"])
    assert {key: shape for key, (shape, _) in parts.items()} == {
        "means": (6, 3),
        "scales": (6, 3),
        "rotations": (6, 4),
        "opacities": (6,),
        "colours": (6, 3),
    }


@pytest.mark.slow
def test_good_ones_pass(tmp_path: Path) -> None:
    assert check_checkpoint(saved(tmp_path, Cloud())) == ()


@pytest.mark.parametrize(
    "part, number, more, words",
    [
        ("scales", -3.0, {}, ["scales down to -3", "exp()"]),
        ("opacities", -2.0, {}, ["opacities from -2 to 0.5", "sigmoid()"]),
        ("opacities", 4.0, {}, ["opacities from 0.5 to 4"]),
        ("rotations", 0.0, {}, ["rotations of length 0", "xyzw"]),
        ("colours", 200.0, {}, ["colours", "from 0 to 200", "[-1, 1]"]),
        ("colours", 200.0, {"range": [0, 255]}, []),
        ("colours", 200.0, {"range": "linear"}, []),
        ("colours", -1.0, {"range": "linear"}, ["radiance down to -1"]),
        ("means", float("nan"), {}, ["'thing.means' holds NaN"]),
        ("means", 1e6, {}, []),
    ],
)
def test_check(tmp_path: Path, part: str, number: float, more: dict[str, Any], words: list[str]) -> None:
    path = saved(tmp_path, Cloud(part, number), **more)
    if part == "means" and words:  # refused at its first call
        with pytest.raises(CheckpointError, match=words[0]):
            _check(path, None)
        return
    told = _check(path, None)["violations"]
    assert len(told) == bool(words), told
    for word in words:
        assert word in told[0]


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"output 'thing\.rotations' is missing"):
        _check(saved(tmp_path, Forgetful()), None)


def test_a_shape_that_is_none_of_splats_is_refused(tmp_path: Path) -> None:
    path = checkpoints.save(
        Cloud(), tmp_path / "c.pt", checkpoints.manifest({}, {"thing": {**SPLATS, "shape": [6, 4]}})
    )
    with pytest.raises(Exception, match=r"is splats of shape \[6, 4\], expected \(K, 3\)"):
        _check(path, None)


def test_a_place_for_splats_that_nobody_makes_is_a_misfit(tmp_path: Path) -> None:
    saved(tmp_path, Cloud())
    checkpoints.constant(tmp_path / "picture.pt")
    path = tmp_path / "w.toml"
    told = '[generators.it]\ncheckpoint = "%s"\n[splats.there]\ngenerator = "it"\n'
    path.write_text(told % "picture.pt")
    (misfit,) = misfits(described(read_world(path)))
    assert "splats 'there'" in str(misfit) and "makes a picture and no splats" in str(misfit)
    path.write_text(told % "c.pt")
    assert list(misfits(described(read_world(path)))) == []

"""A world model from end to end: a checkpoint that knows a place by heart, seen faster than it answers."""

from pathlib import Path

import pytest
import spheres
import torch
from generator import checkpoints as made
from test_app import Run
from torch import Tensor

from vrgen.generator.inspection import check_checkpoint

pytestmark = pytest.mark.slow
ROWS, COLUMNS = 48, 64


class Slow(spheres.Spheres):
    """Takes its time for every picture."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        colours, metres = spheres.seen(inputs["eye"][0], inputs["eye.fov"][0], self.rows, self.columns)
        much = torch.eye(700)
        for _ in range(12):
            much = much @ much
        return {"seen": colours.permute(2, 0, 1), "seen.depth": metres.unsqueeze(0) * much[0, 0]}


class Flat(torch.nn.Module):
    """A depth that no depth can be."""

    def __init__(self, metres: float) -> None:
        super().__init__()
        self.metres = metres

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"seen": torch.zeros(3, 48, 64), "seen.depth": torch.full((1, 48, 64), self.metres)}


def test_a_checkpoint_that_knows_the_place_keeps_the_contract(tmp_path: Path) -> None:
    path = made.save(spheres.Spheres(ROWS, COLUMNS), tmp_path / "it.pt", spheres.manifest(ROWS, COLUMNS))
    assert check_checkpoint(path) == ()


@pytest.mark.parametrize(
    "metres, words",
    [(0.0, "output 'seen.depth' holds depths down to 0 m"), (float("nan"), "NaN")],
)
def test_what_no_depth_can_be_is_told_in_a_sentence(tmp_path: Path, metres: float, words: str) -> None:
    path = made.save(Flat(metres), tmp_path / "flat.pt", spheres.manifest(48, 64))
    (sentence,) = check_checkpoint(path)
    assert words in sentence and "\n" not in sentence


def test_a_depth_of_another_shape_is_told_in_a_sentence(tmp_path: Path) -> None:
    path = made.save(Flat(1.0), tmp_path / "flat.pt", spheres.manifest(48, 80))
    (sentence,) = check_checkpoint(path)
    assert "(3, 48, 64)" in sentence and "(3, 48, 80)" in sentence


def test_frames_go_on_while_it_is_asked_again_and_again(tmp_path: Path) -> None:
    path = made.save(Slow(ROWS, COLUMNS), tmp_path / "slow.pt", spheres.manifest(ROWS, COLUMNS))
    run = Run(tmp_path, path, "--seconds", 6, "--hold", "w")
    assert run.done.returncode == 0, run.done.stderr
    told = run.report["generators"]["slow"]
    assert told["errors"] == [] and told["restarts"] == 0
    assert told["requests"] >= told["results"] >= 2  # the last one may have come just before the end
    assert run.report["frames"]["count"] > 3 * told["results"]
    picture = run.pixels.astype(float)
    assert picture.min() > 20.0, "something is black"
    assert picture[:20].mean() > picture[-20:].mean(), "the sky is brighter than the floor"

"""`vrgen run` of a checkpoint that makes splats, from the outside: they stand before the person, and stay."""

from pathlib import Path

import numpy as np
import pytest
import torch
from generator import checkpoints as made
from test_app import Run, apart
from torch import Tensor

pytestmark = pytest.mark.slow


class Ball(torch.nn.Module):
    """A red ball a metre across at the height of the eyes."""

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(1)
        self.register_buffer("places", torch.randn(400, 3, generator=random) * 0.2)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        count = self.places.shape[0]
        return {
            "ball.means": self.places + torch.tensor([0.0, 1.7, 0.0]),
            "ball.scales": torch.full((count, 3), 0.1),
            "ball.rotations": torch.tensor([[0.0, 0.0, 0.0, 1.0]]).expand(count, 4).contiguous(),
            "ball.opacities": torch.full((count,), 0.9),
            "ball.colours": torch.tensor([[0.8, 0.1, 0.1]]).expand(count, 3) + 0.0 * inputs["latent"][0, 0],
        }


@pytest.fixture(scope="module")
def ball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = {"kind": "splats", "shape": [400, 3], "range": [0, 1]}
    path = tmp_path_factory.mktemp("splats") / "ball.pt"
    return made.save(Ball(), path, made.manifest({"latent": made.LATENT}, {"ball": spec}))


def middle(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    part = pixels[height // 2 - 3 : height // 2 + 3, width // 2 - 3 : width // 2 + 3]
    return np.asarray(part.mean(axis=(0, 1)))


def test_they_stand_before_the_person(ball: Path, tmp_path: Path) -> None:
    run = Run(tmp_path / "ball", ball, "--frames", 3)
    red, green, blue = middle(run.pixels)
    assert red > 100 and green < 60 and blue < 60
    assert run.report["scene"]["splats"] == 400
    behind = tmp_path / "behind.toml"
    behind.write_text(
        f'[generators.ball]\ncheckpoint = "{ball}"\n[splats.ball]\ngenerator = "ball"\nz_m = 6.0\n',
        encoding="utf-8",
    )
    away = Run(tmp_path / "behind", behind, "--frames", 3)
    assert apart(run.pixels, away.pixels) > 2 and np.ptp(middle(away.pixels)) < 40

"""A world that is made in no time: gentle waves, and a sky of one colour that the latent chooses."""

from pathlib import Path

import torch
from generator import checkpoints as made
from torch import Tensor, nn


class Land(nn.Module):
    """Waves whose place comes from the latent."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        at = torch.arange(9)
        x = (inputs["tile"][0, 0] * 8 + at).float() * 4.0
        z = (inputs["tile"][0, 1] * 8 + at).float() * 4.0
        shift = inputs["latent"][0, 0]
        return {"height": 0.5 * (torch.sin(x * 0.09 + shift)[None, :] + torch.cos(z * 0.07)[:, None])[None]}


class Sky(nn.Module):
    """The latent's first numbers as a vivid colour."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        colour = torch.softmax(4.0 * inputs["latent"][0, :3], 0).reshape(3, 1, 1)
        return {"sky": colour.expand(3, 32, 64) * 1.0}


def make_world(folder: Path) -> Path:
    """Save its checkpoints and its file; returns the file."""
    latent = {"latent": made.LATENT}
    height = {"kind": "heightfield", "shape": [1, 9, 9], "metres": 32.0}
    sky = {"kind": "panorama", "shape": [3, 32, 64], "range": [0.0, 1.0]}
    made.save(Land(), folder / "land.pt", made.manifest({**latent, "tile": {"kind": "tile"}}, {"height": height}))
    made.save(Sky(), folder / "sky.pt", made.manifest(latent, {"sky": sky}))
    path = folder / "tiny.toml"
    path.write_text(
        'title = "Tiny"\nseed = 25\n'
        '[generators.land]\ncheckpoint = "land.pt"\n[generators.sky]\ncheckpoint = "sky.pt"\n',
        encoding="utf-8",
    )
    return path

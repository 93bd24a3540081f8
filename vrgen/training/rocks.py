"""Train the rocks: an adversarial game on the sphere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrgen.training import rocks_data
from vrgen.training.export import export
from vrgen.training.game import Game, play
from vrgen.training.rocks_model import RingConvolution, Rock, Shape, normals_of
from vrgen.training.sphere import Sphere, spheres

BATCH = 8
LOOKS = 20
LEVELS = 5


class Judge(nn.Module):
    """Says how real a stone looks: (B, V, C) on the finest sphere -> (B,)."""

    def __init__(self, channels: int, levels: list[Sphere]) -> None:
        super().__init__()
        widths = [16, 32, 64, 96]
        self.first = RingConvolution(channels, widths[0], torch.from_numpy(levels[4].rings))
        self.layers = nn.ModuleList(
            RingConvolution(widths[i], widths[min(i + 1, 3)], torch.from_numpy(levels[4 - i].rings))
            for i in range(4)
        )
        self.counts = [len(levels[3 - i].directions) for i in range(4)]
        self.folds = nn.ModuleList(Fold(levels[4 - i], self.counts[i]) for i in range(3))
        self.last = nn.Linear((widths[-1] + 1) * len(levels[1].directions), 64)
        self.verdict = nn.Linear(64, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.first(x), 0.2)
        for i, layer in enumerate(self.layers):
            x = F.leaky_relu(layer(x), 0.2)
            if i < 3:
                x = self.folds[i](x)
        spread = x.std(0).mean().expand(x.shape[0], x.shape[1], 1)
        x = F.leaky_relu(self.last(torch.cat([x, spread], 2).flatten(1)), 0.2)
        verdict: Tensor = self.verdict(x)
        return verdict.squeeze(1)


class Fold(nn.Module):
    """To the coarser sphere: each of its vertices is half itself and half the mean of its ring."""

    rings: Tensor

    def __init__(self, finer: Sphere, count: int) -> None:
        super().__init__()
        self.register_buffer("rings", torch.from_numpy(finer.rings[:count]))
        self.count = count

    def forward(self, x: Tensor) -> Tensor:
        """(B, V, C) -> (B, count, C)."""
        ring = x.index_select(1, self.rings.reshape(-1)).reshape(x.shape[0], self.count, 6, -1).mean(2)
        return 0.5 * (x[:, : self.count] + ring)


def data(cache: Path, sphere: Sphere, seed: int) -> tuple[Tensor, Tensor]:
    """ln(2 r) and colours (K, V, 4), and flatness (K,) in [0, 1]; cast once and kept."""
    kept = cache / f"rocks-{LOOKS}-{seed}.npz"
    if not kept.exists():
        rocks = rocks_data.rocks(cache, sphere, LOOKS, seed)
        partial = kept.with_suffix(".partial.npz")
        np.savez(partial, radii=rocks.radii, colours=rocks.colours)
        partial.rename(kept)
    with np.load(kept) as file:
        radii, colours = torch.from_numpy(file["radii"]), torch.from_numpy(file["colours"])
    points = radii[..., None] * torch.from_numpy(sphere.directions).float()
    size = points.amax(1) - points.amin(1)
    flat = size[:, 1] / (size[:, 0] * size[:, 2]).sqrt()
    flatness = 1.0 - flat.argsort().argsort() / (len(flat) - 1)
    return torch.cat([(2.0 * radii).log()[..., None], colours], 2), flatness


def rocks_game(cache: Path, seed: int) -> Game:
    """Stones against stones: shape, facets and colour, told how flat they are."""
    levels = spheres(LEVELS)
    stones, flatness = data(cache, levels[-1], seed)
    maker, judge = Shape(levels), Judge(9, levels)
    directions = torch.from_numpy(levels[-1].directions).float()
    rings = torch.from_numpy(levels[-1].rings)
    height = directions[:, 1:2].expand(BATCH, -1, -1)

    def shown(stone: Tensor, flat: Tensor) -> Tensor:
        radius = stone[..., :1]
        normals = normals_of(directions * radius.exp(), rings)
        slider = (flat * 2.0 - 1.0)[:, None, None].expand(-1, len(directions), 1)
        return torch.cat(
            [radius * 2.0, (normals - directions) * 1.5, stone[..., 1:] * 4.0 - 1.0, height, slider], 2
        )

    def deal() -> tuple[Tensor, Tensor, Tensor]:
        chosen = torch.randint(len(stones), (BATCH,))
        flat = flatness[chosen]
        made = maker(torch.randn(BATCH, 64), torch.randn(BATCH, 16), flat[:, None])
        return shown(stones[chosen], flat), shown(made, flat), torch.zeros(())

    return Game("rocks", maker, judge, deal, penalty=4.0)


def state_of(cache: Path, seed: int) -> Path:
    """Where the progress lies."""
    return cache / f"rocks-{seed}.state"


def manifest() -> dict[str, object]:
    """What the checkpoint needs and makes."""
    vertices, faces = 2562, 5120
    return {
        "vrgen": 1,
        "name": "rocks",
        "version": "1.0.0",
        "license": "CC-BY-SA-3.0",
        "description": "Boulders and stones, learned from those of the game 0 A.D.",
        "inputs": {
            "latent": {
                "kind": "latent",
                "shape": [1, 64],
                "prior": "normal",
                "label": "Family",
                "description": "What kind of stone",
            },
            "noise": {
                "kind": "noise",
                "shape": [1, 16],
                "prior": "normal",
                "description": "Which stone of its kind",
            },
            "flatness": {
                "kind": "slider",
                "shape": [1],
                "range": [0, 1],
                "default": 0.5,
                "label": "Flatness",
                "description": "From standing stones to slabs",
            },
        },
        "outputs": {
            "rock": {
                "kind": "mesh",
                "vertices": vertices,
                "faces": faces,
                "shape": [vertices, 3],
                "uv": False,
                "normals": True,
                "colours": True,
                "label": "Rock",
            }
        },
    }


def train(out: Path, cache: Path, seed: int = 0, seconds: float = 1800.0) -> None:
    """Train for so long, going on from what the cache holds, and export to `out`."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    for _ in play(rocks_game(cache, seed), state_of(cache, seed), seconds):
        pass
    write(out, cache, seed)


def assembled(cache: Path, seed: int) -> Rock:
    """The rock from the average weights."""
    levels = spheres(LEVELS)
    shape = Shape(levels)
    shape.load_state_dict(torch.load(state_of(cache, seed), weights_only=True)["maker"])
    return Rock(shape, levels[-1]).eval()


def write(out: Path, cache: Path, seed: int) -> None:
    """Export what the cache holds."""
    draw = torch.Generator().manual_seed(1)
    example = {
        "latent": torch.randn(1, 64, generator=draw),
        "noise": torch.randn(1, 16, generator=draw),
        "flatness": torch.tensor([0.5]),
    }
    export(assembled(cache, seed), manifest(), out, example, freeze=False)

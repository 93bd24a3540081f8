"""Train the endless land: two small adversarial games, one for country and one for hills."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrgen.training import terrain_data
from vrgen.training.export import export
from vrgen.training.game import Game, play
from vrgen.training.terrain_data import WINDOW
from vrgen.training.terrain_model import Coarse, Land, Refine, Window

BATCH = 8


class Judge(nn.Module):
    """Says how real a picture of relief (B, C, 64, 64) looks."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = [24, 64, 96, 128, 128]
        self.first = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv2d(widths[i], widths[i + 1], 4, stride=2, padding=1) for i in range(4))
        self.last = nn.Conv2d(widths[-1] + 1, 64, 3, padding=1)
        self.verdict = nn.Linear(64 * 4 * 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, 64, 64) -> (B,), the greater the more real."""
        x = F.leaky_relu(self.first(x), 0.2)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        # how much the members of a batch differ, so that they must
        spread = x.std(0).mean().expand(x.shape[0], 1, x.shape[2], x.shape[3])
        x = F.leaky_relu(self.last(torch.cat([x, spread], 1)), 0.2)
        verdict: Tensor = self.verdict(x.flatten(1))
        return verdict.squeeze(1)


def slopes(h: Tensor) -> Tensor:
    """Central differences (B, 2, h, w) of heights (B, 1, h, w), one-sided at the border."""
    dz, dx = torch.gradient(h, dim=(2, 3))
    return torch.cat([dz, dx], 1)


def turned(x: Tensor) -> Tensor:
    """One of the eight symmetries of the square, at random, for a whole batch (B, …, n, n)."""
    x = torch.rot90(x, int(torch.randint(4, (1,))), (-2, -1))
    return x.flip(-1) if torch.rand(()) < 0.5 else x


def halved(x: Tensor) -> Tensor:
    """Binomial blur and every second sample of (B, 1, n, n), without padding."""
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    return F.conv2d(x, torch.outer(taps, taps)[None, None], stride=2)


def country_game(cache: Path, seed: int) -> Game:
    """The coarse network against windows of ETOPO5, told how rugged the window is."""
    data = terrain_data.country(cache, seed)
    maker, judge = Coarse(), Judge(4)
    target = Window(0, 0, WINDOW, WINDOW)

    def shown(h: Tensor, relief: Tensor) -> Tensor:
        sliders = (relief * 2.0 - 1.0)[:, :, None, None].expand(-1, -1, WINDOW, WINDOW)
        return torch.cat([(h - h.mean((2, 3), keepdim=True)) * 2.0, slopes(h) * 5.0, sliders], 1)

    def deal() -> tuple[Tensor, Tensor, Tensor]:
        chosen = torch.randint(len(data.relief), (BATCH,))
        relief = data.relief[chosen, None]
        parts = [turned(data.heights[i]) * float(0.9 + 0.2 * torch.rand(())) for i in chosen]
        real = torch.stack(parts)[:, None]
        made = maker(torch.randn(BATCH, 64), relief, target)
        return shown(real, relief), shown(made, relief), torch.zeros(())

    return Game("coarse", maker, judge, deal, penalty=4.0)


def hills_game(cache: Path, seed: int) -> Game:
    """The refinement against measured hills, given the same hills at a quarter of the samples."""
    data = terrain_data.hills(cache, seed)
    maker, judge = Refine(), Judge(6)
    target = Window(0, 0, WINDOW, WINDOW)
    size = 128  # so that two halvings give the 29 samples that the refinement needs

    def patches(count: int) -> Tensor:
        which = torch.multinomial(torch.tensor(data.weights), count, replacement=True)
        parts = []
        for i in which:
            model = data.models[int(i)]
            row = int(torch.randint(model.shape[0] - size + 1, (1,)))
            column = int(torch.randint(model.shape[1] - size + 1, (1,)))
            steeper = 0.7 + 0.6 * float(torch.rand(()))
            parts.append(turned(model[row : row + size, column : column + size]) * steeper)
        return torch.stack(parts)[:, None]

    def with_field(patch: Tensor) -> tuple[Tensor, Tensor]:
        """The coarse field (B, 1, 29, 29) in its own slope units, and the window it is to give."""
        return halved(halved(patch)) / 4.0, patch[:, :, 30 : 30 + WINDOW, 30 : 30 + WINDOW]

    def rough(detail: Tensor, field: Tensor) -> Tensor:
        return (detail.std((1, 2, 3)) / (slopes(field).std((1, 2, 3)) + 0.02)).log()

    with torch.no_grad():  # what is rough, and what smooth, among real patches
        measured = []
        for _ in range(40):
            field, whole = with_field(patches(24))
            smooth, _ = maker(torch.zeros(24, 64), torch.zeros(24, 1), field, 0, target)
            measured.append(rough(whole - smooth, field))
        scale = torch.cat(measured).sort().values

    def shown(smooth: Tensor, detail: Tensor, roughness: Tensor) -> Tensor:
        sliders = (roughness * 2.0 - 1.0)[:, :, None, None].expand(-1, -1, WINDOW, WINDOW)
        return torch.cat([slopes(smooth + detail) * 3.0, slopes(smooth) * 3.0, detail * 3.0, sliders], 1)

    def deal() -> tuple[Tensor, Tensor, Tensor]:
        field, whole = with_field(patches(BATCH))
        latent = torch.randn(BATCH, 64)
        with torch.no_grad():
            smooth, _ = maker(latent, torch.zeros(BATCH, 1), field, 0, target)
            rank = torch.searchsorted(scale, rough(whole - smooth, field))
            roughness = (rank / len(scale))[:, None]
        _, detail = maker(latent, roughness, field, 0, target)
        kept = halved(halved(detail)).abs().mean()  # detail leaves the lie of the land alone
        return shown(smooth, whole - smooth, roughness), shown(smooth, detail, roughness), kept

    return Game("refine", maker, judge, deal, penalty=0.5)


GAMES = {"coarse": country_game, "refine": hills_game}


def train_one(name: str, cache: Path, seed: int, seconds: float) -> None:
    """Play the named game, going on from what the cache holds of it."""
    torch.manual_seed(seed)
    for _ in play(GAMES[name](cache, seed), state_of(cache, name, seed), seconds):
        pass


def state_of(cache: Path, name: str, seed: int) -> Path:
    """Where the progress of a game lies."""
    return cache / f"terrain-{name}-{seed}.state"


def assembled(cache: Path, seed: int) -> Land:
    """The land from the averages of both games, exact."""
    land = Land(Coarse(), Refine())
    for name, part in (("coarse", land.coarse), ("refine", land.refine)):
        part.load_state_dict(torch.load(state_of(cache, name, seed), weights_only=True)["maker"])
    land.make_exact()
    return land.eval()


def manifest() -> dict[str, object]:
    """What the checkpoint needs and makes."""
    return {
        "vrgen": 1,
        "name": "terrain",
        "version": "1.0.0",
        "license": "CC0-1.0",
        "description": "Endless hills, ranges and plains, learned from the relief of the earth",
        "inputs": {
            "latent": {
                "kind": "latent",
                "shape": [1, 64],
                "prior": "normal",
                "label": "Land",
                "description": "Which land: its ranges, valleys and plains",
            },
            "tile": {"kind": "tile", "shape": [1, 2]},
            "relief": {
                "kind": "slider",
                "shape": [1],
                "range": [0, 1],
                "default": 0.75,
                "label": "Relief",
                "description": "From plains to high mountains",
            },
            "roughness": {
                "kind": "slider",
                "shape": [1],
                "range": [0, 1],
                "default": 0.4,
                "label": "Roughness",
                "description": "From rounded to finely cut slopes",
            },
        },
        "outputs": {
            "height": {
                "kind": "heightfield",
                "shape": [1, 1, 65, 65],
                "metres": 128.0,
                "label": "Ground",
            }
        },
    }


def train(out: Path, cache: Path, seed: int = 0, seconds: float = 1800.0) -> None:
    """Train both networks, half of the time each, and export the land to `out`."""
    torch.set_num_threads(1)
    for name in GAMES:
        train_one(name, cache, seed, seconds / 2)
    write(out, cache, seed)


def write(out: Path, cache: Path, seed: int) -> None:
    """Export what the cache holds."""
    example = {
        "latent": torch.randn(1, 64, generator=torch.Generator().manual_seed(1)),
        "tile": torch.tensor([[-3, 7]]),
        "relief": torch.tensor([0.7]),
        "roughness": torch.tensor([0.5]),
    }
    export(assembled(cache, seed), manifest(), out, example, freeze=False)

"""DCGAN for textures: every place is made by the same weights (Jetchev et al. 2016, Bergmann et al. 2017).

A plain DCGAN gives each place of its first field weights of its own and makes all grain from 4 × 4 numbers: on
grounds it came to a wallpaper. Here the latent says what kind of ground it is, the same everywhere, and what
differs from place to place is noise, drawn from the latent too, so that one latent is one picture. Fields are
resized and then convolved: transposed convolutions left a grid.
The judge is DCGAN's, asked about patches and about the whole.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrgen.training.draws import Draws
from vrgen.training.models.dcgan import STD
from vrgen.training.models.family import Deal, Improve, Shape, Told, frozen
from vrgen.training.models.layers import Conv, Linear, doubled

LOCAL = 16
"""Channels of noise that the first field begins with."""


class Noise(nn.Module):
    """Normal fields (B, C, H, W) from normal latents (B, L): each number is the latent summed with random signs.

    So they are no table, and a small step of the latent is a small step of the noise.
    """

    signs: Tensor

    def __init__(self, latent: int, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.channels, self.height, self.width = channels, height, width
        signs = torch.randint(2, (channels * height * width, latent), dtype=torch.int8)
        self.register_buffer("signs", signs * 2 - 1)

    def forward(self, latent: Tensor) -> Tensor:
        found: Tensor = F.linear(latent, self.signs.to(latent.dtype)) * latent.shape[1] ** -0.5
        return found.reshape(-1, self.channels, self.height, self.width)


class Grow(nn.Module):
    """(B, I, H, W) to (B, O, 2 H, 2 W), normalised, with noise."""

    def __init__(self, inputs: int, outputs: int, shape: Shape, halved: int) -> None:
        super().__init__()
        self.wraps = str(shape.wraps)
        self.conv = Conv(inputs, outputs, 3, wraps=shape.wraps, std=STD, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.noise = Noise(shape.latent, 1, shape.height >> halved, shape.width >> halved)
        self.grain = nn.Parameter(torch.randn(outputs, 1, 1) * 0.3)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        x = self.norm(self.conv(doubled(x, self.wraps)))
        return F.relu(x + self.grain * self.noise(latent))


class Maker(nn.Module):
    """Latent (B, L) and condition (B, D) to pictures (B, C, H, W) in [-1, 1]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        rows, columns = shape.start
        widths = [*(shape.features_at(n - 1) for n in range(shape.halvings, 0, -1)), shape.features]
        self.gain = max(shape.condition, 1) ** 0.5
        self.local = Noise(shape.latent, LOCAL, rows, columns)
        self.everywhere = Linear(shape.latent + shape.condition, widths[0], STD, bias=False)
        self.first = Conv(LOCAL, widths[0], 1, std=STD)
        self.norm = nn.BatchNorm2d(widths[0])
        self.grows = nn.ModuleList(
            Grow(before, after, shape, shape.halvings - 1 - number)
            for number, (before, after) in enumerate(pairwise(widths))
        )
        self.last = Conv(widths[-1], shape.channels, 3, wraps=shape.wraps, std=STD)

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        kind = self.everywhere(torch.cat([latent, condition * self.gain], 1))
        x = F.relu(self.norm(self.first(self.local(latent)) + kind[:, :, None, None]))
        for grow in self.grows:
            x = grow(x, latent)
        return torch.tanh(self.last(x))


class Judge(nn.Module):
    """How real patches (B, h, w) and the whole (B,) look of pictures (B, C, H, W) with conditions (B, D)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = [shape.channels, *(shape.features_at(n) for n in range(shape.halvings))]
        self.downs = nn.ModuleList(
            Conv(before, after, 4, 2, std=STD, bias=number == 0)
            for number, (before, after) in enumerate(pairwise(widths))
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width) if number else nn.Identity() for number, width in enumerate(widths[1:])
        )
        rows, columns = shape.start
        self.of_patches = Conv(widths[-2], 1, 1, std=STD)
        self.of_whole = Linear(widths[-1] * rows * columns, 1, STD)
        self.projection = Linear(max(shape.condition, 1), widths[-2], STD, bias=False)
        self.steered = shape.condition > 0

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        seen = x
        for down, norm in zip(self.downs, self.norms):
            seen, x = x, F.leaky_relu(norm(down(x)), 0.2)
        patches = self.of_patches(seen).squeeze(1)
        if self.steered:
            patches = patches + (self.projection(condition)[:, :, None, None] * seen).sum(1)
        return patches, self.of_whole(x.flatten(1)).squeeze(1)


def rolled(x: Tensor, draws: Draws) -> Tensor:
    """Each picture moved over its edges by chance, so that a seam would lie where the judge looks.

    The judge itself does not look over edges: what is real need not tile.
    """
    by = (draws.uniform(len(x), 2).cpu() * torch.tensor(x.shape[2:])).long().tolist()
    return torch.stack([picture.roll(moved, (1, 2)) for picture, moved in zip(x, by, strict=True)])


class Spatial:
    """DCGAN's game, its loss taken over patches and over the whole."""

    def __init__(self, shape: Shape) -> None:
        self.latent = shape.latent
        self.maker, self.judge = Maker(shape), Judge(shape)
        self.networks: dict[str, nn.Module] = {"maker": self.maker, "judge": self.judge}

    def make(self, maker: nn.Module, latent: Tensor, condition: Tensor) -> Tensor:
        made: Tensor = maker(latent, condition)
        return made

    def step(self, deal: Deal, draws: Draws, improve: Improve, number: int) -> Told:
        real, condition = deal()
        made = rolled(self.maker(draws.normal(len(real), self.latent), condition), draws)
        true, false = self.judge(real, condition), self.judge(made.detach(), condition)
        judged = taken_for(true, real=True) + taken_for(false, real=False)
        improve(judged, "judge")
        with frozen(self.judge):
            fooled = taken_for(self.judge(made, condition), real=True)
            improve(fooled, "maker")
        margins = [(t - f).mean() for t, f in zip(true, false, strict=True)]
        return {"judge": judged, "maker": fooled, "margin": margins[0], "margin_whole": margins[1]}


def taken_for(verdicts: tuple[Tensor, Tensor], real: bool) -> Tensor:
    """How far verdicts are from taking everything for real, or for made: the loss of both, added."""
    sign = -1.0 if real else 1.0
    return F.softplus(sign * verdicts[0].float()).mean() + F.softplus(sign * verdicts[1].float()).mean()

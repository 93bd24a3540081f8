"""DCGAN (Radford, Metz and Chintala 2015): transposed convolutions against strided ones, batch normalisation.

The first GAN that made pictures at will, and still the one to read first. A condition is handed to the maker
beside the latent, and to the judge by projection (Miyato and Koyama 2018).
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrgen.training.draws import Draws
from vrgen.training.models.family import Deal, Improve, Shape, Told, frozen
from vrgen.training.models.layers import Conv, Linear, Poles, Up

STD = 0.02
"""Of all first weights, as in the paper."""


class Maker(nn.Module):
    """Latent (B, L) and condition (B, D) to pictures (B, C, H, W) in [-1, 1]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        rows, columns = shape.start
        widths = [shape.features_at(n - 1) for n in range(shape.halvings, 0, -1)]
        self.rows, self.columns, self.first_width = rows, columns, widths[0]
        self.first = Linear(shape.latent + shape.condition, widths[0] * rows * columns, STD, bias=False)
        self.first_norm = nn.BatchNorm2d(widths[0])
        self.ups = nn.ModuleList(
            Up(before, after, shape.wraps, STD, bias=False) for before, after in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths[1:])
        self.last = Up(widths[-1], shape.channels, shape.wraps, STD)
        self.finish = Poles(shape.height, shape.width) if shape.wraps == "sphere" else nn.Identity()
        for norm in [self.first_norm, *self.norms]:
            nn.init.normal_(norm.weight, 1.0, STD)

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        x = self.first(torch.cat([latent, condition], 1))
        x = F.relu(self.first_norm(x.reshape(-1, self.first_width, self.rows, self.columns)))
        for up, norm in zip(self.ups, self.norms):
            x = F.relu(norm(up(x)))
        made: Tensor = self.finish(torch.tanh(self.last(x)))
        return made


class Judge(nn.Module):
    """How real pictures look: (B, C, H, W) and (B, D) -> (B,), the greater the more real.

    Without batch normalisation it is the critic of WGAN-GP.
    """

    def __init__(self, shape: Shape, normalised: bool = True) -> None:
        super().__init__()
        widths = [shape.channels, *(shape.features_at(n) for n in range(shape.halvings))]
        self.downs = nn.ModuleList(
            Conv(before, after, 4, 2, shape.wraps, STD if normalised else None, bias=not normalised or number == 0)
            for number, (before, after) in enumerate(pairwise(widths))
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width) if normalised and number else nn.Identity()
            for number, width in enumerate(widths[1:])
        )
        rows, columns = shape.start
        self.verdict = Linear(widths[-1] * rows * columns, 1, STD if normalised else None)
        self.projection = Linear(max(shape.condition, 1), widths[-1], bias=False)
        self.steered = shape.condition > 0

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        for down, norm in zip(self.downs, self.norms):
            x = F.leaky_relu(norm(down(x)), 0.2)
        verdict: Tensor = self.verdict(x.flatten(1)).squeeze(1)
        if self.steered:
            verdict = verdict + (self.projection(condition) * x.mean((2, 3))).sum(1)
        return verdict


class Dcgan:
    """The game as in the paper, with the non-saturating loss of the first GAN (Goodfellow et al. 2014)."""

    def __init__(self, shape: Shape) -> None:
        self.latent = shape.latent
        self.maker, self.judge = Maker(shape), Judge(shape)
        self.networks: dict[str, nn.Module] = {"maker": self.maker, "judge": self.judge}

    def make(self, maker: nn.Module, latent: Tensor, condition: Tensor) -> Tensor:
        made: Tensor = maker(latent, condition)
        return made

    def step(self, deal: Deal, draws: Draws, improve: Improve, number: int) -> Told:
        real, condition = deal()
        made = self.maker(draws.normal(len(real), self.latent), condition)
        true, false = self.judge(real, condition), self.judge(made.detach(), condition)
        judged = F.softplus(-true).mean() + F.softplus(false).mean()
        improve(judged, "judge")
        with frozen(self.judge):
            fooled = F.softplus(-self.judge(made, condition)).mean()
            improve(fooled, "maker")
        return {"judge": judged, "maker": fooled, "margin": (true - false).mean()}

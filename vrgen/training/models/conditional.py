"""A conditional GAN: the maker's layers are modulated by the condition, the judge sees it by projection.

A condition is a vector: a one-hot label, the embedding of a text, or sliders. It becomes a style that scales and
shifts every normalised layer (de Vries et al. 2017), which steers better than numbers beside the latent. The judge
adds the product of condition and features to its verdict (Miyato and Koyama 2018), and is held to a small slope at
what is real (R1, Mescheder et al. 2018) instead of batch normalisation, so that a rare label is judged as fairly
as a common one.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrgen.training.draws import Draws
from vrgen.training.models.dcgan import Judge
from vrgen.training.models.family import Deal, Improve, Shape, Told, frozen, slope
from vrgen.training.models.layers import Conv, Linear, Poles, Up

STYLE = 64
PENALTY, PENALTY_EVERY = 1.0, 8


class Modulated(nn.Module):
    """Normalise each channel of each picture, then scale and shift it by the style."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.style = Linear(STYLE, 2 * channels, std=0.02)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """x (B, C, H, W), style (B, STYLE) -> (B, C, H, W)."""
        mean = x.mean([2, 3], keepdim=True)
        spread = torch.rsqrt((x - mean).square().mean([2, 3], keepdim=True) + 1e-5)
        scale, shift = self.style(style).unsqueeze(-1).unsqueeze(-1).chunk(2, 1)
        modulated: Tensor = (x - mean) * spread * (1.0 + scale) + shift
        return modulated


class Maker(nn.Module):
    """Latent (B, L) and condition (B, D) to pictures (B, C, H, W) in [-1, 1]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        rows, columns = shape.start
        widths = [shape.features_at(n - 1) for n in range(shape.halvings, 0, -1)]
        self.rows, self.columns, self.first_width = rows, columns, widths[0]
        self.gain = max(shape.condition, 1) ** 0.5
        self.style = nn.Sequential(
            Linear(shape.latent + shape.condition, 2 * STYLE), nn.LeakyReLU(0.2), Linear(2 * STYLE, STYLE)
        )
        self.first = Linear(shape.latent + shape.condition, widths[0] * rows * columns)
        self.ups = nn.ModuleList(Up(before, after, shape.wraps) for before, after in pairwise(widths))
        self.first_modulation = Modulated(widths[0])
        self.modulations = nn.ModuleList(Modulated(width) for width in widths[1:])
        self.up = Up(widths[-1], widths[-1], shape.wraps)
        self.last = Conv(widths[-1], shape.channels, 3, wraps=shape.wraps, std=0.02)
        self.finish = Poles(shape.height, shape.width) if shape.wraps == "sphere" else nn.Identity()

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        # An embedding has length one, a label too: they are to weigh as much as the latent does.
        both = torch.cat([latent, F.normalize(condition, dim=1) * self.gain], 1)
        style = self.style(both)
        x = self.first(both).reshape(-1, self.first_width, self.rows, self.columns)
        x = F.leaky_relu(self.first_modulation(x, style), 0.2)
        for up, modulation in zip(self.ups, self.modulations):
            x = F.leaky_relu(modulation(up(x), style), 0.2)
        x = F.leaky_relu(self.up(x), 0.2)
        made: Tensor = self.finish(torch.tanh(self.last(x)))
        return made


class Conditional:
    """The game: non-saturating loss, R1 every few steps."""

    def __init__(self, shape: Shape) -> None:
        self.latent = shape.latent
        self.maker, self.judge = Maker(shape), Judge(shape, normalised=False)
        self.networks: dict[str, nn.Module] = {"maker": self.maker, "judge": self.judge}

    def make(self, maker: nn.Module, latent: Tensor, condition: Tensor) -> Tensor:
        made: Tensor = maker(latent, condition)
        return made

    def step(self, deal: Deal, draws: Draws, improve: Improve, number: int) -> Told:
        real, condition = deal()
        penalised = number % PENALTY_EVERY == 0
        made = self.maker(draws.normal(len(real), self.latent), condition)
        real.requires_grad_(penalised)
        true, false = self.judge(real, condition), self.judge(made.detach(), condition)
        judged = F.softplus(-true).mean() + F.softplus(false).mean()
        told = {"judge": judged, "margin": (true - false).mean()}
        if penalised:
            told["penalty"] = slope(true, real).mean()
            judged = judged + 0.5 * PENALTY * PENALTY_EVERY * told["penalty"]
        improve(judged, "judge")
        with frozen(self.judge):
            told["maker"] = F.softplus(-self.judge(made, condition)).mean()
            improve(told["maker"], "maker")
        return told

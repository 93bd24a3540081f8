"""A small modern GAN for few pictures: hundreds, not tens of thousands.

What keeps it from learning the pictures by heart: both sides are augmented by the same differentiable changes
(DiffAugment, Zhao et al. 2020), so the judge never sees a picture twice, and the maker is not taught the changes.
What keeps it steady: R1 (Mescheder et al. 2018), an average of the maker's weights (the loop keeps it), and judges
of the whole, the half and the quarter of the resolution, which look at patches. The maker is a stack of modulated
convolutions (Karras et al. 2019) with a picture added up from every resolution (Karras et al. 2020).
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrgen.training.draws import Draws
from vrgen.training.models.family import Deal, Improve, Shape, Told, frozen, slope
from vrgen.training.models.layers import Conv, Linear, Poles, Wraps, doubled

STYLE = 96
SCALES = 3
PENALTY, PENALTY_EVERY = 1.0, 8


class Block(nn.Module):
    """Twice the resolution, two modulated convolutions, and what they add to the picture.

    What is smooth stays smooth under convolutions: each has a fixed pattern of noise to make grain from.
    """

    grain: Tensor

    def __init__(
        self, inputs: int, outputs: int, channels: int, wraps: Wraps, grows: bool, size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.grows, self.wraps = grows, str(wraps)
        self.register_buffer("grain", torch.randn(2, 1, *size))
        self.grainy = nn.Parameter(torch.randn(2, outputs, 1, 1) * 0.3)
        self.one, self.two = Conv(inputs, outputs, 3, wraps=wraps), Conv(outputs, outputs, 3, wraps=wraps)
        self.style_one = Linear(STYLE, 2 * outputs, std=0.05)
        self.style_two = Linear(STYLE, 2 * outputs, std=0.05)
        self.show = Conv(outputs, channels, 1, std=0.05)

    def forward(self, x: Tensor, picture: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, I, h, w), picture (B, C, h, w) -> both at twice the size where the block grows."""
        if self.grows:
            x, picture = doubled(x, self.wraps), doubled(picture, self.wraps)
        x = self.modulated(self.one(x) + self.grainy[0] * self.grain[0], self.style_one(style))
        x = self.modulated(self.two(x) + self.grainy[1] * self.grain[1], self.style_two(style))
        return x, picture + self.show(x)

    def modulated(self, x: Tensor, style: Tensor) -> Tensor:
        """Scaled to unit size over the channels, then by the style."""
        x = x * torch.rsqrt(x.square().mean([1, 2, 3], keepdim=True) + 1e-6)
        scale, shift = style.unsqueeze(-1).unsqueeze(-1).chunk(2, 1)
        return F.leaky_relu(x * (1.0 + scale) + shift, 0.2)


class Maker(nn.Module):
    """Latent (B, L) and condition (B, D) to pictures (B, C, H, W) in [-1, 1]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        rows, columns = shape.start
        widths = [shape.features_at(n) for n in range(shape.halvings, -1, -1)]
        self.rows, self.columns, self.channels = rows, columns, shape.channels
        inputs = shape.latent + shape.condition
        self.style = nn.Sequential(Linear(inputs, STYLE), nn.LeakyReLU(0.2), Linear(STYLE, STYLE))
        self.first = Linear(inputs, widths[0] * rows * columns)
        self.blocks = nn.ModuleList(
            Block(widths[max(n - 1, 0)], width, shape.channels, shape.wraps, n > 0, (rows << n, columns << n))
            for n, width in enumerate(widths)
        )
        self.finish = Poles(shape.height, shape.width) if shape.wraps == "sphere" else nn.Identity()

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        both = torch.cat([latent, F.normalize(condition, dim=1) * max(condition.shape[1], 1) ** 0.5], 1)
        both = both * torch.rsqrt(both.square().mean(1, keepdim=True) + 1e-6)
        style = F.leaky_relu(self.style(both), 0.2)
        x = self.first(both).reshape(both.shape[0], -1, self.rows, self.columns)
        picture = torch.zeros_like(x[:, :1]).expand(-1, self.channels, -1, -1)
        for block in self.blocks:
            x, picture = block(x, picture, style)
        made: Tensor = self.finish(torch.tanh(picture))
        return made


class PatchJudge(nn.Module):
    """How real the patches of a picture of one resolution look: (B, C, h, w) -> (B,)."""

    def __init__(self, shape: Shape, halved: int) -> None:
        super().__init__()
        downs = max(min(shape.halvings - halved, 3), 1)
        widths = [shape.features_at(n) for n in range(downs + 1)]
        self.first = Conv(shape.channels, widths[0], 3, wraps=shape.wraps)
        self.downs = nn.ModuleList(Conv(before, after, 4, 2, shape.wraps) for before, after in pairwise(widths))
        self.last = Conv(widths[-1] + 1, widths[-1], 3, wraps=shape.wraps)
        self.verdict = Conv(widths[-1], 1, 1)
        self.projection = Linear(max(shape.condition, 1), widths[-1], bias=False)
        self.steered = shape.condition > 0

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        x = F.leaky_relu(self.first(x), 0.2)
        for down in self.downs:
            x = F.leaky_relu(down(x), 0.2)
        x = F.leaky_relu(self.last(torch.cat([x, spread(x)], 1)), 0.2)
        verdict = self.verdict(x).mean((1, 2, 3))
        if self.steered:
            verdict = verdict + (self.projection(condition) * x.mean((2, 3))).sum(1)
        return verdict  # type: ignore[no-any-return]


def spread(x: Tensor, group: int = 4) -> Tensor:
    """How much the pictures of a group differ (B, 1, h, w), for a judge to see when they don't (Karras 2018)."""
    group = group if len(x) % group == 0 else len(x)
    deviation = (x.reshape(-1, group, *x.shape[1:]).var(1, correction=0) + 1e-8).sqrt()
    return deviation.mean((1, 2, 3)).repeat_interleave(group)[:, None, None, None].expand(-1, 1, *x.shape[2:])


class Judge(nn.Module):
    """The verdicts (B, S) of judges of the picture, of its half, of its quarter."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        scales = min(SCALES, shape.halvings)
        self.scales = nn.ModuleList(PatchJudge(shape, halved) for halved in range(scales))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        verdicts = []
        for number, judge in enumerate(self.scales):
            x = F.avg_pool2d(x, 2) if number else x
            verdicts.append(judge(x, condition))
        return torch.stack(verdicts, 1)


def augmented(x: Tensor, draws: Draws, wraps: Wraps, shift: float = 0.125, hole: float = 0.4) -> Tensor:
    """Light, contrast and colour, a shift, and a hole, each drawn for each picture, and differentiable.

    Light and colour change the first three channels only: others are no colours. A picture that wraps is rolled.
    """
    count, _, height, width = x.shape
    light, contrast, colour = (draws.uniform(count, 1, 1, 1) for _ in range(3))
    shown = x[:, :3] + (light - 0.5) * 0.5
    middle = shown.mean((1, 2, 3), keepdim=True)
    shown = (shown - middle) * (contrast * 0.5 + 0.75) + middle
    grey = shown.mean(1, keepdim=True)
    x = torch.cat([(shown - grey) * (colour + 0.5) + grey, x[:, 3:]], 1)

    moved = draws.uniform(count, 2) * 2.0 - 1.0
    tall, wide = (1.0, 1.0) if wraps == "both" else (0.0, 1.0) if wraps == "sphere" else (shift, shift)
    down, right = (moved[:, 0] * tall * height).round().long(), (moved[:, 1] * wide * width).round().long()
    rows = torch.arange(height, device=x.device)[None] - down[:, None]
    columns = torch.arange(width, device=x.device)[None] - right[:, None]
    row, column = rows % height, columns % width
    which = torch.arange(count, device=x.device)[:, None, None]
    x = x[which, :, row[:, :, None], column[:, None, :]].permute(0, 3, 1, 2)
    if wraps == "nothing":
        inside = ((rows == row)[:, :, None] & (columns == column)[:, None, :])[:, None]
        x = x * inside

    place = draws.uniform(count, 2)
    top, left = (place[:, 0] * height)[:, None], (place[:, 1] * width)[:, None]
    near_row = (torch.arange(height, device=x.device)[None] - top).abs() < hole * height / 2
    near_column = (torch.arange(width, device=x.device)[None] - left).abs() < hole * width / 2
    return x * ~(near_row[:, :, None] & near_column[:, None, :])[:, None]


class SmallGan:
    """The game: logistic loss at every scale, what both sides see augmented alike."""

    def __init__(self, shape: Shape) -> None:
        self.latent, self.wraps = shape.latent, shape.wraps
        self.maker, self.judge = Maker(shape), Judge(shape)
        self.networks: dict[str, nn.Module] = {"maker": self.maker, "judge": self.judge}

    def make(self, maker: nn.Module, latent: Tensor, condition: Tensor) -> Tensor:
        made: Tensor = maker(latent, condition)
        return made

    def step(self, deal: Deal, draws: Draws, improve: Improve, number: int) -> Told:
        real, condition = deal()
        penalised = number % PENALTY_EVERY == 0
        made = self.maker(draws.normal(len(real), self.latent), condition)
        seen = augmented(real, draws, self.wraps).requires_grad_(penalised)
        true = self.judge(seen, condition)
        false = self.judge(augmented(made.detach(), draws, self.wraps), condition)
        judged = F.softplus(-true).mean() + F.softplus(false).mean()
        told = {"judge": judged, "margin": (true - false).mean()}
        if penalised:
            told["penalty"] = slope(true.mean(1), seen).mean()
            judged = judged + 0.5 * PENALTY * PENALTY_EVERY * told["penalty"]
        improve(judged, "judge")
        with frozen(self.judge):
            told["maker"] = F.softplus(-self.judge(augmented(made, draws, self.wraps), condition)).mean()
            improve(told["maker"], "maker")
        return told

"""A variational autoencoder (Kingma and Welling 2013): the baseline that can't collapse or diverge, and is soft.

The spread of the decoder's error is the one that fits best (σ-VAE, Rybkin et al. 2021), so nothing weighs
reconstruction against the prior by hand. The decoder is DCGAN's maker.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrgen.training.draws import Draws
from vrgen.training.models.dcgan import Maker
from vrgen.training.models.family import Deal, Improve, Shape, Told
from vrgen.training.models.layers import Conv, Linear

WARM_STEPS = 500
"""Over which the prior gains its full weight; from the start it would silence the latent."""


class Encoder(nn.Module):
    """Pictures (B, C, H, W) and conditions (B, D) to the mean and the log variance (B, L) of their latents."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = [shape.channels, *(shape.features_at(n) for n in range(shape.halvings))]
        self.downs = nn.ModuleList(Conv(before, after, 4, 2, shape.wraps) for before, after in pairwise(widths))
        rows, columns = shape.start
        self.last = Linear(widths[-1] * rows * columns + shape.condition, 2 * shape.latent)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        for down in self.downs:
            x = F.leaky_relu(down(x), 0.2)
        mean, log_variance = self.last(torch.cat([x.flatten(1), condition], 1)).chunk(2, 1)
        return mean, log_variance.clamp(-12.0, 6.0)


class Vae:
    """Encode, draw a latent, decode, compare."""

    def __init__(self, shape: Shape) -> None:
        self.latent = shape.latent
        self.maker, self.encoder = Maker(shape), Encoder(shape)
        self.networks: dict[str, nn.Module] = {"maker": self.maker, "encoder": self.encoder}

    def make(self, maker: nn.Module, latent: Tensor, condition: Tensor) -> Tensor:
        made: Tensor = maker(latent, condition)
        return made

    def step(self, deal: Deal, draws: Draws, improve: Improve, number: int) -> Told:
        real, condition = deal()
        mean, log_variance = self.encoder(real, condition)
        latent = mean + (0.5 * log_variance).exp() * draws.normal(len(real), self.latent)
        error = (self.maker(latent, condition) - real).square().flatten(1).mean()
        prior = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(1).mean()
        warm = min(1.0, (number + 1) / WARM_STEPS)
        loss = 0.5 * (error + 1e-5).log() + warm * prior / real[0].numel()
        improve(loss, "encoder", "maker")
        return {"loss": loss, "error": error, "prior": prior}

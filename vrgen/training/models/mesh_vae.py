"""A variational autoencoder of meshes: the encoder folds the sphere up, the maker is that of the game (`mesh`).

As `vae`, with the spread of the error that fits best (σ-VAE, Rybkin et al. 2021). What is compared is what the
judge of the game sees: radius, tilt of the normals and colour.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrgen.training.draws import Draws
from vrgen.training.models.family import Deal, Improve, Shape, Told
from vrgen.training.models.mesh import Mesh
from vrgen.training.models.vae import WARM_STEPS
from vrgen.training.rocks import LEVELS, Fold
from vrgen.training.rocks_model import RingConvolution
from vrgen.training.sphere import Sphere, spheres

COMPARED = 7
"""Radius, three of the normal, three of the colour."""
ALIKE = 16
"""Neighbouring directions tell much the same: so many count as one beside the prior."""


class Encoder(nn.Module):
    """Bodies as the judge sees them (B, V, 9) to the mean and the log variance (B, L) of their latents."""

    def __init__(self, channels: int, latent: int, levels: list[Sphere]) -> None:
        super().__init__()
        widths = [channels, 16, 32, 64, 96]
        fine = levels[:0:-1]  # from the finest to 42 vertices
        self.layers = nn.ModuleList(
            RingConvolution(widths[n], widths[n + 1], torch.from_numpy(sphere.rings))
            for n, sphere in enumerate(fine)
        )
        self.folds = nn.ModuleList(Fold(finer, len(coarser.directions)) for finer, coarser in pairwise(fine))
        self.last = nn.Linear(widths[-1] * len(fine[-1].directions), 2 * latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for n, layer in enumerate(self.layers):
            x = F.leaky_relu(layer(x), 0.2)
            if n < len(self.folds):
                x = self.folds[n](x)
        mean, log_variance = self.last(x.flatten(1)).chunk(2, 1)
        return mean, log_variance.clamp(-12.0, 6.0)


class MeshVae:
    """Encode, draw a latent, decode, compare."""

    def __init__(self, shape: Shape) -> None:
        game = Mesh(shape)
        self.latent, self.maker, self.shown = game.latent, game.maker, game.shown
        self.encoder = Encoder(9, self.latent, spheres(LEVELS))
        self.networks: dict[str, nn.Module] = {"maker": self.maker, "encoder": self.encoder}

    def make(self, maker: nn.Module, latent: Tensor, condition: Tensor) -> Tensor:
        made: Tensor = maker(latent, condition)
        return made

    def step(self, deal: Deal, draws: Draws, improve: Improve, number: int) -> Told:
        real, condition = deal()
        seen = self.shown(real, condition)
        mean, log_variance = self.encoder(seen)
        latent = mean + (0.5 * log_variance).exp() * draws.normal(len(real), self.latent)
        made = self.shown(self.maker(latent, condition), condition)
        error = (made - seen)[..., :COMPARED].square().flatten(1).mean()
        prior = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(1).mean()
        warm = min(1.0, (number + 1) / WARM_STEPS)
        count = COMPARED * seen.shape[1] / ALIKE
        loss = 0.5 * (error + 1e-5).log() + warm * prior / count
        improve(loss, "encoder", "maker")
        return {"loss": loss, "error": error, "prior": prior}

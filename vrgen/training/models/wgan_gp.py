"""WGAN with gradient penalty (Gulrajani et al. 2017): a critic of slope one instead of a judge.

The maker is DCGAN's. The critic has no batch normalisation, since its penalty is on each picture by itself, and is
improved `CRITIC_TURNS` times for each step of the maker. Its loss is an estimate of the distance between what is
made and what is real, and can be read as one.
"""

import torch
from torch import Tensor, nn

from vrgen.training.draws import Draws
from vrgen.training.models.dcgan import Judge, Maker
from vrgen.training.models.family import Deal, Improve, Shape, Told, frozen, slope

CRITIC_TURNS = 5
PENALTY = 10.0


class WganGp:
    """The game of the paper."""

    def __init__(self, shape: Shape) -> None:
        self.latent = shape.latent
        self.maker, self.critic = Maker(shape), Judge(shape, normalised=False)
        self.networks: dict[str, nn.Module] = {"maker": self.maker, "critic": self.critic}

    def make(self, maker: nn.Module, latent: Tensor, condition: Tensor) -> Tensor:
        made: Tensor = maker(latent, condition)
        return made

    def step(self, deal: Deal, draws: Draws, improve: Improve, number: int) -> Told:
        for _ in range(CRITIC_TURNS):
            real, condition = deal()
            with torch.no_grad():
                made = self.maker(draws.normal(len(real), self.latent), condition)
            margin = (self.critic(real, condition) - self.critic(made, condition)).mean()
            penalty = self.penalty(real, made, condition, draws)
            improve(PENALTY * penalty - margin, "critic")
        with frozen(self.critic):
            made = self.maker(draws.normal(len(real), self.latent), condition)
            fooled = -self.critic(made, condition).mean()
            improve(fooled, "maker")
        return {"critic": PENALTY * penalty - margin, "maker": fooled, "margin": margin, "penalty": penalty}

    def penalty(self, real: Tensor, made: Tensor, condition: Tensor, draws: Draws) -> Tensor:
        """How far the critic's slope is from one between pictures that are real and pictures that are made."""
        share = draws.uniform(len(real), 1, 1, 1)
        between = torch.lerp(made.float(), real, share).requires_grad_(True)  # made may be bfloat16
        squared = slope(self.critic(between, condition), between)
        return ((squared + 1e-12).sqrt() - 1.0).square().mean()

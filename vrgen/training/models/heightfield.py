"""An endless heightfield whose tiles share their edges to the bit, whatever the order they are asked in.

The maker is the coarse network of `terrain_model`: noise that is a hash of the place, convolutions without
padding, and, once exported, sums that never round (that file tells why). It is trained on windows of 64 × 64
heights and asked for windows of 65 × 65 anywhere. Heights are learned in units of the data's own slopes.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrgen.training.draws import Draws
from vrgen.training.models.family import Deal, Improve, Shape, Told, frozen, slope
from vrgen.training.terrain import Judge, slopes
from vrgen.training.terrain_model import Coarse, Window, dyadic

SIDE = 64
LATENT = 64
PENALTY, PENALTY_EVERY = 4.0, 8
SLOPE = 0.2
"""The deviation of the slopes of what the network makes."""


class Field(nn.Module):
    """The coarse network, with how many metres its unit is: `unit_m` is measured from the data."""

    unit_m: Tensor

    def __init__(self, unit_m: float) -> None:
        super().__init__()
        self.coarse = Coarse()
        self.register_buffer("unit_m", torch.tensor(unit_m, dtype=torch.float64))

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Latent (B, 64) and one slider (B, 1), or none (B, 0), to units (B, 1, 64, 64)."""
        slider = condition if condition.shape[1] else torch.full_like(latent[:, :1], 0.5)
        made: Tensor = self.coarse(latent, slider, Window(0, 0, SIDE, SIDE))
        return made


class Land(nn.Module):
    """What is exported: latent, tile and perhaps a slider to a tile of 65 × 65 metres."""

    def __init__(self, field: Field, slider: str) -> None:
        super().__init__()
        self.coarse, self.slider = copy.deepcopy(field.coarse), slider
        self.unit_m = float(field.unit_m)
        for parameter in self.coarse.parameters():
            parameter.data = dyadic(parameter.data, True)
        for module in self.coarse.modules():
            if hasattr(module, "exact"):
                setattr(module, "exact", True)  # noqa: B010

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        latent = dyadic(inputs["latent"].reshape(1, 64).double(), True)
        slider = torch.full_like(latent[:, :1], 0.5)
        if self.slider != "":
            slider = dyadic(inputs[self.slider].reshape(1, 1).double(), True)
        tile = inputs["tile"].reshape(2)
        ix, iz = int(tile[0].item()), int(tile[1].item())
        made = self.coarse(latent, slider, Window(iz * 64, ix * 64, 65, 65))
        return {"height": (made * self.unit_m).float()}


class Heightfield:
    """The game of `terrain`: heights without their mean, slopes, and the slider, before one judge."""

    latent = LATENT

    def __init__(self, shape: Shape, unit_m: float) -> None:
        self.unit_m = unit_m
        self.maker, self.judge = Field(unit_m), Judge(4)
        self.networks: dict[str, nn.Module] = {"maker": self.maker, "judge": self.judge}

    def make(self, maker: nn.Module, latent: Tensor, condition: Tensor) -> Tensor:
        """The same land for the same latents: the noise of training is drawn afresh otherwise."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            made: Tensor = maker(latent, condition) * self.unit_m
        return made

    def step(self, deal: Deal, draws: Draws, improve: Improve, number: int) -> Told:
        metres, condition = deal()
        made = self.maker(draws.normal(len(metres), LATENT), condition)
        penalised = number % PENALTY_EVERY == 0
        real = self.shown(metres / self.unit_m, condition).requires_grad_(penalised)
        true, false = self.judge(real), self.judge(self.shown(made.detach(), condition))
        judged = F.softplus(-true).mean() + F.softplus(false).mean()
        told = {"judge": judged, "margin": (true - false).mean()}
        if penalised:
            told["penalty"] = slope(true, real).mean()
            judged = judged + 0.5 * PENALTY * PENALTY_EVERY * told["penalty"]
        improve(judged, "judge")
        with frozen(self.judge):
            told["maker"] = F.softplus(-self.judge(self.shown(made, condition))).mean()
            improve(told["maker"], "maker")
        return told

    def shown(self, heights: Tensor, condition: Tensor) -> Tensor:
        """(B, 1, 64, 64) in units -> (B, 4, 64, 64) as the judge sees them."""
        slider = condition[:, :1] if condition.shape[1] else torch.full_like(heights[:, 0, :1, 0], 0.5)
        sliders = (slider * 2.0 - 1.0)[:, :, None, None].expand(-1, -1, SIDE, SIDE)
        return torch.cat([(heights - heights.mean((2, 3), keepdim=True)) * 2.0, slopes(heights) * 5.0, sliders], 1)


def unit_of(metres: Tensor) -> float:
    """How many metres the network's unit is for windows (N, 1, 64, 64) of such slopes."""
    return float(slopes(metres).std()) / SLOPE or 1.0

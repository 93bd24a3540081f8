"""Closed meshes with normals and colours from a latent: a radius and a colour for every direction of a sphere.

The nets are those of the bundled rocks (`rocks_model`). A dataset of kind "mesh" holds (N, 4, 2562, 1) float32:
ln(2 r) and red, green and blue in [0, 1] of every vertex of an icosahedron that was subdivided four times.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrgen.training.draws import Draws
from vrgen.training.models.family import Deal, Improve, Shape, Told, frozen, slope
from vrgen.training.rocks import LEVELS, Judge
from vrgen.training.rocks_model import NOISE, indices, normals_of
from vrgen.training.rocks_model import Shape as Stone
from vrgen.training.sphere import Sphere, spheres

LATENT, VERTICES, FACES = 64, 2562, 5120
PENALTY, PENALTY_EVERY = 4.0, 8


class Body(nn.Module):
    """The stone's net as a maker: latent (B, 64 + 16) and perhaps a slider (B, 1) -> (B, 4, 2562, 1)."""

    def __init__(self, levels: list[Sphere]) -> None:
        super().__init__()
        self.stone = Stone(levels)

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        slider = condition[:, :1] if condition.shape[1] else torch.full_like(latent[:, :1], 0.5)
        made = self.stone(latent[:, :64], latent[:, 64:], slider)
        return made.transpose(1, 2).unsqueeze(3)  # type: ignore[no-any-return]


class Solid(nn.Module):
    """What is exported: a mesh that stands on y = 0, from a latent and perhaps a slider."""

    directions: Tensor
    rings: Tensor
    faces: Tensor

    def __init__(self, body: Body, slider: str, metres: float = 1.0) -> None:
        super().__init__()
        self.body, self.slider, self.metres = body, slider, metres
        finest = spheres(LEVELS)[-1]
        self.register_buffer("directions", torch.from_numpy(finest.directions).float())
        self.register_buffer("rings", indices(finest.rings))
        self.register_buffer("faces", indices(finest.faces))

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        latent = inputs["latent"].reshape(1, -1).float()
        condition = torch.full_like(latent[:, :1], 0.5)
        if self.slider != "":
            condition = inputs[self.slider].reshape(1, 1).float()
        made = self.body(latent, condition)[0, :, :, 0].transpose(0, 1)
        points = self.directions * (0.5 * self.metres * made[:, :1].exp())
        normals = normals_of(points.unsqueeze(0), self.rings)[0]
        low = points[:, 1:2].amin(0, keepdim=True)
        return {
            "mesh.vertices": torch.cat([points[:, :1], points[:, 1:2] - low, points[:, 2:]], 1),
            "mesh.faces": self.faces,
            "mesh.normals": normals,
            "mesh.colours": made[:, 1:],
        }


class Mesh:
    """The game of the rocks: radius, normals, colour and height before one judge on the sphere."""

    latent = LATENT + NOISE

    def __init__(self, shape: Shape) -> None:
        levels = spheres(LEVELS)
        self.maker, self.judge = Body(levels), Judge(9, levels)
        self.networks: dict[str, nn.Module] = {"maker": self.maker, "judge": self.judge}
        self._directions = torch.from_numpy(levels[-1].directions).float()
        self._rings = torch.from_numpy(levels[-1].rings)

    def make(self, maker: nn.Module, latent: Tensor, condition: Tensor) -> Tensor:
        made: Tensor = maker(latent, condition)
        return made

    def step(self, deal: Deal, draws: Draws, improve: Improve, number: int) -> Told:
        real, condition = deal()
        penalised = number % PENALTY_EVERY == 0
        made = self.maker(draws.normal(len(real), self.latent), condition)
        seen = self.shown(real, condition).requires_grad_(penalised)
        true, false = self.judge(seen), self.judge(self.shown(made.detach(), condition))
        judged = F.softplus(-true).mean() + F.softplus(false).mean()
        told = {"judge": judged, "margin": (true - false).mean()}
        if penalised:
            told["penalty"] = slope(true, seen).mean()
            judged = judged + 0.5 * PENALTY * PENALTY_EVERY * told["penalty"]
        improve(judged, "judge")
        with frozen(self.judge):
            told["maker"] = F.softplus(-self.judge(self.shown(made, condition))).mean()
            improve(told["maker"], "maker")
        return told

    def shown(self, bodies: Tensor, condition: Tensor) -> Tensor:
        """(B, 4, V, 1) -> (B, V, 9) as the judge sees them."""
        body = bodies[:, :, :, 0].transpose(1, 2)
        directions = self._directions.to(body.device)
        radius = body[..., :1]
        normals = normals_of(directions * radius.exp(), self._rings.to(body.device))
        slider = condition[:, :1] if condition.shape[1] else torch.full_like(radius[:, 0], 0.5)
        sliders = (slider * 2.0 - 1.0)[:, None].expand(-1, len(directions), 1)
        height = directions[:, 1:2].expand(len(body), -1, -1)
        return torch.cat(
            [radius * 2.0, (normals - directions) * 1.5, body[..., 1:] * 4.0 - 1.0, height, sliders], 2
        )

"""Rocks on a sphere of triangles: features flow from 42 vertices to 2562, and come out as a shape."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrgen.training.sphere import Ints, Sphere

STYLE = 48
NOISE = 16


def indices(of: Ints) -> Tensor:
    """Small enough for a checkpoint: int32."""
    return torch.from_numpy(of).int()


class RingConvolution(nn.Module):
    """A vertex and its ring of six, linearly: (B, V, I) -> (B, V, O)."""

    rings: Tensor

    def __init__(self, inputs: int, outputs: int, rings: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(7 * inputs, outputs)
        nn.init.normal_(self.linear.weight, std=math.sqrt(1.8 / (7 * inputs)))
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("rings", rings, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, vertices, channels = x.shape
        ring = x.index_select(1, self.rings.reshape(-1)).reshape(batch, vertices, 6 * channels)
        y: Tensor = self.linear(torch.cat([x, ring], 2))
        return y


class Layer(nn.Module):
    """Ring convolution, place, noise and style; leaky rectification."""

    directions: Tensor
    mixture: Tensor

    def __init__(self, inputs: int, outputs: int, sphere: Sphere, rings: Tensor) -> None:
        super().__init__()
        self.convolve = RingConvolution(inputs, outputs, rings)
        self.modulate = nn.Linear(STYLE, 2 * outputs)
        nn.init.normal_(self.modulate.weight, std=0.05)
        nn.init.zeros_(self.modulate.bias)
        self.place = nn.Linear(3, outputs, bias=False)
        self.noise_gain = nn.Parameter(torch.randn(outputs) * 0.3)
        count = len(sphere.directions)
        directions = torch.from_numpy(sphere.directions).float()
        self.register_buffer("directions", directions, persistent=False)
        # which mixture of the individual's numbers each vertex takes for its noise
        self.register_buffer("mixture", torch.randn(NOISE, count) / math.sqrt(NOISE))

    def forward(self, x: Tensor, style: Tensor, individual: Tensor) -> Tensor:
        """x (B, V, I), style (B, STYLE), individual (B, NOISE) -> (B, V, O)."""
        noise = (individual @ self.mixture.to(individual.dtype)).unsqueeze(2)
        x = self.convolve(x) + self.place(self.directions) + noise * self.noise_gain
        scale, shift = self.modulate(style).unsqueeze(1).chunk(2, 2)
        return F.leaky_relu(x * (1.0 + scale) + shift, 0.2)


class Shape(nn.Module):
    """Latent, individual and flatness to the radius and the colour of every vertex."""

    parents2: Tensor
    parents3: Tensor
    parents4: Tensor

    def __init__(self, levels: list[Sphere]) -> None:
        super().__init__()
        self.style = nn.Sequential(nn.Linear(64 + NOISE + 1, 96), nn.LeakyReLU(0.2), nn.Linear(96, STYLE))
        widths = [48, 64, 48, 32, 24]
        self.start = nn.Linear(64 + NOISE, len(levels[1].directions) * 8)
        rings = [indices(sphere.rings) for sphere in levels]
        layers, parents = [Layer(8, widths[0], levels[1], rings[1])], []
        for level in range(1, 5):
            layers += [
                Layer(widths[level - 1], widths[level], levels[level], rings[level]),
                Layer(widths[level], widths[level], levels[level], rings[level]),
            ]
            parents.append(indices(levels[level].parents))
        self.layers = nn.ModuleList(layers)
        self.register_buffer("parents2", parents[1], persistent=False)
        self.register_buffer("parents3", parents[2], persistent=False)
        self.register_buffer("parents4", parents[3], persistent=False)
        self.out = nn.Linear(widths[-1], 4)
        nn.init.normal_(self.out.weight, std=0.05)
        with torch.no_grad():
            self.out.bias.copy_(torch.tensor([0.0, -0.8, -0.8, -0.9]))

    def forward(self, latent: Tensor, individual: Tensor, flatness: Tensor) -> Tensor:
        """latent (B, 64), individual (B, NOISE), flatness (B, 1) -> (B, V, 4): ln(2 r), colour."""
        latent = latent * 0.7
        style = self.style(torch.cat([latent, individual * 0.5, flatness * 4.0 - 2.0], 1))
        start = self.start(torch.cat([latent, individual], 1))
        x = start.reshape(latent.shape[0], -1, 8)
        for i, layer in enumerate(self.layers):
            if i == 3:
                x = x[:, self.parents2].mean(2)
            if i == 5:
                x = x[:, self.parents3].mean(2)
            if i == 7:
                x = x[:, self.parents4].mean(2)
            x = layer(x, style, individual)
        y = self.out(x)
        return torch.cat([y[..., :1].clamp(-2.0, 1.0), torch.sigmoid(y[..., 1:])], 2)


def normals_of(points: Tensor, rings: Tensor) -> Tensor:
    """Outward normals (B, V, 3) of unit length at points (B, V, 3), by the faces of each ring."""
    ring = points[:, rings] - points.unsqueeze(2)  # (B, V, 6, 3)
    cross = torch.cross(ring, ring.roll(-1, 2), dim=3).sum(2)
    return cross * torch.rsqrt(cross.square().sum(2, keepdim=True) + 1e-16)


class Rock(nn.Module):
    """The checkpoint: one closed mesh, a fifth of it below the ground."""

    directions: Tensor
    rings: Tensor
    faces: Tensor

    def __init__(self, shape: Shape, finest: Sphere) -> None:
        super().__init__()
        self.shape = shape
        for layer in shape.layers:
            layer.mixture = layer.mixture.half()  # half the bytes, for numbers that are noise
        self.register_buffer("directions", torch.from_numpy(finest.directions).float())
        self.register_buffer("rings", indices(finest.rings))
        self.register_buffer("faces", indices(finest.faces))

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """latent (1, 64), noise (1, 16), flatness (1,) -> the tensors of the mesh `rock`."""
        made = self.shape(
            inputs["latent"].reshape(1, 64).float(),
            inputs["noise"].reshape(1, 16).float(),
            inputs["flatness"].reshape(1, 1).float(),
        )
        points = self.directions * (0.5 * made[..., :1].exp())
        normals = normals_of(points, self.rings)[0]
        points = points[0]
        low, high = points[:, 1].min(), points[:, 1].max()
        raised = torch.stack([torch.zeros_like(low), -low - 0.2 * (high - low), torch.zeros_like(low)])
        return {
            "rock.vertices": points + raised,
            "rock.faces": self.faces,
            "rock.normals": normals,
            "rock.colours": made[0, :, 1:],
        }

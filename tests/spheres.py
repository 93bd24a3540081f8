"""A place whose every picture is known: spheres over a chequered floor, traced ray by ray, from anywhere.

In torch, so that a checkpoint can be made of it.
"""

from typing import Any, Dict, Tuple  # noqa: UP035  (TorchScript)

import torch
from torch import Tensor, nn


def traced(eye: Tensor, rays: Tensor) -> Tuple[Tensor, Tensor]:  # noqa: UP006
    """What is seen from `eye` (3,), metres, along unit `rays` (…, 3): sRGB (…, 3) in [0, 1], metres (…)."""
    balls = [
        [-0.9, 1.0, -2.6, 0.5, 0.85, 0.25, 0.2],
        [0.7, 0.7, -3.4, 0.7, 0.2, 0.5, 0.85],
        [2.6, 1.4, 0.5, 0.6, 0.95, 0.75, 0.2],
        [0.2, 0.8, 2.8, 0.8, 0.3, 0.7, 0.35],
        [-3.0, 1.6, 0.9, 0.9, 0.7, 0.4, 0.8],
    ]
    near = torch.full(rays.shape[:-1], 1000.0)
    high = rays[..., 1].clamp(min=0.0).unsqueeze(-1)
    colour = (1.0 - high) * torch.tensor([0.85, 0.88, 0.92]) + high * torch.tensor([0.35, 0.55, 0.85])

    down = -eye[1] / rays[..., 1].clamp(max=-1e-4)
    floor = (rays[..., 1] < -1e-4) & (down < near)
    at = eye + rays * down.unsqueeze(-1)
    odd = (torch.floor(at[..., 0]) + torch.floor(at[..., 2])) % 2.0
    tile = 0.35 + 0.4 * odd
    far = (-down / 40.0).exp().unsqueeze(-1)
    tiles = far * tile.unsqueeze(-1) + (1.0 - far) * torch.tensor([0.85, 0.88, 0.92])
    colour = torch.where(floor.unsqueeze(-1), tiles, colour)
    near = torch.where(floor, down, near)

    light = torch.tensor([0.5, 0.8, 0.33])
    for ball in balls:
        middle = torch.tensor(ball[:3])
        off = eye - middle
        b = (rays * off).sum(-1)
        inside = b * b - (off * off).sum() + ball[3] * ball[3]
        hit = -b - inside.clamp(min=0.0).sqrt()
        seen = (inside > 0.0) & (hit > 0.0) & (hit < near)
        normal = (eye + rays * hit.unsqueeze(-1) - middle) / ball[3]
        bands = 0.85 + 0.15 * torch.sign(torch.sin(12.0 * normal[..., 1]))
        shade = bands * (0.45 + 0.55 * (normal * light).sum(-1).clamp(min=0.0))
        colour = torch.where(seen.unsqueeze(-1), torch.tensor(ball[4:]) * shade.unsqueeze(-1), colour)
        near = torch.where(seen, hit, near)
    return colour, near


def around(rows: int) -> Tensor:
    """(rows, 2 rows, 3) unit directions of a panorama's pixels."""
    theta = ((torch.arange(rows) + 0.5) / rows * torch.pi)[:, None]
    phi = ((torch.arange(2 * rows) + 0.5) / rows * torch.pi - torch.pi)[None]
    flat = torch.ones_like(phi)
    return torch.stack([theta.sin() * phi.sin(), theta.cos() * flat, -theta.sin() * phi.cos()], -1)


def seen(world_from_camera: Tensor, fov: Tensor, rows: int, columns: int) -> Tuple[Tensor, Tensor]:  # noqa: UP006
    """A camera's picture: sRGB (rows, columns, 3) in [0, 1], metres along its axis (rows, columns).

    `world_from_camera`: (4, 4). `fov`: (4,) half angles left, right, up, down, radians.
    """
    side = torch.tan(fov)
    x = side[0] + (torch.arange(columns) + 0.5) / columns * (side[1] - side[0])
    y = side[2] + (torch.arange(rows) + 0.5) / rows * (side[3] - side[2])
    down, across = torch.meshgrid(y, x, indexing="ij")
    rays = torch.stack([across, down, -torch.ones_like(down)], -1)
    length = (rays * rays).sum(-1).sqrt()
    turned = (rays / length.unsqueeze(-1)) @ world_from_camera[:3, :3].t()
    colours, metres = traced(world_from_camera[:3, 3], turned)
    return colours, metres / length


class Spheres(nn.Module):
    """A world model that knows the place by heart."""

    def __init__(self, rows: int = 96, columns: int = 128) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, inputs: Dict[str, Tensor]) -> Dict[str, Tensor]:  # noqa: UP006
        colours, metres = seen(inputs["eye"][0], inputs["eye.fov"][0], self.rows, self.columns)
        return {"seen": colours.permute(2, 0, 1), "seen.depth": metres.unsqueeze(0)}


def manifest(rows: int = 96, columns: int = 128) -> dict[str, Any]:
    """Of `Spheres`."""
    view = {"kind": "view", "shape": [3, rows, columns], "range": [0, 1]}
    return {"vrgen": 1, "name": "spheres", "inputs": {"eye": {"kind": "camera"}}, "outputs": {"seen": view}}

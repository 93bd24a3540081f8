"""The endless land: hashed noise, a coarse network, and one refinement that is used twice.

Nodes of a lattice with spacing s lie at whole multiples of s, so a node of a coarse lattice is also
one of every finer lattice. Every network computes its window from all that it can see and never
pads, so two windows of the endless field agree where they overlap.

They agree *to the bit* because an exported network works with exact sums: inputs, weights and
activations are multiples of 2**-14 in double precision, products are multiples of 2**-28 and no sum
reaches 2**25, so nothing is rounded but by `dyadic`, and no order of summation can matter.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STYLE = 32


class Window(NamedTuple):
    """A rectangle of a lattice: its first node (z, x) and its size (nz, nx), in nodes."""

    z: int
    x: int
    nz: int
    nx: int


def grown(w: Window, by: int) -> Window:
    """The window with `by` more nodes on each side."""
    return Window(w.z - by, w.x - by, w.nz + 2 * by, w.nx + 2 * by)


def beneath(w: Window) -> Window:
    """The window of the lattice half as fine that `double_up` needs to make `w`."""
    z, x = w.z // 2 - 1, w.x // 2 - 1
    nz = (w.z + w.nz) // 2 + 2 - z
    nx = (w.x + w.nx) // 2 + 2 - x
    return Window(z, x, nz, nx)


def dyadic(x: Tensor, exact: bool) -> Tensor:
    """The nearest multiples of 2**-14 where `exact`, else x."""
    if exact:
        return torch.round(x * 16384.0) / 16384.0
    return x


def double_up(x: Tensor, source: Window, target: Window) -> Tensor:
    """Cubic B-spline subdivision of x (B, C, source) to (B, C, target), twice as fine."""
    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=x.dtype, device=x.device) / 8.0
    channels = x.shape[1]
    down = taps.reshape(1, 1, 5, 1).expand(channels, 1, 5, 1)
    across = taps.reshape(1, 1, 1, 5).expand(channels, 1, 1, 5)
    top = target.z - (2 * source.z - 2)
    left = target.x - (2 * source.x - 2)
    x = F.conv_transpose2d(x, down, stride=[2, 1], groups=channels)[:, :, top : top + target.nz]
    x = F.conv_transpose2d(x, across, stride=[1, 2], groups=channels)
    return x[:, :, :, left : left + target.nx]


class HashedNoise(nn.Module):
    """White noise on a lattice: a smooth function of the latent and a hash of the node."""

    def __init__(self) -> None:
        super().__init__()
        self.exact = False

    def forward(self, latent: Tensor, salt: int, channels: int, w: Window) -> Tensor:
        """(B, channels, nz, nx), about standard normal; drawn afresh in training.

        Each node and channel has 64 signs, the bits of its hash; its noise is the latent summed
        with these signs, over 8. Neighbours are uncorrelated, and a small step of the latent is
        a small step of the noise.
        """
        device = latent.device
        if not self.exact:
            return torch.randn([latent.shape[0], channels, w.nz, w.nx], device=device)
        mask = 0xFFFFFFFF
        z = (torch.arange(w.nz, device=device) + w.z) & mask
        x = (torch.arange(w.nx, device=device) + w.x) & mask
        c = torch.arange(2 * channels, device=device) + salt * 64
        h = self.mix((c.reshape(-1, 1, 1) * 0x1E3779B1) & mask)
        h = self.mix((h + z.reshape(1, -1, 1) * 0x5BD1E995) & mask)
        h = self.mix((h + x.reshape(1, 1, -1) * 0x27D4EB2F) & mask)  # (2 channels, nz, nx)
        bits = (h.unsqueeze(-1) >> torch.arange(32, device=device)) & 1
        signs = (bits * 2 - 1).reshape(channels, 2, w.nz, w.nx, 32).permute(0, 2, 3, 1, 4)
        noise = signs.reshape(-1, 64).to(latent.dtype) @ latent.reshape(64) / 8.0
        return noise.reshape(1, channels, w.nz, w.nx)

    def mix(self, h: Tensor) -> Tensor:
        """A bijection of 32-bit numbers that spreads every bit; no product leaves 63 bits."""
        h = h ^ (h >> 16)
        h = (h * 0x7FEB352D) & 0xFFFFFFFF
        h = h ^ (h >> 15)
        h = (h * 0x46A5B7C5) & 0xFFFFFFFF
        return h ^ (h >> 16)


class Weights(nn.Module):
    """A linear map or an unpadded convolution whose weights stay in single precision.

    That holds the exact network's weights exactly, in half the space of what it computes with.
    """

    def __init__(self, inputs: int, outputs: int, size: int, std: float) -> None:
        super().__init__()
        self.exact = False
        shape = (outputs, inputs) if size == 0 else (outputs, inputs, size, size)
        self.weight = nn.Parameter(torch.randn(shape) * std)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, I) -> (B, O), or (B, I, h, w) -> (B, O, h - size + 1, w - size + 1)."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        y = F.linear(x, weight, bias) if x.dim() == 2 else F.conv2d(x, weight, bias)
        return dyadic(y, self.exact)


class Style(nn.Module):
    """Latent and one measured property to the style that every layer is modulated with."""

    def __init__(self) -> None:
        super().__init__()
        self.exact = False
        self.first = Weights(64 + 1, 64, 0, math.sqrt(1.8 / 65))
        self.second = Weights(64, STYLE, 0, math.sqrt(1.8 / 64))

    def forward(self, latent: Tensor, measured: Tensor) -> Tensor:
        """latent (B, 64), measured (B, 1) in [0, 1] -> (B, 32)."""
        x = self.first(torch.cat([latent * 0.5, measured * 4.0 - 2.0], 1))
        return self.second(dyadic(F.leaky_relu(x, 0.25), self.exact))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """3x3 convolution without padding, noise, modulation by the style, leaky rectification."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.exact = False
        self.convolve = Weights(inputs, outputs, 3, math.sqrt(1.8 / (9 * inputs)))
        self.modulate = Weights(STYLE, 2 * outputs, 0, 0.05)
        self.noise_gain = nn.Parameter(torch.randn(outputs, 1, 1) * 0.3)

    def forward(self, x: Tensor, noise: Tensor, style: Tensor) -> Tensor:
        """x (B, I, h + 2, w + 2), noise (B, 1, h, w), style (B, 32) -> (B, O, h, w)."""
        x = dyadic(self.convolve(x) + noise * self.noise_gain.to(x.dtype), self.exact)
        scale, shift = self.modulate(style).unsqueeze(-1).unsqueeze(-1).chunk(2, 1)
        return dyadic(F.leaky_relu(x * (1.0 + scale) + shift, 0.25), self.exact)


class Coarse(nn.Module):
    """From noise at 512 m to the lie of the land at 64 m: ranges, valleys, plains."""

    def __init__(self) -> None:
        super().__init__()
        self.exact = False
        self.style = Style()
        self.noise = HashedNoise()
        widths = [8, 64, 64, 64, 64, 48, 48, 32, 32]
        layers = [Layer(widths[i], widths[i + 1]) for i in range(8)]  # two to each lattice
        self.layers = nn.ModuleList(layers)
        self.height = Weights(32, 1, 1, 0.1)

    def forward(self, latent: Tensor, relief: Tensor, target: Window) -> Tensor:
        """The window (B, 1, target) of the 64 m lattice, in slope units; relief (B, 1)."""
        style = self.style(latent, relief)
        inputs = [grown(target, 2)]  # what the layers of each lattice see, finest first
        for _ in range(3):
            inputs.append(grown(beneath(inputs[-1]), 2))
        w = inputs[3]
        x = self.noise(latent, 1, 8, w)
        for i, layer in enumerate(self.layers):
            if i % 2 == 0 and i > 0:
                x = dyadic(double_up(x, w, inputs[3 - i // 2]), self.exact)
                w = inputs[3 - i // 2]
            w = grown(w, -1)
            x = layer(x, self.noise(latent, 2 + i, 1, w), style)
        return self.height(x)  # type: ignore[no-any-return]


class Refine(nn.Module):
    """From a field to the same field four times as fine, with the detail such country has."""

    def __init__(self) -> None:
        super().__init__()
        self.exact = False
        self.style = Style()
        self.noise = HashedNoise()
        widths = [3, 64, 64, 48, 48, 32]
        self.layers = nn.ModuleList([Layer(widths[i], widths[i + 1]) for i in range(5)])
        self.detail = Weights(32, 1, 3, 0.02)

    def needs(self, target: Window) -> Window:
        """The window of the coarse field from which `target` can be made."""
        return grown(beneath(grown(beneath(grown(target, 2)), 2)), 3)

    def forward(
        self, latent: Tensor, roughness: Tensor, field: Tensor, salt: int, target: Window
    ) -> tuple[Tensor, Tensor]:
        """field: (B, 1, needs(target)), slope units of the coarse lattice; roughness (B, 1).

        Returns (B, 1, target) twice, in slope units of the finer lattice: the field made finer
        smoothly, and the detail to be added to it.
        """
        style = self.style(latent, roughness)
        fine = grown(target, 2)
        middle = grown(beneath(fine), 2)
        whole = self.needs(target)
        w = grown(whole, -1)

        dz = (field[:, :, 2:, 1:-1] - field[:, :, :-2, 1:-1]) * 2.0
        dx = (field[:, :, 1:-1, 2:] - field[:, :, 1:-1, :-2]) * 2.0
        cup = field[:, :, 2:, 1:-1] + field[:, :, :-2, 1:-1] + field[:, :, 1:-1, 2:]
        cup = cup + field[:, :, 1:-1, :-2] - 4.0 * field[:, :, 1:-1, 1:-1]
        x = torch.cat([dz, dx, cup * 2.0], 1)
        for i, layer in enumerate(self.layers):
            if i == 2:
                x = dyadic(double_up(x, w, middle), self.exact)
                w = middle
            if i == 4:
                x = dyadic(double_up(x, w, fine), self.exact)
                w = fine
            w = grown(w, -1)
            x = layer(x, self.noise(latent, salt + i, 1, w), style)

        smooth = dyadic(double_up(field, whole, middle), self.exact)
        smooth = dyadic(4.0 * double_up(smooth, middle, target), self.exact)
        return smooth, self.detail(x)


class Land(nn.Module):
    """The checkpoint: latent, tile and sliders to a tile of 65 x 65 heights in metres."""

    def __init__(self, coarse: Coarse, refine: Refine) -> None:
        super().__init__()
        self.coarse = coarse
        self.refine = refine

    def make_exact(self) -> None:
        """Round every weight to a multiple of 2**-14, and work in exact sums from now on."""
        for parameter in self.parameters():
            parameter.data = dyadic(parameter.data, True)
        for module in self.modules():
            if hasattr(module, "exact"):
                setattr(module, "exact", True)  # noqa: B010

    def metres(self, latent: Tensor, relief: Tensor, roughness: Tensor, target: Window) -> Tensor:
        """Heights (B, 1, target) in metres on the 4 m lattice; latent (B, 64), sliders (B, 1)."""
        middle = self.refine.needs(target)
        # Gentler than what was learned, twice: a person is to walk here.
        field = dyadic(0.625 * self.coarse(latent, relief, self.refine.needs(middle)), True)
        smooth, detail = self.refine(latent, roughness, field, 16, middle)
        field = smooth + detail
        smooth, detail = self.refine(latent, roughness, field, 32, target)
        field = smooth + 0.5 * detail  # half of it: this detail is underfoot and walked on
        height: Tensor = field * (4.0 * 0.65625)
        return height

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """latent (1, 64), tile (1, 2) int64, relief and roughness (1,) -> height (1, 1, 65, 65)."""
        latent = dyadic(inputs["latent"].reshape(1, 64).double(), True)
        relief = dyadic(inputs["relief"].reshape(1, 1).double(), True)
        roughness = dyadic(inputs["roughness"].reshape(1, 1).double(), True)
        tile = inputs["tile"].reshape(2)
        ix = int(tile[0].item())
        iz = int(tile[1].item())
        target = Window(iz * 64, ix * 64, 65, 65)
        below = beneath(target)
        height = double_up(self.metres(latent, relief, roughness, below), below, target)
        return {"height": height.float()}

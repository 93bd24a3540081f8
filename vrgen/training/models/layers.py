"""Linear maps and convolutions whose picture may wrap round, and whose weights may be stored small.

`wraps` says what lies beyond the edge of a picture: "nothing" (zeros), "both" (the other edge: a texture that
tiles), or "sphere" (a panorama: left and right meet, and beyond a pole the picture goes on half a turn away).
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Wraps = Literal["nothing", "both", "sphere"]


def beyond(x: Tensor, wraps: str, by: int) -> Tensor:
    """x (B, C, H, W) with `by` more rows and columns on every side."""
    if wraps == "both":
        return F.pad(x, [by, by, by, by], mode="circular")
    if wraps == "sphere":
        half = x.shape[3] // 2
        above = x[:, :, :by].flip([2]).roll([half], [3])
        below = x[:, :, x.shape[2] - by :].flip([2]).roll([half], [3])
        return F.pad(torch.cat([above, x, below], 2), [by, by, 0, 0], mode="circular")
    return F.pad(x, [by, by, by, by])


def doubled(x: Tensor, wraps: str) -> Tensor:
    """(B, C, H, W) -> (B, C, 2 H, 2 W), bilinear, over the edges too where the picture wraps."""
    x = F.interpolate(beyond(x, wraps, 1), scale_factor=2.0, mode="bilinear", align_corners=False)
    return x[:, :, 2:-2, 2:-2]


class Weighted(nn.Module):
    """A weight and a bias; the weight may be stored as float16, or as int8 with a scale for each output."""

    bias: Tensor | None
    scale: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.register_parameter("bias", None if bias is None else nn.Parameter(bias))
        self.register_buffer("scale", None)

    def numbers(self, x: Tensor) -> Tensor:
        """The weight as it is computed with beside x."""
        weight = self.weight.to(x.dtype)
        scale = self.scale
        if scale is not None:
            weight = weight * scale.to(x.dtype)
        return weight


class Linear(Weighted):
    """(B, I) -> (B, O)."""

    def __init__(self, inputs: int, outputs: int, std: float | None = None, bias: bool = True) -> None:
        std = math.sqrt(1.0 / inputs) if std is None else std
        super().__init__(torch.randn(outputs, inputs) * std, torch.zeros(outputs) if bias else None)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.numbers(x), self.bias)


class Conv(Weighted):
    """(B, I, H, W) -> (B, O, H / stride, W / stride), for size 1, 3 (stride 1) and 4 (stride 2)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        stride: int = 1,
        wraps: Wraps = "nothing",
        std: float | None = None,
        bias: bool = True,
    ) -> None:
        std = math.sqrt(1.8 / (inputs * size * size)) if std is None else std
        weight = torch.randn(outputs, inputs, size, size) * std
        super().__init__(weight, torch.zeros(outputs) if bias else None)
        self.stride = stride
        self.pad = (size - stride + 1) // 2
        self.wraps: str = wraps

    def forward(self, x: Tensor) -> Tensor:
        weight = self.numbers(x)
        if self.wraps == "nothing" or self.pad == 0:  # zeros are the convolution's own, which is faster
            return F.conv2d(x, weight, self.bias, [self.stride, self.stride], [self.pad, self.pad])
        return F.conv2d(beyond(x, self.wraps, self.pad), weight, self.bias, [self.stride, self.stride])


class Up(Weighted):
    """(B, I, H, W) -> (B, O, 2 H, 2 W): a transposed convolution of size 4."""

    def __init__(
        self, inputs: int, outputs: int, wraps: Wraps = "nothing", std: float | None = None, bias: bool = True
    ) -> None:
        std = math.sqrt(1.8 / (inputs * 4)) if std is None else std
        super().__init__(torch.randn(inputs, outputs, 4, 4) * std, torch.zeros(outputs) if bias else None)
        self.wraps: str = wraps

    def forward(self, x: Tensor) -> Tensor:
        weight = self.numbers(x)
        if self.wraps == "nothing":
            return F.conv_transpose2d(x, weight, self.bias, [2, 2], [1, 1])
        made = F.conv_transpose2d(beyond(x, self.wraps, 1), weight, self.bias, [2, 2])
        return made[:, :, 3:-3, 3:-3]


def output_axis(layer: Weighted) -> int:
    """Which axis of the layer's weight counts its outputs."""
    return 1 if isinstance(layer, Up) else 0


class Poles(nn.Module):
    """What a panorama's rows can't carry is taken out of them, so that nothing is pinched at a pole.

    A row at latitude φ is a circle of length cos φ; of its W / 2 frequencies it carries W / 2 · cos φ at the
    detail of the equator. Beyond that they fall off smoothly.
    """

    carried: Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        latitude = (torch.arange(height) + 0.5) / height * math.pi - math.pi / 2
        limit = width / 2 * torch.cos(latitude)[:, None] + 0.5
        frequency = torch.arange(width // 2 + 1)[None]
        self.register_buffer("carried", torch.exp(-((frequency / limit).clamp(max=6.0) ** 8)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same, smooth about the poles."""
        width = x.shape[3]
        seen = torch.fft.rfft(x.float(), dim=3) * self.carried
        kept: Tensor = torch.fft.irfft(seen, n=width, dim=3).to(x.dtype)
        return kept

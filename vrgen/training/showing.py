"""What a maker makes, as pictures for people: grids of samples whatever the kind."""

import io
import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vrgen.training.dataset import Kind, radiance
from vrgen.training.state import write_whole

GAP_PX = 2
BODY_PX = 128
"""A mesh's picture."""
Bytes = NDArray[np.uint8]


def coloured(made: Tensor, kind: Kind, light: bool = False) -> Tensor:
    """(N, C, H, W) of any kind to colours (N, 3, H, W) in [0, 1]; `light`: a panorama's numbers are radiance."""
    match kind:
        case "heightfield":
            return hillshade(made)
        case "mesh":
            return _shaded_bodies(made)
        case "panorama" if light:
            seen = radiance(made)
            return (seen / (1.0 + seen)).clamp(0.0, 1.0).pow(1.0 / 2.2)
        case _:
            seen = made[:, :3] if made.shape[1] >= 3 else made[:, :1].expand(-1, 3, -1, -1)
            return (seen * 0.5 + 0.5).clamp(0.0, 1.0)


def hillshade(heights: Tensor) -> Tensor:
    """Light from the north-west on (N, 1, H, W), steepened to what the eye likes."""
    down, right = torch.gradient(heights, dim=(2, 3))
    scale = 1.0 / (torch.stack([down, right]).std() + 1e-9)
    slope = torch.cat([down, right], 1) * scale * 0.7
    lit = (1.0 + slope[:, :1] + slope[:, 1:]) / (1.0 + slope.square().sum(1, keepdim=True)).sqrt() / 1.8
    return lit.clamp(0.0, 1.0).expand(-1, 3, -1, -1)


def _shaded_bodies(bodies: Tensor) -> Tensor:
    """(N, 4, V, 1) as lit bodies (N, 3, BODY_PX, BODY_PX)."""
    from vrgen.training.shading import shaded

    return torch.from_numpy(np.stack([shaded(body, BODY_PX) for body in bodies.cpu().numpy()]))


def grid(made: Tensor, kind: Kind, light: bool = False) -> Bytes:
    """(rows, columns, 3) uint8: as square as the number allows."""
    pictures = (coloured(made.float().cpu(), kind, light) * 255.0).round().byte()
    count, _, height, width = pictures.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    whole = np.full((rows * (height + GAP_PX) + GAP_PX, columns * (width + GAP_PX) + GAP_PX, 3), 40, np.uint8)
    for number, picture in enumerate(pictures):
        top = GAP_PX + number // columns * (height + GAP_PX)
        left = GAP_PX + number % columns * (width + GAP_PX)
        whole[top : top + height, left : left + width] = picture.permute(1, 2, 0).numpy()
    return whole


def save_png(picture: Bytes, path: Path) -> None:
    """Write a picture whole.

    Raises:
        StateError: it can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "png")
    write_whole(path, content.getvalue())

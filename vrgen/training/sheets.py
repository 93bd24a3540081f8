"""Contact sheets of the land and the rocks: ``python -m vrgen.training.sheets terrain SHEET.png``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw

Floats = npt.NDArray[np.float64]

CHECKPOINTS = Path(__file__).resolve().parents[2] / "assets" / "checkpoints"
SKY = np.array([0.45, 0.62, 0.85])


def _load(name: str) -> Any:
    load: Any = torch.jit.load  # untyped in torch
    return load(str(CHECKPOINTS / f"{name}.pt"))


def _srgb(linear: Floats) -> npt.NDArray[np.uint8]:
    clipped = np.clip(linear, 0.0, 1.0)
    curve = np.where(clipped < 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return (curve * 255 + 0.5).astype(np.uint8)


def _land(module: Any, seed: int, relief: float, roughness: float, tiles: int) -> Floats:
    """Heights (64 tiles + 1)² in metres, 2 m apart, asked for tile by tile."""
    z = torch.randn(1, 64, generator=torch.Generator().manual_seed(seed))
    height = np.zeros((64 * tiles + 1,) * 2)
    for iz in range(tiles):
        for ix in range(tiles):
            inputs = {"latent": z, "tile": torch.tensor([[ix, iz]])}
            inputs |= {"relief": torch.tensor([relief]), "roughness": torch.tensor([roughness])}
            tile = module(inputs)["height"][0, 0].double().numpy()
            height[64 * iz : 64 * iz + 65, 64 * ix : 64 * ix + 65] = tile
    return height


def _lit(height: Floats) -> tuple[Floats, Floats]:
    """How much low light from the north-west each sample gets, and how upright its normal is."""
    dz, dx = np.gradient(height, 2.0)
    upright = 1.0 / np.sqrt(1.0 + dx**2 + dz**2)
    light = (0.55 * dx + 0.55 * dz + 0.62) * upright
    return np.clip(light, 0.0, 1.0), upright


def _view(height: Floats, width: int = 480, rows: int = 200) -> Any:
    """What a person of 1.7 m sees, looking north from the southern edge."""
    from scipy.ndimage import map_coordinates

    light, upright = _lit(height)
    steep = np.clip((upright - 0.78) / 0.15, 0, 1)[..., None]
    ground = steep * [0.16, 0.2, 0.07] + (1 - steep) * [0.2, 0.17, 0.14]
    colour = ground * (2.2 * light[..., None] + 0.35)
    picture = np.ones((rows, width, 3)) * SKY
    side = np.linspace(-0.75, 0.75, width)
    focal = width / 1.5
    south = height[-160:-16, 150:-150]  # from the highest place near the middle of its edge
    z0 = float(height.shape[0] - 160 + south.max(1).argmax())
    x0 = float(150 + south.max(0).argmax())
    eye = height[int(z0), int(x0)] + 1.7
    free = np.full(width, rows)
    row = np.arange(rows)[:, None]
    distance = 1.0
    while distance < 2.0 * z0:
        at = [np.full(width, z0 - distance / 2), x0 + side * distance / 2]
        y = rows * 0.45 - (map_coordinates(height, at, order=1, mode="nearest") - eye) / distance * focal
        seen = np.stack([map_coordinates(colour[..., c], at, order=1, mode="nearest") for c in range(3)], 1)
        haze = 1.0 - np.exp(-distance / 1500.0)
        seen = seen * (1 - haze) + SKY * haze
        fill = (row >= y) & (row < free)
        picture[fill] = np.broadcast_to(seen, picture.shape)[fill]
        free = np.minimum(free, np.ceil(np.clip(y, 0, rows)).astype(int))
        distance *= 1.006
    return picture


def terrain(path: Path) -> None:
    """Six lands of 8 x 8 tiles, from above and through the eyes of a walker."""
    module = _load("terrain")
    cases = [(1, 0.3, 0.5), (2, 0.6, 0.2), (3, 0.7, 0.5), (4, 0.8, 0.8), (5, 0.9, 0.5), (6, 1.0, 0.6)]
    sheet = Image.new("RGB", (3 * 250, 2 * 370), "white")
    for k, (seed, relief, roughness) in enumerate(cases):
        height = _land(module, seed, relief, roughness, 8)
        light, upright = _lit(height)
        above = Image.fromarray((light * 255).astype(np.uint8)).resize((246, 246))
        seen = Image.fromarray(_srgb(_view(height))).resize((246, 102))
        x, y = 250 * (k % 3), 370 * (k // 3)
        sheet.paste(above, (x, y))
        sheet.paste(seen, (x, y + 248))
        walkable = 100 * (upright > np.cos(np.radians(35))).mean()
        text = f"relief {relief}, rough {roughness}: {np.ptp(height):.0f} m, {walkable:.0f} % < 35\u00b0"
        ImageDraw.Draw(sheet).text((x + 2, y + 354), text, fill="black")
    sheet.quantize(160).save(path, optimize=True)


def rocks(path: Path) -> None:
    """Four rows of eight rocks, the flatness growing from left to right."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.collections import PolyCollection

    module = _load("rocks")
    turn, tip = 0.5, 0.35
    right = np.array([np.cos(turn), 0.0, -np.sin(turn)])
    viewer = np.array([np.sin(turn) * np.cos(tip), np.sin(tip), np.cos(turn) * np.cos(tip)])
    screen = np.stack([right, np.cross(viewer, right), viewer])
    sun = np.array([0.6, 0.7, 0.4]) / np.linalg.norm([0.6, 0.7, 0.4])
    figure, axes = plt.subplots(4, 8, figsize=(16, 8))
    for k, ax in enumerate(axes.flat):
        draw = torch.Generator().manual_seed(k)
        inputs = {"latent": torch.randn(1, 64, generator=draw)}
        inputs |= {"noise": torch.randn(1, 16, generator=draw), "flatness": torch.tensor([k % 8 / 7])}
        rock = {key: value.double().numpy() for key, value in module(inputs).items()}
        corners = rock["rock.vertices"][rock["rock.faces"].astype(int)]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
        order = np.argsort((corners @ viewer).mean(1))
        order = order[(normals @ viewer > 0)[order]]
        light = np.clip(normals @ sun, 0, 1) * 1.8 + 0.3 + 0.2 * normals[:, 1]
        colour = rock["rock.colours"][rock["rock.faces"].astype(int)].mean(1) * light[:, None]
        shown = _srgb(colour)[order] / 255.0
        flat = (corners @ screen.T)[order][:, :, :2]
        ax.add_collection(PolyCollection(flat, facecolors=shown, edgecolors=shown, linewidths=0.2))
        ax.set(xlim=(-0.75, 0.75), ylim=(-0.45, 1.05), aspect="equal")
        ax.axis("off")
    figure.subplots_adjust(0, 0, 1, 1, 0, 0)
    figure.savefig(path, dpi=56)
    plt.close(figure)
    Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"terrain": terrain, "rocks": rocks}[sys.argv[1]](Path(sys.argv[2]))

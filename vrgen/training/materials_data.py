"""The grounds that the material generator learns from: 0 A.D.'s photographed terrain textures.

Colour, normal and specular maps are read from the `0ad-data` package (CC-BY-SA 3.0, Wildfire Games),
brought to one size and one convention and kept as six channels: three of colour, two of slope and one
of gloss. Which texture belongs to which biome was chosen by eye from contact sheets.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from vrgen.training.sources import unpack

Array = NDArray[np.float32]

ARCHIVE = "usr/share/games/0ad/mods/public/public.zip"
FOLDER = "art/textures/terrain/types/"
SIZE = 256
SLOPE_SCALE = 0.5
"""A slope (rise over run) of this size is stored as 1."""
SLOPE_LIMIT = 1.5
"""Slopes are clipped here: the maps are photographs' relief with noise on top."""

# biome -> colour maps with the normal and specular maps that lie over them pixel by pixel; a name
# alone has maps of its own, "name < other" is a recoloured sibling that shares the other's.
BIOMES: dict[str, tuple[str, ...]] = {
    "grass": (
        "medit_grass_field",
        "alpine_grass_a < medit_grass_field",
        "grass1_spring",
        "india/grass_02",
        "sudd/flora_03",
        "temp_grass_mod_02",
        "temperate/grass_05 < temperate/grass_02",
        "tropic_grass_a",
    ),
    "forest": (
        "india/forestfloor_001",
        "india/forestfloor_002",
        "temp_forestfloor_a",
        "temp_forestfloor_autumn < temp_forestfloor_a",
        "temperate/forestfloor_003",
        "temperate/forestfloor_004",
        "temperate/autumn_forestfloor_004 < temperate/forestfloor_004",
    ),
    "desert": (
        "desert_dirt_cracks",
        "desert_dirt_rough",
        "desert_sand_dunes_100",
        "desert_sand_smooth",
        "desert_sand_stones",
        "medit_sand_messy",
        "sahara/rocks_dirt_01 < india/rocks_dirt_01",
    ),
    "savanna": (
        "nubia/dirt_03 < india/dirt_01",
        "nubia/dirt_04",
        "nubia/dunes_01",
        "nubia/rocks_dirt_01 < india/rocks_dirt_01",
        "savanna_dirt_plants_cracked",
    ),
    "rock": (
        "alpine_cliff",
        "alpine_cliff_a",
        "desert_cliff_persia_1",
        "medit_cliff_aegean",
        "medit_cliff_greek_2",
        "temp_cliff_c",
        "aegean_anatolia/cliff_01",
        "india/cliff_03",
    ),
    "gravel": (
        "alpine_arctic/gravel_dirt_01",
        "alpine_shore_rocks",
        "desert_shore_stones",
        "desert_shore_stones_wet < desert_shore_stones",
        "medit_rocks",
        "medit_forestfloor_a",
    ),
    "mud": (
        "aegean_anatolia/dirt_01",
        "clay_01",
        "clay_03 < clay_01",
        "india/dirt_01",
        "india/dirt_03",
        "temperate/mud_01",
    ),
    "snow": (
        "alpine_snow_a",
        "alpine_snow_glacial",
        "polar_snow_a",
        "polar_snow_glacial",
    ),
}
LABELS = tuple(BIOMES)

# The snow's own normal maps are all but flat beside its photographs, which show lit relief: their
# slopes are made this much steeper.
STEEPER = {"alpine_snow_a": 4.0, "alpine_snow_glacial": 3.0, "polar_snow_a": 2.0}


@dataclass(frozen=True)
class Ground:
    """One texture that tiles: `pixels` (6, SIZE, SIZE): sRGB in [-1, 1], slopes, gloss in [-1, 1]."""

    name: str
    biome: int
    pixels: Array


def load(cache: Path) -> list[Ground]:
    """Read every listed ground, in the order of `BIOMES`; the first call also unpacks 1.4 GB."""
    archive = unpack("0ad-data", [ARCHIVE], cache) / ARCHIVE
    grounds = []
    with zipfile.ZipFile(archive) as public:
        members = set(public.namelist())
        for biome, names in enumerate(BIOMES.values()):
            for entry in names:
                name, _, sibling = entry.partition(" < ")
                maps = sibling or name
                colour = read(public, members, name)
                normal = read(public, members, f"{maps}_norm")
                gloss = read(public, members, f"{maps}_spec").mean(-1, keepdims=True)
                tilt = slopes(normal) * STEEPER.get(name, 1.0)
                tilt = np.clip(tilt, -SLOPE_LIMIT, SLOPE_LIMIT) / SLOPE_SCALE
                stack = np.concatenate([levelled(colour) * 2 - 1, tilt, gloss * 2 - 1], axis=-1)
                pixels = np.ascontiguousarray(stack.transpose(2, 0, 1), np.float32)
                grounds.append(Ground(name, biome, pixels))
    return grounds


def read(public: zipfile.ZipFile, members: set[str], name: str) -> Array:
    """The picture as (SIZE, SIZE, 3) float32 in [0, 1]."""
    candidates = (f"{FOLDER}{name}.png.cached.dds", f"{FOLDER}{name}.dds.cached.dds")
    path = next((c for c in (*candidates, f"{FOLDER}{name}.dds") if c in members), None)
    if path is None:
        raise FileNotFoundError(f"{name}: 0ad-data has no such terrain texture")
    with Image.open(io.BytesIO(public.read(path))) as file:
        image = file.convert("RGB")
    # Whole numbers of pixels are averaged, so that the edges still meet.
    image = image.resize((SIZE, SIZE), Image.Resampling.BOX)
    pixels: Array = np.asarray(image, np.float32) / np.float32(255)
    return pixels


def levelled(colour: Array) -> Array:
    """Less of the wide light and dark places, by which a repeated texture is recognised."""
    wide = gaussian_filter(colour, (24, 24, 0), mode="wrap")
    level: Array = np.clip(colour - 0.7 * (wide - colour.mean((0, 1))), 0, 1).astype(np.float32)
    return level


def slopes(normal: Array) -> Array:
    """Rise over run (S, S, 2), of a surface that faces +X right and +Y up, from a normal map.

    Most of these maps have +Y down and a few +Y up. A relief's slopes have no curl, so the sign of
    the green channel is the one that leaves less.
    """
    vectors: Array = normal * np.float32(2) - np.float32(1)
    tilt = vectors[..., :2] / np.maximum(vectors[..., 2:], np.float32(0.3))
    right: Array = tilt[..., 0] - tilt[..., 0].mean()
    down: Array = tilt[..., 1] - tilt[..., 1].mean()
    as_up = np.mean((_along(right, 0) + _along(down, 1)) ** 2)
    as_down = np.mean((_along(right, 0) - _along(down, 1)) ** 2)
    if as_up > as_down:
        down = -down
    return np.stack([right, down], axis=-1)


def _along(values: Array, axis: int) -> Array:
    difference: Array = np.roll(values, -1, axis) - np.roll(values, 1, axis)
    return difference

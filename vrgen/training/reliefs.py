"""The heights of `vrgen dataset --source earth` and `--source hills`, in blocks that share no ground.

A block, not a window, is held out: windows of one block overlap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from vrgen.training import terrain_data
from vrgen.training.preparing import Candidate, Found
from vrgen.training.resizing import resized
from vrgen.training.sources import SOURCES, default_cache
from vrgen.training.terrain_data import MEASURED, SRTM, Heights
from vrgen.training.writing import Pixels

EARTH_BLOCK, HILLS_BLOCK = 128, 120
"""Samples of a block's side."""
MOST_SEA = 0.07
LEAST_STEP_M = 32.0
"""Mean difference of neighbours, 9 km apart, below which land counts as flat."""
LEAST_HILL_STEP_M = 2.0
"""The same 90 m apart."""
SEA_FLOOR_M = -100.0

PUBLIC = "public domain"


def earth(cache: Path | None) -> Sequence[Candidate]:
    """Land of ETOPO5 where it was made from close measurements; samples are 5' apart (9.3 km along a meridian)."""
    whole = terrain_data.etopo(cache or default_cache())
    found = []
    for south, north, west, east in MEASURED:
        rows = slice(int((south + 90) * 12), int((north + 90) * 12))
        columns = np.arange(int(west * 12), int(east * 12)) % whole.shape[1]
        box = np.maximum(whole[rows][:, columns][::-1], SEA_FLOOR_M)
        for top in range(0, len(box) - EARTH_BLOCK // 2, EARTH_BLOCK):
            band = _as_wide_as_high(box[top : top + EARTH_BLOCK], north - (top + EARTH_BLOCK / 2) / 12)
            for _, left, block in _blocks(band, EARTH_BLOCK):
                if (block > 0).mean() > 0.3:
                    place = f"etopo5.cdf box {north:g},{west:g} at {top},{left}"
                    source = f"{SOURCES['ferret-datasets']} (ETOPO5, NOAA)"
                    found.append(_candidate(place, block, source, LEAST_STEP_M))
    return found


def hills(cache: Path | None) -> Sequence[Candidate]:
    """The Jacksboro fault and a part of Sweden; samples are about 90 m apart."""
    tile = terrain_data.srtm(cache or default_cache())
    models = (
        ("jacksboro_fault_dem.npz", terrain_data.jacksboro(), "pypi:matplotlib sample data (USGS)"),
        ("N57E011.hgt", _as_wide_as_high(tile, 57.75), f"{SRTM} (SRTM, NASA)"),
    )
    return [
        _candidate(f"{name} {top},{left}", block, source, LEAST_HILL_STEP_M)
        for name, model, source in models
        for top, left, block in _blocks(model, HILLS_BLOCK)
    ]


def _as_wide_as_high(model: Heights, latitude_deg: float) -> Heights:
    """Fewer columns: what is sampled by degrees lies closer together from east to west."""
    columns = round(model.shape[1] * float(np.cos(np.radians(latitude_deg))))
    return resized(model[..., None], len(model), columns, "area")[..., 0]


def _blocks(model: Heights, side: int) -> Iterator[tuple[int, int, Heights]]:
    """Blocks side by side, the last ones as large as what is left."""
    for top in range(0, model.shape[0] - side // 2, side):
        for left in range(0, model.shape[1] - side // 2, side):
            yield top, left, model[top : top + side, left : left + side]


def _candidate(place: str, block: Heights, source: str, least_step_m: float) -> Candidate:
    return Candidate(
        file=place,
        read=partial(_read, block),
        source=source,
        licence=PUBLIC,
        keep=partial(_is_land, least_step_m=least_step_m),
    )


def _read(block: Heights) -> Found:
    sha256 = hashlib.sha256(np.ascontiguousarray(block).tobytes()).hexdigest()
    # Whole metres are undone, or flat steps would be learned.
    undone = np.random.default_rng(int(sha256[:12], 16)).uniform(-0.5, 0.5, block.shape)
    return Found(sha256, (block + undone).astype(np.float32))


def _is_land(window: Pixels, least_step_m: float) -> bool:
    heights = window[0]
    steps = np.hypot(*np.gradient(heights))
    return bool((heights <= 0).mean() <= MOST_SEA and steps.mean() >= least_step_m)

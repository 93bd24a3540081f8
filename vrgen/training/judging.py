"""How good a generator is: what it makes beside what it learned from, in the eyes of a network.

Every number stands between two others: what one half of the data scores against the other (the ceiling: nobody who
learned from this data does better), and what noise scores (the floor).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from vrgen.training import contact, seams, shapes
from vrgen.training.dataset import Dataset, DatasetError, Kind
from vrgen.training.distances import Features, coverage, diversity, frechet, kernel, nearest
from vrgen.training.features import Embedding
from vrgen.training.resizing import resized, srgb_from_linear
from vrgen.training.shading import shaded

Array = npt.NDArray[np.float32]
Embed = Callable[[Array], Features]
"""Pictures (N, 3, H, W) of sRGB codes in [0, 1] to features (N, D)."""

SEEN_PX = 224
"""The side at which the network looks; panoramas are 160 by 320."""
BATCH = 16
FEW = 50
FEWEST = 4


@dataclass(frozen=True)
class Score:
    """One number and what it stands between. `better`: which way is good."""

    name: str
    made: float
    ceiling: float
    floor: float
    better: Literal["lower", "higher", "as the ceiling"]
    told: str


@dataclass(frozen=True)
class Verdict:
    """What was found about one generator."""

    scores: tuple[Score, ...]
    samples: int
    reference: int
    """Pictures of the data that everything was compared with."""
    size: tuple[int, int]
    """Height and width at which everything was compared."""
    seen_as: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """What a generator made: (N, C, H, W), linear radiance, metres, or sRGB codes in [0, 1].

    `edges_m`: for tiles, the greatest difference of heights on the edges that neighbours share.
    """

    data: Array
    edges_m: float | None = None


def embedder(cache: Path) -> Embed:
    """The network that looks; fetches its weights where they are not in the cache."""
    network = Embedding(cache).eval()

    def embed(codes: Array) -> Features:
        with torch.inference_mode():
            features: Features = network(torch.from_numpy(codes) * 2 - 1).double().numpy()
        return features

    return embed


def judge(
    made: Made,
    data: Dataset,
    embed: Embed,
    seed: int = 0,
    sheet: Path | None = None,
    looked_at: Callable[[int, int], None] = lambda done, total: None,
) -> Verdict:
    """Compare what was made with the data; with `sheet`, also draw a contact sheet.

    `looked_at`: told how many pictures the network has seen, of how many.

    Raises:
        DatasetError: the data has too few pictures to be halved.
    """
    kind = data.about.kind
    reference, other = (half[: len(made.data)] for half in _halves(data, seed))
    count = min(len(made.data), len(other))
    size = _common(made.data, data)
    rng = np.random.default_rng(seed)
    sets = {
        "reference": _stored(data, reference),
        "ceiling": _stored(data, other[:count]),
        "made": made.data[:count],
    }
    sets["floor"] = _noise(sets["reference"], count, rng)
    native = {name: _codes(kind, pictures) for name, pictures in sets.items()}
    looked = shapes.described(sets) if kind == "mesh" else _seen(kind, native, size, embed, looked_at)
    if sheet is not None:
        _draw(native, looked, sheet)
    scores = [*_of_features(looked), *_of_seams(kind, native, made)]
    if kind == "heightfield":
        scores.append(_steepness(sets))
    warnings = [*_warnings(count, len(reference), made, data, size), *_mute(scores)]
    return Verdict(
        scores=tuple(scores),
        samples=count,
        reference=len(reference),
        size=size,
        seen_as=_SEEN_AS[kind],
        warnings=tuple(warnings),
    )


_SEEN_AS: dict[Kind, str] = {
    "picture": "sRGB",
    "texture": "sRGB of the albedo",
    "panorama": "radiance x as sRGB of x / (1 + x)",
    "heightfield": "relief lit from the north-west, slopes measured by each set's own median",
    "mesh": shapes.SEEN_AS,
}


# --- what is compared -------------------------------------------------------------------------------------


def _halves(data: Dataset, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Two halves that share no file, in random order."""
    files = sorted({item.file for item in data.about.items})
    rng = np.random.default_rng(seed)
    drawn = {files[k]: place for place, k in enumerate(rng.permutation(len(files)))}
    order = rng.permutation(len(data.about.items))
    first = [i for i in order if drawn[data.about.items[i].file] < len(files) // 2]
    second = [i for i in order if drawn[data.about.items[i].file] >= len(files) // 2]
    if min(len(first), len(second)) < FEWEST:
        raise DatasetError(
            f"{data.folder}: has {len(data.about.items)} items from {len(files)} files, at least {2 * FEWEST} of "
            "each were expected, to be halved; prepare a larger dataset"
        )
    return np.array(first, np.int64), np.array(second, np.int64)


def _stored(data: Dataset, chosen: npt.NDArray[np.int64]) -> Array:
    if data.about.kind == "mesh":
        return np.stack([shapes.again(np.array(body)) for body in data.data[np.sort(chosen)]])
    scale = np.float32(255 if data.data.dtype == np.uint8 else 1)
    return np.asarray(data.data[np.sort(chosen)], np.float32) / scale


def _noise(like: Array, count: int, rng: np.random.Generator) -> Array:
    """Independent values that are distributed as those of the data."""
    drawn = rng.integers(0, like.size // like.shape[1], (count, *like.shape[2:]))
    values = like.transpose(0, 2, 3, 1).reshape(-1, like.shape[1])[drawn]
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def _common(made: Array, data: Dataset) -> tuple[int, int]:
    """The smaller of the two sizes: nothing is judged by detail that the other can't have."""
    _, height, width = data.about.shape
    return min(height, made.shape[2]), min(width, made.shape[3])


def _codes(kind: Kind, pictures: Array) -> Array:
    """(N, 3, H, W) sRGB codes in [0, 1]."""
    if kind == "mesh":
        return np.stack([shaded(body) for body in pictures])
    if kind == "panorama":
        light = np.maximum(pictures, 0)
        pictures = srgb_from_linear(light / (1 + light))
    elif kind == "heightfield":
        steepness = _slope(pictures)
        pictures = np.stack([contact.relief(heights[0], steepness) for heights in pictures])[:, None]
    if pictures.shape[1] == 1:
        pictures = np.repeat(pictures, 3, 1)
    return np.clip(pictures[:, :3], 0, 1).astype(np.float32)


def _seen(
    kind: Kind,
    native: dict[str, Array],
    size: tuple[int, int],
    embed: Embed,
    looked_at: Callable[[int, int], None],
) -> dict[str, Features]:
    """The features of every set, a batch at a time."""
    done, total = 0, sum(len(codes) for codes in native.values())
    found: dict[str, list[Features]] = {name: [] for name in native}
    for name, codes in native.items():
        for start in range(0, len(codes), BATCH):
            batch = codes[start : start + BATCH]
            found[name].append(embed(_looked_at(kind, batch, size)))
            done += len(batch)
            looked_at(done, total)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _looked_at(kind: Kind, codes: Array, size: tuple[int, int]) -> Array:
    """At the common size, then at that of the network."""
    wraps = (kind == "texture", kind in ("texture", "panorama"))
    most = (160, 320) if kind == "panorama" else (SEEN_PX, SEEN_PX)
    small = (min(size[0], most[0]), min(size[1], most[1]))
    found = [resized(picture.transpose(1, 2, 0), *small, "area", wraps).transpose(2, 0, 1) for picture in codes]
    enlarged = F.interpolate(torch.from_numpy(np.stack(found)), most, mode="bilinear", align_corners=False)
    looked: Array = enlarged.numpy()
    return looked


def _slope(heights: Array) -> float:
    """The median difference of neighbours."""
    south, east = np.gradient(heights[:, 0], axis=(1, 2))
    return float(np.median(np.hypot(south, east)))


# --- the numbers ------------------------------------------------------------------------------------------


def _of_features(looked: dict[str, Features]) -> list[Score]:
    real = looked["reference"]

    def score(
        name: str,
        told: str,
        better: Literal["lower", "higher", "as the ceiling"],
        of: Callable[[Features], float],
    ) -> Score:
        return Score(name, of(looked["made"]), of(looked["ceiling"]), of(looked["floor"]), better, told)

    return [
        score("frechet", "Fréchet distance of features", "lower", partial(frechet, real)),
        score("kernel", "kernel distance of features, unbiased", "lower", partial(kernel, real)),
        score("precision", "share that lies among real ones", "higher", lambda f: coverage(real, f).precision),
        score("recall", "share of real ones it reaches", "higher", lambda f: coverage(real, f).recall),
        score("diversity", "mean distance of two of them", "as the ceiling", diversity),
    ]


def _of_seams(kind: Kind, native: dict[str, Array], made: Made) -> list[Score]:
    found = []
    if kind in ("texture", "panorama"):
        over = partial(seams.wrap, down=kind == "texture")
        floor = over(seams.cut(native["ceiling"]))
        told = "step over the edge by the mean step inside; floor: the data cut to three quarters"
        found.append(Score("seam", over(native["made"]), over(native["ceiling"]), floor, "as the ceiling", told))
    if kind == "panorama":
        of = seams.pinch
        told = "step round the zenith by that at 45°"
        found.append(Score("pinch", of(native["made"]), of(native["ceiling"]), of(native["floor"]), "lower", told))
    if made.edges_m is not None:
        told = "greatest difference on shared edges, metres; floor: the heights' spread"
        found.append(Score("edges", made.edges_m, 0.0, float(np.std(made.data)), "lower", told))
    return found


def _steepness(sets: dict[str, Array]) -> Score:
    made, ceiling, floor = (_slope(sets[name]) for name in ("made", "ceiling", "floor"))
    return Score("slope", made, ceiling, floor, "as the ceiling", "median step of neighbouring samples, metres")


def _warnings(count: int, reference: int, made: Made, data: Dataset, size: tuple[int, int]) -> Sequence[str]:
    found = []
    if min(count, reference) < FEW:
        found.append(
            f"{count} samples beside {reference} pictures are few, {FEW} of each or more were expected: read "
            "every number only beside its ceiling, and make the dataset larger if you can"
        )
    elif len(made.data) > count:
        found.append(f"{len(made.data) - count} samples were not used: half of the data has {count} pictures")
    sizes = {made.data.shape[2:], data.about.shape[1:]}
    if len(sizes) > 1:
        found.append(f"samples and data differ in size; both are compared at {size[0]}×{size[1]}")
    return found


def _mute(scores: Sequence[Score]) -> list[str]:
    """Scores that tell nothing of this data, since noise does as well."""
    return [
        f"{score.name} tells nothing here: noise scores {score.floor:.3g}, the data itself {score.ceiling:.3g}"
        for score in scores
        if score.name in ("precision", "recall") and score.floor >= score.ceiling - 0.1
    ]


# --- the sheet --------------------------------------------------------------------------------------------


def _draw(native: dict[str, Array], looked: dict[str, Features], path: Path) -> None:
    """What was made, each above the picture of the data that is nearest to it; then other pictures of the data."""
    real = np.concatenate([native["reference"], native["ceiling"]])
    features = np.concatenate([looked["reference"], looked["ceiling"]])
    count = min(32, len(native["made"]))
    near = nearest(looked["made"][:count], features)
    contact.save(contact.above_nearest(native["made"][:count], real, near), path)

"""Datasets and recipes that are small enough for a test."""

from pathlib import Path
from typing import Any

import numpy as np

from vrgen.training.dataset import Dataset, Kind, described, write

RECIPE = """
[data]
folder = "set"
[model]
family = "{family}"
latent = 8
features = 4
condition = "{condition}"
[train]
steps = {steps}
batch = {batch}
threads = 1
save_every = {save_every}
show_every = 1000
{train}
[watch]
every = 5
{watch}
[export]
name = "tiny"
{export}
"""


def pictures(
    folder: Path,
    kind: Kind = "picture",
    shape: tuple[int, int, int] = (3, 16, 16),
    count: int = 40,
    channels: tuple[str, ...] | None = None,
    labelled: bool = False,
) -> Dataset:
    """Blobs of a random colour and place, seeded."""
    rng = np.random.default_rng(0)
    depth, height, width = shape
    rows, columns = np.mgrid[0:height, 0:width] / [[[height]], [[width]]]
    data: Any = np.empty((count, *shape), np.float32)
    for entry in data:
        row, column = rng.random(2)
        blob = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) * 20)
        entry[:] = rng.random((depth, 1, 1)) * blob
    if kind == "panorama":
        data = (data * 4.0).astype(np.float16)
    elif kind in ("picture", "texture"):
        data = (data * 255.0).astype(np.uint8)
    else:
        data = data * 20.0
    names = channels or (("grey",) if depth == 1 else ("r", "g", "b")[:depth])
    labels = ["ab"[n % 2] for n in range(count)] if labelled else ()
    about = described("blobs", kind, data, channels=names, source="made here", licence="CC0-1.0", labels=labels)
    return write(folder, about, data)


def recipe(
    folder: Path,
    family: str = "dcgan",
    condition: str = "none",
    steps: int = 6,
    batch: int = 8,
    save_every: int = 1000,
    train: str = "",
    watch: str = "after = 100000",
    export: str = "",
) -> Path:
    """A recipe beside the dataset `set`."""
    path = folder / "tiny.toml"
    path.write_text(
        RECIPE.format(
            family=family,
            condition=condition,
            steps=steps,
            batch=batch,
            save_every=save_every,
            train=train,
            watch=watch,
            export=export,
        ),
        encoding="utf-8",
    )
    return path

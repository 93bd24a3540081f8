"""A prepared dataset on disk: `dataset.json` says what is in it, `data.npy` holds the numbers.

`data.npy` is (N, C, H, W) and is mapped into memory, so that a set larger than memory can be trained on. What
the numbers are follows from their type: uint8 are sRGB colours (0 to 255), float16 linear radiance, float32
metres (heights) or whatever the kind says (meshes).
"""

import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import torch
from msgspec import Meta
from numpy.typing import NDArray
from torch import Tensor

from vrgen.errors import VrgenError
from vrgen.schema import explain

Kind = Literal["picture", "panorama", "texture", "heightfield", "mesh"]
Conditioning = Literal["none", "labels", "text", "sliders"]
Indices = NDArray[np.int64]
Side = Annotated[int, Meta(ge=1)]

ABOUT, DATA, TEXT, SLIDERS = "dataset.json", "data.npy", "text.npy", "sliders.npy"
DARKEST, BRIGHTEST = 1e-3, 1e3
"""Added to a radiance before its logarithm is taken, and the most that is seen of it: 0 becomes -1, 1000 1."""


class DatasetError(VrgenError):
    """A folder that is no dataset, or one that can't be trained on."""


class Item(msgspec.Struct, frozen=True):
    """One picture (or crop of one) or mesh: where it came from and which half of the set it is in."""

    index: int
    file: str
    sha256: str
    source: str
    licence: str
    split: Literal["train", "heldout"]
    label: str | None = None
    text: str | None = None
    mended: str = ""
    """What was done to a mesh that was not whole, in words."""
    apart: float | None = None
    """How far the surface of a mesh and what is learned of it lie apart, in mean, of its largest side."""


class Skipped(msgspec.Struct, frozen=True):
    """A file that was left out, and why."""

    file: str
    why: str


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What `dataset.json` says; keys that are not listed here are another tool's."""

    vrgen_dataset: Literal[1] = 1
    name: str
    kind: Kind
    shape: tuple[Side, Side, Side]
    channels: tuple[str, ...]
    items: tuple[Item, ...]
    skipped: tuple[Skipped, ...] = ()
    labels: tuple[str, ...] = ()
    encoder: str = ""
    """Which text encoder made `text.npy` (N, D) float32."""
    sliders: tuple[str, ...] = ()
    """Names of the columns of `sliders.npy` (N, K) float32 in [0, 1]."""


@dataclass(frozen=True)
class Dataset:
    """An opened dataset; `train` and `heldout` are indices of `data`."""

    folder: Path
    about: About
    data: NDArray[Any]
    train: Indices
    heldout: Indices

    @staticmethod
    def open(folder: Path) -> "Dataset":
        """Read what lies in `folder`.

        Raises:
            DatasetError: it is no dataset, is damaged, or holds nothing to train on.
        """
        about = _about(folder)
        data = _mapped(folder / DATA)
        wanted = (len(about.items), *about.shape)
        if tuple(data.shape) != wanted:
            raise DatasetError(
                f"{folder / DATA}: holds {tuple(data.shape)}, {ABOUT} says {wanted}; prepare the dataset again"
            )
        splits = {
            split: [item.index for item in about.items if item.split == split] for split in ("train", "heldout")
        }
        for item in about.items:
            if not 0 <= item.index < len(data):
                raise DatasetError(
                    f"{folder / ABOUT}: item '{item.file}' has the index {item.index}, expected 0 to "
                    f"{len(data) - 1}; prepare the dataset again"
                )
        train, heldout = (np.array(splits[split], dtype=np.int64) for split in ("train", "heldout"))
        if len(train) == 0:
            why = f" ({len(about.skipped)} files were skipped)" if about.skipped else ""
            raise DatasetError(
                f"{folder}: has nothing to train on{why}; prepare it from a folder with more pictures"
            )
        return Dataset(folder, about, data, train, heldout)

    def batch(self, indices: Indices) -> Tensor:
        """(B, C, H, W) float32: colours and radiance in [-1, 1], everything else as it is stored."""
        return as_trained(self.data[indices])

    def conditions(self, how: Conditioning) -> NDArray[np.float32]:
        """(N, D) that steer a maker: one-hot labels, text embeddings, or sliders in [0, 1]; D is 0 for none.

        Raises:
            DatasetError: the dataset has nothing of the kind.
        """
        match how:
            case "none":
                return np.zeros((len(self.data), 0), np.float32)
            case "labels":
                return self._one_hot()
            case "text":
                return self._beside(TEXT, "text embeddings", "'vrgen dataset' writes them for files with a text")
            case "sliders":
                return self._beside(SLIDERS, "sliders", "measure some, or train without them")

    def _one_hot(self) -> NDArray[np.float32]:
        labels = self.about.labels
        unlabelled = [item.file for item in self.about.items if item.label not in labels]
        if unlabelled or len(labels) < 2:
            raise DatasetError(
                f"{self.folder}: has {len(labels)} labels and {len(unlabelled)} pictures without one, a label for "
                'each picture was expected; sort the pictures into folders, or set model.condition to "none"'
            )
        places = {label: place for place, label in enumerate(labels)}
        found = np.zeros((len(self.data), len(labels)), np.float32)
        for item in self.about.items:
            found[item.index, places[str(item.label)]] = 1.0
        return found

    def _beside(self, name: str, what: str, remedy: str) -> NDArray[np.float32]:
        if not (self.folder / name).is_file():
            raise DatasetError(f"{self.folder}: has no {what} ({name}); {remedy}")
        found: NDArray[np.float32] = np.asarray(_mapped(self.folder / name), np.float32)
        if found.ndim != 2 or len(found) != len(self.data):
            raise DatasetError(
                f"{self.folder / name}: holds {tuple(found.shape)}, expected ({len(self.data)}, D); "
                "prepare the dataset again"
            )
        return found


def as_trained(stored: NDArray[Any]) -> Tensor:
    """What a network sees of stored numbers: uint8 and float16 (radiance) in [-1, 1], float32 as it is."""
    if stored.dtype == np.uint8:
        return torch.from_numpy(stored).float().div_(127.5).sub_(1.0)
    if stored.dtype == np.float16:
        return torch.log10(torch.from_numpy(stored.astype(np.float32)).clamp(0.0, BRIGHTEST) + DARKEST) / 3.0
    return torch.from_numpy(np.array(stored, dtype=np.float32))


def radiance(seen: Tensor) -> Tensor:
    """Back from what a network sees to linear radiance."""
    return (torch.pow(10.0, seen * 3.0) - DARKEST).clamp_min(0.0)


def write(folder: Path, about: About, data: NDArray[Any]) -> Dataset:
    """Write a dataset that fits into memory, and open it."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = io.BytesIO()
    np.save(numbers, data)
    text = json.dumps(msgspec.to_builtins(about), indent=1, ensure_ascii=False) + "\n"
    for name, content in ((DATA, numbers.getvalue()), (ABOUT, text.encode())):
        partial = folder / f".{name}.{os.getpid()}"  # another process may be writing the same
        partial.write_bytes(content)
        partial.replace(folder / name)
    return Dataset.open(folder)


def described(
    name: str,
    kind: Kind,
    data: NDArray[Any],
    *,
    channels: Sequence[str],
    source: str,
    licence: str,
    labels: Sequence[str] = (),
    heldout_every: int = 10,
) -> About:
    """What `dataset.json` says of an array whose entries come from one source each; every tenth is held out.

    `labels`: one for each entry, or none.
    """
    items = tuple(
        Item(
            index=index,
            file=f"{source}#{index}",
            sha256=hashlib.sha256(entry.tobytes()).hexdigest(),
            source=source,
            licence=licence,
            split="heldout" if index % heldout_every == heldout_every - 1 else "train",
            label=labels[index] if labels else None,
        )
        for index, entry in enumerate(data)
    )
    _, channel_count, height, width = data.shape
    return About(
        name=name,
        kind=kind,
        shape=(channel_count, height, width),
        channels=tuple(channels),
        items=items,
        labels=tuple(sorted(set(labels))),
    )


def _about(folder: Path) -> About:
    path = folder / ABOUT
    if not folder.is_dir():
        raise DatasetError(
            f"{folder}: there is no such folder, a dataset was expected; prepare one with 'vrgen dataset'"
        )
    if not path.is_file():
        raise DatasetError(f"{folder}: has no {ABOUT}; prepare a dataset from its pictures with 'vrgen dataset'")
    try:
        raw = msgspec.json.decode(path.read_bytes())
        return msgspec.convert(raw, About)
    except msgspec.ValidationError as error:
        raise DatasetError(f"{path}: {explain(raw, About, error, 'dataset.json')}") from error
    except msgspec.DecodeError as error:
        raise DatasetError(f"{path}: is no valid JSON ({error}); prepare the dataset again") from error
    except OSError as error:
        raise DatasetError(f"{path}: can't be read ({error.strerror}); check its permissions") from error


def _mapped(path: Path) -> NDArray[Any]:
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return found
    except FileNotFoundError:
        raise DatasetError(f"{path}: is not there; prepare the dataset again") from None
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{path}: is damaged ({error}); prepare the dataset again") from error

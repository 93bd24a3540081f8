"""A dataset on the disk: a folder with `dataset.json` (what is in it, from where) and `data.npy` (the pictures).

`data.npy` is (N, C, H, W), memory-mapped when it is read: uint8 sRGB for pictures and textures, float16 linear
radiance for panoramas, float32 metres for heightfields. Crops of one picture are all in one split.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from vrgen.errors import UsageError, VrgenError

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["picture", "panorama", "texture", "heightfield"]
Split = Literal["train", "heldout"]
Pixels = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]

DTYPES: dict[Kind, type[np.generic]] = {
    "picture": np.uint8,
    "texture": np.uint8,
    "panorama": np.float16,
    "heightfield": np.float32,
}
DARKEST, STOPS = 2.0**-8, 18.0
"""Radiance is coded by its logarithm: from 0 (-1) over 1 (-0.11) to 1024 (+1)."""


class DatasetError(VrgenError):
    """A dataset that can't be made or read."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the data: which file it was cut from, and what may be done with it."""

    index: int
    file: str
    sha256: str
    """Of the file, not of the crop."""
    source: str
    licence: str
    split: Split
    label: str | None = None
    text: str | None = None


class Skipped(msgspec.Struct, frozen=True):
    """A file that was not used."""

    file: str
    why: str


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """What `dataset.json` says."""

    vrgen_dataset: Literal[1] = 1
    name: str
    kind: Kind
    shape: Annotated[tuple[int, ...], Meta(min_length=3, max_length=3)]
    """Channels, height, width."""
    channels: tuple[str, ...]
    items: tuple[Item, ...]
    skipped: tuple[Skipped, ...] = ()
    labels: tuple[str, ...] = ()
    wraps: bool = False
    """Whether the pictures were made to go on at their opposite edge."""


@dataclass(frozen=True)
class Dataset:
    """An opened dataset."""

    folder: Path
    info: Info
    data: Pixels
    """(N, C, H, W), read-only, on the disk until it is touched."""

    @staticmethod
    def open(folder: Path) -> Dataset:
        """Open a dataset that `vrgen dataset` made.

        Raises:
            UsageError: there is no such folder, or it holds no dataset. DatasetError: it is damaged.
        """
        path = folder / "dataset.json"
        if not folder.is_dir():
            raise UsageError(f"{folder}: there is no such folder; make a dataset there with vrgen dataset")
        if not path.is_file():
            raise UsageError(
                f"{folder}: holds no dataset.json; name a folder that vrgen dataset has made, "
                f"or make one: vrgen dataset {folder} -o OUT --kind picture --size 64"
            )
        try:
            info = msgspec.json.decode(path.read_bytes(), type=Info)
        except msgspec.DecodeError as error:  # wrong JSON and wrong content alike
            raise DatasetError(
                f"{path}: is no dataset of version 1 ({error}); make it again with vrgen dataset"
            ) from error
        try:
            data = np.load(folder / "data.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DatasetError(
                f"{folder / 'data.npy'}: can't be read ({error}); make it again with vrgen dataset"
            ) from error
        wanted = (len(info.items), *info.shape)
        if data.shape != wanted or data.dtype != DTYPES[info.kind]:
            raise DatasetError(
                f"{folder / 'data.npy'}: is {data.dtype} {data.shape}, dataset.json says "
                f"{np.dtype(DTYPES[info.kind])} {wanted}; make it again with vrgen dataset"
            )
        return Dataset(folder, info, data)

    def __len__(self) -> int:
        return len(self.info.items)

    @cached_property
    def train(self) -> Indices:
        """Indices of what may be learned from."""
        return self._of("train")

    @cached_property
    def heldout(self) -> Indices:
        """Indices of what is kept for judging."""
        return self._of("heldout")

    def _of(self, split: Split) -> Indices:
        return np.array([item.index for item in self.info.items if item.split == split], np.int64)

    @cached_property
    def labels(self) -> Indices:
        """(N,) the number of each item's label in `info.labels`; -1 without one."""
        numbers = {label: number for number, label in enumerate(self.info.labels)}
        return np.array([numbers.get(item.label or "", -1) for item in self.info.items], np.int64)

    @cached_property
    def scale_m(self) -> float:
        """The height above a window's mean that `batch` makes 1: only a thousandth of the samples is higher."""
        chosen = self.train[:: max(1, len(self.train) // 512)]
        windows = np.asarray(self.data[chosen], np.float32)
        above = np.abs(windows - windows.mean((-2, -1), keepdims=True))
        return max(float(np.quantile(above, 0.999)), 1e-6)

    def batch(self, indices: npt.ArrayLike) -> Tensor:
        """(B, C, H, W) float32 in [-1, 1].

        Pictures and textures are sRGB; panoramas the logarithm of radiance (`radiance` undoes it); heightfields
        metres above the window's mean by `scale_m`, cut at -1 and 1.
        """
        import torch

        chosen = np.asarray(indices, np.int64)
        if self.info.kind == "heightfield":
            heights = np.asarray(self.data[chosen], np.float32)
            above = heights - heights.mean((-2, -1), keepdims=True)
            return torch.from_numpy(np.clip(above / self.scale_m, -1, 1).astype(np.float32))
        if self.info.kind == "panorama":
            light = torch.from_numpy(np.asarray(self.data[chosen], np.float32))
            return ((light + DARKEST).log2() + 8.0).mul_(2 / STOPS).sub_(1.0).clamp_(-1.0, 1.0)
        return torch.from_numpy(self.data[chosen]).float().mul_(2 / 255).sub_(1.0)


def radiance(coded: Tensor) -> Tensor:
    """Linear radiance of what `Dataset.batch` gives for panoramas, and what a generator makes like it."""
    return ((coded + 1.0) * (STOPS / 2) - 8.0).exp2().sub(DARKEST).clamp(min=0.0)


class Writer:
    """Writes a dataset beside its place and moves it there when it is whole; leaves nothing otherwise.

    `shape` is that of one item (C, H, W). Items come in any number, hence the file grows.
    """

    def __init__(self, out: Path, kind: Kind, shape: tuple[int, int, int]) -> None:
        self.out = out
        self.kind: Kind = kind
        self.shape = shape
        self.count = 0
        self._partial = out.absolute().with_name(f".{out.name}.{os.getpid()}.partial")
        self._file: io.BufferedWriter | None = None

    def __enter__(self) -> Self:
        """Raises UsageError when `out` exists, DatasetError when nothing can be written there."""
        if self.out.exists():
            raise UsageError(f"{self.out}: exists already; name another folder after -o, or remove it first")
        try:
            self._partial.mkdir(parents=True)
            self._file = (self._partial / "data.npy").open("wb")
            self._file.write(self._header(0))
        except OSError as error:
            self._discard()
            raise self._unwritten(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._discard()

    def append(self, pixels: Pixels) -> int:
        """Add one item (C, H, W) of the kind's dtype; return its index.

        Raises:
            DatasetError: the disk is full.
        """
        assert self._file is not None and pixels.shape == self.shape and pixels.dtype == DTYPES[self.kind]
        try:
            self._file.write(np.ascontiguousarray(pixels).tobytes())
        except OSError as error:
            raise self._unwritten(error) from error
        self.count += 1
        return self.count - 1

    def finish(self, info: Info) -> None:
        """Sync everything to the disk and move the folder to its place.

        Raises:
            DatasetError: the disk is full, or the place can't be written.
        """
        assert self._file is not None and len(info.items) == self.count
        try:
            self._file.seek(0)
            self._file.write(self._header(self.count))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            with (self._partial / "dataset.json").open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(info), indent=1))
                file.flush()
                os.fsync(file.fileno())
            self._partial.rename(self.out)
        except OSError as error:
            raise self._unwritten(error) from error

    def _header(self, count: int) -> bytes:
        """The header of `data.npy`; numpy leaves room in it for the number to grow."""
        made = io.BytesIO()
        described = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(DTYPES[self.kind])),
            "fortran_order": False,
            "shape": (count, *self.shape),
        }
        np.lib.format.write_array_header_1_0(made, described)
        return made.getvalue()

    def _discard(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError:  # what a full disk has not taken yet; the file goes away
                self._file.raw.close()
        shutil.rmtree(self._partial, ignore_errors=True)

    def _unwritten(self, error: OSError) -> DatasetError:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = f"there is no room after {self.count} items" if full else (error.strerror or str(error))
        remedy = "free some or name another place after -o" if full else "name another place after -o"
        return DatasetError(f"{self.out}: can't be written ({why}); {remedy}")


def by_split(items: Sequence[Item]) -> dict[Split, int]:
    """How many items each split has."""
    return {split: sum(item.split == split for item in items) for split in ("train", "heldout")}

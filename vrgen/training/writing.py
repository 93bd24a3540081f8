"""Writing a dataset that may be larger than memory: whole and at its place, or not at all."""

from __future__ import annotations

import errno
import io
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt

from vrgen.errors import UsageError
from vrgen.training.dataset import ABOUT, DATA, TEXT, About, DatasetError, Kind

Pixels = npt.NDArray[Any]

DTYPES: dict[Kind, type[np.generic]] = {
    "picture": np.uint8,
    "texture": np.uint8,
    "panorama": np.float16,
    "heightfield": np.float32,
    "mesh": np.float32,
}


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
            self._file = (self._partial / DATA).open("wb")
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

    def finish(self, about: About, texts: npt.NDArray[np.float32] | None = None) -> None:
        """Sync everything to the disk and move the folder to its place. `texts`: (N, D), one embedding an item.

        Raises:
            DatasetError: the disk is full, or the place can't be written.
        """
        assert self._file is not None and len(about.items) == self.count
        try:
            self._file.seek(0)
            self._file.write(self._header(self.count))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if texts is not None:
                with (self._partial / TEXT).open("wb") as file:
                    np.save(file, texts)
                    file.flush()
                    os.fsync(file.fileno())
            with (self._partial / ABOUT).open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(about), indent=1))
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

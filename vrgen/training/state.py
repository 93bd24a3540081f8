"""A run's state on disk: written under a temporary name, synced, renamed; never half there."""

import errno
import io
import os
from pathlib import Path
from typing import Any

import torch

from vrgen.errors import VrgenError

State = dict[str, Any]
"""Tensors, numbers, texts, and dictionaries and lists of them."""


class StateError(VrgenError):
    """A state that can't be written, read, or belongs to another run."""


def write_whole(path: Path, content: bytes) -> None:
    """Replace `path` by `content`, or leave it as it was.

    Raises:
        StateError: the disk is full, or the folder can't be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = f"there is no room for {len(content) / 1e6:.1f} MB" if full else error.strerror
        kept = f"; the last one of {path.name} is intact" if path.exists() else ""
        remedy = "free some, then go on with --resume" if full else "make the folder writable, then use --resume"
        raise StateError(f"{path}: can't be written ({why}){kept}; {remedy}") from error


def _sync_folder(folder: Path) -> None:
    """The new name is on the disk too (POSIX; Windows has no such call)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def save(path: Path, state: State) -> None:
    """Write a state whole.

    Raises:
        StateError: it can't be written.
    """
    content = io.BytesIO()
    torch.save(state, content)  # into memory first: torch reports a full disk as a broken archive
    write_whole(path, content.getvalue())


def load(path: Path) -> State:
    """Read a state.

    Raises:
        StateError: it is damaged.
    """
    try:
        state: State = torch.load(path, map_location="cpu", weights_only=True)
        return state
    except Exception as error:  # torch raises many kinds for a damaged archive
        raise StateError(
            f"{path}: is damaged ({str(error).splitlines()[0]}); "
            "copy good.pt of the same folder over it, or begin anew"
        ) from error


def require_same(path: Path, saved: dict[str, object], wanted: dict[str, object]) -> None:
    """Refuse a state of another model.

    Raises:
        StateError: the first difference.
    """
    for key, value in wanted.items():
        if saved.get(key) != value:
            raise StateError(
                f"{path}: is the state of another run, {key} is {saved.get(key)} there and {value} in the recipe; "
                "correct the recipe, or name another --out"
            )

"""A person's own folder as candidates of a dataset."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from vrgen.errors import UsageError
from vrgen.training.bodies import APART, OPEN, measured
from vrgen.training.dataset import Kind
from vrgen.training.mesh_files import FOREIGN, MESH_FORMATS, MESHES, Up, read_surface
from vrgen.training.preparing import Candidate, Found
from vrgen.training.reading import (
    FORMATS,
    HEIGHT_FORMATS,
    Unreadable,
    is_candidate,
    read_heights,
    read_picture,
)

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Folder:
    """A folder of files and what their names say."""

    path: Path
    kind: Kind
    labels: Literal["folder"] | None = None
    """folder: the first folder below `path` is the label."""
    text: Literal["filename", "sidecar"] | None = None
    """filename: its words. sidecar: what stands in the file of the same name that ends in .txt."""
    licence: str = UNKNOWN
    unit_m: float = 1.0
    """For heights in pictures: the metres of one step."""
    up: Up = "y"
    """For meshes: the axis that points up."""
    most_apart: float = APART
    most_open: float = OPEN
    """For meshes: what `bodies.measured` lets through."""


def candidates(folder: Folder) -> list[Candidate]:
    """Every file under the folder that looks like a picture (or heights, or a mesh), by name.

    Raises:
        UsageError: there is no such folder, or no such file in it.
    """
    if not folder.path.is_dir():
        what = "is a file" if folder.path.exists() else "there is no such folder"
        raise UsageError(f"{folder.path}: {what}, a folder of files was expected; check the path")
    paths = []
    for here, folders, names in os.walk(folder.path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths += [Path(here) / name for name in names if not name.startswith(".")]
    found = sorted(path for path in paths if _looks_like(path, folder.kind))
    if not found:
        holds = f"{len(paths)} files and none is" if paths else "no files, expected"
        others: dict[Kind, int] = {
            kind: sum(_looks_like(path, kind) for path in paths) for kind in ("picture", "heightfield", "mesh")
        }
        kind = max(others, key=lambda kind: others[kind])
        remedy = (
            f"{others[kind]} would be read with --kind {kind}" if others[kind] else "name a folder that has some"
        )
        raise UsageError(f"{folder.path}: holds {holds} {_WANTED.get(folder.kind, _PICTURE)}; {remedy}")
    return [_candidate(path, folder) for path in found]


_PICTURE = f"a picture ({FORMATS})"
_WANTED: dict[Kind, str] = {"heightfield": f"heights ({HEIGHT_FORMATS})", "mesh": f"a mesh ({MESH_FORMATS})"}


def _looks_like(path: Path, kind: Kind) -> bool:
    if kind == "mesh":
        return path.suffix.lower() in (*MESHES, *FOREIGN)
    return is_candidate(path, kind == "heightfield")


def _candidate(path: Path, folder: Folder) -> Candidate:
    within = path.relative_to(folder.path)
    label, text = None, None
    read: Callable[[], Found] = partial(_read, path, folder)
    if folder.labels == "folder":
        label = within.parts[0] if len(within.parts) > 1 else None
        if label is None:
            read = partial(
                _refuse,
                "lies in no folder that could be its label",
                "without a label",
                "sort them into folders, or leave --labels out",
            )
    if folder.text == "filename":
        text = words(path.stem)
    elif folder.text == "sidecar":
        beside = path.with_suffix(".txt")
        if beside.is_file():
            text = " ".join(beside.read_text(encoding="utf-8", errors="replace").split())
        else:
            read = partial(
                _refuse,
                f"has no {beside.name} beside it that says what it shows",
                "without a text",
                "write them, or leave --text out",
            )
    return Candidate(
        file=within.as_posix(),
        read=read,
        source=folder.path.absolute().name,
        licence=folder.licence,
        label=label,
        text=text,
    )


def words(stem: str) -> str:
    """The words of a file's name: `desertSand_dunes-02` is "desert sand dunes"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem)
    return " ".join(re.findall(r"[^\W\d_]{2,}", apart)).lower()


def _read(path: Path, folder: Folder) -> Found:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"can't be opened ({error.strerror})") from error
    if not content:
        raise Unreadable("is empty")
    sha256 = hashlib.sha256(content).hexdigest()
    if folder.kind == "mesh":
        return Found(sha256, measured(read_surface(path, folder.up), folder.most_apart, folder.most_open))
    if folder.kind == "heightfield":
        return Found(sha256, read_heights(content, path.suffix, folder.unit_m))
    # In a texture, alpha carries gloss or height rather than holes.
    return Found(sha256, read_picture(content, path.suffix, on_white=folder.kind == "picture"))


def _refuse(why: str, sort: str, remedy: str) -> Found:
    raise Unreadable(why, sort, remedy)

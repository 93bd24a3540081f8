"""Things of a household: the furniture that Debian packages for Sweet Home 3D, as meshes with their textures."""

from __future__ import annotations

import hashlib
import re
import tempfile
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from vrgen.training.bodies import measured
from vrgen.training.folders import words
from vrgen.training.mesh_files import read_surface
from vrgen.training.preparing import Candidate, Found
from vrgen.training.reading import Unreadable
from vrgen.training.sources import SOURCES, unpack

PACKAGE = "sweethome3d-furniture"
LIBRARIES = {
    "BlendSwap-CC-0": ("CC0-1.0", "contributors of Blend Swap"),
    "BlendSwap-CC-BY": ("CC-BY-3.0", "contributors of Blend Swap"),
    "KatorLegaz": ("CC-BY-3.0-US", "Andrew Kator & Jennifer Legaz"),
    "Scopia": ("CC-BY-3.0", "Scopia"),
}
"""Licence, and author where the catalogue names none. The people of Reallusion are left out."""


def candidates(cache: Path | None) -> Sequence[Candidate]:
    """Every OBJ of the package's libraries; which of them can be learned is found when they are read."""
    folder = unpack(PACKAGE, [f"*/{library}.sh3f" for library in LIBRARIES], cache)
    found = []
    for library, (licence, author) in LIBRARIES.items():
        archive = next(folder.rglob(f"{library}.sh3f"))
        with zipfile.ZipFile(archive) as files:
            creators = _creators(files)
            members = sorted(name for name in files.namelist() if name.lower().endswith(".obj"))
        found += [
            Candidate(
                file=f"{library}/{member}",
                read=partial(_read, archive, member),
                source=f"{SOURCES[PACKAGE]} ({creators.get(member, author)})",
                licence=licence,
                text=words(PurePosixPath(member).stem),
            )
            for member in members
        ]
    return found


def _creators(files: zipfile.ZipFile) -> dict[str, str]:
    """Who made which member, by the library's catalogue."""
    catalogue = files.read("PluginFurnitureCatalog.properties").decode("latin-1")
    said = {
        key: dict(re.findall(rf"^{key}#(\d+)=(.*?)\s*$", catalogue, re.MULTILINE)) for key in ("model", "creator")
    }
    return {
        model.lstrip("/"): said["creator"][number]
        for number, model in said["model"].items()
        if number in said["creator"]
    }


def _read(archive: Path, member: str) -> Found:
    """The mesh and what lies in its folder: materials and textures."""
    beside = f"{PurePosixPath(member).parent}/"
    with zipfile.ZipFile(archive) as files, tempfile.TemporaryDirectory() as folder:
        try:
            for name in files.namelist():
                if name.startswith(beside) and not name.endswith("/"):
                    files.extract(name, folder)
            sha256 = hashlib.sha256(files.read(member)).hexdigest()
        except zipfile.BadZipFile as error:
            raise Unreadable("is damaged in the archive", "damaged") from error
        return Found(sha256, measured(read_surface(Path(folder) / member)))

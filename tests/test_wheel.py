"""The wheel that people install: what is in it, and that it draws a world in an environment with nothing else."""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

from vrgen.resources import ASSETS, SHADERS

ROOT = Path(__file__).parent.parent


def call(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program without this environment's Python settings."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = call(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


def needed(by: Distribution, extras: set[str], found: dict[str, Distribution]) -> dict[str, Distribution]:
    """Gather in `found` what a distribution declares that it needs, and what that needs, as installed here."""
    for requirement in map(Requirement, by.requires or ()):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            there = importlib.metadata.distribution(requirement.name)
            assert requirement.specifier.contains(there.version, prereleases=True), requirement
            if found.setdefault(there.name, there) is there:
                needed(there, requirement.extras, found)
    return found


@pytest.fixture
def environment(wheel: Path, tmp_path: Path) -> Path:
    """A virtual environment with links to what the wheel declares, and nothing else."""
    folder = tmp_path / "environment"
    venv.create(folder)
    place = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    (described,) = (path for path in zipfile.Path(wheel).iterdir() if path.name.endswith(".dist-info"))
    for distribution in needed(importlib.metadata.PathDistribution(described), set(), {}).values():
        for name in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            link = place / name
            if not link.exists():  # a folder may be of several, as that of a namespace is
                link.symlink_to(Path(str(distribution.locate_file(name))))
    return folder


@pytest.mark.slow
def test_the_wheel_holds_shaders_assets_and_the_licence(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    for source, place in ((SHADERS, "vrgen/shaders"), (ASSETS, "vrgen/assets")):
        wanted = {f"{place}/{p.relative_to(source).as_posix()}" for p in source.rglob("*") if p.is_file()}
        assert wanted and not wanted - held
    assert any(name.endswith("licenses/LICENSE") for name in held)
    assert not [name for name in held if not name.startswith("vrgen")]


@pytest.mark.slow
def test_an_installed_wheel_draws_a_frame(wheel: Path, environment: Path, tmp_path: Path) -> None:
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "install", "--disable-pip-version-check"]
    installed = call(*pip, "--quiet", "--no-compile", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr

    shown = call(
        *(programs / "vrgen", "run", "gallery", "--display", "headless", "--size", "320", "180"),
        *("--settle", "--frames", "3", "--screenshot", "picture.png"),
        cwd=tmp_path,
    )
    assert shown.returncode == 0, shown.stderr
    picture = np.asarray(Image.open(tmp_path / "picture.png").convert("RGB"), np.float32)
    assert picture.shape == (180, 320, 3)
    assert picture.std(axis=(0, 1)).max() > 8, "the picture is blank"
    assert np.abs(np.diff(picture, axis=0)).max() > 8, "the picture has no edge in it"

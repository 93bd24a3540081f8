"""The wheel that people install: what is in it, and that it draws a world in an environment with nothing else."""

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vrgen.resources import ASSETS, SHADERS

ROOT = Path(__file__).parent.parent
OFFLINE = (
    "Temporary failure in name resolution",
    "Failed to establish a new connection",
    "Network is unreachable",
)


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


@pytest.fixture
def empty_environment() -> Iterator[Path]:
    """A new virtual environment, removed afterwards: with torch in it, it is not small."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        yield Path(folder)


@pytest.mark.slow
def test_the_wheel_holds_shaders_assets_and_the_licence(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    for source, place in ((SHADERS, "vrgen/shaders"), (ASSETS, "vrgen/assets")):
        wanted = {f"{place}/{p.relative_to(source).as_posix()}" for p in source.rglob("*") if p.is_file()}
        assert wanted and not wanted - held
    assert any(name.endswith("licenses/LICENSE") for name in held)
    assert not [name for name in held if not name.startswith("vrgen")]


@pytest.mark.slow
def test_an_installed_wheel_draws_a_frame(wheel: Path, empty_environment: Path, tmp_path: Path) -> None:
    programs = empty_environment / ("Scripts" if os.name == "nt" else "bin")
    pip = [programs / "python", "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-compile"]
    installed = call(*pip, "--constraint", ROOT / "constraints.txt", wheel, cwd=tmp_path)
    if installed.returncode and any(reason in installed.stderr for reason in OFFLINE):
        pytest.skip("no network to install the wheel's dependencies from")
    assert installed.returncode == 0, installed.stderr

    shown = call(
        *(programs / "vrgen", "run", "--display", "headless", "--size", "320", "180"),
        *("--settle", "--frames", "30", "--screenshot", "picture.png"),
        cwd=tmp_path,
    )
    assert shown.returncode == 0, shown.stderr
    picture = np.asarray(Image.open(tmp_path / "picture.png").convert("RGB"), np.float32)
    assert picture.shape == (180, 320, 3)
    assert picture.std(axis=(0, 1)).max() > 8, "the picture is blank"
    assert np.abs(np.diff(picture, axis=0)).max() > 8, "the picture has no edge in it"

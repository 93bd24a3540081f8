"""Pictures and films come back as they were given."""

import os
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from vrgen.display.film import Film, save_picture
from vrgen.errors import VrgenError


def picture(level: int, height: int = 48, width: int = 64) -> np.ndarray:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2] = (level, 40, 200)
    return pixels


def test_a_picture_keeps_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "shot.png"
    save_picture(picture(10), path)
    assert (np.asarray(Image.open(path)) == picture(10)).all()
    assert [p.name for p in tmp_path.iterdir()] == ["shot.png"]


@pytest.mark.parametrize("ending", [".jpg", ".JPEG", ".webp"])
def test_a_picture_is_what_its_name_says(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"shot{ending}"
    save_picture(picture(10), path)
    with Image.open(path) as kept:
        assert kept.format == {".jpg": "JPEG", ".JPEG": "JPEG", ".webp": "WEBP"}[ending]
        assert np.abs(np.asarray(kept.convert("RGB"), int)[4:20] - picture(10)[4:20]).max() < 12


def test_a_picture_without_a_place_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(VrgenError, match="choose another place"):
        save_picture(picture(10), tmp_path / "nowhere" / "shot.png")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # imageio-ffmpeg's reader
def test_a_film_has_every_picture_also_after_an_exception(tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"
    with pytest.raises(ZeroDivisionError), Film(path) as film:
        for number in range(12):
            film.add(picture(20 * number, height=49))
        raise ZeroDivisionError
    frames = imageio_ffmpeg.read_frames(str(path))
    told = next(frames)
    assert (told["source_size"], told["fps"], told["codec"]) == ((64, 48), 30.0, "h264")
    levels = [np.frombuffer(frame, np.uint8).reshape(48, 64, 3)[4, 4, 0] for frame in frames]
    assert len(levels) == 12
    assert np.abs(np.array(levels, int) - 20 * np.arange(12)).max() < 16


def test_a_film_without_a_place_or_of_another_size_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(VrgenError, match="nowhere"), Film(tmp_path / "nowhere" / "walk.mp4") as film:
        film.add(picture(0))
    with pytest.raises(VrgenError, match="resize"), Film(tmp_path / "walk.mp4") as film:
        film.add(picture(0))
        film.add(picture(0, width=80))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits on a process's files are of POSIX")
def test_a_film_that_does_not_fit_on_the_disk_is_one_sentence(tmp_path: Path) -> None:
    program = """
import resource, sys
import os
import subprocess
import sys
from pathlib import Path
import numpy as np
from vrgen.display.film import Film
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
with Film(Path(sys.argv[1])) as film:
    for seed in range(40):
        film.add(np.random.default_rng(seed).integers(0, 255, (128, 128, 3), np.uint8))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "walk.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and "VrgenError" in done.stderr and "the film can't be written" in done.stderr


def test_a_film_without_pictures_leaves_no_file(tmp_path: Path) -> None:
    with Film(tmp_path / "walk.mp4"):
        pass
    assert not list(tmp_path.iterdir())

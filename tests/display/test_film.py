"""Pictures and films come back as they were given."""

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


def test_a_film_without_pictures_leaves_no_file(tmp_path: Path) -> None:
    with Film(tmp_path / "walk.mp4"):
        pass
    assert not list(tmp_path.iterdir())

"""What the training data passes through, on pictures small enough to know the answer."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("scipy")

from vrgen.training import materials_data, sky_data, sources


def test_middle_of_a_panorama_looks_forward_and_right_is_right() -> None:
    rays = sky_data.directions()
    middle, quarter = sky_data.WIDTH // 2, sky_data.WIDTH * 3 // 4
    assert rays[sky_data.HEIGHT // 2, middle] == pytest.approx([0, 0, -1], abs=0.02)
    assert rays[sky_data.HEIGHT // 2, quarter] == pytest.approx([1, 0, 0], abs=0.02)
    assert rays[0, 0] == pytest.approx([0, 1, 0], abs=0.02)


def test_cube_faces_land_where_they_look() -> None:
    names = ("posx", "negx", "posy", "negy", "posz", "negz")
    faces = {name: np.full((8, 8, 3), index, np.float32) for index, name in enumerate(names)}
    panorama = sky_data._from_cube(faces)[..., 0]
    row, width = sky_data.HEIGHT // 2, sky_data.WIDTH
    assert panorama[row, width // 2] == names.index("posz")
    assert panorama[row, width * 3 // 4] == names.index("posx")
    assert panorama[row, width // 4] == names.index("negx")
    assert panorama[row, 0] == names.index("negz")
    assert panorama[0, 0] == names.index("posy")
    assert panorama[-1, 0] == names.index("negy")


def test_holes_are_filled_from_around_and_the_rest_is_kept() -> None:
    values = np.repeat(np.linspace(0, 1, 64, dtype=np.float32)[:, None], 128, 1)[..., None]
    known = np.ones((64, 128, 1), np.float32)
    known[30:50, 20:60] = 0
    filled = sky_data._filled(np.where(known > 0, values, -9).astype(np.float32), known)
    assert np.array_equal(filled[known > 0], values[known > 0])
    assert np.abs(filled - values).max() < 0.1


@pytest.mark.parametrize("green", [1.0, -1.0])
def test_slopes_do_not_depend_on_which_way_green_points(green: float) -> None:
    place = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    height = 0.8 * np.sin(place)[:, None] * np.sin(2 * place)[None, :]
    along = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) * 2
    down = (np.roll(height, -1, 0) - np.roll(height, 1, 0)) * 2
    normal = np.stack([-along, green * down, np.ones_like(height)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    slopes = materials_data.slopes((normal * 0.5 + 0.5).astype(np.float32))
    assert np.abs(slopes[..., 0] + along).max() < 0.01
    assert np.abs(slopes[..., 1] - down).max() < 0.01


def test_grounds_are_read_with_their_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"grass_a": 40, "grass_b": 90, "grass_a_norm": 128, "grass_a_spec": 255}
    path = tmp_path / materials_data.ARCHIVE
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as public:
        for name, grey in names.items():
            file = io.BytesIO()
            Image.new("RGB", (8, 8), (grey, grey, 255 if name.endswith("_norm") else grey)).save(file, "DDS")
            public.writestr(f"{materials_data.FOLDER}{name}.dds", file.getvalue())
    monkeypatch.setattr(materials_data, "unpack", lambda *_: tmp_path)
    monkeypatch.setattr(materials_data, "BIOMES", {"grass": ("grass_a", "grass_b < grass_a")})
    one, other = materials_data.load(tmp_path)
    assert (one.name, other.name, one.pixels.shape) == ("grass_a", "grass_b", (6, 256, 256))
    assert one.pixels[0].mean() == pytest.approx(40 / 127.5 - 1, abs=1e-3)
    assert other.pixels[0].mean() == pytest.approx(90 / 127.5 - 1, abs=1e-3)
    assert np.abs(one.pixels[3:5]).max() < 0.02  # flat
    assert np.all(other.pixels[5] == 1.0)  # as glossy as its sibling's map


def archive(folder: Path) -> sources.Source:
    """A package in the npm form, lying in the cache already."""
    (folder / "sky.txt").write_text("blue")
    with tarfile.open(folder / "pictures-1.0.0.tgz", "w:gz") as tar:
        tar.add(folder / "sky.txt", "package/sky.txt")
    digest = hashlib.sha256((folder / "pictures-1.0.0.tgz").read_bytes()).hexdigest()
    return sources.Source("npm", "pictures", "1.0.0", "pictures-1.0.0.tgz", digest)


def test_wanted_members_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sources.SOURCES, "pictures", archive(tmp_path))
    folder = sources.unpack("pictures", ["package/*.txt"], tmp_path)
    assert (folder / "package/sky.txt").read_text() == "blue"


def test_what_is_not_in_a_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sources.SOURCES, "pictures", archive(tmp_path))
    with pytest.raises(sources.SourceError, match=r"nothing in pictures-1.0.0.tgz matches 'clouds/\*'"):
        sources.unpack("pictures", ["clouds/*"], tmp_path)


def test_other_bytes_than_the_pinned_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = archive(tmp_path)
    monkeypatch.setitem(sources.SOURCES, "pictures", source)
    (tmp_path / source.filename).write_bytes(b"something else")
    with pytest.raises(sources.SourceError, match="SHA-256"):
        sources.fetch("pictures", tmp_path)


def test_an_unknown_source_lists_the_known_ones() -> None:
    with pytest.raises(sources.SourceError, match="0ad-data"):
        sources.fetch("no-such")

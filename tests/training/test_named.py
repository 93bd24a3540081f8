"""The named sources: what is chosen out of packages, without the packages."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

from vrgen.cli import main
from vrgen.training import grounds, reliefs, skies, terrain_data
from vrgen.training.cutting import Plan, from_material
from vrgen.training.dataset import Dataset
from vrgen.training.named import NAMED
from vrgen.training.reading import Material


def test_every_source_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "--source", "list"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in NAMED)


def test_an_unknown_source_and_another_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "--source", "skys", "-o", str(tmp_path / "x")]) == 2
    assert "none of skies, all-skies, grounds" in capsys.readouterr().err
    assert main(["dataset", "--source", "skies", "--kind", "texture", "-o", str(tmp_path / "x")]) == 2
    assert "holds panoramas; leave --kind out" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, label, text",
    [
        ("temp_grass_b_aut", "grass", "temperate grass autumn"),
        ("medit_cliff_greek_2", "rock", "mediterranean cliff greek"),
        ("alpine_forrestfloor_snow", "snow", "alpine forest floor snow"),
        ("desert_sand_dunes_100", "sand", "desert sand dunes"),
        ("india/forestfloor_001", "forest", "india forest floor"),
        ("medit_river_rocks_wet", "gravel", "mediterranean river rocks wet"),
        ("nubia/dirt_03", "dirt", "nubia dirt"),
        ("sudd/flora_03", "plants", "swamp flora"),
    ],
)
def test_what_a_grounds_name_says(name: str, label: str, text: str) -> None:
    assert grounds.why_not(name) is None
    assert (grounds.label(name), grounds.described(name)) == (label, text)


PAVED = ["india/paving_02", "temp_road_aut", "medit_farmland", "bridge_wood_a", "new_alpine_citytile"]
OTHER = ["medit_sea_depths", "ocean_rock_b", "whiteness", "light blue", "grid_white", "LavaTest03"]


@pytest.mark.parametrize("name", [*PAVED, *OTHER, "cliff volcanic ground"])
def test_what_is_no_natural_ground(name: str) -> None:
    assert grounds.why_not(name)


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_is_read_without_the_directory(how: int, tmp_path: Path) -> None:
    contents = {"a.txt": b"one" * 500, "folder/b.txt": bytes(range(256))}
    with zipfile.ZipFile(tmp_path / "a.zip", "w", how) as made:
        for name, content in contents.items():
            made.writestr(name, content)
    with zipfile.ZipFile(tmp_path / "a.zip") as read:
        entries = {info.filename: info for info in read.infolist()}
    assert {name: grounds._member(tmp_path / "a.zip", entry) for name, entry in entries.items()} == contents


def test_every_sky_has_words_of_its_own() -> None:
    described = (*skies.free(), *skies.SHARE_ALIKE)
    words = [each.text for each in described]
    assert len(set(words)) == len(words)
    assert len({each.sky.path for each in described}) == len(described)
    free = {each.sky.origin.licence for each in skies.free()}
    assert not any("SA" in licence for licence in free)
    assert all("SA" in each.sky.origin.licence for each in skies.SHARE_ALIKE)


def test_the_haze_below_a_sky_begins_as_its_horizon_and_becomes_even() -> None:
    horizon = np.random.default_rng(0).uniform(0, 1, (skies.WIDTH, 3)).astype(np.float32)
    haze = skies._haze(horizon)
    assert haze.shape == (skies.HEIGHT // 2, skies.WIDTH, 3)
    assert haze[0].mean() == pytest.approx(horizon.mean(), rel=1e-3)
    assert np.ptp(haze[-1], axis=0) == pytest.approx(0, abs=1e-4)


def test_land_is_held_out_by_blocks_that_share_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    earth = (1500 + 400 * rng.standard_normal((2161, 4320))).astype(np.float32)
    earth[:, :2000] = -3000  # an ocean
    monkeypatch.setattr(terrain_data, "etopo", lambda cache: earth)
    out = tmp_path / "land"
    assert main(["dataset", "--source", "earth", "-o", str(out), "--heldout", "0.2", "--stride", "64"]) == 0
    found = Dataset.open(out)
    assert found.about.shape == (1, 64, 64) and len(found.heldout) > 0
    blocks = {item.file: {i.split for i in found.about.items if i.file == item.file} for item in found.about.items}
    assert all(len(splits) == 1 for splits in blocks.values())
    sample = np.asarray(found.data[found.train[:40]])
    held = np.asarray(found.data[found.heldout[:40]])
    assert np.abs(sample[:, None] - held[None]).mean((2, 3, 4)).min() > 100
    assert (sample > 0).mean() > 0.9


def test_land_is_as_wide_as_high() -> None:
    """A round hill that is sampled by degrees at 60 degrees north is twice as wide as high; it becomes round."""
    y, x = np.mgrid[-30:30, -60:60]
    hill = np.exp(-(y**2 + (x / 2) ** 2) / 200).astype(np.float32)
    made = reliefs._as_wide_as_high(hill, 60.0)
    assert made.shape == (60, 60)
    assert made.sum(0) == pytest.approx(made.sum(1), abs=0.05 * float(made.sum(0).max()))


def test_a_material_keeps_unit_normals_and_its_roughness_when_it_is_resized() -> None:
    rng = np.random.default_rng(0)
    normal = rng.normal([0, 0, 1], 0.3, (64, 64, 3))
    normal = (normal / np.linalg.norm(normal, axis=-1, keepdims=True)).astype(np.float32)
    light, rough = np.full((64, 64, 3), 0.5, np.float32), np.full((64, 64, 1), 0.8, np.float32)
    plan = Plan("texture", 16, 16, wraps=True, maps=True)
    (made,) = from_material(Material(light, normal, rough), plan, rng)
    assert made.shape == (7, 16, 16) and plan.channels[3:] == ("nx", "ny", "nz", "roughness")
    assert np.all(made[:3] == 188) and np.all(made[6] == 204)
    found = made[3:6].astype(float) / 127.5 - 1
    assert np.linalg.norm(found, axis=0) == pytest.approx(1, abs=0.02)
    assert found[2].min() > 0.9

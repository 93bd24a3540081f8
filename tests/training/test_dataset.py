"""Datasets on the disk: what is written is what is read, whole or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from vrgen.errors import UsageError
from vrgen.training import dataset as d


def items(count: int, heldout: int = 0) -> tuple[d.Item, ...]:
    return tuple(
        d.Item(
            index=n,
            file=f"{n}.png",
            sha256="0" * 64,
            source="here",
            licence="CC0-1.0",
            split="heldout" if n < heldout else "train",
            label="ab"[n % 2],
        )
        for n in range(count)
    )


def write(out: Path, data: d.Pixels, kind: d.Kind, heldout: int = 0) -> d.Dataset:
    shape = (data.shape[1], data.shape[2], data.shape[3])
    with d.Writer(out, kind, shape) as writer:
        for pixels in data:
            writer.append(pixels)
        described = items(len(data), heldout)
        info = d.Info(
            name=out.name, kind=kind, shape=shape, channels=tuple("rgb"), items=described, labels=("a", "b")
        )
        writer.finish(info)
    return d.Dataset.open(out)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 256, (123, 3, 8, 10), np.uint8)
    opened = write(tmp_path / "set", data, "picture", heldout=20)
    assert np.array_equal(opened.data, data) and len(opened) == 123
    assert list(opened.heldout) == list(range(20)) and list(opened.train) == list(range(20, 123))
    assert list(opened.labels[:3]) == [0, 1, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_pictures_become_numbers_from_minus_one_to_one(tmp_path: Path) -> None:
    opened = write(tmp_path / "set", np.array([[[[0, 255, 51]]]], np.uint8), "picture")
    assert opened.batch([0]).flatten().tolist() == pytest.approx([-1.0, 1.0, -0.6])


def test_radiance_comes_back_from_its_code(tmp_path: Path) -> None:
    light = np.array([0.0, 1e-3, 0.18, 1.0, 30.0, 900.0], np.float16)
    opened = write(tmp_path / "set", light.reshape(1, 1, 1, 6), "panorama")
    coded = opened.batch([0])
    assert coded.min() == -1 and coded.max() < 1
    assert d.radiance(coded).flatten().numpy() == pytest.approx(light.astype(np.float32), rel=1e-3, abs=1e-6)


def test_heights_are_told_above_the_mean_of_their_window(tmp_path: Path) -> None:
    ramp = np.linspace(0, 100, 64, dtype=np.float32)
    windows = np.stack([np.tile(ramp, (64, 1)), 3000 + 0.5 * np.tile(ramp, (64, 1))])[:, None]
    opened = write(tmp_path / "set", windows, "heightfield")
    coded = opened.batch([0, 1])
    assert opened.scale_m == pytest.approx(50, rel=0.01)
    assert torch.allclose(coded.mean((-2, -1)), torch.zeros(2, 1), atol=1e-3)
    assert coded[1].max() == pytest.approx(0.5, rel=0.01)


def test_an_end_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), d.Writer(tmp_path / "set", "picture", (1, 2, 2)) as writer:
        writer.append(np.zeros((1, 2, 2), np.uint8))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="exists already; name another folder"),
        d.Writer(tmp_path, "picture", (1, 2, 2)),
    ):
        pass


FILL = """
import resource, sys
from pathlib import Path
import numpy as np
from vrgen.training.dataset import DatasetError, Writer
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # the kernel takes no more, as on a full disk
try:
    with Writer(Path(sys.argv[1]), "picture", (3, 64, 64)) as writer:
        while True:
            writer.append(np.zeros((3, 64, 64), np.uint8))
except DatasetError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on the size of files are POSIX")
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path / "set")], capture_output=True, text=True, check=True
    )
    assert ran.stdout.count("\n") == 1
    assert "there is no room after" in ran.stdout and "free some or name another place" in ran.stdout
    assert list(tmp_path.iterdir()) == []


class TestOpening:
    """What is no dataset is told in a sentence."""

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no such folder"):
            d.Dataset.open(tmp_path / "none")

    def test_a_folder_of_pictures(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"holds no dataset.json; .* vrgen dataset"):
            d.Dataset.open(tmp_path)

    @pytest.mark.parametrize("text", ["{", '{"vrgen_dataset": 2}', "[]"])
    def test_wrong_json(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "dataset.json").write_text(text)
        with pytest.raises(d.DatasetError, match="no dataset of version 1"):
            d.Dataset.open(tmp_path)

    def test_data_cut_short(self, tmp_path: Path) -> None:
        write(tmp_path / "set", np.zeros((4, 3, 8, 8), np.uint8), "picture")
        whole = (tmp_path / "set/data.npy").read_bytes()
        (tmp_path / "set/data.npy").write_bytes(whole[:-100])
        with pytest.raises(d.DatasetError, match=r"data.npy: can't be read .*make it again"):
            d.Dataset.open(tmp_path / "set")

    def test_data_that_is_not_what_is_described(self, tmp_path: Path) -> None:
        write(tmp_path / "set", np.zeros((4, 3, 8, 8), np.uint8), "picture")
        said = json.loads((tmp_path / "set/dataset.json").read_text())
        said["shape"] = [3, 8, 9]
        (tmp_path / "set/dataset.json").write_text(json.dumps(said))
        with pytest.raises(d.DatasetError, match=r"\(4, 3, 8, 8\), dataset.json says uint8 \(4, 3, 8, 9\)"):
            d.Dataset.open(tmp_path / "set")

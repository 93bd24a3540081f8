"""Writing a dataset: what is written is what is read, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vrgen.errors import UsageError
from vrgen.training import dataset as d
from vrgen.training.writing import Pixels, Writer


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


def write(out: Path, data: Pixels, kind: d.Kind, heldout: int = 0) -> d.Dataset:
    shape = (data.shape[1], data.shape[2], data.shape[3])
    with Writer(out, kind, shape) as writer:
        for pixels in data:
            writer.append(pixels)
        described = items(len(data), heldout)
        info = d.About(
            name=out.name, kind=kind, shape=shape, channels=tuple("rgb"), items=described, labels=("a", "b")
        )
        writer.finish(info)
    return d.Dataset.open(out)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 256, (123, 3, 8, 10), np.uint8)
    opened = write(tmp_path / "set", data, "picture", heldout=20)
    assert np.array_equal(opened.data, data)
    assert list(opened.heldout) == list(range(20)) and list(opened.train) == list(range(20, 123))
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_an_end_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Writer(tmp_path / "set", "picture", (1, 2, 2)) as writer:
        writer.append(np.zeros((1, 2, 2), np.uint8))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="exists already; name another folder"),
        Writer(tmp_path, "picture", (1, 2, 2)),
    ):
        pass


FILL = """
import resource, sys
from pathlib import Path
import numpy as np
from vrgen.training.dataset import DatasetError
from vrgen.training.writing import Writer
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

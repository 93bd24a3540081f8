"""`inspect` and `check`: what they say of good checkpoints, and one sentence for every bad one."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import checkpoints
import pytest

from vrgen.errors import CheckpointError, UsageError
from vrgen.generator.inspection import check_checkpoint, inspect_checkpoint

TILE = {"tile": {"kind": "tile"}}
HEIGHT = {"height": {"kind": "heightfield", "shape": [1, 9, 9], "metres": 8.0}}
ROCK = {"rock": {"kind": "mesh", "shape": [4, 3]}}


def test_inspect_tells_everything_as_json(tmp_path: Path) -> None:
    path = checkpoints.constant(tmp_path / "a.pt")
    told = json.loads(json.dumps(inspect_checkpoint(path)))
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert told["size_bytes"] == path.stat().st_size
    assert (told["archive"], told["manifest_from"], told["device"]) == ("torchscript", "archive", "cpu")
    assert told["inputs"]["latent"]["kind"] == "latent" and told["outputs"]["picture"]["shape"] == [3, 16, 16]
    assert told["call_ms"]["count"] > 0 and told["load_s"] > 0


def test_inspect_finds_a_bare_module_out(tmp_path: Path) -> None:
    path = checkpoints.save(checkpoints.Bare(20, 3, False, True, True), tmp_path / "a.pt", None)
    told = inspect_checkpoint(path, "heightfield")
    assert told["manifest_from"] == "dry run" and told["inputs"]["latent"]["shape"] == [1, 20]
    assert told["outputs"]["heightfield"]["kind"] == "heightfield"
    assert check_checkpoint(path, "heightfield") == ()


def test_missing_file_is_a_wrong_call(tmp_path: Path) -> None:
    for function in (inspect_checkpoint, check_checkpoint):
        with pytest.raises(UsageError, match="no such file"):
            function(tmp_path / "a.pt")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (checkpoints.constant, []),
        (lambda p: checkpoints.save(checkpoints.Waves(), p, checkpoints.manifest(TILE, HEIGHT)), []),
        (
            lambda p: checkpoints.save(checkpoints.Waves(step=9), p, checkpoints.manifest(TILE, HEIGHT)),
            ["'height'", "column", "tile beside it"],
        ),
        (lambda p: checkpoints.save(checkpoints.Mesh(), p, checkpoints.manifest({}, ROCK)), []),
        (lambda p: checkpoints.save(checkpoints.Mesh(4), p, checkpoints.manifest({}, ROCK)), ["faces", "0 to 4"]),
        (lambda p: checkpoints.picture(checkpoints.Huge(), p), ["range"]),
        (lambda p: checkpoints.picture(checkpoints.NotANumber(), p), ["NaN"]),
        (lambda p: checkpoints.save(checkpoints.Constant(), p, "{}"), ["vrgen.json"]),
        (lambda p: checkpoints.picture(checkpoints.Crashes(at=-100.0), p), ["SIGSEGV"]),
    ],
)
def test_check(tmp_path: Path, make: Callable[[Path], Path], words: list[str]) -> None:
    found = check_checkpoint(make(tmp_path / "a.pt"))
    assert bool(found) == bool(words), found
    assert all(word in found[0] for word in words), found
    assert not any("\n" in line for line in found)


@pytest.mark.slow
def test_module_that_hangs_or_devours_ends_in_one_sentence(tmp_path: Path) -> None:
    hangs = checkpoints.picture(checkpoints.Hangs(at=-100.0), tmp_path / "hangs.pt")
    with pytest.raises(CheckpointError, match=r"hangs\.pt: did not load and answer within 8 s"):
        inspect_checkpoint(hangs, timeout_s=8)
    devours = checkpoints.picture(checkpoints.Devours(at=-100.0), tmp_path / "devours.pt")
    (told,) = check_checkpoint(devours, memory_mb=1500)
    assert "memory" in told and "\n" not in told

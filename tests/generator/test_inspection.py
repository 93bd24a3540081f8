"""`inspect` and `check`: what they say of good checkpoints, and one sentence for every bad one."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import checkpoints
import pytest
import torch

from vrgen.cli import main
from vrgen.errors import CheckpointError, UsageError
from vrgen.generator.inspection import check_checkpoint, check_world, inspect_checkpoint

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


@pytest.mark.slow
def test_inspect_times_the_ways_of_calling(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = checkpoints.constant(tmp_path / "a.pt")
    told = inspect_checkpoint(path, timings=True)
    assert told["way"] in {"float32", *(trial["way"] for trial in told["tried"])} and told["tried"]
    for trial in told["tried"]:
        assert trial["refused"] or (trial["ms"] < trial["beside_ms"] and trial["differences"])
    assert main(["inspect", str(path), "--timings"]) == 0
    said = capsys.readouterr().out
    assert "a run takes" in said and "tried" in said and told["tried"][0]["way"] in said


@pytest.mark.slow
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


def placed(folder: Path, text: str) -> Path:
    checkpoints.save(checkpoints.Waves(), folder / "land.pt", checkpoints.manifest(TILE, HEIGHT))
    checkpoints.picture(checkpoints.NotANumber(), folder / "nan.pt")
    path = folder / "place.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.slow
def test_check_takes_a_world_and_calls_each_of_its_checkpoints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    land = '[generators.land]\ncheckpoint = "land.pt"\n[generators.again]\ncheckpoint = "land.pt"\n'
    assert main(["check", str(placed(tmp_path, land))]) == 0
    assert "land.pt" in capsys.readouterr().out
    wrong = "[settings]\nseason = 1.0\n" + land + '[generators.other]\ncheckpoint = "nan.pt"\n'
    assert main(["check", str(placed(tmp_path, wrong)), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [Path(path).name for path in told["checkpoints"]] == ["land.pt", "nan.pt"]
    unknown, nan = told["violations"]
    assert "settings.season" in unknown and "NaN" in nan


def test_check_tells_a_world_file_that_breaks_the_format(tmp_path: Path) -> None:
    (told,), _ = check_world(str(placed(tmp_path, '[generators.land]\ncheckpont = "land.pt"\n')))
    assert "generators.land" in told and "did you mean 'checkpoint'?" in told


class Drawn(torch.nn.Module):
    """Draws by itself, what a noise input should bring."""

    def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"picture": torch.rand(3, 16, 16) + 0.0 * inputs["latent"][0, 0]}


def test_check_finds_a_module_that_draws_by_itself(tmp_path: Path) -> None:
    assert check_checkpoint(checkpoints.picture(Drawn(), tmp_path / "a.pt")) == (
        "a.pt: output 'picture' gives different outputs for the same inputs; "
        "take noise as an input of kind 'noise'",
    )


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

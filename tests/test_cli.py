"""Bad calls end in one sentence on standard error, the right exit status, and no traceback."""

import gc
import json
import subprocess
import sys
from pathlib import Path

import pytest

from vrgen import __version__
from vrgen.cli import Check, Inspect, Run, main, parse


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said on standard error: a single line of vrgen's own."""
    said = capsys.readouterr().err
    assert said.startswith("vrgen: "), said
    assert said.count("\n") == 1 and "Traceback" not in said
    return said


def test_options_of_run_arrive() -> None:
    line = "run a.pt --as panorama --size 640 360 --hold w d --seed 7 --seconds 2.5 --views stereo --settle"
    command = parse(line.split())
    assert isinstance(command, Run)
    assert (command.target, command.as_kind, command.size, command.hold) == (
        "a.pt",
        "panorama",
        (640, 360),
        ("w", "d"),
    )
    assert (command.seed, command.seconds, command.views, command.settle) == (7, 2.5, "stereo", True)
    assert parse(["run"]) == Run()
    assert parse(["run", "--call_timeout_s", "3", "--seed=4"]) == Run(call_timeout_s=3.0, seed=4)


def test_other_commands_are_understood() -> None:
    assert parse(["inspect", "a.pt", "--json"]) == Inspect(checkpoint=Path("a.pt"), json=True)
    assert parse(["check", "a.pt", "--as", "texture"]) == Check(target="a.pt", as_kind="texture")


@pytest.mark.parametrize(
    "line, words",
    [
        ("run --display hologram", ["--display", "hologram", "openxr", "window", "headless"]),
        ("run --bogus", ["--bogus", "vrgen run --help"]),
        ("run --sceenshot x.png", ["no option --sceenshot", "did you mean '--screenshot'?"]),
        ("run --sceenshot=x.png", ["no option --sceenshot", "did you mean '--screenshot'?"]),
        ("inspect a.pt --seed 1", ["vrgen inspect has no option --seed"]),
        ("run --seed tree", ["--seed", "'tree'", "whole number"]),
        ("run --seconds long", ["--seconds", "'long'", "expected a number"]),
        ("run --hold W", ["--hold W", "did you mean 'w'?"]),
        ("run --hold w shift", ["--hold shift", "did you mean 'left shift'?"]),
        ("run --hold w my.toml", ["--hold my.toml", "put it before --hold"]),
        ("run --hold --frames 3", ["--hold needs a key"]),
        ("run a.toml b.toml", ["'b.toml' is one thing too many"]),
        ("run --hold w --display window", ["--hold", "--display headless"]),
        ("run valley --as picture", ["--as picture", 'as_kind = "picture"']),
        ("check valley --as picture", ["--as picture", 'as_kind = "picture"']),
        ("check vally", ["'vally'", "did you mean 'valley'?"]),
        ("valley", ["'valley'", "did you mean 'vrgen run valley'?"]),
        ("model.pt", ["did you mean 'vrgen run model.pt'?"]),
        ("rum", ["'rum'", "did you mean 'run'?"]),
        ("--json doctor", ["--json", "before the command"]),
        ("run --size 640", ["--size", "needs 2 values"]),
        ("run --size 640x480", ["--size", "needs 2 values"]),
        ("run --display headles", ["--display is 'headles'", "openxr", "did you mean 'headless'?"]),
        ("run --seed -1", ["--seed is -1", "from 0"]),
        ("run --video film.gif", ["--video film.gif", ".mp4, .mov or .mkv"]),
        ("run --screenshot a.gif", ["--screenshot a.gif", ".png, .jpg, .jpeg or .webp"]),
        ("run --screenshot a", ["--screenshot a:", ".png, .jpg"]),
        ("run --trace a.perfetto", ["--trace a.perfetto", ".json or .json.gz"]),
        ("run --trace no/such/folder/a.json", ["--trace", "no/such/folder"]),
        ("judge a.pt b --sheet a.jpg", ["--sheet a.jpg", "end its name in .png"]),
        ("run --screenshot .", ["--screenshot .", "is a folder"]),
        ("help", ["'vrgen --help'"]),
        ("run --size 1 1", ["--size", "16"]),
        ("run --frames 0", ["--frames", "above 0"]),
        ("run --seconds -1", ["--seconds", "above 0"]),
        ("run --screenshot no/such/folder/a.png", ["--screenshot", "no/such/folder"]),
        ("inspect", ["CHECKPOINT"]),
        ("fly", ["fly", "run, inspect, check, doctor"]),
        ("", ["run", "doctor"]),
    ],
)
def test_a_wrong_call_is_told_in_a_sentence(
    line: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    said = sentence(capsys)
    assert all(word in said for word in words), said


def test_debug_shows_the_traceback_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--frames", "0", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"vrgen {__version__}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    told = capsys.readouterr().out
    assert all(command in told for command in ("run", "inspect", "check", "doctor"))


def test_the_module_is_the_command() -> None:
    process = subprocess.run([sys.executable, "-m", "vrgen", "fly"], capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert process.stderr.startswith("vrgen: ") and process.stdout == ""


def test_control_c_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(as_json: bool) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("vrgen.doctor.report", interrupted)
    assert main(["doctor"]) == 130
    assert capsys.readouterr() == ("", "")


def test_an_unforeseen_failure_is_a_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(as_json: bool) -> int:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("vrgen.doctor.report", broken)
    assert main(["doctor"]) == 1
    assert "ZeroDivisionError" in sentence(capsys)


def test_a_reader_that_went_away_is_no_failure() -> None:
    command = [sys.executable, "-m", "vrgen", "--version"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


class TestCheckpoints:
    """What `inspect` and `check` say of files that are no checkpoints."""

    @pytest.mark.parametrize("command", ["inspect", "check"])
    def test_a_missing_file(self, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([command, str(tmp_path / "none.pt")]) == 2
        assert "none.pt" in sentence(capsys)

    @pytest.mark.parametrize("command", ["inspect", "check"])
    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"no archive at all"])
    def test_a_broken_file(
        self, command: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "broken.pt"
        path.write_bytes(content)
        assert main([command, str(path)]) == 1
        assert "broken.pt" in sentence(capsys)

    def test_check_as_json(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "empty.pt"
        path.touch()
        assert main(["check", str(path), "--json"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert told["file"] == str(path) and len(told["violations"]) == 1


class TestRun:
    """What is found out when the world is read, before anything is opened."""

    def test_a_missing_checkpoint(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        assert main(["run", str(tmp_path / "none.pt"), "--display", "headless"]) == 2
        assert "none.pt" in sentence(capsys)

    def test_a_missing_world_file(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        assert main(["run", str(tmp_path / "none.toml"), "--display", "headless"]) == 2
        assert "none.toml" in sentence(capsys)

    def test_an_unknown_world(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["run", "atlantis", "--display", "headless"]) == 2
        said = sentence(capsys)
        assert "atlantis" in said and "valley" in said

    def test_a_world_that_names_a_checkpoint_that_is_not_there(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        (tmp_path / "w.toml").write_text('[generators.land]\ncheckpoint = "gone.pt"\n', encoding="utf-8")
        assert main(["run", str(tmp_path / "w.toml"), "--display", "headless"]) == 1
        said = sentence(capsys)
        assert "gone.pt" in said and "land" in said


def test_no_garbage_is_looked_for_while_a_run_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    from vrgen import visit

    collecting: list[bool] = []

    def run(command: Run) -> list[str]:
        collecting.append(gc.isenabled())
        return []

    monkeypatch.setattr(visit, "run", run)
    assert main(["run", "valley", "--display", "headless"]) == 0
    assert collecting == [False] and gc.isenabled()

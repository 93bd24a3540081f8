"""Why a path can't be read, told before anything else is tried with it."""

import os
import sys
from pathlib import Path

import pytest

from vrgen.cli import main


def a_folder(folder: Path, ending: str) -> Path:
    (folder / f"it{ending}").mkdir()
    return folder / f"it{ending}"


def a_loop(folder: Path, ending: str) -> Path:
    (folder / f"it{ending}").symlink_to(folder / f"other{ending}")
    (folder / f"other{ending}").symlink_to(folder / f"it{ending}")
    return folder / f"it{ending}"


def a_dead_link(folder: Path, ending: str) -> Path:
    (folder / f"it{ending}").symlink_to(folder / "nothing")
    return folder / f"it{ending}"


def a_name_that_is_too_long(folder: Path, ending: str) -> Path:
    return folder / ("x" * 300 + ending)


def below_a_file(folder: Path, ending: str) -> Path:
    (folder / "file").touch()
    return folder / "file" / f"it{ending}"


def a_pipe(folder: Path, ending: str) -> Path:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(folder / f"it{ending}")
    return folder / f"it{ending}"


def unreadable(folder: Path, ending: str) -> Path:
    path = folder / f"it{ending}"
    path.write_bytes(b"closed")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    return path


WORDS = {
    a_folder: "is a folder",
    a_loop: "symbolic links",
    a_dead_link: "is a link to",
    a_name_that_is_too_long: "too long",
    below_a_file: "no such file",
    a_pipe: "no regular file",
    unreadable: "can't be read",
}


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")
@pytest.mark.parametrize("command", [["inspect"], ["check"], ["run", "--display", "headless"]])
@pytest.mark.parametrize("ending", [".pt", ".toml"])
@pytest.mark.parametrize("make", list(WORDS), ids=lambda make: make.__name__)
def test_what_is_no_readable_file_is_a_wrong_call(
    make: object, ending: str, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make(tmp_path, ending)  # type: ignore[operator]
    assert main([*command, str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("vrgen: ") and said.count("\n") == 1 and "unforeseen" not in said, said
    assert WORDS[make] in said and path.name in said, said  # type: ignore[index]

"""The runtime's root: why it can't be had, and that nothing outside it is touched."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from xr_testbed.root import REPOSITORY, Root, TestbedUnavailable, open_root

TOOLS = REPOSITORY / "tools"


def test_without_root_the_reason_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(TestbedUnavailable, match="needs root"):
        open_root()


def test_elsewhere_the_reason_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(TestbedUnavailable, match=r"needs Debian .* this is darwin"):
        open_root()


@pytest.mark.xr
def test_a_half_built_root_goes_and_what_was_mounted_in_it_stays(tmp_path: Path, testbed: object) -> None:
    root, mine = tmp_path / "a root.building", tmp_path / "mine"
    place = root / "home/mine"
    mine.mkdir()
    place.mkdir(parents=True)
    (mine / "kept").touch()
    code = f"from xr_testbed.root import remove; from pathlib import Path; remove(Path({str(root)!r}))"
    steps = f"mount --bind '{mine}' '{place}' && test -e '{place}/kept' && '{sys.executable}' -c \"{code}\""
    subprocess.run(
        ["unshare", "--mount", "sh", "-c", steps], check=True, env={**os.environ, "PYTHONPATH": str(TOOLS)}
    )
    assert (mine / "kept").exists()
    assert not root.exists()


@pytest.mark.xr
def test_programs_leave_no_mount_behind(testbed: object) -> None:
    root = open_root()
    assert isinstance(root, Root)
    done = subprocess.run(
        root.command(["sh", "-c", "cat /etc/debian_version; pwd"]), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [done.stdout.split()[0], str(REPOSITORY)]
    assert done.stdout.startswith("13")
    assert str(root.folder) not in Path("/proc/self/mountinfo").read_text(encoding="utf-8")

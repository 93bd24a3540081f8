"""Looking out for a headset, asked of a process of its own: what it does not start by asking."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif("sys.platform != 'linux'", reason="Windows keeps the runtime in the registry")


@pytest.fixture
def steamvr(tmp_path: Path) -> Path:
    """A manifest as SteamVR's is, of a library that is not there."""
    manifest = tmp_path / "steamxr_linux64.json"
    manifest.write_text(
        json.dumps({"file_format_version": "1.0.0", "runtime": {"library_path": "bin/linux64/vrclient.so"}})
    )
    return manifest


@pytest.fixture
def server(tmp_path: Path) -> Iterator[None]:
    """A process of the name of SteamVR's server."""
    program = tmp_path / "vrserver"
    program.symlink_to(Path(sys.executable).resolve())
    with subprocess.Popen([program, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


def probed(manifest: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "vrgen.display.openxr.probe", *words],
        env=os.environ | {"XR_RUNTIME_JSON": str(manifest)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_steamvr_is_not_started_by_being_asked(steamvr: Path) -> None:
    assert probed(steamvr) == {"ready": False, "problem": "SteamVR is not running; start it"}


def test_who_insists_asks_it_all_the_same(steamvr: Path) -> None:
    assert "xrEnumerateInstance" in probed(steamvr, "start")["problem"]


def test_one_that_runs_is_asked(steamvr: Path, server: None) -> None:
    assert "xrEnumerateInstance" in probed(steamvr)["problem"]


def test_another_runtime_is_asked(steamvr: Path) -> None:
    other = steamvr.with_name("openxr_other.json")
    other.write_text(steamvr.read_text().replace("vrclient", "libother"))
    assert "xrEnumerateInstance" in probed(other)["problem"]


def test_what_the_child_has_started_is_not_waited_for(
    steamvr: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runtime that was started by asking holds the child's output open when the child has ended."""
    from vrgen.display.openxr.watch import Watch

    program = tmp_path / "python"
    lines = "#!/bin/sh", "(touch begun; sleep 8; touch ended) &", "exec sleep 20"
    program.write_text("\n".join(lines) + "\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XR_RUNTIME_JSON", str(steamvr))
    monkeypatch.setattr("sys.executable", str(program))
    watch = Watch()
    watch.look()
    while not (tmp_path / "begun").is_file():
        time.sleep(0.01)
    watch.stop()
    assert not (tmp_path / "ended").is_file(), "it waited for the child's child"

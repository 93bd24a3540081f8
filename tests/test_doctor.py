"""The examination itself must not fall ill: drivers that crash or hang are findings."""

import json
import os
import sys
from pathlib import Path

import pytest

from vrgen import doctor
from vrgen.findings import Finding


@pytest.mark.slow
def test_what_is_examined(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XR_RUNTIME_JSON", "/nowhere/runtime.json")
    status = doctor.report(as_json=True)
    findings = [Finding(**entry) for entry in json.loads(capsys.readouterr().out)["findings"]]
    by_name = {finding.name: finding for finding in findings}
    assert {"python", "packages", "headless", "window", "gamepads", "headset", "torch"} <= set(by_name)
    assert {"window system", "openxr", "api layers", "gpu", "cores", "memory", "ffmpeg", "bundled"} <= set(by_name)
    assert by_name["openxr"].state == "note" and "/nowhere/runtime.json" in by_name["openxr"].found
    assert "XR_RUNTIME_JSON" in by_name["openxr"].remedy
    assert by_name["headset"].state == "note"
    assert status == int(any(finding.state == "problem" for finding in findings))
    assert all(finding.remedy for finding in findings if finding.state == "problem")


@pytest.mark.skipif(os.name != "posix", reason="the dying program is a shell script")
def test_a_driver_that_crashes_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crash = tmp_path / "python"
    crash.write_text("#!/bin/sh\nkill -SEGV $$\n", encoding="utf-8")
    crash.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crash))
    found = doctor._ask("window")
    assert (found.name, found.state) == ("window", "note") and "died" in found.found and found.remedy


@pytest.mark.skipif(os.name != "posix", reason="the hanging program is a shell script")
def test_a_driver_that_hangs_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = tmp_path / "python"
    hang.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    hang.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(hang))
    monkeypatch.setattr(doctor, "PROBE_TIMEOUT_S", 0.2)
    found = doctor._ask("headless")
    assert found.name == "headless" and "no answer" in found.found


def test_where_nothing_can_be_shown_both_ways_are_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_ask", lambda probe: Finding(probe, "note", "no driver", "install one"))
    states = {finding.name: finding.state for finding in doctor.examine()}
    assert states["headless"] == states["window"] == "problem"
    assert states["torch"] == "note"


def test_changed_assets_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pt").write_bytes(b"not what was listed")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  a.pt\n", encoding="utf-8")
    monkeypatch.setattr(doctor, "bundled_worlds", lambda: ())
    monkeypatch.setattr(doctor, "ASSETS", tmp_path)
    monkeypatch.setattr(doctor, "DIGESTS", tmp_path / "SHA256SUMS")
    (finding,) = doctor._bundled()
    assert finding.state == "note" and "a.pt" in finding.found

"""The report: exactly the promised layout, numbers that add up, bounded memory."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from vrgen.errors import VrgenError
from vrgen.feedback import ledger as ledger_module
from vrgen.feedback.ledger import Ledger, Series, summary
from vrgen.messages import FrameCost, GeneratorStatus, Person

QUANTITY = {"p50", "p95", "p99", "max"}


def filled() -> Ledger:
    ledger = Ledger("headless", 100.0, "llvmpipe")
    for number in range(100):
        begun_s = number * 0.01 + (0.02 if number >= 50 else 0.0)
        cost = FrameCost(upload_ms=2.0, upload_bytes=1000) if number % 10 == 0 else None
        ledger.frame(begun_s, begun_s + 0.004, cpu_ms=3.0, cost=cost, answered=number == 7)
    return ledger


def test_the_report_has_the_layout_of_the_design() -> None:
    ledger = filled()
    ledger.first_frame(0.4)
    ledger.first_frame(0.9)
    status = GeneratorStatus("terrain", requests=9, results=8, infer_ms=(1.0, 2.0, 3.0), errors=("broke",))
    report = ledger.report({"terrain": status})
    assert list(report) == [
        "display", "first_frame_s", "frames", "generators", "transfer", "input_to_photon_ms", "scene", "person",
        "memory_mb",
    ]  # fmt: skip
    assert report["display"] == {
        "kind": "headless", "runtime": None, "refresh_hz": 100.0, "gl": "llvmpipe", "switches": [],
    }  # fmt: skip
    assert report["first_frame_s"] == 0.4
    assert set(report["frames"]) == {"count", "missed", "cpu_ms", "interval_ms", "late_ms"}
    assert report["frames"]["late_ms"] == {}
    assert set(report["generators"]["terrain"]) == {
        "requests", "results", "stale", "restarts", "errors", "infer_ms", "age_ms",
    }  # fmt: skip
    assert report["generators"]["terrain"]["infer_ms"]["p50"] == 2.0
    assert report["generators"]["terrain"]["age_ms"] == {}
    assert set(report["transfer"]) == {"path", "bytes", "ms"}
    assert report["transfer"]["bytes"] == 10_000
    assert set(report["scene"]) == {"tiles", "meshes", "instances", "triangles"}
    assert set(report["memory_mb"]) == {"frame_peak", "worker_peak"}
    assert report["memory_mb"]["frame_peak"] > 10
    for quantity in (report["frames"]["cpu_ms"], report["input_to_photon_ms"], report["transfer"]["ms"]):
        assert set(quantity) == QUANTITY


def test_how_late_the_eyes_are_is_told_of_the_frames_that_have_eyes() -> None:
    ledger = filled()
    for late_ms in (4.0, None, 6.0):
        ledger.located(late_ms)
    assert ledger.report()["frames"]["late_ms"]["p50"] == 5.0


def test_intervals_and_missed_frames() -> None:
    report = filled().report()
    assert report["frames"]["count"] == 100
    assert report["frames"]["missed"] == 2
    assert report["frames"]["interval_ms"]["p50"] == pytest.approx(10.0)
    assert report["frames"]["interval_ms"]["max"] == pytest.approx(30.0)
    assert report["input_to_photon_ms"]["max"] == pytest.approx(4.0)


def test_frames_nobody_sees_are_not_missed() -> None:
    ledger = Ledger("window", 60.0, "")
    for second in range(5):
        ledger.frame(float(second), second + 0.1, 1.0, rendered=False)
    ledger.frame(5.0, 5.01, 1.0)
    assert ledger.missed == 0


def test_the_rate_is_of_the_last_half_second() -> None:
    ledger = Ledger("window", 60.0, "")
    assert ledger.rate_hz == 0.0
    for number in range(200):
        ledger.frame(number / 30 if number < 100 else 100 / 30 + (number - 100) / 60, 0.0, 1.0)
    assert ledger.rate_hz == pytest.approx(60.0)


def test_a_switch_of_displays_is_reported() -> None:
    ledger = filled()
    ledger.shows("window", 60.0, "llvmpipe", why="the headset went away")
    assert ledger.report()["display"]["kind"] == "window"
    assert ledger.report()["display"]["switches"] == [
        {"to": "window", "frame": 100, "why": "the headset went away"}
    ]


def test_the_report_tells_where_the_person_is_and_what_they_did() -> None:
    ledger = filled()
    assert ledger.report()["person"] == {"did": {}}
    for name in ("new world", "teleport", "new world"):
        ledger.did(name)
    ledger.person = Person((1.0, 2.00049, -3.0), yaw_rad=math.radians(170), head_yaw_rad=math.radians(30))
    assert ledger.report()["person"] == {
        "feet_m": [1.0, 2.0, -3.0], "heading_deg": -160.0, "did": {"new world": 2, "teleport": 1},
    }  # fmt: skip


def test_memory_is_bounded_and_the_newest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "KEPT", 10)
    series = Series()
    for number in range(25):
        series.add(number)
    assert series.last(3) == [22, 23, 24]
    assert series.last(99) == list(range(15, 25))
    assert series.summary()["max"] == 24


def test_summary_is_that_of_numpy() -> None:
    numbers = np.random.default_rng(0).gamma(2.0, size=500)
    assert summary(list(numbers))["p95"] == pytest.approx(np.percentile(numbers, 95), abs=1e-3)
    assert summary([]) == {}


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    filled().write(path, {})
    assert json.loads(path.read_text())["frames"]["count"] == 100
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
    with pytest.raises(VrgenError, match="choose another place"):
        filled().write(tmp_path / "nowhere" / "report.json")

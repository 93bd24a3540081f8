"""The report: exactly the promised layout, numbers that add up, bounded memory."""

import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from vrgen.collector import Collector
from vrgen.errors import VrgenError
from vrgen.feedback import rings
from vrgen.feedback.ledger import STEPS, Ledger, Step
from vrgen.feedback.missed import CAUSES, COLLECTION, PROGRAM, RASTERISER, UPLOAD, WAITING, Spent
from vrgen.feedback.pace import pace_of
from vrgen.feedback.rings import Series, Table, summary
from vrgen.laps import Laps
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
    ledger.stepped_back(3)
    ledger.stepped_back(1)
    status = GeneratorStatus("terrain", requests=9, results=8, infer_ms=(1.0, 2.0, 3.0), errors=("broke",))
    report = ledger.report({"terrain": status})
    assert list(report) == [
        "display", "first_frame_s", "frames", "picture", "passes", "changes", "generators", "steps_back",
        "transfer", "collections", "input_to_photon_ms", "scene", "person", "memory_mb",
    ]  # fmt: skip
    assert report["display"] == {
        "kind": "headless", "runtime": None, "refresh_hz": 100.0, "gl": "llvmpipe", "switches": [],
    }  # fmt: skip
    assert report["first_frame_s"] == 0.4
    assert set(report["frames"]) == {
        "count", "missed", "missed_by", "cpu_ms", "interval_ms", "late_ms", "age_ms", "steps_ms",
    }  # fmt: skip
    assert set(report["frames"]["missed_by"]) == set(CAUSES)
    assert set(report["frames"]["steps_ms"]) == set(STEPS)
    assert set(report["passes"]) == {"cpu_ms", "gpu_ms"}
    assert set(report["changes"]) == {"shown", "overtaken", "stages_ms"}
    assert report["frames"]["late_ms"] == {}
    assert set(report["generators"]["terrain"]) == {
        "requests", "results", "stale", "restarts", "way", "tried", "errors", "infer_ms", "age_ms", "stages_ms",
    }  # fmt: skip
    assert report["generators"]["terrain"]["infer_ms"]["p50"] == 2.0
    assert report["generators"]["terrain"]["age_ms"] == {}
    assert report["steps_back"] == {"now": 1, "most": 3}
    assert set(report["transfer"]) == {"path", "why", "card_bytes", "from", "bytes", "ms"}
    assert report["transfer"]["bytes"] == 10_000
    assert set(report["scene"]) == {
        "tiles",
        "meshes",
        "instances",
        "drawn",
        "hidden",
        "outside",
        "triangles",
        "splats",
    }
    assert set(report["memory_mb"]) == {"frame_peak", "worker_peak", "textures_peak", "textures_room"}
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


@pytest.mark.parametrize(
    "spent, cause",
    [
        (Spent(upload_s=0.009, waited_s=0.002, core_s=0.011), UPLOAD),
        (Spent(upload_s=0.002, waited_s=0.009, core_s=0.003), RASTERISER),
        (Spent(upload_s=0.002, gpu_s=0.012, core_s=0.003), RASTERISER),
        (Spent(collection_s=0.008, core_s=0.004), COLLECTION),
        (Spent(upload_s=0.002, core_s=0.012), PROGRAM),
        (Spent(upload_s=0.002, waited_s=0.001, core_s=0.004), WAITING),
    ],
    ids=["upload", "rasteriser", "GPU", "collection", "program", "waiting"],
)
def test_a_late_frame_has_one_cause(spent: Spent, cause: int) -> None:
    assert spent.cause(0.010) == cause


class Drawn:
    """What the ledger reads of a timer of passes."""

    names = ("upload", "sky")

    def __init__(self) -> None:
        self.took_s, self.gpu_ms = [0.002, 0.0], [1.0, 0.0]
        self.gpu_frame_ms, self.gpu_frames = 25.0, 1


def test_missed_frames_are_counted_by_their_cause_and_shown_in_the_graph() -> None:
    ledger = Ledger("headless", 100.0, "", passes=Drawn.names)
    steps = Laps(STEPS)
    begun_s = 0.0
    for interval_s, gpu_ms in ((0.01, 2.0), (0.03, 25.0), (0.01, 2.0), (0.02, 2.0), (0.01, 2.0)):
        ledger.frame(begun_s, begun_s + 0.004, 4.0, FrameCost(upload_ms=1.0), core_s=0.003)
        ledger.handed_over(begun_s + 0.005, 0.0)
        timer = Drawn()
        timer.gpu_frame_ms, timer.gpu_frames = gpu_ms, ledger.count
        ledger.rested(steps, timer, 0.0)
        begun_s += interval_s
    ledger.frame(begun_s, begun_s + 0.004, 4.0)
    frames = ledger.report()["frames"]
    assert frames["missed"] == 3 == sum(frames["missed_by"].values())
    assert frames["missed_by"]["rasteriser"] == 2 and frames["missed_by"]["waiting"] == 1
    intervals_ms, causes = ledger.recent(4.0)
    assert intervals_ms == pytest.approx([10.0, 30.0, 10.0, 20.0, 10.0], abs=1e-3)
    assert causes == [0, 1 + RASTERISER, 0, 1 + WAITING, 0]
    passes = ledger.report()["passes"]
    assert passes["cpu_ms"]["upload"]["p50"] == pytest.approx(2.0) and passes["cpu_ms"]["sky"] == {}
    assert passes["gpu_ms"]["frame"]["max"] == pytest.approx(25.0)


def test_the_graph_has_a_column_for_every_few_frames_and_looks_the_same_while_they_are_even() -> None:
    ledger = Ledger("headless", 90.0, "")
    rng = np.random.default_rng(0)
    paces, begun_s = [], 0.0
    for number in range(1800):
        ledger.frame(begun_s, begun_s + 0.004, 4.0, FrameCost(), core_s=0.02 if number == 1500 else 0.004)
        begun_s += (0.05 if number == 1500 else 1 / 90) + rng.uniform(-5e-4, 5e-4)
        if number % 90 == 0:
            paces.append(pace_of(ledger))
    assert len(set(paces[8:16])) == 1 and paces[10].heights == (4,) * 90
    late = pace_of(ledger)
    assert late.missed_by == (0, 0, 0, 1, 0) and late.causes.count(1 + PROGRAM) == 1
    column = late.causes.index(1 + PROGRAM)
    assert late.heights[column] == 18 and 40 <= column < 45, "299 frames ago, six a column"


def test_what_is_left_of_a_frame_is_without_what_the_screen_held_it_back() -> None:
    ledger = Ledger("window", 100.0, "")
    ledger.frame(1.0, 1.003, 3.0, FrameCost())
    assert ledger.handed_over(1.010, held_s=0.006) == pytest.approx(0.006)


def test_steps_follow_each_other() -> None:
    steps = Laps(STEPS)
    begun_s = steps.begin()
    steps.lap(Step.INTERPRET)
    steps.lap(Step.STEER)
    assert steps.ended_s[Step.STEER] - begun_s == pytest.approx(
        steps.took_s[Step.INTERPRET] + steps.took_s[Step.STEER], abs=1e-12
    )
    steps.begin()
    assert sum(steps.took_s) == 0.0


def test_collections_are_told() -> None:
    ledger = Ledger("headless", 90.0, "")
    assert ledger.report()["collections"] == {}
    ledger.collector = Collector()
    assert ledger.report()["collections"]["in_frames"] == 0


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
    monkeypatch.setattr(rings, "KEPT", 10)
    series, table = Series(), Table(("one", "two"), kept=10)
    for number in range(25):
        series.add(number)
        table.add(number, 0.0)
    assert series.last(3) == [22, 23, 24]
    assert series.last(99) == list(range(15, 25))
    assert series.summary()["max"] == 24
    assert sorted(table.rows[:, 0]) == list(range(15, 25))
    assert table.summary()["two"]["max"] == 0.0 and table.summary(zeros=False)["two"] == {}


def test_a_session_takes_no_more_memory_the_longer_it_is() -> None:
    """All rings together: written full, as after eleven minutes, they are as large as they were at first."""
    ledger = Ledger("headless", 90.0, "", passes=("a", "b"))
    steps, timer = Laps(STEPS), Drawn()

    def frames(count: int) -> None:
        for number in range(count):
            begun_s = ledger.count / 90
            ledger.frame(begun_s, begun_s + 0.004, 4.0, FrameCost(upload_bytes=1), answered=True, core_s=0.003)
            ledger.handed_over(begun_s + 0.005, 0.0)
            timer.gpu_frames = number
            ledger.rested(steps, timer, 0.0)

    frames(50)
    tracemalloc.start()
    try:
        frames(50)
        before, _ = tracemalloc.get_traced_memory()
        frames(3000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2048


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

"""The runtime goes and comes back: the same process and the same world, on the desktop meanwhile."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from visit import PATHS, Visit, apart_m
from xr_testbed.headset import RemoteState, facing
from xr_testbed.testbed import Testbed

pytestmark = [pytest.mark.xr, pytest.mark.slow]

Start = Callable[..., Visit]


@pytest.fixture
def start(small_testbed: Testbed, tiny_world: Path) -> Iterator[Start]:
    """Starts a visit; afterwards the runtime runs, whatever became of it."""
    started: list[Visit] = []
    small_testbed.headset.send(RemoteState())

    def begin(*args: str) -> Visit:
        started.append(Visit(small_testbed, tiny_world, *args))
        return started[-1]

    yield begin
    small_testbed.stop_runtime()
    small_testbed.start_runtime()
    for visit in started:
        visit.program.end()
    small_testbed.headset.send(RemoteState())


def seen_on_desktop(testbed: Testbed) -> bool:
    """Whether a window there shows a sky."""
    return float(np.ptp(testbed.desktop_picture().reshape(-1, 3).mean(axis=0))) > 0.5


def test_the_runtime_is_killed_twice_and_the_person_is_back_where_they_stood(
    small_testbed: Testbed, start: Start
) -> None:
    visit = start("--display", "auto")
    visit.when(lambda now: now["kind"] == "openxr" and now["made"] > 100 and now["feet"][1] != 0.0)
    small_testbed.headset.move(head=facing((0.4, 1.5, -0.3), yaw_deg=25))
    with visit.held("right", a_click=True):
        visit.when(lambda now: now["world"] != 0)
    with visit.held("left", thumbstick=(0.3, 1.0)):
        visit.when(lambda now: apart_m(now["feet"], [0.0, 0.0, 0.0]) > 2.0)
    visit.when(lambda now: now["room"] != 0)
    visit.frames(20)  # the new land rises under the feet
    there = visit.now
    for room_yaw_deg in (25, -70):
        small_testbed.stop_runtime()
        flat = visit.when(lambda now: now["kind"] == "window" and now["room"] == 0)
        assert "OpenXR" in flat["why"]
        assert any("headset lost" in note or "no headset" in note for note in flat["notes"])
        assert apart_m(flat["feet"][::2], there["feet"][::2]) < 0.01
        assert flat["heading"] == pytest.approx(there["heading"], abs=0.002)
        visit.frames(5)
        assert seen_on_desktop(small_testbed)
        small_testbed.start_runtime()
        small_testbed.headset.move(head=facing((-0.2, 1.5, 0.6), yaw_deg=room_yaw_deg))
        back = visit.when(lambda now: now["kind"] == "openxr" and now["room"] != 0 and len(now["hands"]) == 2)
        visit.frames(5)
        back = visit.now
        assert apart_m(back["head"][::2], there["head"][::2]) < 0.01
        assert back["world"] == there["world"]
        assert back["room"] > there["room"]
        there = back
    report = visit.leave()
    switches = report["display"]["switches"]
    assert [switch["to"] for switch in switches] == ["openxr", "window", "openxr", "window", "openxr"]
    assert all("OpenXR" in switch["why"] for switch in switches if switch["to"] == "window")
    assert all(generator["restarts"] == 0 for generator in report["generators"].values())
    assert report["person"]["did"] == {"new world": 1}


def test_it_may_start_before_the_runtime(small_testbed: Testbed, start: Start) -> None:
    small_testbed.stop_runtime()
    visit = start("--display", "auto")
    visit.when(lambda now: now["kind"] == "window" and any("no headset: " in note for note in now["notes"]))
    small_testbed.start_runtime()
    visit.when(lambda now: now["kind"] == "openxr" and now["room"] != 0)
    assert visit.now["notes"] == []
    visit.frames(5)
    report = visit.leave()
    assert [switch["to"] for switch in report["display"]["switches"]] == ["openxr"]
    assert report["frames"]["late_ms"]["p50"] > 0


def test_who_insists_on_a_headset_hears_in_a_sentence_that_there_is_none(
    small_testbed: Testbed, start: Start, tiny_world: Path
) -> None:
    small_testbed.stop_runtime()
    for environment, said in (
        ({}, "--display auto"),
        ({"XR_RUNTIME_JSON": "/nowhere.json"}, "--display auto"),
    ):
        done = small_testbed.run(
            small_testbed.python("-m", "vrgen", "run", tiny_world, "--display", "openxr", "--size", "320", "180"),
            PATHS | environment,
        )
        assert done.returncode == 1
        told = [line for line in done.stdout.splitlines() if line.startswith("vrgen: ")]
        assert len(told) == 1 and said in told[0], done.stdout
        assert "Traceback" not in done.stdout


def test_a_runtime_that_hangs_leaves_the_desktop_going_on(small_testbed: Testbed, start: Start) -> None:
    visit = start("--display", "auto")
    visit.when(lambda now: now["kind"] == "openxr" and now["made"] > 100 and now["feet"][1] != 0.0)
    visit.frames(10)
    there = visit.now
    for moment_s in (0.0, 0.02, 0.035):  # now in the wait for a frame, now in the middle of one
        time.sleep(moment_s)
        small_testbed.freeze_runtime()
        try:
            visit.when(lambda now: now["kind"] == "window" and now["room"] == 0)
            visit.frames(10)
            assert apart_m(visit.now["feet"][::2], there["feet"][::2]) < 0.01
            assert seen_on_desktop(small_testbed)
        finally:
            small_testbed.thaw_runtime()
        back = visit.when(lambda now: now["kind"] == "openxr" and now["room"] != 0)
        assert apart_m(back["head"][::2], there["head"][::2]) < 0.01
    report = visit.leave()
    assert all(generator["restarts"] == 0 for generator in report["generators"].values())

"""What the controllers do in the whole program: each is seen in the picture, told as it happens, or reported."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from said import findings
from visit import Visit, apart_m
from xr_testbed.headset import RemoteState, facing
from xr_testbed.testbed import Testbed

pytestmark = [pytest.mark.xr, pytest.mark.slow]

AHEAD = facing((0.2, 1.3, -0.5))
PER_M = 4.0
"""How far the latent is dragged by a metre of the hand, as the guide says."""


@pytest.fixture(scope="module")
def visit(small_testbed: Testbed, tiny_world: Path) -> Iterator[Visit]:
    """A visit in which the world stands; at its end, what the report and the validation layer say."""
    small_testbed.headset.send(RemoteState())
    validation = small_testbed.folder / "findings-steering.txt"
    env = small_testbed.environment(validation)
    visit = Visit(small_testbed, tiny_world, "--display", "openxr", env=env)
    visit.when(lambda now: now["made"] > 100 and len(now["hands"]) == 2 and now["feet"][1] != 0.0)
    yield visit
    if visit.program.poll() is None:
        visit.leave()
    small_testbed.headset.send(RemoteState())
    assert findings(validation) == []
    assert "_LOST" not in visit.program.said(), "Ctrl+C ends the session in order"


def sky_of(testbed: Testbed) -> npt.NDArray[np.float64]:
    """(3,) the colour of the upper middle of the left eye."""
    return np.asarray(testbed.picture()[20:120, 140:340].reshape(-1, 3).mean(axis=0), np.float64)


def settled_sky(testbed: Testbed) -> npt.NDArray[np.float64]:
    """The same when it has stopped changing."""
    before = sky_of(testbed)
    until = time.monotonic() + 40
    same = 0
    while same < 6 and time.monotonic() < until:
        time.sleep(0.3)
        now = sky_of(testbed)
        same = same + 1 if np.abs(now - before).max() < 0.5 else 0
        before = now
    return before


def turned(a_rad: float, b_rad: float) -> float:
    """From a to b, degrees, left positive."""
    return math.degrees((b_rad - a_rad + math.pi) % (2 * math.pi) - math.pi)


def test_a_flick_turns_once_by_thirty_degrees_and_the_head_stays(visit: Visit) -> None:
    before = visit.now
    with visit.held("right", thumbstick=(1.0, 0.0)):
        after = visit.when(lambda now: now["heading"] != before["heading"])
        assert turned(before["heading"], after["heading"]) == pytest.approx(-30.0, abs=0.2)
        visit.frames(3)
        assert visit.now["heading"] == after["heading"], "once a flick"
    assert apart_m(before["head"], after["head"]) < 0.01
    with visit.held("right", thumbstick=(-1.0, 0.0)):
        visit.when(lambda now: abs(turned(before["heading"], now["heading"])) < 0.2)


def test_a_teleport_lands_where_the_arc_showed(visit: Visit, small_testbed: Testbed) -> None:
    small_testbed.headset.move(right=AHEAD)
    before = visit.now
    with visit.held("right", thumbstick=(0.0, 1.0)):
        aimed = visit.when(lambda now: now["aims"] and now["landing"] is not None)
        assert apart_m(before["feet"], aimed["feet"]) < 0.01, "nobody moves while they aim"
        assert apart_m(aimed["feet"], aimed["landing"]) > 2.0
        assert aimed["landing"][2] < aimed["feet"][2] - 2.0, "ahead"
    there = visit.when(lambda now: apart_m(now["feet"], before["feet"]) > 1.0)
    assert apart_m(there["feet"], aimed["landing"]) < 0.05
    visit.when(lambda now: now["fade"] == 0.0 and not now["aims"])


def test_squeeze_and_pull_drags_the_latent_and_the_sky_with_it(visit: Visit, small_testbed: Testbed) -> None:
    small_testbed.headset.move(right=AHEAD)
    before, sky = visit.now, settled_sky(small_testbed)
    with visit.held("right", squeeze_force=1.0):
        visit.when(lambda now: now["map"])
        x, y, z = AHEAD.position_m
        for step in range(1, 6):  # a hand is nowhere at once
            small_testbed.headset.move(right=facing((x + 0.06 * step, y, z)))
            visit.frames()
    after = visit.when(lambda now: not now["map"])
    # 0.3 m to the right, in the plane that faced the head when it began: turned a little from the room's axes
    assert math.dist(after["at"], before["at"]) == pytest.approx(0.3 * PER_M, rel=0.15)
    assert after["world"] == before["world"]
    assert np.abs(settled_sky(small_testbed) - sky).max() > 8
    small_testbed.headset.move(right=AHEAD)


def test_a_new_world_is_seen_and_undo_brings_the_old_one_back(visit: Visit, small_testbed: Testbed) -> None:
    before, sky = visit.now, settled_sky(small_testbed)
    with visit.held("right", a_click=True):
        new = visit.when(lambda now: now["world"] != before["world"])
    small_testbed.picture_when(lambda _: bool(np.abs(sky_of(small_testbed) - sky).max() > 25), 40)
    assert np.abs(settled_sky(small_testbed) - sky).max() > 25
    with visit.held("right", b_click=True):
        visit.when(lambda now: now["world"] != new["world"])
    small_testbed.picture_when(lambda _: bool(np.abs(sky_of(small_testbed) - sky).max() < 4), 40)


def test_like_dislike_and_pause(visit: Visit) -> None:
    before = visit.now
    for _ in range(8):  # held for too long it is another button's
        with visit.held("left", a_click=True):
            time.sleep(0.2)
        if waited(visit, "liked", before["liked"] + 1):
            break
    assert visit.now["liked"] == before["liked"] + 1
    with visit.held("left", b_click=True):
        visit.when(lambda now: now["disliked"] == before["disliked"] + 1)
    for paused in (True, False):
        with visit.held("left", thumbstick_click=True):
            visit.when(lambda now, paused=paused: now["paused"] is paused)  # type: ignore[misc]


def test_a_trigger_picks_what_the_ray_meets_and_a_like_is_about_that(visit: Visit, small_testbed: Testbed) -> None:
    hand = (0.2, 1.3, -0.5)
    small_testbed.headset.move(right=facing(hand, pitch_deg=-30.0))
    visit.frames(3)
    with visit.held("right", trigger=1.0):
        ground = visit.when(lambda now: now["picked"] == "ground")
    assert ground["by"] == ["land"]
    # 1.3 m over the land, 30 degrees down, on gentle waves
    away = math.dist(ground["picked_at"][::2], ground["feet"][::2])
    assert away == pytest.approx(0.5 + 1.3 / math.tan(math.radians(30.0)), abs=1.0)
    assert ground["picked_at"][2] < ground["feet"][2] - 1.0, "ahead"
    small_testbed.headset.move(right=facing(hand, pitch_deg=50.0))
    visit.frames(3)
    with visit.held("right", trigger=1.0):
        assert visit.when(lambda now: now["picked"] == "sky")["by"] == ["sky"]
    with visit.held("left", b_click=True):
        visit.when(lambda now: now["said"] == ["sky.latent"])
    small_testbed.headset.move(right=AHEAD)


def test_a_controller_that_is_lost_leaves_the_other_and_is_told(visit: Visit) -> None:
    visit.change("right", active=False, hand_tracking_active=False)
    visit.when(lambda now: now["hands"] == ["left"])
    before = visit.now
    with visit.held("left", thumbstick=(0.0, 1.0)):
        visit.when(lambda now: apart_m(now["feet"], before["feet"]) > 0.3)
    visit.when(lambda now: any("the right controller was lost" in note for note in now["notes"]))
    visit.change("right", active=True, hand_tracking_active=True)
    visit.when(lambda now: now["hands"] == ["left", "right"] and now["notes"] == [])


def waited(visit: Visit, name: str, value: Any) -> bool:
    """Whether it comes to that soon."""
    try:
        visit.when(lambda now: now[name] == value, patience_s=2.0)
    except AssertionError:
        return False
    return True


def test_the_report_tells_it_all(visit: Visit) -> None:
    """Comes last: it ends the visit."""
    last = visit.now
    report = visit.leave()
    did = report["person"]["did"]
    expected = {
        "new world": 1,
        "undo": 1,
        "like": 1,
        "dislike": 2,
        "pick": 2,
        "pause": 2,
        "teleport": 1,
        "drag": 1,
    }
    assert {name: did.get(name) for name in expected} == expected
    assert report["person"]["feet_m"] == pytest.approx(last["feet"], abs=0.002)
    assert report["display"]["kind"] == "openxr" and len(report["display"]["switches"]) == 1
    if report["passes"]["gpu_ms"]["frame"]["p50"] > 1e3 / report["display"]["refresh_hz"]:
        assert report["picture"]["size_px"] == [120, 136], "half of what is asked for: it was too slow"
    assert report["generators"]["sky"]["errors"] == []

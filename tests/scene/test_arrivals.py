"""What is told of each result: taken, on the GPU, seen; once each, in that order, and never before it is so."""

import time

import numpy as np
import outputs as o
import pytest
from test_assembly import GREEN, RED, Show, land_results, sky_and_soil, standing_land, world
from test_gallery import Visit

from vrgen import contract as c
from vrgen.messages import News, Output, Person, Request
from vrgen.scene import arrivals
from vrgen.scene.assembly import Assembly

ORDER = ["taken", "resident", "seen"]


def told(show: Show, frames: int) -> list[tuple[Request, str, int]]:
    """All news of so many frames, each with the number of its frame."""
    found = []
    for number in range(frames):
        show.frame()
        found += [(request, stage, number) for request, stage in show.assembly.news]
    return found


def stages(news: list[tuple[Request, str, int]], name: str) -> list[str]:
    return [stage for request, stage, _ in news if request.generator == name]


def test_a_sky_is_seen_when_its_fade_begins_and_not_while_the_world_waits() -> None:
    show = Show(Assembly(world("sky", "soil")))
    first = (o.wish("sky"), o.wish("soil"))
    show.ask(*first)
    show.frame(sky_and_soil(first, RED))
    begun = [(request, stage, -1) for request, stage in show.assembly.news]
    news = begun + told(show, 40)
    assert stages(news, "sky") == ORDER and stages(news, "soil") == ORDER

    second = (o.wish("sky", 2, 2), o.wish("soil", 2, 3))
    show.ask(*second)
    sky, soil = sky_and_soil(second, GREEN)
    show.frame([sky])
    waiting = [(request, stage, -1) for request, stage in show.assembly.news] + told(show, 20)
    assert stages(waiting, "sky") == ["taken", "resident"], "all of a world changes together"
    show.frame([soil])
    for _ in range(40):
        show.frame()
        seen = [request for request, stage in show.assembly.news if stage == "seen"]
        if sky.request in seen:
            assert show.scene is not None
            fade = show.scene.sky
            assert fade.arriving is not None and fade.weight > 0.0, "it is in the very scene that is told of"
            break
    else:
        pytest.fail("the second sky was never seen")


def test_what_a_newer_one_overtook_is_never_seen() -> None:
    show = Show(Assembly(world("sky")))
    show.ask(o.wish("sky"))
    show.frame([o.result(o.wish("sky"), {"sky": o.sky(RED)})])
    show.frames(3.0)
    show.uploads = False
    old, new = o.wish("sky", 1, 2), o.wish("sky", 1, 3)
    for wish in (old, new):
        show.ask(wish)
        show.frame([o.result(wish, {"sky": o.sky(GREEN)})])
        show.frame()
    show.uploads = True
    seen = [request.revision for request, stage, _ in told(show, 40) if stage == "seen"]
    assert seen == [3]


def test_tiles_are_seen_when_they_rise() -> None:
    show = Show(Assembly(world("land")))
    wish = o.wish("land", tiled=True)
    show.ask(wish)
    news: list[News] = []
    for _ in range(60):
        show.frame(land_results(show, wish))
        news += show.assembly.news
    by_stage = {stage: [request.tile for request, found in news if found == stage] for stage in ORDER}
    assert len(by_stage["taken"]) == len(set(by_stage["taken"])) > 100
    assert set(by_stage["seen"]) <= set(by_stage["taken"])
    assert {(0, 0), (1, 1), (-1, 0)} <= set(by_stage["seen"])
    assert len(by_stage["seen"]) == len(set(by_stage["seen"]))
    corners = show.assembly.land.ground.corners[..., 1]
    for tile in by_stage["seen"]:
        assert tile is not None
        across = [[(tile[1] + dz) % 16, (tile[0] + dx) % 16] for dz in (0, 1) for dx in (0, 1)]
        assert max(corners[z, x] for z, x in across) > 0.0


def test_a_world_that_stands_has_no_news_and_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    show, _ = standing_land()
    show.frames(3.0)
    monkeypatch.setattr(arrivals.Arrivals, "_look_at_tiles", lambda *_: pytest.fail("nothing has changed"))
    monkeypatch.setattr(arrivals.Arrivals, "_look_at", lambda *_: pytest.fail("nothing waits"))
    assert told(show, 30) == []


def test_land_walked_away_from_waits_no_longer() -> None:
    show, wish = standing_land()
    before = len(show.assembly._arrivals._tiles)
    show.person = Person((4000.0, 0.0, 0.0))
    for _ in range(60):
        show.frame(land_results(show, wish))
    assert all(tile[0] > 100 for tile in show.assembly._arrivals._tiles)
    assert len(show.assembly._arrivals._tiles) <= before + 20


@pytest.mark.parametrize(
    "output",
    [
        o.tetrahedron(),
        o.picture((0.1, 0.5, 0.9)),
        o.of(c.LightOutput(), [1, 0.2, 0, 9, 9, 9, 0.1, 0.1, 0.1]),
        o.of(c.FogOutput(), [0.1]),
        o.of(c.PanoramaDepthOutput(shape=(1, 8, 16)), np.ones((1, 8, 16))),
        o.heightfield(o.hills((0, 0), 9, 32.0), 32.0),
    ],
    ids=["mesh", "picture", "light", "fog", "depth alone", "heights"],
)
def test_every_kind_is_seen_once(output: Output) -> None:
    show = Show(Assembly(world("one")))
    wish = o.wish("one")
    show.ask(wish)
    show.frame([o.result(wish, {"made": output})])
    news = [(request, stage, -1) for request, stage in show.assembly.news] + told(show, 40)
    assert stages(news, "one") == ORDER


def test_a_picture_of_a_gallery_is_seen_when_it_hangs() -> None:
    visit = Visit()
    found: list[News] = []
    for _ in range(2000):
        scene = visit.frame()
        found += visit.assembly.news
        if len(visit.hanging(scene)) > 8:
            break
        time.sleep(0.001)  # the pictures are painted beside the frame
    hanging = set(visit.hanging(scene))
    assert {request.variant for request, stage in found if stage == "seen"} == hanging


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MOST", 8)
    kept = arrivals.Arrivals()
    for number in range(50):
        kept.took(Request("a", 1, 1, variant=number), things=True)
        kept.took_tile(Request("b", 1, 1, tile=(number, 0)), number)
    assert len(kept._waiting) == len(kept._tiles) == 8

"""From input to the first frame that shows it: stages in order, what was overtaken, how far behind one is."""

import pytest

from vrgen.feedback import changes as module
from vrgen.feedback.changes import STAGES, Changes
from vrgen.messages import Request, Series, Timings, Wish


def made(start_s: float, offset_s: float = 0.0) -> Timings:
    """Asked 1 ms after the input, begun after 2 more, made after 30, handed after 4, found after 5."""
    s = start_s + offset_s
    return Timings(s + 0.001, s + 0.003, s + 0.033, s + 0.037, s + 0.038, s)


def show(changes: Changes, request: Request, start_s: float, offset_s: float = 0.0) -> None:
    changes.whole([(request, made(start_s, offset_s))])
    changes.became([(request, "taken")], start_s + 0.040)
    changes.showed(start_s + 0.041)
    changes.became([(request, "resident")], start_s + 0.050)
    changes.became([(request, "seen")], start_s + 0.060)
    changes.showed(start_s + 0.061)


@pytest.mark.parametrize("offset_s", [0.0, 1000.0])
def test_the_stages_of_one_change(offset_s: float) -> None:
    """However far the clock of other processes is from the frame's."""
    changes = Changes(monotonic_s=offset_s)
    show(changes, Request("sky", 1, 1), 5.0, offset_s)
    (change,) = changes.finished
    assert change.generator == "sky" and change.times_s[0] == pytest.approx(5.0)
    assert list(change.times_s) == sorted(change.times_s)
    assert change.stages_ms == pytest.approx([1, 2, 30, 5, 2, 10, 11])
    assert change.total_ms == pytest.approx(61)
    told = changes.stages_ms("sky")
    assert set(told) == {*STAGES, "total"} and told["infer"]["p50"] == pytest.approx(30, abs=1e-3)
    assert changes.stages_ms()["total"]["max"] == pytest.approx(61, abs=1e-3)
    assert changes.stages_ms("land") == {}
    changes.showed(6.0)
    assert changes.finished == [] and changes.shown == 1 and changes.last is change


def test_nothing_is_shown_before_a_picture_is() -> None:
    changes = Changes()
    request = Request("sky", 1, 1)
    changes.whole([(request, made(0.0))])
    changes.became([(request, "taken"), (request, "resident"), (request, "seen")], 0.1)
    assert changes.shown == 0
    changes.showed(7.0)
    assert changes.finished[0].times_s[-1] == 7.0


def test_a_result_that_the_scene_had_before_it_was_whole() -> None:
    changes = Changes()
    request = Request("sky", 1, 1)
    changes.became([(request, "taken")], 0.036)
    changes.whole([(request, made(0.0))])
    changes.became([(request, "resident"), (request, "seen")], 0.060)
    changes.showed(0.061)
    (change,) = changes.finished
    assert list(change.times_s) == sorted(change.times_s) and len(change.stages_ms) == len(STAGES)


def test_what_a_later_one_overtook_is_counted_and_forgotten() -> None:
    changes = Changes()
    for revision in (1, 2, 3, 4):
        changes.whole([(Request("sky", 1, revision), made(revision))])
    later = Request("sky", 1, 3)
    changes.became([(later, "taken"), (later, "resident"), (later, "seen")], 4.0)
    changes.showed(4.1)
    assert (changes.shown, changes.overtaken) == (1, 2)
    newest = Request("sky", 1, 4)
    changes.became([(newest, "taken"), (newest, "resident"), (newest, "seen")], 5.0)
    changes.showed(5.1)
    assert (changes.shown, changes.overtaken) == (2, 2)


def test_how_old_what_is_seen_is() -> None:
    changes = Changes()
    assert changes.age_s(9.0) == 0.0
    first = {
        "sky": Wish("sky", 1, 1),
        "land": Wish("land", 1, 2, tiled=True),
        "wall": Wish("wall", 1, 3, series=Series(())),
    }
    changes.wished({}, first, 10.0)
    assert changes.age_s(10.5) == pytest.approx(0.5)
    second = first | {"sky": Wish("sky", 1, 4)}
    changes.wished(first, second, 11.0)
    show(changes, Request("sky", 1, 1), 10.0)
    assert changes.age_s(11.5) == pytest.approx(0.5), "the first is seen, the second is asked for since 11"
    show(changes, Request("sky", 1, 4), 11.0)
    assert changes.age_s(12.0) == 0.0, "land and pictures on the way do not count"
    changes.wished(second, second | {"sky": Wish("sky", 2, 5)}, 13.0)
    changes.gave_up(["sky"])
    assert changes.age_s(14.0) == 0.0


def test_what_is_open_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_MOST_OPEN", "_MOST_VERSIONS", "_MOST_BEHIND"):
        monkeypatch.setattr(module, name, 8)
    changes = Changes()
    before: dict[str, Wish] = {}
    for number in range(100):
        changes.whole(
            [(Request("land", 1, 1, tile=(number, 0)), made(number)), (Request("sky", 1, number), made(number))]
        )
        wishes = {"sky": Wish("sky", 1, number)}
        changes.wished(before, wishes, number)
        before = wishes
    assert len(changes._open) == 8 and all(len(versions) <= 9 for versions in changes._open.values())
    assert len(changes._behind["sky"]) == 8
    assert changes.age_s(100.0) == pytest.approx(100.0), "the oldest is what counts"

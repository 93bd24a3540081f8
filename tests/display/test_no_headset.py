"""Who has no headset is told so once; who had one is warned; and a runtime that breaks is a warning to anyone."""

import pytest

from vrgen.clock import StepClock
from vrgen.display.headless import HeadlessDisplay
from vrgen.display.openxr.display import OpenXrDisplay
from vrgen.display.openxr.watch import Sighting, Watch

NONE = Sighting(False, "the runtime sees no headset; plug it in and wake it up")
CRASHED = Sighting(False, "the OpenXR runtime or one of its layers ended with signal 6", broken=True)


def told(monkeypatch: pytest.MonkeyPatch, seen: Sighting, had: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is told plainly, and what as a warning."""
    monkeypatch.setattr(Watch, "look", lambda watch: seen)
    clock = StepClock(1 / 60)
    display = OpenXrDisplay(HeadlessDisplay((64, 36), clock=clock), clock=clock)
    display._had = had
    with display:
        for frame in display.frames():
            frame.end(drawn=False)
            return display.info, display.notes
    raise AssertionError


@pytest.mark.usefixtures("gl_context")
def test_none_where_there_was_none_is_no_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, NONE, had=False) == ((f"no headset: {NONE.problem}",), ())
    assert told(monkeypatch, NONE, had=True) == ((), (f"no headset: {NONE.problem}",))
    assert told(monkeypatch, CRASHED, had=False) == ((), (f"no headset: {CRASHED.problem}",))

"""The choice of a display."""

from typing import Any, cast

import pytest

from vrgen.clock import StepClock
from vrgen.config import RunOptions
from vrgen.display import open_display
from vrgen.errors import DisplayError, UsageError


@pytest.fixture
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def test_auto_falls_back_to_headless_and_says_why(no_screen: None) -> None:
    display, refused = open_display(RunOptions(size=(32, 32)), StepClock(0.1))
    with display:
        assert display.kind == "headless"
    assert [sentence.split(":")[0] for sentence in refused] == ["openxr", "window"]
    assert "no screen" in refused[1]


@pytest.mark.parametrize("kind", ["window", "openxr"])
def test_insisting_fails_with_a_remedy(no_screen: None, kind: Any) -> None:
    with pytest.raises(DisplayError, match="--display"):
        open_display(RunOptions(display=kind))


def test_unknown_display_is_a_wrong_call() -> None:
    with pytest.raises(UsageError, match=r"hologram.*openxr, window, headless"):
        open_display(RunOptions(display=cast(Any, "hologram")))

"""Who waits hears how far it is: a bar on a terminal, a plain line now and then elsewhere."""

import io

import pytest
from rich.console import Console

from vrgen import progress
from vrgen.progress import Progress, spoken


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Progress(clock) as shown:
        for second in range(41):
            clock.now_s = 100.0 + second
            assert shown.due == (second in (5, 15, 25, 35))
            if second < 20:
                shown.at("waiting")
            else:
                shown.at("drawing", (second - 20) / 40, f"{second - 20} of 40")
    out, said = capsys.readouterr()
    assert out == ""
    assert said.splitlines() == [
        "… waiting: 5 s so far",
        "… waiting: 15 s so far",
        "… drawing: 5 of 40, about 35 s left",
        "… drawing: 15 of 40, about 25 s left",
    ]


def test_what_is_soon_over_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Progress(clock) as shown:
        shown.at("drawing", 0.5, "1 of 2")
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, clock = io.StringIO(), Clock()
    monkeypatch.setattr(progress, "on_terminal", lambda: True)
    monkeypatch.setattr(
        "rich.console.Console", lambda stderr: Console(file=screen, force_terminal=True, width=100, stderr=stderr)
    )
    with Progress(clock) as shown:
        for second in range(11):
            clock.now_s = 100.0 + second
            shown.at("drawing [red] things", second / 20, f"{second} of 20")
    said = screen.getvalue()
    assert "drawing [red] things" in said and "10 of 20, about 10 s left" in said and "━" in said


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (7.4, "7 s"), (42, "40 s"), (100, "2 min"), (590, "10 min")]
)
def test_round_words(seconds: float, words: str) -> None:
    assert spoken(seconds) == words

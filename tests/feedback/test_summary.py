"""What a run says when it is over."""

from pathlib import Path

from vrgen.config import RunOptions
from vrgen.feedback.ledger import Ledger
from vrgen.feedback.summary import summary_lines
from vrgen.messages import GeneratorStatus, Phase


def ledger(kind: str) -> Ledger:
    made = Ledger(kind, 90.0, "OpenGL 4.5")
    made.first_frame(0.414)
    for number in range(3):
        made.frame(number / 90, number / 90 + 0.001, 1.0)
    return made


STATUS = GeneratorStatus(name="sky", phase=Phase.READY, results=2)


def test_files_are_named_where_they_were_asked_for() -> None:
    options = RunOptions(display="headless", screenshot=Path("out/a.png"), report=Path("r.json"))
    assert summary_lines("Valley", options, ledger("headless"), [STATUS]) == (
        "Valley: headless at 1280x720 (as asked), 3 frames, first frame after 0.41 s; made: sky 2",
        f"wrote {Path('out/a.png')}, r.json",
    )


def test_frames_of_settling_are_not_counted_as_the_visit_s() -> None:
    (line,) = summary_lines("Valley", RunOptions(settle=True), ledger("headless"), [STATUS])
    assert "3 frames" not in line and "first frame after 0.41 s" in line


def test_the_display_that_auto_chose_and_changes_of_it() -> None:
    seen = ledger("window")
    (line,) = summary_lines("Valley", RunOptions(), seen, [])
    assert "on the display window (the first that answered)" in line and "made: nothing" in line
    seen.shows("headless", 90.0, "OpenGL 4.5", why="the window was closed")
    (line,) = summary_lines("Valley", RunOptions(), seen, [])
    assert "it changed on the way: headless" in line

"""The last seconds as the panel's graph has them: frozen data, made from the ledger when the graph is due."""

from dataclasses import dataclass

from vrgen.feedback.ledger import Ledger
from vrgen.feedback.missed import CAUSES

SECONDS, COLUMNS = 6.0, 90
STEPS_A_PERIOD = 4
"""How finely the graph tells how long frames took: a graph that looks the same need not be drawn again."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How evenly frames came lately, and what was seen last. Equal ones look the same."""

    seconds: float = 0.0
    columns: int = 1
    """How many there are when all of `seconds` has passed."""
    heights: tuple[int, ...] = ()
    """Of each few frames the longest, in parts of the display's period; oldest first."""
    causes: tuple[int, ...] = ()
    """By column, 0 or 1 + why a frame was missed (`missed.CAUSES`)."""
    missed_by: tuple[int, ...] = ()
    """How many of these frames were late, by cause."""
    change: tuple[str, tuple[float, ...]] | None = None
    """What it was, and its `STAGES`, ms."""


def pace_of(ledger: Ledger) -> Pace:
    """How the last `SECONDS` went."""
    intervals_ms, causes = ledger.recent(SECONDS)
    a_column = max(1, round(SECONDS / ledger.period_s / COLUMNS))
    end = len(intervals_ms) - ledger.interval_ms.count % a_column  # columns move on as wholes
    firsts = range(end % a_column, end, a_column)
    a_step_ms = ledger.period_s * 1e3 / STEPS_A_PERIOD
    last = ledger.changes.last
    return Pace(
        SECONDS,
        COLUMNS,
        tuple(round(max(intervals_ms[i : i + a_column]) / a_step_ms) for i in firsts),
        tuple(max(causes[i : i + a_column]) for i in firsts),
        tuple(causes[firsts.start : end].count(1 + i) for i in range(len(CAUSES))),
        None if last is None else (last.name, last.stages_ms),
    )

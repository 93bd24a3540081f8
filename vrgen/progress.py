"""How far something long has come, on standard error: a bar on a terminal, elsewhere a plain line now and then."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

FIRST_S, EVERY_S = 5.0, 10.0
"""When the first plain line comes, and how long it is to the next: what is soon over says nothing."""
REDRAW_S = 0.2
_SURE_S, _SURE = 2.0, 0.02
"""After so long, and such a share, it is told how much time is left."""


def on_terminal() -> bool:
    """Whether a person reads standard error as it comes."""
    return sys.stderr.isatty()


class Progress:
    """A context manager. `clock`: seconds that go forwards."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._bar: Bar | None = None
        self._next_s = 0.0
        self._stage: str | None = None
        self._began = (0.0, 0.0)
        """When the stage began, and how much of it was there then."""

    def __enter__(self) -> Self:
        self._next_s = self._clock() + (REDRAW_S if on_terminal() else FIRST_S)
        return self

    def _begun(self) -> "Bar":
        """The bar. rich comes with it, not before."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        words, more = (TextColumn(f"{{task.{name}}}", markup=False) for name in ("description", "fields[more]"))
        bar = Progress(words, BarColumn(), more, console=Console(stderr=True), transient=True, auto_refresh=False)
        self._task = bar.add_task("", total=None, more="")
        bar.start()
        return bar

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    @property
    def due(self) -> bool:
        """Whether what `at` says now would be shown."""
        return self._clock() >= self._next_s

    def at(self, stage: str, share: float | None = None, words: str = "") -> None:
        """`stage`: what is being done, and how much of that is over, from 0 to 1, if that is known; `words`: the
        same in numbers. Costs a look at the clock as long as nothing is due."""
        now_s = self._clock()
        if stage != self._stage:
            self._stage, self._began = stage, (now_s, share or 0.0)
        if now_s < self._next_s:
            return
        more = ", ".join(part for part in (words, self._left(share, now_s)) if part)
        if not on_terminal():
            self._next_s = now_s + EVERY_S
            print(f"… {stage}{': ' if more else ''}{more}", file=sys.stderr, flush=True)
            return
        self._next_s = now_s + REDRAW_S
        self._bar = self._bar or self._begun()
        total = None if share is None else 1.0
        self._bar.update(self._task, description=stage, total=total, completed=share or 0.0, more=more)
        self._bar.refresh()

    def _left(self, share: float | None, now_s: float) -> str:
        since_s, before = self._began
        if share is None:
            return f"{now_s - since_s:.0f} s so far" if now_s - since_s >= _SURE_S else ""
        gained = share - before
        if now_s - since_s < _SURE_S or gained < _SURE:
            return ""
        return f"about {spoken((now_s - since_s) * (1 - share) / gained)} left"


def spoken(seconds: float) -> str:
    """A length of time in round words: "40 s", "3 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds / 5) * 5) if seconds > 10 else max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min"

"""Every change from what the person did to the first frame that shows it, and how far what is seen is behind.

A *change* is one result: a sky, a tile, a mesh. Times are seconds of one clock (time.perf_counter).
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vrgen.feedback.rings import Table
from vrgen.messages import News, Request, Tile, Timings, Wish

STAGES = ("request", "queue", "infer", "hand_off", "assets", "upload", "show")
"""input → asked for → the call begins → returns → the frame has all of it → assets → on the GPU → first seen."""
_TIMES = len(STAGES) + 1
_INPUT, _SUBMITTED, _STARTED, _MADE, _HANDED, _TAKEN, _RESIDENT, _SHOWN = range(_TIMES)
_KEPT = 2048
"""Changes kept of each generator, and of all together."""
_MOST_OPEN = 512
"""Results that may be on their way to being seen; beyond that the oldest are forgotten."""
_MOST_VERSIONS, _MOST_BEHIND = 64, 1024
"""Of one thing that may be open; of what a generator is asked for and that is not seen."""

_Key = tuple[str, Tile | None, int]
_Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Change:
    """One result that is seen. `times_s`: input, submitted, started, made, handed, taken, resident, shown."""

    number: int
    generator: str
    tile: Tile | None
    variant: int
    times_s: tuple[float, ...]

    @property
    def name(self) -> str:
        """For people: "sky", "land 3,-2", "rock 4"."""
        part = (
            f" {self.tile[0]},{self.tile[1]}" if self.tile is not None else f" {self.variant}" * (self.variant > 0)
        )
        return self.generator + part

    @property
    def stages_ms(self) -> tuple[float, ...]:
        """In the order of `STAGES`."""
        return tuple((b - a) * 1e3 for a, b in zip(self.times_s, self.times_s[1:]))

    @property
    def total_ms(self) -> float:
        return (self.times_s[-1] - self.times_s[0]) * 1e3


class Changes:
    """Gathers them. `monotonic_s`: time.monotonic less time.perf_counter, for the times of other processes."""

    def __init__(self, monotonic_s: float = 0.0) -> None:
        self.monotonic_s = monotonic_s
        self._open: dict[_Key, dict[_Version, list[float]]] = {}
        self._seen: list[tuple[_Key, _Version]] = []
        self._behind: dict[str, deque[tuple[_Version, float]]] = {}
        self._all = Table((*STAGES, "total"), _KEPT)
        self._by_generator: dict[str, Table] = {}
        self.shown = self.overtaken = 0
        self.last: Change | None = None
        self.finished: list[Change] = []
        """Those that the last frame was the first to show."""

    # --- what is wanted -----------------------------------------------------------------------------------

    def wished(self, before: Mapping[str, Wish], wishes: Mapping[str, Wish], input_s: float) -> None:
        """What is wanted has changed. Land and pictures along a way are never all seen: they do not count as
        behind."""
        for name, wish in wishes.items():
            if before.get(name) is wish or wish.tiled or wish.series is not None:
                continue
            behind = self._behind.setdefault(name, deque())
            if len(behind) == _MOST_BEHIND:
                behind.pop()
            behind.append(((wish.epoch, wish.revision), input_s))

    def gave_up(self, generators: Iterable[str]) -> None:
        """Those that will not answer: nobody waits for them."""
        for name in generators:
            self._behind.pop(name, None)

    def age_s(self, now_s: float) -> float:
        """How old what is seen is: since the first thing that the person did and that it does not show yet; 0
        where it shows all."""
        if not self._behind:
            return 0.0
        return now_s - min(behind[0][1] for behind in self._behind.values())

    # --- what comes ---------------------------------------------------------------------------------------

    def whole(self, results: Iterable[tuple[Request, Timings]]) -> None:
        """The frame has all of these."""
        for request, told in results:
            times = self._times(request)
            since_s = self.monotonic_s
            times[_INPUT] = (told.input_s or told.submitted_s) - since_s
            times[_SUBMITTED] = told.submitted_s - since_s
            times[_STARTED], times[_MADE] = told.started_s - since_s, told.made_s - since_s
            times[_HANDED] = told.polled_s - since_s

    def became(self, news: Iterable[News], now_s: float) -> None:
        """What the scene has made of them by now."""
        for request, stage in news:
            version = (request.epoch, request.revision)
            if stage == "taken":
                self._times(request)[_TAKEN] = now_s
            elif version in (versions := self._open.get(request.key, {})):
                if stage == "resident":
                    versions[version][_RESIDENT] = now_s
                else:
                    self._seen.append((request.key, version))

    def showed(self, shown_s: float) -> None:
        """A picture was handed to the display: what was seen by now is in it."""
        if self.finished:
            self.finished = []
        if not self._seen:
            return
        for key, version in self._seen:
            versions = self._open.pop(key, {})
            times = versions.pop(version, None)
            if times is None:
                continue
            self.overtaken += sum(other < version for other in versions)
            if later := {other: kept for other, kept in versions.items() if other > version}:
                self._open[key] = later
            self._finish(key, version, times, shown_s)
        self._seen = []

    def _finish(self, key: _Key, version: _Version, times: list[float], shown_s: float) -> None:
        name, tile, variant = key
        behind = self._behind.get(name)
        if behind is not None:
            while behind and behind[0][0] <= version:
                behind.popleft()
            if not behind:
                del self._behind[name]
        if not times[_MADE]:
            return  # nobody told when it was made
        times[_SHOWN] = shown_s
        for i in range(1, _TIMES):  # what a frame learned late, or not at all, took no time
            times[i] = max(times[i], times[i - 1])
        self.shown += 1
        change = Change(self.shown, name, tile, variant, tuple(times))
        self.last = change
        self.finished.append(change)
        if name not in self._by_generator:
            self._by_generator[name] = Table(self._all.names, _KEPT)
        row = (*change.stages_ms, change.total_ms)
        self._by_generator[name].add(*row)
        self._all.add(*row)

    def _times(self, request: Request) -> list[float]:
        if request.key not in self._open and len(self._open) >= _MOST_OPEN:
            del self._open[next(iter(self._open))]
        versions = self._open.setdefault(request.key, {})
        if len(versions) > _MOST_VERSIONS:
            del versions[next(iter(versions))]
        return versions.setdefault((request.epoch, request.revision), [0.0] * _TIMES)

    # --- what is told -------------------------------------------------------------------------------------

    def stages_ms(self, generator: str | None = None) -> dict[str, dict[str, float]]:
        """p50, p95, p99 and max of each stage and of the total; of one generator or of all."""
        table = self._all if generator is None else self._by_generator.get(generator)
        return {} if table is None else table.summary()

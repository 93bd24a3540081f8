"""The generators of a world as the frame sees them: say what is wanted, look what has come. Neither waits.

Behind it stands one worker process. It may be slow, hang, be stopped or die: `submit` and `poll` cost the frame
the same, what was made stays, and the worker is started again and finds the newest wishes where it left them.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from vrgen.config import World
from vrgen.contract import Manifest
from vrgen.errors import UsageError, VrgenError
from vrgen.generator import child, knobs
from vrgen.generator.landing import Copies, Landing, Raws
from vrgen.generator.manifest import read_manifest
from vrgen.generator.process import Supervisor
from vrgen.generator.protocol import (
    CALLING,
    IDLE,
    LOADING,
    OFF,
    Board,
    Lent,
    Made,
    Noted,
    Ready,
    Report,
    Tuned,
    pack,
)
from vrgen.generator.seat import Seat
from vrgen.generator.shared import Arrival, Message, Segment
from vrgen.messages import Generated, GeneratorStatus, Knob, Request, Tile, Timings

_WATCH_S = 0.02
_LOOK_S = 0.5

Key = tuple[str, Tile | None, int]


class Ask(NamedTuple):
    """One asking for one result. Left out of a list and asked for again, it gets another serial number."""

    serial: int
    since_s: float
    input_s: float


@dataclass
class _Arriving:
    """A result whose data may still be on its way. `given`: out of `poll` already."""

    made: Generated
    arrival: Arrival
    given: bool = False


Ident = tuple[Key, int, int]
"""A request's key, epoch and revision."""
Asked = dict[Ident, Ask]


class Generators:
    """All generators of a world. A context manager; nothing waits for the worker that it starts.

    Args:
        device: "auto", "cpu" or "cuda".
        precise: models are called in float32; else a faster way is looked for while nothing is wanted.
        call_timeout_s: a call that takes longer is taken for hung; the worker is ended and started again.
        memory_mb: the worker is ended when it takes more; on Linux without CUDA its allocations fail before that.
        arena_mb: results that may wait in shared memory at once; a single larger one still passes.
        at_once: the worker starts when this is entered, else when `start` is called.
    """

    def __init__(
        self,
        world: World,
        *,
        device: str = "auto",
        precise: bool = False,
        call_timeout_s: float = 30.0,
        memory_mb: int = 6144,
        arena_mb: int = 256,
        at_once: bool = True,
    ) -> None:
        self._seats = {
            name: Seat(number, name, config, config.checkpoint, precise)
            for number, (name, config) in enumerate(world.generators.items())
        }
        self._asked_device = device
        self._call_timeout_s = call_timeout_s
        self._memory_mb = memory_mb
        self._arena_mb = arena_mb
        self._at_once = at_once
        self._segment: Segment | None = None
        self._requests: tuple[Request, ...] = ()
        self._asked: Asked = {}
        self._serial = 0
        self._answered: dict[Key, tuple[int, int, int]] = {}
        self._letters: dict[int, tuple[tuple[Request, ...], Asked]] = {}
        self._dirty = False
        self._arriving: _Arriving | None = None
        self._next_look_s = self._next_watch_s = self._peak_mb = 0.0
        self._knobs: tuple[Knob, ...] | None = None
        self._open: dict[Ident, str] | None = None
        """Requests that are not answered yet, and whose they are; None: to be found out anew."""
        self._waiting: dict[str, int] = {}
        """How many of them each generator has."""
        self._status: tuple[GeneratorStatus, ...] = ()
        self._status_of: tuple[int, int, int] | None = None
        self.whole: tuple[tuple[Request, Timings], ...] = ()
        """Results that the last `poll` found whole, given out by it or by one before, with all their times."""
        self.remarks: dict[str, tuple[str, ...]] = {}
        """By prompt, what the person should know of how it was read; only of those of which there is something."""
        self.device: str | None = None
        """Where the generators run ("cpu", "cuda:0"), once one has loaded."""
        self.why_there = ""
        """Why that is not the card that OpenGL draws on, as a sentence; empty when it is, or there is no other."""
        self._drawn_on: tuple[str, ...] | None = None
        self._landing = Landing()
        self._stage = OFF

    def __enter__(self) -> "Generators":
        self._segment = Segment(Board.size())
        self._board = Board(self._segment, self._arena_mb)
        for seat in self._seats.values():
            seat.choose(seat.config.checkpoint)
            try:
                seat.manifest = read_manifest(seat.path)
            except VrgenError as error:
                seat.load_failed(seat.wanted or "", str(error))
        arguments: dict[str, object] = {
            "arena_mb": self._arena_mb,
            "device": self._asked_device,
            "memory_mb": self._memory_mb,
            "threads": max(1, child.cores() - 1),  # a core stays with the frame
        }
        self._supervisor = Supervisor(
            self._segment,
            self._board,
            arguments,
            call_timeout_s=self._call_timeout_s,
            memory_mb=self._memory_mb,
            at_once=self._at_once,
        )
        self._write()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker and let go of the shared memory; arrays that are still held stay valid."""
        if self._segment is not None:
            self._peak_mb = self._supervisor.peak_mb
            self._supervisor.close()
            self._board.arena.recover()  # who waits for a result that was arriving must not wait for ever
            self._arriving, self._landing = None, Landing()
            del self._supervisor
            del self._board
            self._segment.close()
            self._segment = None

    def start(self) -> None:
        """Start the worker where that was not done at once; any further call does nothing."""
        self._supervisor.start()

    # --- what the app calls every frame -------------------------------------------------------------------

    def submit(self, requests: Sequence[Request], input_s: float = 0.0) -> None:
        """Say what is wanted: the whole list, most wanted first. An unchanged list costs nothing. Never waits.

        A request stays listed until its result has come; to have the same thing made again, leave it out once.
        `input_s`: when the person did what brought the new ones about (time.monotonic); it comes back in
        `Timings`.

        Raises:
            UsageError: a request names no generator of this world.
        """
        if self._segment is None or _same(requests, self._requests):
            return
        now = time.monotonic()
        asked: Asked = {}
        for request in requests:
            seat = self._seats.get(request.generator)
            if seat is None:
                raise UsageError(
                    f"a request names the generator '{request.generator}', the world has "
                    f"{', '.join(self._seats)}; correct the name"
                )
            ident = (request.key, request.epoch, request.revision)
            ask = self._asked.get(ident)
            if ask is None:
                self._serial += 1
                seat.requests += 1
                ask = Ask(self._serial, now, input_s)
            asked[ident] = ask
            seat.epoch = max(seat.epoch, request.epoch)
        self._requests, self._asked, self._open = tuple(requests), asked, None
        keys = {request.key for request in requests}
        self._answered = {key: ident for key, ident in self._answered.items() if key in keys}
        self._write()

    def poll(self, *, arriving: bool = False) -> tuple[Generated, ...]:
        """What has come since the last call, oldest first, less what is out of date. Never waits.

        Arrays are read-only views of shared memory; their place is used again when the last view is gone.

        Args:
            arriving: give a large result out, once, before it is whole: `Output.arrival` says how far it is, or
                that it is lost and will come again. Tiles are whole always.
        """
        if self._segment is None:
            self.whole = ()
            return ()
        now = time.monotonic()
        if now >= self._next_watch_s:
            self._next_watch_s = now + _WATCH_S
            self._look_after(now)
        # Before the messages: what was answered from an older letter lies in the arena by now.
        reading = self._board.mailbox.reading
        self._landing.put(self._board.arena.take())
        messages = self._landing.take()
        self.whole = ()
        # Where there are messages behind what was arriving, it is whole or lost by now, and comes first.
        came = self._arrived(now)
        for report, message, raws in messages:
            self._receive(report, message, raws, now)
            came += self._arrived(now)
        one = self._arriving
        if arriving and one is not None and not one.given and one.made.request.tile is None:
            one.given = True
            came.append(one.made)
        for refused in self._landing.refused:
            self._ask_again(refused)
        self._landing.refused.clear()
        oldest = min(reading, self._landing.oldest)
        self._letters = {v: letter for v, letter in self._letters.items() if v >= oldest}
        self._dirty |= self._landing.stage != self._stage
        if self._dirty:
            self._write()
        return tuple(came)

    @property
    def status(self) -> tuple[GeneratorStatus, ...]:
        """How each generator fares, in the world's order; the same object while nothing has changed, `busy_s` by a
        tenth of a second."""
        what, number, since_s = self._board.state if self._segment else (IDLE, -1, 0.0)
        busy_s = max(0.0, time.monotonic() - since_s) if what in (CALLING, LOADING) else 0.0
        if self._status_of != (what, number, int(10 * busy_s)):
            restarted = self._segment is not None and self._supervisor.deaths > 0
            waiting = self._waits()
            self._status = tuple(
                seat.status(
                    restarted=restarted,
                    calling=what == CALLING and number == seat.number,
                    busy_s=busy_s if number == seat.number else 0.0,
                    waiting=waiting[seat.name],
                )
                for seat in self._seats.values()
            )
            self._status_of = (what, number, int(10 * busy_s))
        return self._status

    # --- what the app asks now and then -------------------------------------------------------------------

    @property
    def manifests(self) -> Mapping[str, Manifest]:
        """By generator; a bare module's is there when it has loaded."""
        return {seat.name: seat.manifest for seat in self._seats.values() if seat.manifest is not None}

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """What a person can steer, without what the world fixes."""
        if self._knobs is None:
            fixed = {seat.name: seat.config.fixed for seat in self._seats.values()}
            self._knobs = knobs.knobs(self.manifests, fixed)
        return self._knobs

    def version(self, name: str) -> int:
        """Goes up when another file (or the same, changed) has taken the place of the one that ran."""
        return self._seats[name].version

    def swap(self, name: str, path: Path) -> None:
        """Load another checkpoint in place of a running one; if it can't be, the old one goes on.

        Raises:
            UsageError: there is no generator of that name.
        """
        seat = self._seats.get(name)
        if seat is None:
            raise UsageError(f"no generator '{name}', the world has {', '.join(self._seats)}; choose one of them")
        seat.attempt += 1
        seat.choose(path.resolve())
        self._changed()

    def drawn_on(self, uuids: tuple[str, ...]) -> None:
        """On which cards OpenGL draws (`vrgen.gl.card.uuids`): the generators take the same, if it computes."""
        self._drawn_on = uuids
        self._changed()

    def land_by(self, copies: Copies) -> None:
        """Let large results come by the card, as far as `copies` can. On the GL thread, as `poll` from then on."""
        self._landing.copies = copies

    @property
    def copies(self) -> Copies | None:
        """What results come by from the card, or would."""
        return self._landing.copies

    def missed(self, frames: int) -> None:
        """How many frames were missed since the beginning that the generators may be to blame for."""
        if self._segment is not None:
            self._board.set_missed(frames)

    @property
    def steps_back(self) -> int:
        """How far the worker gives way because frames were missed: 0 not at all."""
        return self._board.step if self._segment is not None else 0

    @property
    def worker_pid(self) -> int | None:
        return self._supervisor.pid if self._segment else None

    @property
    def worker_rss_mb(self) -> float:
        return self._supervisor.rss_mb if self._segment else 0.0

    @property
    def worker_peak_mb(self) -> float:
        """The most memory that a worker was seen to take."""
        return self._supervisor.peak_mb if self._segment else self._peak_mb

    # --- letters out, reports in --------------------------------------------------------------------------

    def _changed(self) -> None:
        self._dirty, self._open, self._status_of = True, None, None

    def _waits(self) -> Mapping[str, int]:
        """How many requests each generator has not answered yet."""
        if self._open is None:
            self._open = {
                (request.key, request.epoch, request.revision): request.generator
                for request in self._requests
                if self._is_open(request)
            }
            counted = Counter(self._open.values())
            self._waiting = {name: counted[name] for name in self._seats}
        return self._waiting

    def _answer(self, request: Request) -> None:
        """It is answered, by a result or by an error."""
        ident = (request.key, request.epoch, request.revision)
        self._answered[request.key] = (request.epoch, request.revision, self._seats[request.generator].version)
        if self._open is not None and self._open.pop(ident, None) is not None:
            self._waiting[request.generator] -= 1

    def _is_open(self, request: Request) -> bool:
        version = self._seats[request.generator].version
        return self._answered.get(request.key) != (request.epoch, request.revision, version)

    def _write(self) -> None:
        uses = [use for seat in self._seats.values() if (use := seat.use())]
        usable = {use.name for use in uses}
        todo = [
            (i, self._asked[request.key, request.epoch, request.revision].serial, request)
            for i, request in enumerate(self._requests)
            if request.generator in usable and self._is_open(request)
        ]
        mailbox = self._board.mailbox
        self._stage = self._landing.stage
        version = mailbox.put(pack(uses, todo, self._drawn_on, self._stage))
        # The worker can't have read what lies between: it announces a letter before it reads it (mailbox.py).
        reading = mailbox.reading
        self._letters = {v: letter for v, letter in self._letters.items() if v <= reading}
        self._letters[version] = (self._requests, self._asked)
        self._dirty, self._status_of = False, None
        self._supervisor.ring()

    def _receive(self, report: Report, message: Message, raws: Raws, now: float) -> None:
        self._status_of = None
        if isinstance(report, Made):
            self._made(report, message, raws, now)
            return
        if isinstance(report, Noted):
            self.remarks[report.prompt] = report.remarks
            return
        assert not isinstance(report, Lent)  # for the landing alone
        seat = self._seats[report.generator]
        if isinstance(report, Tuned):
            seat.tuned = report
        elif isinstance(report, Ready):
            seat.tuned = None
            seat.load_succeeded(report.stamp, report.manifest)
            self.device, self.why_there, self._knobs = report.device, report.why_there, None
            self._changed()
        elif report.stamp is not None:
            seat.load_failed(report.stamp, report.error)
            self._changed()
        else:
            seat.fail(report.error)
            seat.blamed = 0
            if report.version in self._letters:
                request = self._letters[report.version][0][report.index]
                self._answer(request)

    def _ask_again(self, report: Made) -> None:
        """The worker has made it, and it can't be had: under another serial number it makes it anew."""
        letter = self._letters.get(report.version)
        if letter is not None:
            request = letter[0][report.index]
            ident = (request.key, request.epoch, request.revision)
            if ident in self._asked:
                self._serial += 1
                self._asked[ident] = self._asked[ident]._replace(serial=self._serial)
                self._changed()

    def _made(self, report: Made, message: Message, raws: Raws, now: float) -> None:
        letter = self._letters.get(report.version)
        if letter is None:
            return
        request = letter[0][report.index]
        ask = letter[1][request.key, request.epoch, request.revision]
        seat = self._seats[request.generator]
        seat.blamed, seat.failing = 0, False
        seat.took((report.made_s - report.started_s) * 1000)
        times = Timings(ask.since_s, report.started_s, report.made_s, 0.0, now, ask.input_s)
        self._arriving = _Arriving(
            Generated(request, seat.outputs(message, report.parts, raws), times), message.arrival
        )

    def _arrived(self, now: float) -> list[Generated]:
        """What was arriving, if it is whole now, still wanted, and not given out before."""
        one = self._arriving
        if one is None:
            return []
        request, times = one.made.request, one.made.timings
        seat = self._seats[request.generator]
        stale = request.epoch < seat.epoch
        if not (stale or one.arrival.lost or one.arrival.whole):
            return []
        self._arriving = self._status_of = None
        if one.arrival.lost:
            return []  # never answered: it is in the letter to the next worker
        self._supervisor.deaths = 0
        if stale:
            seat.stale += 1
            return []
        self._answer(request)
        seat.results += 1
        seat.age_ms.append((now - times.submitted_s) * 1000)
        handed_s = one.arrival.handed_s  # after `now`, where it came between the two
        times = replace(times, handed_s=handed_s, polled_s=max(now, handed_s))
        self.whole += ((request, times),)
        return [] if one.given else [replace(one.made, timings=times)]

    def _look_after(self, now: float) -> None:
        death = self._supervisor.watch(now)
        if death is not None:
            self._landing.worker_left()
            for seat in self._seats.values():
                seat.worker_died(death)
            self._changed()
        if now >= self._next_look_s:
            self._next_look_s = now + _LOOK_S
            for seat in self._seats.values():
                if seat.look():
                    self._changed()


def _same(new: Sequence[Request], old: Sequence[Request]) -> bool:
    """Whether two lists ask for the same."""
    return len(new) == len(old) and all(a is b or _alike(a, b) for a, b in zip(new, old, strict=True))


def _alike(a: Request, b: Request) -> bool:
    """Inputs are the same objects, or the revision has gone up; the clock alone makes no new request."""
    return (
        a.revision == b.revision
        and a.epoch == b.epoch
        and a.generator == b.generator
        and a.tile == b.tile
        and a.variant == b.variant
        and a.seed == b.seed
        and (
            a.inputs is b.inputs
            or (
                a.inputs.keys() == b.inputs.keys()
                and all(value is b.inputs[name] for name, value in a.inputs.items())
            )
        )
    )

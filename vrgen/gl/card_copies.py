"""Results that lie on the card, brought by CUDA into buffers that OpenGL reads, on the one thread that draws.

    the path | what happens                                                      | ends when
    opening  | beside the frame the driver is loaded and its context made        | that is done: CHECKED
    CHECKED  | the worker shows a pattern (device_memory.py); it is copied, read | it reads back equal: ON
             | back through OpenGL and compared                                  |
    ON       | large results come this way                                       | a call fails: off
    off      | results cross the host; `why` says it. There is no way back       |

    a result | what happens                                                      | ends when
    lent     | its room is opened beside the frame, once for all its results     | its event is passed (looked at)
    copied   | buffer mapped, copied by a stream of our own, unmapped, an event  | that event is passed (looked at)
    landed   | the message is let go, so the worker may write there again;       | nobody refers to it: the buffer
             | OpenGL reads the buffer                                           | is for another result

Order needs no waiting: a mapping comes after all that OpenGL was given before, what OpenGL is given after the end
of it comes after the copy (CUDA driver API, graphics interoperability). The copy begins once the worker's event is
passed, or drawing would wait for the generator. When the worker dies, what it lent is not read any more, and is
closed once the copies under way are through.
"""

import contextlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np

from vrgen.cuda import Address, Cuda, CudaError, Event, Stream
from vrgen.gl.api import GL
from vrgen.gl.card import uuids
from vrgen.gl.shared_buffers import Landed, SharedBuffers
from vrgen.on_gpu import OnGpu, pattern

OFF, CHECKED, ON = range(3)
"""As in the letter to the worker (generator/protocol.py)."""
NOT_YET = "the first copy within the card has not been read back yet"


class Loan(Protocol):
    """What the worker tells of its memory (generator/protocol.py, `Lent`)."""

    @property
    def number(self) -> int: ...
    @property
    def card(self) -> str: ...
    @property
    def memory(self) -> bytes: ...
    @property
    def event(self) -> bytes: ...
    @property
    def pattern(self) -> int: ...
    @property
    def why(self) -> str: ...


_Opened = Future[tuple[Address, Event]]


@dataclass(slots=True)
class _Flight:
    """Copies under way. `wanted`: somebody will ask for them."""

    landed: tuple[Landed, ...]
    passed: Event
    wanted: bool = True


class CardCopies:
    """Owner of the path: CUDA's context in this process, what is open of the worker's, the shared buffers."""

    def __init__(self) -> None:
        self.stage = OFF
        self.why = NOT_YET
        """Why results cross the host; empty while they do not."""
        self.bytes = 0
        """Copied so far."""
        self.failed = False
        self._beside = ThreadPoolExecutor(1, "cuda")
        self._cuda: Cuda | None = None
        self._opening: Future[Cuda] | None = self._beside.submit(Cuda)
        self._retaining: Future[int] | None = None
        self._device, self._context, self._card = 0, 0, ""
        self._stream = Stream(0)
        self._rooms: dict[int, _Opened] = {}
        self._leaving: list[_Opened] = []
        self._flights: dict[int, _Flight] = {}
        self._number = 0
        self._events: list[Event] = []
        self._buffers = SharedBuffers()
        self._proof: tuple[int, int] | None = None
        """The loan with the pattern, and how long that is."""
        self._proving: int | None = None

    # --- what the landing asks every frame -----------------------------------------------------------------

    def advance(self) -> None:
        """A look at what is under way. Never waits."""
        try:
            if self._opening is not None or self._retaining is not None:
                self._open()
            elif self._cuda is not None:
                self._forget_unwanted()
                if self._proof is not None:
                    self._prove(*self._proof)
        except CudaError as error:
            self._fail(str(error))

    def lent(self, report: Loan) -> None:
        """The worker has memory on the card, or says why not."""
        if self.failed or self._cuda is None:
            return
        if report.why:
            self._fail(report.why)
        elif report.card != self._card:
            self._fail("the generators run on another card than the one that OpenGL draws on")
        else:
            self._rooms[report.number] = self._beside.submit(self._opened, report.memory, report.event)
            if report.pattern:
                self._proof = report.number, report.pattern

    def begin(self, loan: int, parts: Sequence[tuple[int, tuple[int, ...]]]) -> int | None:
        """Copy parts of a loan (bytes from its beginning, shape in float32) into buffers of their own, under the
        number that comes back; None while it can't be read yet, or never will (`stage` is off)."""
        opened = self._rooms.get(loan)
        if self._cuda is None or opened is None or not opened.done():
            return None
        try:
            memory, made = opened.result()
            if not self._cuda.passed(made):
                return None
            self._cuda.wait_in(self._stream, made)
            landed = tuple(self._copied(Address(memory + place), shape) for place, shape in parts)
            passed = self._events.pop() if self._events else self._cuda.event()
            self._cuda.record(passed, self._stream)
        except CudaError as error:
            self._fail(str(error))
            return None
        self._number += 1
        self._flights[self._number] = _Flight(landed, passed)
        return self._number

    def landed(self, number: int) -> Sequence[OnGpu] | None:
        """The copies, once they are there; asked once more they are known no more."""
        flight = self._flights[number]
        try:
            if self._cuda is None or not self._cuda.passed(flight.passed):
                return None
        except CudaError as error:
            self._fail(str(error))
            return None
        del self._flights[number]
        self._events.append(flight.passed)
        return flight.landed

    def worker_left(self) -> None:
        """Its memory is gone: nothing more is read of it."""
        for flight in self._flights.values():
            flight.wanted = False
        self._leaving += self._rooms.values()
        self._rooms.clear()
        self._proof = self._proving = None
        if self.stage == ON and self._cuda is not None:
            return  # what was checked holds for the next worker
        if self.stage == CHECKED:
            self._fail("the worker died over the first copy within the card")

    # --- opening and checking -------------------------------------------------------------------------------

    def _open(self) -> None:
        """One step of it, if the one before is done."""
        if self._opening is not None:
            if not self._opening.done():
                return
            opening, self._opening = self._opening, None
            self._cuda = opening.result()
            device = self._cuda.drawn_on(uuids())
            if device is None:
                raise CudaError("OpenGL draws on no CUDA device")
            self._device = device
            self._retaining = self._beside.submit(self._cuda.retain, self._device)
        elif self._retaining is not None and self._retaining.done() and self._cuda is not None:
            retaining, self._retaining = self._retaining, None
            self._context = retaining.result()
            self._cuda.make_current(self._context)
            self._card, self._stream = self._cuda.uuid(self._device), self._cuda.stream()
            self.stage = CHECKED

    def _opened(self, memory: bytes, event: bytes) -> tuple[Address, Event]:
        """Beside the frame: it can take milliseconds."""
        assert self._cuda is not None
        self._cuda.make_current(self._context)
        return self._cuda.open(memory), self._cuda.open_event(event)

    def _prove(self, loan: int, size: int) -> None:
        if self._proving is None:
            self._proving = self.begin(loan, [(0, (size // 4,))])
            return
        landed = self.landed(self._proving)
        if landed is None:
            return
        self._proof = self._proving = None
        out = np.zeros(size, np.uint8)
        GL.glGetNamedBufferSubData(landed[0].buffer, 0, size, out.ctypes.data_as(GL.GLvoidp))
        if out.tobytes() != pattern(size):
            self._fail("the first copy within the card did not read back equal")
            return
        self.stage, self.why = ON, ""

    # --- copies -----------------------------------------------------------------------------------------------

    def _copied(self, source: Address, shape: tuple[int, ...]) -> Landed:
        assert self._cuda is not None
        size = 4 * prod(shape)
        landed, resource = self._buffers.take(self._cuda, shape)
        to = self._cuda.map(resource, self._stream)
        try:
            self._cuda.copy(to, source, size, self._stream)
        finally:
            self._cuda.unmap(resource, self._stream)
        self.bytes += size
        return landed

    def _forget_unwanted(self) -> None:
        """Copies that nobody will ask for, once they are through; then what the worker left behind is closed."""
        assert self._cuda is not None
        for number, flight in list(self._flights.items()):
            if not flight.wanted and self._cuda.passed(flight.passed):
                self._events.append(self._flights.pop(number).passed)
        if self._leaving and all(flight.wanted for flight in self._flights.values()):
            leaving, self._leaving = self._leaving, []
            self._beside.submit(self._close_rooms, leaving)

    # --- the end ------------------------------------------------------------------------------------------------

    def _fail(self, why: str) -> None:
        """For good: results cross the host from now on."""
        if self.failed:
            return
        self.failed, self.stage, self.why = True, OFF, why
        self._opening = self._retaining = self._proof = self._proving = None
        for flight in self._flights.values():
            flight.wanted = False
        self._leaving += self._rooms.values()
        self._rooms.clear()

    def _close_rooms(self, rooms: Sequence[_Opened]) -> None:
        """Beside the frame. Of a worker that has died, or a context that has failed, it may be refused."""
        assert self._cuda is not None
        with contextlib.suppress(CudaError):
            self._cuda.make_current(self._context)
        for room in rooms:
            with contextlib.suppress(CudaError):
                memory, event = room.result()
                self._cuda.close(memory)
                self._cuda.end_event(event)

    def close(self) -> None:
        """Let go of everything; waits for what is under way."""
        self._beside.shutdown(wait=True)
        if self._cuda is not None and self._context:
            self._close_rooms([*self._rooms.values(), *self._leaving])
        self._buffers.close()
        if self._cuda is not None and self._context:
            with contextlib.suppress(CudaError):  # of a context that has failed
                for event in (*self._events, *(flight.passed for flight in self._flights.values())):
                    self._cuda.end_event(event)
                self._cuda.end_stream(self._stream)
                self._cuda.release(self._device)
        self._rooms.clear()
        self._leaving.clear()
        self._flights.clear()
        self._events.clear()

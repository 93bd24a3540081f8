"""The worker's messages in the order they came, each once what it has lent lies in the frame's own GPU memory.

A result that crosses the host passes at once. One that is on the card waits a frame or two for its copy, and what
came behind it waits as well: the order is what tells which of two results is newer.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vrgen.generator.protocol import OFF, Lent, Made, Report, decode_report
from vrgen.generator.shared import Message
from vrgen.on_gpu import OnGpu

_NONE = float("inf")
Part = tuple[str, str]
Raws = Mapping[Part, OnGpu]


class Copies(Protocol):
    """Brings what lies on the card into GL's memory (`vrgen.gl.card_copies`). Nothing of it waits."""

    @property
    def stage(self) -> int:
        """What the letter to the worker says (protocol.py)."""

    @property
    def why(self) -> str:
        """Why results cross the host; empty while they do not."""

    @property
    def failed(self) -> bool:
        """For good."""

    @property
    def bytes(self) -> int:
        """Copied within the card so far."""

    def advance(self) -> None:
        """A look at what is under way."""

    def lent(self, report: Lent) -> None:
        """The worker has memory on the card, or says why not."""

    def begin(self, loan: int, parts: Sequence[tuple[int, tuple[int, ...]]]) -> int | None:
        """Copy parts of a loan, by where they begin and their shapes, under the number that comes back; None while
        it can't be read yet."""

    def landed(self, number: int) -> Sequence[OnGpu] | None:
        """The copies, once they are there; asked once more they are known no more."""

    def worker_left(self) -> None:
        """Its memory is gone."""


@dataclass(slots=True)
class _Waiting:
    report: Report
    message: Message
    number: int | None = None
    """Of its copies."""


class Landing:
    """Owner of messages that wait."""

    def __init__(self) -> None:
        self.copies: Copies | None = None
        self._waiting: deque[_Waiting] = deque()
        self.refused: list[Made] = []
        """Results that will never land, though the worker has made them: to be asked for again."""

    @property
    def stage(self) -> int:
        return OFF if self.copies is None else self.copies.stage

    @property
    def oldest(self) -> float:
        """The oldest letter that something here answers."""
        if not self._waiting:
            return _NONE
        versions = [one.report.version for one in self._waiting if isinstance(one.report, Made)]
        return min(versions, default=_NONE)

    def put(self, messages: Sequence[Message]) -> None:
        self._waiting.extend(_Waiting(decode_report(message.meta), message) for message in messages)

    def take(self) -> list[tuple[Report, Message, Raws]]:
        """What has landed by now, in order, with the parts of it that are on the GPU."""
        copies = self.copies
        taken: list[tuple[Report, Message, Raws]] = []
        if copies is not None:
            copies.advance()
        while self._waiting:
            one = self._waiting[0]
            raws: Raws = {}
            if isinstance(one.report, Lent):
                if copies is not None:
                    copies.lent(one.report)
                self._waiting.popleft()
                continue
            if isinstance(one.report, Made) and one.report.loan >= 0:
                if copies is None or copies.stage == OFF:
                    self.refused.append(one.report)
                    self._waiting.popleft()
                    continue
                parts = [part for part in one.report.parts if part.raw_shape]
                if one.number is None:
                    one.number = copies.begin(one.report.loan, [(part.place, part.raw_shape) for part in parts])
                landed = None if one.number is None else copies.landed(one.number)
                if landed is None:
                    break
                raws = {(part.output, part.key): raw for part, raw in zip(parts, landed, strict=True)}
            taken.append((one.report, one.message, raws))
            self._waiting.popleft()
        return taken

    def worker_left(self) -> None:
        """What it had lent and has not landed never will; it is in the letter to the next one."""
        self._waiting = deque(
            one
            for one in self._waiting
            if not isinstance(one.report, Lent) and not (isinstance(one.report, Made) and one.report.loan >= 0)
        )
        if self.copies is not None:
            self.copies.worker_left()

"""Messages pass in the order they came, those of the card's memory once they have landed; nothing is lost."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vrgen.generator.landing import Landing
from vrgen.generator.protocol import OFF, ON, Lent, Made, Noted, Part, encode
from vrgen.generator.shared import Message
from vrgen.on_gpu import OnGpu


@dataclass
class Lying:
    buffer: int
    shape: tuple[int, ...]


@dataclass
class Copies:
    """Copies that are there when the test says so."""

    stage: int = ON
    why: str = ""
    failed: bool = False
    bytes: int = 0
    readable: bool = True
    there: bool = False
    told: list[int] = field(default_factory=list)
    begun: list[tuple[int, Sequence[tuple[int, tuple[int, ...]]]]] = field(default_factory=list)
    left: int = 0

    def advance(self) -> None: ...

    def lent(self, report: Lent) -> None:
        self.told.append(report.number)

    def begin(self, loan: int, parts: Sequence[tuple[int, tuple[int, ...]]]) -> int | None:
        if not self.readable:
            return None
        self.begun.append((loan, parts))
        return len(self.begun)

    def landed(self, number: int) -> Sequence[OnGpu] | None:
        return [Lying(number, shape) for _, shape in self.begun[number - 1][1]] if self.there else None

    def worker_left(self) -> None:
        self.left += 1


def message(report: object) -> Message:
    return Message(encode(report), np.zeros(0, np.uint8), None)  # type: ignore[arg-type]


def made(version: int, loan: int = -1) -> Made:
    part = Part("sky", "", "<f4", (3, 4, 8), 0, (3, 256, 512) if loan >= 0 else (), 512)
    return Made(version, 0, 0.0, 0.0, [part], loan)


def test_without_the_card_all_pass_at_once() -> None:
    landing = Landing()
    landing.put([message(made(1)), message(Noted("a", ()))])
    assert [type(report) for report, _, _ in landing.take()] == [Made, Noted]
    assert landing.stage == OFF and landing.oldest == float("inf")


def test_what_came_behind_waits_as_well() -> None:
    landing, copies = Landing(), Copies(readable=False)
    landing.copies = copies
    landing.put(
        [message(made(3)), message(Lent(0)), message(made(4, 0)), message(made(5)), message(Noted("a", ()))]
    )
    assert [report for report, _, _ in landing.take()] == [made(3)]
    assert copies.told == [0] and landing.oldest == 4
    copies.readable = True
    assert landing.take() == [] and copies.begun == [(0, [(512, (3, 256, 512))])]
    assert landing.take() == [] and len(copies.begun) == 1, "begun once only"
    copies.there = True
    taken = landing.take()
    assert [report for report, _, _ in taken] == [made(4, 0), made(5), Noted("a", ())]
    assert taken[0][2]["sky", ""].shape == (3, 256, 512) and taken[1][2] == {}


def test_what_will_never_land_is_to_be_asked_for_again() -> None:
    landing, copies = Landing(), Copies(readable=False)
    landing.copies = copies
    landing.put([message(made(1, 0)), message(made(2))])
    assert landing.take() == []
    copies.stage = OFF
    assert [report for report, _, _ in landing.take()] == [made(2)]
    assert landing.refused == [made(1, 0)]


def test_what_the_worker_had_lent_dies_with_it() -> None:
    landing, copies = Landing(), Copies(readable=False)
    landing.copies = copies
    landing.put([message(made(1, 0)), message(Lent(1)), message(made(2))])
    assert landing.take() == []
    landing.worker_left()
    assert [report for report, _, _ in landing.take()] == [made(2)]
    assert copies.left == 1 and copies.told == [] and landing.refused == []

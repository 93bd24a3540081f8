"""Rooms of the card: lent to one result at a time, no more of them than are allowed, given up for good."""

import ctypes
from typing import Any

import numpy as np
import pytest
import torch

from vrgen import contract as c
from vrgen.contract import Manifest
from vrgen.cuda import CudaError
from vrgen.generator import device_memory
from vrgen.generator.device_memory import Lender
from vrgen.generator.outbox import Outbox
from vrgen.generator.protocol import OFF, ON, Board, Lent, Made, decode_report
from vrgen.generator.shared import Message, Segment

SKY = Manifest(vrgen=1, name="test", inputs={}, outputs={"sky": c.PanoramaOutput(shape=(3, 256, 512))})


class Card:
    """What the lender asks of CUDA, in the processor's memory."""

    def __init__(self) -> None:
        self.memory: list[np.ndarray] = []
        self.fails = ""

    def allocate(self, size: int) -> int:
        if self.fails == "allocate":
            raise CudaError("cuMemAlloc answered CUDA_ERROR_OUT_OF_MEMORY")
        self.memory.append(np.zeros(size, np.uint8))
        return self.memory[-1].ctypes.data

    def copy(self, to: int, source: int, size: int, stream: int) -> None:
        ctypes.memmove(to, source, size)

    def event(self, *, shared: bool = False) -> int:
        return len(self.memory)

    def record(self, event: int, stream: int) -> None: ...

    def handle_of(self, memory: int) -> bytes:
        return bytes(64)

    def event_handle(self, event: int) -> bytes:
        return bytes(64)


class Worker:
    """The worker's end of a board, and the frame's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.card = Card()
        monkeypatch.setattr(device_memory, "_opened", lambda device: (self.card, "a card"))
        monkeypatch.setattr(device_memory, "stream_of", lambda tensor: 0)
        self.board = Board(Segment(Board.size()), 64)
        self.outbox = Outbox(self.board)
        self.lender = Lender(self.board.arena, self.outbox.send)
        self.lender.follow(ON, "cuda:0")

    def make(self, value: float) -> Any:
        """A result; the number of the room it is in, or -1."""
        outputs, loan = self.lender.lend(SKY, {("sky", ""): torch.full((3, 256, 512), value)})
        self.outbox.hand_over(self.outbox.announced(1, 0, 0.0, 0.0, outputs, loan))
        return -1 if loan is None else loan.room.number

    def take(self) -> list[tuple[Any, Message]]:
        return [(decode_report(message.meta), message) for message in self.board.arena.take()]


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    return Worker(monkeypatch)


def test_a_room_is_lent_again_when_the_frame_has_let_go(worker: Worker) -> None:
    assert [worker.make(0.25), worker.make(0.5)] == [0, 1], "the first is not read yet"
    taken = worker.take()
    assert [type(report) for report, _ in taken] == [Lent, Made, Lent, Made]
    assert worker.make(0.75) == 2, "the frame holds both"
    kept = taken[3]
    del taken
    assert worker.make(1.0) == 0
    assert (worker.card.memory[0].view(np.float32)[: 3 * 256 * 512] == 1.0).all()
    assert (worker.card.memory[1].view(np.float32)[: 3 * 256 * 512] == 0.5).all(), "still the frame's"
    assert kept[0].loan == 1 and kept[0].parts[0].raw_shape == (3, 256, 512)


def test_what_took_the_messages_place_in_the_arena_holds_no_room(worker: Worker) -> None:
    worker.make(0.25)
    worker.take()
    worker.outbox.send(Lent(why="something else"))
    worker.outbox.send(Lent(why="something else"))
    held = worker.take()
    assert len(held) == 2 and worker.make(0.5) == 0


def test_a_little_comes_with_it(worker: Worker) -> None:
    worker.make(0.0)
    report, message = worker.take()[-1]
    part = report.parts[0]
    assert part.shape == (3, 128, 256)
    little = message.data[: 4 * 3 * 128 * 256].view(np.float32)
    assert np.allclose(little, 0.2140, atol=1e-3), "the middle of the range, as linear light"


def test_without_a_room_it_crosses_the_host(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_memory, "ROOMS_MB", 4)
    assert [worker.make(0.0), worker.make(0.0), worker.make(0.5)] == [0, 1, -1]
    report, message = worker.take()[-1]
    assert report.loan == -1 and report.parts[0].shape == (3, 256, 512) and report.parts[0].raw_shape == ()
    assert (message.data[: 3 * 256 * 512 * 4].view(np.float32) == 0.5).all()


def test_what_fails_is_told_once_and_never_tried_again(worker: Worker) -> None:
    worker.card.fails = "allocate"
    assert worker.make(0.5) == -1
    worker.card.fails = ""
    worker.lender.follow(OFF, "cuda:0")
    worker.lender.follow(ON, "cuda:0")
    assert worker.make(0.5) == -1 and worker.lender.staying(SKY) == ()
    reports = [report for report, _ in worker.take()]
    assert [type(report) for report in reports] == [Lent, Made, Made]
    assert reports[0].why == "cuMemAlloc answered CUDA_ERROR_OUT_OF_MEMORY"

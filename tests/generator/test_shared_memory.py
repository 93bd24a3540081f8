"""The mailbox and the arena: the newest letter whole, results in order, slots free when the last view is gone."""

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vrgen.errors import CheckpointError, VrgenError
from vrgen.generator.mailbox import CAPACITY, Mailbox
from vrgen.generator.shared import FREE, MIB, WRITING, Arena, Arrival, Message, Segment

ARENA = Arena.HEAD_BYTES + Arena.TABLE_BYTES + 64 * MIB


@pytest.fixture
def segment() -> Iterator[Segment]:
    made = Segment(max(Mailbox.BYTES, ARENA))
    yield made
    made.close()


def put(arena: Arena, text: bytes, size: int = 100) -> bool:
    """A whole message of `size` bytes that begin with `text`, which is also what is said of them."""
    slot = arena.reserve(size, len(text))
    if slot is None:
        return False
    arena.data(slot)[: len(text)] = np.frombuffer(text, np.uint8)
    arena.arrive(slot, size)
    arena.publish(slot, text)
    return True


class MailboxMachine(RuleBasedStateMachine):
    """Whatever the order of writing and reading, a reader gets the newest letter whole, and each one once."""

    def __init__(self) -> None:
        super().__init__()
        self.segment = Segment(Mailbox.BYTES)
        self.writer, self.reader = Mailbox(self.segment, 0), Mailbox(self.segment, 0)
        self.newest = (0, b"")
        self.known = 0

    @rule(letter=st.binary(max_size=5000))
    def write(self, letter: bytes) -> None:
        self.newest = (self.writer.put(letter), letter)

    @rule()
    def read(self) -> None:
        found = self.reader.get(self.known)
        if self.known == self.newest[0]:
            assert found is None
        else:
            assert found == self.newest
            self.known = found[0]
            assert self.writer.reading == self.known

    @rule()
    def reader_dies(self) -> None:
        self.writer.reader_left()
        self.reader, self.known = Mailbox(self.segment, 0), 0
        assert self.writer.reading == 0

    @invariant()
    def versions_only_rise(self) -> None:
        assert self.known <= self.writer.latest == self.newest[0]

    def teardown(self) -> None:
        del self.writer, self.reader
        self.segment.close()


TestMailbox = MailboxMachine.TestCase
TestMailbox.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


@dataclass(eq=False)
class Sent:
    """A message as the model knows it: what it says, how much of it is written, and what the frame holds of it."""

    body: bytes
    slot: int
    written: int = 0
    meta: bytes = b""
    taken: Message | None = None
    lost: bool = False

    @property
    def whole(self) -> bool:
        return self.written == len(self.body)


class ArenaMachine(RuleBasedStateMachine):
    """A model of the arena: messages come in order, live ones are never overwritten, dead ones free.

    The frame sees some before their data has arrived, and may let go of them or see the worker die over them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.segment = Segment(Arena.HEAD_BYTES + Arena.TABLE_BYTES + 2 * MIB)
        self.worker, self.frame = Arena(self.segment, 0, 1), Arena(self.segment, 0, 1)
        self.sent: list[Sent] = []
        self.held: list[Sent] = []
        self.writing: Sent | None = None
        self.count = 0

    @precondition(lambda self: self.writing is None)
    @rule(size=st.integers(1, 400_000), early=st.booleans())
    def send(self, size: int, early: bool) -> None:
        self.count += 1
        meta = f"{self.count}/".encode().ljust(12, b".")
        slot = self.worker.reserve(size, len(meta))
        if slot is None:
            return
        one = Sent(bytes([1 + self.count % 251]) * size, slot, meta=meta)
        if not early:
            self._write(one, size)
        self.worker.publish(slot, meta)
        self.sent.append(one)
        self.writing = one if early else None

    @precondition(lambda self: self.writing is not None)
    @rule(size=st.integers(1, 400_000))
    def write_on(self, size: int) -> None:
        assert self.writing is not None
        self._write(self.writing, size)
        if self.writing.whole:
            self.writing = None

    def _write(self, one: Sent, size: int) -> None:
        piece = one.body[one.written : one.written + size]
        data = self.worker.data(one.slot)
        data[one.written : one.written + len(piece)] = memoryview(piece)
        one.written += len(piece)
        self.worker.arrive(one.slot, one.written)

    @rule()
    def poll(self) -> None:
        taken = self.frame.take()
        assert [message.meta for message in taken] == [one.meta for one in self.sent]
        for one, message in zip(self.sent, taken, strict=True):
            one.taken = message
        self.held += self.sent
        self.sent = []

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 1000))
    def drop(self, which: int) -> None:
        self.held.pop(which % len(self.held)).taken = None

    @rule(size=st.integers(1, 400_000))
    def worker_dies(self, size: int) -> None:
        if self.writing is None:
            self.worker.reserve(size, 12)
        self.frame.recover()
        if self.writing is not None:
            self.writing.lost = True
            self.sent = [one for one in self.sent if one is not self.writing]
            self.writing = None
        self.worker = Arena(self.segment, 0, 1)

    @precondition(lambda self: self.writing is None)
    @rule()
    def trim(self) -> None:
        self.worker.trim()

    @invariant()
    def what_is_held_is_what_was_sent_as_far_as_it_has_arrived(self) -> None:
        for one in self.held:
            assert one.taken is not None
            arrival, body = one.taken.arrival, one.taken.data[: len(one.body)]
            here = 0 if one.lost else one.written
            assert (arrival.lost, arrival.whole) == (one.lost, one.whole and not one.lost)
            assert body[: one.written].tobytes() == one.body[: one.written]
            assert one.lost or arrival.has(body[:here])
            assert one.whole or not arrival.has(body[: here + 1])
        kept = [*self.sent, *self.held]
        assert self.frame.in_use == sum(-(-(len(one.body) + 12) // 4096) * 4096 for one in kept)

    def teardown(self) -> None:
        self.held, self.sent, self.writing = [], [], None
        del self.worker, self.frame
        self.segment.close()


TestArena = ArenaMachine.TestCase
TestArena.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


def test_letters_are_whole_while_two_threads_race(segment: Segment) -> None:
    writer, reader = Mailbox(segment, 0), Mailbox(segment, 0)
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            writer.put(bytes([n % 251]) * (1000 + n % 90_000))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        known = reads = 0
        while reads < 100:
            found = reader.get(known)
            if found is not None:
                version, letter = found
                assert version > known
                assert letter == bytes([version % 251]) * (1000 + version % 90_000)
                known, reads = version, reads + 1
    finally:
        stop.set()
        thread.join()


class Overtaken:
    """A segment that is written to just when a letter begins to be read."""

    def __init__(self, segment: Segment, write: Callable[[], None]) -> None:
        self._segment = segment
        self._write: Callable[[], None] | None = write

    def bytes(self, offset: int, size: int) -> np.ndarray:
        write, self._write = self._write, None
        if write is not None:
            write()
        return self._segment.bytes(offset, size)


def test_letter_that_was_overtaken_while_it_was_read_is_read_again(segment: Segment) -> None:
    writer, reader = Mailbox(segment, 0), Mailbox(segment, 0)
    writer.put(b"first")

    def overtake() -> None:
        writer.put(b"second")
        writer.put(b"third")  # into the buffer that is being read

    reader._segment = Overtaken(segment, overtake)  # type: ignore[assignment]
    assert reader.get() == (3, b"third")


def test_letter_larger_than_the_box(segment: Segment) -> None:
    with pytest.raises(VrgenError, match="mailbox holds"):
        Mailbox(segment, 0).put(bytes(CAPACITY + 1))


def test_slot_is_free_when_the_last_view_of_it_is_gone(segment: Segment) -> None:
    arena = Arena(segment, 0)
    put(arena, b"\1" * 64)
    (message,) = arena.take()
    floats = message.data[:64].view(np.float32).reshape(4, 4)
    column = floats[:, 1]
    assert not floats.flags.writeable and not column.flags.writeable
    arrival = message.arrival
    del message, floats
    gc.collect()
    assert arena.in_use > 0
    del column
    assert arena.in_use > 0  # who asks how far it is must not be told of another
    del arrival
    assert arena.in_use == 0


def test_full_arena_makes_the_worker_wait_until_the_frame_has_polled(segment: Segment) -> None:
    arena = Arena(segment, 0, limit_mb=4)
    sent = 0
    while put(arena, b"x", MIB - 1):
        sent += 1
    assert sent == 4
    kept: list[Message] = arena.take()
    assert len(kept) == 4
    # The scene keeps all of it, and waiting would not help: more is admitted, one at a time.
    assert put(arena, b"y", MIB) and not put(arena, b"y", MIB)
    kept += arena.take()
    assert put(arena, b"z", MIB)


def test_single_result_larger_than_the_limit_passes_and_its_memory_goes_back(segment: Segment) -> None:
    arena = Arena(segment, 0, limit_mb=1)
    assert put(arena, b"big", 20 * MIB)
    (message,) = arena.take()
    message.data.sum()
    del message
    arena.trim()
    assert put(arena, b"small")
    with pytest.raises(CheckpointError, match="shared memory holds"):
        arena.reserve(segment.size, 0)


def test_what_a_dead_worker_was_writing_is_freed_and_what_it_had_published_stays(segment: Segment) -> None:
    arena = Arena(segment, 0)
    put(arena, b"whole")
    torn = arena.reserve(100, 0)
    assert torn is not None and arena._row(torn)[0] == WRITING
    arena.recover()
    assert arena._row(torn)[0] == FREE
    assert [message.meta for message in arena.take()] == [b"whole"]
    assert put(Arena(segment, 0), b"next")
    assert [message.meta for message in arena.take()] == [b"next"]


def waiting(arrival: Arrival, part: np.ndarray) -> "SimpleQueue[bool]":
    """What a thread is told that waits for a part."""
    told: SimpleQueue[bool] = SimpleQueue()
    threading.Thread(target=lambda: told.put(arrival.wait(part)), daemon=True).start()
    return told


def test_who_waits_for_what_arrives_is_woken_by_it_or_by_its_loss(segment: Segment) -> None:
    arena, worker = Arena(segment, 0), Arena(segment, 0)
    for dies in (False, True):
        slot = worker.reserve(2000, 4)
        assert slot is not None
        worker.publish(slot, b"meta")
        (message,) = arena.take()
        told = waiting(message.arrival, message.data[:2000])
        worker.arrive(slot, 1999)
        assert not message.arrival.whole and message.arrival.handed_s == 0.0
        before_s = time.monotonic()
        if dies:
            arena.recover()
        else:
            worker.arrive(slot, 2000)
            assert before_s - 1e-6 <= message.arrival.handed_s <= time.monotonic()
        assert told.get(timeout=60) is not dies


def test_what_the_frame_let_go_of_is_not_used_again_while_it_is_written(segment: Segment) -> None:
    frame, worker = Arena(segment, 0), Arena(segment, 0)
    slot = worker.reserve(3 * MIB, 4)
    assert slot is not None
    worker.publish(slot, b"meta")
    frame.take()
    gc.collect()
    assert frame.in_use == 0
    worker.data(slot)[:] = 7  # it can't know
    worker.arrive(slot, 3 * MIB)
    assert put(worker, b"next", 3 * MIB)
    (message,) = frame.take()
    assert message.meta == b"next" and message.arrival.whole


def test_views_outlive_the_segment() -> None:
    segment = Segment(ARENA)
    arena = Arena(segment, 0)
    put(arena, b"\7" * 64)
    (message,) = arena.take()
    view = message.data[:64]
    del arena, message
    segment.close()
    gc.collect()
    assert (view == 7).all()


@pytest.mark.skipif(sys.platform == "win32", reason="handles are inherited on POSIX only")
def test_another_process_opens_the_handle_and_nothing_has_a_name(segment: Segment) -> None:
    Mailbox(segment, 0).put(b"hello")
    code = (
        "import sys; from vrgen.generator.mailbox import Mailbox; from vrgen.generator.shared import Segment;"
        f"print(Mailbox(Segment({segment.size}, {segment.handle!r}), 0).get())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], pass_fds=segment.fds, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.strip() == "(1, b'hello')"
    assert done.stderr == ""

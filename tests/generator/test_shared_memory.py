"""The mailbox and the arena: the newest letter whole, results in order, slots free when the last view is gone."""

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vrgen.errors import CheckpointError, VrgenError
from vrgen.generator.mailbox import CAPACITY, Mailbox
from vrgen.generator.shared import FREE, MIB, WRITING, Arena, Message, Segment

ARENA = Arena.HEAD_BYTES + Arena.TABLE_BYTES + 64 * MIB


@pytest.fixture
def segment() -> Iterator[Segment]:
    made = Segment(max(Mailbox.BYTES, ARENA))
    yield made
    made.close()


def put(arena: Arena, text: bytes, size: int = 100) -> bool:
    slot = arena.reserve(size)
    if slot is None:
        return False
    data = arena.data(slot)
    data[: len(text)] = np.frombuffer(text, np.uint8)
    arena.publish(slot, 0, len(text))
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


class ArenaMachine(RuleBasedStateMachine):
    """A model of the arena: messages come in order and whole, live ones are never overwritten, dead ones free."""

    def __init__(self) -> None:
        super().__init__()
        self.segment = Segment(Arena.HEAD_BYTES + Arena.TABLE_BYTES + 2 * MIB)
        self.worker, self.frame = Arena(self.segment, 0, 1), Arena(self.segment, 0, 1)
        self.sent: list[bytes] = []
        self.held: list[tuple[bytes, np.ndarray]] = []
        self.count = 0

    @rule(size=st.integers(1, 400_000))
    def send(self, size: int) -> None:
        text = f"{self.count}/".encode().ljust(12, b".") + bytes([self.count % 251]) * size
        if put(self.worker, text, len(text)):
            self.sent.append(text)
            self.count += 1

    @rule()
    def poll(self) -> None:
        taken = self.frame.take()
        assert [message.meta for message in taken] == self.sent
        self.held += [(message.meta, message.data[: len(message.meta)]) for message in taken]
        self.sent = []

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 1000))
    def drop(self, which: int) -> None:
        del self.held[which % len(self.held)]

    @rule(size=st.integers(1, 400_000), published=st.booleans())
    def worker_dies_writing(self, size: int, published: bool) -> None:
        if self.worker.reserve(size) is not None:
            self.frame.recover()
        self.worker = Arena(self.segment, 0, 1)

    @rule()
    def trim(self) -> None:
        self.worker.trim()

    @invariant()
    def what_is_held_is_untouched(self) -> None:
        for text, view in self.held:
            assert view.tobytes() == text
        assert self.frame.in_use == sum(
            -(-len(t) // 4096) * 4096 for t in [*self.sent, *(t for t, _ in self.held)]
        )

    def teardown(self) -> None:
        self.held = []
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
    del message, floats
    gc.collect()
    assert arena.in_use > 0
    del column
    assert arena.in_use == 0


def test_full_arena_makes_the_worker_wait_until_the_frame_has_polled(segment: Segment) -> None:
    arena = Arena(segment, 0, limit_mb=4)
    sent = 0
    while put(arena, b"x", MIB):
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
        arena.reserve(segment.size)


def test_what_a_dead_worker_was_writing_is_freed_and_what_it_had_published_stays(segment: Segment) -> None:
    arena = Arena(segment, 0)
    put(arena, b"whole")
    torn = arena.reserve(100)
    assert torn is not None and arena._table[torn, 0] == WRITING
    arena.recover()
    assert arena._table[torn, 0] == FREE
    assert [message.meta for message in arena.take()] == [b"whole"]
    assert put(Arena(segment, 0), b"next")
    assert [message.meta for message in arena.take()] == [b"next"]


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

"""Memory that the frame and the worker process share, and the slots in it that carry results.

There is no lock in it that a killed process could hold: every word has one writer at a time, and who that is
follows from a slot's state. FREE → (worker) WRITING → (worker) READY → (frame) HELD → (frame) FREE.

A large result is READY before its data is there: another word, the worker's own in every state, says how many
bytes are. The frame may let go of such a slot while the worker still writes into it: only the worker makes use of
FREE slots, and not before it has written out the one it is at.

The memory has no name in the file system on Linux (a memfd; an unlinked file on other POSIX systems; a tagged
mapping of the paging file on Windows), so nothing is left behind however the processes end.
"""

import contextlib
import mmap
import os
import sys
import tempfile
import threading
import time
import weakref
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vrgen.errors import CheckpointError

Bytes = npt.NDArray[np.uint8]
Words = memoryview
"""int64, each read and written by one instruction. (numpy does too, at twice the price.)"""

MIB = 1 << 20
PAGE = 4096
SLOTS = 4096
FREE, WRITING, READY, HELD = range(4)

# Words of the arena's head. `_USED`, the worker's: the slots from this one on have never been used.
_PUBLISHED, _TAKEN, _USED = range(3)
# Columns of the slot table, one row of eight words (a cache line) for each slot.
_STATE, _SEQUENCE, _OFFSET, _SIZE, _META, _META_SIZE, _ARRIVED, _WHOLE_NS = range(8)

RESERVE = (4096 if sys.platform != "win32" else 512) * MIB
"""Addresses reserved for results; memory is taken only where something was written."""

_LOOK_S = 0.0002
_order = threading.Lock()


def fence() -> None:
    """Order the stores before it ahead of those after it, for readers in the other process.

    Two acquisitions of a lock that is this process's own: the release of the first and the acquisition of the
    second can't be exchanged, also on processors that reorder stores (ARM).
    """
    for _ in range(2):
        with _order:
            pass


class Segment:
    """One mapping of `size` bytes. `handle` opens the same memory in a child process."""

    def __init__(self, size: int, handle: str | None = None) -> None:
        self.size = size
        self._fd: int | None = None
        if sys.platform == "win32":
            self.handle = handle or f"vrgen-{os.getpid()}-{os.urandom(6).hex()}"
            self.map = mmap.mmap(-1, size, tagname=self.handle)
            return
        if handle is None:
            self._fd = _anonymous_file()
            os.ftruncate(self._fd, size)
        else:
            self._fd = int(handle)
        self.handle = str(self._fd)
        self.map = mmap.mmap(self._fd, size)

    @property
    def fds(self) -> tuple[int, ...]:
        """What a child must inherit to open the handle."""
        return () if self._fd is None else (self._fd,)

    def bytes(self, offset: int, size: int) -> Bytes:
        """A writable view; the mapping lives as long as its last view."""
        return np.frombuffer(self.map, np.uint8, size, offset)

    def words(self, offset: int, count: int) -> Words:
        return memoryview(self.map)[offset : offset + 8 * count].cast("q")

    def close(self) -> None:
        """Let go of the memory; where views are still alive it goes with the last of them."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        with contextlib.suppress(BufferError):
            self.map.close()


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("vrgen")
    fd, path = tempfile.mkstemp(prefix="vrgen-")
    os.unlink(path)  # noqa: PTH108 (the name goes at once, the file with its last user)
    return fd


class Arrival:
    """How far the data of a message has come. It holds the slot, as a view of the data does."""

    def __init__(self, row: Words, data: Bytes) -> None:
        self._row = row
        self._data = data
        self._begin = data.ctypes.data
        self.lost = False
        """The worker died over it: it will never be whole."""

    @property
    def whole(self) -> bool:
        """Whether all is there, and for good."""
        return self._reaches(self._row[_META])

    def has(self, part: npt.NDArray[np.generic]) -> bool:
        """Whether `part`, contiguous and out of this message's data, is there. Never waits."""
        return self._reaches(part.ctypes.data + part.nbytes - self._begin)

    def wait(self, part: npt.NDArray[np.generic]) -> bool:
        """Wait until `part` is there; False when it will never be. Not for the frame's thread."""
        while not self.has(part):
            if self.lost:
                return False
            time.sleep(_LOOK_S)
        return True

    @property
    def handed_s(self) -> float:
        """When all was there (time.monotonic); 0 before."""
        return self._row[_WHOLE_NS] / 1e9 if self.whole else 0.0

    def _reaches(self, end: int) -> bool:
        arrived = not self.lost and self._row[_ARRIVED] >= end
        fence()
        return arrived


@dataclass(frozen=True)
class Message:
    """What came out of a slot. `data` is read-only; the slot is free when its last view has died."""

    meta: bytes
    data: Bytes
    arrival: Arrival


class Arena:
    """Slots for results, first fit from the low addresses, so that pages are used again.

    `limit` bytes (`limit_mb`) may be in use at once. A result beyond that is admitted only when the frame has
    taken everything before it: then what fills the arena is what the scene keeps, and waiting would not help.
    """

    TABLE_BYTES = SLOTS * 64
    HEAD_BYTES = 64

    def __init__(self, segment: Segment, offset: int, limit_mb: int = 256) -> None:
        self._segment = segment
        self._head = segment.words(offset, 8)
        self._table = segment.words(offset + self.HEAD_BYTES, SLOTS * 8)
        self._base = -(-(offset + self.HEAD_BYTES + self.TABLE_BYTES) // PAGE) * PAGE
        self._limit = limit_mb * MIB
        self._room = segment.size - self._base
        self._highest = self._room
        self._arriving: weakref.ref[Arrival] | None = None
        """What was taken and is not whole, at most one: the worker writes one slot at a time."""

    def _row(self, slot: int) -> Words:
        return self._table[8 * slot : 8 * slot + 8]

    def _column(self, which: int) -> list[int]:
        """One word of every slot that was ever used."""
        return self._table[which : 8 * self._head[_USED] : 8].tolist()

    def _spans(self, states: list[int]) -> list[tuple[int, int]]:
        """Offset and size of what is not free, by address."""
        rows = zip(states, self._column(_OFFSET), self._column(_SIZE), strict=True)
        spans = [(offset, size) for state, offset, size in rows if state != FREE]
        spans.sort()
        return spans

    # --- the worker's side --------------------------------------------------------------------------------

    def reserve(self, data_size: int, meta_size: int) -> int | None:
        """Take a slot; None while there is no room (try again when the frame has polled).

        Not before all data of the slot before has arrived: until then that slot may look free and is not.

        Raises:
            CheckpointError: it can never fit.
        """
        size = max(PAGE, -(-(data_size + meta_size) // PAGE) * PAGE)
        if size > self._room:
            raise CheckpointError(
                f"a result takes {size / MIB:.0f} MB, the shared memory holds {self._room / MIB:.0f} MB; "
                "make the outputs smaller"
            )
        states = self._column(_STATE)
        spans = self._spans(states)
        in_use = sum([span for _, span in spans])
        unpolled = self._head[_PUBLISHED] - self._head[_TAKEN]
        if len(spans) == SLOTS or (in_use + size > self._limit and unpolled > 0):
            return None
        start = 0
        for offset, span in spans:
            if offset - start >= size:
                break
            start = offset + span
        if start + size > self._room:
            return None
        slot = states.index(FREE) if FREE in states else len(states)
        self._head[_USED] = max(len(states), slot + 1)
        row = self._row(slot)
        row[_OFFSET], row[_SIZE] = start, size
        row[_META], row[_META_SIZE] = data_size, meta_size
        row[_ARRIVED] = 0
        fence()
        row[_STATE] = WRITING
        self._highest = max(self._highest, start + size)
        return slot

    def data(self, slot: int) -> Bytes:
        """The slot's bytes, page-aligned."""
        row = self._row(slot)
        return self._segment.bytes(self._base + row[_OFFSET], row[_SIZE])

    def publish(self, slot: int, meta: bytes) -> None:
        """Show a slot to the frame, its data there or not."""
        row = self._row(slot)
        begin = self._base + row[_OFFSET] + row[_META]
        self._segment.map[begin : begin + len(meta)] = meta
        row[_SEQUENCE] = self._head[_PUBLISHED] + 1
        fence()
        row[_STATE] = READY
        fence()
        self._head[_PUBLISHED] += 1

    def published(self, slot: int) -> tuple[int, int]:
        """What `holds` knows the message by that was published there just now."""
        return slot, self._row(slot)[_SEQUENCE]

    def holds(self, message: tuple[int, int]) -> bool:
        """Whether the frame may still be at a message. Its place may have been taken by another, later one."""
        slot, sequence = message
        row = self._row(slot)
        return row[_STATE] != FREE and row[_SEQUENCE] == sequence

    def arrive(self, slot: int, count: int) -> None:
        """The first `count` bytes of the slot's data are written."""
        row = self._row(slot)
        if count >= row[_META]:
            row[_WHOLE_NS] = time.monotonic_ns()
        fence()
        row[_ARRIVED] = count

    def trim(self) -> None:
        """Give the memory beyond the limit back once nothing lies there (Linux; elsewhere it stays)."""
        used = max((offset + size for offset, size in self._spans(self._column(_STATE))), default=0)
        keep = max(used, self._limit)
        if self._highest > keep and hasattr(mmap, "MADV_REMOVE"):
            with contextlib.suppress(OSError):
                self._segment.map.madvise(mmap.MADV_REMOVE, self._base + keep, self._highest - keep)
            self._highest = keep

    # --- the frame's side ---------------------------------------------------------------------------------

    def take(self) -> list[Message]:
        """Everything published since the last call, oldest first, without copying. Never waits.

        All but the last are whole; the last one's data may still be arriving.
        """
        if self._head[_PUBLISHED] == self._head[_TAKEN]:
            return []
        fence()
        ready = [slot for slot, state in enumerate(self._column(_STATE)) if state == READY]
        ready.sort(key=lambda slot: self._row(slot)[_SEQUENCE])
        messages = [self._held(slot) for slot in ready]
        self._head[_TAKEN] += len(messages)
        return messages

    def _held(self, slot: int) -> Message:
        row = self._row(slot)
        row[_STATE] = HELD
        owner = self.data(slot)
        # Views of views have the first array as their base: it dies with the last of them.
        weakref.finalize(owner, _free, row).atexit = False
        begin, size = row[_META], row[_META_SIZE]
        meta = owner[begin : begin + size].tobytes()
        owner.flags.writeable = False
        arrival = Arrival(row, owner)
        if not arrival.whole:
            self._arriving = weakref.ref(arrival)
        return Message(meta, owner, arrival)

    def recover(self) -> None:
        """After the worker's death: free what it was writing, or say that it is lost where the frame holds it.

        What it had published whole stays.
        """
        ready = 0
        for slot in range(self._head[_USED]):
            row = self._row(slot)
            if row[_STATE] == WRITING or (row[_STATE] == READY and row[_ARRIVED] < row[_META]):
                row[_STATE] = FREE
            ready += row[_STATE] == READY
        arriving = None if self._arriving is None else self._arriving()
        if arriving is not None and not arriving.whole:
            arriving.lost = True
        # A kill between READY and the count is made good here.
        self._head[_PUBLISHED] = self._head[_TAKEN] + ready

    @property
    def in_use(self) -> int:
        """Bytes in slots that are not free."""
        return sum(size for _, size in self._spans(self._column(_STATE)))


def _free(row: Words) -> None:
    row[_STATE] = FREE


def aligned(offset: int) -> int:
    """The next multiple of 64: what a pixel transfer and vector instructions like."""
    return -(-offset // 64) * 64

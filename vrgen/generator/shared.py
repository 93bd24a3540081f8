"""Memory that the frame and the worker process share, and the slots in it that carry results.

There is no lock in it that a killed process could hold: every word has one writer at a time, and who that is
follows from a slot's state. FREE → (worker) WRITING → (worker) READY → (frame) HELD → (frame) FREE.

The memory has no name in the file system on Linux (a memfd; an unlinked file on other POSIX systems; a tagged
mapping of the paging file on Windows), so nothing is left behind however the processes end.
"""

import contextlib
import mmap
import os
import sys
import tempfile
import threading
import weakref
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vrgen.errors import CheckpointError

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.int64]

MIB = 1 << 20
PAGE = 4096
SLOTS = 4096
FREE, WRITING, READY, HELD = range(4)

# Columns of the slot table, one row of eight words (a cache line) for each slot.
_STATE, _SEQUENCE, _OFFSET, _SIZE, _META, _META_SIZE = range(6)

RESERVE = (4096 if sys.platform != "win32" else 512) * MIB
"""Addresses reserved for results; memory is taken only where something was written."""

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
        return np.frombuffer(self.map, np.int64, count, offset)

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


@dataclass(frozen=True)
class Message:
    """What came out of a slot. `data` is read-only; the slot is free when its last view has died."""

    meta: bytes
    data: Bytes


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
        self._table = segment.words(offset + self.HEAD_BYTES, SLOTS * 8).reshape(SLOTS, 8)
        self._base = -(-(offset + self.HEAD_BYTES + self.TABLE_BYTES) // PAGE) * PAGE
        self._limit = limit_mb * MIB
        self._room = segment.size - self._base
        self._highest = self._room

    # --- the worker's side --------------------------------------------------------------------------------

    def reserve(self, size: int) -> int | None:
        """Take a slot for `size` bytes; None while there is no room (try again when the frame has polled).

        Raises:
            CheckpointError: it can never fit.
        """
        size = max(PAGE, -(-size // PAGE) * PAGE)
        if size > self._room:
            raise CheckpointError(
                f"a result takes {size / MIB:.0f} MB, the shared memory holds {self._room / MIB:.0f} MB; "
                "make the outputs smaller"
            )
        taken = np.flatnonzero(self._table[:, _STATE])
        spans = sorted((int(self._table[i, _OFFSET]), int(self._table[i, _SIZE])) for i in taken)
        in_use = sum(span for _, span in spans)
        unpolled = int(self._head[0] - self._head[1])
        if len(taken) == SLOTS or (in_use + size > self._limit and unpolled > 0):
            return None
        start = 0
        for offset, span in spans:
            if offset - start >= size:
                break
            start = offset + span
        if start + size > self._room:
            return None
        slot = int(np.flatnonzero(self._table[:, _STATE] == FREE)[0])
        row = self._table[slot]
        row[_OFFSET], row[_SIZE] = start, size
        fence()
        row[_STATE] = WRITING
        self._highest = max(self._highest, start + size)
        return slot

    def data(self, slot: int) -> Bytes:
        """The slot's bytes, page-aligned."""
        row = self._table[slot]
        return self._segment.bytes(self._base + int(row[_OFFSET]), int(row[_SIZE]))

    def publish(self, slot: int, meta_offset: int, meta_size: int) -> None:
        """Show a written slot to the frame."""
        row = self._table[slot]
        row[_META], row[_META_SIZE] = meta_offset, meta_size
        row[_SEQUENCE] = self._head[0] + 1
        fence()
        row[_STATE] = READY
        fence()
        self._head[0] += 1

    def give_up(self, slot: int) -> None:
        """Free a reserved slot that will not be published."""
        self._table[slot, _STATE] = FREE

    def trim(self) -> None:
        """Give the memory beyond the limit back once nothing lies there (Linux; elsewhere it stays)."""
        taken = np.flatnonzero(self._table[:, _STATE])
        used = int((self._table[taken, _OFFSET] + self._table[taken, _SIZE]).max()) if len(taken) else 0
        keep = max(used, self._limit)
        if self._highest > keep and hasattr(mmap, "MADV_REMOVE"):
            with contextlib.suppress(OSError):
                self._segment.map.madvise(mmap.MADV_REMOVE, self._base + keep, self._highest - keep)
            self._highest = keep

    # --- the frame's side ---------------------------------------------------------------------------------

    def take(self) -> list[Message]:
        """Everything published since the last call, oldest first, without copying. Never waits."""
        if self._head[0] == self._head[1]:
            return []
        fence()
        ready = np.flatnonzero(self._table[:, _STATE] == READY)
        ready = ready[np.argsort(self._table[ready, _SEQUENCE])]
        messages = [self._held(int(slot)) for slot in ready]
        self._head[1] += len(messages)
        return messages

    def _held(self, slot: int) -> Message:
        row = self._table[slot]
        row[_STATE] = HELD
        owner = self.data(slot)
        # Views of views have the first array as their base: it dies with the last of them.
        weakref.finalize(owner, _free, self._table, slot).atexit = False
        begin, size = int(row[_META]), int(row[_META_SIZE])
        meta = owner[begin : begin + size].tobytes()
        owner.flags.writeable = False
        return Message(meta, owner)

    def recover(self) -> None:
        """After the worker's death: free what it was writing. What it had published stays whole."""
        rows = self._table
        rows[rows[:, _STATE] == WRITING, _STATE] = FREE
        # A kill between READY and the count is made good here.
        self._head[0] = self._head[1] + int((rows[:, _STATE] == READY).sum())

    @property
    def in_use(self) -> int:
        """Bytes in slots that are not free."""
        return int(self._table[self._table[:, _STATE] != FREE, _SIZE].sum())


def _free(table: Words, slot: int) -> None:
    table[slot, _STATE] = FREE


def aligned(offset: int) -> int:
    """The next multiple of 64: what a pixel transfer and vector instructions like."""
    return -(-offset // 64) * 64

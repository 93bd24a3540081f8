"""The mailbox from the frame to the worker: one letter, always the newest. Neither side ever waits.

The frame writes into the one of two buffers that is not the newest and then says that it is; a reader that was
overtaken finds another version in the buffer after it has read, and reads again. The version a reader works from
is published before it reads (a hazard pointer), so that the writer knows which letters may still be answered.
"""

import numpy as np

from vrgen.errors import VrgenError
from vrgen.generator.shared import MIB, Segment, fence

CAPACITY = 32 * MIB
"""Of each of the two buffers; memory is taken only where something was written."""

# Words of the header, then those at the head of each buffer.
_LATEST, _READING = 0, 1
_VERSION, _SIZE = 0, 1


class Mailbox:
    """Latest wins. One writer, one reader."""

    BYTES = 64 + 2 * (64 + CAPACITY)

    def __init__(self, segment: Segment, offset: int) -> None:
        self._segment = segment
        self._head = segment.words(offset, 2)
        starts = (offset + 64, offset + 64 + 64 + CAPACITY)
        self._marks = [segment.words(start, 2) for start in starts]
        self._starts = [start + 64 for start in starts]

    @property
    def latest(self) -> int:
        """The newest letter's version; 0 when there is none."""
        return self._head[_LATEST]

    @property
    def reading(self) -> int:
        """The version that the worker works from: only it and newer ones can still be answered."""
        return self._head[_READING]

    def put(self, letter: bytes) -> int:
        """Replace what is in the box; return the new version.

        Raises:
            VrgenError: the letter is larger than the box.
        """
        if len(letter) > CAPACITY:
            raise VrgenError(
                f"the requests take {len(letter) / MIB:.0f} MB, the mailbox holds {CAPACITY / MIB:.0f} MB; "
                "ask for less at once or with smaller pictures"
            )
        version = self.latest + 1
        marks, start = self._marks[version % 2], self._starts[version % 2]
        marks[_VERSION] = version
        fence()
        self._segment.bytes(start, len(letter))[:] = np.frombuffer(letter, np.uint8)
        marks[_SIZE] = len(letter)
        fence()
        self._head[_LATEST] = version
        fence()
        return version

    def get(self, known: int = 0) -> tuple[int, bytes] | None:
        """The newest letter and its version, or None where `known` is the newest."""
        while (version := self.latest) != known:
            self._head[_READING] = version
            fence()
            if self.latest != version:
                continue
            letter = self._read(version)
            if letter is not None:
                return version, letter
        return None

    def _read(self, version: int) -> bytes | None:
        marks, start = self._marks[version % 2], self._starts[version % 2]
        letter = self._segment.bytes(start, marks[_SIZE]).tobytes()
        fence()
        return letter if marks[_VERSION] == version else None

    def reader_left(self) -> None:
        """After the worker's death: nothing is being read."""
        self._head[_READING] = 0

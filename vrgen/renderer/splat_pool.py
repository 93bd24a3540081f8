"""Splats on the GPU: one buffer for all clouds, each with a range of its own, filled within a budget."""

import time
from dataclasses import dataclass

from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer
from vrgen.scene_model import SPLAT, Cloud, Splats

SLOTS = 256
"""Clouds that can be there at once."""
_PIECE = 4096
"""Splats that are copied between two looks at the clock."""


@dataclass(eq=False, slots=True)
class Held:
    """Where splats lie, and how many of them have arrived."""

    splats: Splats
    first: int
    slot: int
    written: int = 0

    @property
    def count(self) -> int:
        return len(self.splats.gaussians)

    @property
    def whole(self) -> bool:
        return self.written == self.count


class SplatPool:
    """Owner of the buffer. It never shrinks: an order may name what has left, and finds there what is there now,
    which is not shown before an order names it (`Cloud.weight`)."""

    def __init__(self) -> None:
        self.buffer: Buffer | None = None
        self.colours: Buffer | None = None
        """The finished colour of each, four bytes."""
        self.capacity = 0
        self.slots = 0
        """That have ever been taken."""
        self.stamp = 0
        """Goes up whenever something else lies there."""
        self._held: dict[int, Held] = {}

    def of(self, splats: Splats) -> Held | None:
        return self._held.get(splats.id)

    def advance(self, clouds: tuple[Cloud, ...], budget_s: float) -> int:
        """Copy as much as the time allows, but something; returns the bytes copied."""
        wanted = {cloud.splats.id for cloud in clouds}
        for name in [name for name in self._held if name not in wanted]:
            del self._held[name]
        deadline_s = time.perf_counter() + budget_s
        copied = 0
        for cloud in clouds:
            held = self._held.get(cloud.splats.id) or self._given_room(cloud.splats)
            while held is not None and not held.whole:
                if copied and time.perf_counter() >= deadline_s:
                    return copied
                copied += self._copy(held)
        return copied

    def _copy(self, held: Held) -> int:
        assert self.buffer is not None
        piece = held.splats.gaussians[held.written : held.written + _PIECE].copy()
        piece["cloud"] = held.slot
        self.buffer.write(piece, (held.first + held.written) * SPLAT.itemsize)
        held.written += len(piece)
        self.stamp += 1
        return int(piece.nbytes)

    def _given_room(self, splats: Splats) -> Held | None:
        """A range, in a larger buffer if need be; None where all slots are taken."""
        taken = sorted(self._held.values(), key=lambda held: held.first)
        slot = next(iter(set(range(SLOTS)) - {held.slot for held in taken}), None)
        if slot is None:
            return None
        count, first = len(splats.gaussians), 0
        for held in taken:
            if held.first - first >= count:
                break
            first = held.first + held.count
        if first + count > self.capacity:
            self._enlarge(max(first + count, 2 * self.capacity))
        self.slots = max(self.slots, slot + 1)
        made = self._held[splats.id] = Held(splats, first, slot)
        return made

    def _enlarge(self, capacity: int) -> None:
        before, self.buffer = self.buffer, Buffer(capacity * SPLAT.itemsize, "splats")
        if before is not None:
            GL.glCopyNamedBufferSubData(before.name, self.buffer.name, 0, 0, self.capacity * SPLAT.itemsize)
            before.close()
        if self.colours is not None:
            self.colours.close()
        self.colours = Buffer(4 * capacity, "splat colours")
        self.capacity = capacity
        self.stamp += 1

    def close(self) -> None:
        for buffer in (self.buffer, self.colours):
            if buffer is not None:
                buffer.close()
        self.buffer = self.colours = None
        self.capacity = 0
        self._held.clear()

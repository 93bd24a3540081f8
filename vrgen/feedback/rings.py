"""Rings of numbers: the newest stay, and they are as large from the first as they will ever be."""

import struct
from array import array
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

KEPT = 60_000
"""Numbers kept of each quantity: eleven minutes at 90 Hz."""


class Series:
    """A ring of the last `KEPT` numbers, float32."""

    def __init__(self) -> None:
        # Written once: memory that is only promised would be taken while the session goes on.
        self._ring = array("f", b"\1" * (4 * KEPT))
        self._kept = KEPT
        self._next = 0
        self.count = 0
        """How many there were ever."""

    def add(self, value: float) -> None:
        self._ring[self._next] = value
        self._next = (self._next + 1) % self._kept
        self.count += 1

    def last(self, count: int) -> list[float]:
        """The newest `count`, oldest first."""
        return [self._ring[self._next - i] for i in range(min(count, self.count, self._kept), 0, -1)]

    def summary(self) -> dict[str, float]:
        return summary(np.frombuffer(self._ring, np.float32)[: self.count])


class Table:
    """A ring of rows, a float32 under each name; the last `kept` rows stay."""

    def __init__(self, names: Sequence[str], kept: int = 20_000) -> None:
        self.names = tuple(names)
        self._kept = kept
        self._ring = array("f", b"\1" * (4 * kept * len(self.names)))
        self._pack = struct.Struct(f"={len(self.names)}f").pack_into
        self._stride = 4 * len(self.names)
        self._next = self._count = 0

    def add(self, *values: float) -> None:
        """One row."""
        self._pack(self._ring, self._next * self._stride, *values)
        self._next = (self._next + 1) % self._kept
        self._count += self._count < self._kept

    @property
    def rows(self) -> npt.NDArray[np.float32]:
        """(N, names), in no order."""
        return np.asarray(self._ring).reshape(self._kept, len(self.names))[: self._count]

    def summary(self, *, zeros: bool = True) -> dict[str, dict[str, float]]:
        """Of each name; without `zeros` a 0 says that the row did not have it, and counts for nothing."""
        columns = zip(self.names, self.rows.T)
        return {name: summary(column if zeros else column[column > 0.0]) for name, column in columns}


def summary(values: Sequence[float] | npt.NDArray[np.floating]) -> dict[str, float]:
    """p50, p95, p99 and max, rounded to a microsecond where the numbers are milliseconds; {} of nothing."""
    if not len(values):
        return {}
    ordered = np.sort(np.asarray(values, np.float64))
    # Not np.percentile: the first call loads numpy's masked arrays, 40 ms within a frame.
    places = np.array([0.50, 0.95, 0.99, 1.0]) * (len(ordered) - 1)
    p50, p95, p99, top = np.interp(places, np.arange(len(ordered)), ordered)
    return {name: round(float(v), 3) for name, v in zip(("p50", "p95", "p99", "max"), (p50, p95, p99, top))}

"""Generated numbers that lie in GPU memory: what the generators hand out of them and the renderer draws from."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from vrgen.contract import Range

LIT = (128, 256)
"""Rows and columns at most of the panorama that light is taken from, where the whole is on the GPU."""
SAMPLES = 32
"""Rows and columns of a texture that are read on the host, where the whole is on the GPU."""


def pattern(size: int) -> bytes:
    """What is brought over first, to be compared."""
    return np.random.default_rng(size).bytes(size)


def places(whole: int, count: int) -> npt.NDArray[np.int64]:
    """(count,) which of `whole` rows or columns stand in the middle of as many equal parts."""
    return ((np.arange(count) + 0.5) / count * whole).astype(np.int64)


class OnGpu(Protocol):
    """The numbers of one output, float32, from the start of a GL buffer. The buffer is used again when nobody
    refers to this any more."""

    @property
    def buffer(self) -> int:
        """GL name."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the output, without the batch axis."""


@dataclass(frozen=True, eq=False, slots=True)
class OnHost:
    """The numbers of an output that came across the host beside others that did not."""

    numbers: npt.NDArray[np.generic]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.numbers.shape


@dataclass(frozen=True, eq=False, slots=True)
class RawPlanes:
    """(C, H, W) numbers, and what they mean."""

    lies: OnGpu | OnHost
    between: Range

    @property
    def shape(self) -> tuple[int, int, int]:
        planes, height, width = self.lies.shape
        return planes, height, width


@dataclass(frozen=True, eq=False, slots=True)
class RawSurface:
    """The textures of a material; what is None is plain. `size`: height and width of what is made of them."""

    size: tuple[int, int]
    albedo: RawPlanes | None = None
    normal: RawPlanes | None = None
    roughness: RawPlanes | None = None

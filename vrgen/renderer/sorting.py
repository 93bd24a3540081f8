"""Keys in order, each with its value: a stable radix sort on the GPU, and numpy's, which gives the same."""

import numpy as np
import numpy.typing as npt

from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer
from vrgen.gl.pipeline import Pipeline, Program

U32 = npt.NDArray[np.uint32]

DIGIT_BITS = 4
_TILE = 4096
"""Keys of a work group, as shaders/radix.comp has it."""
_STEPS = ("COUNT", "SCAN", "SCATTER")


class GpuSort:
    """Owner of the programs, and of room for `most` keys with their values.

    Write keys and values into `keys` and `values`, then `sort`; the values are in order in `values` again.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._programs = [Program("radix.comp", defines=(step,)) for step in _STEPS]
        self.keys, self.values = Buffer(4 * most, "sort keys"), Buffer(4 * most, "sort values")
        self._other_keys, self._other_values = Buffer(4 * most, "sort keys"), Buffer(4 * most, "sort values")
        self._begins = Buffer(4 * (_tiles(most) << DIGIT_BITS), "sort digits")

    def sort(self, count: int, bits: int) -> None:
        """Order the first `count` by the lowest `bits` of their keys, which the GPU has written before.

        `bits` is a multiple of 8: an even number of passes ends where they began.
        """
        assert count <= self.most and bits % (2 * DIGIT_BITS) == 0
        tiles = _tiles(count)
        if not tiles:
            return
        for program in self._programs:
            GL.glProgramUniform1ui(program.name, 0, count)
        here, there = (self.keys, self.values), (self._other_keys, self._other_values)
        GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, 5, self._begins.name)
        for shift in range(0, bits, DIGIT_BITS):
            for binding, buffer in enumerate((*here, *there), 1):
                GL.glBindBufferBase(GL.GL_SHADER_STORAGE_BUFFER, binding, buffer.name)
            for step, program in zip(_STEPS, self._programs):
                GL.glMemoryBarrier(GL.GL_SHADER_STORAGE_BARRIER_BIT)
                GL.glUseProgram(program.name)
                if step != "SCAN":
                    GL.glProgramUniform1ui(program.name, 1, shift)
                GL.glDispatchCompute(1 if step == "SCAN" else tiles, 1, 1)
            here, there = there, here
        GL.glMemoryBarrier(GL.GL_SHADER_STORAGE_BARRIER_BIT)
        Pipeline._bound = None

    def close(self) -> None:
        for owned in (*self._programs, self.keys, self.values, self._other_keys, self._other_values, self._begins):
            owned.close()


def order_of(keys: U32) -> npt.NDArray[np.intp]:
    """(N,) which key comes when, ascending, equal ones as they stand.

    Two halves, each by numpy's radix sort, which it has for 16 bits only.
    """
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    return order[np.argsort((keys >> np.uint32(16)).astype(np.uint16)[order], kind="stable")]


def _tiles(count: int) -> int:
    return (count + _TILE - 1) // _TILE

"""Moving data to the GPU without waiting: a ring of persistently mapped memory, one part a frame in flight."""

from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer

FRAMES_IN_FLIGHT = 3
_ALIGN = 256  # covers GL_UNIFORM_BUFFER_OFFSET_ALIGNMENT and its storage twin on every driver known to us


class Ring:
    """Per-frame data (views, tiles, draw commands), written straight into memory that the GPU reads.

    `begin` waits only if the GPU is still reading what was written `FRAMES_IN_FLIGHT` frames ago.
    """

    def __init__(self, bytes_a_frame: int, label: str) -> None:
        self._part = (bytes_a_frame + _ALIGN - 1) // _ALIGN * _ALIGN
        self.buffer = Buffer(self._part * FRAMES_IN_FLIGHT, label, persistent=True)
        self._fences: list[Any] = [None] * FRAMES_IN_FLIGHT
        self._index = 0
        self._used = 0

    def begin(self) -> None:
        """Turn to the oldest part."""
        self._index = (self._index + 1) % FRAMES_IN_FLIGHT
        self._used = 0
        fence = self._fences[self._index]
        if fence is not None:
            while GL.glClientWaitSync(fence, GL.GL_SYNC_FLUSH_COMMANDS_BIT, 1_000_000) == GL.GL_TIMEOUT_EXPIRED:
                pass
            GL.glDeleteSync(fence)
            self._fences[self._index] = None

    def put(self, data: npt.NDArray[np.generic]) -> tuple[int, int]:
        """Copy `data` in; returns (offset, size) in bytes for a range binding."""
        size = data.nbytes
        start = self._index * self._part + self._used
        if self._used + size > self._part:
            raise ValueError(f"ring {self.buffer.label}: {size} bytes do not fit beside {self._used}")
        self.buffer.mapped[start : start + size] = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        self._used += (size + _ALIGN - 1) // _ALIGN * _ALIGN
        return start, size

    def end(self) -> None:
        """The frame's commands are given: remember when the GPU is through with them."""
        self._fences[self._index] = GL.glFenceSync(GL.GL_SYNC_GPU_COMMANDS_COMPLETE, 0)

    def close(self) -> None:
        for fence in self._fences:
            if fence is not None:
                GL.glDeleteSync(fence)
        self._fences = [None] * FRAMES_IN_FLIGHT
        self.buffer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

"""Moving data to the GPU without waiting: persistently mapped memory, written again once the GPU has read it."""

import ctypes
import time
from collections import deque
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from vrgen.gl.api import GL, bare
from vrgen.gl.objects import Buffer

FRAMES_IN_FLIGHT = 3
_ALIGN = 256  # covers GL_UNIFORM_BUFFER_OFFSET_ALIGNMENT and its storage twin on every driver known to us


# With PyOpenGL's own type for fences every call leaves a ring of objects to the garbage collector.
_fence_sync = bare("glFenceSync", ctypes.c_size_t, ctypes.c_uint, ctypes.c_uint)
_wait_sync = bare("glClientWaitSync", ctypes.c_uint, ctypes.c_size_t, ctypes.c_uint, ctypes.c_uint64)
_delete_sync = bare("glDeleteSync", None, ctypes.c_size_t)


class Fences:
    """Points in the stream of commands; each is let go only when a later one has been passed.

    llvmpipe (seen in Mesa 22.3) takes a fence for passed by its count alone. If nobody else holds it, it is freed
    while the thread that signals it has yet to unlock it, which writes four zero bytes into memory that may be
    another's by then. Its threads work in order: where a later fence is passed, all have left the earlier ones.
    """

    def __init__(self) -> None:
        self._kept: deque[int] = deque()

    def mark(self) -> int:
        """A fence behind all commands given so far."""
        fence = int(_fence_sync(GL.GL_SYNC_GPU_COMMANDS_COMPLETE, 0))
        self._kept.append(fence)
        return fence

    def wait(self, fence: int) -> None:
        """Until the GPU has passed a fence that was marked here; those before it are let go."""
        while _wait_sync(fence, GL.GL_SYNC_FLUSH_COMMANDS_BIT, 1_000_000) == GL.GL_TIMEOUT_EXPIRED:
            pass
        while self._kept[0] != fence:
            _delete_sync(self._kept.popleft())

    def passed(self, fence: int) -> bool:
        """Whether the GPU has passed a fence that was marked here, without waiting."""
        if _wait_sync(fence, GL.GL_SYNC_FLUSH_COMMANDS_BIT, 0) == GL.GL_TIMEOUT_EXPIRED:
            return False
        self.wait(fence)
        return True

    def close(self) -> None:
        if self._kept:
            self.wait(self._kept[-1])
            _delete_sync(self._kept.pop())


class Ring:
    """Per-frame data (views, tiles, draw commands), written straight into memory that the GPU reads.

    `begin` waits only if the GPU is still reading what was written `FRAMES_IN_FLIGHT` frames ago.
    """

    def __init__(self, bytes_a_frame: int, label: str) -> None:
        self._part = (bytes_a_frame + _ALIGN - 1) // _ALIGN * _ALIGN
        self.buffer = Buffer(self._part * FRAMES_IN_FLIGHT, label, persistent=True)
        self._bytes = self.buffer.mapped.data
        self.fences = Fences()
        self._ends: list[int | None] = [None] * FRAMES_IN_FLIGHT
        self._index = 0
        self._used = 0
        self.waited_s = 0.0
        """How long the last `begin` waited for the GPU."""

    def begin(self) -> None:
        """Turn to the oldest part."""
        self._index = (self._index + 1) % FRAMES_IN_FLIGHT
        self._used = 0
        end = self._ends[self._index]
        if end is not None:
            begun_s = time.perf_counter()
            self.fences.wait(end)
            self._ends[self._index] = None
            self.waited_s = time.perf_counter() - begun_s

    def put(self, data: npt.NDArray[np.generic]) -> tuple[int, int]:
        """Copy `data` in; returns (offset, size) in bytes for a range binding."""
        size = data.nbytes
        start = self._index * self._part + self._used
        if self._used + size > self._part:
            raise ValueError(f"ring {self.buffer.label}: {size} bytes do not fit beside {self._used}")
        self._bytes[start : start + size] = data.tobytes()
        self._used += (size + _ALIGN - 1) // _ALIGN * _ALIGN
        return start, size

    def end(self) -> None:
        """The frame's commands are given: remember when the GPU is through with them."""
        self._ends[self._index] = self.fences.mark()

    def close(self) -> None:
        self.fences.close()
        self._ends = [None] * FRAMES_IN_FLIGHT
        self._bytes.release()
        self.buffer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Stage:
    """Memory that textures are copied from, in parts: one is left when it is full, and written again once the GPU
    has read all of it."""

    PARTS = 4

    def __init__(self, size: int, label: str) -> None:
        self.most = size // self.PARTS // _ALIGN * _ALIGN
        """Bytes that can be put at once."""
        self.buffer = Buffer(self.most * self.PARTS, label, persistent=True)
        self._fences = Fences()
        self._left: list[int | None] = [None] * self.PARTS
        """Of each part the fence behind what reads it."""
        self._part = self._used = 0

    def put(self, data: npt.NDArray[np.generic], patient: bool) -> int | None:
        """Where it lies, bytes from the start; what reads it is to be commanded before the next `put`.

        None: the GPU has not read what lay there, and who is `patient` does not wait for that.
        """
        if self._used + data.nbytes > self.most:
            following = (self._part + 1) % self.PARTS
            fence = self._left[following]
            if fence is not None:
                if patient and not self._fences.passed(fence):
                    return None
                self._fences.wait(fence)
            self._left[self._part] = self._fences.mark()
            self._left[following] = None
            self._part, self._used = following, 0
        at = self._part * self.most + self._used
        self.buffer.mapped[at : at + data.nbytes] = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        self._used += (data.nbytes + _ALIGN - 1) // _ALIGN * _ALIGN
        return at

    def close(self) -> None:
        self._fences.close()
        self.buffer.close()

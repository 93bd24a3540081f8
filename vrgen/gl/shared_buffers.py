"""Buffers that OpenGL and CUDA both know, registered once and used again and again."""

import contextlib
import weakref
from math import prod

from vrgen.cuda import Cuda, CudaError, Resource
from vrgen.gl.api import GL
from vrgen.gl.objects import _made, _Object

SPARE_BYTES = 256 << 20
"""Of buffers that nobody refers to, at most."""
_GRAIN = 256 << 10


class SharedBuffer(_Object):
    """`size` bytes that OpenGL and CUDA both know. Not immutable storage: what CUDA's own examples register."""

    kind = "buffer"

    def __init__(self, cuda: Cuda, size: int) -> None:
        super().__init__(_made(GL.glCreateBuffers), "shared with CUDA")
        self.size = size
        GL.glNamedBufferData(self.name, size, None, GL.GL_DYNAMIC_COPY)
        self._cuda = cuda
        try:
            self.resource: Resource | None = None
            self.resource = cuda.register(self.name)
        except CudaError:
            self.close()
            raise

    def _delete(self) -> None:
        if self.resource is not None:
            with contextlib.suppress(CudaError):  # of a context that has failed
                self._cuda.unregister(self.resource)
        GL.glDeleteBuffers(1, [self.name])


class Landed:
    """One output in a shared buffer."""

    def __init__(self, buffer: int, shape: tuple[int, ...]) -> None:
        self.buffer, self.shape = buffer, shape


class SharedBuffers:
    """Owner of all of them. One is for others when the `Landed` that it was taken for is gone."""

    def __init__(self) -> None:
        self._all: dict[int, SharedBuffer] = {}
        self._returned: list[int] = []

    def take(self, cuda: Cuda, shape: tuple[int, ...]) -> tuple[Landed, Resource]:
        """Room for numbers of that shape; on OpenGL's thread.

        Raises:
            CudaError: it can't be registered.
        """
        buffer = self._found(cuda, -(-4 * prod(shape) // _GRAIN) * _GRAIN)
        landed = Landed(buffer.name, shape)
        # Wherever the last reference is dropped: a list takes it from any thread.
        weakref.finalize(landed, self._returned.append, buffer.name).atexit = False
        assert buffer.resource is not None
        return landed, buffer.resource

    def _found(self, cuda: Cuda, size: int) -> SharedBuffer:
        for place, name in enumerate(self._returned):
            if self._all[name].size == size:
                del self._returned[place]
                return self._all[name]
        spare = sum(self._all[name].size for name in self._returned)
        while self._returned and spare + size > SPARE_BYTES:
            old = self._all.pop(self._returned.pop(0))
            spare -= old.size
            old.close()
        buffer = SharedBuffer(cuda, size)
        self._all[buffer.name] = buffer
        return buffer

    def close(self) -> None:
        for buffer in self._all.values():
            buffer.close()
        self._all.clear()

"""GL objects, each with one owner and a lifetime: made in a constructor, freed by `close`, never by the collector.

`alive()` lists what is not closed yet; every GL test ends by asserting that it is empty.
"""

import warnings
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vrgen.gl.api import GL

_live: dict[tuple[str, int], str] = {}


def alive() -> tuple[str, ...]:
    """What was made and not closed, as readable lines."""
    return tuple(f"{kind} {name} ({label})" for (kind, name), label in _live.items())


class _Object:
    """A GL name with an owner."""

    kind = ""

    def __init__(self, name: int, label: str) -> None:
        self.name = int(name)
        self.label = label
        self._open = True
        _live[(self.kind, self.name)] = label

    def _delete(self) -> None:
        raise NotImplementedError(self.kind)

    def close(self) -> None:
        """Free it; closing twice is harmless."""
        if self._open:
            self._open = False
            _live.pop((self.kind, self.name), None)
            self._delete()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_open", False):
            warnings.warn(f"GL {self.kind} {self.name} ({self.label}) was never closed", ResourceWarning, 2)


_HALVES = (GL.GL_RGB16F, GL.GL_RGBA16F)


def _made(create: Any, *args: int) -> int:
    names = (GL.GLuint * 1)()
    create(*args, 1, names)
    return int(names[0])


class Buffer(_Object):
    """Immutable storage of `size` bytes; `mapped` is a writable uint8 view when it is persistent."""

    kind = "buffer"

    def __init__(
        self,
        size: int,
        label: str,
        data: npt.NDArray[np.generic] | None = None,
        persistent: bool = False,
        readable: bool = False,
    ) -> None:
        super().__init__(_made(GL.glCreateBuffers), label)
        self.size = max(int(size), 16)
        access = GL.GL_MAP_PERSISTENT_BIT | GL.GL_MAP_COHERENT_BIT
        access |= GL.GL_MAP_READ_BIT if readable else GL.GL_MAP_WRITE_BIT
        flags = GL.GL_DYNAMIC_STORAGE_BIT | (access if persistent else 0)
        GL.glNamedBufferStorage(self.name, self.size, None, flags)
        if data is not None and data.nbytes:
            self.write(data)
        self.mapped: npt.NDArray[np.uint8] = np.zeros(0, np.uint8)
        if persistent:
            address = GL.glMapNamedBufferRange(self.name, 0, self.size, access)
            pointer = (GL.GLubyte * self.size).from_address(int(address))
            self.mapped = np.frombuffer(pointer, np.uint8)

    def write(self, data: npt.NDArray[np.generic], offset: int = 0) -> None:
        """Copy `data` to `offset` bytes from the start."""
        flat = np.ascontiguousarray(data)
        # Not `data_as`: its cast leaves two objects to the garbage collector.
        GL.glNamedBufferSubData(self.name, offset, flat.nbytes, GL.GLvoidp(flat.ctypes.data))

    def read(self, dtype: npt.DTypeLike, count: int) -> npt.NDArray[Any]:
        """The first `count` items; waits for the GPU (tests and tools only)."""
        out = np.zeros(count, dtype)
        GL.glGetNamedBufferSubData(self.name, 0, out.nbytes, out.ctypes.data_as(GL.GLvoidp))
        return out

    def _delete(self) -> None:
        self.mapped = np.zeros(0, np.uint8)
        GL.glDeleteBuffers(1, [self.name])


class Texture(_Object):
    """Immutable texture storage, with the sampling state it is always read with."""

    kind = "texture"

    def __init__(
        self,
        target: int,
        size: tuple[int, ...],
        form: int,
        label: str,
        levels: int = 1,
        samples: int = 0,
        linear: bool = True,
        wrap: tuple[int, int] | None = None,
        compare: bool = False,
        anisotropy: float = 1.0,
    ) -> None:
        super().__init__(_made(GL.glCreateTextures, target), label)
        self.target, self.size, self.form, self.levels = target, size, form, levels
        across, along, *layers = size
        texels = sum(max(across >> level, 1) * max(along >> level, 1) for level in range(levels))
        self.bytes = texels * (layers[0] if layers else 1) * (8 if form in _HALVES else 4) * max(samples, 1)
        """Of all its levels, as a GPU keeps them: three components take the room of four."""
        if samples:
            store = GL.glTextureStorage3DMultisample if len(size) == 3 else GL.glTextureStorage2DMultisample
            store(self.name, samples, form, *size, GL.GL_TRUE)
            return
        (GL.glTextureStorage3D if len(size) == 3 else GL.glTextureStorage2D)(self.name, levels, form, *size)
        mag = GL.GL_LINEAR if linear else GL.GL_NEAREST
        low = mag if levels == 1 else GL.GL_LINEAR_MIPMAP_LINEAR
        GL.glTextureParameteri(self.name, GL.GL_TEXTURE_MIN_FILTER, low)
        GL.glTextureParameteri(self.name, GL.GL_TEXTURE_MAG_FILTER, mag)
        across, along = wrap or (GL.GL_CLAMP_TO_EDGE, GL.GL_CLAMP_TO_EDGE)
        GL.glTextureParameteri(self.name, GL.GL_TEXTURE_WRAP_S, across)
        GL.glTextureParameteri(self.name, GL.GL_TEXTURE_WRAP_T, along)
        if anisotropy > 1.0:
            GL.glTextureParameterf(self.name, 0x84FE, anisotropy)  # GL_TEXTURE_MAX_ANISOTROPY
        if compare:
            GL.glTextureParameteri(self.name, GL.GL_TEXTURE_COMPARE_MODE, GL.GL_COMPARE_REF_TO_TEXTURE)
            GL.glTextureParameteri(self.name, GL.GL_TEXTURE_COMPARE_FUNC, GL.GL_GEQUAL)

    def bind(self, unit: int) -> None:
        GL.glBindTextureUnit(unit, self.name)

    def copy_to(self, array: "Texture", layer: int) -> None:
        """All its levels into a layer of an array of the same size and form."""
        width, height = self.size
        for level in range(self.levels):
            GL.glCopyImageSubData(
                self.name, self.target, level, 0, 0, 0, array.name, array.target, level, 0, 0, layer,
                max(width >> level, 1), max(height >> level, 1), 1,
            )  # fmt: skip

    def _delete(self) -> None:
        GL.glDeleteTextures([self.name])


class Framebuffer(_Object):
    """Where pixels go: whole textures (all layers) attached once."""

    kind = "framebuffer"

    def __init__(
        self,
        label: str,
        colour: Texture | None = None,
        depth: Texture | None = None,
        layer: int | None = None,
    ) -> None:
        super().__init__(_made(GL.glCreateFramebuffers), label)
        for texture, point in ((colour, GL.GL_COLOR_ATTACHMENT0), (depth, GL.GL_DEPTH_ATTACHMENT)):
            if texture is None:
                continue
            if layer is None:
                GL.glNamedFramebufferTexture(self.name, point, texture.name, 0)
            else:
                GL.glNamedFramebufferTextureLayer(self.name, point, texture.name, 0, layer)
        if colour is None:
            GL.glNamedFramebufferDrawBuffer(self.name, GL.GL_NONE)
            GL.glNamedFramebufferReadBuffer(self.name, GL.GL_NONE)

    def _delete(self) -> None:
        GL.glDeleteFramebuffers(1, [self.name])


class VertexArray(_Object):
    """How vertices are read."""

    kind = "vertex array"

    def __init__(self, label: str) -> None:
        super().__init__(_made(GL.glCreateVertexArrays), label)

    def attribute(self, location: int, count: int, form: int, offset: int, normalized: bool = False) -> None:
        """A float attribute of binding 0."""
        GL.glEnableVertexArrayAttrib(self.name, location)
        GL.glVertexArrayAttribFormat(self.name, location, count, form, normalized, offset)
        GL.glVertexArrayAttribBinding(self.name, location, 0)

    def sources(self, vertices: Buffer | None, stride: int, indices: Buffer | None) -> None:
        if vertices is not None:
            GL.glVertexArrayVertexBuffer(self.name, 0, vertices.name, 0, stride)
        if indices is not None:
            GL.glVertexArrayElementBuffer(self.name, indices.name)

    def _delete(self) -> None:
        GL.glDeleteVertexArrays(1, [self.name])

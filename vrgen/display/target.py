"""The picture that a flat display's views are drawn into: RGBA8, sRGB-encoded by the renderer."""

from typing import Self

from vrgen.display.interface import Pixels


class Target:
    """A framebuffer of one RGBA8 texture; `resize` makes it anew. Needs a current context."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        from vrgen.gl.api import GL
        from vrgen.gl.objects import Framebuffer, Texture

        self.size_px = size_px
        self._colour = Texture(GL.GL_TEXTURE_2D, size_px, GL.GL_RGBA8, "display")
        self._framebuffer = Framebuffer("display", self._colour)
        self.name: int = self._framebuffer.name

    def read(self) -> "Reading":
        """Begin to read what is drawn by now."""
        return Reading(self._colour.name, self.size_px)

    def close(self) -> None:
        self._framebuffer.close()
        self._colour.close()


class Reading:
    """A picture on its way back from the GPU, which nobody has to wait for. Close it on the thread that draws."""

    def __init__(self, texture: int, size_px: tuple[int, int]) -> None:
        from vrgen.gl.api import GL
        from vrgen.gl.objects import Buffer
        from vrgen.gl.transfer import Fences

        self._width, self._height = size_px
        size = 4 * self._width * self._height
        self._buffer = Buffer(size, "picture read back", persistent=True, readable=True)
        GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
        GL.glBindBuffer(GL.GL_PIXEL_PACK_BUFFER, self._buffer.name)
        GL.glGetTextureImage(texture, 0, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, size, None)
        GL.glBindBuffer(GL.GL_PIXEL_PACK_BUFFER, 0)
        self._fences = Fences()
        self._fence = self._fences.mark()

    @property
    def ready(self) -> bool:
        """Whether it is here; on the thread that draws."""
        return self._fences.passed(self._fence)

    def wait(self) -> Self:
        """Until it is here; on the thread that draws."""
        self._fences.wait(self._fence)
        return self

    def pixels(self) -> Pixels:
        """(H, W, 3) uint8, top row first. Of one that is `ready`; on any thread."""
        import numpy as np

        size = 4 * self._width * self._height
        pixels = self._buffer.mapped[:size].reshape(self._height, self._width, 4)
        return np.ascontiguousarray(pixels[::-1, :, :3])

    def close(self) -> None:
        self._fences.close()
        self._buffer.close()

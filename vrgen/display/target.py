"""The picture that a flat display's views are drawn into: RGBA8, sRGB-encoded by the renderer."""

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

    def read(self) -> Pixels:
        """(H, W, 3) uint8, top row first."""
        import numpy as np

        from vrgen.gl.api import GL

        width, height = self.size_px
        pixels = np.empty((height, width, 4), np.uint8)
        GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
        GL.glGetTextureImage(
            self._colour.name,
            0,
            GL.GL_RGBA,
            GL.GL_UNSIGNED_BYTE,
            pixels.nbytes,
            pixels.ctypes.data_as(GL.GLvoidp),
        )
        return np.ascontiguousarray(pixels[::-1, :, :3])

    def close(self) -> None:
        self._framebuffer.close()
        self._colour.close()

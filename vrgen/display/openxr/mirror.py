"""What the person in the headset sees, on the desktop: the left eye's picture, cut to the window, and the
panel."""

from dataclasses import replace

from vrgen.messages import Quad, View

MOST_HZ = 45.0
"""The desktop needs no more, and copying costs."""


class Mirror:
    """Owner of what shows quad layers in the mirror. Needs a current GL context."""

    def __init__(self) -> None:
        from vrgen.gl.quads import QuadPainter

        self._quads = QuadPainter()
        self._shown_s = 0.0

    def due(self, now_s: float) -> bool:
        """Whether the window should have a new picture."""
        if now_s - self._shown_s < 1.0 / MOST_HZ:
            return False
        self._shown_s = now_s
        return True

    def draw(self, view: View, quad: Quad | None, framebuffer: int, size_px: tuple[int, int]) -> None:
        """Fill `framebuffer` with the middle of the view, and with what lies over it as a layer."""
        from vrgen.gl.api import GL

        x, y, width, height = view.rect_px
        across, up = size_px
        if width * up > height * across:  # the eye is wider: cut its sides
            keep_x, keep_y = round(height * across / up), height
        else:
            keep_x, keep_y = width, round(width * up / across)
        left, bottom = x + (width - keep_x) // 2, y + (height - keep_y) // 2
        GL.glBlitNamedFramebuffer(
            view.framebuffer,
            framebuffer,
            *(left, bottom, left + keep_x, bottom + keep_y),
            *(0, 0, across, up),
            GL.GL_COLOR_BUFFER_BIT,
            GL.GL_LINEAR,
        )
        if quad is not None:
            scale = across / keep_x
            rect = (
                round((x - left) * scale),
                round((y - bottom) * scale),
                round(width * scale),
                round(height * scale),
            )
            self._quads.draw(quad, replace(view, framebuffer=framebuffer, rect_px=rect))

    def close(self) -> None:
        self._quads.close()

"""The picture that one pass draws, a layer a view, and how it gets to where the views want it.

Adaptive resolution changes the views' size every few seconds: the textures stay as large as the largest size asked
for lately, and their lower left corner is drawn.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import numpy as np

from vrgen.gl.api import GL
from vrgen.gl.objects import Framebuffer, Texture
from vrgen.gl.pipeline import Pipeline
from vrgen.messages import View

SHRINK_AFTER = 900
"""Frames (ten seconds of a headset) of small pictures after which the textures become smaller."""
_MUCH_SMALLER = 0.5
"""…if they need so little of the area."""


class _Textures:
    """Colour and depth of a size, multisampled or not, and each layer by itself to copy from."""

    def __init__(self, width: int, height: int, layers: int, samples: int) -> None:
        self._stack = ExitStack()
        own = self._stack.enter_context
        array = GL.GL_TEXTURE_2D_MULTISAMPLE_ARRAY if samples > 1 else GL.GL_TEXTURE_2D_ARRAY
        count = samples if samples > 1 else 0
        extent = (width, height, layers)
        colour = own(Texture(array, extent, GL.GL_RGBA8, "picture", samples=count))
        depth = own(Texture(array, extent, GL.GL_DEPTH_COMPONENT32F, "picture depth", samples=count))
        self.depth = depth
        self.draw = own(Framebuffer("picture", colour, depth))
        self.layers = [own(Framebuffer(f"picture layer {i}", colour, depth, layer=i)) for i in range(layers)]

    def close(self) -> None:
        self._stack.close()


class _Flat:
    """One resolved picture, on its way to another size."""

    def __init__(self, width: int, height: int) -> None:
        self._stack = ExitStack()
        own = self._stack.enter_context
        colour = own(Texture(GL.GL_TEXTURE_2D, (width, height), GL.GL_RGBA8, "picture resolved"))
        depth = own(Texture(GL.GL_TEXTURE_2D, (width, height), GL.GL_DEPTH_COMPONENT32F, "depth resolved"))
        self.framebuffer = own(Framebuffer("picture resolved", colour, depth))

    def close(self) -> None:
        self._stack.close()


class PictureTarget:
    """Owner of the layered multisampled picture."""

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._textures: _Textures | None = None
        self._flat: _Flat | None = None
        self._room = (0, 0)
        self._layers = 0
        self._small_for = 0
        """Frames for which pictures have been much smaller than the textures, and the largest of them."""
        self._largest = (0, 0)
        self.size_px = (0, 0)
        """Of the part that is drawn now."""

    def begin(self, width: int, height: int, layers: int) -> None:
        """Direct drawing into a cleared picture of that size."""
        self._fit(width, height, layers)
        assert self._textures is not None
        self.size_px = (width, height)
        GL.glDepthMask(True)
        Pipeline._bound = Pipeline._state = None
        name = self._textures.draw.name
        GL.glClearNamedFramebufferfv(name, GL.GL_DEPTH, 0, np.zeros(1, np.float32))

    @property
    def depth(self) -> Texture:
        """What has been drawn so far, a layer a view."""
        assert self._textures is not None
        return self._textures.depth

    def bind(self) -> None:
        assert self._textures is not None
        GL.glBindFramebuffer(GL.GL_DRAW_FRAMEBUFFER, self._textures.draw.name)
        GL.glViewport(0, 0, *self.size_px)

    def _fit(self, width: int, height: int, layers: int) -> None:
        room = self._room
        fits = layers == self._layers and width <= room[0] and height <= room[1]
        if fits and width * height >= _MUCH_SMALLER * room[0] * room[1]:
            self._small_for, self._largest = 0, (0, 0)
            return
        if fits:
            self._small_for += 1
            self._largest = (max(self._largest[0], width), max(self._largest[1], height))
            if self._small_for < SHRINK_AFTER:
                return
            wanted = self._largest
        elif layers == self._layers:
            wanted = (max(width, room[0]), max(height, room[1]))
        else:
            wanted = (width, height)
        self.close()
        self._textures = _Textures(*wanted, layers, self._samples)
        self._room, self._layers = wanted, layers

    def resolve(self, views: Sequence[View], copied: Callable[[], None] = lambda: None) -> None:
        """Copy each layer into its view's rectangle, its depth where the view wants it; `copied` after each copy.

        A multisampled picture can be resolved in its own size only (OpenGL 4.5, 18.3.1); what is enlarged goes
        through a picture without samples.
        """
        assert self._textures is not None
        for layer, view in zip(self._textures.layers, views):
            x, y, across, up = view.rect_px
            source = layer.name
            whole = (0, 0, *self.size_px)
            if self._samples > 1 and (across, up) != self.size_px:
                if self._flat is None:
                    self._flat = _Flat(*self._room)
                source = self._flat.framebuffer.name
                bits = GL.GL_COLOR_BUFFER_BIT | (GL.GL_DEPTH_BUFFER_BIT if view.depth else 0)
                GL.glBlitNamedFramebuffer(layer.name, source, *whole, *whole, bits, GL.GL_NEAREST)
                copied()
            goal = (x, y, x + across, y + up)
            smooth = GL.GL_NEAREST if (across, up) == self.size_px else GL.GL_LINEAR
            GL.glBlitNamedFramebuffer(source, view.framebuffer, *whole, *goal, GL.GL_COLOR_BUFFER_BIT, smooth)
            copied()
            if view.depth:  # depth is copied in the nearest way only
                GL.glBlitNamedFramebuffer(
                    source, view.framebuffer, *whole, *goal, GL.GL_DEPTH_BUFFER_BIT, GL.GL_NEAREST
                )
                copied()

    def close(self) -> None:
        for owned in (self._textures, self._flat):
            if owned is not None:
                owned.close()
        self._textures = self._flat = None
        self._room, self._layers = (0, 0), 0
        self._small_for, self._largest = 0, (0, 0)

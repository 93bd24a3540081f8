"""Lines of text on the GPU: an atlas that Pillow writes into, a line when it is first wanted."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vrgen.gl.api import GL
from vrgen.gl.objects import Texture

if TYPE_CHECKING:  # Pillow comes with the first line of text: the first frame has none
    from PIL import ImageFont

EM_PX = 44
_ROW_PX, _PAD_PX = 56, 22
_SIZE_PX = (1024, 1024)
_LEVELS = 5
NEW_A_FRAME = 3
"""Lines written in one frame: the first labels come within a few, and none costs a frame."""

Rect = tuple[float, float, float, float]


class Letters:
    """Owner of the atlas."""

    def __init__(self) -> None:
        self._font = _font()
        self._lines: dict[str, tuple[Rect, float]] = {}
        self._pen = (0, 0)
        self._budget = NEW_A_FRAME
        self._fresh = False
        self.stamp = 0
        """Goes up when lines have lost their places."""
        self.texture = Texture(GL.GL_TEXTURE_2D, _SIZE_PX, GL.GL_R8, "letters", _LEVELS)
        GL.glClearTexImage(self.texture.name, 0, GL.GL_RED, GL.GL_UNSIGNED_BYTE, None)

    def line(self, text: str) -> tuple[Rect, float] | None:
        """Left, top, right, bottom in the atlas, half an em beside the text, and the width in ems; None while it
        is not written yet."""
        found = self._lines.get(text)
        if found is None and self._budget > 0:
            self._budget -= 1
            found = self._write(text)
        return found

    def begin(self) -> None:
        """A new frame."""
        self._budget = NEW_A_FRAME

    def bind(self, unit: int) -> None:
        if self._fresh:
            self._fresh = False
            GL.glGenerateTextureMipmap(self.texture.name)
        self.texture.bind(unit)

    def _write(self, text: str) -> tuple[Rect, float]:
        from PIL import Image, ImageDraw

        wide = min(round(self._font.getlength(text)), _SIZE_PX[0] - 2 * _PAD_PX)
        box = wide + 2 * _PAD_PX
        x, y = self._pen
        if x + box > _SIZE_PX[0]:
            x, y = 0, y + _ROW_PX
        if y + _ROW_PX > _SIZE_PX[1]:  # full of what may be wanted no more: all anew
            self._lines.clear()
            self.stamp += 1
            GL.glClearTexImage(self.texture.name, 0, GL.GL_RED, GL.GL_UNSIGNED_BYTE, None)
            x = y = 0
        self._pen = (x + box, y)
        picture = Image.new("L", (box, _ROW_PX))
        middle = (_PAD_PX, _ROW_PX / 2 + 0.355 * EM_PX)  # capitals stand in the middle of the row
        ImageDraw.Draw(picture).text(middle, text, fill=255, font=self._font, anchor="ls")
        pixels = np.ascontiguousarray(picture)
        GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
        pointer = pixels.ctypes.data_as(GL.GLvoidp)
        GL.glTextureSubImage2D(self.texture.name, 0, x, y, box, _ROW_PX, GL.GL_RED, GL.GL_UNSIGNED_BYTE, pointer)
        GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 4)
        self._fresh = True
        across, down = _SIZE_PX
        rect = (x / across, y / down, (x + box) / across, (y + _ROW_PX) / down)
        self._lines[text] = (rect, box / EM_PX)
        return self._lines[text]

    def close(self) -> None:
        self.texture.close()


ROW_EM = _ROW_PX / EM_PX


def _font() -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    """The panel's Roboto (Apache-2.0), which the imgui-bundle package carries; else Pillow's own."""
    from PIL import ImageFont

    package = find_spec("imgui_bundle")
    if package is not None and package.origin is not None:
        roboto = Path(package.origin).parent / "assets" / "fonts" / "Roboto" / "Roboto-Regular.ttf"
        if roboto.is_file():
            return ImageFont.truetype(str(roboto), EM_PX)
    return ImageFont.load_default(EM_PX)

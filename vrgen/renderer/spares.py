"""Textures that are not needed any more, kept for the next of their kind."""

from vrgen.gl.api import GL
from vrgen.gl.objects import Texture
from vrgen.gl.transfer import FRAMES_IN_FLIGHT

Kind = tuple[int, tuple[int, int], int, tuple[int, int], float]
"""What textures that can take each other's place have in common: form, size, levels, wrapping, anisotropy."""
_LARGE_BYTES = 2 << 20
_KEPT_FRAMES = 1800
"""Twenty seconds at 90 Hz."""


class Spares:
    """Owner of them, for some time: a driver may take longer to make room for a large texture (llvmpipe writes
    64 MiB of zeros) than a frame has."""

    def __init__(self) -> None:
        self._left: list[tuple[int, Kind, Texture]] = []
        self._frame = 0
        self._made = False
        self.bytes = 0

    def advance(self, room_bytes: int) -> None:
        """A new frame. What nobody wanted for long goes, and what there is no room for, one a frame."""
        self._frame += 1
        self._made = False
        if self._left and (self.bytes > room_bytes or self._frame - self._left[0][0] > _KEPT_FRAMES):
            _, _, texture = self._left.pop(0)
            self.bytes -= texture.bytes
            texture.close()

    def leave(self, of: Kind, texture: Texture) -> None:
        """It is seen no more."""
        self._left.append((self._frame, of, texture))
        self.bytes += texture.bytes

    def find(self, of: Kind, label: str, patient: bool) -> Texture | None:
        """One of that kind. None: another large one was made in this frame, and who is `patient` waits."""
        for place, (since, kind, texture) in enumerate(self._left):
            # Frames that read it may still be on their way: to write it would wait for them.
            if kind == of and self._frame - since >= FRAMES_IN_FLIGHT:
                del self._left[place]
                self.bytes -= texture.bytes
                texture.label = label
                return texture
        form, size, levels, wrap, anisotropy = of
        if size[0] * size[1] * 4 > _LARGE_BYTES:
            if patient and self._made:
                return None
            self._made = True
        return Texture(GL.GL_TEXTURE_2D, size, form, label, levels, wrap=wrap, anisotropy=anisotropy)

    def close(self) -> None:
        for _, _, texture in self._left:
            texture.close()
        self._left.clear()
        self.bytes = 0

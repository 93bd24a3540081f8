"""Textures that are not needed any more, kept for the next of their kind; and where there are none, new ones."""

from concurrent.futures import Future

from vrgen.gl.api import GL
from vrgen.gl.objects import Texture
from vrgen.gl.second import Second
from vrgen.gl.transfer import FRAMES_IN_FLIGHT

Kind = tuple[int, tuple[int, int], int, tuple[int, int], float]
"""What textures that can take each other's place have in common: form, size, levels, wrapping, anisotropy."""
_LARGE_BYTES = 2 << 20
_KEPT_FRAMES = 1800
"""Twenty seconds at 90 Hz."""
_ASKED_FRAMES = 90
"""After so many nobody waits any more for one that is being made."""


class Spares:
    """Owner of them, for some time: a driver may take longer to make room for a large texture (llvmpipe writes
    64 MiB of zeros) than a frame has."""

    def __init__(self, second: Second) -> None:
        """`second`: where large ones are made, one a frame."""
        self._second = second
        self._coming: dict[Kind, tuple[int, Future[Texture]]] = {}
        """With the frame in which it was last asked for."""
        self._left: list[tuple[int, Kind, Texture]] = []
        self._frame = 0
        self._made = False
        self.bytes = 0

    def advance(self, room_bytes: int) -> None:
        """A new frame. What nobody wanted for long goes, and what there is no room for, one a frame."""
        self._frame += 1
        self._made = False
        for of, (asked, coming) in tuple(self._coming.items()):
            if coming.done() and self._frame - asked > _ASKED_FRAMES:
                del self._coming[of]
                self.leave(of, coming.result())
        if self._left and (self.bytes > room_bytes or self._frame - self._left[0][0] > _KEPT_FRAMES):
            _, _, texture = self._left.pop(0)
            self.bytes -= texture.bytes
            texture.close()

    def leave(self, of: Kind, texture: Texture) -> None:
        """It is seen no more."""
        self._left.append((self._frame, of, texture))
        self.bytes += texture.bytes

    def find(self, of: Kind, label: str, patient: bool) -> Texture | None:
        """One of that kind. None: it is being made, or another large one was in this frame, and who is `patient`
        waits."""
        for place, (since, kind, texture) in enumerate(self._left):
            # Frames that read it may still be on their way: to write it would wait for them.
            if kind == of and self._frame - since >= FRAMES_IN_FLIGHT:
                del self._left[place]
                self.bytes -= texture.bytes
                texture.label = label
                return texture
        if of[1][0] * of[1][1] * 4 <= _LARGE_BYTES:
            return _new(of, label)
        if patient:
            return None if self._made else self._made_beside(of, label)
        self._made = True
        return _new(of, label)

    def _made_beside(self, of: Kind, label: str) -> Texture | None:
        _, coming = self._coming.get(of) or (0, self._second.make(lambda: _new(of, label)))
        self._coming[of] = self._frame, coming
        if not coming.done():
            return None
        self._made = True
        return self._coming.pop(of)[1].result()

    def close(self) -> None:
        for _, _, texture in self._left:
            texture.close()
        for _, coming in self._coming.values():
            coming.result().close()
        self._left.clear()
        self._coming.clear()
        self.bytes = 0


def _new(of: Kind, label: str) -> Texture:
    form, size, levels, wrap, anisotropy = of
    return Texture(GL.GL_TEXTURE_2D, size, form, label, levels, wrap=wrap, anisotropy=anisotropy)

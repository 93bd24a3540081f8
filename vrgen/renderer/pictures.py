"""Pictures on the GPU: all of them coarse, and those fine that are seen large, as far as the memory allows.

Each is a layer of an array of small textures, and while it is near also one of an array of large ones, which comes
level by level within a frame's budget, from the smallest to the largest, and is blended over the small one. Layers
go from who needs them no more to who does.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array
from vrgen.gl.api import GL
from vrgen.gl.objects import Texture
from vrgen.gl.second import Second
from vrgen.scene_model import PICTURE_PX, Objects, Picture

COARSE_PX, FINE_PX = 128, PICTURE_PX
COARSE_LAYERS = 64
"""Pictures that can hang at once; what does not fit is left out. Mirrors shaders/object.frag."""
FINE_BYTES = 24 << 20
"""What the large ones may take."""
_FINE_LEVELS = 5
"""512 to 32: what is seen smaller is not seen large."""
FINE_LAYERS = FINE_BYTES // (4 * sum((FINE_PX >> level) ** 2 for level in range(_FINE_LEVELS)))
PICTURE_BYTES = FINE_BYTES + 16 * COARSE_LAYERS * COARSE_PX * COARSE_PX // 3
"""What all of them may take; the smaller levels are a third."""
_SHARPEN_S = 0.25
_LOOK_EVERY = 12
"""Frames between two looks at who is near."""
_NEAR = 1.6
"""Sizes at which a picture is wanted large: its mesh's, of the small texture's. It is half as wide as its mesh."""
_FAR = 1.2
"""Who is large stays so until it is seen so small."""


@dataclass(eq=False, slots=True)
class _Fine:
    """A large picture: its layer, what is still to copy, and how much of it is seen."""

    layer: int
    coming: Iterator[int] | None
    seen: float = 0.0
    wanted: bool = True


class PicturePool:
    """Owner of both arrays."""

    def __init__(self) -> None:
        self.at_once = False
        """Copy all levels of a picture at once: a software rasteriser waits each time for what it draws."""
        self.second = Second(wanted=False)
        """Where room for the large ones is made."""
        self.coarse: Texture | None = None
        self.fine: Texture | None = None
        self.layers: dict[int, int] = {}
        """Of `coarse`, by the picture's id."""
        self.table = np.zeros((COARSE_LAYERS, 4), np.float32)
        """By layer of `coarse`: that of `fine`, and how much of it is seen."""
        self._fine_coming: Future[Texture] | None = None
        self._pictures: dict[int, Picture] = {}
        self._fine: dict[int, _Fine] = {}
        self._hung_s: dict[int, float] = {}
        """Since when a picture may have been seen coarse."""
        self._time_s = 0.0
        self._looked = 0
        self._settled = True
        self._of: Objects | None = None

    @property
    def bytes(self) -> int:
        """Of both arrays."""
        return sum(texture.bytes for texture in (self.coarse, self.fine) if texture is not None)

    def place(self, pictures: tuple[Picture, ...], time_s: float) -> int:
        """Give what is new a layer and copy it, coarse; what hangs already stays where it is. Returns bytes."""
        first = pictures[:COARSE_LAYERS]
        self._pictures = {picture.id: picture for picture in first}
        for name in [name for name in self.layers if name not in self._pictures]:
            self.table[self.layers.pop(name)] = 0.0
            self._fine.pop(name, None)
            del self._hung_s[name]
        new = [picture for picture in first if picture.id not in self.layers]
        if not new:
            return 0
        if self.coarse is None:
            levels, size = COARSE_PX.bit_length(), (COARSE_PX, COARSE_PX, COARSE_LAYERS)
            self.coarse = Texture(GL.GL_TEXTURE_2D_ARRAY, size, GL.GL_SRGB8_ALPHA8, "pictures", levels)
        free = iter(sorted(set(range(COARSE_LAYERS)) - set(self.layers.values())))
        self._of = None
        copied = 0
        for picture in new:
            self.layers[picture.id] = layer = next(free)
            self._hung_s[picture.id] = time_s
            copied += sum(_copied(picture, self.coarse, layer))
        return copied

    def advance(self, objects: Objects, eye: Array, radian_px: float, time_s: float, budget_s: float) -> int:
        """One frame on: bring large pictures within the budget, and let them be seen; returns the bytes copied.

        `eye`: metres from the drawing origin. `radian_px`: pixels a radian of the view.
        """
        dt_s, self._time_s = min(max(time_s - self._time_s, 0.0), 0.1), time_s
        if not self.layers:
            return 0
        self._looked += 1
        if self._of is not objects or self._looked >= _LOOK_EVERY:
            self._of, self._looked = objects, 0
            self._look(objects, eye, radian_px)
        copied = 0
        if not self._settled:
            copied = self._bring(budget_s)
            self._sharpen(dt_s)
        return copied

    def _look(self, objects: Objects, eye: Array, radian_px: float) -> None:
        """Who is seen large, and gets a layer: the largest first. Who has one and is not among them gives
        it up once it has faded, and if somebody waits for it."""
        sizes = _sizes_px(objects, eye, radian_px) / COARSE_PX
        least = np.array([_FAR if picture.id in self._fine else _NEAR for picture in objects.pictures])
        largest = [objects.pictures[at].id for at in np.argsort(-sizes) if sizes[at] >= least[at]]
        wanting = [name for name in largest if name in self.layers][:FINE_LAYERS]
        if wanting and not self._has_room():
            return
        for name, fine in self._fine.items():
            fine.wanted = name in wanting
        free = set(range(FINE_LAYERS)) - {fine.layer for fine in self._fine.values()}
        left = [name for name, fine in self._fine.items() if not fine.wanted and fine.seen == 0.0]
        for name in [name for name in wanting if name not in self._fine]:
            if not free and left:
                free.add(self._fine.pop(left.pop()).layer)
            if free:
                self._begin(name, free.pop())
        self._settled = False

    def _has_room(self) -> bool:
        """Whether there is where large ones go; it is made when the first is wanted."""
        if self.fine is None:
            self._fine_coming = self._fine_coming or self.second.make(_room)
            if self._fine_coming.done():
                self.fine, self._fine_coming = self._fine_coming.result(), None
        return self.fine is not None

    def _begin(self, name: int, layer: int) -> None:
        assert self.fine is not None
        self._fine[name] = _Fine(layer, _copied(self._pictures[name], self.fine, layer))

    def _bring(self, budget_s: float) -> int:
        """Copy levels until the time is up, but one."""
        deadline_s = time.perf_counter() + budget_s
        copied = 0
        for name, fine in self._fine.items():
            if copied and fine.coming is not None and time.perf_counter() >= deadline_s:
                return copied
            while fine.coming is not None:
                if copied and not self.at_once and time.perf_counter() >= deadline_s:
                    return copied
                level = next(fine.coming, None)
                if level is not None:
                    copied += level
                    continue
                fine.coming = None
                if self._hung_s[name] == self._time_s:
                    fine.seen = 1.0  # it was never seen coarse
        return copied

    def _sharpen(self, dt_s: float) -> None:
        self._settled = True
        for name, fine in self._fine.items():
            if fine.coming is None:
                towards = dt_s if fine.wanted else -dt_s
                fine.seen = min(1.0, max(0.0, fine.seen + towards / _SHARPEN_S))
            self._settled &= fine.coming is None and fine.seen == fine.wanted
            self.table[self.layers[name], :2] = fine.layer, fine.seen * fine.seen * (3.0 - 2.0 * fine.seen)

    def bind(self) -> None:
        """Both arrays to the units that shaders/object.frag names."""
        if self.coarse is not None:
            self.coarse.bind(17)
        if self.fine is not None:
            self.fine.bind(23)

    def close(self) -> None:
        if self._fine_coming is not None:
            self._fine_coming.result().close()
        for texture in (self.coarse, self.fine):
            if texture is not None:
                texture.close()
        self.coarse = self.fine = None


def _room() -> Texture:
    size = (FINE_PX, FINE_PX, FINE_LAYERS)
    return Texture(GL.GL_TEXTURE_2D_ARRAY, size, GL.GL_SRGB8_ALPHA8, "large pictures", _FINE_LEVELS)


def _sizes_px(objects: Objects, eye: Array, radian_px: float) -> npt.NDArray[np.float64]:
    """Of each picture where it is seen largest: how many pixels its mesh is across, were all of it as near as its
    nearest part."""
    things = objects.instances[objects.instances["picture"] >= 0]
    radius = np.array([mesh.sphere[3] for mesh in objects.meshes])[things["mesh"]] * things["scale"]
    away = np.linalg.norm(things["position"] - eye, axis=1) - radius
    sizes = np.zeros(len(objects.pictures))
    np.maximum.at(sizes, things["picture"], 2.0 * radius / np.maximum(away, 0.1 * radius) * radian_px)
    return sizes


def _copied(picture: Picture, array: Texture, layer: int) -> Iterator[int]:
    """Copies the picture's levels that the array has, smallest first, and tells the bytes of each."""
    widths = [array.size[0] >> level for level in range(array.levels)]
    for level, width in reversed(list(enumerate(widths))):
        pixels = next(one for one in picture.levels if one.shape[0] == width)
        GL.glTextureSubImage3D(
            array.name, level, 0, 0, layer, width, width, 1,
            GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, GL.GLvoidp(pixels.ctypes.data),
        )  # fmt: skip
        yield pixels.nbytes

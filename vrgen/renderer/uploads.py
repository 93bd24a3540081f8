"""Skies and surfaces on their way to the GPU, within a budget a frame, from their smallest level to the largest.

A surface may be seen before its largest level has come, which then sharpens; a sky only when it is whole.

On a GPU data goes through a persistently mapped pixel buffer, so that the driver copies it when it suits; on a
software rasteriser that would be one copy more, and textures are written straight from the result's memory.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vrgen.gl.api import GL
from vrgen.gl.objects import Texture
from vrgen.gl.second import Second
from vrgen.gl.transfer import Stage
from vrgen.renderer.conversions import Conversions
from vrgen.renderer.spares import Kind, Spares
from vrgen.scene_model import Scene, Shot, Sky, Surface

MEMORY_BYTES = 256 << 20
"""What skies and surfaces may take: past it textures go that nobody needs, at once and not after some time."""
STAGE_BYTES = 8 << 20
_LEAST_ROWS_BYTES = 64 << 10
_SOFT_FROM_PX = 512
"""Surfaces of so many texels across and more may be seen before their largest level is there."""
_SHARPEN_S = 0.25


@dataclass(slots=True)
class _Image:
    """One texture and its levels, largest first: all of them, or the first, and OpenGL makes the others."""

    label: str
    of: Kind
    levels: tuple[npt.NDArray[np.generic], ...]
    form: int
    kind: int
    make: Callable[[Texture], None] | None = None
    """In place of levels: makes it all, of what is on the GPU already."""
    texture: Texture | None = None


@dataclass(slots=True)
class Uploaded:
    """The textures of one asset, and what is still to copy."""

    images: tuple[_Image, ...]
    soft: bool
    """It may be seen before its largest levels are there."""
    parts: list[tuple[_Image, int]]
    """An image and a level, the last one is next."""
    rows: int = 0
    """That have been copied of the next."""
    textures: tuple[Texture, ...] = ()
    """Once it is resident."""
    blur: float = 0.0
    """Finest level that is seen."""

    @property
    def resident(self) -> bool:
        return bool(self.textures)


@dataclass(slots=True)
class Spent:
    """What uploads cost in this frame."""

    ms: float = 0.0
    bytes: int = 0


@dataclass(slots=True)
class Uploads:
    """Owner of the textures of skies and surfaces. `direct`: no pixel buffer. `second`: makes room for large
    ones."""

    direct: bool
    budget_ms: float = 2.0
    anisotropy: float = 1.0
    second: Second = field(default_factory=lambda: Second(wanted=False))
    spent: Spent = field(default_factory=Spent)
    held_bytes: int = 0
    """Of all textures that are wanted."""
    _held: dict[int, Uploaded] = field(default_factory=dict)
    _spares: Spares = field(init=False)
    _time_s: float = 0.0
    _resident: frozenset[int] | None = None
    _began_s: float = 0.0
    _stage: Stage | None = None
    _conversions: Conversions | None = None

    def __post_init__(self) -> None:
        self._spares = Spares(self.second)

    @property
    def path(self) -> str:
        return "host" if self.direct else "pixel-buffer"

    @property
    def resident(self) -> frozenset[int]:
        """Ids of what is whole; the same object while they are the same."""
        if self._resident is None:
            self._resident = frozenset(name for name, held in self._held.items() if held.resident)
        return self._resident

    @property
    def left_ms(self) -> float:
        """Of this frame's budget, for what else is to be copied."""
        return self.budget_ms - (time.perf_counter() - self._began_s) * 1e3

    @property
    def bytes(self) -> int:
        """Of all textures, also of those that are kept for the next of their kind."""
        return self.held_bytes + self._spares.bytes

    def of(self, asset: Sky | Surface | Shot) -> tuple[Texture, ...]:
        """Textures of an asset that is resident."""
        return self._held[asset.id].textures

    def advance(self, scene: Scene) -> None:
        """Spend this frame's budget: what is shown comes whole at once, the rest as far as the time goes."""
        self._began_s = start_s = time.perf_counter()
        self.spent = Spent()
        self._spares.advance(MEMORY_BYTES - self.held_bytes)
        shown: list[Sky | Surface | Shot] = [scene.sky.shown, *(fade.shown for fade in scene.surfaces.values())]
        arriving = (scene.sky.arriving, *(fade.arriving for fade in scene.surfaces.values()))
        shown += [asset for asset in arriving if asset is not None]  # a fade begins only with what is here
        shown += [layer.shot for layer in scene.shots]
        dt_s, self._time_s = min(max(scene.time_s - self._time_s, 0.0), 0.1), scene.time_s
        deadline_s = start_s + self.budget_ms / 1e3
        for asset in dict.fromkeys(shown):
            held = self._held_of(asset)
            if held.parts:  # what is seen already may take its time
                self._bring(held, deadline_s if held.resident else None)
            elif held.blur > 0.0:
                self._blur(held, max(0.0, held.blur - dt_s / _SHARPEN_S))
        for first, asset in enumerate(scene.preload):
            if first and time.perf_counter() >= deadline_s:
                break
            held = self._held_of(asset)
            if held.parts:
                self._bring(held, deadline_s)
        self._forget({asset.id for asset in (*shown, *scene.preload)})
        self.spent.ms = (time.perf_counter() - start_s) * 1e3

    def _held_of(self, asset: Sky | Surface | Shot) -> Uploaded:
        held = self._held.get(asset.id)
        if held is None:
            images = self._images(asset)
            parts = [(image, level) for image in images for level in range(max(len(image.levels), 1))]
            soft = isinstance(asset, Surface) and bool(asset.smaller_albedo) and not self.direct
            soft = soft and len(images[0].levels[0]) >= _SOFT_FROM_PX
            parts.sort(key=lambda part: part[1] if len(part[0].levels) > 1 else 99)
            held = Uploaded(images, soft, parts)
            self._held[asset.id] = held
        return held

    def _forget(self, wanted: set[int]) -> None:
        for name in [name for name in self._held if name not in wanted]:
            held = self._held.pop(name)
            if held.blur > 0.0:
                self._blur(held, 0.0)
            for image in held.images:
                if image.texture is not None:
                    self._spares.leave(image.of, image.texture)
                    self.held_bytes -= image.texture.bytes
            self._resident = None

    def _bring(self, held: Uploaded, deadline_s: float | None) -> None:
        """Copy levels, the smallest first, until all are there or the time is up."""
        while held.parts:
            image, level = held.parts[-1]
            if image.texture is None:
                image.texture = self._spares.find(image.of, image.label, deadline_s is not None)
                if image.texture is None:
                    return
                self.held_bytes += image.texture.bytes
            if image.make is not None:
                image.make(image.texture)
                held.parts.pop()
                if deadline_s is not None and held.parts:
                    return
                continue
            if not self._rows(held, image.levels[level], image, level, deadline_s):
                return
            held.parts.pop()
            held.rows = 0
            if len(image.levels) < image.texture.levels:
                GL.glGenerateTextureMipmap(image.texture.name)
            if held.soft and not held.resident and held.parts and held.parts[-1][1] == 0:
                self._stand(held)
                self._blur(held, 1.0)
        if not held.resident:
            self._stand(held)

    def _stand(self, held: Uploaded) -> None:
        """It can be seen from now on."""
        held.textures = tuple(image.texture for image in held.images if image.texture is not None)
        self._resident = None

    def _blur(self, held: Uploaded, finest: float) -> None:
        """Let it be seen at that level and smaller ones."""
        held.blur = finest
        for texture in held.textures:
            if texture.levels > 1:
                GL.glTextureParameterf(texture.name, GL.GL_TEXTURE_MIN_LOD, finest)

    def _rows(
        self,
        held: Uploaded,
        pixels: npt.NDArray[np.generic],
        image: _Image,
        level: int,
        deadline_s: float | None,
    ) -> bool:
        """Copy rows until all are there (True) or the time is up; a frame that is short of time moves a few."""
        height = len(pixels)
        row_bytes = pixels.nbytes // height
        step = height if deadline_s is None else max(1, _LEAST_ROWS_BYTES // row_bytes)
        if not self.direct:
            step = max(1, min(step, STAGE_BYTES // Stage.PARTS // row_bytes))
        while held.rows < height:
            part = pixels[held.rows : held.rows + step]
            if not self._copy(image, level, held.rows, part, deadline_s is not None):
                return False
            held.rows += len(part)
            self.spent.bytes += part.nbytes
            if deadline_s is not None and time.perf_counter() >= deadline_s:
                break
        return held.rows == height

    def _copy(self, image: _Image, level: int, row: int, part: npt.NDArray[np.generic], patient: bool) -> bool:
        """False: the GPU has yet to read what was given before, and who is `patient` goes on in another frame."""
        assert image.texture is not None
        rows, width = part.shape[:2]
        if part.nbytes // rows % 4:
            GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
        where = (image.texture.name, level, 0, row, width, rows, image.form, image.kind)
        if self.direct:
            pointer = np.ascontiguousarray(part).ctypes.data_as(GL.GLvoidp)
            GL.glTextureSubImage2D(*where, pointer)
            return True
        self._stage = self._stage or Stage(STAGE_BYTES, "pixel staging")
        lies = self._stage.put(part, patient)
        if lies is not None:
            GL.glBindBuffer(GL.GL_PIXEL_UNPACK_BUFFER, self._stage.buffer.name)
            GL.glTextureSubImage2D(*where, GL.GLvoidp(lies))
            GL.glBindBuffer(GL.GL_PIXEL_UNPACK_BUFFER, 0)
        return lies is not None

    def _images(self, asset: Sky | Surface | Shot) -> tuple[_Image, ...]:
        repeat, edge = GL.GL_REPEAT, GL.GL_CLAMP_TO_EDGE
        if not isinstance(asset, Shot) and asset.raw is not None:
            self._conversions = self._conversions or Conversions()
            return tuple(
                _Image(label, (stored, size, max(size).bit_length(), wrap, self._anisotropy(wrap)), (), 0, 0, make)
                for label, stored, size, wrap, make in self._conversions.pictures(asset.id, asset.raw)
            )
        if isinstance(asset, Surface):
            colours, numbers = (asset.albedo, *asset.smaller_albedo), (asset.bumps, *asset.smaller_bumps)
            return (
                self._image(
                    colours, GL.GL_SRGB8_ALPHA8, GL.GL_UNSIGNED_BYTE, f"albedo {asset.id}", (repeat, repeat)
                ),
                self._image(numbers, GL.GL_RGBA8, GL.GL_UNSIGNED_BYTE, f"bumps {asset.id}", (repeat, repeat)),
            )
        wrap = (edge, edge) if isinstance(asset, Shot) else (repeat, edge)
        name = "view" if isinstance(asset, Shot) else "sky"
        far = self._image(
            (asset.radiance, *asset.smaller), GL.GL_RGB16F, GL.GL_HALF_FLOAT, f"{name} {asset.id}", wrap
        )
        cells = asset if isinstance(asset, Shot) else asset.relief
        if cells is None:
            return (far,)
        return far, *(
            self._image((pixels,), GL.GL_RGBA16F, GL.GL_HALF_FLOAT, f"{layer} {asset.id}", wrap, alone=True)
            for layer, pixels in (("front", cells.front), ("back", cells.back))
        )

    def _image(
        self,
        levels: tuple[npt.NDArray[np.generic], ...],
        stored: int,
        kind: int,
        label: str,
        wrap: tuple[int, int],
        alone: bool = False,
    ) -> _Image:
        """`alone`: it has no smaller levels."""
        height, width, channels = levels[0].shape
        count = 1 if alone else max(height, width).bit_length()
        form = GL.GL_RGB if channels == 3 else GL.GL_RGBA
        return _Image(label, (stored, (width, height), count, wrap, self._anisotropy(wrap)), levels, form, kind)

    def _anisotropy(self, wrap: tuple[int, int]) -> float:
        return self.anisotropy if wrap[1] == GL.GL_REPEAT else 1.0

    def close(self) -> None:
        self._forget(set())
        self._spares.close()
        self._resident = None
        for owned in (self._stage, self._conversions):
            if owned is not None:
                owned.close()
        self._stage = self._conversions = None

"""Skies and surfaces on their way to the GPU, within a budget a frame, never shown before they are whole.

On a GPU data goes through a persistently mapped pixel buffer, so that the driver copies it when it suits; on a
software rasteriser that would be one copy more, and textures are written straight from the result's memory.
"""

import time
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer, Texture
from vrgen.gl.transfer import FRAMES_IN_FLIGHT
from vrgen.scene_model import Scene, Shot, Sky, Surface

STAGE_BYTES = 8 << 20
SPARE_BYTES = 192 << 20
_LARGE_BYTES = 2 << 20
_SPARED_FRAMES = 1800
"""Twenty seconds at 90 Hz."""
_LEAST_ROWS_BYTES = 64 << 10


_Kind = tuple[int, tuple[int, int], int, tuple[int, int], float]
"""What textures that can take each other's place have in common: form, size, levels, wrapping, anisotropy."""


@dataclass(slots=True)
class _Image:
    """One texture and how many of its rows have arrived."""

    label: str
    of: _Kind
    pixels: npt.NDArray[np.generic]
    form: int
    kind: int
    texture: Texture | None = None
    rows: int = 0


@dataclass(slots=True)
class Uploaded:
    """The textures of one asset."""

    images: tuple[_Image, ...]
    textures: tuple[Texture, ...] = ()
    """Once it is resident."""

    @property
    def resident(self) -> bool:
        return bool(self.textures)


class Spares:
    """Owner of textures that are not needed any more, for some time: a driver may take longer to make room for a
    large one (llvmpipe writes 64 MiB of zeros) than a frame has."""

    def __init__(self) -> None:
        self._left: list[tuple[int, _Kind, Texture]] = []
        self._frame = 0
        self._made = False

    def advance(self) -> None:
        """A new frame. What nobody wanted for long goes, one a frame."""
        self._frame += 1
        self._made = False
        room = SPARE_BYTES - sum(_bytes_of(of) for _, of, _ in self._left)
        if self._left and (room < 0 or self._frame - self._left[0][0] > _SPARED_FRAMES):
            self._left.pop(0)[2].close()

    def leave(self, image: _Image) -> None:
        """It is seen no more."""
        if image.texture is not None:
            self._left.append((self._frame, image.of, image.texture))

    def find(self, image: _Image, patient: bool) -> Texture | None:
        """A texture for it. None: another large one was made in this frame, and who is `patient` waits."""
        for place, (since, of, texture) in enumerate(self._left):
            # Frames that read it may still be on their way: to write it would wait for them.
            if of == image.of and self._frame - since >= FRAMES_IN_FLIGHT:
                del self._left[place]
                texture.label = image.label
                return texture
        if _bytes_of(image.of) > _LARGE_BYTES:
            if patient and self._made:
                return None
            self._made = True
        stored, size, levels, wrap, anisotropy = image.of
        return Texture(GL.GL_TEXTURE_2D, size, stored, image.label, levels, wrap=wrap, anisotropy=anisotropy)

    def close(self) -> None:
        for _, _, texture in self._left:
            texture.close()
        self._left.clear()


def _bytes_of(of: _Kind) -> int:
    """About: the texels of the largest level, all taken for four bytes."""
    return 4 * of[1][0] * of[1][1]


@dataclass(slots=True)
class Spent:
    """What uploads cost in this frame."""

    ms: float = 0.0
    bytes: int = 0


@dataclass(slots=True)
class Uploads:
    """Owner of the textures of skies and surfaces. `direct`: no pixel buffer."""

    direct: bool
    budget_ms: float = 2.0
    anisotropy: float = 1.0
    spent: Spent = field(default_factory=Spent)
    _held: dict[int, Uploaded] = field(default_factory=dict)
    _spares: Spares = field(default_factory=Spares)
    _resident: frozenset[int] | None = None
    _began_s: float = 0.0
    _stage: Buffer | None = None
    _stage_at: int = 0

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

    def of(self, asset: Sky | Surface | Shot) -> tuple[Texture, ...]:
        """Textures of an asset that is resident."""
        return self._held[asset.id].textures

    def advance(self, scene: Scene) -> None:
        """Spend this frame's budget: what is shown comes whole at once, the rest as far as the time goes."""
        self._began_s = start_s = time.perf_counter()
        self.spent = Spent()
        self._spares.advance()
        shown: list[Sky | Surface | Shot] = [scene.sky.shown, *(fade.shown for fade in scene.surfaces.values())]
        arriving = (scene.sky.arriving, *(fade.arriving for fade in scene.surfaces.values()))
        shown += [asset for asset in arriving if asset is not None]  # a fade begins only with what is here
        shown += [layer.shot for layer in scene.shots]
        later = scene.preload
        for asset in shown:
            self._advance(asset, None)
        deadline_s = start_s + self.budget_ms / 1e3
        for first, asset in enumerate(later):
            if first and time.perf_counter() >= deadline_s:
                break
            self._advance(asset, deadline_s)
        wanted = {asset.id for asset in (*shown, *later)}
        for name in [name for name in self._held if name not in wanted]:
            for image in self._held.pop(name).images:
                self._spares.leave(image)
            self._resident = None
        self.spent.ms = (time.perf_counter() - start_s) * 1e3

    def _advance(self, asset: Sky | Surface | Shot, deadline_s: float | None) -> None:
        held = self._held.get(asset.id)
        if held is None:
            held = self._held[asset.id] = Uploaded(self._images(asset))
        if held.resident:
            return
        for image in held.images:
            if image.rows == image.pixels.shape[0]:
                continue  # whole since an earlier frame: its smaller levels are made once only
            image.texture = image.texture or self._spares.find(image, deadline_s is not None)
            if image.texture is None or not self._rows(image, image.texture, deadline_s):
                return
            if image.texture.levels > 1:
                GL.glGenerateTextureMipmap(image.texture.name)
        held.textures = tuple(image.texture for image in held.images if image.texture is not None)
        self._resident = None

    def _rows(self, image: _Image, texture: Texture, deadline_s: float | None) -> bool:
        """Copy rows until all are there (True) or the time is up; a frame that is short of time moves a few."""
        height = image.pixels.shape[0]
        row_bytes = image.pixels.nbytes // height
        step = height if deadline_s is None else max(1, _LEAST_ROWS_BYTES // row_bytes)
        if not self.direct:
            step = max(1, min(step, STAGE_BYTES // 3 // row_bytes))
        while image.rows < height:
            part = image.pixels[image.rows : image.rows + step]
            self._copy(image, texture, part)
            image.rows += len(part)
            self.spent.bytes += part.nbytes
            if deadline_s is not None and time.perf_counter() >= deadline_s:
                break
        return bool(image.rows == height)

    def _copy(self, image: _Image, texture: Texture, part: npt.NDArray[np.generic]) -> None:
        rows, width = part.shape[:2]
        if self.direct:
            pointer = np.ascontiguousarray(part).ctypes.data_as(GL.GLvoidp)
            GL.glTextureSubImage2D(texture.name, 0, 0, image.rows, width, rows, image.form, image.kind, pointer)
            return
        if self._stage is None:
            self._stage = Buffer(STAGE_BYTES, "pixel staging", persistent=True)
        if self._stage_at + part.nbytes > self._stage.size:
            GL.glFinish()  # the stage is full: what was given must be read before it is written again
            self._stage_at = 0
        flat = np.ascontiguousarray(part).reshape(-1).view(np.uint8)
        self._stage.mapped[self._stage_at : self._stage_at + part.nbytes] = flat
        GL.glBindBuffer(GL.GL_PIXEL_UNPACK_BUFFER, self._stage.name)
        GL.glTextureSubImage2D(
            texture.name, 0, 0, image.rows, width, rows, image.form, image.kind, GL.GLvoidp(self._stage_at)
        )
        GL.glBindBuffer(GL.GL_PIXEL_UNPACK_BUFFER, 0)
        self._stage_at += (part.nbytes + 255) // 256 * 256

    def _images(self, asset: Sky | Surface | Shot) -> tuple[_Image, ...]:
        if isinstance(asset, Shot):
            edge, half = (GL.GL_CLAMP_TO_EDGE, GL.GL_CLAMP_TO_EDGE), GL.GL_HALF_FLOAT
            return (
                self._image(asset.radiance, GL.GL_RGB16F, GL.GL_RGB, half, f"view {asset.id}", edge),
                self._image(asset.front, GL.GL_RGBA16F, GL.GL_RGBA, half, f"front {asset.id}", edge, levels=1),
                self._image(asset.back, GL.GL_RGBA16F, GL.GL_RGBA, half, f"back {asset.id}", edge, levels=1),
            )
        if isinstance(asset, Sky):
            around, half = (GL.GL_REPEAT, GL.GL_CLAMP_TO_EDGE), GL.GL_HALF_FLOAT
            sky = self._image(asset.radiance, GL.GL_RGB16F, GL.GL_RGB, half, f"sky {asset.id}", around)
            if asset.relief is None:
                return (sky,)
            layers = (("front", asset.relief.front), ("back", asset.relief.back))
            return sky, *(
                self._image(pixels, GL.GL_RGBA16F, GL.GL_RGBA, half, f"{name} {asset.id}", around, levels=1)
                for name, pixels in layers
            )
        repeat = (GL.GL_REPEAT, GL.GL_REPEAT)
        return (
            self._image(
                asset.albedo, GL.GL_SRGB8_ALPHA8, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, f"albedo {asset.id}", repeat
            ),
            self._image(asset.bumps, GL.GL_RGBA8, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, f"bumps {asset.id}", repeat),
        )

    def _image(
        self,
        pixels: npt.NDArray[np.generic],
        stored: int,
        form: int,
        kind: int,
        label: str,
        wrap: tuple[int, int],
        levels: int | None = None,
    ) -> _Image:
        height, width = pixels.shape[:2]
        levels = levels or int(np.log2(max(height, width))) + 1
        aniso = self.anisotropy if wrap[1] == GL.GL_REPEAT else 1.0
        return _Image(label, (stored, (width, height), levels, wrap, aniso), pixels, form, kind)

    def close(self) -> None:
        for held in self._held.values():
            for image in held.images:
                self._spares.leave(image)
        self._held.clear()
        self._spares.close()
        self._resident = None
        if self._stage is not None:
            self._stage.close()
            self._stage = None

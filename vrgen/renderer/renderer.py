"""draw(scene, views): every view in one pass into a layered multisampled picture, resolved to where it belongs."""

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Literal, Self

import numpy as np

from vrgen.effort import WHOLE, Drawn, size_at
from vrgen.geometry import Array, Vec3, frustum_planes
from vrgen.gl.api import GL, describe, require
from vrgen.gl.objects import VertexArray
from vrgen.gl.pipeline import Pipeline, State
from vrgen.gl.second import Second
from vrgen.gl.timing import PassTimer
from vrgen.gl.transfer import Ring
from vrgen.messages import FrameCost, Resident, Seen, View
from vrgen.renderer.frame_data import FRAME, Camera, fill, gone
from vrgen.renderer.ground import GroundPass
from vrgen.renderer.hidden import HiddenPass
from vrgen.renderer.objects import CASCADES, LATE, PICTURE, ObjectsPass
from vrgen.renderer.occlusion import Occlusion
from vrgen.renderer.pictures import PICTURE_BYTES
from vrgen.renderer.presence import PresencePass
from vrgen.renderer.relief import ReliefPass
from vrgen.renderer.shadows import REACH_M, ShadowPass
from vrgen.renderer.shots import ShotsPass
from vrgen.renderer.splats import SplatsPass
from vrgen.renderer.target import PictureTarget
from vrgen.renderer.tiles import Layout
from vrgen.renderer.uploads import MEMORY_BYTES, Uploads
from vrgen.renderer.variants import Variants
from vrgen.scene_model import NOBODY, Presence, Scene

_MIB = 1 << 20
_MOST_PIXELS = 500_000
"""What low quality draws at most; a larger picture is enlarged from that."""
PASSES = (
    "upload", "setup", "cull", "splats", "shadows", "objects", "ground", "occlusion", "sky", "presence", "resolve",
    "panel",
)  # fmt: skip
"""What a frame's time on CPU and GPU is told by; the panel is drawn by whoever has one."""
_UPLOAD, _SETUP, _CULL, _SPLATS, _SHADOWS, _OBJECTS, _GROUND, _OCCLUSION, _SKY, _PRESENCE, _RESOLVE, PANEL = range(
    len(PASSES)
)
_LISTED = GL.GL_COMMAND_BARRIER_BIT | GL.GL_SHADER_STORAGE_BARRIER_BIT | GL.GL_BUFFER_UPDATE_BARRIER_BIT
"""What compute shaders have listed is drawn, listed on and copied."""
_DETAIL_A_FRAME = 0.01
"""So little at a time nobody sees it change."""
SOFTWARE = ("llvmpipe", "softpipe", "swrast", "SwiftShader", "Microsoft Basic Render")


class Renderer:
    """Owner of everything on the GPU that shows a scene. Make it with a context current; one thread, for ever."""

    def __init__(
        self,
        quality: Literal["auto", "low", "high"] = "auto",
        budget_ms: float = 2.0,
        samples: int = 4,
        shadows: bool = True,
        direct: bool | None = None,
        occlusion: bool | None = None,
    ) -> None:
        """`direct`: write textures without a pixel buffer; by default on software rasterisers only. `occlusion`:
        leave out objects that others or the ground hide; by default where that pays."""
        require()
        self.software = any(name.lower() in describe().lower() for name in SOFTWARE)
        self.tiles_a_frame = 4 if self.software else 16
        self.high = quality == "high" or (quality == "auto" and not self.software)
        self._shadows = shadows
        self._views = self._drawn = self._copied = 0
        self._upload_ms = 0.0
        self._walker = (0, 0)
        self._detail = 1.0
        self._pixel_rad = 1e-3
        """Of the last picture."""
        self._units = (GL.GLuint * 16)()
        """Textures by unit."""
        self._stack = ExitStack()
        self.passes = PassTimer(PASSES, self.software)
        """Of the frame that is being drawn; whoever draws on goes on with it, and says when it ends."""
        self._stack.callback(self.passes.close)
        self._ring = self._stack.enter_context(Ring(256 << 10, "frame ring"))
        self._second = Second(wanted=self.software)  # a GPU's driver fills no new storage with zeros
        self.uploads = Uploads(
            direct=self.software if direct is None else direct,
            second=self._second,
            budget_ms=budget_ms,
            anisotropy=1.0 if self.software else 8.0,  # llvmpipe compiles it for minutes
        )
        defines, state = (f"DETAIL {int(self.high)}",), State(write_depth=False, cull="none")
        self._sky = self._stack.enter_context(Variants(("sky.vert", "sky.frag"), defines, state))
        self._ground = GroundPass(self.high, finest_m=260.0 if self.high else 110.0)
        self._stack.callback(self._ground.close)
        self._objects = ObjectsPass(self.high)
        self._objects.pictures.at_once, self._objects.pictures.second = self.uploads.direct, self._second
        self._stack.callback(self._objects.close)
        self._shadow = ShadowPass(2048 if self.high else 1024)
        self._stack.callback(self._shadow.close)
        self._splats = SplatsPass(beside=self.software)
        self._stack.callback(self._splats.close)
        self._relief = ReliefPass()
        self._stack.callback(self._relief.close)
        self._shots = ShotsPass()
        self._stack.callback(self._shots.close)
        self._empty = self._stack.enter_context(VertexArray("no vertices"))
        self._occlusion = Occlusion(samples, occlusion, tried=not self.software)
        self._stack.callback(self._occlusion.close)
        self._target, self._first = PictureTarget(samples), PictureTarget(1)
        self._stack.callback(self._target.close)
        self._hidden: HiddenPass | None = None
        self._presences: dict[int, PresencePass] = {}
        self._resident: Resident = Resident()
        self._resident_parts: tuple[frozenset[int], ...] = (frozenset(),) * 4
        self.triangles = 0

    @property
    def resident(self) -> Resident:
        """Ids of assets that can be shown without waiting."""
        return self._resident

    @property
    def seen(self) -> Seen:
        """What came of the instances of a frame, some frames ago."""
        return self._occlusion.seen

    @property
    def texture_mb(self) -> tuple[float, float]:
        """What skies, surfaces and pictures take, and may take, MiB."""
        pictures = self._objects.pictures
        return (self.uploads.bytes + pictures.bytes) / _MIB, (MEMORY_BYTES + PICTURE_BYTES) / _MIB

    def advance(self, scene: Scene, place: Vec3, views: int) -> None:
        """Bring the scene's data to the GPU, within the budget: before the eyes are located, which `draw` needs.

        `place`: where the person stands, metres, world. `views`: how many will be drawn.
        """
        start_s = self.passes.begin()
        Pipeline.forget()
        self._views = views
        if views > 1:  # a headset: its programs are there before the person looks at their hands
            self._shown_presence(views)
        metres = scene.ground.shown.metres
        x, _, z = place
        self._walker = (math.floor(x / metres), math.floor(z / metres))
        self.uploads.advance(scene)
        self._copied = self._ground.advance(scene, self._walker, self.tiles_a_frame)
        self._copied += self._objects.advance(scene.objects, scene.time_s, self.uploads.left_ms)
        eye = np.subtract(place, scene.origin)
        self._copied += self._objects.pictures.advance(
            scene.objects, eye, 1.0 / self._pixel_rad, scene.time_s, self.uploads.left_ms / 1e3
        )
        self._copied += self._splats.advance(scene.clouds, self.uploads.left_ms)
        parts = (self.uploads.resident, self._ground.resident, self._splats.resident, self._objects.resident)
        if any(now is not before for now, before in zip(parts, self._resident_parts)):
            self._resident, self._resident_parts = Resident(frozenset().union(*parts)), parts
        self.passes.lap(_UPLOAD)
        self._upload_ms = (self.passes.ended_s[_UPLOAD] - start_s) * 1e3

    def draw(
        self, scene: Scene, views: Sequence[View], presence: Presence = NOBODY, drawn: Drawn = WHOLE
    ) -> FrameCost:
        """Draw the scene that `advance` was given, in as many views, and resolve them into their framebuffers.
        `drawn`: of the views' size and of the detail, so much."""
        start_s = time.perf_counter()
        assert len(views) == self._views, "advance comes first, and names the number of views"
        passes, walker = self.passes, self._walker
        passes.resume()
        cameras = [Camera(view, scene.origin) for view in views]
        clips = np.array([camera.clip_from_world for camera in cameras])
        eye = np.array([sum(along) / len(cameras) for along in zip(*(camera.eye for camera in cameras))])

        # The second frame fades even if nothing does: those programs are compiled before they are needed.
        fading = _fades(scene) or self._drawn == 1
        self._drawn += 1
        self._pixel_rad = _pixel_rad(views) / drawn.scale
        self._detail += min(max(drawn.detail - self._detail, -_DETAIL_A_FRAME), _DETAIL_A_FRAME)
        self._objects.detail = self._detail
        self._ring.begin()
        self._mark()  # what came since the last frame: mipmaps, a panel
        block = np.zeros((), FRAME)
        sky_texture = self.uploads.of(scene.sky.shown)[0]
        fill(block, scene, cameras, clips, sky_texture.levels)
        stamp = self._ground.stamp * 1_000_003 + self._objects.stamp
        # Shadows come with the second frame: the first must not wait for their programs.
        shining = self._shadows and self._drawn > 1 and float(scene.light.sun_irradiance.max()) > 0.0
        due = self._shadow.due(eye, scene.light, stamp) if shining else []
        self._shadow.fill(block, shining)
        GL.glBindBufferRange(GL.GL_UNIFORM_BUFFER, 0, self._ring.buffer.name, *self._ring.put(block))
        GL.glBindBufferRange(
            GL.GL_UNIFORM_BUFFER, 1, self._ring.buffer.name, *self._ring.put(self._objects.pictures.table)
        )
        self._bind(scene)
        passes.lap(_SETUP)

        laid = self._ground.layout(scene, walker, eye, self._pixel_rad, self._detail)
        frusta = frustum_planes(clips)
        target, size_px = self._target, self._picture_px(views, drawn.scale)
        bare = not (len(laid.tiles) or self._objects.there or scene.clouds or scene.shots)
        if self._drawn == 1 and self.software and bare:
            # A sky has no edges; samples, and a copy in another size, take programs that are still to be compiled.
            target, size_px = self._first, _largest(views)
        hides = self._occlusion.begin(size_px[0] * size_px[1] * len(views), self._objects.there)
        self._objects.reset()
        picture = (frusta, len(views), eye, _least_size(self._pixel_rad) / self._detail, fading)
        heights = self._ground.heights()
        self._objects.cull(self._ring, PICTURE, *picture, ground=heights, seen_only=hides)
        for which in due:
            least = REACH_M[which] / self._shadow.size_px / REACH_M[which]
            planes = self._shadow.cascades[which].planes[None]
            self._objects.cull(self._ring, CASCADES + which, planes, 1, eye, least, fading, ground=heights)
        passes.lap(_CULL)
        self._splats.prepare(scene, self._ring, eye, fading)
        passes.lap(_SPLATS)
        GL.glMemoryBarrier(_LISTED)
        passes.lap(_CULL)

        for which in due:
            self._shadow.begin(which, fading)
            self._give_ground(laid, self._shadow.cascades[which].planes[None], 1, self._shadow.ground.of(fading))
            self._objects.draw(CASCADES + which, self._shadow.objects, fading)
            self._mark()
        passes.lap(_SHADOWS)

        target.begin(*size_px, len(views))
        target.bind()
        if any(view.mask is not None for view in views):
            if self._hidden is None:
                self._hidden = HiddenPass()
                self._stack.callback(self._hidden.close)
            self._hidden.draw(views)
        self._objects.draw(PICTURE, self._objects.pipelines, fading, len(views))
        passes.lap(_OBJECTS)
        if gone(scene) < 1.0:
            self._give_ground(laid, frusta, len(views), self._ground.pipelines.of(fading, len(views)))
        self.triangles = self._ground.triangles + self._objects._triangles
        passes.lap(_GROUND)
        if hides:
            self._mark()
            self._occlusion.look(target.depth, size_px, len(views))
            self._objects.cull(self._ring, LATE, *picture, size_px=size_px)
            GL.glMemoryBarrier(_LISTED)
            self._objects.draw(LATE, self._objects.pipelines, fading, len(views))
        self._objects.count(self._occlusion, len(views))
        passes.lap(_OCCLUSION)
        self._relief.draw(scene, self.uploads, fading, len(views))
        self._sky.of(fading, len(views)).bind()
        GL.glBindVertexArray(self._empty.name)
        GL.glDrawArraysInstanced(GL.GL_TRIANGLES, 0, 3, len(views))
        self._shots.draw(scene, self.uploads, len(views))
        passes.lap(_SKY)
        self._splats.draw(self._ring, len(views), target.size_px)
        passes.lap(_SPLATS)
        if presence is not NOBODY:
            self._shown_presence(len(views)).draw(self._ring, presence, views, scene.origin)
        self._mark()
        passes.lap(_PRESENCE)
        target.resolve(views, self._mark)
        if target is self._first:
            target.close()
        self._ring.end()
        passes.lap(_RESOLVE)
        draw_ms = (passes.ended_s[_RESOLVE] - start_s) * 1e3 + self._upload_ms
        return FrameCost(
            draw_ms, self._upload_ms, self.uploads.spent.bytes + self._copied, self._ring.waited_s * 1e3
        )

    def _mark(self) -> None:
        """Hold the fence of each picture that llvmpipe draws, until a later one has been passed (see Fences)."""
        if self.software:
            self._ring.fences.mark()

    def _give_ground(self, laid: Layout, frusta: Array, views: int, pipeline: Pipeline) -> None:
        """Draw the tiles that one of the frusta, (F, 5, 4) planes, touches."""
        touched = laid.touched(frusta)
        ordered = laid.tiles[touched]
        if not len(ordered):
            return
        commands = self._ground.commands(laid.levels[touched], views)
        ring = self._ring
        GL.glBindBufferRange(GL.GL_SHADER_STORAGE_BUFFER, 1, ring.buffer.name, *ring.put(ordered))
        GL.glBindBuffer(GL.GL_DRAW_INDIRECT_BUFFER, ring.buffer.name)
        offset, _ = ring.put(commands)
        self._ground.draw(len(commands), offset, pipeline)

    def _bind(self, scene: Scene) -> None:
        """Textures on the units that the shaders name; shown and arriving side by side."""
        units = self._units
        for fade, pairs in (
            (scene.sky, ((0, 1),)),
            (scene.surfaces["ground"], ((3, 4), (5, 6))),
            (scene.surfaces["cliff"], ((11, 12), (13, 14))),
        ):
            shown = self.uploads.of(fade.shown)
            arriving = shown if fade.arriving is None or fade.weight == 0.0 else self.uploads.of(fade.arriving)
            for (now, then), first, second in zip(pairs, shown, arriving):
                units[now], units[then] = first.name, second.name
        units[2] = self._shadow.map.name
        self._ground.put(units)
        GL.glBindTextures(0, len(units), units)

    def _shown_presence(self, views: int) -> PresencePass:
        """What draws the person's own things in so many views; made once."""
        if views not in self._presences:
            self._presences[views] = self._stack.enter_context(PresencePass(views))
        return self._presences[views]

    def _picture_px(self, views: Sequence[View], part: float) -> tuple[int, int]:
        """How large the picture is drawn: such a part of the largest view, unless low quality draws less."""
        width, height = _largest(views)
        scale = 1.0 if self.high else min(1.0, (_MOST_PIXELS / (width * height * len(views))) ** 0.5)
        return size_at(part, (max(1, round(width * scale)), max(1, round(height * scale))))

    def close(self) -> None:
        self._second.close()
        self.uploads.close()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _fades(scene: Scene) -> bool:
    """Whether anything is between two states."""
    between = scene.sky.weight > 0.0 or any(fade.weight > 0.0 for fade in scene.surfaces.values())
    return between or scene.ground.arriving is not None


def _least_size(pixel_rad: float) -> float:
    """Radius over distance below which a thing is not drawn: less than a pixel across, and in large pictures less
    than a speck that only flickers."""
    return max(0.0025, 0.5 * pixel_rad)


def _largest(views: Sequence[View]) -> tuple[int, int]:
    """Width and height, pixels, into which each view fits."""
    return max(view.rect_px[2] for view in views), max(view.rect_px[3] for view in views)


def _pixel_rad(views: Sequence[View]) -> float:
    """How much of the view a pixel in its middle is."""
    return min((math.tan(v.fov.right_rad) - math.tan(v.fov.left_rad)) / v.rect_px[2] for v in views)

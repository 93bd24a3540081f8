"""Scenes made by hand, drawn by the real renderer without a screen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vrgen.display.eyes import eye_views
from vrgen.display.headless import HeadlessDisplay
from vrgen.geometry import Fov, Quat, inverse_rigid, projection, transform
from vrgen.messages import Person, Tile, View
from vrgen.scene.ground import GRID, REACH
from vrgen.scene.light import light_of
from vrgen.scene_model import (
    F32,
    INSTANCE,
    NOBODY,
    Fade,
    Ground,
    Light,
    Mesh,
    Objects,
    Presence,
    Scene,
    Sky,
    Surface,
    TileHeights,
    TileSet,
    new_id,
)

Pixels = npt.NDArray[np.uint8]
Heights = Callable[[F32, F32], F32]
"""World x and z, metres → height, metres."""

METRES, SAMPLES = 32.0, 17
AT_START = Person()


class Stage:
    """A renderer on a headless display, and GL's complaints. Freed by `close`."""

    def __init__(self, display: HeadlessDisplay, **renderer: Any) -> None:
        from vrgen.gl.api import watch_errors
        from vrgen.renderer import Renderer

        self.display = display
        self.errors: list[str] = []
        self._watch = watch_errors(self.errors.append)
        self.renderer = Renderer(**({"quality": "low", "shadows": False} | renderer))
        self._frames = display.frames()
        self._stereo = display._stereo
        self._closed = False

    def draw(self, scene: Scene, views: Sequence[View] | Person = AT_START, presence: Presence = NOBODY) -> Pixels:
        """One frame: (H, W, 3) uint8, top row first."""
        with next(self._frames) as frame:
            seen = frame.views(views) if isinstance(views, Person) else self.on_target(views)
            x, y, z = (float(n) for n in np.mean([view.world_from_eye[:3, 3] for view in seen], axis=0))
            self.renderer.advance(scene, (x, y, z), len(seen))
            self.renderer.draw(scene, seen, presence)
        return self.display.read_pixels()

    def on_target(self, views: Sequence[View]) -> tuple[View, ...]:
        """The views with the display's framebuffer as their target, where they have none."""
        name = self.display._target.name
        return tuple(replace(view, framebuffer=view.framebuffer or name) for view in views)

    def settle(
        self,
        scene: Scene,
        views: Sequence[View] | Person = AT_START,
        presence: Presence = NOBODY,
        most: int = 200,
    ) -> Pixels:
        """Small frames until everything of the scene is on the GPU, all land in the first; then some whole ones
        for the shadows."""
        ground = scene.ground
        wanted = {
            tile.id
            for tiles in (ground.shown, ground.arriving)
            if tiles is not None
            for tile in tiles.tiles.values()
        } | {asset.id for asset in scene.preload}
        seen = eye_views(views, 0, (64, 32), self._stereo) if isinstance(views, Person) else views
        small = [
            replace(view, rect_px=(16 * i, 0, 16, 16), framebuffer=0, depth=False) for i, view in enumerate(seen)
        ]
        tiles_a_frame, self.renderer.tiles_a_frame = self.renderer.tiles_a_frame, len(wanted)
        for _ in range(most):
            self.draw(scene, small)
            if wanted <= self.renderer.resident.ids:
                break
        else:
            raise AssertionError(f"{len(wanted - self.renderer.resident.ids)} assets never became resident")
        self.renderer.tiles_a_frame = tiles_a_frame
        for _ in range(4):
            pixels = self.draw(scene, views, presence)
        return pixels

    def close(self) -> None:
        """Free everything; closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self.renderer.close()
            self._frames.close()  # type: ignore[attr-defined]
            self.display.close()


# --- views ------------------------------------------------------------------------------------------------


def view(
    size_px: tuple[int, int],
    eye: tuple[float, float, float],
    turn: Quat = (0.0, 0.0, 0.0, 1.0),
    vertical_deg: float = 70.0,
    left_px: int = 0,
) -> View:
    """A camera at `eye` that looks to -Z before `turn`."""
    fov = Fov.symmetric(float(np.radians(vertical_deg)), size_px[0] / size_px[1])
    return View(transform(eye, turn), fov, 0, (left_px, 0, *size_px))


DOWN: Quat = (-np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5))
"""Looks to -Y, with -Z at the top of the picture."""


def pixel_of(at: View, point_world: Sequence[float]) -> tuple[float, float]:
    """Column and row (from the top left of the whole picture, if the view's rectangle starts at its foot)."""
    clip = projection(at.fov, 0.05) @ inverse_rigid(at.world_from_eye) @ np.array([*point_world, 1.0])
    x, y, width, height = at.rect_px
    ndc = clip[:2] / clip[3]
    return x + (ndc[0] + 1) / 2 * width, y + (1 - ndc[1]) / 2 * height


# --- things -----------------------------------------------------------------------------------------------


def sky(colour: tuple[float, float, float] = (0.3, 0.5, 0.9), light: Light | None = None) -> Sky:
    """One colour all over."""
    radiance = np.broadcast_to(np.float16(colour), (32, 64, 3)).copy()
    return Sky(new_id(), radiance, light or light_of(radiance.astype(np.float32)))


def sun(
    direction: tuple[float, float, float],
    strength: float = 3.0,
    exposure: float = 1.0,
    ambient_light: float = 0.05,
) -> Light:
    """A white sun and, unless asked for, hardly any sky light."""
    towards = np.float32(direction) / np.float32(np.linalg.norm(direction))
    ambient = np.zeros((9, 3), np.float32)
    ambient[0] = ambient_light / 0.282095
    return Light(towards, np.full(3, strength, np.float32), ambient, exposure)


def surface(colour: tuple[int, int, int]) -> Surface:
    albedo = np.full((4, 4, 4), 128, np.uint8)
    albedo[..., :3] = colour
    bumps = np.full((4, 4, 4), (128, 128, 255, 255), np.uint8)
    return Surface(new_id(), albedo, bumps, 4.0)


def tiles_of(heights: Heights, centre: Tile = (0, 0), epoch: int = 1, metres: float = METRES) -> TileSet:
    """A whole window of that ground around a tile; neighbours share their edges to the bit."""
    at = np.arange(SAMPLES)
    made = {}
    span = range(-REACH, REACH + 1)
    for iz in (centre[1] + k for k in span):
        for ix in (centre[0] + k for k in span):
            x, z = np.meshgrid(
                (ix * (SAMPLES - 1) + at) * (metres / (SAMPLES - 1)),
                (iz * (SAMPLES - 1) + at) * (metres / (SAMPLES - 1)),
            )
            made[(ix, iz)] = TileHeights(new_id(), np.asarray(heights(x, z), np.float32))
    return TileSet(epoch, epoch, metres, SAMPLES, made)


def flat(x: F32, z: F32) -> F32:
    return np.zeros_like(x)


def ground(
    shown: TileSet | None = None, arriving: TileSet | None = None, weight: float = 0.0, presence: float = 1.0
) -> Ground:
    corners = np.zeros((GRID, GRID, 2), np.float32)
    corners[..., 0], corners[..., 1] = weight, presence
    return Ground(shown or tiles_of(flat), GRID, corners, arriving)


def nowhere() -> Ground:
    """No ground at all."""
    return ground(TileSet(1, 1, METRES, SAMPLES, {}), presence=0.0)


def box(colour: tuple[int, int, int] = (255, 255, 255), half_m: float = 0.5) -> Mesh:
    """A cube about the origin."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32) * half_m
    vertices, normals, faces = [], [], []
    for axis in range(3):
        for side in (-1.0, 1.0):
            normal = np.zeros(3, np.float32)
            normal[axis] = side
            four = corners[corners[:, axis] * side > 0]
            u, v = np.roll(np.eye(3), axis, axis=1)[1], np.roll(np.eye(3), axis, axis=1)[2]
            angle = np.arctan2(four @ v, four @ u)
            four = four[np.argsort(angle if side > 0 else -angle)]
            first = len(vertices)
            vertices += list(four)
            normals += [normal] * 4
            faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    tint = np.broadcast_to(np.uint8([*colour, 255]), (len(vertices), 4)).copy()
    uv = np.full((len(vertices), 2), -1, np.float32)
    return Mesh(
        new_id(), np.array(vertices, np.float32), np.array(normals), tint, uv, (np.array(faces, np.uint32),)
    )


def instances(*at: Mapping[str, Any]) -> npt.NDArray[np.void]:
    """Records with what is said of each; scale 1, upright, no picture, not standing."""
    made = np.zeros(len(at), INSTANCE)
    made["scale"], made["rotation"], made["picture"] = 1.0, (0, 0, 0, 1), -1
    for i, said in enumerate(at):
        for name, value in said.items():
            made[i][name] = value
    return made


def scene(
    *,
    over: Ground | None = None,
    above: Fade[Sky] | Sky | None = None,
    dressed: Fade[Surface] | Surface | None = None,
    objects: Objects | None = None,
    light: Light | None = None,
    fog_m: float = 1e6,
    **more: Any,
) -> Scene:
    """A scene of which only what matters is said. Without haze unless it is asked for."""
    above = above or sky()
    fading = above if isinstance(above, Fade) else Fade(above)
    dressed = dressed or surface((120, 120, 120))
    material = dressed if isinstance(dressed, Fade) else Fade(dressed)
    return Scene(
        sky=fading,
        light=light or fading.shown.light,
        ground=over or ground(),
        surfaces={"ground": material, "cliff": material},
        objects=objects or Objects(),
        fog_m=fog_m,
        **more,
    )

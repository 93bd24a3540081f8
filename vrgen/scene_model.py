"""Everything there is to draw, independent of GL: what the scene stage makes and the renderer shows.

Assets (`Sky`, `Surface`, `TileHeights`, `Mesh`, `Picture`, `Splats`) are immutable and carry an `id` that is never
used twice in a process: whoever holds an id holds that content. What changes from frame to frame is which assets
are shown and how far one has faded into the next.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array, Vec3
from vrgen.levels import smaller_colours
from vrgen.messages import ButtonLabel, Side, Tile
from vrgen.on_gpu import RawPlanes, RawSurface

F32 = npt.NDArray[np.float32]
U8 = npt.NDArray[np.uint8]

_ids = itertools.count(1)


def new_id() -> int:
    """An asset id that no other asset of this process has."""
    return next(_ids)


@dataclass(frozen=True, eq=False, slots=True)
class Light:
    """Sun and sky light; linear, in the panorama's own unit of radiance."""

    sun_direction: F32
    """(3,) unit, world, towards the sun."""
    sun_irradiance: F32
    """(3,) on a surface that faces the sun."""
    ambient_sh: F32
    """(9, 3) irradiance of the sky without the sun, over π: second-order spherical harmonics with the cosine
    lobe folded in, so that `radiosity = albedo * sh(normal)` (Ramamoorthi and Hanrahan 2001)."""
    exposure: float
    """Factor that brings a sunlit grey card to middle grey."""


@dataclass(frozen=True, eq=False, slots=True)
class Relief:
    """How far a panorama's directions are, as 1/m from its middle; rows and columns as the panorama's.

    `front`: (256, 512, 4) float16, at the north-west, north-east, south-west and south-east corner of each cell;
    neighbours that hide one another do not share theirs. `back`: (256, 512, 4) float16, what stands behind it
    without a gap: radiance, 1/m.
    """

    front: npt.NDArray[np.float16]
    back: npt.NDArray[np.float16]
    reach_m: float
    """So far from its middle it is looked at."""
    eye_m: float
    """How high its middle is above its floor."""


@dataclass(frozen=True, eq=False, slots=True)
class Sky:
    """A panorama. `radiance`: (H, 2H, 3) float16, linear; row 0 the zenith, the centre column looks to -Z."""

    id: int
    radiance: npt.NDArray[np.float16]
    light: Light
    relief: Relief | None = None
    """Where it is a place that one can lean into."""
    smaller: tuple[npt.NDArray[np.float16], ...] = ()
    """Its smaller levels, each half as large as the one before, down to one texel (vrgen/levels.py). Without them
    OpenGL makes them, in a frame."""
    raw: RawPlanes | None = None
    """The whole of it where that is on the GPU: then `radiance` is smaller, for what is reckoned on the host."""


@dataclass(frozen=True, eq=False, slots=True)
class Shot:
    """A world model's frame: a picture with a depth from a camera.

    `radiance`: (H, W, 3) float16, linear, row 0 on top. `front`, `back`: (h, w, 4) float16, as a `Relief`'s; 1/m
    along the viewing axis.
    """

    id: int
    radiance: npt.NDArray[np.float16]
    front: npt.NDArray[np.float16]
    back: npt.NDArray[np.float16]
    world_from_camera: Array
    tangents: tuple[float, float, float, float]
    """Left, right, down, up, of the half angles."""
    smaller: tuple[npt.NDArray[np.float16], ...] = ()
    """As a `Sky`'s."""


@dataclass(frozen=True, slots=True)
class ShotLayer:
    """A frame as it is seen; `weight` is how much of it, in [0, 1]."""

    shot: Shot
    weight: float


@dataclass(frozen=True, eq=False, slots=True)
class Surface:
    """A material that repeats every `metres`.

    `albedo`: (S, S, 4) uint8, sRGB; alpha a relief height for blending. `bumps`: (S, S, 4) uint8, tangent-space
    normal xyz mapped from [-1, 1], roughness in alpha; (1, 1, 4) where it is the same all over.
    """

    id: int
    albedo: U8
    bumps: U8
    metres: float
    smaller_albedo: tuple[U8, ...] = ()
    """As a `Sky`'s."""
    smaller_bumps: tuple[U8, ...] = ()
    raw: RawSurface | None = None
    """As a `Sky`'s."""


@dataclass(frozen=True, eq=False, slots=True)
class TileHeights:
    """One tile of ground. `heights`: (N, N) float32 metres, row along +Z, column along +X."""

    id: int
    heights: F32


VERTEX = np.dtype(
    [("position", np.float32, 3), ("normal", np.int16, 4), ("tint", np.uint8, 4), ("uv", np.float32, 2)]
)
"""A vertex, 32 bytes as the shaders read it: `normal` times 32767, `tint` sRGB."""


@dataclass(frozen=True, eq=False, slots=True)
class Mesh:
    """A triangle mesh, metres, +Y up, counter-clockwise from outside.

    `vertices`, `normals`: (V, 3) float32. `colours`: (V, 4) uint8 sRGB, alpha 0 where the surface's material
    shows instead. `uv`: (V, 2) float32. `faces`: one (F, 3) uint32 per level of detail, finest first.
    """

    id: int
    vertices: F32
    normals: F32
    colours: U8
    uv: F32
    faces: tuple[npt.NDArray[np.uint32], ...]
    packed: npt.NDArray[np.void] = field(init=False)
    """(V,) of `VERTEX`: made where the mesh is, so that a frame has only to copy it."""
    box: F32 = field(init=False)
    """(2, 3) lowest and highest corner."""
    sphere: tuple[float, float, float, float] = field(init=False)
    """Centre and radius."""

    def __post_init__(self) -> None:
        packed = np.zeros(len(self.vertices), VERTEX)
        packed["position"], packed["tint"], packed["uv"] = self.vertices, self.colours, self.uv
        packed["normal"][:, :3] = np.clip(np.rint(self.normals * 32767), -32767, 32767)
        box = np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)])
        centre = box.mean(axis=0)
        radius = float(np.linalg.norm(self.vertices - centre, axis=1).max())
        object.__setattr__(self, "packed", packed)
        object.__setattr__(self, "box", box)
        object.__setattr__(self, "sphere", (float(centre[0]), float(centre[1]), float(centre[2]), radius))


PICTURE_PX = 512
"""Side of a picture that hangs, whatever was made."""


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """A picture to hang. `pixels`: (S, S, 4) uint8 sRGB, row 0 on top; S is `PICTURE_PX`."""

    id: int
    pixels: U8
    levels: tuple[U8, ...] = field(init=False)
    """Largest first: the pixels, then each half as large, down to one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", (np.ascontiguousarray(self.pixels), *smaller_colours(self.pixels)))


SPLAT = np.dtype(
    [
        ("position", np.float32, 3),
        ("colour", np.uint32),
        ("rotation", np.int16, 4),
        ("scale", np.float16, 3),
        ("opacity", np.uint8),
        ("cloud", np.uint8),
    ]
)
"""One Gaussian, 32 bytes as the shaders read it. `position` metres; `colour` linear, nine bits a channel and five
of their exponent (GL_RGB9_E5); `rotation` quaternion xyzw times 32767; `scale` standard deviations along its own
axes, metres; `opacity` in 255ths; `cloud` is the renderer's own."""


@dataclass(frozen=True, eq=False, slots=True)
class Splats:
    """Gaussian splats of one output. `gaussians`: (K,) of `SPLAT`, in their own frame: +Y up, 0 on the ground."""

    id: int
    gaussians: npt.NDArray[np.void]
    shines: bool = False
    """The colours are radiance, which no light falls on; else they are surfaces, and lit."""


T = TypeVar("T")


@dataclass(frozen=True, eq=False, slots=True)
class Fade(Generic[T]):
    """One thing, or one on its way into the next. `weight` is how much of `arriving` is seen, in [0, 1]."""

    shown: T
    arriving: T | None = None
    weight: float = 0.0


@dataclass(frozen=True, eq=False, slots=True)
class TileSet:
    """Ground of one generator call's inputs: all its tiles fit together."""

    epoch: int
    revision: int
    metres: float
    """Side of a tile."""
    samples: int
    """N: heights along a side, edges shared; N - 1 is a power of two."""
    tiles: Mapping[Tile, TileHeights] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Ground:
    """The endless ground around the walker; tile (ix, iz) lies in slot (ix mod grid, iz mod grid) of a torus.

    `corners`: (grid, grid, 2) float32 by slot row (z), column (x): at each tile corner how much of `arriving` is
    seen, and how present the ground is (0: still haze). Between corners both are bilinear. A corner counts only
    tiles that all four neighbours have, so there is never a step between an old and a new tile.
    """

    shown: TileSet
    grid: int
    corners: F32
    arriving: TileSet | None = None


INSTANCE = np.dtype(
    [
        ("position", np.float32, 3),
        ("scale", np.float32),
        ("rotation", np.float32, 4),
        ("mesh", np.uint32),
        ("picture", np.int32),
        ("stands", np.float32),
        ("reach_m", np.float32),
    ]
)
"""One object, 48 bytes as the shaders read it. `position` metres relative to `Scene.origin`; `rotation`
quaternion xyzw; `mesh` indexes `Objects.meshes`; `picture` indexes `Objects.pictures`, -1 shows the mesh's
colours, -2 the cliff's material; `stands` 1 adds
the ground's height to y; beyond
`reach_m` from the eye it is not seen (0: seen at any distance)."""


@dataclass(frozen=True, eq=False, slots=True)
class Objects:
    """Everything that stands on the ground."""

    meshes: tuple[Mesh, ...] = ()
    pictures: tuple[Picture, ...] = ()
    instances: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(0, INSTANCE))
    """(K,) of `INSTANCE`, sorted by mesh. A new array whenever anything in it changes."""
    arrival: float = 1.0
    """Scales all instances while a whole set comes or goes."""
    coming: tuple[Mesh, ...] = ()
    """Meshes to upload ahead of their turn, most wanted first. The same object while they are the same."""


@dataclass(frozen=True, eq=False, slots=True)
class Cloud:
    """Splats, and where they stand: turned about +Y, scaled, then moved."""

    splats: Splats
    position: Vec3
    """Metres relative to `Scene.origin`."""
    yaw_rad: float = 0.0
    scale: float = 1.0
    weight: float = 1.0
    """How much of them is seen, in [0, 1]; at 0 they are brought to the GPU for later."""
    leaves: bool = False
    """They are seen where what comes in their place, with the rest of the weight, is not."""


@dataclass(frozen=True, eq=False, slots=True)
class HeldModel:
    """A controller in a hand. `model`: a folder name under assets/controllers, "" for the plain one."""

    model: str
    side: Side
    world_from_grip: Array
    pressed: frozenset[str] = frozenset()
    """What is pressed now, by names of `HAND_BUTTONS` without the side."""
    labelled: bool = False
    """Show beside each button what it does."""
    labels: tuple[ButtonLabel, ...] = ()
    """What its buttons do. Those that are pressed move and are lit, labelled or not."""


@dataclass(frozen=True, eq=False, slots=True)
class Mark:
    """Shows what was picked: a dot where it was met, a ring of that radius at its foot. Metres, world."""

    at_world: Vec3
    foot_world: Vec3
    radius_m: float


@dataclass(frozen=True, eq=False, slots=True)
class Presence:
    """The person's own things: what their hands hold and point at, and what dims their sight. Made every frame.

    Places are metres in the world, float64, so that they stay exact far from its origin.
    """

    held: tuple[HeldModel, ...] = ()
    joints: tuple[Array, ...] = ()
    """(26, 4) x, y, z, radius of each bare hand."""
    rays: tuple[tuple[Vec3, Vec3], ...] = ()
    """From the aiming hand to what it points at."""
    arc: Array | None = None
    """(N, 3) of a teleport that is aimed."""
    landing: Vec3 | None = None
    """Where the arc meets ground that one can stand on; None where it doesn't."""
    mark: Mark | None = None
    map_at: Vec3 | None = None
    """Where the small map of the latent stands while it is dragged, facing the head."""
    map_dot: tuple[float, float] = (0.0, 0.0)
    """Where on it the latent is, standard deviations."""
    vignette: float = 0.0
    """0 open to 1 narrow, while moving smoothly."""
    fade: float = 0.0
    """0 clear to 1 black."""


NOBODY = Presence()


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """What is drawn in one frame."""

    sky: Fade[Sky]
    light: Light
    """Of the sky as it is mixed now."""
    ground: Ground
    surfaces: Mapping[str, Fade[Surface]]
    """At least "ground" and "cliff"."""
    objects: Objects = field(default_factory=Objects)
    clouds: tuple[Cloud, ...] = ()
    """The same object while nothing in it changes."""
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """World position, metres, of the drawing origin: near the walker, so that float32 is enough."""
    middle: Vec3 = (0.0, 0.0, 0.0)
    """Where the panoramas' reliefs were seen from, metres relative to `origin`."""
    fog_m: float = 900.0
    time_s: float = 0.0
    shots: tuple[ShotLayer, ...] = ()
    """A world model's last frames, oldest first."""
    preload: tuple[Sky | Surface | Shot, ...] = ()
    """Assets to upload ahead of their fade, most wanted first."""

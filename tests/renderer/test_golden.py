"""Whole pictures as they were approved by eye, drawn on software GL.

`python tools/dev.py golden` (pytest tests/renderer --regenerate-golden) draws them anew: look at each before it is
committed. What differs is kept beside the golden one and their difference; the failure says where.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import people
import pytest
import stage as s
from PIL import Image
from scene import outputs as o
from stage import F32, Pixels, Stage

from vrgen.config import PropsConfig
from vrgen.geometry import multiply, pitch_quat, transform, yaw_quat
from vrgen.messages import Person
from vrgen.scene.meshes import mesh_of, picture_frame
from vrgen.scene.props import Kind, Scatter
from vrgen.scene.sky import plain_sky, sky_of
from vrgen.scene.surfaces import plain_surface, surface_of
from vrgen.scene_model import Fade, Mesh, Objects, Picture, Presence, Scene, Sky, Surface

Open = Callable[..., Stage]
SIZE = (320, 180)
GOLDEN = Path(__file__).parent.parent / "golden"
MEAN, MOST = 1.5, 28.0
"""Greatest mean and single difference of the blurred pictures, of 255: drivers round and rasterise differently."""


# --- things to see, of nothing but arithmetic -------------------------------------------------------------


def waves(x: F32, z: F32, seed: int, octaves: int = 5) -> F32:
    """Soft noise that repeats nowhere near, in about [-1, 1]."""
    rng = np.random.default_rng(seed)
    total = np.zeros_like(x, np.float64)
    for k in range(octaves):
        a, b, c, d = rng.uniform(-1, 1, 4) * 1.7**k
        total += 0.55**k * np.sin(a * x + b * z + 3 * np.sin(c * x * 0.6 + d * z * 0.6) + rng.uniform(0, 6))
    return np.asarray(total / 1.6, np.float32)


def valley(x: F32, z: F32) -> F32:
    """Hills that rise to both sides of a path to -Z."""
    aside = np.minimum(np.abs(x) / 60.0, 1.6)
    return np.asarray(9 * aside**2 * (1.4 + waves(x / 40, z / 40, 3)) + 0.7 * waves(x / 7, z / 7, 4), np.float32)


def dunes(x: F32, z: F32) -> F32:
    return np.asarray(5 * (1 + np.sin(x * 0.05 + 2 * waves(x / 60, z / 60, 8))) - 3, np.float32)


def day(low: tuple[float, ...], high: tuple[float, ...], azimuth: float, elevation: float) -> Sky:
    """A sky from `low` at the horizon to `high` at the zenith, with clouds and a sun."""
    height = 128
    from vrgen.scene.light import directions

    d, _ = directions(height, 2 * height)
    up = np.clip(d[..., 1:2], 0, 1) ** 0.5
    clouds = np.clip(waves(d[..., 0] * 3, d[..., 2] * 3, 5) - 0.2, 0, 1)[..., None] * up * 0.7
    radiance = (1 - up) * np.float32(low) + up * np.float32(high)
    radiance = radiance * (1 - clouds) + clouds * np.float32(1.1)
    flat = np.cos(elevation)
    sun = np.float32([flat * np.sin(azimuth), np.sin(elevation), -flat * np.cos(azimuth)])
    aligned = np.clip(d @ sun, 0, 1)[..., None]
    radiance = radiance + 200 * (aligned > 0.9986) + 0.6 * aligned**60
    return sky_of(o.panorama(np.asarray(radiance, np.float32)))


def material(dark: tuple[float, ...], light: tuple[float, ...], seed: int) -> Surface:
    """A grain between two colours, with the bumps that belong to it."""
    size = 128
    turn = 2 * np.pi * np.arange(size) / size
    x, z = np.meshgrid(turn, turn)
    rng = np.random.default_rng(seed)
    grain = np.zeros((size, size))
    for _ in range(60):
        i, j = rng.integers(-14, 15, 2)
        grain += np.sin(i * x + j * z + rng.uniform(0, 6)) / (2 + np.hypot(i, j))
    grain = (grain - grain.min()) / np.ptp(grain)
    colour = np.float32(dark)[:, None, None] * (1 - grain) + np.float32(light)[:, None, None] * grain
    across, along = np.roll(grain, -1, 1) - np.roll(grain, 1, 1), np.roll(grain, -1, 0) - np.roll(grain, 1, 0)
    normal = np.stack([-4 * across, 4 * along, np.ones_like(grain)])
    normal /= np.linalg.norm(normal, axis=0)
    from vrgen import contract as c

    return surface_of(
        [
            o.of(c.TextureOutput(shape=(3, size, size), range=(0.0, 1.0)), colour),
            o.of(c.TextureOutput(shape=(3, size, size), role="normal"), normal),
        ]
    )


def stone(seed: int) -> Mesh:
    """A lump of about a metre that stands a little in the ground."""
    n = 24
    theta, phi = np.meshgrid(np.linspace(0, np.pi, n), np.linspace(0, 2 * np.pi, 2 * n), indexing="ij")
    v = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], -1).reshape(-1, 3)
    v = v * (0.5 + 0.13 * waves(v[:, 0] * 2 + seed, v[:, 1] * 2 + v[:, 2] * 3, seed, 3))[:, None]
    v[:, 1] = v[:, 1] * 0.8 + 0.25
    i = (np.arange(n - 1)[:, None] * 2 * n + np.arange(2 * n - 1)[None, :]).ravel()
    faces = np.concatenate([np.stack([i, i + 1, i + 2 * n], -1), np.stack([i + 1, i + 2 * n + 1, i + 2 * n], -1)])
    made = o.tetrahedron()
    return mesh_of(replace(made, arrays={"vertices": v.astype(np.float32), "faces": faces}))


def checks() -> Picture:
    pixels = np.full((512, 512, 4), 255, np.uint8)
    at = np.arange(512) // 64
    pixels[..., 0] = np.where((at[:, None] + at[None, :]) % 2, 230, 40)
    pixels[..., 1] = (np.arange(512) // 2)[:, None]
    pixels[..., 2] = (np.arange(512) // 2)[None, :]
    return Picture(s.new_id(), pixels)


# --- the pictures -----------------------------------------------------------------------------------------


def plain() -> Scene:
    return s.scene(above=plain_sky(), dressed=plain_surface((126, 124, 116)), fog_m=250.0)


def generated() -> Scene:
    """What a good set of generators would make."""
    over = s.ground(s.tiles_of(valley))
    rock = Kind("rock", PropsConfig(generator="rock", per_hectare=140.0, scale_m=(0.5, 2.5)), range(3))
    scatter = Scatter()
    assert scatter.work([rock], over, (0, -1), 5, (0.0, 0.0, 0.0), 1000)
    rocks = scatter.instances()
    moss, cliff = (
        material((0.16, 0.22, 0.08), (0.45, 0.48, 0.22), 1),
        material((0.3, 0.27, 0.24), (0.6, 0.56, 0.5), 2),
    )
    world = s.scene(
        over=over,
        above=day((0.75, 0.82, 0.9), (0.16, 0.32, 0.75), 0.9, 0.6),
        dressed=moss,
        objects=Objects((stone(1), stone(2), stone(3)), (), rocks),
        fog_m=220.0,
    )
    return replace(world, surfaces={"ground": Fade(moss), "cliff": Fade(cliff)})


def gallery() -> Scene:
    frame = picture_frame(2.4, 2.4)
    angles = (-0.75, 0.0, 0.75)
    hung = s.instances(
        *(
            {
                "position": (4.2 * np.sin(a), 0.0, -4.2 * np.cos(a)),
                "rotation": (0.0, np.sin(-a / 2), 0.0, np.cos(a / 2)),
                "picture": i,
                "stands": 1.0,
            }
            for i, a in enumerate(angles)
        )
    )
    return replace(plain(), objects=Objects((frame,), (checks(), checks(), checks()), hung))


def half_way() -> Scene:
    """A green valley on its way to a desert."""
    before = generated()
    sand = material((0.55, 0.42, 0.24), (0.85, 0.7, 0.45), 7)
    evening = day((1.1, 0.6, 0.35), (0.25, 0.25, 0.5), -0.5, 0.55)
    from vrgen.scene.light import mixed

    return replace(
        before,
        sky=Fade(before.sky.shown, evening, 0.5),
        light=mixed(before.light, evening.light, 0.5),
        ground=s.ground(before.ground.shown, s.tiles_of(dunes, epoch=2), weight=0.5),
        surfaces={name: Fade(fade.shown, sand, 0.5) for name, fade in before.surfaces.items()},
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, scene, stereo",
    [
        ("plain", plain, False),
        ("generated", generated, False),
        ("stereo", generated, True),
        ("gallery", gallery, False),
        ("half-way", half_way, False),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_golden(
    stage: Open,
    request: pytest.FixtureRequest,
    kept_pictures: Path,
    name: str,
    scene: Callable[[], Scene],
    stereo: bool,
) -> None:
    one = stage(SIZE, stereo=stereo, shadows=True)
    if not one.renderer.software:
        pytest.skip(f"golden pictures are of software rasterisers, this is {one.display.gl}")
    person = Person((0.0, 0.7 if scene is not plain and scene is not gallery else 0.0, 0.0), pitch_rad=-0.05)
    compared(one.settle(scene(), person), name, request, kept_pictures)


def compared(drawn: Pixels, name: str, request: pytest.FixtureRequest, kept_pictures: Path) -> None:
    """Fail where a picture is not its golden one; or make it that."""
    path = GOLDEN / f"{name}.png"
    if request.config.getoption("--regenerate-golden"):
        GOLDEN.mkdir(exist_ok=True)
        Image.fromarray(drawn).save(path, optimize=True)
        return
    golden = np.asarray(Image.open(path).convert("RGB"))
    assert golden.shape == drawn.shape
    apart = np.abs(blurred(golden) - blurred(drawn))
    if apart.mean() > MEAN or apart.max() > MOST:
        amplified = np.clip(apart * 4, 0, 255).astype(np.uint8)
        Image.fromarray(np.vstack([golden, drawn, amplified])).save(kept_pictures / f"{name}.png")
        pytest.fail(
            f"{name} is off its golden picture by {apart.mean():.2f} in the mean, {apart.max():.0f} at most; "
            f"see {kept_pictures / f'{name}.png'} (golden, drawn, four times the difference)"
        )


# --- the person's own things ------------------------------------------------------------------------------

STANDING = Person((0.0, 0.7, 0.0), pitch_rad=-0.3)
EYE = (0.0, 2.4, 0.0)
LARGE = (480, 300)


def teleporting() -> Presence:
    """Aiming at the ground with both controllers' labels shown."""
    arc = people.thrown((0.2, EYE[1] - 0.26, -0.46), (-0.5, 2.2, -6.0), 1.2)
    height = valley(np.float32(arc[:, 0]), np.float32(arc[:, 2]))
    (below,) = np.nonzero(arc[:, 1] < height)
    arc = arc[: below[0] + 1]
    arc[-1, 1] = height[below[0]]
    held = people.controllers(EYE, labelled=True, pressed=frozenset({"teleport"}))
    return Presence(held=held, arc=arc, landing=(arc[-1, 0], arc[-1, 1], arc[-1, 2]))


def dragging() -> Presence:
    """A bare hand that drags the latent, one that points, while moving."""
    left = transform((-0.16, EYE[1] - 0.2, -0.3), multiply(yaw_quat(-0.2), pitch_quat(1.2)))
    right = transform((0.2, EYE[1] - 0.24, -0.3), multiply(yaw_quat(0.3), pitch_quat(0.5)))
    tip = people.hand("left", left)[10, :3]
    return Presence(
        joints=(people.hand("left", left), people.hand("right", right)),
        rays=(((tip[0], tip[1], tip[2]), (-1.2, 0.9, -5.0)),),
        map_at=(0.2, EYE[1] - 0.06, -0.45),
        map_dot=(1.3, -0.6),
        vignette=0.7,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name, presence", [("teleporting", teleporting), ("dragging", dragging)])
def test_golden_presence(
    stage: Open,
    request: pytest.FixtureRequest,
    kept_pictures: Path,
    name: str,
    presence: Callable[[], Presence],
) -> None:
    one = stage(LARGE, shadows=True)
    if not one.renderer.software:
        pytest.skip(f"golden pictures are of software rasterisers, this is {one.display.gl}")
    world = replace(generated(), time_s=3.3)
    one.settle(world, STANDING, presence())
    for _ in range(4):  # the labels are all written
        drawn = one.draw(world, STANDING, presence())
    compared(drawn, name, request, kept_pictures)


# --- comparing --------------------------------------------------------------------------------------------


def blurred(pixels: np.ndarray) -> np.ndarray:
    """The means over five by five pixels, kept within the picture."""
    padded = np.pad(pixels.astype(np.float32), ((2, 2), (2, 2), (0, 0)), mode="edge")
    sums = sum(padded[i : i + pixels.shape[0], j : j + pixels.shape[1]] for i in range(5) for j in range(5))
    return np.asarray(sums) / 25


def test_the_comparison_sees_what_an_eye_would_see() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(60, 200, (90, 160, 3)).astype(np.uint8)
    noise = np.clip(one + rng.integers(-2, 3, one.shape), 0, 255)
    assert np.abs(blurred(one) - blurred(noise)).max() < MOST / 4
    spot = one.copy()
    spot[40:48, 40:48] = 0
    assert np.abs(blurred(one) - blurred(spot)).max() > MOST

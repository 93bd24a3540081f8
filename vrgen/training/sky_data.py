"""The skies that the sky generator learns from: photographs and paintings of the whole sphere.

Every picture is brought to one form: linear radiance as an equirectangular panorama of 512 by 256,
what stands before the sky painted over from the sky around it, the horizon at 0°, the sun's azimuth in
the middle, the mean radiance at a level that suits the time of day, the sun a small bright disc. The
pictures, and what is in the way in each, are listed in `sky_list`.
"""

from __future__ import annotations

import base64
import math
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, gaussian_filter1d, median_filter

from vrgen.training import cubes
from vrgen.training.sky_list import SKIES, Sky
from vrgen.training.sources import unpack

Array = NDArray[np.float32]

WIDTH, HEIGHT = 512, 256
SUN_SIGMA_RAD = math.radians(1.3)
SUN_PEAK = 400.0
BELOW_DEG = 5.625
"""How far below the horizon the targets reach; the rest is computed by the model."""
ROWS = HEIGHT // 2 + int(BELOW_DEG / 180 * HEIGHT)


@dataclass(frozen=True)
class Sun:
    """A disc in the middle column: elevation in radians, radiance of its centre, colour (3,)."""

    elevation_rad: float
    peak: float
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Skies:
    """The prepared pictures, each the sum of two: what the light does, and what the clouds do.

    `light` and `clouds`: (N, 3, ROWS, WIDTH) float32, log radiance from the zenith down, without the
    sun's disc. Any light goes with any clouds.
    """

    light: Array
    clouds: Array
    suns: tuple[Sun, ...]


def load(cache: Path) -> Skies:
    """All the skies, in the order of `SKIES`."""
    prepared = [_prepare(sky, cache) for sky in SKIES]
    return Skies(
        np.stack([light for light, _, _ in prepared]),
        np.stack([clouds for _, clouds, _ in prepared]),
        tuple(sun for _, _, sun in prepared),
    )


def _unpacked(source: str, cache: Path) -> Path:
    """The folder with all of a source's skies."""
    paths = {sky.path for sky in SKIES if sky.origin.source == source}
    return unpack(source, sorted(path + "*" * (path[-1] in "_/") for path in paths), cache)


def _prepare(sky: Sky, cache: Path) -> tuple[Array, Array, Sun]:
    picture = _read(sky, cache)
    if sky.eight_bits:
        # Eight bits clip what is bright: give the highlights some of their range back.
        brightest = picture.max(-1, keepdims=True)
        picture = picture * (1 + 2 * np.clip((brightest - 0.7) / 0.3, 0, 1) ** 2)
    if sky.tint != (1.0, 1.0, 1.0):
        muted = 0.75 * picture + 0.25 * picture.mean(-1, keepdims=True)
        picture = muted * np.array(sky.tint, np.float32)
    picture = repainted(picture, sky)
    picture, sun = without_sun(picture, sky)
    below = ROWS - HEIGHT // 2
    upper = picture[: HEIGHT // 2]
    haze = gaussian_filter1d(upper[-3:].mean(0, keepdims=True), 10, axis=1, mode="wrap")
    rows = np.concatenate([upper, np.repeat(haze, below, axis=0)])
    log = np.log(np.maximum(rows, 1e-3)).astype(np.float32)
    clouds = _clouds(log, sun, sky)
    return _channels_first(log - clouds), _channels_first(clouds), sun


def _clouds(log: Array, sun: Sun, sky: Sky) -> Array:
    """What is finer than about 20°, except in a clear sky and round the sun.

    In a cloudy sky the light is taken to change little all round: there the wide masses of cloud, too,
    belong to the clouds.
    """
    if sky.clouds == 0:
        return np.zeros_like(log)
    wide = np.concatenate([log[:, -128:], log, log[:, :128]], axis=1)
    along = 70 if sky.clouds >= 0.6 else 21
    smooth = gaussian_filter(wide, (14, along, 0), mode="nearest", truncate=1.8)[:, 128:-128]
    clouds = log - smooth
    if sun.peak > 0:
        clouds = clouds * (1 - np.exp(-0.5 * (_angle_to(sun.elevation_rad) / 0.14) ** 4))[..., None]
    fine: Array = clouds.astype(np.float32)
    return fine


def _angle_to(elevation_rad: float) -> Array:
    """The angle (ROWS, WIDTH) between each pixel and a point in the middle column, radians."""
    point = np.array([0, math.sin(elevation_rad), -math.cos(elevation_rad)], np.float32)
    angle: Array = np.arccos(np.clip(directions()[:ROWS] @ point, -1, 1))
    return angle


def _channels_first(rows: Array) -> Array:
    return np.ascontiguousarray(rows.transpose(2, 0, 1), np.float32)


def _read(sky: Sky, cache: Path) -> Array:
    """The picture as linear radiance (HEIGHT, WIDTH, 3)."""
    if sky.eight_bits:
        return _from_cube(_faces(_unpacked(sky.origin.source, cache), sky.path))
    file = _unpacked(sky.origin.source, cache) / sky.path
    if file.suffix == ".js":
        encoded = re.search(r"base64,([A-Za-z0-9+/=]+)", file.read_text())
        if encoded is None:
            raise ValueError(f"{file}: holds no base64 data")
        with tempfile.NamedTemporaryFile(suffix=".exr") as plain:
            plain.write(base64.b64decode(encoded[1]))
            plain.flush()
            pixels = read_exr(Path(plain.name))
    else:
        pixels = read_exr(file)
    # The compression leaves zeros and negatives beside the sun and the stars.
    bad = (pixels <= 0).any(-1) | ~np.isfinite(pixels).all(-1)
    pixels = np.nan_to_num(pixels, nan=0.0, posinf=6e4).clip(0)
    pixels[bad] = median_filter(pixels, size=(5, 5, 1), mode="wrap")[bad]
    factor = len(pixels) // HEIGHT
    if factor > 1:
        pixels = pixels.reshape(HEIGHT, factor, WIDTH, factor, 3).mean((1, 3))
    return pixels


def read_exr(path: Path) -> Array:
    import OpenEXR

    channels = OpenEXR.File(str(path)).channels()
    for name in ("RGB", "RGBA"):
        if name in channels:
            pixels: Array = np.asarray(channels[name].pixels[..., :3], np.float32)
            return pixels
    return np.stack([np.asarray(channels[name].pixels, np.float32) for name in "RGB"], -1)


def _faces(folder: Path, path: str) -> dict[str, Array]:
    """The six faces by OpenGL's names, linear, each (S, S, 3)."""
    if path.endswith("/"):
        names = {face: f"{path}{face}.jpg" for face in ("posx", "negx", "posy", "negy", "posz", "negz")}
        return {face: _read_face(folder / name) for face, name in names.items()}
    suffix = ".png" if (folder / f"{path}ft.png").exists() else ".jpg"
    face = {side: _read_face(folder / f"{path}{side}{suffix}") for side in ("ft", "lf", "bk", "rt", "up", "dn")}
    return cubes.of_quake(face)


def _read_face(path: Path) -> Array:
    with Image.open(path) as file:
        image = file.convert("RGB")
    if image.width > 512:
        image = image.resize((512, 512), Image.Resampling.BOX)
    encoded = np.asarray(image, np.float32) / 255
    linear = np.where(encoded < 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


def directions() -> Array:
    """Unit vectors (HEIGHT, WIDTH, 3) of a panorama's pixels: the middle looks to -Z, +X is right."""
    return cubes.directions(HEIGHT, WIDTH)


def _from_cube(faces: dict[str, Array]) -> Array:
    return cubes.panorama(faces, HEIGHT)


def _row(elevation_deg: float) -> int:
    return round((90 - elevation_deg) / 180 * HEIGHT)


def repainted(picture: Array, sky: Sky) -> Array:
    """Paint what stands before the sky over with log radiance that continues what is around it."""
    open_sky = np.ones((HEIGHT // 2, WIDTH, 1), np.float32)
    if sky.horizon_deg > 0:
        open_sky[_row(sky.horizon_deg) :] = 0
    for start, end, top in sky.boxes:
        open_sky[_row(top) :, round(start * WIDTH) : round(end * WIDTH)] = 0
    log = np.log(np.maximum(picture[: HEIGHT // 2], 1e-3))
    upper = np.exp(_filled(log, open_sky))
    return np.concatenate([upper, np.repeat(upper[-1:], HEIGHT // 2, axis=0)])


def _filled(values: Array, known: Array) -> Array:
    """Fill where `known` (H, W, 1) is 0: from half the size, then smoothed; W wraps round.

    What is filled in follows the sky at the same elevation more than that above: haze lies level.
    """
    if known.all():
        return values
    height, width = known.shape[:2]
    if height < 32:
        filled = values.copy()
        level = values[:1].mean((0, 1))
        for row in range(height):
            weight = known[row]
            if weight.mean() > 0.1:
                level = (values[row] * weight).sum(0) / weight.sum()
            filled[row] = np.where(weight > 0, values[row], level)
    else:
        weight = known.reshape(height // 2, 2, width // 2, 2, 1).sum((1, 3))
        total = (values * known).reshape(height // 2, 2, width // 2, 2, -1).sum((1, 3))
        coarse = _filled(total / np.maximum(weight, 1e-6), (weight > 0).astype(np.float32))
        filled = np.where(known > 0, values, coarse.repeat(2, 0).repeat(2, 1))
    for _ in range(32):
        above, under = np.vstack([filled[:1], filled[:-1]]), np.vstack([filled[1:], filled[-1:]])
        beside = np.roll(filled, 1, 1) + np.roll(filled, -1, 1)
        filled = np.where(known > 0, values, 0.4 * beside + 0.1 * (above + under))
    return filled.astype(np.float32)


def without_sun(picture: Array, sky: Sky) -> tuple[Array, Sun]:
    """Bring the mean to the sky's level and the sun to the middle column, and take its disc out."""
    elevation = np.pi / 2 - np.pi * (np.arange(HEIGHT // 2) + 0.5) / HEIGHT
    weight = np.cos(elevation)[:, None] * np.ones((1, WIDTH))
    luminance = picture[: HEIGHT // 2].mean(-1)
    typical = float(np.median(luminance))
    mean = float((np.minimum(luminance, 6 * typical) * weight).sum() / weight.sum())
    picture, luminance = picture * (sky.level / mean), luminance * (sky.level / mean)
    limit = 8 * sky.level
    if sky.sun is not None:
        row, column, peak = _row(sky.sun[1]), round(sky.sun[0] * WIDTH), sky.sun[2]
    else:
        smooth = gaussian_filter1d(np.minimum(luminance, 50 * sky.level), 3, axis=1, mode="wrap")
        row, column = (int(i) for i in np.unravel_index(np.argmax(smooth), smooth.shape))
        pixel_sr = (np.pi / HEIGHT) * (2 * np.pi / WIDTH) * weight
        excess = np.clip(luminance - limit, 0, None)
        # The disc is wider than the sun and holds as much light, up to what can be shown.
        peak = min(SUN_PEAK, float((excess * pixel_sr).sum()) / (2 * math.pi * SUN_SIGMA_RAD**2))
    if peak < 20:
        peak = 0.0
    # Limited by the strongest channel, so that what is bright keeps its hue.
    picture = picture * np.minimum(1, limit / np.maximum(picture.max(-1, keepdims=True), 1e-6))
    red, green, blue = (float(c) for c in picture[row, column])
    brightest = max(red, green, blue, 1e-3)
    colour = (red / brightest, green / brightest, blue / brightest)
    turned = np.roll(picture, WIDTH // 2 - column, axis=1)
    sun = Sun(float(elevation[min(row, HEIGHT // 2 - 3)]), peak, colour)
    if peak > 0:
        # The compression leaves dark pixels beside so bright a one.
        near = np.zeros((HEIGHT, WIDTH), bool)
        near[:ROWS] = _angle_to(sun.elevation_rad) < 0.13
        typical_near = np.median(turned[near], axis=0)
        holes = near & (turned.min(-1) < 0.4 * typical_near.min())
        turned[holes] = typical_near
    return turned.astype(np.float32), sun

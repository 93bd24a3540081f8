"""The light that falls from a panorama: where its sun stands, what the rest of the sky gives, how to expose it."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from vrgen.scene_model import F32, Light

Radiance = npt.NDArray[np.float32] | npt.NDArray[np.float16]

_SMALL = (32, 64)
_SUN_RADIUS_RAD = 0.12
_RING_RAD = 0.3
_GROUND_ALBEDO = 0.22
_COLOUR_KEPT = 0.55
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
_DAY_IRRADIANCE = 3.0
"""What the eye is adapted to before it sees anything, in the panorama's unit."""


def directions(height: int, width: int) -> tuple[F32, F32]:
    """((H, W, 3) unit directions of a panorama's pixels, (H,) solid angle of a pixel of each row)."""
    theta = (np.arange(height) + 0.5) / height * np.pi
    phi = (np.arange(width) + 0.5) / width * 2 * np.pi - np.pi
    ring = np.sin(theta)[:, None]
    d = np.empty((height, width, 3), np.float32)
    d[..., 0] = ring * np.sin(phi)
    d[..., 1] = np.cos(theta)[:, None]
    d[..., 2] = -ring * np.cos(phi)
    solid = np.sin(theta) * (np.pi / height) * (2 * np.pi / width)
    return d, solid.astype(np.float32)


def basis(d: F32) -> F32:
    """(…, 9) real spherical harmonics of order 2 with y as the polar axis, in the order of shaders/light.glsl."""
    x, y, z = d[..., 0], d[..., 1], d[..., 2]
    made = np.empty((*x.shape, 9), np.float32)
    made[..., 0] = 0.282095
    made[..., 1] = 0.488603 * y
    made[..., 2] = 0.488603 * z
    made[..., 3] = 0.488603 * x
    made[..., 4] = 1.092548 * x * y
    made[..., 5] = 1.092548 * y * z
    made[..., 6] = 0.315392 * (3 * y * y - 1)
    made[..., 7] = 1.092548 * x * z
    made[..., 8] = 0.546274 * (x * x - z * z)
    return made


_DIRECTIONS, _SOLID = directions(*_SMALL)
_LOBE = np.array([1, 2 / 3, 2 / 3, 2 / 3, 0.25, 0.25, 0.25, 0.25, 0.25], np.float32)
_PROJECTION = np.ascontiguousarray((basis(_DIRECTIONS) * _SOLID[:, None, None] * _LOBE).reshape(-1, 9).T)
"""(9, 32 · 64) from radiance to harmonics; the cosine lobe over π is folded in (Ramamoorthi and Hanrahan 2001)."""


def shrink(radiance: Radiance, smaller: Sequence[Radiance] = ()) -> F32:
    """(32, 64, 3) means of a panorama's blocks. `smaller`: its smaller levels, of which the last with whole blocks
    is as good and less work."""
    for level in smaller:
        if len(level) % _SMALL[0] == 0 and level.shape[1] % _SMALL[1] == 0:
            radiance = level
    height, width = radiance.shape[:2]
    if (height, width) == _SMALL:
        return radiance.astype(np.float32)
    rows = np.linspace(0, height, _SMALL[0] + 1).astype(int)
    columns = np.linspace(0, width, _SMALL[1] + 1).astype(int)[:-1]
    if height < _SMALL[0] or width < _SMALL[1]:
        at = np.ix_(np.arange(_SMALL[0]) * height // _SMALL[0], np.arange(_SMALL[1]) * width // _SMALL[1])
        return radiance[at].astype(np.float32)
    # Sums of slices: `reduceat` takes twenty times as long.
    lines = radiance.reshape(height, -1)
    bands = np.stack([lines[top:end].sum(axis=0, dtype=np.float32) for top, end in pairwise(rows)])
    sums = np.add.reduceat(bands.reshape(len(bands), width, 3), columns, axis=1)
    counts = np.diff(rows)[:, None] * np.diff(np.append(columns, width))[None, :]
    return np.asarray(sums / counts[..., None], np.float32)


def light_of(radiance: Radiance, smaller: Sequence[Radiance] = ()) -> Light:
    """Sun and ambient light of a panorama, (H, 2H, 3) linear, as it is shown or with all its digits.

    `smaller`: its smaller levels, where there are any.

    The sun is the brightest place above the horizon; what it outshines its surroundings by is its irradiance. A
    panorama of low dynamic range clips its sun: where the brightest place still stands out, the sun is taken to
    give up to twice what the sky gives, as on a clear day.
    """
    small = shrink(radiance, smaller)
    luminance = small @ _LUMINANCE
    upper = _SMALL[0] // 2
    at = np.unravel_index(int(np.argmax(luminance[:upper])), (upper, _SMALL[1]))
    sun = _brightest(radiance, (int(at[0]), int(at[1])))
    cosine = _DIRECTIONS @ sun
    spot = cosine > np.cos(_SUN_RADIUS_RAD)
    ring = (cosine > np.cos(_RING_RAD)) & ~spot
    around = _middle(small[ring]) if ring.any() else small.mean(axis=(0, 1))
    weight = np.broadcast_to(_SOLID[:, None], luminance.shape)
    excess = np.maximum(small - around, 0.0)
    irradiance = (excess * (spot * weight)[..., None]).sum(axis=(0, 1))

    calm = np.where((spot & (luminance > around @ _LUMINANCE))[..., None], around, small)
    sky_up = float((calm[:upper] @ _LUMINANCE * weight[:upper] * _DIRECTIONS[:upper, :, 1]).sum())
    peak = float(luminance[:upper].max())
    mean = float((luminance[:upper] * weight[:upper]).sum() / weight[:upper].sum())
    standing_out = float(np.clip((peak / max(mean, 1e-6) - 2.0) / 6.0, 0.0, 1.0))
    power = float(irradiance @ _LUMINANCE)
    expected = 2.0 * standing_out * sky_up
    if power < expected:
        tone = np.maximum(around + irradiance / max(spot.sum() * 0.003, 1e-3), 1e-6)
        tone = tone / float(tone @ _LUMINANCE)
        irradiance = (0.5 * tone + 0.5) * expected
        power = expected
    limit = 6.0 * sky_up
    if power > limit > 0.0:
        irradiance = irradiance * (limit / power)
        power = limit

    height = max(float(sun[1]), 0.0)
    bounced = (
        _GROUND_ALBEDO
        / np.pi
        * (
            (calm[:upper] * (weight[:upper] * _DIRECTIONS[:upper, :, 1])[..., None]).sum(axis=(0, 1))
            + irradiance * height
        )
    )
    # The eye adapts to the colour of the light around it: a blue sky's shade is less blue than it measures.
    grey = (calm @ _LUMINANCE)[..., None]
    whole = grey + _COLOUR_KEPT * (calm - grey)
    whole[upper:] = bounced
    harmonics = _PROJECTION @ whole.reshape(-1, 3)
    arriving = max(sky_up + power * max(height, 0.25), 1e-4)
    exposure = 1.25 * np.pi / (arriving**0.8 * _DAY_IRRADIANCE**0.2)
    return Light(sun, irradiance.astype(np.float32), harmonics.astype(np.float32), float(exposure))


def _middle(values: F32) -> F32:
    """Median of each column. numpy's own loads its masked arrays first: 40 ms, which the first frame has not."""
    ordered = np.sort(values, axis=0)
    return np.asarray((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2, np.float32)


def _brightest(radiance: Radiance, block: tuple[int, int]) -> F32:
    """Unit direction of the brightest pixels within a block of the shrunken panorama and its neighbours."""
    height, width = radiance.shape[:2]
    top, bottom = max(0, (block[0] - 1) * height // _SMALL[0]), (block[0] + 2) * height // _SMALL[0]
    left, right = (block[1] - 1) * width // _SMALL[1], (block[1] + 2) * width // _SMALL[1]
    rows = np.arange(top, max(min(bottom, height // 2), top + 1))
    columns = np.arange(left, max(right, left + 1)) % width
    part = radiance[np.ix_(rows, columns)] @ _LUMINANCE
    share = np.where(part >= 0.9 * part.max(), part, 0.0)
    theta = (rows + 0.5) / height * np.pi
    phi = (columns + 0.5) / width * 2 * np.pi - np.pi
    d = np.stack(
        [
            np.sin(theta)[:, None] * np.sin(phi),
            np.broadcast_to(np.cos(theta)[:, None], part.shape),
            -np.sin(theta)[:, None] * np.cos(phi),
        ],
        axis=-1,
    )
    mean = (d * share[..., None]).sum(axis=(0, 1))
    mean[1] = max(mean[1], 0.06 * float(np.linalg.norm(mean)), 1e-9)  # a black sky's sun stands overhead
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def share(a: Light, b: Light, progress: float) -> float:
    """Weight of `b` in a mixture of radiances that is seen to have gone as far as `progress`, in [0, 1].

    With the exposure of `mixed` every place goes straight from the exposed radiance that it had to the one that
    it gets. A dark sky's exposure would turn the last of a bright one white if radiances were mixed evenly.
    """
    towards = progress * b.exposure
    return towards / ((1.0 - progress) * a.exposure + towards)


def mixed(a: Light, b: Light, weight: float) -> Light:
    """Light on the way from `a` to `b`; with the exposure that lets `share` go from one picture to the other."""
    if weight <= 0.0:
        return a
    if weight >= 1.0:
        return b
    sun = (1 - weight) * a.sun_direction + weight * b.sun_direction
    length = float(np.linalg.norm(sun))
    sun = sun / length if length > 1e-3 else b.sun_direction
    exposure = 1.0 / ((1 - weight) / a.exposure + weight / b.exposure)
    return Light(
        np.asarray(sun, np.float32),
        (1 - weight) * a.sun_irradiance + weight * b.sun_irradiance,
        (1 - weight) * a.ambient_sh + weight * b.ambient_sh,
        exposure,
    )

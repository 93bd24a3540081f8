"""What splats look like, slowly: each pixel blended by itself from sorted Gaussians, in float64, without GL.

The formulas are those of Zwicker et al. 2001 and Kerbl et al. 2023 in matrices: covariance R S Sᵀ Rᵀ, seen
through the Jacobian of the projection, blurred by 0.3 pixels², fainter by as much as that made it larger.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array, inverse_rigid, rotation, yaw_quat
from vrgen.messages import View
from vrgen.scene_model import Cloud, Light

BLUR_PX2, LEAST, OUTSIDE, NEAR_M = 0.3, 1 / 255, 1.3, (0.15, 0.35)
_TO_ACES = np.array(
    [[0.59719, 0.35458, 0.04823], [0.07600, 0.90834, 0.01566], [0.02840, 0.13383, 0.83777]], np.float64
)
_FROM_ACES = np.array(
    [[1.60475, -0.53108, -0.07367], [-0.10208, 1.10813, -0.00605], [-0.00327, -0.07276, 1.07602]], np.float64
)


def encoded(radiance: Array, exposure: float) -> Array:
    """(K, 3) of [0, 1] as the display gets them."""
    v = radiance * exposure @ _TO_ACES.T
    v = (v * (v + 0.0245786) - 0.000090537) / (v * (0.983729 * v + 0.4329510) + 0.238081)
    v = np.clip(v @ _FROM_ACES.T, 0.0, 1.0)
    return np.where(v < 0.0031308, 12.92 * v, 1.055 * np.maximum(v, 1e-9) ** (1 / 2.4) - 0.055)


def decoded(packed: npt.NDArray[np.uint32]) -> Array:
    """(K, 3) linear colours."""
    steps = np.stack([packed & 511, packed >> 9 & 511, packed >> 18 & 511], axis=-1)
    return np.asarray(steps * 2.0 ** ((packed >> 27).astype(np.float64) - 24)[:, None])


def blended(under: npt.NDArray[np.uint8], clouds: Sequence[Cloud], view: View, eye: Array, light: Light) -> Array:
    """(H, W, 3) in [0, 255]: the clouds over a picture, row 0 on top. `eye`: what they are sorted about."""
    height, width = under.shape[:2]
    splats = [one for cloud in clouds for one in _seen(cloud, view, eye, light, (width, height))]
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    made = under.astype(np.float64) / 255
    for _, middle, covariance, opacity, colour in sorted(splats, key=lambda splat: -splat[0]):
        off = np.stack([x - middle[0], y - middle[1]], axis=-1)
        power = np.einsum("hwi,ij,hwj->hw", off, np.linalg.inv(covariance), off)
        alpha = opacity * np.exp(-0.5 * power)
        alpha = np.where(alpha < LEAST, 0.0, alpha)[..., None]
        made = alpha * colour + (1 - alpha) * made
    return np.asarray(made * 255)


def _seen(
    cloud: Cloud, view: View, eye: Array, light: Light, size_px: tuple[int, int]
) -> list[tuple[float, Array, Array, float, Array]]:
    """Distance, place in the picture, covariance, opacity and colour of each that is before the eye."""
    eye_from_world = inverse_rigid(view.world_from_eye)
    fov = view.fov
    left, right = math.tan(fov.left_rad), math.tan(fov.right_rad)
    down, up = math.tan(fov.down_rad), math.tan(fov.up_rad)
    px = np.array([size_px[0] / (right - left), size_px[1] / (up - down)])
    around = rotation(yaw_quat(cloud.yaw_rad)) * cloud.scale
    albedo = decoded(cloud.splats.gaussians["colour"])
    if not cloud.splats.shines:
        albedo = albedo * (light.ambient_sh[0] * 0.282095 + light.sun_irradiance * 0.5 / np.pi)
    colours = encoded(albedo, light.exposure)
    found = []
    for one, colour in zip(cloud.splats.gaussians, colours, strict=True):
        world = around @ one["position"].astype(np.float64) + cloud.position
        x, y, z = (eye_from_world @ [*world, 1.0])[:3]
        z = -z
        if z <= NEAR_M[0]:
            continue
        quat = one["rotation"] / np.linalg.norm(one["rotation"])
        turned = around @ rotation(tuple(quat)) @ np.diag(one["scale"].astype(np.float64))
        # The slope of the projection, taken at the rim for what is far outside.
        aside = _limited(x / z, left, right)
        above = _limited(y / z, down, up)
        slope = np.array([[px[0], 0.0, px[0] * aside], [0.0, -px[1], -px[1] * above]]) / z
        seen = slope @ eye_from_world[:3, :3] @ turned
        covariance = seen @ seen.T
        blurred = covariance + BLUR_PX2 * np.eye(2)
        smaller = math.sqrt(max(np.linalg.det(covariance), 0.0) / np.linalg.det(blurred))
        near = min(max((z - NEAR_M[0]) / (NEAR_M[1] - NEAR_M[0]), 0.0), 1.0)
        opacity = min(float(one["opacity"]) / 255 * smaller, 0.99) * near * near * (3 - 2 * near)
        middle = np.array([(x / z - left) * px[0], (up - y / z) * px[1]])
        away = float(np.linalg.norm(world - eye))
        found.append((away, middle, blurred, opacity, colour))
    return found


def _limited(tangent: float, low: float, high: float) -> float:
    middle, half = (low + high) / 2, (high - low) / 2
    return min(max(tangent, middle - OUTSIDE * half), middle + OUTSIDE * half)

"""Poses, rotations and projections, with names that cancel: `world_from_eye = world_from_head @ head_from_eye`.

Right-handed, +Y up, -Z forward, metres, radians; quaternions xyzw; matrices (4, 4) float64, column vectors
(docs/CONVENTIONS.md).
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Vec3: TypeAlias = tuple[float, float, float]
Quat: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Fov:
    """Half angles from the view axis, radians, as OpenXR gives them: left and down are negative."""

    left_rad: float
    right_rad: float
    up_rad: float
    down_rad: float

    @staticmethod
    def symmetric(vertical_rad: float, aspect: float) -> "Fov":
        """`vertical_rad`: the whole vertical angle. `aspect`: width over height."""
        up = vertical_rad / 2
        right = float(np.arctan(np.tan(up) * aspect))
        return Fov(-right, right, up, -up)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where something is and how it is turned, within a frame that its name tells: `grip_room`."""

    position: Vec3 = (0.0, 0.0, 0.0)
    rotation: Quat = (0.0, 0.0, 0.0, 1.0)

    def matrix(self) -> Array:
        """(4, 4) `outer_from_this`."""
        return transform(self.position, self.rotation)


def rotation(quat_xyzw: Quat) -> Array:
    """(3, 3) rotation of a unit quaternion."""
    x, y, z, w = quat_xyzw
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def transform(position: Vec3, quat_xyzw: Quat = (0.0, 0.0, 0.0, 1.0)) -> Array:
    """(4, 4) `outer_from_inner` of a frame that stands at `position` (metres) with that orientation."""
    # In one go: every frame makes a dozen of these.
    x, y, z, w = quat_xyzw
    px, py, pz = position
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), px],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), py],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), pz],
            [0.0, 0.0, 0.0, 1.0],
        ],
        np.float64,
    )


def inverse_rigid(a_from_b: Array) -> Array:
    """(4, 4) `b_from_a` of a rotation and a translation."""
    (a, b, c, x), (d, e, f, y), (g, h, i, z), _ = a_from_b.tolist()
    return np.array(
        [
            [a, d, g, -(a * x + d * y + g * z)],
            [b, e, h, -(b * x + e * y + h * z)],
            [c, f, i, -(c * x + f * y + i * z)],
            [0.0, 0.0, 0.0, 1.0],
        ],
        np.float64,
    )


def ahead_of(quat_xyzw: Quat) -> Vec3:
    """Where a pose of that orientation looks: its -Z, unit."""
    x, y, z, w = quat_xyzw
    return -2 * (x * z + y * w), 2 * (x * w - y * z), 2 * (x * x + y * y) - 1


def quat_of(matrix: Array) -> Quat:
    """The unit quaternion of the rotation in a (3, 3) or (4, 4) matrix (Shepperd 1978: the largest term first)."""
    m = matrix
    trace = m[0, 0] + m[1, 1] + m[2, 2]
    squares = np.array(
        [m[0, 0] - m[1, 1] - m[2, 2], m[1, 1] - m[0, 0] - m[2, 2], m[2, 2] - m[0, 0] - m[1, 1], trace]
    )
    largest = int(np.argmax(squares))
    root = float(np.sqrt(1.0 + squares[largest]))
    half = 0.5 / root
    if largest == 3:
        x, y, z = m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
        return float(x * half), float(y * half), float(z * half), root / 2
    i, j, k = largest, (largest + 1) % 3, (largest + 2) % 3
    q = [0.0, 0.0, 0.0, float(m[k, j] - m[j, k]) * half]
    q[i], q[j], q[k] = root / 2, float(m[j, i] + m[i, j]) * half, float(m[k, i] + m[i, k]) * half
    return q[0], q[1], q[2], q[3]


def multiply(a: Quat, b: Quat) -> Quat:
    """Hamilton product: turn by `b`, then by `a`."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def yaw_quat(yaw_rad: float) -> Quat:
    """Turn about +Y; positive turns left, from -Z towards -X."""
    return (0.0, float(np.sin(yaw_rad / 2)), 0.0, float(np.cos(yaw_rad / 2)))


def yaw_of(quat_xyzw: Quat) -> float:
    """The heading of a pose that looks along its -Z, radians as `yaw_quat` takes them; the roll does not count.

    Looking straight up or down it is the heading of the top of the head.
    """
    x, y, z, w = quat_xyzw
    ahead_x, ahead_y, ahead_z = ahead_of(quat_xyzw)
    if abs(ahead_y) > 0.999:
        sign = math.copysign(1.0, ahead_y)
        ahead_x, ahead_z = -sign * 2 * (x * y - z * w), -sign * 2 * (y * z + x * w)
    return math.atan2(-ahead_x, -ahead_z)


def pitch_quat(pitch_rad: float) -> Quat:
    """Turn about +X; positive looks up."""
    return (float(np.sin(pitch_rad / 2)), 0.0, 0.0, float(np.cos(pitch_rad / 2)))


def projection(fov: Fov, near_m: float) -> Array:
    """(4, 4) `clip_from_eye` with reversed depth and no far plane: depth 1 at `near_m`, 0 at infinity.

    For clip depth in [0, 1] (glClipControl). Reversed depth keeps float precision where it is needed:
    https://developer.nvidia.com/content/depth-precision-visualized
    """
    left, right = math.tan(fov.left_rad), math.tan(fov.right_rad)
    down, up = math.tan(fov.down_rad), math.tan(fov.up_rad)
    return np.array(
        [
            [2 / (right - left), 0.0, (right + left) / (right - left), 0.0],
            [0.0, 2 / (up - down), (up + down) / (up - down), 0.0],
            [0.0, 0.0, 0.0, near_m],
            [0.0, 0.0, -1.0, 0.0],
        ],
        np.float64,
    )


_SIDES = np.array([[1, 0, 0, 1], [-1, 0, 0, 1], [0, 1, 0, 1], [0, -1, 0, 1], [0, 0, -1, 1]], np.float64)
"""Clip planes (left, right, bottom, top, near) as sums of a matrix's rows."""


def frustum_planes(clip_from_world: Array) -> Array:
    """(…, 5, 4) planes (nx, ny, nz, d) of (…, 4, 4) matrices, inside where n·p + d ≥ 0, unit normals: left, right,
    bottom, top, near.

    There is no far plane to test. Rows of the matrix, after Gribb and Hartmann.
    """
    planes = _SIDES @ clip_from_world
    normals = planes[..., :3]
    planes /= np.sqrt(np.einsum("...i,...i->...", normals, normals))[..., None]
    return np.asarray(planes)

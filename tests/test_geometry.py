"""The conventions as laws: quaternions and transforms are groups, depth is reversed, planes bound what is seen."""

import math

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from vrgen.geometry import (
    Fov,
    Quat,
    Vec3,
    frustum_planes,
    inverse_rigid,
    multiply,
    pitch_quat,
    projection,
    rotation,
    transform,
    yaw_quat,
)

coordinates = st.floats(-100, 100)
angles = st.floats(-math.pi, math.pi)


@st.composite
def quats(draw: st.DrawFn) -> Quat:
    q = np.array([draw(st.floats(-1, 1)) for _ in range(4)])
    length = float(np.linalg.norm(q))
    assume(length > 0.1)
    x, y, z, w = q / length
    return (float(x), float(y), float(z), float(w))


@st.composite
def positions(draw: st.DrawFn) -> Vec3:
    return (draw(coordinates), draw(coordinates), draw(coordinates))


@given(quats())
def test_a_rotation_keeps_lengths_and_hands(q: Quat) -> None:
    r = rotation(q)
    np.testing.assert_allclose(r @ r.T, np.eye(3), atol=1e-12)
    assert math.isclose(float(np.linalg.det(r)), 1.0)


@given(quats(), quats())
def test_a_product_turns_by_the_right_one_first(a: Quat, b: Quat) -> None:
    np.testing.assert_allclose(rotation(multiply(a, b)), rotation(a) @ rotation(b), atol=1e-12)


@given(quats(), quats(), quats())
def test_products_associate(a: Quat, b: Quat, c: Quat) -> None:
    np.testing.assert_allclose(multiply(multiply(a, b), c), multiply(a, multiply(b, c)), atol=1e-12)


@given(quats())
def test_the_conjugate_undoes(q: Quat) -> None:
    x, y, z, w = q
    np.testing.assert_allclose(multiply(q, (-x, -y, -z, w)), (0, 0, 0, 1), atol=1e-12)


@given(positions(), quats())
def test_a_transform_and_its_inverse_cancel(p: Vec3, q: Quat) -> None:
    world_from_body = transform(p, q)
    np.testing.assert_allclose(inverse_rigid(world_from_body) @ world_from_body, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(world_from_body @ inverse_rigid(world_from_body), np.eye(4), atol=1e-9)


@given(positions(), quats(), positions(), quats())
def test_the_inverse_of_a_chain_is_the_chain_of_inverses(p: Vec3, q: Quat, r: Vec3, s: Quat) -> None:
    world_from_head, head_from_eye = transform(p, q), transform(r, s)
    eye_from_world = inverse_rigid(head_from_eye) @ inverse_rigid(world_from_head)
    np.testing.assert_allclose(inverse_rigid(world_from_head @ head_from_eye), eye_from_world, atol=1e-9)


@given(angles, angles)
def test_turns_about_one_axis_add(a: float, b: float) -> None:
    np.testing.assert_allclose(rotation(multiply(yaw_quat(a), yaw_quat(b))), rotation(yaw_quat(a + b)), atol=1e-9)


def test_yaw_turns_left_and_pitch_looks_up() -> None:
    forward = np.array([0.0, 0.0, -1.0])
    np.testing.assert_allclose(rotation(yaw_quat(math.pi / 2)) @ forward, [-1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation(pitch_quat(math.pi / 2)) @ forward, [0, 1, 0], atol=1e-12)


@given(st.floats(0.01, 10), st.floats(1.01, 1e6))
def test_depth_is_one_at_the_near_plane_and_falls_to_zero(near_m: float, times: float) -> None:
    clip_from_eye = projection(Fov.symmetric(1.0, 1.5), near_m)

    def depth(distance_m: float) -> float:
        clip = clip_from_eye @ [0, 0, -distance_m, 1]
        return float(clip[2] / clip[3])

    assert math.isclose(depth(near_m), 1.0)
    assert 0 < depth(near_m * times) < 1
    assert math.isclose(depth(near_m * times), 1 / times)


@given(st.floats(0.3, 2.5), st.floats(0.3, 3))
def test_the_edges_of_the_field_of_view_are_the_edges_of_the_picture(vertical_rad: float, aspect: float) -> None:
    fov = Fov.symmetric(vertical_rad, aspect)
    clip = projection(fov, 0.1) @ [math.tan(fov.right_rad), math.tan(fov.up_rad), -1, 1]
    np.testing.assert_allclose(clip[:2] / clip[3], [1, 1])
    assert math.isclose(math.tan(fov.right_rad) / math.tan(fov.up_rad), aspect)


@given(positions(), quats(), positions())
def test_planes_agree_with_the_projection(p: Vec3, q: Quat, point: Vec3) -> None:
    fov = Fov(-0.9, 0.6, 0.7, -0.8)
    clip_from_world = projection(fov, 0.1) @ inverse_rigid(transform(p, q))
    x, y, z, w = clip_from_world @ [*point, 1]
    margins = np.array([w + x, w - x, w + y, w - y, w - z])
    assume(np.abs(margins).min() > 1e-6)
    planes = frustum_planes(clip_from_world)
    np.testing.assert_allclose(np.linalg.norm(planes[:, :3], axis=1), 1)
    np.testing.assert_array_equal(planes @ [*point, 1] >= 0, margins >= 0)

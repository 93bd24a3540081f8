"""Generated meshes as meshes to draw."""

import itertools

import hypothesis.strategies as st
import numpy as np
import outputs as o
import pytest
from hypothesis import given

from vrgen import contract as c
from vrgen.messages import Output
from vrgen.scene.meshes import EYE_M, detail_levels, mesh_of, picture_frame, picture_panel, vertex_normals


def ball(rings: int, bump: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A closed sphere of unit radius, each vertex moved in or out by up to `bump`."""
    rng = np.random.default_rng(seed)
    theta = np.linspace(0, np.pi, rings + 2)[1:-1]
    phi = np.arange(2 * rings) / (2 * rings) * 2 * np.pi
    t, p = np.meshgrid(theta, phi, indexing="ij")
    v = np.stack([np.sin(t) * np.cos(p), np.cos(t), np.sin(t) * np.sin(p)], -1).reshape(-1, 3)
    v = np.vstack([v, [[0, 1, 0], [0, -1, 0]]]) * rng.uniform(1 - bump, 1 + bump, (len(v) + 2, 1))
    n = 2 * rings
    faces = []
    for i in range(rings - 1):
        for j in range(n):
            a, b = i * n + j, i * n + (j + 1) % n
            faces += [(a, b, a + n), (b, b + n, a + n)]
    for j in range(n):
        faces += [(len(v) - 2, (j + 1) % n, j), (len(v) - 1, (rings - 1) * n + j, (rings - 1) * n + (j + 1) % n)]
    return v.astype(np.float32), np.array(faces, np.uint32)


def outward(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, d = (vertices[faces[:, k]] for k in range(3))
    return (np.cross(b - a, d - a) * (a + b + d)).sum(axis=1)


def test_the_ball_of_these_tests_is_wound_as_the_conventions_say() -> None:
    assert (outward(*ball(8)) > 0).all()


@given(st.integers(4, 20), st.floats(0, 0.3), st.integers(0, 99))
def test_levels_of_detail_use_vertices_that_are_there_and_get_coarser(rings: int, bump: float, seed: int) -> None:
    vertices, faces = ball(rings, bump, seed)
    levels = detail_levels(vertices, faces)
    assert 1 <= len(levels) <= 3
    assert levels[0] is faces
    for finer, coarser in itertools.pairwise(levels):
        assert len(coarser) < len(finer)
        assert coarser.max() < len(vertices)
        assert (np.diff(np.sort(coarser, axis=1)) > 0).all()  # no face of two equal corners
        moved = np.ptp(vertices[coarser].reshape(-1, 3), axis=0) / np.ptp(vertices, axis=0)
        assert (moved > 0.6).all()  # still as large


def test_a_rock_of_many_faces_has_three_levels_and_a_small_one_has_one() -> None:
    assert len(detail_levels(*ball(24))) == 3
    assert len(detail_levels(*ball(6))) == 1


def test_coarser_levels_are_still_turned_outwards() -> None:
    vertices, faces = ball(24)
    for level in detail_levels(vertices, faces)[1:]:
        assert (outward(vertices, level) > -1e-6).mean() > 0.97


@given(st.integers(4, 12), st.floats(0, 0.2))
def test_normals_are_unit_and_point_outwards(rings: int, bump: float) -> None:
    vertices, faces = ball(rings, bump)
    normals = vertex_normals(vertices, faces)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-4)
    assert ((normals * vertices).sum(axis=1) > 0).all()


def test_padding_is_cut_at_the_counts() -> None:
    vertices, faces = ball(4)
    padded = np.vstack([vertices, np.full((7, 3), 1e9)]).astype(np.float32)
    more = np.vstack([faces, np.zeros((9, 3))]).astype(np.int64)
    mesh = mesh_of(
        Output(
            c.MeshOutput(shape=(len(padded), 3), counts=True),
            {"vertices": padded, "faces": more, "counts": np.array([len(vertices), len(faces)])},
        )
    )
    np.testing.assert_array_equal(mesh.vertices, vertices)
    np.testing.assert_array_equal(mesh.faces[0], faces)
    assert len(mesh.normals) == len(mesh.colours) == len(mesh.uv) == len(vertices)


def test_without_colours_the_surface_shows_and_with_them_it_does_not() -> None:
    assert not mesh_of(o.tetrahedron()).colours.any()
    red = mesh_of(o.tetrahedron(colours=np.float32([[1, 0, 0]] * 4)))
    assert red.colours[0].tolist() == [255, 0, 0, 255]


def test_given_normals_and_uv_are_kept() -> None:
    normals = np.float32([[0, 1, 0]] * 4)
    uv = np.float32([[0, 0], [1, 0], [0, 1], [1, 1]])
    mesh = mesh_of(o.tetrahedron(normals=normals, uv=uv))
    np.testing.assert_array_equal(mesh.normals, normals)
    np.testing.assert_array_equal(mesh.uv, uv)


def test_a_vertex_that_no_face_uses_and_a_flat_face_do_no_harm() -> None:
    vertices = np.float32([[0, 0, 0], [1, 0, 0], [2, 0, 0], [9, 9, 9]])
    assert np.isfinite(vertex_normals(vertices, np.uint32([[0, 1, 2]]))).all()


@pytest.mark.parametrize("size", [(2.4, 2.4), (1.0, 3.0)])
def test_a_frame_is_turned_outwards_and_shows_the_picture_upright(size: tuple[float, float]) -> None:
    mesh = picture_frame(*size)
    faces = mesh.faces[0]
    a, b, d = (mesh.vertices[faces[:, k]] for k in range(3))
    assert ((np.cross(b - a, d - a) * mesh.normals[faces[:, 0]]).sum(axis=1) > 0).all()
    shown = mesh.uv[:, 0] >= 0
    assert shown.sum() == 4
    for vertex, uv in zip(mesh.vertices[shown], mesh.uv[shown]):
        assert (vertex[0] > 0) == (uv[0] > 0.5)  # seen from +Z, left is left
        assert (vertex[1] > 0.7 + size[1] / 2) == (uv[1] < 0.5)  # row 0 of a picture is on top
    np.testing.assert_allclose(np.ptp(mesh.vertices[shown], axis=0)[:2], size, rtol=1e-5)


def test_a_panel_shows_its_picture_upright_on_both_sides_at_eye_height() -> None:
    mesh = picture_panel(1.2, 1.9, 2.5)
    faces = mesh.faces[0]
    a, b, d = (mesh.vertices[faces[:, k]] for k in range(3))
    assert ((np.cross(b - a, d - a) * mesh.normals[faces[:, 0]]).sum(axis=1) > 0).all()
    shown = np.flatnonzero(mesh.uv[:, 0] >= 0)
    assert len(shown) == 8
    for at in shown:
        (x, y, z), (u, v) = mesh.vertices[at], mesh.uv[at]
        assert (x * np.sign(z) > 0) == (u > 0.5)  # seen from either side, left is left
        assert (y > EYE_M) == (v < 0.5)
        assert mesh.normals[at][2] == np.sign(z)
    np.testing.assert_allclose(np.ptp(mesh.vertices[shown], axis=0)[:2], 1.2, rtol=1e-5)
    assert mesh.vertices[:, 1].max() == 2.5

"""A sphere of triangles, subdivided again and again: what rocks are measured and made on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sphere:
    """directions (V, 3) of unit length; faces (F, 3) counter-clockwise from outside.

    rings: (V, 6) the neighbours of each vertex, counter-clockwise seen from outside, the first of
    them the most northern; the twelve vertices that have five repeat their last.
    parents: (V, 2) the vertices of the coarser sphere that each lies between; its vertices come
    first and are their own parents.
    """

    directions: Floats
    faces: Ints
    rings: Ints
    parents: Ints


def _icosahedron() -> tuple[Floats, Ints]:
    """A vertex at each pole and two rings of five: so it looks the same after a fifth of a turn."""
    turn = np.arange(5) * (2 * np.pi / 5)
    height, radius = 1 / np.sqrt(5), 2 / np.sqrt(5)
    upper = np.stack([radius * np.cos(turn), np.full(5, height), radius * np.sin(turn)], 1)
    lower = upper * (-1.0, -1.0, -1.0)
    points = np.concatenate([[[0.0, 1.0, 0.0]], upper, lower, [[0.0, -1.0, 0.0]]])
    # the faces of the convex hull: three vertices that lie on one another's side
    edge = 1.06
    faces = [
        (a, b, c)
        for a in range(12)
        for b in range(a + 1, 12)
        for c in range(b + 1, 12)
        if all(np.linalg.norm(points[i] - points[j]) < edge for i, j in ((a, b), (b, c), (a, c)))
    ]
    return points, np.array([_outwards(points, face) for face in faces])


def _outwards(points: Floats, face: tuple[int, int, int]) -> tuple[int, int, int]:
    a, b, c = face
    outside = np.dot(np.cross(points[b] - points[a], points[c] - points[a]), points[a]) > 0
    return face if outside else (a, c, b)


def _subdivided(points: Floats, faces: Ints) -> tuple[Floats, Ints, Ints]:
    """Each triangle in four; returns the points, the faces and the parents of every point."""
    middle: dict[tuple[int, int], int] = {}
    parents = [(i, i) for i in range(len(points))]

    def between(a: int, b: int) -> int:
        key = (min(a, b), max(a, b))
        if key not in middle:
            middle[key] = len(parents)
            parents.append(key)
        return middle[key]

    finer = []
    for a, b, c in faces.tolist():
        ab, bc, ca = between(a, b), between(b, c), between(c, a)
        finer += [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    pairs = np.array(parents)
    moved = points[pairs].mean(1)
    return moved / np.linalg.norm(moved, axis=1, keepdims=True), np.array(finer), pairs


def _rings(points: Floats, faces: Ints) -> Ints:
    rings = np.zeros((len(points), 6), np.int64)
    following: list[dict[int, int]] = [{} for _ in points]
    for a, b, c in faces.tolist():
        following[a][b] = c
        following[b][c] = a
        following[c][a] = b
    for vertex, after in enumerate(following):
        start = max(after, key=lambda other: (points[other][1], points[other][0]))
        ring = [start]
        while len(ring) < len(after):
            ring.append(after[ring[-1]])
        rings[vertex] = (ring + ring[-1:])[:6]
    return rings


def turned(sphere: Sphere, fifths: int, mirrored: bool = False) -> Ints:
    """Which vertex (V,) comes to each one's place when the sphere is mirrored, or not, and then turned about +Y
    by so many fifths: it lies on itself again."""
    angle = -fifths * 2 * np.pi / 5
    x, y, z = sphere.directions.T
    x, z = x * np.cos(angle) + z * np.sin(angle), z * np.cos(angle) - x * np.sin(angle)
    before = np.stack([x, y, -z if mirrored else z], 1)
    places: Ints = (before @ sphere.directions.T).argmax(1)
    return places


def spheres(levels: int) -> list[Sphere]:
    """The icosahedron (12 vertices) and its subdivisions: 42, 162, 642, 2562 …"""
    points, faces = _icosahedron()
    parents = np.stack([np.arange(12)] * 2, 1)
    made = []
    for _ in range(levels):
        made.append(Sphere(points, faces, _rings(points, faces), parents))
        points, faces, parents = _subdivided(points, faces)
    return made

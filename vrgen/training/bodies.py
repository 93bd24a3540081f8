"""A mesh as a radius and a colour for every direction of a sphere, and how much of it that loses.

What can be seen whole from one point inside is told exactly, up to the spacing of the directions (some 4°):
stones, bottles, cushions, cars. Handles, holes and what lies behind something else are filled or cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from vrgen.training.mesh_files import Paint, Surface
from vrgen.training.reading import Unreadable
from vrgen.training.sphere import Sphere, spheres

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Values = npt.NDArray[np.float32]

LEVELS, DIRECTIONS = 5, 2562
RADII = (0.5 * np.exp(-2.0), 0.5 * np.exp(1.0))
"""The least and the greatest radius that the models make; the largest side of a mesh is 1."""
OPEN = 0.1
"""The share of directions that may meet nothing; they are closed as a soap film would."""
APART = 0.015
"""How far, in mean, the surfaces may lie apart, as a share of the largest side."""
_SAMPLES, _QUERIES = 60_000, 4_000
_FACES_AT_ONCE = 4096


@dataclass(frozen=True)
class Body:
    """`values`: (4, V, 1) float32, ln(2 r) and linear red, green, blue; `mended`: what was done to it, in words.

    `apart`: the mean distance of the two surfaces as a share of the largest side. A perfect one is told 0.003,
    which is how far random points of one surface lie apart.
    """

    values: Values
    mended: str
    apart: float


@cache
def finest() -> Sphere:
    """The sphere that bodies are measured on: 2562 directions."""
    return spheres(LEVELS)[-1]


@dataclass(frozen=True)
class Hits:
    """Of every direction: the farthest hit (D,), 0 where there is none; its face (D,), and the weights (D, 3) of
    the face's corners."""

    radius: Floats
    face: Ints
    weights: Floats


def cast(triangles: Floats, directions: Floats) -> Hits:
    """Rays from the origin along directions (D, 3) at triangles (F, 3, 3) (Möller and Trumbore 1997).

    Only those directions are tried that lie in the cap round a triangle.
    """
    tree = cKDTree(directions)
    count = len(directions)
    radius, face, weights = np.zeros(count), np.zeros(count, np.int64), np.zeros((count, 3))
    for start in range(0, len(triangles), _FACES_AT_ONCE):
        corners = triangles[start : start + _FACES_AT_ONCE]
        rays, faces = _tried(corners, tree)
        a, b, c = corners[faces].transpose(1, 0, 2)
        along = directions[rays]
        ab, ac = b - a, c - a
        p, q = np.cross(along, ac), np.cross(-a, ab)
        det = (ab * p).sum(1)
        inverse = 1.0 / np.where(np.abs(det) < 1e-14, np.inf, det)
        u, v, t = -(a * p).sum(1) * inverse, (along * q).sum(1) * inverse, (ac * q).sum(1) * inverse
        hit = np.flatnonzero((u >= -1e-7) & (v >= -1e-7) & (u + v <= 1 + 1e-7) & (t > 1e-6))
        hit = hit[np.argsort(t[hit], kind="stable")]  # of what is written twice, the last stays: the farthest
        farthest = np.zeros(count, np.int64) - 1
        farthest[rays[hit]] = hit
        best = farthest[farthest >= 0]
        better = best[t[best] > radius[rays[best]]]
        ray = rays[better]
        radius[ray], face[ray] = t[better], start + faces[better]
        weights[ray] = np.stack([1 - u[better] - v[better], u[better], v[better]], 1)
    return Hits(radius, face, weights)


def _tried(corners: Floats, tree: cKDTree) -> tuple[Ints, Ints]:
    """Which rays to try on which faces: those within the cap round a face, as the origin sees it."""
    length = np.maximum(np.linalg.norm(corners, axis=2, keepdims=True), 1e-12)
    seen = corners / length
    middle = seen.mean(1)
    middle /= np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-12)
    cosine = (seen * middle[:, None]).sum(2).min(1)
    # A cap of less than half a sphere holds the whole face; behind that, anything may.
    reach = np.where(cosine > 0.05, np.sqrt(np.maximum(2.0 - 2.0 * cosine, 0.0)), 2.0) + 1e-6
    found = tree.query_ball_point(middle, reach)
    counts = np.fromiter(map(len, found), np.int64, len(found))
    return np.concatenate([np.asarray(f, np.int64) for f in found]), np.repeat(np.arange(len(found)), counts)


def measured(surface: Surface, most_apart: float = APART, most_open: float = OPEN) -> Body:
    """A surface as radius and colour of every direction from its middle, its largest side made 1.

    The middle is that of its box or, where what is learned from there lies far off, the centre of that.

    Raises:
        Unreadable: it is flat, open, hollow, or something else that one radius a direction can't tell.
    """
    triangles = _normalised(surface.triangles)
    best, why = None, None
    for _ in range(2):
        hits = cast(triangles, finest().directions)
        missed = hits.radius == 0
        if missed.mean() > most_open:
            why = why or Unreadable(
                f"is open or does not surround its middle: {missed.mean():.0%} of the directions from there meet "
                f"nothing, at most {most_open:.0%} are closed",
                "open or no single body",
                "close them, or allow more with --open",
            )
            break
        values = _closed(hits, surface.paint)
        shape = points_of(values)[finest().faces]
        apart = _apart(triangles, shape, shape[~missed[finest().faces].all(1)])
        if best is None or apart < best.apart:
            closed = f"closed where {missed.sum()} of {DIRECTIONS} directions met nothing" if missed.any() else ""
            best = Body(values, closed, apart)
        if best.apart <= 0.5 * most_apart:
            break
        triangles = triangles - _centre(shape)
    if best is None:
        assert why is not None
        raise why
    if best.apart > most_apart:
        raise Unreadable(
            f"can't be told by one radius a direction: what would be learned lies {best.apart:.1%} of its size "
            f"from it, at most {most_apart:.1%} was expected",
            "not to be seen whole from their middle",
            "allow more with --apart, or cut them into simpler parts",
        )
    return best


def from_middle(surface: Surface) -> Values:
    """As `measured` from the middle of the box, (4, V, 1), whatever that loses.

    Raises:
        Unreadable: it has no extent, is flat, or meets less than half of the directions.
    """
    hits = cast(_normalised(surface.triangles), finest().directions)
    if (missed := (hits.radius == 0).mean()) > 0.5:
        raise Unreadable(f"is open: {missed:.0%} of the directions from its middle meet nothing")
    return _closed(hits, surface.paint)


def points_of(values: Values) -> Floats:
    """Where the directions of values (4, V, 1) end: (V, 3)."""
    points: Floats = finest().directions * (0.5 * np.exp(values[0].astype(np.float64)))
    return points


def _normalised(triangles: Floats) -> Floats:
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    sides: Floats = high - low
    if not sides.max() > 0 or not np.isfinite(sides).all():
        raise Unreadable("has no extent: all of its corners are at one place", "without extent")
    if sides.min() < 2 * RADII[0] * sides.max():
        told = " by ".join(f"{side:.3g}" for side in sides)
        raise Unreadable(
            f"is flat ({told}): the models make nothing so thin in its middle", "flat", "leave them out"
        )
    normalised: Floats = (triangles - (low + high) / 2.0) / sides.max()
    return normalised


def _closed(hits: Hits, paint: Paint) -> Values:
    """What was hit; what met nothing gets the mean of its ring, again and again, as a soap film would."""
    missed = np.flatnonzero(hits.radius == 0)
    met = hits.radius > 0
    field = np.zeros((len(met), 4))
    field[met, 0] = np.log(2.0 * hits.radius[met].clip(*RADII))
    field[met, 1:] = paint(hits.face[met], hits.weights[met])
    field[missed] = field[met].mean(0)
    for _ in range(400 if len(missed) else 0):
        field[missed] = field[finest().rings[missed]].mean(1)
    values: Values = field.T[..., None].astype(np.float32)
    return values


def _centre(triangles: Floats) -> Floats:
    """Of the volume within a closed surface about the origin."""
    volumes = np.linalg.det(triangles)
    centre: Floats = (triangles.sum(1) / 4 * volumes[:, None]).sum(0) / volumes.sum()
    return centre


def _apart(file: Floats, shape: Floats, met: Floats) -> float:
    """The mean distance of the file's surface from the shape, and of what met it of the shape from the file's."""
    rng = np.random.default_rng(0)
    one, other = _sampled(file, _SAMPLES, rng), _sampled(shape, _SAMPLES, rng)
    lost = cKDTree(other).query(one[:_QUERIES])[0].mean()
    added = cKDTree(one).query(_sampled(met, _QUERIES, rng))[0].mean()
    return float(lost + added) / 2


def _sampled(triangles: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Random points (count, 3), evenly over the area."""
    a, ab, ac = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    area = np.linalg.norm(np.cross(ab, ac), axis=1).cumsum()
    face = np.searchsorted(area, rng.random(count) * area[-1]).clip(max=len(area) - 1)
    u, v = rng.random((2, count, 1))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    points: Floats = a[face] + u * ab[face] + v * ac[face]
    return points

"""What bodies are judged by: their form, their grain and their colours over the sphere."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from vrgen.training.bodies import Floats, Ints, Values, finest, from_middle, points_of
from vrgen.training.distances import Features
from vrgen.training.mesh_files import Surface
from vrgen.training.rocks_model import normals_of
from vrgen.training.sphere import spheres

NAME = "shape descriptor: ln radius in 162 directions, tilt of the surface and colour in 42, each of equal weight"
SEEN_AS = "radius and colour in 2562 directions from the middle of the box, the largest side 1"


def described(sets: dict[str, Values]) -> dict[str, Features]:
    """Bodies (N, 4, V, 1) as features (N, 330): each of the three parts by its spread in the reference."""
    found = {name: _parts(bodies) for name, bodies in sets.items()}
    scale = [max(float(part.std(0).mean()), 1e-6) * part.shape[1] ** 0.5 for part in found["reference"]]
    return {
        name: np.concatenate([part / by for part, by in zip(parts, scale, strict=True)], 1)
        for name, parts in found.items()
    }


def _parts(bodies: Values) -> tuple[Features, Features, Features]:
    sphere = finest()
    points = np.stack([points_of(body) for body in bodies])
    normals = normals_of(torch.from_numpy(points), torch.from_numpy(sphere.rings)).numpy()
    tilt = np.linalg.norm(normals - sphere.directions, axis=2)
    colours = bodies[:, 1:, :, 0].astype(np.float64).transpose(0, 2, 1)
    radii = bodies[:, 0, :, 0].astype(np.float64)
    return _pooled(radii, 162), _pooled(tilt, 42), _pooled(colours, 42).reshape(len(bodies), -1)


def _pooled(values: Floats, count: int) -> Floats:
    """Means (N, count, …) of values (N, V, …) about the directions of a coarser sphere."""
    made: Floats = np.einsum("cv,nv...->nc...", _shares(count), values)
    return made


@cache
def _shares(count: int) -> Floats:
    """(count, V): of the fine directions that are nearest to each coarse one, equal shares."""
    coarse = next(sphere for sphere in spheres(4) if len(sphere.directions) == count)
    nearest = (finest().directions @ coarse.directions.T).argmax(1)
    own = np.eye(count)[nearest].T
    shares: Floats = own / own.sum(1, keepdims=True)
    return shares


def of_mesh(vertices: Floats, faces: Ints, colours: Floats | None) -> Values:
    """A mesh (V, 3), (F, 3) with linear colours (V, 3) or none, measured as files are: (4, 2562, 1).

    Raises:
        Unreadable: it is flat, or has no extent.
    """

    def paint(face: Ints, weights: Floats) -> Values:
        if colours is None:
            return np.full((len(face), 3), 0.3, np.float32)
        mixed: Values = (colours[faces[face]] * weights[..., None]).sum(1).astype(np.float32)
        return mixed

    return from_middle(Surface(vertices[faces], paint))


def again(body: Values) -> Values:
    """A body measured as a mesh of a checkpoint is, so that nothing but the shape tells the two apart."""
    return of_mesh(points_of(body), finest().faces, body[1:, :, 0].T.astype(np.float64))

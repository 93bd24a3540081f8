"""Instances in clumps of neighbours: what is far away or out of view is left out a clump at a time."""

import numpy as np
import numpy.typing as npt

from vrgen.scene_model import F32, INSTANCE

SIZE = 64
"""Instances of a clump, and threads of a group of shaders/cull.comp."""
CLUMP = np.dtype(
    [("sphere", np.float32, 4), ("largest", np.float32), ("stands", np.float32), ("pad", np.float32, 2)]
)
"""As shaders/clumps.comp reads it."""
_SPREAD = np.array([sum((n >> bit & 1) << 2 * bit for bit in range(8)) for n in range(256)], np.uint16)
"""The bits of a byte with room between them."""


def clumped(instances: npt.NDArray[np.void], spheres: F32) -> tuple[npt.NDArray[np.void], npt.NDArray[np.void]]:
    """`instances`, (N,) of `INSTANCE`, in an order in which neighbours follow one another, and their clumps,
    (ceil(N / 64),) of `CLUMP`. `spheres`: (M, 4) centre and radius of each mesh."""
    # By columns and by whole records: numpy is ten times as slow along short axes and with fields.
    x, z = (np.ascontiguousarray(instances["position"][:, axis]) for axis in (0, 2))
    steps = [((at - at.min()) * (255.0 / max(float(np.ptp(at)), 1e-6))).astype(np.uint8) for at in (x, z)]
    along = _SPREAD[steps[0]] | _SPREAD[steps[1]] << 1  # Morton's curve
    records = np.ascontiguousarray(instances).view(np.uint8).reshape(-1, INSTANCE.itemsize)
    ordered = records.take(np.argsort(along, kind="stable"), axis=0).reshape(-1).view(INSTANCE)

    count = -(-len(ordered) // SIZE)
    filled = np.minimum(np.arange(count * SIZE), len(ordered) - 1)  # the last one again
    scale, meshes = ordered["scale"][filled], ordered["mesh"][filled]
    radii = spheres[:, 3][meshes] * scale
    reach = radii + np.linalg.norm(spheres[:, :3], axis=1)[meshes] * scale
    clumps, across = np.zeros(count, CLUMP), np.zeros(count)
    for axis in range(3):
        at = ordered["position"][:, axis][filled]
        lowest = (at - reach).reshape(count, SIZE).min(axis=1)
        highest = (at + reach).reshape(count, SIZE).max(axis=1)
        clumps["sphere"][:, axis] = (lowest + highest) / 2
        across += (highest - lowest) ** 2
    clumps["sphere"][:, 3] = np.sqrt(across) * 0.5001
    clumps["largest"] = radii.reshape(count, SIZE).max(axis=1) * 1.0001
    clumps["stands"] = (ordered["stands"] > 0.0)[filled].reshape(count, SIZE).any(axis=1)
    return ordered, clumps

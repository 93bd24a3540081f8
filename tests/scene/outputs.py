"""What generators make, made by hand: outputs and results as the generator stage hands them to the scene."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from vrgen import contract as c
from vrgen.messages import Arrival, Generated, Output, Request, Tile, Wish

F32 = npt.NDArray[np.float32]


def of(spec: c.OutputSpec, array: npt.ArrayLike) -> Output:
    """An output of one tensor."""
    return Output(spec, {"": np.asarray(array, np.float32)})


def panorama(radiance: F32) -> Output:
    """(H, 2H, 3) linear radiance."""
    return of(c.PanoramaOutput(shape=(3, *radiance.shape[:2]), range="linear"), radiance.transpose(2, 0, 1))


def sky(colour: tuple[float, float, float], height: int = 32) -> Output:
    """One colour everywhere."""
    return panorama(np.broadcast_to(np.float32(colour), (height, 2 * height, 3)))


def texture(
    colour: tuple[float, float, float], role: str = "albedo", surface: str = "ground", size: int = 8
) -> Output:
    """One colour, numbers in [-1, 1]."""
    plane = np.broadcast_to(np.float32(colour)[:, None, None], (3, size, size))
    return of(c.TextureOutput(shape=plane.shape, role=role, surface=surface, metres=2.0), plane)  # type: ignore[arg-type]


def heightfield(heights: F32, metres: float) -> Output:
    return of(c.HeightfieldOutput(shape=(1, *heights.shape), metres=metres), heights[None])


def hills(tile: Tile, samples: int, metres: float, size: float = 1.0, phase: float = 0.0) -> F32:
    """Heights from places in the world, metres: neighbours share edges to the bit, slopes stay below `size`."""
    at = np.arange(samples)
    x = (tile[0] * (samples - 1) + at) * (metres / (samples - 1))
    z = (tile[1] * (samples - 1) + at) * (metres / (samples - 1))
    made = size * (8.0 * np.sin(x * 0.05 + phase)[None, :] + 6.0 * np.sin(z * 0.07 + 2 * phase)[:, None])
    return made.astype(np.float32)


def tetrahedron(**more: npt.ArrayLike) -> Output:
    """A unit tetrahedron; `more`: further arrays by name."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int64)
    return Output(c.MeshOutput(shape=(4, 3)), {"vertices": vertices, "faces": faces, **more})  # type: ignore[dict-item]


def splats(count: int, seed: int = 0, around: bool = False, meaning: c.Range = (-1.0, 1.0), **more: F32) -> Output:
    """Gaussians of a hand's size within a metre; `more`: other arrays by name."""
    rng = np.random.default_rng(seed)
    arrays = {
        "means": rng.uniform((-0.5, 0.0, -0.5), (0.5, 1.0, 0.5), (count, 3)),
        "scales": rng.uniform(0.01, 0.1, (count, 3)),
        "rotations": rng.normal(size=(count, 4)),
        "opacities": rng.uniform(0.2, 1.0, count),
        "colours": rng.uniform(-1.0, 1.0, (count, 3)),
    }
    made = {name: array.astype(np.float32) for name, array in arrays.items()}
    return Output(c.SplatsOutput(shape=(count, 3), range=meaning, around=around), {**made, **more})


def picture(colour: tuple[float, float, float], size: int = 16) -> Output:
    plane = np.broadcast_to(np.float32(colour)[:, None, None], (3, size, size))
    return of(c.PictureOutput(shape=plane.shape), plane)


def wish(generator: str, epoch: int = 1, revision: int = 1, tiled: bool = False, variants: int = 1) -> Wish:
    return Wish(generator, epoch, revision, {}, seed=epoch, tiled=tiled, variants=variants)


def result(wanted: Wish, outputs: Mapping[str, Output], tile: Tile | None = None, variant: int = 0) -> Generated:
    """What answers that wish."""
    request = Request(wanted.generator, wanted.epoch, wanted.revision, {}, tile, variant, wanted.seed)
    return Generated(request, outputs)


class LostArrival(Arrival):
    """Of a result whose worker has died over it."""

    lost, whole = True, False

    def has(self, part: object) -> bool:
        return False

    def wait(self, part: object) -> bool:
        return False

"""Rocks of the game 0 A.D. as radii over the sphere: what a ray from the middle of a rock meets.

The package carries its meshes twice, as COLLADA and in the game's own simple `PMD` form; the latter is
read here (https://trac.wildfiregames.com/wiki/PMD_File_Format).
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from vrgen.training import sources
from vrgen.training.sphere import Sphere

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MESHES = "art/meshes/gaia/"
ROCK = re.compile(r"rock|stone|mineral|boulder")
NOT_A_ROCK = re.compile(r"quarried|cliff|cubic_[0-9]|mineral|sm_[ab]$|snow[0-9]")


@dataclass(frozen=True)
class Mesh:
    """vertices (V, 3) +Y up, uv (V, 2) with v upwards, faces (F, 3)."""

    name: str
    vertices: Floats
    uv: Floats
    faces: Ints


@dataclass(frozen=True)
class Rocks:
    """radii (K, D) metres along the D directions; colours (K, D, 3) linear; K names."""

    radii: npt.NDArray[np.float32]
    colours: npt.NDArray[np.float32]
    names: tuple[str, ...]


def read_pmd(name: str, data: bytes) -> Mesh:
    """Parse one PMD file; its z axis points the other way round from ours."""
    magic, version, _size, count = struct.unpack_from("<4sIII", data)
    if magic != b"PSMD":
        raise sources.SourceError(f"{name}: not a PMD mesh; fetch 0ad-data again")
    offset, layers = 16, 1
    if version >= 4:
        (layers,) = struct.unpack_from("<I", data, offset)
        offset += 4
    stride = 24 + 8 * layers + 20  # position, normal, texture coordinates, bones
    table = np.frombuffer(data, np.uint8, count * stride, offset).reshape(count, stride)
    floats = table[:, : 24 + 8 * layers].copy().view("<f4").astype(np.float64)
    offset += count * stride
    (triangles,) = struct.unpack_from("<I", data, offset)
    faces = np.frombuffer(data, "<u2", 3 * triangles, offset + 4).reshape(-1, 3)
    vertices = floats[:, :3] * (1.0, 1.0, -1.0)
    return Mesh(name, vertices, floats[:, 6:8], faces[:, ::-1].astype(np.int64))


def single_stones(mesh: Mesh) -> list[Mesh]:
    """The connected parts of a mesh: one file often holds a heap of stones."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, welded = np.unique(np.round(mesh.vertices, 3), axis=0, return_inverse=True)
    corners = welded.reshape(-1)[mesh.faces]
    pairs = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]]])
    size = int(welded.max()) + 1
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    count, part_of = connected_components(graph, directed=False)
    parts = []
    for part in range(count):
        faces = mesh.faces[part_of[corners[:, 0]] == part]
        parts.append(Mesh(f"{mesh.name}#{part}", mesh.vertices, mesh.uv, faces))
    return parts


def cast(mesh: Mesh, origin: Floats, directions: Floats) -> tuple[Floats, Floats]:
    """Farthest hit of each ray (Moeller and Trumbore 1997): distance (D,), uv (D, 2).

    Distance is 0 where nothing is hit.
    """
    a, b, c = (mesh.vertices[mesh.faces[:, i]] - origin for i in range(3))
    ab, ac = b - a, c - a
    p = np.cross(directions[:, None], ac[None])  # (D, F, 3)
    det = (ab * p).sum(-1)
    inverse = 1.0 / np.where(np.abs(det) < 1e-12, np.inf, det)
    u = -(a * p).sum(-1) * inverse
    q = np.cross(-a, ab)
    v = (directions @ q.T) * inverse
    t = (ac * q).sum(-1)[None] * inverse
    hit = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9) & (t > 1e-6)
    t = np.where(hit, t, 0.0)
    face = t.argmax(1)
    rows = np.arange(len(directions))
    weights = np.stack([1 - u[rows, face] - v[rows, face], u[rows, face], v[rows, face]], 1)
    uv = (mesh.uv[mesh.faces[face]] * weights[..., None]).sum(1)
    return t[rows, face], uv


def textures(archive: zipfile.ZipFile) -> dict[str, str]:
    """Which picture is most often put on which mesh, by the game's actors."""
    votes: dict[str, Counter[str]] = {}
    for name in archive.namelist():
        if name.startswith("art/actors/geology/") and name.endswith(".xml"):
            text = archive.read(name).decode("utf-8", "replace")
            if "metal" in name:
                continue  # ore shows in yellow specks
            common = re.findall(r'file="([^"]+)" name="baseTex"', text)
            for variant in re.findall(r"<variant.*?</variant>", text, re.DOTALL):
                mesh = re.search(r"<mesh>([^<]+)\.dae</mesh>", variant)
                own = re.findall(r'file="([^"]+)" name="baseTex"', variant)
                for file in (own or common)[:1] if mesh else []:
                    votes.setdefault(str(mesh and mesh[1]), Counter())[file] += 1
    return {mesh: count.most_common(1)[0][0] for mesh, count in votes.items()}


def _picture(archive: zipfile.ZipFile, file: str) -> npt.NDArray[np.float32] | None:
    """A texture as linear colours (H, W, 3), as fine as the directions are."""
    base = "art/textures/skins/" + file.rpartition(".")[0]
    for name in (f"{base}.dds", f"{base}.png", f"{base}.png.cached.dds", f"{base}.dds.cached.dds"):
        if name in archive.NameToInfo:
            picture = Image.open(io.BytesIO(archive.read(name))).convert("RGB").resize((128, 128))
            srgb = np.asarray(picture, np.float32) / 255.0
            linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
            return linear.astype(np.float32)
    return None


def rocks(cache: Path, sphere: Sphere, looks: int, seed: int = 0) -> Rocks:
    """Every stone of the package that is one, about 1 m across, each turned and stretched anew.

    looks: how many variants of each stone are cast.
    """
    folder = sources.unpack("0ad-data", ["*/mods/public/public.zip"], cache)
    rng = np.random.default_rng(seed)
    radii, colours, names = [], [], []
    with zipfile.ZipFile(next(folder.rglob("public.zip"))) as archive:
        dressed = textures(archive)
        for path in sorted(archive.namelist()):
            stem = path.removeprefix(MESHES).removesuffix(".dae.cached.pmd")
            if not path.startswith(MESHES) or not path.endswith(".pmd"):
                continue
            if not ROCK.search(stem) or NOT_A_ROCK.search(stem):
                continue
            picture = _picture(archive, dressed.get(f"gaia/{stem}", ""))
            if picture is None:
                continue
            for stone in single_stones(read_pmd(stem, archive.read(path))):
                for look in range(looks):
                    measured = _measure(_varied(stone, rng) if look else stone, sphere)
                    if measured is None and look == 0:
                        break
                    if measured is not None:
                        radius, uv = measured
                        radii.append(radius)
                        names.append(stone.name)
                        colours.append(_paint(picture, uv))
    return Rocks(np.stack(radii).astype(np.float32), np.stack(colours).astype(np.float32), tuple(names))


def _varied(stone: Mesh, rng: np.random.Generator) -> Mesh:
    """The stone turned about +Y, tilted up to 20 degrees, mirrored by chance and stretched."""
    yaw, lean, towards = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.35), rng.uniform(0, 2 * np.pi)
    turn = _about(np.array([0.0, 1.0, 0.0]), yaw)
    tilt = _about(np.array([np.cos(towards), 0.0, np.sin(towards)]), lean)
    flip = rng.random() < 0.5
    stretch = np.diag(np.exp(rng.uniform(-0.18, 0.18, 3)) * (-1.0 if flip else 1.0, 1.0, 1.0))
    faces = stone.faces[:, ::-1] if flip else stone.faces
    return Mesh(stone.name, stone.vertices @ (tilt @ turn @ stretch).T, stone.uv, faces)


def _about(axis: Floats, angle: float) -> Floats:
    """Rotation matrix about a unit axis (Rodrigues)."""
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turn: Floats = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turn


def _measure(stone: Mesh, sphere: Sphere) -> tuple[Floats, Floats] | None:
    """Radii (D,) and texture coordinates (D, 2), or None where the part is no stone."""
    if len(stone.faces) < 20:
        return None
    points = stone.vertices[stone.faces].reshape(-1, 3)
    low, high = points.min(0), points.max(0)
    size = high - low
    across = float(np.sqrt(size[0] * size[2]))
    if size.min() < 0.22 * size.max() or size[1] > 1.25 * across:
        return None  # a slab, a tower, a decal
    distance, uv = cast(stone, (low + high) / 2.0, sphere.directions)
    seen = distance > 0
    if seen[sphere.directions[:, 1] > -0.2].mean() < 0.97:
        return None  # open where it would show, or its middle lies outside
    radius = np.where(seen, distance, distance[seen].mean()) / across
    jumps = np.abs(np.log(np.maximum(radius[sphere.rings], 1e-3) / radius[:, None]))
    shown = seen & (sphere.directions[:, 1] > -0.3)
    if (jumps[shown].max(1) > 0.35).mean() > 0.04 or radius[seen].min() < 0.1:
        return None  # not to be seen whole from its middle: rays would make fans of it
    for _ in range(400):  # close the underside as a soap film would
        radius[~seen] = radius[sphere.rings[~seen]].mean(1)
        uv[~seen] = uv[sphere.rings[~seen]].mean(1)
    return radius, uv


def _paint(picture: npt.NDArray[np.float32], uv: Floats) -> npt.NDArray[np.float32]:
    """Linear colours (D, 3)."""
    height, width, _ = picture.shape
    x = (uv[:, 0] * width).astype(int) % width
    y = (uv[:, 1] * height).astype(int) % height  # the game stores v from the top
    colours: npt.NDArray[np.float32] = picture[y, x]
    return colours

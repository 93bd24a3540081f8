"""Make assets/controllers anew: small models of hand controllers from the WebXR input profiles (MIT).

    python tools/controllers.py --archive webxr-input-profiles-assets-1.0.20.tgz

The archive is what `npm pack @webxr-input-profiles/assets@1.0.20` brings; its digest is checked. Each model
becomes one .npz that `vrgen/renderer/controllers.py` reads: fewer triangles, colours of the texture at the
vertices, each button a part of its own with the place that a label points at and the movement of a press. Needs
trimesh, scipy and fast-simplification.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "assets" / "controllers"
LICENCE = ROOT / "assets" / "licences" / "controllers.md"
SHA256 = "30df2a2268220fc0d0e034bed1550aabdd7a2500573c5216f64fc70d59c3d91e"
"""Of the archive."""
MODELS = {
    "index": "valve-index",
    "vive": "htc-vive",
    "touch": "oculus-touch-v3",
    "touch-plus": "meta-quest-touch-plus",
    "touch-pro": "meta-quest-touch-pro",
    "wmr": "microsoft-mixed-reality",
    "hp": "hp-mixed-reality",
    "cosmos": "htc-vive-cosmos",
    "focus3": "htc-vive-focus-3",
    "pico": "pico-4",
}
BODY_FACES = 3000
MOST_FACES = 4600
PART_FACES = 260
UNIT_M = 1e-5
"""Positions are whole numbers of this."""
CREASE_RAD = 0.7
COLOUR_STEP, SHORTEST_M = 36, 0.0011
"""What differs by so much between the ends of an edge that is longer is divided."""
PRESSED = "_pressed_value"
NODES = {
    "MENU": "menu",
    "HOME": "system",
    "LMenu_pressed_value": "menu",
    "LPico_value": "system",
    "HomeButton_pressed_value": "system",
}
"""Buttons that the profiles do not name, by a node of theirs."""
PLACES = {
    "touch-left": (0.0, 0.010, -0.004),
    "touch-plus-left": (0.0, 0.011, -0.006),
    "touch-pro-left": (0.0, 0.011, -0.006),
    "pico-left": (-0.012, 0.025, -0.002),
}
"""Where a label of the menu button points, in models that have no node for it."""

F64 = npt.NDArray[np.float64]


@dataclass
class Part:
    """Triangles that move together. `name` is OpenXR's for the button, "" for the body."""

    name: str
    meshes: list[tuple[Any, F64]] = field(default_factory=list)
    """With `model_from_mesh`."""
    pressed: F64 = field(default_factory=lambda: np.eye(4))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--archive", type=Path, required=True, help="webxr-input-profiles-assets-1.0.20.tgz")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    with asked.archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        print(
            f"controllers: {asked.archive} has SHA-256 {digest}, expected {SHA256}; fetch it again",
            file=sys.stderr,
        )
        return 1
    asked.out.mkdir(parents=True, exist_ok=True)
    total = 0
    with tarfile.open(asked.archive) as tar:
        for name, profile in MODELS.items():
            folder = f"package/dist/profiles/{profile}"
            layouts = json.loads(_read(tar, f"{folder}/profile.json"))["layouts"]
            sides = {layout["assetPath"]: layout for side, layout in layouts.items() if side != "none"}
            for path, layout in sides.items():
                side = Path(path).stem
                made = asked.out / (f"{name}.npz" if side == "none" else f"{name}-{side}.npz")
                parts = _parts(_read(tar, f"{folder}/{path}"), layout["components"])
                if made.stem in PLACES:
                    parts.append(Part("menu", [(None, _at(PLACES[made.stem]))]))
                total += _write(made, parts)
        licence = _read(tar, "package/LICENSE.md").decode().strip()
    total += _write(asked.out / "generic.npz", _generic())
    print(f"together {total / 1e6:.2f} MB")
    if asked.out == OUT:
        LICENCE.write_text(_sources(licence), encoding="utf-8")
    return 0


def _sources(licence: str) -> str:
    """What the models are, where they come from, and the licence that goes with them."""
    rows = []
    for path in sorted(OUT.glob("*.npz")):
        name = path.stem.removesuffix("-left").removesuffix("-right")
        profile = MODELS.get(name, "")
        source = f"`dist/profiles/{profile}`" if profile else "made by the tool, CC0-1.0"
        rows.append(f"| `{path.name}` | {source} | `{hashlib.sha256(path.read_bytes()).hexdigest()}` |\n")
    return f"""\
# Controllers

Made by `tools/controllers.py` from npm `@webxr-input-profiles/assets@1.0.20` (MIT): fewer triangles, colours at
the vertices. The makers' names and shapes are theirs; they are shown to a person who holds that controller.

SHA-256 of the archive: `{SHA256}`

| file | source | SHA-256 |
|---|---|---|
{"".join(rows)}
## Licence of the source

{licence}
"""


def _read(tar: tarfile.TarFile, path: str) -> bytes:
    file = tar.extractfile(path)
    assert file is not None, path
    return file.read()


# --- reading ------------------------------------------------------------------------------------------------


def _parts(glb: bytes, components: dict[str, Any]) -> list[Part]:
    """The body first, then each button that has triangles or a place."""
    import trimesh

    scene: Any = trimesh.load(io.BytesIO(glb), file_type="glb")
    places = {node: scene.graph[node][0] for node in scene.graph.nodes}
    of_node: dict[str, Part] = {}
    parts = {"": Part("")}
    for component in components.values():
        name = _openxr(component["rootNodeName"])
        for response in component["visualResponses"].values():
            if response["componentProperty"] != "button" or response["valueNodeProperty"] != "transform":
                continue
            if response["valueNodeName"] not in places:
                continue
            part = parts.setdefault(name, Part(name))
            of_node[response["valueNodeName"]] = part
            low, high = places.get(response["minNodeName"]), places.get(response["maxNodeName"])
            if low is not None and high is not None and "mirror" not in response["valueNodeName"]:
                part.pressed = high @ np.linalg.inv(low)
    for node in places:
        name = NODES.get(node) or (_openxr(node[: -len(PRESSED)]) if node.endswith(PRESSED) else "")
        if name and node not in of_node and "axis" not in name:
            of_node[node] = parts.setdefault(name, Part(name))
    parents = scene.graph.transforms.parents
    for node in scene.graph.nodes_geometry:
        model_from_mesh, geometry = scene.graph[node]
        above = node
        while above in parents and above not in of_node:
            above = parents[above]
        part = of_node.get(above, parts[""])
        part.meshes.append((scene.geometry[geometry], model_from_mesh))
    for node, part in of_node.items():
        if not part.meshes:
            part.meshes.append((None, places[node]))
    return list(parts.values())


def _openxr(root: str) -> str:
    name = root.removeprefix("xr_standard_").removesuffix("_button")
    return {"touchpad": "trackpad", "squeeze_pressed_mirror": "squeeze", "bumper": "shoulder"}.get(name, name)


def _generic() -> list[Part]:
    """A plain grey handle with a ring of light colour and a trigger: nothing that could be taken for a product."""
    import trimesh

    def grey(mesh: Any, level: int) -> tuple[Any, F64]:
        mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=[level, level, level, 255])
        return mesh, np.eye(4)

    handle = trimesh.creation.capsule(height=0.085, radius=0.0165, count=[24, 12])
    handle.apply_translation((0.0, 0.0, -0.035))
    head = trimesh.creation.icosphere(subdivisions=3, radius=1.0)
    head.apply_scale((0.023, 0.017, 0.027))
    head.apply_translation((0.0, 0.004, -0.055))
    pad = trimesh.creation.cylinder(radius=0.012, height=0.003, sections=32)
    lying = np.eye(4)
    lying[1:3, 1:3] = [[0.0, 1.0], [-1.0, 0.0]]
    pad.apply_transform(lying)
    pad.apply_translation((0.0, 0.0205, -0.055))
    trigger = trimesh.creation.capsule(height=0.012, radius=0.006, count=[16, 8])
    trigger.apply_translation((0.0, -0.017, -0.065))
    pressed = np.eye(4)
    pressed[1, 3] = 0.004
    places = {
        "thumbstick": (0.0, 0.022, -0.055),
        "trackpad": (0.0, 0.022, -0.055),
        "select": (0.0, 0.022, -0.055),
        "a": (0.008, 0.02, -0.045),
        "b": (0.010, 0.02, -0.052),
        "x": (-0.008, 0.02, -0.045),
        "y": (-0.010, 0.02, -0.052),
        "primary": (0.008, 0.02, -0.045),
        "secondary": (0.010, 0.02, -0.052),
        "menu": (0.0, 0.018, -0.035),
        "system": (0.0, 0.018, -0.03),
        "squeeze": (0.0, -0.015, 0.0),
    }
    made = [
        Part("", [grey(handle, 58), grey(head, 58), grey(pad, 150)]),
        Part("trigger", [grey(trigger, 110)], pressed),
    ]
    return made + [Part(name, [(None, _at(place))]) for name, place in places.items()]


def _at(place: tuple[float, float, float]) -> F64:
    m = np.eye(4)
    m[:3, 3] = place
    return m


# --- making -------------------------------------------------------------------------------------------------


def _write(path: Path, parts: list[Part]) -> int:
    import trimesh

    positions, normals, colours, owners, faces = [], [], [], [], []
    names, anchors, pressed = [], [], []
    first = 0
    for number, part in enumerate(parts):
        solid = [(mesh, at) for mesh, at in part.meshes if mesh is not None]
        if not solid:
            place = part.meshes[0][1][:3, 3]
        else:
            points, tints = _coloured(solid)
            shape = _reduced(solid, BODY_FACES if number == 0 else PART_FACES)
            shape = _divided(shape, points, tints)
            smooth: Any = trimesh.graph.smooth_shade(shape, angle=CREASE_RAD)
            place = np.asarray(smooth.triangles_center).mean(axis=0)
            positions.append(np.asarray(smooth.vertices))
            normals.append(np.asarray(smooth.vertex_normals))
            colours.append(_nearest(points, tints, positions[-1] - normals[-1] * 2e-4))
            owners.append(np.full(len(positions[-1]), number))
            faces.append(np.asarray(smooth.faces) + first)
            first += len(positions[-1])
        if number:
            names.append(part.name)
            anchors.append(place)
            pressed.append(part.pressed)
    assert first < 65536
    np.savez_compressed(
        path,
        position=np.rint(np.concatenate(positions) / UNIT_M).astype(np.int16),
        normal=np.rint(np.concatenate(normals) * 127).astype(np.int8),
        colour=np.concatenate(colours).astype(np.uint8),
        part=np.concatenate(owners).astype(np.uint8),
        faces=np.concatenate(faces).astype(np.uint16),
        buttons=np.array(names),
        anchors=np.array(anchors, np.float32).reshape(-1, 3),
        pressed=np.array(pressed, np.float32).reshape(-1, 4, 4),
    )
    size = path.stat().st_size
    print(
        f"{path.name:18} {sum(map(len, faces)):5} triangles {first:5} vertices {size / 1e3:4.0f} kB  "
        + " ".join(names)
    )
    return size


def _reduced(solid: list[tuple[Any, F64]], most: int) -> Any:
    """One mesh in the model's frame, joined where vertices meet, of about so many triangles."""
    import trimesh

    pieces = []
    for mesh, at in solid:
        piece = trimesh.Trimesh(trimesh.transform_points(mesh.vertices, at), mesh.faces, process=False)
        pieces.append(piece)
    joined: Any = trimesh.util.concatenate(pieces)
    joined.merge_vertices(merge_tex=True, merge_norm=True)
    joined.update_faces(joined.nondegenerate_faces())
    if len(joined.faces) > most:
        joined = joined.simplify_quadric_decimation(face_count=most, aggression=4)
    joined.remove_unreferenced_vertices()
    return joined


def _divided(mesh: Any, points: F64, tints: F64) -> Any:
    """With edges halved along which the colour changes: a border between two colours is a line, not a saw."""
    import trimesh

    for _ in range(4):
        seen = _nearest(points, tints, np.asarray(mesh.vertices))
        edges = np.asarray(mesh.edges_unique)
        step = np.abs(seen[edges[:, 0]] - seen[edges[:, 1]]).max(axis=1)
        length = np.asarray(mesh.edges_unique_length)
        halved = np.nonzero((step > COLOUR_STEP) & (length > SHORTEST_M))[0]
        room = max(0, (MOST_FACES - len(mesh.faces)) // 2)
        halved = halved[np.argsort(-(step * length)[halved], kind="stable")][:room]
        number = np.full(len(edges), -1)
        number[halved] = len(mesh.vertices) + np.arange(len(halved))
        faces: list[tuple[int, int, int]] = []
        # Edges of a face, as trimesh has them, go from first to second, second to third, third to first corner.
        for corners, middles in zip(np.asarray(mesh.faces), number[np.asarray(mesh.faces_unique_edges)]):
            faces += _halves(tuple(corners), tuple(middles))
        vertices = np.concatenate([mesh.vertices, np.asarray(mesh.vertices)[edges[halved]].mean(axis=1)])
        mesh = trimesh.Trimesh(vertices, np.array(faces), process=False)
    return mesh


def _halves(corners: tuple[int, ...], middles: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """A triangle cut at the middles of its edges; -1 where an edge stays whole."""
    for turn in range(3):
        (a, b, c), (ab, bc, ca) = (tuple(np.roll(x, -turn)) for x in (corners, middles))
        cut = (ab >= 0, bc >= 0, ca >= 0)
        if cut == (True, True, True):
            return [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        if cut == (True, True, False):
            return [(ab, b, bc), (a, ab, bc), (a, bc, c)]
        if cut == (True, False, False):
            return [(a, ab, c), (ab, b, c)]
    return [(corners[0], corners[1], corners[2])]


def _coloured(solid: list[tuple[Any, F64]]) -> tuple[F64, F64]:
    """Many points of the surface and their sRGB colours, 0 to 255."""
    import trimesh

    barycentric: Any = trimesh.triangles.points_to_barycentric
    points, tints = [], []
    for mesh, at in solid:
        count = max(4000, min(80000, 24 * len(mesh.faces)))
        spots, face = trimesh.sample.sample_surface(mesh, count, seed=0)
        weights = barycentric(mesh.triangles[face], spots)
        points.append(trimesh.transform_points(spots, at))
        corners = mesh.faces[face]
        if mesh.visual.kind == "vertex":
            tints.append((mesh.visual.vertex_colors[corners][..., :3] * weights[..., None]).sum(axis=1))
            continue
        uv = (np.asarray(mesh.visual.uv)[corners] * weights[..., None]).sum(axis=1)
        tints.append(_painted(mesh.visual.material, uv))
    return np.concatenate(points), np.concatenate(tints)


def _painted(material: Any, uv: F64) -> F64:
    """The base colour at texture coordinates, darkened in its crevices where the model says so."""
    factor = material.baseColorFactor
    tint = np.ones(3) * 255.0
    if factor is not None:
        tint = np.asarray(factor, np.float64)[:3] * (255.0 if np.max(factor) <= 1.0 else 1.0)
    out = np.broadcast_to(tint, (len(uv), 3)).copy()
    for texture, strength in ((material.baseColorTexture, 1.0), (material.occlusionTexture, 0.6)):
        if texture is None:
            continue
        picture = np.asarray(texture.convert("RGB").resize((512, 512)), np.float64) / 255.0
        column = np.clip((uv[:, 0] % 1.0) * 512, 0, 511).astype(int)
        row = np.clip(((1.0 - uv[:, 1]) % 1.0) * 512, 0, 511).astype(int)
        seen = picture[row, column]
        out *= seen if strength == 1.0 else 1.0 - strength * (1.0 - seen[:, :1])
    return out


def _nearest(points: F64, tints: F64, at: F64) -> F64:
    """The mean colour of the few nearest points."""
    from scipy.spatial import cKDTree

    _, index = cKDTree(points).query(at, k=3)
    return np.asarray(np.rint(tints[index].mean(axis=1)))


if __name__ == "__main__":
    sys.exit(main())

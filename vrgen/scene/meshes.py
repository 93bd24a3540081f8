"""Generated meshes → meshes to draw: normals, colours and coarser levels of detail."""

import numpy as np
import numpy.typing as npt

from vrgen.messages import Output
from vrgen.scene_model import F32, Mesh, new_id

_LEVELS_FROM = 400
"""Meshes of fewer faces have one level."""
EYE_M = 1.5
"""Height of the middle of a picture on a panel."""


def mesh_of(output: Output) -> Mesh:
    """A mesh output, cut to its counts where it is padded; normals are made where there are none.

    Nothing of it stays in the output's memory. A hundred thousand vertices take 0.14 s, which lets go of the
    interpreter lock: another thread waits for a millisecond at most.
    """
    arrays = output.arrays
    vertices = np.array(arrays["vertices"], np.float32)
    faces = np.asarray(arrays["faces"]).astype(np.uint32)
    if "counts" in arrays:
        counts = np.asarray(arrays["counts"]).ravel()
        vertices, faces = vertices[: int(counts[0])], faces[: int(counts[1])]
    normals = np.array(arrays["normals"], np.float32) if "normals" in arrays else vertex_normals(vertices, faces)
    normals = normals[: len(vertices)]
    colours = np.zeros((len(vertices), 4), np.uint8)
    if "colours" in arrays:
        linear = np.clip(np.asarray(arrays["colours"], np.float32)[: len(vertices), :3], 0.0, 1.0)
        colours[:, :3] = np.power(linear, 1 / 2.2) * 255 + 0.5
        colours[:, 3] = 255
    uv = np.zeros((len(vertices), 2), np.float32)
    if "uv" in arrays:
        uv[:] = np.asarray(arrays["uv"], np.float32)[: len(vertices)]
    return Mesh(new_id(), vertices, normals, colours, uv, detail_levels(vertices, faces))


def vertex_normals(vertices: F32, faces: npt.NDArray[np.uint32]) -> F32:
    """(V, 3) unit normals, faces weighted by area."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    across = np.cross(b - a, c - a)
    total = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(total, faces[:, k], across)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.asarray(total / np.maximum(length, 1e-12), np.float32)


def detail_levels(vertices: F32, faces: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.uint32], ...]:
    """Up to three levels over the same vertices: coarser ones snap vertices to one of their grid cell
    (vertex clustering, Rossignac and Borrel 1993)."""
    levels = [faces]
    if len(faces) < _LEVELS_FROM:
        return tuple(levels)
    low = vertices.min(axis=0)
    extent = float((vertices.max(axis=0) - low).max())
    for cells in (9, 4):
        at = np.floor((vertices - low) / extent * cells).astype(np.int64)
        cell = (at[:, 0] * 1024 + at[:, 1]) * 1024 + at[:, 2]
        ordered = np.argsort(cell, kind="stable")
        group = np.empty(len(cell), np.int64)
        group[ordered] = np.cumsum(np.diff(cell[ordered], prepend=cell[ordered[0]]) > 0)
        centres = np.zeros((int(group.max()) + 1, 3))
        np.add.at(centres, group, vertices)
        centres /= np.bincount(group)[:, None]
        off = np.linalg.norm(vertices - centres[group], axis=1)
        order = np.lexsort((off, group))
        first = np.flatnonzero(np.diff(group[order], prepend=-1))
        stand_in = order[first].astype(np.uint32)
        coarse = stand_in[group[faces]]
        whole = (coarse[:, 0] != coarse[:, 1]) & (coarse[:, 1] != coarse[:, 2]) & (coarse[:, 2] != coarse[:, 0])
        coarse = coarse[whole]
        if len(coarse) < 8 or len(coarse) > 0.7 * len(levels[-1]):
            continue
        levels.append(coarse)
    return tuple(levels)


def picture_frame(width_m: float, height_m: float) -> Mesh:
    """A picture in a dark frame on two legs' height, its face to +Z; uv outside the picture is -1."""
    w, h, depth, border = width_m / 2, height_m, 0.06, 0.08
    lift = 0.7
    corners = [(-w, lift), (w, lift), (w, lift + h), (-w, lift + h)]
    vertices = [(x, y, depth) for x, y in corners]
    uv = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)]
    normals = [(0.0, 0.0, 1.0)] * 4
    faces = [(0, 1, 2), (0, 2, 3)]
    x0, x1, y0, y1 = -w - border, w + border, lift - border, lift + h + border
    for box in (
        ((x0, y0, 0.0), (x1, y1, depth - 0.01)),
        ((x0, y0, 0.0), (-w, y1, depth + 0.02)),
        ((w, y0, 0.0), (x1, y1, depth + 0.02)),
        ((x0, y0, 0.0), (x1, lift, depth + 0.02)),
        ((x0, lift + h, 0.0), (x1, y1, depth + 0.02)),
        ((-w * 0.7 - 0.04, -0.4, 0.0), (-w * 0.7 + 0.04, lift, 0.05)),
        ((w * 0.7 - 0.04, -0.4, 0.0), (w * 0.7 + 0.04, lift, 0.05)),
    ):
        _add_box(box, vertices, normals, uv, faces)
    colours = np.zeros((len(vertices), 4), np.uint8)
    colours[:] = (52, 38, 28, 255)
    return _built(vertices, normals, colours, uv, faces)


def picture_panel(side_m: float, width_m: float, height_m: float) -> Mesh:
    """A pale panel that stands on the ground; on its face to +Z a square picture at eye height in a wooden frame,
    and the same on its back. uv outside the picture is -1."""
    w, deep, border, foot = side_m / 2, 0.07, 0.05, -0.5
    low, high = EYE_M - w, EYE_M + w
    vertices = [(x, y, deep + 0.02) for x, y in ((-w, low), (w, low), (w, high), (-w, high))]
    uv = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)]
    normals = [(0.0, 0.0, 1.0)] * 4
    faces = [(0, 1, 2), (0, 2, 3)]
    for box in (
        ((-w - border, low - border, deep), (-w, high + border, deep + 0.05)),
        ((w, low - border, deep), (w + border, high + border, deep + 0.05)),
        ((-w, low - border, deep), (w, low, deep + 0.05)),
        ((-w, high, deep), (w, high + border, deep + 0.05)),
    ):
        _add_box(box, vertices, normals, uv, faces)
    count = len(vertices)
    vertices += [(-x, y, -z) for x, y, z in vertices]
    normals += [(-x, y, -z) for x, y, z in normals]
    faces += [(a + count, b + count, c + count) for a, b, c in faces]
    uv += uv
    _add_box(((-width_m / 2, foot, -deep), (width_m / 2, height_m, deep)), vertices, normals, uv, faces)
    colours = np.full((len(vertices), 4), (226, 223, 216, 255), np.uint8)
    colours[: 2 * count] = (118, 88, 58, 255)
    colours[:4] = colours[count : count + 4] = (88, 88, 90, 255)
    return _built(vertices, normals, colours, uv, faces)


def _built(
    vertices: list[tuple[float, float, float]],
    normals: list[tuple[float, float, float]],
    colours: npt.NDArray[np.uint8],
    uv: list[tuple[float, float]],
    faces: list[tuple[int, int, int]],
) -> Mesh:
    return Mesh(
        new_id(),
        np.array(vertices, np.float32),
        np.array(normals, np.float32),
        colours,
        np.array(uv, np.float32),
        (np.array(faces, np.uint32),),
    )


def _add_box(
    box: tuple[tuple[float, float, float], tuple[float, float, float]],
    vertices: list[tuple[float, float, float]],
    normals: list[tuple[float, float, float]],
    uv: list[tuple[float, float]],
    faces: list[tuple[int, int, int]],
) -> None:
    low, high = np.array(box[0]), np.array(box[1])
    for axis in range(3):
        for side in (0, 1):
            normal = np.zeros(3)
            normal[axis] = 1.0 if side else -1.0
            u, v = np.roll(np.eye(3), axis, axis=1)[1], np.roll(np.eye(3), axis, axis=1)[2]
            corner = np.where(np.eye(3)[axis] > 0, high if side else low, low)
            span = high - low
            quad = [corner, corner + u * span, corner + (u + v) * span, corner + v * span]
            if not side:
                quad.reverse()
            base = len(vertices)
            vertices += [(float(p[0]), float(p[1]), float(p[2])) for p in quad]
            normals += [(float(normal[0]), float(normal[1]), float(normal[2]))] * 4
            uv += [(-1.0, -1.0)] * 4
            faces += [(base, base + 1, base + 2), (base, base + 2, base + 3)]

"""What objects.py draws with every engine, and how it takes the time. numpy and trimesh alone: a peer that needs
older packages runs this in an environment of its own."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

MESHES = 100
REACH_M = 150.0
EYE_PX = 16
EYE_DISTANCE_M = 0.063
EYE_HEIGHT_M = 1.7
FOV_DEG = 70.0
NEAR_M, FAR_M = 0.05, 10_000.0
COLOUR = (0.6, 0.55, 0.5)
PATIENCE_S = 20.0
"""An engine that is so slow that its frames would take longer draws fewer of them."""
LEAST_FRAMES = 8

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Times = dict[str, list[float]]


def stones() -> tuple[list[F32], F32, npt.NDArray[np.uint32]]:
    """100 × vertices (42, 3), normals of the sphere they are bent from (42, 3), faces (80, 3)."""
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=1)
    sphere = np.asarray(ball.vertices, np.float32)
    rng = np.random.default_rng(1)
    shapes = [sphere * rng.uniform(0.7, 1.0, (len(sphere), 1)).astype(np.float32) for _ in range(MESHES)]
    return shapes, sphere, np.asarray(ball.faces, np.uint32)


def places(count: int) -> tuple[F32, F32, F32, npt.NDArray[np.uint32]]:
    """Positions (N, 3), scales (N,), rotations xyzw (N, 4) and mesh numbers (N,), sorted by mesh."""
    rng = np.random.default_rng(2)
    angle, away = rng.uniform(0, 2 * np.pi, count), REACH_M * np.sqrt(rng.uniform(0.0004, 1.0, count))
    positions = np.stack([away * np.cos(angle), rng.uniform(0, 1, count), away * np.sin(angle)], axis=-1)
    turns = rng.normal(size=(count, 4))
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    meshes = np.sort(rng.integers(0, MESHES, count)).astype(np.uint32)
    scales = rng.uniform(0.6, 1.2, count)
    return positions.astype(np.float32), scales.astype(np.float32), turns.astype(np.float32), meshes


def world_from_stone(count: int) -> F64:
    """(N, 4, 4), of `places`."""
    positions, scales, turns, _ = places(count)
    x, y, z, w = turns.astype(np.float64).T
    found = np.zeros((count, 4, 4))
    found[:, 0, :3] = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], -1)
    found[:, 1, :3] = np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], -1)
    found[:, 2, :3] = np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], -1)
    found[:, :3, :3] *= scales[:, None, None]
    found[:, :3, 3] = positions
    found[:, 3, 3] = 1.0
    return found


def world_from_eye(yaw_rad: float, side: int) -> F64:
    """(4, 4) of the left (-1) or right (1) eye of someone who stands at the centre; yaw to the left."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    found = np.eye(4)
    found[0, 0], found[0, 2], found[2, 0], found[2, 2] = c, s, -s, c
    found[:3, 3] = found[:3, :3] @ (side * EYE_DISTANCE_M / 2, 0.0, 0.0) + (0.0, EYE_HEIGHT_M, 0.0)
    return found


def yaws(frames: int) -> F32:
    """One turn of the head, radians a frame."""
    return np.linspace(0, 2 * np.pi, frames, endpoint=False, dtype=np.float32)


def timed(frames: int, draw: Callable[[float], Any]) -> Times:
    """Draw a warm-up and then `frames`, fewer where they would take longer than `PATIENCE_S`; wall time, CPU time
    of this thread and of the whole process, ms each."""
    draw(0.0)
    begun_s = time.perf_counter()
    draw(0.0)
    took_s = max(1e-6, time.perf_counter() - begun_s)
    frames = max(LEAST_FRAMES, min(frames, int(PATIENCE_S / took_s)))
    for yaw in yaws(max(4, frames // 8)):
        draw(float(yaw))
    times: Times = {"wall": [], "thread": [], "process": []}
    for yaw in yaws(frames):
        before = time.perf_counter(), time.thread_time(), time.process_time()
        draw(float(yaw))
        after = time.perf_counter(), time.thread_time(), time.process_time()
        for series, began_s, ended_s in zip(times.values(), before, after):
            series.append((ended_s - began_s) * 1e3)
    return times

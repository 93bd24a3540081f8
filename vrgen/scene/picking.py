"""What somebody points at: the nearest thing that stands there, else the ground, else the sky; and who made it.

A thing is met where its coarsest triangles are: near enough for pointing, and quick enough for a ray that is seen
while the trigger is down.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array, Vec3, multiply, pitch_quat, rotation, transform, yaw_quat
from vrgen.messages import Person, Picked, Pointer, Request, Tracked
from vrgen.room import world_from_room
from vrgen.scene.teleport import meeting
from vrgen.scene.walking import Height
from vrgen.scene_model import Fade, Mesh, Objects, Scene, Sky, Surface

RAY_M = 12.0
"""How far a ray is seen that meets nothing."""
_STEPS_M = [*np.arange(0.0, RAY_M, 0.5).tolist(), *np.geomspace(RAY_M, 600.0, 60).tolist()]
"""Where a ray is held against the land; finer where it is near."""
_FADES = 0.15
"""The last share of its reach in which a thing shrinks away (cull.comp)."""
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Maker:
    """Who made an asset. `name`: of the output, "rock"."""

    name: str
    request: Request


@dataclass(frozen=True, slots=True)
class Strike:
    """A thing that a ray meets."""

    instance: int
    distance_m: float
    foot_world: Vec3
    radius_m: float


def pointing(person: Person, tracked: Tracked | None, by: Pointer) -> Array | None:
    """(4, 4) `world_from_aim`: it points along its -Z. A hand that has no aim points where the eyes look, and they
    look where the head does unless they are tracked. None while nobody is tracked."""
    if tracked is None:
        x, y, z = person.feet_world
        turn = multiply(yaw_quat(person.yaw_rad), pitch_quat(person.pitch_rad))
        return transform((x, y + person.eye_height_m, z), turn)
    if not tracked.valid:
        return None
    aim = next((hand.aim_room for hand in tracked.hands if hand.side == by), None)
    return world_from_room(person) @ (aim or tracked.gaze_room or tracked.head_room).matrix()


def picked(
    world_from_aim: Array, scene: Scene, height: Height, makers: Mapping[int, Maker], land: Request | None = None
) -> Picked:
    """What the ray meets first. `height(x, z)`: metres, None where there is no ground. `makers`: by asset id.
    `land`: of the ground's shape."""
    objects = scene.objects
    thing = struck(world_from_aim, objects, height, scene.origin)
    land_m = land_at(world_from_aim, height)
    if thing is not None and thing.distance_m <= (math.inf if land_m is None else land_m):
        it = objects.instances[thing.instance]
        pictured = it["picture"] >= 0
        asset = objects.pictures[it["picture"]] if pictured else objects.meshes[it["mesh"]]
        maker = makers.get(asset.id)
        return Picked(
            "picture" if pictured else maker.name if maker is not None else "thing",
            () if maker is None else (maker.request,),
            thing.distance_m,
            _along(world_from_aim, thing.distance_m),
            thing.instance,
            thing.foot_world,
            thing.radius_m,
        )
    if land_m is not None:
        maker = makers.get(_seen(scene.surfaces["ground"]).id)
        made_by = (None if maker is None else maker.request, land)
        requests = tuple(request for request in made_by if request is not None)
        return Picked("ground", requests, land_m, _along(world_from_aim, land_m))
    maker = makers.get(_seen(scene.sky).id)
    return Picked("sky", () if maker is None else (maker.request,))


def ray_end(world_from_aim: Array, height: Height, objects: Objects, origin: Vec3) -> Vec3:
    """Where a ray that is seen ends: at a thing, on the land, or at its length."""
    thing = struck(world_from_aim, objects, height, origin, RAY_M)
    land_m = land_at(world_from_aim, height, RAY_M)
    return _along(world_from_aim, min(RAY_M, land_m or RAY_M, RAY_M if thing is None else thing.distance_m))


def land_at(world_from_aim: Array, height: Height, reach_m: float = math.inf) -> float | None:
    """How far along the ray the land is, metres."""
    steps = [step for step in _STEPS_M if step < reach_m]
    return meeting(lambda distance_m: _along(world_from_aim, distance_m), steps, height)[1]


def struck(
    world_from_aim: Array, objects: Objects, height: Height, origin: Vec3, reach_m: float = math.inf
) -> Strike | None:
    """The nearest thing that the ray meets, if it is no farther than `reach_m`."""
    things = objects.instances
    if not len(things):
        return None
    low, high, around = _boxes(objects.meshes)
    start, along = world_from_aim[:3, 3] - origin, -world_from_aim[:3, 2]
    size = _sizes(objects, start)
    way = things["position"].astype(np.float64) - start
    radius = around[things["mesh"]] * size
    # From above, where no thing's height above the ground is asked for.
    level = along[[0, 2]]
    ahead = np.clip(way[:, [0, 2]] @ level / max(float(level @ level), _TINY), 0.0, None)
    miss = way[:, [0, 2]] - ahead[:, None] * level
    near = (miss[:, 0] ** 2 + miss[:, 1] ** 2 <= radius**2) & (size > 0.0)
    near &= np.hypot(way[:, 0], way[:, 2]) - radius <= reach_m
    candidates: list[tuple[float, int, Array, float, Array, Array]] = []
    for number in np.flatnonzero(near).tolist():
        it = things[number]
        place = it["position"].astype(np.float64)
        foot_y = float(place[1] + origin[1])
        if it["stands"] > 0.0:
            ground = height(float(place[0] + origin[0]), float(place[2] + origin[2]))
            if ground is None:
                continue
            place[1] += ground
            foot_y = ground  # it may be sunk into it
        x, y, z, w = (float(part) for part in it["rotation"])
        mesh_from_world = rotation((x, y, z, w)).T / size[number]
        begins, goes = mesh_from_world @ (start - place), mesh_from_world @ along
        enters_m = _into_box(begins, goes, low[it["mesh"]], high[it["mesh"]])
        if enters_m is not None and enters_m <= reach_m:
            candidates.append((enters_m, number, place, foot_y, begins, goes))
    best: Strike | None = None
    for enters_m, number, place, foot_y, begins, goes in sorted(candidates, key=lambda one: one[0]):
        if best is not None and enters_m > best.distance_m:
            break
        distance_m = _into_triangles(begins, goes, objects.meshes[things["mesh"][number]])
        if distance_m is None or distance_m > min(reach_m, math.inf if best is None else best.distance_m):
            continue
        lowest, highest = low[things["mesh"][number]], high[things["mesh"][number]]
        across = float(np.maximum(-lowest, highest)[[0, 2]].max() * size[number])
        x, _, z = place + origin
        best = Strike(number, distance_m, (float(x), foot_y, float(z)), across)
    return best


def _sizes(objects: Objects, eye: Array) -> Array:
    """(K,) metres: how large each thing is drawn."""
    things = objects.instances
    size = things["scale"].astype(np.float64) * objects.arrival
    reach_m = things["reach_m"].astype(np.float64)
    away_m = np.hypot(things["position"][:, 0] - eye[0], things["position"][:, 2] - eye[2])
    left = np.clip((reach_m - away_m) / np.maximum(_FADES * reach_m, _TINY), 0.0, 1.0)
    return np.asarray(size * np.where(reach_m > 0.0, left, 1.0))


@lru_cache(maxsize=2)
def _boxes(meshes: tuple[Mesh, ...]) -> tuple[Array, Array, Array]:
    """(M, 3) lowest and highest corners, and (M,) how far the farthest is from the mesh's own origin."""
    low, high = np.array([mesh.box for mesh in meshes], np.float64).reshape(-1, 2, 3).transpose(1, 0, 2)
    return low, high, np.linalg.norm(np.maximum(np.abs(low), np.abs(high)), axis=1)


def _into_box(start: Array, along: Array, low: Array, high: Array) -> float | None:
    """How far along a ray a box begins: 0 within it, None where it is missed (slabs, Kay and Kajiya 1986)."""
    along = np.where(np.abs(along) < _TINY, _TINY, along)
    one, other = (low - start) / along, (high - start) / along
    enters, leaves = float(np.minimum(one, other).max()), float(np.maximum(one, other).min())
    return max(enters, 0.0) if leaves >= max(enters, 0.0) else None


def _into_triangles(start: Array, along: Array, mesh: Mesh) -> float | None:
    """How far along a ray, from outside, the mesh is (Möller and Trumbore 1997)."""
    corners: npt.NDArray[np.float64] = mesh.vertices[mesh.faces[-1]].astype(np.float64)
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(along, ac)
    volume = np.einsum("ij,ij->i", ab, across)
    flat = np.abs(volume) < _TINY
    inverse = 1.0 / np.where(flat, 1.0, volume)
    of_a = start - a
    u = np.einsum("ij,ij->i", of_a, across) * inverse
    turned = np.cross(of_a, ab)
    v = turned @ along * inverse
    far = np.einsum("ij,ij->i", turned, ac) * inverse
    hits = far[~flat & (u >= 0.0) & (v >= 0.0) & (u + v <= 1.0) & (far >= 0.0)]
    return float(hits.min()) if len(hits) else None


def _seen(fade: Fade[Sky] | Fade[Surface]) -> Sky | Surface:
    """What is seen the more of."""
    return fade.arriving if fade.arriving is not None and fade.weight > 0.5 else fade.shown


def _along(world_from_aim: Array, distance_m: float) -> Vec3:
    x, y, z = world_from_aim[:3, 3] - world_from_aim[:3, 2] * distance_m
    return float(x), float(y), float(z)

"""A world model's frames: asked for from where the person looks, and kept with where that was.

Each frame with its depth is a grid of cells like a panorama's (relief.py, docs/adr/0011). The newest fades in over
the one before, which stays behind it and fills what it does not see; behind both stands what was seen in each
direction so far, blurred, as the world's sky.
"""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from vrgen.config import StartConfig
from vrgen.contract import ViewOutput
from vrgen.geometry import Array, multiply, pitch_quat, transform, yaw_quat
from vrgen.levels import smaller_radiance
from vrgen.messages import InputValue, Output, Person, Request, Tracked, Wish
from vrgen.room import world_from_room
from vrgen.scene import relief as r
from vrgen.scene.colours import Lost, linear
from vrgen.scene.fading import Fading
from vrgen.scene.governor import MOST_PER_S, displayed
from vrgen.scene.light import directions, light_of
from vrgen.scene_model import F32, Relief, Shot, ShotLayer, Sky, new_id

MOST_CELLS = 256
"""Rows and columns of a frame's shape."""
FADE_S = 0.15
REACH_M = 0.5
"""So far a person gets, at most, before the next frame comes."""
HALF_WIDTH = math.tan(math.radians(50.0))
"""Of what is asked for, one metre before the camera."""
STILL_M, STILL = 0.02, 0.02
"""Who has moved less than that, and turned less (radians), sees the same."""
PATIENCE_S = 8.0
_AROUND = (64, 128)
_GROWN, _CHANGED = 0.05, 0.03
"""A sky of what was seen is made anew when so much more of it was seen, or when it has changed so much."""
_NOTHING = Shot(
    new_id(), np.zeros((1, 1, 3), np.float16), np.zeros((1, 1, 4), np.float16),
    np.zeros((1, 1, 4), np.float16), np.eye(4), (-1.0, 1.0, -1.0, 1.0),
)  # fmt: skip


# --- asking -----------------------------------------------------------------------------------------------


def head_of(person: Person, tracked: Tracked | None) -> Array:
    """(4, 4) `world_from_head`."""
    if tracked is not None and tracked.valid:
        return world_from_room(person) @ tracked.head_room.matrix()
    x, y, z = person.feet_world
    turn = multiply(yaw_quat(person.yaw_rad + person.head_yaw_rad), pitch_quat(person.pitch_rad))
    return transform((x, y + person.eye_height_m, z), turn)


class Looking:
    """Owner of what is asked for from where the person looks: of each generator one request at a time, and the
    next with the newest pose as soon as it is answered."""

    def __init__(self) -> None:
        self._open: dict[str, Request] = {}
        self._last: dict[str, Request] = {}
        self._rests: set[str] = set()
        self.stamp = 0
        """Goes up with every change of `requests`."""

    def requests(self, wishes: Iterable[Wish], world_from_head: Array, time_s: float) -> list[Request]:
        """Of those that take a camera. One that was answered is left out once, or it would not be asked again."""
        asked = []
        for wish in wishes:
            name = wish.generator
            request = self._open.get(name)
            current = request is not None and (request.epoch, request.revision) == (wish.epoch, wish.revision)
            if request is not None and (not current or time_s - request.time_s > PATIENCE_S):
                del self._open[name]
                self._rests.add(name)
                self.stamp += 1
            if name in self._rests:
                self._rests.discard(name)
                continue
            if name not in self._open:
                last = self._last.get(name)
                seen = last is not None and (last.epoch, last.revision) == (wish.epoch, wish.revision)
                if (
                    seen
                    and last is not None
                    and not wish.lively
                    and _near(last.inputs[wish.camera], world_from_head)
                ):
                    continue
                inputs = {**wish.inputs, **camera_inputs(wish, world_from_head)}
                self._open[name] = Request(name, wish.epoch, wish.revision, inputs, None, 0, wish.seed, time_s)
                self.stamp += 1
            asked.append(self._open[name])
        return asked

    def answered(self, request: Request) -> None:
        """A result has come."""
        if self._open.pop(request.generator, None) is not None:
            self._rests.add(request.generator)
            self.stamp += 1
        self._last[request.generator] = request


def camera_inputs(wish: Wish, world_from_head: Array) -> dict[str, InputValue]:
    """`world_from_camera` and the half angles left, right, up, down that go with it."""
    high = math.atan(HALF_WIDTH * wish.view_px[0] / wish.view_px[1])
    wide = math.atan(HALF_WIDTH)
    fov = np.array([[-wide, wide, high, -high]], np.float32)
    return {wish.camera: world_from_head.astype(np.float32)[None], f"{wish.camera}.fov": fov}


def _near(camera: InputValue, world_from_head: Array) -> bool:
    apart = np.abs(camera.reshape(4, 4) - world_from_head)
    return bool(apart[:3, 3].max() < STILL_M and apart[:3, :3].max() < STILL)


# --- what comes -------------------------------------------------------------------------------------------


def shot_of(output: Output, inputs: Mapping[str, InputValue], start: StartConfig) -> Shot:
    """A view output, from the camera that was asked for; without one, from the eyes of who stands at the start.

    Raises:
        Lost: it was arriving and will not (colours.py); while it arrives, this waits.
    """
    assert isinstance(output.spec, ViewOutput)
    metres = output.arrays["depth"]
    if output.arrival is not None and not output.arrival.wait(metres):
        raise Lost
    radiance = linear(output.arrays[""], output.spec.range, output.arrival)
    world_from_camera = transform((start.x_m, 1.7, start.z_m), yaw_quat(math.radians(start.yaw_deg)))
    height, width = radiance.shape[:2]
    tangents = (-HALF_WIDTH, HALF_WIDTH, -HALF_WIDTH * height / width, HALF_WIDTH * height / width)
    for name, fov in inputs.items():
        if name.endswith(".fov"):
            world_from_camera = inputs[name.removesuffix(".fov")].reshape(4, 4).astype(np.float64)
            left, right, up, down = (math.tan(angle) for angle in fov.ravel().tolist())
            tangents = (left, right, down, up)
    size = (min(height, MOST_CELLS), min(width, MOST_CELLS))
    pixels = 1.0 / np.clip(metres[0].astype(np.float32), r.NEAREST_M, r.FARTHEST_M)
    reach_m = min(REACH_M, r.REACH / float(np.percentile(pixels, 98)))
    least = r.SEEN * (tangents[1] - tangents[0]) / size[1] / reach_m
    nearness = r.nearest(pixels, size, least)
    far, filled = r.grown(nearness, r.means(radiance, size), least, wraps=False)
    back = np.concatenate([filled, far[..., None]], axis=-1).astype(np.float16)
    front = r.torn(nearness, least, wraps=False).astype(np.float16)
    return Shot(new_id(), radiance, front, back, world_from_camera, tangents, smaller_radiance(radiance))


class Surroundings:
    """Owner of what was seen in each direction of one world, as a panorama; the rest is filled from around."""

    def __init__(self) -> None:
        self._epoch = -1
        self._forget()
        self._directions = directions(*_AROUND)[0]

    def _forget(self) -> None:
        self._seen, self._told = np.zeros(_AROUND, np.bool_), 0.0
        self._radiance, self._shown = np.zeros((*_AROUND, 3), np.float32), np.zeros((*_AROUND, 3), np.float32)

    def add(self, shot: Shot, epoch: int) -> tuple[Sky | None, float]:
        """A sky, if it is worth a new one; and by how much of the greatest displayed luminance, at most, what was
        seen before has changed."""
        if epoch != self._epoch:
            self._epoch = epoch
            self._forget()
        ray = self._directions @ shot.world_from_camera[:3, :3].astype(np.float32)
        ahead = np.maximum(-ray[..., 2], 1e-6)
        left, right, down, up = shot.tangents
        u, v = (ray[..., 0] / ahead - left) / (right - left), (up - ray[..., 1] / ahead) / (up - down)
        inside = (ray[..., 2] < 0) & (u >= 0) & (u < 1) & (v >= 0) & (v < 1)
        small = r.means(shot.radiance, (min(48, len(shot.radiance)), min(48, shot.radiance.shape[1])))
        rows, columns = (v[inside] * small.shape[0]).astype(int), (u[inside] * small.shape[1]).astype(int)
        now = small[rows, columns]
        change = self._change(now, inside)
        self._radiance[inside] = now
        self._seen |= inside
        share, off = float(self._seen.mean()), float(np.abs(self._radiance - self._shown)[self._seen].mean())
        if share < self._told + _GROWN and off < _CHANGED * max(float(self._radiance[self._seen].mean()), 1e-6):
            return None, change
        self._told, self._shown = share, self._radiance.copy()
        radiance = filled(self._radiance, self._seen).astype(np.float16)
        smaller = smaller_radiance(radiance)
        return Sky(new_id(), radiance, light_of(radiance, smaller), _everywhere_far(), smaller), change

    def _change(self, now: F32, inside: np.ndarray) -> float:
        known = self._seen[inside]
        if not known.any():
            return 1.0
        before, exposure = self._radiance[inside][known], light_of(self._radiance).exposure
        apart = displayed(before * exposure) - displayed(now[known] * exposure)
        return float(np.abs(apart).max())


def filled(picture: F32, known: np.ndarray) -> F32:
    """(H, W, 3): what is not known is what lies around it, ever coarser (push and pull). Sides: powers of two."""
    weight = known.astype(np.float32)[..., None]
    if known.all() or min(known.shape) == 1:
        mean = (picture * weight).sum((0, 1)) / max(float(weight.sum()), 1e-6)
        return np.where(weight > 0, picture, mean)
    h, w = known.shape[0] // 2, known.shape[1] // 2
    some = weight.reshape(h, 2, w, 2, 1).sum((1, 3))
    coarse = (picture * weight).reshape(h, 2, w, 2, 3).sum((1, 3)) / np.maximum(some, 1e-6)
    smooth = filled(coarse, some[..., 0] > 0)
    for axis in (0, 1):  # between the middles of the coarse ones
        edge = np.pad(smooth, [(1, 1) if i == axis else (0, 0) for i in range(3)], "wrap" if axis else "edge")
        first, last = (np.take(edge, range(k, k + smooth.shape[axis]), axis) for k in (0, 2))
        pair = np.stack([0.75 * smooth + 0.25 * first, 0.75 * smooth + 0.25 * last], axis + 1)
        shape = list(smooth.shape)
        shape[axis] *= 2
        smooth = pair.reshape(shape)
    return np.where(weight > 0, picture, smooth)


def _everywhere_far() -> Relief:
    """Around the person wherever they are, with a floor of its own."""
    nothing = np.zeros((r.ROWS, r.COLUMNS, 4), np.float16)
    return Relief(nothing, nothing, 0.0, 1.7)


class Views:
    """Owner of the frames that are seen: the newest, on its way, over the one before, over the one before that."""

    def __init__(self) -> None:
        self._fading = Fading(_NOTHING)
        self._before = _NOTHING
        self._layers: tuple[ShotLayer, ...] = ()

    def offer(self, shot: Shot, change: float) -> None:
        """A newer one was made; what waited before it is never shown. `change`: of displayed luminance by it."""
        self._fading.offer(shot, False, max(FADE_S, change / MOST_PER_S))

    def advance(self, resident: frozenset[int], may_begin: bool, dt_s: float) -> tuple[ShotLayer, ...]:
        """One frame on: oldest first. The same object while nothing changes."""
        if self.still:
            return self._layers
        shown = self._fading.fade.shown
        fade = self._fading.advance(resident, may_begin, dt_s)
        if fade.shown is not shown:
            self._before = shown
        rows = [(self._before, 1.0), (fade.shown, 1.0)]
        if fade.arriving is not None:
            rows.append((fade.arriving, fade.weight))
        layers = tuple(ShotLayer(shot, weight) for shot, weight in rows if shot is not _NOTHING)
        if layers != self._layers:
            self._layers = layers
        return self._layers

    @property
    def waiting(self) -> tuple[Shot, ...]:
        """To be uploaded ahead."""
        return () if self._fading.waiting is None else (self._fading.waiting,)

    def ready(self, resident: frozenset[int]) -> bool:
        """Whether nothing waits that is not on the GPU yet."""
        return self._fading.ready(resident)

    @property
    def still(self) -> bool:
        """Whether nothing is on its way or waits."""
        return self._fading.fade.arriving is None and self._fading.waiting is None

"""What is seen of the person themself: what they hold, where they point, what dims their sight."""

from collections.abc import Mapping

import numpy as np

from vrgen import room
from vrgen.geometry import Array, Vec3
from vrgen.messages import HAND_BUTTONS, Controls, Hand, Intent, Person, Side
from vrgen.scene.picking import ray_end
from vrgen.scene.trip import Trip
from vrgen.scene.walking import Height
from vrgen.scene_model import NOBODY, HeldModel, Mark, Objects, Presence

_NOTHING: Mapping[Side, Vec3] = {}
_EMPTY = Objects()


def present(
    person: Person,
    trip: Trip,
    controls: Controls,
    intent: Intent,
    height: Height,
    at: tuple[float, float],
    pointed: Mapping[Side, Vec3] = _NOTHING,
    labelled: bool = False,
    mark: Mark | None = None,
    objects: Objects = _EMPTY,
    origin: Vec3 = (0.0, 0.0, 0.0),
) -> Presence:
    """The person's own things this frame; on a flat display only the mark on what was picked.

    `at`: how far the latent is morphed, standard deviations. `pointed`: what a hand's ray meets on a panel, metres
    in the world. `labelled`: controllers show what their buttons do also while nobody looks at them. `objects`,
    relative to `origin`: where rays end.
    """
    tracked = controls.tracked
    if tracked is None:
        return NOBODY if mark is None else Presence(mark=mark)
    in_world = room.world_from_room(person)
    bare = [hand for hand in tracked.hands if hand.joints_room is not None]
    held = [hand for hand in tracked.hands if hand.grip_room is not None and hand.joints_room is None]
    return Presence(
        held=tuple(_held(hand, in_world, controls, labelled or hand.side in trip.read) for hand in held),
        joints=tuple(_joints(hand.joints_room, in_world) for hand in bare if hand.joints_room is not None),
        rays=tuple(
            ray
            for hand in tracked.hands
            if intent.aim != hand.side
            for ray in _rays(hand, in_world, controls, height, pointed, objects, origin)
        ),
        arc=trip.arc.points if trip.arc is not None else None,
        landing=trip.arc.landing if trip.arc is not None else None,
        mark=mark,
        map_at=_placed(in_world, trip.map.at_room) if trip.map is not None else None,
        map_dot=at,
        vignette=trip.vignette,
        fade=max(trip.blink, trip.lost),
    )


def _held(hand: Hand, world_from_room: Array, controls: Controls, labelled: bool) -> HeldModel:
    assert hand.grip_room is not None
    theirs = {
        name.removeprefix(f"{hand.side}.").removeprefix("hand.")
        for name in controls.held & HAND_BUTTONS
        if name.startswith((f"{hand.side}.", "hand."))
    }
    world_from_grip = world_from_room @ hand.grip_room.matrix()
    return HeldModel(hand.model, hand.side, world_from_grip, frozenset(theirs), labelled, hand.labels)


def _joints(joints_room: Array, world_from_room: Array) -> Array:
    joints = np.array(joints_room, np.float64)
    joints[:, :3] = joints[:, :3] @ world_from_room[:3, :3].T + world_from_room[:3, 3]
    return joints


def _rays(
    hand: Hand,
    world_from_room: Array,
    controls: Controls,
    height: Height,
    pointed: Mapping[Side, Vec3],
    objects: Objects,
    origin: Vec3,
) -> list[tuple[Vec3, Vec3]]:
    """A hand's ray is seen while it points at a panel, and while its trigger is down."""
    aim = hand.aim_room
    if aim is None:
        return []
    if hand.side in pointed:
        return [(_placed(world_from_room, aim.position), pointed[hand.side])]
    if f"{hand.side}.pick" in controls.held:
        end = ray_end(world_from_room @ aim.matrix(), height, objects, origin)
        return [(_placed(world_from_room, aim.position), end)]
    return []


def _placed(world_from_room: Array, at_room: Vec3) -> Vec3:
    (a, b, c, x), (d, e, f, y), (g, h, i, z), _ = world_from_room.tolist()
    u, v, w = at_room
    return a * u + b * v + c * w + x, d * u + e * v + f * w + y, g * u + h * v + i * w + z

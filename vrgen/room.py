"""Where the room of a headset lies in the world.

The *room* is the runtime's floor space: +Y up, metres, its origin wherever the runtime put it. The person's feet
are under the head: walking about in the room moves them in the world, turning by stick turns the room about them.
A person on a flat display has no room (`person.room` is 0).
"""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from vrgen.geometry import Array, yaw_of
from vrgen.messages import Person, Tracked


@lru_cache(maxsize=2)
def world_from_room(person: Person) -> Array:
    """(4, 4), read-only: the room's floor lies at the height of the feet, or `person.lift_m` over it; the head
    above them."""
    feet_x, feet_y, feet_z = person.feet_world
    x, _, z = person.head_room
    cos, sin = math.cos(person.yaw_rad), math.sin(person.yaw_rad)
    made = np.array(
        [
            [cos, 0.0, sin, feet_x - cos * x - sin * z],
            [0.0, 1.0, 0.0, feet_y + person.lift_m],
            [-sin, 0.0, cos, feet_z + sin * x - cos * z],
            [0.0, 0.0, 0.0, 1.0],
        ],
        np.float64,
    )
    made.flags.writeable = False  # several ask for it in every frame, and get the same
    return made


def entered(person: Person, tracked: Tracked | None) -> Person:
    """The person in the room that they are now in; where that has changed they keep place and heading.

    From window to headset, from headset to window, from one room to a recentred one.
    """
    if tracked is None:
        if not person.room:
            return person
        return replace(
            person,
            yaw_rad=_wrapped(person.yaw_rad + person.head_yaw_rad),
            room=0,
            head_room=(0.0, 0.0, 0.0),
            head_yaw_rad=0.0,
            lift_m=0.0,
        )
    if tracked.room == person.room or not tracked.valid:
        return person
    heading = person.yaw_rad + person.head_yaw_rad
    head_yaw_rad = yaw_of(tracked.head_room.rotation)
    return replace(
        person,
        yaw_rad=_wrapped(heading - head_yaw_rad),
        pitch_rad=0.0,
        room=tracked.room,
        head_room=tracked.head_room.position,
        head_yaw_rad=head_yaw_rad,
    )


def stepped(person: Person, tracked: Tracked) -> tuple[Person, tuple[float, float]]:
    """The person after the head has moved in the room, and how far the feet went: (x, z) metres in the world."""
    if tracked.room != person.room or not tracked.valid:
        return person, (0.0, 0.0)
    x, y, z = tracked.head_room.position
    head_yaw_rad = yaw_of(tracked.head_room.rotation)
    if (x, y, z) == person.head_room and head_yaw_rad == person.head_yaw_rad:
        return person, (0.0, 0.0)
    dx, dz = x - person.head_room[0], z - person.head_room[2]
    cos, sin = math.cos(person.yaw_rad), math.sin(person.yaw_rad)
    moved = replace(person, head_room=(x, y, z), head_yaw_rad=head_yaw_rad)
    return moved, (cos * dx + sin * dz, -sin * dx + cos * dz)


def _wrapped(yaw_rad: float) -> float:
    return (yaw_rad + math.pi) % (2 * math.pi) - math.pi

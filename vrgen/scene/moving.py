"""The person on a headset: what head and sticks do to where they are. On a flat display they simply walk.

Who walks about in their room is never held up, whatever stands in the world: the picture goes with the head. Only
walking by stick is. Turning goes about the head, and nothing turns or tilts but what the person turned.
"""

import math
from dataclasses import replace

from vrgen.geometry import Vec3
from vrgen.messages import Action, Intent, Person, Tracked
from vrgen.room import entered, stepped
from vrgen.scene.walking import STEEPEST, Height, walk
from vrgen.scene_model import Objects

_NOTHING = Objects()
_SITS_BELOW_M = 1.4
"""Who recentres with the head lower than this sits."""


def moved(
    person: Person,
    tracked: Tracked | None,
    intent: Intent,
    height: Height,
    objects: Objects,
    dt_s: float,
    origin: Vec3 = (0.0, 0.0, 0.0),
) -> tuple[Person, float]:
    """The person after a frame, and how fast they went other than by their own body: m/s, up and down counted.

    `height(x, z)`: metres, None where there is no ground. `intent.walk_mps` goes by the person's yaw, which on a
    headset is the room's.
    """
    person = entered(person, tracked)
    if Action.RECENTRE in intent.actions:
        person = recentred(person)
    if tracked is None:
        after = walk(person, intent, height, objects, dt_s, origin)
    else:
        person, (dx, dz) = stepped(person, tracked)
        if dx or dz:
            person = replace(person, feet_world=_followed(person.feet_world, dx, dz, height))
        if intent.turn_rad[1]:
            intent = replace(intent, turn_rad=(intent.turn_rad[0], 0.0))
        # Who stands where a thing grows, or steps into one, is pushed out of it only once they walk by stick.
        after = walk(person, intent, height, objects if any(intent.walk_mps) else _NOTHING, dt_s, origin)
    way = math.dist(after.feet_world, person.feet_world)
    return after, way / dt_s if dt_s > 0 else 0.0


def recentred(person: Person) -> Person:
    """Looking straight ahead; on a headset who sits is lifted to full height, and let down again."""
    if not person.room:
        return replace(person, pitch_rad=0.0)
    sits = not person.lift_m and person.head_room[1] < _SITS_BELOW_M
    return replace(person, lift_m=person.eye_height_m - person.head_room[1] if sits else 0.0)


def landed(person: Person, landing: Vec3, height: Height) -> Person:
    """The person with their feet at `landing`, on what is ground there now: where in the room they are, and how
    they look, stays."""
    x, y, z = landing
    land = height(x, z)
    return replace(person, feet_world=(x, y if land is None else land, z), fall_mps=0.0)


def _followed(feet: Vec3, dx: float, dz: float, height: Height) -> Vec3:
    """The feet a step further, up and down slopes with the ground; what is steeper is left to `walk`."""
    x, y, z = feet
    before, after = height(x, z), height(x + dx, z + dz)
    if before is not None and after is not None:
        most = STEEPEST * math.hypot(dx, dz)
        y += min(max(after - before, -most), most)
    return (x + dx, y, z + dz)

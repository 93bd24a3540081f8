"""What a headset's person is in the middle of: aiming, teleporting, dragging; and how far their sight is dimmed.

The picture moves with nothing but the head, or narrows while it does, or is black.
"""

import math
from dataclasses import dataclass, replace

from vrgen.geometry import Vec3, ahead_of
from vrgen.messages import Hand, Intent, Person, Side, Tracked
from vrgen.room import world_from_room
from vrgen.scene.moving import landed, moved
from vrgen.scene.teleport import Arc, thrown
from vrgen.scene.walking import Height
from vrgen.scene_model import Objects

OUT_S, IN_S = 0.10, 0.15
"""How long a teleport takes to black, and back."""
LOST_S = 0.3
"""The same when tracking is lost, and found."""
NARROW_S = 0.15
NARROW_MPS, NARROW_RADPS = 1.6, 1.0
"""A motion as fast as this narrows the sight fully."""
_UNSEEN = 0.05
"""Less is as good as standing."""
_SNAP_RADPS = 8.0
"""A turn that is faster is done in one frame: nobody sees it move."""
_READ_RAD, _STILL_READ_RAD = 0.25, 0.4
_READ_M = 0.9
"""A controller that is looked at from so near shows what its buttons do, until one looks well away."""


@dataclass(frozen=True, slots=True)
class Map:
    """Where the small map of the latent stands: where the drag began, in the room."""

    side: Side
    room: int
    at_room: Vec3


@dataclass(frozen=True, eq=False, slots=True)
class Trip:
    """What goes on from frame to frame."""

    arc: Arc | None = None
    """Of the teleport that is aimed, as it was shown last."""
    bound_for: Vec3 | None = None
    """Where the person will be as soon as it is black, metres, world."""
    blink: float = 0.0
    """0 clear to 1 black, for a teleport."""
    lost: float = 0.0
    """The same, for tracking."""
    vignette: float = 0.0
    map: Map | None = None
    read: frozenset[Side] = frozenset()
    """Hands whose controller the person looks at."""


AT_REST = Trip()


def travelled(
    person: Person,
    trip: Trip,
    tracked: Tracked | None,
    intent: Intent,
    height: Height,
    objects: Objects,
    dt_s: float,
    origin: Vec3 = (0.0, 0.0, 0.0),
    vignette: bool = True,
) -> tuple[Person, Trip]:
    """A frame on: where the person is, and what they are in the middle of.

    On a flat display, and while nobody is tracked, that is nothing.
    """
    if trip.bound_for is not None:
        intent = replace(intent, walk_mps=(0.0, 0.0))
    room = person.room
    person, speed_mps = moved(person, tracked, intent, height, objects, dt_s, origin)
    if tracked is None:
        return person, AT_REST
    bound_for = trip.bound_for
    if intent.go is not None and bound_for is None and trip.arc is not None:
        bound_for = trip.arc.landing
    blink = eased(trip.blink, 1.0 if bound_for is not None else 0.0, dt_s / (OUT_S if bound_for else IN_S))
    if bound_for is not None and blink >= 1.0:
        person, bound_for = landed(person, bound_for, height), None
    moves = vignette and room == person.room
    return person, Trip(
        arc=_aimed(person, tracked, intent, height, objects, origin),
        bound_for=bound_for,
        blink=blink,
        lost=eased(trip.lost, 0.0 if tracked.valid else 1.0, dt_s / LOST_S),
        vignette=eased(trip.vignette, _narrow(speed_mps, intent, dt_s) if moves else 0.0, dt_s / NARROW_S),
        map=_map(trip.map, tracked, intent),
        read=frozenset(hand.side for hand in tracked.hands if _is_read(hand, tracked, hand.side in trip.read)),
    )


def eased(now: float, towards: float, step: float) -> float:
    """A weight, `step` nearer to another."""
    return min(now + step, towards) if towards > now else max(now - step, towards)


def _narrow(speed_mps: float, intent: Intent, dt_s: float) -> float:
    """How narrow the sight should be, by how fast the person is moved and turned."""
    if dt_s <= 0:
        return 0.0
    turned = abs(intent.turn_rad[0]) / dt_s
    narrow = max(speed_mps / NARROW_MPS, turned / NARROW_RADPS if turned < _SNAP_RADPS else 0.0)
    return min(narrow, 1.0) if narrow > _UNSEEN else 0.0


def _aimed(
    person: Person, tracked: Tracked, intent: Intent, height: Height, objects: Objects, origin: Vec3
) -> Arc | None:
    hand = next((hand for hand in tracked.hands if hand.side == intent.aim), None)
    if hand is None or hand.aim_room is None:
        return None
    return thrown(world_from_room(person) @ hand.aim_room.matrix(), height, objects, origin)


def _map(before: Map | None, tracked: Tracked, intent: Intent) -> Map | None:
    if intent.drag is None:
        return None
    if before is not None and (before.side, before.room) == (intent.drag, tracked.room):
        return before
    hand = next((hand for hand in tracked.hands if hand.side == intent.drag), None)
    if hand is None or hand.grip_room is None:
        return None
    return Map(intent.drag, tracked.room, hand.grip_room.position)


def _is_read(hand: Hand, tracked: Tracked, was: bool) -> bool:
    """Whether the person looks at what they hold. Who does is not taken to look away by every glance."""
    if hand.grip_room is None:
        return False
    eyes = tracked.gaze_room or tracked.head_room
    far = math.dist(hand.grip_room.position, eyes.position)
    if not 0.01 < far < _READ_M:
        return False
    way = zip(ahead_of(eyes.rotation), hand.grip_room.position, eyes.position)
    along = sum(ahead * (hand - eye) for ahead, hand, eye in way) / far
    return along > math.cos(_STILL_READ_RAD if was else _READ_RAD)

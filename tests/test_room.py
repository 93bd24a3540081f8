"""The room of a headset in the world: entering, leaving and recentring move nobody; steps go with the head."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrgen.geometry import Array, Pose, Vec3, multiply, pitch_quat, yaw_quat
from vrgen.messages import Person, Tracked
from vrgen.room import entered, stepped, world_from_room

angles = st.floats(-3.1, 3.1)
places = st.tuples(*[st.floats(-50, 50)] * 3)
heads = st.builds(
    lambda x, y, z, yaw, pitch: Pose((x, y, z), multiply(yaw_quat(yaw), pitch_quat(pitch))),
    *(st.floats(-3, 3), st.floats(0.3, 2.2), st.floats(-3, 3), angles, st.floats(-1.4, 1.4)),
)


def person_at(feet: Vec3, yaw: float) -> Person:
    return Person(feet, yaw)


people = st.builds(person_at, places, angles)


def head_world(person: Person, head: Pose) -> Array:
    """(4, 4) `world_from_head`."""
    return np.asarray(world_from_room(person) @ head.matrix())


def heading(world_from_head: Array) -> float:
    return math.atan2(world_from_head[0, 2], world_from_head[2, 2])


def turned(a: float, b: float) -> float:
    """How far one heading is from another."""
    return abs((a - b + math.pi) % (2 * math.pi) - math.pi)


@given(people, heads)
def test_entering_keeps_place_and_heading(person: Person, head: Pose) -> None:
    inside = entered(person, Tracked(head))
    seen = head_world(inside, head)
    x, y, z = person.feet_world
    assert seen[:3, 3] == pytest.approx((x, y + head.position[1], z), abs=1e-9)
    assert turned(heading(seen), person.yaw_rad) < 1e-6
    outside = entered(inside, None)
    assert outside.feet_world == person.feet_world
    assert turned(outside.yaw_rad, person.yaw_rad) < 1e-6
    assert outside.room == 0


@given(people, heads, heads)
def test_a_recentred_room_keeps_place_and_heading(person: Person, before: Pose, after: Pose) -> None:
    inside = entered(person, Tracked(before, room=1))
    again = entered(inside, Tracked(after, room=2))
    was, now = head_world(inside, before), head_world(again, after)
    assert now[[0, 2], 3] == pytest.approx(was[[0, 2], 3], abs=1e-9)
    assert turned(heading(now), heading(was)) < 1e-6
    assert entered(again, Tracked(before, room=2)) == again


@given(people, heads, heads)
def test_the_feet_go_with_the_head(person: Person, before: Pose, after: Pose) -> None:
    inside = entered(person, Tracked(before))
    moved, (dx, dz) = stepped(inside, Tracked(after))
    x, y, z = moved.feet_world
    there = Person((x + dx, y, z + dz), moved.yaw_rad, room=1, head_room=moved.head_room)
    # The room lies in the world as it did, so the head is where the old room says.
    assert world_from_room(there) == pytest.approx(world_from_room(inside), abs=1e-9)
    assert head_world(there, after)[:3, 3] == pytest.approx(head_world(inside, after)[:3, 3], abs=1e-9)
    assert head_world(there, after)[[0, 2], 3] == pytest.approx((x + dx, z + dz), abs=1e-9)


@given(people, heads, heads)
def test_who_is_lost_stays(person: Person, before: Pose, after: Pose) -> None:
    inside = entered(person, Tracked(before))
    lost = Tracked(after, valid=False)
    assert entered(inside, lost) == inside
    assert stepped(inside, lost) == (inside, (0.0, 0.0))
    assert entered(person, Tracked(after, valid=False, room=3)) == person


def test_a_lifted_room_lies_above_the_feet() -> None:
    sat = Person((1.0, 2.0, 3.0), room=1, head_room=(0.0, 1.2, 0.0), lift_m=0.5)
    assert head_world(sat, Pose((0.0, 1.2, 0.0)))[:3, 3] == pytest.approx((1.0, 3.7, 3.0))

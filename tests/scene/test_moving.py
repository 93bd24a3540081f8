"""A headset's person: steps of their own are never held up, sticks are; turning goes about the head."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrgen.geometry import Array, Pose, Vec3, yaw_quat
from vrgen.messages import Action, Intent, Person, Tracked
from vrgen.room import world_from_room
from vrgen.scene.moving import landed, moved
from vrgen.scene_model import INSTANCE, Objects

DT_S = 1 / 90
NOTHING = Objects()
AHEAD = Intent(walk_mps=(0.0, 1.6))
angles = st.floats(-3.1, 3.1)
spots = st.tuples(st.floats(-3, 3), st.floats(0.5, 2.0), st.floats(-3, 3))


def flat(x: float, z: float) -> float:
    return 0.0


def hills(x: float, z: float) -> float:
    return 0.8 * math.sin(x * 0.5) + 0.8 * math.sin(z * 0.4 + 1)


def wall(x: float, z: float) -> float:
    return 5.0 if z < -1.0 else 0.0


def boulder(x: float, z: float) -> Objects:
    instances = np.zeros(1, INSTANCE)
    instances["position"] = (x, 0, z)
    instances["scale"], instances["stands"] = 2.0, 1.0
    return Objects(instances=instances)


def head_world(person: Person, head: Pose) -> Array:
    return np.asarray((world_from_room(person) @ head.matrix())[:3, 3])


@given(spots, angles, angles, angles)
def test_turning_goes_about_the_head(at: Vec3, yaw: float, head_yaw: float, turn: float) -> None:
    head = Pose(at, yaw_quat(head_yaw))
    person, _ = moved(Person(yaw_rad=yaw), Tracked(head), Intent(), flat, NOTHING, DT_S)
    turned, speed = moved(person, Tracked(head), Intent(turn_rad=(turn, 0.3)), flat, NOTHING, DT_S)
    assert head_world(turned, head) == pytest.approx(head_world(person, head), abs=1e-9)
    assert turned.pitch_rad == 0
    assert speed == pytest.approx(0, abs=1e-9)
    back, _ = moved(turned, Tracked(head), Intent(turn_rad=(-turn, 0.0)), flat, NOTHING, DT_S)
    assert world_from_room(back) == pytest.approx(world_from_room(person), abs=1e-6)


@given(st.lists(st.tuples(st.floats(-0.02, 0.02), st.floats(-0.02, 0.02)), max_size=80), angles)
def test_steps_of_ones_own_go_anywhere_and_follow_the_ground(steps: list[tuple[float, float]], yaw: float) -> None:
    spot = (0.0, 1.6, 0.0)
    first = Person((0.0, hills(0, 0), 0.0), yaw_rad=yaw)
    person, _ = moved(first, Tracked(Pose(spot)), Intent(), hills, NOTHING, DT_S)
    in_way = boulder(0.0, 0.0)
    room = world_from_room(person)
    for dx, dz in steps:
        spot = (spot[0] + dx, 1.6, spot[2] + dz)
        person, speed = moved(person, Tracked(Pose(spot)), Intent(), hills, in_way, DT_S)
        x, y, z = person.feet_world
        assert y == pytest.approx(hills(x, z), abs=0.01)
        assert (x, z) == pytest.approx(tuple((room @ (*spot, 1.0))[[0, 2]]), abs=1e-6)
        assert speed <= 0.01 / DT_S
    assert person.head_room == spot


def test_a_quick_step_on_a_slope_is_on_the_ground_at_once() -> None:
    def slope(x: float, z: float) -> float:
        return -0.7 * z

    person, _ = moved(Person(), Tracked(Pose((0.0, 1.6, 0.0))), Intent(), slope, NOTHING, DT_S)
    for number in range(1, 60):
        tracked = Tracked(Pose((0.0, 1.6, -0.03 * number)))
        person, speed = moved(person, tracked, Intent(), slope, NOTHING, DT_S)
        assert person.feet_world[1] == pytest.approx(0.021 * number)
        assert speed == pytest.approx(0, abs=1e-6)


def test_a_stick_is_held_up_where_a_step_is_not() -> None:
    here = Pose((0.0, 1.6, 0.0))
    person, _ = moved(Person(), Tracked(here), Intent(), wall, NOTHING, DT_S)
    for _ in range(270):
        person, _ = moved(person, Tracked(here), AHEAD, wall, NOTHING, DT_S)
    assert person.feet_world[2] > -1.0
    for n in range(150):
        person, _ = moved(person, Tracked(Pose((0.0, 1.6, -0.01 * n))), Intent(), wall, NOTHING, DT_S)
    assert person.feet_world[2] < -1.2
    assert person.feet_world[1] == pytest.approx(5.0, abs=0.01)


def test_who_stands_in_a_thing_is_not_pushed_until_they_walk_by_stick() -> None:
    tracked = Tracked(Pose((0.0, 1.6, 0.0)))
    person, _ = moved(Person(), tracked, Intent(), flat, boulder(0.1, 0.0), DT_S)
    for _ in range(90):
        person, speed = moved(person, tracked, Intent(), flat, boulder(0.1, 0.0), DT_S)
        assert speed == 0
    assert person.feet_world == (0.0, 0.0, 0.0)
    stone = boulder(0.1, 0.0)
    for _ in range(90):
        person, _ = moved(person, tracked, Intent(walk_mps=(-1.0, 0.0)), flat, stone, DT_S)
    assert person.feet_world[0] < -0.5


def test_walking_by_stick_has_a_speed_and_steps_have_none() -> None:
    person, _ = moved(Person(), Tracked(Pose((0.0, 1.6, 0.0))), Intent(), flat, NOTHING, DT_S)
    _, walked = moved(person, Tracked(Pose((0.0, 1.6, 0.0))), AHEAD, flat, NOTHING, DT_S)
    assert walked == pytest.approx(1.6)
    _, stepped = moved(person, Tracked(Pose((0.02, 1.6, 0.0))), Intent(), flat, NOTHING, DT_S)
    assert stepped == pytest.approx(0, abs=1e-9)


@given(spots, angles, st.tuples(st.floats(-20, 20), st.floats(-20, 20)))
def test_landing_keeps_the_place_in_the_room(at: Vec3, yaw: float, to: tuple[float, float]) -> None:
    head = Pose(at)
    person, _ = moved(Person(yaw_rad=yaw), Tracked(head), Intent(), flat, NOTHING, DT_S)
    there = landed(person, (to[0], 99.0, to[1]), hills)
    assert there.feet_world == (to[0], hills(*to), to[1])
    assert head_world(there, head) == pytest.approx((to[0], hills(*to) + at[1], to[1]), abs=1e-9)
    assert world_from_room(there)[:3, :3] == pytest.approx(world_from_room(person)[:3, :3])


def test_who_sits_recentres_to_full_height_and_back() -> None:
    sits, stands = Tracked(Pose((0.0, 1.15, 0.0))), Tracked(Pose((0.0, 1.75, 0.0)))
    recentre = Intent(actions=(Action.RECENTRE,))
    person, _ = moved(Person(), sits, Intent(), flat, NOTHING, DT_S)
    raised, _ = moved(person, sits, recentre, flat, NOTHING, DT_S)
    assert head_world(raised, sits.head_room)[1] == pytest.approx(person.eye_height_m)
    assert moved(raised, sits, recentre, flat, NOTHING, DT_S)[0].lift_m == 0
    tall, _ = moved(Person(), stands, Intent(), flat, NOTHING, DT_S)
    assert moved(tall, stands, recentre, flat, NOTHING, DT_S)[0].lift_m == 0
    window, _ = moved(raised, None, Intent(), flat, NOTHING, DT_S)
    assert window.lift_m == 0


def test_recentring_a_window_looks_straight_ahead() -> None:
    person, _ = moved(Person(pitch_rad=0.7), None, Intent(actions=(Action.RECENTRE,)), flat, NOTHING, DT_S)
    assert person.pitch_rad == 0


def test_where_there_is_no_ground_the_head_still_leads() -> None:
    person, _ = moved(Person(), Tracked(Pose((0.0, 1.6, 0.0))), Intent(), lambda x, z: None, NOTHING, DT_S)
    after, _ = moved(person, Tracked(Pose((0.5, 1.6, 0.0))), AHEAD, lambda x, z: None, NOTHING, DT_S)
    assert after.feet_world == pytest.approx((0.5, 0.0, 0.0))
    assert replace(after, head_room=person.head_room, feet_world=person.feet_world) == person

"""Where the panel stands and where hands point at it, against plain geometry."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vrgen.feedback import hanging
from vrgen.feedback.hanging import CLEAR_M, LEFT_BEHIND_M, NEARER, STILL_S, Hanging, hung
from vrgen.geometry import Pose, inverse_rigid, multiply, pitch_quat, yaw_quat
from vrgen.messages import Hand, Person, Tracked
from vrgen.room import stepped, world_from_room

metres = st.floats(-50, 50)
angles = st.floats(-math.pi, math.pi)
shapes = st.floats(0.1, 1.4)
people = st.builds(
    Person,
    feet_world=st.tuples(metres, metres, metres),
    yaw_rad=angles,
    room=st.just(1),
    head_room=st.tuples(st.floats(-2, 2), st.floats(1.0, 2.0), st.floats(-2, 2)),
    head_yaw_rad=angles,
    lift_m=st.floats(0, 0.6),
)


def head_of(person: Person) -> np.ndarray:
    x, y, z = person.feet_world
    return np.array([x, y + person.lift_m + person.head_room[1], z])


def tracked(*hands: Hand, valid: bool = True) -> Tracked:
    return Tracked(hands=hands, valid=valid)


def hang(
    person: Person, before: Hanging | None = None, shape: float = 0.8, time_s: float = 0.0, **more
) -> Hanging:  # type: ignore[no-untyped-def]
    height = more.pop("height", lambda x, z: None)
    return hung(before, person, more.pop("tracked", tracked()), shape, time_s, height, **more)


@given(people, shapes)
def test_it_faces_the_head_upright_and_within_reach(person: Person, shape: float) -> None:
    panel = hang(person, shape=shape).world_from_panel
    to_head = head_of(person) - panel[:3, 3]
    distance = float(np.linalg.norm(to_head))
    assert 1.0 < distance < 1.6
    assert panel[:3, 2] @ to_head / distance == pytest.approx(1.0, abs=1e-9)
    assert panel[1, 0] == pytest.approx(0.0, abs=1e-9)  # its right is level
    assert panel[1, 1] > 0.5
    heading = person.yaw_rad + person.head_yaw_rad
    ahead = np.array([-math.sin(heading), 0.0, -math.cos(heading)])
    assert -to_head @ ahead > 0.8  # before the person, not behind


@given(people, shapes, shapes)
def test_its_upper_edge_stays_when_more_is_told_on_it(person: Person, shape: float, later: float) -> None:
    first = hang(person, shape=shape)
    second = hang(person, first, shape=later)
    assert (second.world_from_top == first.world_from_top).all()
    for panel in (first, second):
        top = panel.world_from_panel @ [0.0, panel.width_m * panel.shape / 2, 0.0, 1.0]
        np.testing.assert_allclose(top, first.world_from_top[:, 3], atol=1e-9)


@given(people, shapes, st.floats(-0.4, 1.4), st.floats(-0.4, 1.8), st.tuples(*[st.floats(-0.5, 0.5)] * 3))
def test_a_ray_that_is_aimed_at_a_place_meets_it_there(
    person: Person, shape: float, u: float, v: float, beside: tuple[float, float, float]
) -> None:
    panel = hang(person, shape=shape)
    room_from_world = inverse_rigid(world_from_room(person))
    start = (room_from_world @ [*(head_of(person) + beside), 1.0])[:3]
    x, y, z = (room_from_world @ [*panel.place((u, v)), 1.0])[:3] - start
    aim = Pose(tuple(start), multiply(yaw_quat(math.atan2(-x, -z)), pitch_quat(math.atan2(y, math.hypot(x, z)))))
    pointed = hang(person, panel, shape, tracked=tracked(Hand("left", aim_room=aim), Hand("right")))
    assert set(pointed.at) == {"left"}
    assert pointed.at["left"] == pytest.approx((u, v), abs=1e-6)
    assert pointed.has((u, v)) == (0 <= u <= 1 and 0 <= v <= shape)
    away = replace(aim, rotation=multiply(aim.rotation, yaw_quat(math.pi)))
    assert not hang(person, panel, shape, tracked=tracked(Hand("left", aim_room=away))).at


def test_places_count_from_the_upper_left() -> None:
    panel = hang(Person(room=1, head_room=(0, 1.7, 0)), shape=0.5)
    left_top, right_top, left_bottom = (np.array(panel.place(at)) for at in ((0, 0), (1, 0), (0, 0.5)))
    assert left_top[0] < right_top[0] and left_top[1] == pytest.approx(right_top[1])
    assert left_bottom[1] < left_top[1]
    assert np.linalg.norm(right_top - left_top) == pytest.approx(panel.width_m)
    assert np.linalg.norm(left_bottom - left_top) == pytest.approx(panel.width_m * 0.5)


@given(people, st.lists(angles, min_size=1, max_size=5))
def test_turning_leaves_it_where_it_is(person: Person, turns: list[float]) -> None:
    first = panel = hang(person)
    for number, turn in enumerate(turns):
        person = replace(person, yaw_rad=person.yaw_rad + turn)
        panel = hang(person, panel, time_s=1.0 + number)
    assert (panel.world_from_top == first.world_from_top).all()


@given(people, angles)
def test_who_leans_and_looks_about_leaves_it_where_it_is(person: Person, way: float) -> None:
    first = panel = hang(person)
    x, y, z = person.head_room
    for number in range(30):
        reach = 0.3 * math.sin(number / 5)
        head = Pose((x + reach * math.cos(way), y, z + reach * math.sin(way)), yaw_quat(number / 10))
        person, (dx, dz) = stepped(person, Tracked(head))
        feet = person.feet_world
        person = replace(person, feet_world=(feet[0] + dx, feet[1], feet[2] + dz))
        panel = hang(person, panel, time_s=number / 10)
    assert (panel.world_from_top == first.world_from_top).all()


@given(people, st.floats(0.6, 30), angles)
def test_it_comes_along_with_a_teleport(person: Person, far: float, way: float) -> None:
    panel = hang(person)
    x, y, z = person.feet_world
    there = replace(person, feet_world=(x + far * math.cos(way), y + 1.0, z + far * math.sin(way)))
    came = hang(there, panel, time_s=0.01)
    np.testing.assert_allclose(came.world_from_top, hang(there).world_from_top)


@given(people, angles)
def test_who_walks_away_is_followed_when_they_rest_and_not_before(person: Person, way: float) -> None:
    first = panel = hang(person)
    x, y, z = person.feet_world
    time_s, gone = 0.0, 0.0
    while gone < 2 * LEFT_BEHIND_M:
        time_s, gone = time_s + 0.05, gone + 0.1
        person = replace(person, feet_world=(x + gone * math.cos(way), y, z + gone * math.sin(way)))
        panel = hang(person, panel, time_s=time_s)
        assert (panel.world_from_top == first.world_from_top).all()
    panel = hang(person, panel, time_s=time_s + 0.9 * STILL_S)
    assert (panel.world_from_top == first.world_from_top).all()
    panel = hang(person, panel, time_s=time_s + 1.1 * STILL_S)
    np.testing.assert_allclose(panel.world_from_top, hang(person).world_from_top)


def test_who_has_passed_it_is_followed() -> None:
    person = Person(room=1, head_room=(0, 1.7, 0))
    panel = hang(person)
    ahead = -panel.world_from_top[:3, 2] * [1, 0, 1] * 1.5
    for number in range(20):
        step = ahead * number / 19
        person = replace(person, feet_world=(float(step[0]), 0.0, float(step[2])))
        panel = hang(person, panel, time_s=number / 20)
    assert not np.allclose(hang(person, panel, time_s=3.0).world_from_top, panel.world_from_top)


@given(people, angles)
def test_it_comes_when_called_and_with_another_room(person: Person, turn: float) -> None:
    panel = hang(person)
    assume(abs(turn) > 0.01)
    turned = replace(person, yaw_rad=person.yaw_rad + turn)
    np.testing.assert_allclose(hang(turned, panel, called=True).world_from_top, hang(turned).world_from_top)
    np.testing.assert_allclose(
        hang(replace(turned, room=2), panel).world_from_top, hang(turned).world_from_top, atol=1e-9
    )


@given(people, shapes, shapes, st.floats(-0.5, 0.5))
def test_folded_it_stays_in_its_direction_and_faces_the_head_again(
    person: Person, shape: float, later: float, turn: float
) -> None:
    panel = hang(person, shape=shape)
    turned = replace(person, yaw_rad=person.yaw_rad + turn)
    folded = hang(turned, panel, shape=later, folded=True)
    np.testing.assert_allclose(folded.world_from_top, hang(person, shape=later).world_from_top, atol=1e-9)


@given(people)
def test_it_knows_whether_it_is_in_sight(person: Person) -> None:
    panel = hang(person)
    assert panel.in_sight
    assert not hang(replace(person, yaw_rad=person.yaw_rad + math.pi), panel).in_sight


@given(people, shapes, st.floats(-1.0, 0.8), st.floats(-0.8, 0.8), angles)
def test_it_is_never_in_the_ground(person: Person, shape: float, step: float, slope: float, way: float) -> None:
    px, py, pz = person.feet_world

    def height(x: float, z: float) -> float:
        return py + step + slope * ((x - px) * math.cos(way) + (z - pz) * math.sin(way))

    panel = hang(person, shape=shape, height=height)
    for u in (0.0, 0.5, 1.0):
        x, y, z = panel.place((u, shape))
        assert y > height(x, z) - 0.02


def test_before_a_wall_it_comes_nearer_and_looks_as_large() -> None:
    person = Person(room=1, head_room=(0, 1.7, 0))
    free = hang(person)
    near = hang(person, height=lambda x, z: 8.0 if z < -0.9 else 0.0)
    assert near.world_from_panel[2, 3] > -0.9
    away = float(np.linalg.norm(near.world_from_panel[:3, 3] - head_of(person)))
    far = float(np.linalg.norm(free.world_from_panel[:3, 3] - head_of(person)))
    assert near.width_m / away == pytest.approx(free.width_m / far)
    assert near.width_m / free.width_m == pytest.approx(NEARER[[*NEARER].index(near.width_m / hanging.WIDTH_M)])


def test_a_step_before_the_person_lifts_it() -> None:
    person = Person(room=1, head_room=(0, 1.7, 0))
    bottom = hang(person).place((0.5, 0.8))[1]
    lifted = hang(person, height=lambda x, z: bottom + 0.1 if z < -0.3 else 0.0)
    assert lifted.place((0.5, 0.8))[1] == pytest.approx(bottom + 0.1 + CLEAR_M, abs=0.02)
    assert lifted.width_m == hanging.WIDTH_M


def test_while_tracking_is_lost_it_stays_and_nobody_points() -> None:
    person = Person(room=1, head_room=(0, 1.7, 0))
    panel = hang(person)
    aim = Pose((0.0, 1.5, 0.0), yaw_quat(hanging.ASIDE_RAD))
    lost = hang(person, panel, tracked=tracked(Hand("right", aim_room=aim), valid=False))
    assert not lost.at
    assert (lost.world_from_top == panel.world_from_top).all()

"""Walking: on the ground, up steps, along what is too steep, around what stands in the way."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from vrgen.messages import Intent, Person
from vrgen.scene.walking import STEP_M, Height, walk
from vrgen.scene_model import INSTANCE, Objects

DT_S = 1 / 60
NOTHING = Objects()


def flat(x: float, z: float) -> float:
    return 0.0


def hilly(size: float) -> Height:
    return lambda x, z: size * (math.sin(x * 0.31) + math.sin(z * 0.23 + 1))


def slope(rise: float) -> Height:
    """Rises towards -Z by `rise` a metre, from the start on."""
    return lambda x, z: max(0.0, -z * rise)


def ledge(high: float, at_z: float = -1.0) -> Height:
    return lambda x, z: high if z < at_z else 0.0


def walked(person: Person, seconds: float, height: Height, intent: Intent, objects: Objects = NOTHING) -> Person:
    for _ in range(round(seconds / DT_S)):
        person = walk(person, intent, height, objects, DT_S)
    return person


AHEAD = Intent(walk_mps=(0.0, 1.6))


def test_ahead_is_where_one_looks() -> None:
    for yaw, (x, z) in ((0.0, (0, -1.6)), (math.pi / 2, (-1.6, 0)), (-math.pi / 2, (1.6, 0))):
        stood = walked(Person(yaw_rad=yaw), 1.0, flat, AHEAD).feet_world
        assert (stood[0], stood[2]) == pytest.approx((x, z), abs=0.01)
    stood = walked(Person(yaw_rad=math.pi / 2), 1.0, flat, Intent(walk_mps=(1.6, 0.0))).feet_world
    assert (stood[0], stood[2]) == pytest.approx((0, -1.6), abs=0.01)  # right of -X is -Z


def test_looking_wraps_round_and_stops_at_the_zenith() -> None:
    person = walked(Person(), 1.0, flat, Intent(turn_rad=(0.2, 0.2)))
    assert -math.pi <= person.yaw_rad <= math.pi
    assert 1.4 < person.pitch_rad < math.pi / 2


@given(
    st.floats(0.0, 6.0),
    st.lists(
        st.tuples(st.floats(-5, 5), st.floats(-5, 5), st.floats(-0.3, 0.3), st.booleans(), st.floats(0.001, 0.3)),
        max_size=60,
    ),
)
def test_nobody_is_ever_below_the_ground_for_long(
    size: float, steps: list[tuple[float, float, float, bool, float]]
) -> None:
    height = hilly(size)
    person = Person((0.0, float(height(0, 0) or 0.0), 0.0))
    for right, ahead, turn, jump, dt_s in steps:
        before = person
        intent = Intent(walk_mps=(right, ahead), turn_rad=(turn, 0.0), jump=jump)
        person = walk(person, intent, height, NOTHING, dt_s)
        x, y, z = person.feet_world
        below = height(x, z)
        assert below is not None
        assert y >= below - 0.26  # a smoothed step: never as deep as a foot is high
        assert math.hypot(x - before.feet_world[0], z - before.feet_world[2]) <= 7.1 * min(dt_s, 0.1) + 1e-6
        assert math.isfinite(y + person.fall_mps)
    for _ in range(600):
        person = walk(person, Intent(), height, NOTHING, DT_S)
    x, y, z = person.feet_world
    assert y == pytest.approx(height(x, z), abs=0.011)


@pytest.mark.parametrize(
    "high, through", [(0.2, True), (STEP_M - 0.02, True), (STEP_M + 0.1, False), (3.0, False)]
)
def test_a_step_is_climbed_and_a_wall_is_not(high: float, through: bool) -> None:
    person = walked(Person(), 2.0, ledge(high), AHEAD)
    assert (person.feet_world[2] < -1.0) is through
    assert person.feet_world[1] == pytest.approx(high if through else 0.0, abs=0.02)


def test_steps_are_smoothed_for_the_eye() -> None:
    person, most = Person(), 0.0
    for _ in range(120):
        before = person
        person = walk(person, AHEAD, ledge(0.2), NOTHING, DT_S)
        most = max(most, person.feet_world[1] - before.feet_world[1])
    assert 0.0 < most < 0.08


@pytest.mark.parametrize("rise, climbed", [(0.5, True), (1.0, True), (1.4, False), (4.0, False)])
def test_a_slope_of_fifty_degrees_is_the_steepest(rise: float, climbed: bool) -> None:
    person = walked(Person(), 3.0, slope(rise), AHEAD)
    assert (person.feet_world[1] > 1.5) is climbed
    if not climbed:
        assert person.feet_world[1] < STEP_M + 0.2


def test_along_a_wall_one_slides() -> None:
    # Looking at it aslant: what is left of the step goes along the wall.
    person = walked(Person(yaw_rad=-math.pi / 4), 3.0, ledge(5.0), AHEAD)
    x, _, z = person.feet_world
    assert z >= -1.01
    assert x > 2.0


def test_a_jump_goes_up_and_comes_down() -> None:
    person = walk(Person(), Intent(jump=True), flat, NOTHING, DT_S)
    tops = [person.feet_world[1]]
    for _ in range(90):
        person = (
            walk(person, Intent(jump=True), flat, NOTHING, DT_S)
            if person.feet_world[1] > 0.05
            else walk(person, Intent(), flat, NOTHING, DT_S)
        )
        tops.append(person.feet_world[1])
    assert 0.6 < max(tops) < 1.1  # a held key does not lift anybody higher
    assert tops[-1] == 0.0


def test_over_a_brink_one_falls() -> None:
    def brink(x: float, z: float) -> float:
        return 0.0 if z > -1.0 else -20.0

    person = walked(Person(), 1.0, brink, AHEAD)
    assert person.fall_mps < -1.0 and -20.0 < person.feet_world[1] < -0.5
    person = walked(person, 3.0, brink, Intent())
    assert person.feet_world[1] == -20.0 and person.fall_mps == 0.0


def test_land_that_rises_carries_the_walker() -> None:
    person = Person()
    for frame in range(120):
        lift = 0.05 * frame
        person = walk(person, Intent(), lambda x, z: lift, NOTHING, DT_S)  # noqa: B023
        assert person.feet_world[1] == pytest.approx(lift, abs=0.3)


def test_without_ground_one_stays_put() -> None:
    person = walked(Person((1.0, 2.0, 3.0), fall_mps=-1.0), 1.0, lambda x, z: None, AHEAD)
    assert person.feet_world == (1.0, 2.0, 3.0)
    ahead_is_nothing = walked(Person(), 3.0, lambda x, z: 0.0 if z > -1.0 else None, AHEAD)
    assert ahead_is_nothing.feet_world[2] >= -1.0


def rocks(*at: tuple[float, float, float]) -> Objects:
    """(x, z, size) each."""
    made = np.zeros(len(at), INSTANCE)
    for i, (x, z, size) in enumerate(at):
        made[i]["position"], made[i]["scale"], made[i]["stands"] = (x, 0, z), size, 1.0
    return Objects(instances=made)


@settings(max_examples=20)
@given(st.floats(-1.0, 1.0), st.floats(1.0, 4.0))
def test_nobody_walks_through_a_rock(aside: float, size: float) -> None:
    at = (aside, -4.0, size)
    person = Person()
    for _ in range(300):
        person = walk(person, AHEAD, flat, rocks(at), DT_S)
        x, _, z = person.feet_world
        assert math.hypot(x - at[0], z - at[1]) >= size * 0.38 + 0.3 - 0.03
    if abs(aside) > 0.2:
        assert person.feet_world[2] < -4.0  # and around it one comes


def test_what_is_low_is_stepped_over() -> None:
    assert walked(Person(), 2.0, flat, AHEAD, rocks((0.0, -1.5, 0.5))).feet_world[2] < -2.5


def test_rocks_are_where_the_drawing_origin_says() -> None:
    person = Person((1024.0, 0.0, 0.0))
    for _ in range(300):
        person = walk(person, AHEAD, flat, rocks((0.0, -4.0, 3.0)), DT_S, (1024.0, 0.0, 0.0))
    assert person.feet_world[2] > -4.0 + 3.0 * 0.38


def test_standing_exactly_in_a_rock_ends_outside() -> None:
    person = walk(Person(), AHEAD, flat, rocks((0.0, -AHEAD.walk_mps[1] * DT_S, 3.0)), DT_S)
    assert all(math.isfinite(v) for v in person.feet_world)

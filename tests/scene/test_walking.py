"""Walking: on the ground, up steps, along what is too steep, around what stands in the way."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from vrgen.messages import Intent, Person
from vrgen.scene.walking import LONGEST_S, STEP_M, Height, walk
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


def walked(
    person: Person,
    seconds: float,
    height: Height,
    intent: Intent,
    objects: Objects = NOTHING,
    rate_hz: float = 1 / DT_S,
) -> Person:
    for _ in range(round(seconds * rate_hz)):
        person = walk(person, intent, height, objects, 1 / rate_hz)
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
        assert math.hypot(x - before.feet_world[0], z - before.feet_world[2]) <= 7.1 * dt_s + 1e-6
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


def plane(rise: float, uphill_rad: float) -> Height:
    """Everywhere as steep, uphill as a person looks with that yaw."""
    return lambda x, z: -rise * (math.sin(uphill_rad) * x + math.cos(uphill_rad) * z)


ANGLES = st.floats(-math.pi, math.pi)


@given(st.floats(0.0, 1.15), ANGLES, ANGLES, st.sampled_from([20.0, 60.0, 144.0]))
def test_on_a_slope_that_can_be_climbed_one_goes_as_fast_as_on_the_flat(
    rise: float, uphill: float, yaw: float, rate_hz: float
) -> None:
    height = plane(rise, uphill)
    x, y, z = walked(Person(yaw_rad=yaw), 2.0, height, AHEAD, rate_hz=rate_hz).feet_world
    assert (x, z) == pytest.approx((-3.2 * math.sin(yaw), -3.2 * math.cos(yaw)), abs=1e-6)
    assert y == pytest.approx(height(x, z), abs=0.011)  # up and down: the eye keeps its height


@given(
    st.floats(1.25, 12.0),
    ANGLES,
    st.lists(st.tuples(ANGLES, st.floats(-2, 2), st.floats(-5, 5), st.floats(0.005, 0.2)), max_size=40),
)
def test_what_is_too_steep_is_never_climbed_in_zigzags_either(
    rise: float, uphill: float, steps: list[tuple[float, float, float, float]]
) -> None:
    height, person = plane(rise, uphill), Person()
    top = 0.0
    for yaw, right, ahead, dt_s in steps:
        person = walk(Person(person.feet_world, yaw), Intent(walk_mps=(right, ahead)), height, NOTHING, dt_s)
        x, _, z = person.feet_world
        top = max(top, float(height(x, z) or 0.0))
    assert top <= 1e-6


@given(st.floats(1.3, 6.0), st.floats(-1.4, 1.4))
def test_on_a_cliff_jumping_leads_nowhere(rise: float, yaw: float) -> None:
    person = Person((0.0, 0.0, 1.0), yaw)
    for _ in range(240):
        person = walk(person, Intent(walk_mps=(0.0, 3.0), jump=True), slope(rise), NOTHING, DT_S)
        x, _, z = person.feet_world
        assert float(slope(rise)(x, z) or 0.0) < 1.4


@given(st.floats(1.25, 8.0), ANGLES, st.floats(-1.5, 1.5), st.sampled_from([30.0, 90.0]))
def test_along_what_is_too_steep_one_slides(rise: float, uphill: float, aslant: float, rate_hz: float) -> None:
    height = plane(rise, uphill)
    x, _, z = walked(Person(yaw_rad=uphill + aslant), 2.0, height, AHEAD, rate_hz=rate_hz).feet_world
    left = 3.2 * math.sin(aslant)  # of the way, across the slope
    assert (x, z) == pytest.approx((-left * math.cos(uphill), left * math.sin(uphill)), abs=1e-3)


@given(st.floats(0.8, 20.0), st.floats(-1.3, 1.3), st.sampled_from([30.0, 90.0]))
def test_along_a_wall_one_slides(high: float, aslant: float, rate_hz: float) -> None:
    # Looking at it aslant: what is left of the step goes along the wall; straight at it, one stands.
    person = walked(Person(yaw_rad=aslant), 5.0, ledge(high, -0.5), AHEAD, rate_hz=rate_hz)
    x, y, z = person.feet_world
    assert z >= -0.51 and y == 0.0
    assert x == pytest.approx(-8.0 * math.sin(aslant), abs=0.1)
    assert walked(person, 0.2, ledge(high, -0.5), Intent(walk_mps=(0.0, -1.6))).feet_world != person.feet_world


def crags(x: float, z: float) -> float:
    """Steeper than can be climbed here and there, with ways between."""
    return 1.9 * (math.sin(0.9 * x) + math.sin(0.8 * z + 0.4)) + 0.3 * math.sin(2.3 * x + 1.7 * z)


@pytest.mark.parametrize("yaw", [0.1, 0.9, 1.7, 2.6, -0.5, -1.2, -2.2, -2.9])
def test_the_way_does_not_depend_on_the_rate_of_frames(yaw: float) -> None:
    begun = Person((0.0, crags(0.0, 0.0), 0.0), yaw)
    ends = [walked(begun, 8.0, crags, AHEAD, rate_hz=rate) for rate in (4.0, 30.0, 90.0, 144.0)]
    far = [math.dist(ends[-1].feet_world, end.feet_world) for end in ends]
    assert max(far[1:]) < 0.15 and far[0] < 0.3


def knolls(seed: int) -> Height:
    """A gentle slope with knolls on it that nobody climbs, one on each square of five metres, apart."""

    def height(x: float, z: float) -> float:
        made = 0.2 * x - 0.1 * z
        cx, cz = math.floor(x / 5), math.floor(z / 5)
        for ix, iz in ((cx + i, cz + j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
            rng = math.sin(12.9898 * ix + 78.233 * iz + seed) * 43758.5453
            share = rng - math.floor(rng)
            away = math.hypot(x - 5 * ix - 2.0 - share, z - 5 * iz - 3.0 + share)
            made += 4.0 * max(0.0, 1.0 - away / 1.4)
        return made

    return height


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), ANGLES, st.sampled_from([30.0, 90.0]))
def test_among_knolls_one_always_gets_on_and_never_to_and_fro(seed: int, yaw: float, rate_hz: float) -> None:
    height = knolls(seed)
    person = Person((0.0, float(height(0.0, 0.0) or 0.0), 0.0), yaw)
    back, before = 0, (0.0, 0.0)
    for _ in range(round(20 * rate_hz)):
        x, y, z = person.feet_world
        person = walk(person, AHEAD, height, NOTHING, 1 / rate_hz)
        moved = (person.feet_world[0] - x, person.feet_world[2] - z)
        assert person.feet_world[1] >= float(height(person.feet_world[0], person.feet_world[2]) or 0.0) - 0.011
        assert math.hypot(*moved) <= 1.6 / rate_hz + 1e-9
        assert abs(person.feet_world[1] - y) * rate_hz < 8.0
        back += moved[0] * before[0] + moved[1] * before[1] < 0.0
        before = moved
    x, _, z = person.feet_world
    assert back <= 2
    assert -x * math.sin(yaw) - z * math.cos(yaw) > 16.0  # of 32, less what goes round the knolls


@pytest.mark.parametrize("seed", [0, 5, 6])
def test_along_a_knoll_the_way_is_smooth(seed: int) -> None:
    height, shaken = knolls(seed), 0.0
    person = Person((0.0, float(height(0.0, 0.0) or 0.0), 0.0), 0.7 + seed)
    speed = np.zeros(2)
    for _ in range(round(20 / DT_S)):
        before, slow = person.feet_world, speed
        person = walk(person, AHEAD, height, NOTHING, DT_S)
        speed = np.array([person.feet_world[0] - before[0], person.feet_world[2] - before[2]]) / DT_S
        shaken += float(np.hypot(*(speed - slow)))
    assert shaken < 16.0  # m/s in all; to and fro between going and sliding made it 17 to 50


def test_a_long_frame_is_as_long_a_way_but_not_without_end() -> None:
    assert walk(Person(), AHEAD, flat, NOTHING, 0.4).feet_world[2] == pytest.approx(-0.64)
    assert walk(Person(), AHEAD, flat, NOTHING, 60.0).feet_world[2] == pytest.approx(-1.6 * LONGEST_S)
    assert walk(Person(), AHEAD, ledge(3.0, -0.4), NOTHING, 0.4).feet_world[2] >= -0.4  # not through a wall


def test_a_jump_is_as_high_at_any_rate_of_frames() -> None:
    tops = []
    for rate_hz in (30, 90):
        person = walk(Person(), Intent(jump=True), flat, NOTHING, 1 / rate_hz)
        heights = [person.feet_world[1]]
        for _ in range(rate_hz):
            person = walk(person, Intent(), flat, NOTHING, 1 / rate_hz)
            heights.append(person.feet_world[1])
        tops.append(max(heights))
    assert tops[0] == pytest.approx(tops[1], abs=0.01)


def test_up_onto_a_ledge_one_jumps() -> None:
    person = walked(Person(), 1.0, ledge(0.8), AHEAD)
    assert person.feet_world[1] == 0.0
    person = walk(person, Intent(walk_mps=(0.0, 1.6), jump=True), ledge(0.8), NOTHING, DT_S)
    assert walked(person, 1.5, ledge(0.8), AHEAD).feet_world[1] == 0.8
    person = walk(Person(), Intent(walk_mps=(0.0, 1.6), jump=True), ledge(1.1, -0.5), NOTHING, DT_S)
    assert walked(person, 1.5, ledge(1.1, -0.5), AHEAD).feet_world[1] == 0.0  # higher than a jump


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


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.floats(-4, 4), st.floats(-4, 4), st.floats(0.3, 4.5)), min_size=1, max_size=6),
    st.lists(st.tuples(ANGLES, st.floats(0.0, 5.0)), max_size=6),
    st.sampled_from([15.0, 30.0, 90.0]),
)
def test_things_push_gently_and_let_one_go(
    at: list[tuple[float, float, float]], legs: list[tuple[float, float]], rate_hz: float
) -> None:
    person, things = Person(), rocks(*at)
    for yaw, mps in [*legs, (0.0, 0.0)]:
        for _ in range(round(rate_hz * (1 if mps else 8))):
            x, _, z = person.feet_world
            person = walk(Person(person.feet_world, yaw), Intent(walk_mps=(0.0, mps)), flat, things, 1 / rate_hz)
            moved = math.hypot(person.feet_world[0] - x, person.feet_world[2] - z)
            assert moved <= (mps + 2.0 * len(at)) / rate_hz + 1e-6  # never thrown
    x, _, z = person.feet_world
    if len(at) == 1 and at[0][2] > 1.0:
        assert math.hypot(x - at[0][0], z - at[0][1]) >= at[0][2] * 0.38 + 0.3 - 1e-6


@pytest.mark.slow
@given(st.floats(0.1, 1.3), st.floats(1.2, 4.5), st.sampled_from([30.0, 90.0]))
def test_along_a_rock_one_slides_round_it_at_any_rate(aslant: float, size: float, rate_hz: float) -> None:
    reach = size * 0.38 + 0.3
    things, least = rocks((0.0, 0.0, size)), math.inf
    person = Person((reach * math.sin(aslant), 0.0, reach * math.cos(aslant)))
    for _ in range(round(20 * rate_hz)):
        before, person = person, walk(person, AHEAD, flat, things, 1 / rate_hz)
        x, _, z = person.feet_world
        least = min(least, math.hypot(x, z))
        assert z <= before.feet_world[2] + 1e-9  # always on, never back
    assert least >= reach - 1e-6 and person.feet_world[2] < -reach
    assert person.feet_world[0] == pytest.approx(reach, abs=0.02)


def test_a_rock_beside_a_wall_pushes_nobody_into_the_wall() -> None:
    person, things = Person((0.0, 0.0, -0.6)), rocks((0.0, 0.3, 3.0))
    for _ in range(200):
        person = walk(person, Intent(), ledge(5.0), things, DT_S)
        assert person.feet_world[1] == 0.0 and person.feet_world[2] >= -1.0


def test_things_that_grow_push_as_far_as_they_are_seen() -> None:
    whole = rocks((0.0, -1.0, 4.0))
    person = walk(Person(), Intent(), flat, Objects(instances=whole.instances, arrival=0.1), DT_S)
    assert person.feet_world == (0.0, 0.0, 0.0)
    person = walked(person, 2.0, flat, Intent(), whole)
    assert person.feet_world[2] == pytest.approx(-1.0 + 4.0 * 0.38 + 0.3, abs=1e-6)

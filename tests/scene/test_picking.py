"""What a ray meets first, and who made it."""

import math

import numpy as np
import outputs as o
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_assembly import Show, standing_land, world

from vrgen.config import PropsConfig
from vrgen.geometry import Array, Pose, Quat, Vec3, multiply, pitch_quat, rotation, transform, yaw_quat
from vrgen.messages import Hand, Person, Picked, Tracked
from vrgen.room import world_from_room
from vrgen.scene.assembly import Assembly
from vrgen.scene.meshes import mesh_of
from vrgen.scene.picking import RAY_M, land_at, pointing, ray_end, struck
from vrgen.scene_model import INSTANCE, Mesh, Objects

yaws, pitches = st.floats(-math.pi, math.pi), st.floats(-1.5, 1.5)
seeds = st.integers(0, 2**31)
TETRAHEDRON: Mesh = mesh_of(o.tetrahedron())
NOWHERE: Vec3 = (0.0, 0.0, 0.0)


def aim(at: Vec3, yaw: float = 0.0, pitch: float = 0.0) -> Array:
    return transform(at, multiply(yaw_quat(yaw), pitch_quat(pitch)))


def towards(start: Array, end: Array) -> Array:
    x, y, z = end - start
    return aim(tuple(start), math.atan2(-x, -z), math.atan2(y, math.hypot(x, z)))  # type: ignore[arg-type]


def flat(x: float, z: float) -> float:
    return 0.0


def slope(x: float, z: float) -> float:
    return 0.2 * x - 0.1 * z


def things(seed: int, count: int, within_m: float = 10.0, **more: object) -> Objects:
    """Tetrahedra of all sizes, turned anyhow."""
    rng = np.random.default_rng(seed)
    made = np.zeros(count, INSTANCE)
    made["position"] = rng.uniform(-within_m, within_m, (count, 3))
    made["scale"] = rng.uniform(0.2, 6.0, count)
    turn = rng.normal(size=(count, 4))
    made["rotation"] = turn / np.linalg.norm(turn, axis=1, keepdims=True)
    made["picture"] = -1
    for name, value in more.items():
        made[name] = value
    return Objects((TETRAHEDRON,), (), made)


def corners(objects: Objects, number: int, origin: Vec3 = NOWHERE, ground: float = 0.0) -> Array:
    """(V, 3) of one thing, world."""
    it = objects.instances[number]
    x, y, z, w = map(float, it["rotation"])
    turned = objects.meshes[it["mesh"]].vertices @ rotation((x, y, z, w)).T
    return np.asarray(turned * it["scale"] * objects.arrival + it["position"] + origin + [0.0, ground, 0.0])


def slow(world_from_aim: Array, objects: Objects, origin: Vec3) -> tuple[int, float] | None:
    """One triangle after the other, by solving for where the ray crosses its plane."""
    best = None
    for number in range(len(objects.instances)):
        place = objects.instances["position"][number] + np.array(origin)
        standing = objects.instances["stands"][number] > 0
        vertices = corners(objects, number, origin, slope(place[0], place[2]) if standing else 0.0)
        for a, b, c in vertices[TETRAHEDRON.faces[0]]:
            equations = np.stack([b - a, c - a, world_from_aim[:3, 2]], axis=1)
            if abs(np.linalg.det(equations)) < 1e-9:
                continue
            u, v, far = np.linalg.solve(equations, world_from_aim[:3, 3] - a)
            if min(u, v, far) >= 0 and u + v <= 1 and (best is None or far < best[1]):
                best = number, float(far)
    return best


@settings(deadline=None, max_examples=300)
@given(
    seeds,
    st.integers(1, 12),
    st.sampled_from((0.0, 1.0)),
    st.sampled_from((0.0, 640.0)),
    st.sampled_from((2.0, 10.0)),
)
def test_it_meets_what_the_slow_way_meets(
    seed: int, count: int, stands: float, away: float, within_m: float
) -> None:
    origin = (away, 0.0, -away)
    objects = things(seed, count, within_m, stands=stands)
    rng = np.random.default_rng(seed)
    place = objects.instances["position"][0] + origin
    vertices = corners(objects, 0, origin, slope(place[0], place[2]) * stands)
    target = rng.dirichlet(np.full(4, 0.2)) @ vertices  # mostly near a corner or an edge of the first
    start = rng.uniform(-20, 20, 3) + origin
    ray = towards(start, target + rng.normal(0.0, 0.02, 3))
    expected, met = slow(ray, objects, origin), struck(ray, objects, slope, origin)
    assert (expected is None) == (met is None)
    if met is not None and expected is not None:
        assert met.distance_m == pytest.approx(expected[1], abs=1e-3)
        assert met.instance == expected[0]


@settings(deadline=None)
@given(seeds, yaws)
def test_who_points_at_the_middle_of_a_thing_meets_it_or_what_is_before_it(seed: int, yaw: float) -> None:
    objects = things(seed, 5)
    middle = corners(objects, 0).mean(axis=0)
    start = middle + 40.0 * np.array([math.sin(yaw), 0.3, math.cos(yaw)])
    met = struck(towards(start, middle), objects, flat, NOWHERE)
    assert met is not None
    assert met.distance_m <= float(np.linalg.norm(middle - start)) + 1e-6


def test_what_is_not_seen_is_not_met() -> None:
    one = things(3, 1)
    middle = corners(one, 0).mean(axis=0)
    start = middle + np.array((0.0, 0.0, 30.0))
    ray = towards(start, middle)
    assert struck(ray, one, flat, NOWHERE) is not None
    assert struck(ray, things(3, 1, reach_m=5.0), flat, NOWHERE) is None, "it is too far to be drawn"
    assert struck(ray, Objects(one.meshes, (), one.instances, 0.0), flat, NOWHERE) is None, "it has not come yet"
    assert struck(ray, one, flat, NOWHERE, 3.0) is None, "beyond the reach of the ray"
    assert struck(ray, things(3, 1, stands=1.0), lambda x, z: None, NOWHERE) is None, "there is no ground"


@given(yaws, pitches)
def test_a_ray_ends_on_the_land_or_at_its_length(yaw: float, pitch: float) -> None:
    start = np.array((1.0, 1.4, 2.0))
    end = np.array(ray_end(aim((1.0, 1.4, 2.0), yaw, pitch), flat, Objects(), NOWHERE))
    far = float(np.linalg.norm(end - start))
    if pitch < 0 and 1.4 / -math.sin(pitch) < RAY_M - 0.01:
        assert end[1] == pytest.approx(0, abs=0.01)
    elif end[1] > 0.01:
        assert far == pytest.approx(RAY_M)
    assert end - start == pytest.approx(-aim((0, 0, 0), yaw, pitch)[:3, 2] * far, abs=1e-6)


def test_a_ray_ends_at_a_thing() -> None:
    one = things(3, 1)
    middle = corners(one, 0).mean(axis=0)
    start = middle + np.array((0.0, 0.0, 8.0))
    end = ray_end(towards(start, middle), lambda x, z: None, one, NOWHERE)
    assert 1.0 < math.dist(end, start) < 8.0


@given(yaws, st.floats(-1.5, -0.01))
def test_land_is_met_as_far_as_it_lies(yaw: float, pitch: float) -> None:
    far = 1.7 / -math.sin(pitch)
    assert land_at(aim((5.0, 1.7, -3.0), yaw, pitch), flat) == pytest.approx(far, rel=1e-4)


# --- who points -------------------------------------------------------------------------------------------

PERSON = Person((3.0, 2.0, -1.0), 0.4, -0.2)
WORN = Person((3.0, 2.0, -1.0), 0.4, room=1, head_room=(0.1, 1.6, 0.2))
LOOKS: Quat = yaw_quat(0.9)
HEAD = Pose((0.1, 1.6, 0.2), LOOKS)


def test_on_a_flat_display_the_middle_of_the_picture_is_meant() -> None:
    ray = pointing(PERSON, None, "eyes")
    assert ray is not None
    assert ray == pytest.approx(aim((3.0, 3.7, -1.0), 0.4, -0.2))


def test_a_hand_points_and_without_an_aim_the_eyes_do() -> None:
    room = world_from_room(WORN)
    hand, gaze = Pose((0.3, 1.1, -0.2), pitch_quat(-0.4)), Pose((0.1, 1.6, 0.2), yaw_quat(0.3))
    bare = Hand("left", Pose((-0.3, 1.1, -0.2)))
    worn = Tracked(HEAD, hands=(bare, Hand("right", hand, hand)))
    looking = Tracked(HEAD, gaze, worn.hands)
    assert pointing(WORN, worn, "right") == pytest.approx(room @ hand.matrix())
    assert pointing(WORN, worn, "left") == pytest.approx(room @ HEAD.matrix())
    assert pointing(WORN, looking, "left") == pytest.approx(room @ gaze.matrix())
    assert pointing(WORN, looking, "eyes") == pytest.approx(room @ gaze.matrix())
    assert pointing(WORN, Tracked(HEAD, valid=False), "eyes") is None


# --- who made it ------------------------------------------------------------------------------------------


def looked_at(show: Show, yaw: float = 0.0, pitch: float = 0.0) -> Picked:
    assert show.scene is not None
    x, _, z = show.person.feet_world
    person = Person((x, show.assembly.land.height(x, z) or 0.0, z), yaw, pitch)
    picked = show.assembly.picked(show.scene, person, None, "eyes")
    assert picked is not None
    return picked


def names(picked: Picked) -> list[str]:
    return [request.generator for request in picked.made_by]


def test_sky_and_ground_are_known_by_who_made_what_is_shown() -> None:
    show, land = standing_land("sky", "soil")
    sky, soil = o.wish("sky"), o.wish("soil")
    assert (looked_at(show, pitch=1.0).what, names(looked_at(show, pitch=1.0))) == ("sky", []), (
        "nobody made it yet"
    )
    assert names(looked_at(show, pitch=-1.2)) == ["land"]
    show.ask(land, sky, soil)
    show.frame([o.result(sky, {"sky": o.sky((0.5, 0.6, 0.7))}), o.result(soil, {"albedo": o.texture((0, 0, 0))})])
    show.frames(4.0)
    above, below = looked_at(show, pitch=1.0), looked_at(show, pitch=-1.2)
    assert (above.what, names(above), above.distance_m) == ("sky", ["sky"], math.inf)
    assert (below.what, names(below)) == ("ground", ["soil", "land"])
    assert below.at_world is not None and below.instance is None
    ground = show.assembly.land.height(below.at_world[0], below.at_world[2])
    assert below.at_world[1] == pytest.approx(ground, abs=0.01)


def test_after_a_morph_it_is_the_newer_request() -> None:
    show = Show(Assembly(world("sky")))
    for revision in range(1, 8):
        wish = o.wish("sky", revision=revision)
        show.ask(wish)
        show.frame([o.result(wish, {"sky": o.sky((0.1 * revision, 0.5, 0.5))})])
    show.frames(3.0)
    (request,) = looked_at(show, pitch=1.0).made_by
    assert request.revision == 7
    assert len(show.assembly._makers) <= 3, "what is gone is forgotten"


def test_a_scattered_rock_is_known_with_its_variant_and_what_hides_it_comes_first() -> None:
    show, land = standing_land(
        "rocks", props={"rock": PropsConfig(generator="rocks", per_hectare=300.0, scale_m=(3.0, 4.0))}
    )
    wish = o.wish("rocks", variants=2)
    show.ask(land, wish)
    show.frame([o.result(wish, {"rock": o.tetrahedron()}, variant=variant) for variant in (0, 1)])
    scene = show.frames(6.0)
    seen: set[int] = set()
    for number in range(0, len(scene.objects.instances), 20):
        it = scene.objects.instances[number]
        x, _, z = map(float, it["position"])
        ground = show.assembly.land.height(x, z)
        assert ground is not None
        middle = corners(scene.objects, number, ground=ground).mean(axis=0)
        person = Person((float(middle[0]), float(middle[1]) + 6.0 - 1.7, float(middle[2])), pitch_rad=-math.pi / 2)
        picked = show.assembly.picked(scene, person, None, "eyes")
        assert picked is not None
        if picked.instance != number:  # another one leans over it, or a hill is higher
            continue
        (request,) = picked.made_by
        assert (picked.what, request.generator) == ("rock", "rocks")
        assert request.variant == int(it["mesh"])
        assert picked.foot_world == pytest.approx((x, ground, z), abs=1e-3)
        assert 0.0 < picked.radius_m <= 4.0
        seen.add(request.variant)
        below = Person((person.feet_world[0], ground - 20.0, person.feet_world[2]), pitch_rad=math.pi / 2)
        under = show.assembly.picked(scene, below, None, "eyes")
        assert under is not None and under.what == "ground"
    assert seen == {0, 1}


def test_a_picture_is_known_by_its_own_maker() -> None:
    show = Show(Assembly(world("it")))
    wish = o.wish("it", variants=2)
    show.ask(wish)
    show.frame([o.result(wish, {"picture": o.picture((0.2, 0.2, v))}, variant=v) for v in (0, 1)])
    scene = show.frames(4.0)
    left = looked_at(show, yaw=0.375)
    right = looked_at(show, yaw=-0.375)
    assert [(p.what, p.made_by[0].generator) for p in (left, right)] == [("picture", "it")] * 2
    assert {p.made_by[0].variant for p in (left, right)} == {0, 1}
    assert left.instance is not None
    assert scene.objects.pictures[scene.objects.instances["picture"][left.instance]].pixels.max() > 0

"""Where things appear: points in the world land on the pixels that geometry says, in every eye, nearest first."""

from collections.abc import Callable

import numpy as np
import pytest
import stage as s
from stage import Stage

from vrgen.display.eyes import eye_views
from vrgen.geometry import multiply, pitch_quat, yaw_quat
from vrgen.messages import Person
from vrgen.scene.light import directions
from vrgen.scene_model import Objects, Scene

Open = Callable[..., Stage]
SIZE = (160, 90)
BRIGHT = s.sun((0.3, 1.0, 0.5), strength=12.0, exposure=2.0)
BLACK = s.sky((0.0, 0.0, 0.0), BRIGHT)
NO_GROUND = s.nowhere()


def dot_at(*places: tuple[float, float, float], colour: tuple[int, int, int] = (255, 255, 255)) -> Scene:
    """Small bright cubes in the dark."""
    objects = Objects((s.box(colour, 0.06),), (), s.instances(*({"position": p} for p in places)))
    return s.scene(over=NO_GROUND, above=BLACK, objects=objects)


def centre_of(lit: np.ndarray) -> tuple[float, float]:
    """Weighted middle of what is bright, in pixels from the top left."""
    weight = lit.astype(float).sum(axis=-1)
    weight[weight < 60] = 0
    assert weight.any(), "nothing is seen"
    rows, columns = np.indices(weight.shape)
    total = weight.sum()
    return float((weight * (columns + 0.5)).sum() / total), float((weight * (rows + 0.5)).sum() / total)


@pytest.mark.parametrize(
    "person, place",
    [
        (Person(), (0.0, 1.7, -4.0)),
        (Person(), (1.5, 2.6, -3.0)),
        (Person((40.0, 2.0, -7.0), yaw_rad=2.0, pitch_rad=0.4), (36.5, 4.9, -5.0)),
        (Person((-3.0, 0.0, 9.0), yaw_rad=-0.7, pitch_rad=-0.6), (-1.6, 0.2, 7.2)),
    ],
)
@pytest.mark.parametrize("stereo", [False, True])
def test_a_point_lands_on_its_pixel(
    stage: Open, person: Person, place: tuple[float, float, float], stereo: bool
) -> None:
    one = stage(SIZE, stereo=stereo)
    pixels = one.settle(dot_at(place), person)
    views = eye_views(person, 0, SIZE, stereo)
    assert len(views) == 1 + stereo
    for view in views:
        x, _, width, _ = view.rect_px
        expected = s.pixel_of(view, place)
        found = centre_of(pixels[:, x : x + width])
        assert np.hypot(x + found[0] - expected[0], found[1] - expected[1]) < 1.5, (found, expected)


def test_eyes_see_near_things_apart_and_far_things_together(stage: Open) -> None:
    one = stage(SIZE, stereo=True)
    apart = []
    for place in ((0.0, 1.7, -0.8), (0.0, 1.7, -30.0)):
        pixels = one.settle(dot_at(place) if place[2] > -5 else big(place))
        apart.append(centre_of(pixels[:, :80])[0] - centre_of(pixels[:, 80:])[0])
    assert apart[0] > 4.0  # what is near is farther right in the left eye
    assert abs(apart[1]) < 1.0


def big(place: tuple[float, float, float]) -> Scene:
    made = s.instances({"position": place, "scale": 20.0})
    return s.scene(over=NO_GROUND, above=BLACK, objects=Objects((s.box(half_m=0.06),), (), made))


def test_the_nearer_one_hides_the_farther_whichever_is_drawn_first(stage: Open) -> None:
    one = stage(SIZE)
    red, green = s.box((255, 0, 0)), s.box((0, 255, 0))
    dim = s.sky((0.0, 0.0, 0.0), s.sun((0.3, 1.0, 0.5)))
    for near_mesh in (0, 1):
        places = s.instances(
            {"position": (0, 1.7, -4), "mesh": near_mesh},
            {"position": (0, 1.7, -8), "mesh": 1 - near_mesh, "scale": 4},
        )
        places = places[np.argsort(places["mesh"], kind="stable")]
        drawn = one.settle(s.scene(over=NO_GROUND, above=dim, objects=Objects((red, green), (), places)))
        middle, beside = drawn[45, 80].astype(int), drawn[45, 80 - 16].astype(int)
        assert middle[near_mesh] > 100 > middle[1 - near_mesh]
        assert beside[1 - near_mesh] > 100 > beside[near_mesh]


@pytest.mark.slow
def test_ground_hides_what_is_below_it_and_not_what_stands_on_it(stage: Open) -> None:
    one = stage(SIZE)
    for y, seen in ((0.5, True), (-0.8, False)):
        objects = Objects((s.box((255, 0, 0), 0.4),), (), s.instances({"position": (0, y, -5)}))
        drawn = one.settle(s.scene(above=BLACK, dressed=s.surface((0, 90, 0)), objects=objects)).astype(int)
        assert bool((drawn[..., 0] > drawn[..., 1] + 60).any()) is seen


@pytest.mark.parametrize("turn", [(0.0, 0.0), (0.9, -0.3)])
def test_one_pass_for_two_eyes_draws_what_two_passes_draw(stage: Open, turn: tuple[float, float]) -> None:
    person = Person((3.0, 0.0, 2.0), yaw_rad=turn[0], pitch_rad=turn[1])
    hilly = s.ground(s.tiles_of(lambda x, z: 2 * np.sin(x * 0.2) + np.cos(z * 0.3)))
    boxes = [{"position": (2.0 * k, 0, -3.0 - k), "stands": 1.0, "scale": 0.5 + 0.2 * k} for k in range(-4, 5)]
    lit = s.sun((0.4, 0.8, 0.3))
    world = s.scene(
        over=hilly,
        above=s.sky((0.2, 0.3, 0.8), lit),
        objects=Objects((s.box((200, 60, 40)),), (), s.instances(*boxes)),
        fog_m=300.0,
    )
    both = stage(SIZE, stereo=True)
    left, right = eye_views(person, 0, SIZE, True)
    together = both.settle(world, [left, right])
    for eye in (left, right):
        alone = both.settle(world, [eye])
        x, _, width, _ = eye.rect_px
        differs = np.abs(alone[:, x : x + width].astype(int) - together[:, x : x + width]).max(axis=-1)
        assert (differs > 3).mean() < 0.005, "an eye sees another picture in one pass than alone"
    assert np.abs(together[:, :80].astype(int) - together[:, 80:]).max() > 20  # and they are two eyes


def test_each_view_fills_its_rectangle_and_nothing_else(stage: Open) -> None:
    one = stage(SIZE)
    blue = s.scene(over=NO_GROUND, above=s.sky((0.0, 0.0, 3.0)))
    one.settle(s.scene(over=NO_GROUND, above=s.sky((3.0, 0.0, 0.0))), [s.view(SIZE, (0, 2, 0))])
    small = s.view((40, 30), (0, 2, 0), pitch_quat(0.5), left_px=100)
    drawn = one.draw(blue, [small]).astype(int)
    inside = np.zeros(drawn.shape[:2], bool)
    inside[90 - 30 :, 100:140] = True
    assert (drawn[inside][:, 2] > drawn[inside][:, 0]).all()
    assert (drawn[~inside][:, 0] > drawn[~inside][:, 2]).all()


def test_a_sky_stands_where_its_panorama_says(stage: Open) -> None:
    one = stage(SIZE)
    radiance = np.full((64, 128, 3), 0.01, np.float16)
    radiance[20:24, 92:96] = (0.0, 4.0, 0.0)
    light = s.sun((0, -1, 0), strength=0.0)
    world = s.scene(over=NO_GROUND, above=s.Sky(s.new_id(), radiance, light), light=light)
    # Column 94 of 128 is 84 degrees to the right of -Z; row 22 of 64 is 28 degrees above the horizon.
    azimuth, elevation = (94 / 128 - 0.5) * 2 * np.pi, (0.5 - 22 / 64) * np.pi
    turn = multiply(yaw_quat(-azimuth + 0.2), pitch_quat(elevation - 0.1))
    camera = s.view(SIZE, (0, 0, 0), turn)
    flat = np.cos(elevation)
    spot = 100 * np.array([flat * np.sin(azimuth), np.sin(elevation), -flat * np.cos(azimuth)])
    drawn = one.settle(world, [camera])
    expected, found = s.pixel_of(camera, spot), centre_of(np.where(drawn[..., 1:2] > 120, drawn, 0))
    assert np.hypot(found[0] - expected[0], found[1] - expected[1]) < 2.0


def test_the_glow_of_a_low_sun_is_round(stage: Open) -> None:
    one = stage(SIZE)
    d, _ = directions(128, 256)
    towards = np.float32([0.0, np.sin(0.25), -np.cos(0.25)])
    radiance = np.full((128, 256, 3), 0.2, np.float32)
    radiance[d @ towards > 0.9986] = 200.0
    light = s.sun((0, -1, 0), strength=0.0)
    world = s.scene(
        over=s.nowhere(), above=s.Sky(s.new_id(), radiance.astype(np.float16), light), light=light, fog_m=200.0
    )
    camera = s.view(SIZE, (0, 0, 0), pitch_quat(0.25), 40.0)
    drawn = one.settle(world, [camera]).astype(float).sum(axis=-1)
    column, row = s.pixel_of(camera, 100 * towards)
    rows, columns = np.indices(drawn.shape)
    away = np.hypot(columns + 0.5 - column, rows + 0.5 - row)
    upper = rows < row
    for radius in (14, 18, 22):
        ring = drawn[(np.abs(away - radius) < 0.7) & upper]
        assert np.ptp(ring) < 120, (
            f"at {radius} pixels from the sun the glow goes from {ring.min()} to {ring.max()}"
        )

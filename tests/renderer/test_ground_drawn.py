"""The ground as it is drawn: as high as the one walked on, without cracks, one land fading into the next."""

from collections.abc import Callable

import numpy as np
import pytest
import stage as s
from stage import F32, METRES, SAMPLES, Stage

from vrgen.geometry import multiply, pitch_quat, yaw_quat
from vrgen.scene.ground import GRID, REACH, Land
from vrgen.scene_model import Fade, Ground, Objects, TileSet

Open = Callable[..., Stage]
SIZE = (160, 90)
LIGHT = s.sun((0.2, 1.0, 0.1), exposure=1.2)
VIVID = (0.0, 0.0, 4.0)
"""A blue that no ground here is dressed in: where it shows below the horizon, there is a crack."""


def hilly(x: F32, z: F32) -> F32:
    return np.asarray(6 * np.sin(x * 0.09) * np.cos(z * 0.07) + 1.5 * np.sin(x * 0.4 + z * 0.3), np.float32)


def rough(x: F32, z: F32) -> F32:
    """Spikes at every sample: the worst for a mesh of several details."""
    i, j = np.rint(x * (SAMPLES - 1) / METRES).astype(int), np.rint(z * (SAMPLES - 1) / METRES).astype(int)
    return np.asarray(((i * 7919 + j * 104729) % 17) * 0.25, np.float32)


def knobbly(x: F32, z: F32) -> F32:
    return 0.25 * rough(x, z)


def walked_on(ground: Ground) -> Land:
    land = Land()
    land.ground = ground
    return land


def faded(weight: float) -> Ground:
    """Two lands, each corner with a weight of its own around `weight`."""
    made = s.ground(s.tiles_of(hilly), s.tiles_of(lambda x, z: 5 - hilly(z, x), epoch=2))
    rng = np.random.default_rng(4)
    made.corners[..., 0] = np.clip(weight + rng.uniform(-0.3, 0.3, (GRID, GRID)), 0.0, 1.0)
    return made


@pytest.mark.parametrize("over", [s.ground(s.tiles_of(knobbly)), faded(0.5)], ids=["one land", "two lands"])
@pytest.mark.parametrize("place", [(0.7, 0.4), (0.3, 1.5), (31.99, 5.0), (-47.3, 101.2)])
def test_what_stands_stands_where_one_walks(stage: Open, over: Ground, place: tuple[float, float]) -> None:
    """The shader's height and `Land.height` agree: seen from the side, a thing that stands is where one that was
    put at the walked-on height is."""
    one = stage(SIZE)
    walked = walked_on(over).height(*place)
    assert walked is not None
    camera = s.view(SIZE, (place[0], walked + 1.6, place[1] + 2.0), pitch_quat(-0.67))
    drawn = []
    for record in (
        {"position": (place[0], 0.0, place[1]), "stands": 1.0, "scale": 0.4},
        {"position": (place[0], walked, place[1]), "stands": 0.0, "scale": 0.4},
    ):
        world = s.scene(
            over=over,
            dressed=s.surface((0, 0, 0)),
            above=s.sky((0.0, 0.0, 0.0), LIGHT),
            objects=Objects((s.box(),), (), s.instances(record)),
        )
        drawn.append(one.settle(world, [camera]).astype(int))
    lit = [one.max(axis=-1) > 50 for one in drawn]
    assert lit[1].sum() > 60
    # Between samples the two differ by millimetres while two lands are mixed: hence not to the pixel.
    assert (lit[0] != lit[1]).sum() < 0.2 * lit[1].sum(), "the drawn and the walked-on ground differ"


@pytest.mark.parametrize("over", [s.ground(s.tiles_of(hilly)), faded(0.5)], ids=["one land", "two lands"])
def test_the_ground_lies_where_one_walks(stage: Open, over: Ground) -> None:
    """A thin plate just above the walked-on height hides the ground, one just below is hidden by it."""
    one = stage(SIZE, samples=1)
    land = walked_on(over)
    for x, z in ((1.3, -2.2), (15.7, 14.1)):
        walked = land.height(x, z)
        assert walked is not None
        for lift, seen in ((0.02, True), (-0.02, False)):
            plate = s.instances({"position": (x, walked + lift - 0.01, z), "scale": 0.02})
            world = s.scene(
                over=over,
                above=s.sky((0.0, 0.0, 0.0), LIGHT),
                dressed=s.surface((0, 90, 0)),
                objects=Objects((s.box((255, 0, 0)),), (), plate),
            )
            above = s.view(SIZE, (x, walked + 0.6, z), s.DOWN, 6.0)
            drawn = one.settle(world, [above])[45, 80].astype(int)
            assert bool(drawn[0] > drawn[1]) == seen, (lift, drawn)


@pytest.mark.parametrize("heights", [hilly, rough], ids=["hills", "spikes"])
@pytest.mark.parametrize("eye", [(0.5, 0.5), (29.0, -31.5)])
def test_no_sky_shows_through_the_land(stage: Open, heights: s.Heights, eye: tuple[float, float]) -> None:
    """From above and at grazing angles, over borders between details."""
    one = stage(SIZE, samples=1)
    world = s.scene(
        over=s.ground(s.tiles_of(heights)), above=s.sky(VIVID, LIGHT), dressed=s.surface((150, 110, 60))
    )
    for up, yaw, pitch in ((60.0, 0.0, -1.57), (9.0, 0.4, -0.9), (9.0, 2.5, -0.75), (30.0, 4.0, -0.8)):
        turn = multiply(yaw_quat(yaw), pitch_quat(pitch))
        drawn = one.settle(world, [s.view(SIZE, (eye[0], up, eye[1]), turn, 50.0)]).astype(int)
        blue = drawn[..., 2] > drawn[..., 0] + 20
        assert not blue.any(), f"{blue.sum()} pixels of sky within the land"


def test_details_meet_without_a_crack_at_any_distance(stage: Open) -> None:
    """As above with every detail near: what is a kilometre away is drawn as if it were."""
    one = stage(SIZE, samples=1)
    world = s.scene(over=s.ground(s.tiles_of(rough)), above=s.sky(VIVID, LIGHT), dressed=s.surface((150, 110, 60)))
    one.settle(world)
    one.renderer._ground._finest_m = 6.0
    for x, z, yaw in ((3.0, 4.0, 0.0), (16.0, 16.0, 0.8), (31.0, 1.0, 2.3), (1.0, 30.0, 3.9)):
        turn = multiply(yaw_quat(yaw), pitch_quat(-0.42))
        drawn = one.draw(world, [s.view(SIZE, (x, 12.0, z), turn, 38.0)]).astype(int)
        levels = one.renderer._ground.layout(world, (0, 0), np.array([x, 12.0, z]), 1e-3).tiles["self"][:, 0]
        assert levels.min() < 2.0 and levels.max() >= 4.0
        assert not (drawn[..., 2] > drawn[..., 0] + 20).any()


def test_the_ground_is_there_up_to_its_rim(stage: Open) -> None:
    """Every tile of the window is drawn where it belongs: from high above, land is land and the rest is not."""
    one = stage((120, 120), samples=1)
    world = s.scene(
        over=s.ground(s.tiles_of(s.flat)), above=s.sky(VIVID, LIGHT), dressed=s.surface((150, 110, 60))
    )
    drawn = one.settle(world, [s.view((120, 120), (16.0, 400.0, 16.0), s.DOWN, 75.0)]).astype(int)
    half_m = np.tan(np.radians(37.5)) * 400
    across = (np.arange(120) + 0.5) / 120 * 2 * half_m - half_m + 16
    inside = (across > -REACH * METRES) & (across < (REACH + 1) * METRES)
    land = drawn[..., 0] > drawn[..., 2]
    wanted = inside[None, :] & inside[:, None]
    assert (land != wanted).sum() < 4 * 120  # but for the pixels of the rim itself


def along(one: Stage, torus: int, origin: int) -> np.ndarray:
    """The same land so many tori away, drawn from an origin so many tori away."""
    around_m = METRES * GRID
    x = torus * around_m
    tiles = s.tiles_of(lambda at_x, z: hilly(at_x - x, z), centre=(torus * GRID, 0), epoch=torus + 7)
    world = s.scene(
        over=s.ground(tiles), above=s.sky((0.3, 0.4, 0.8), LIGHT), origin=(origin * around_m, 0.0, 0.0)
    )
    return one.settle(world, [s.view(SIZE, (x + 4.0, 9.0, 3.0), pitch_quat(-0.3))]).astype(int)


@pytest.mark.slow
def test_it_is_the_same_ground_once_round_the_torus(stage: Open) -> None:
    one = stage(SIZE)
    here, there = along(one, 0, 0), along(one, 3, 3)
    assert here.std() > 10
    # Its tone is another, for it varies from place to place; its shape is the same.
    assert np.abs(here - there).max() <= 25
    assert np.corrcoef(here.ravel(), there.ravel())[0, 1] > 0.98


@pytest.mark.slow
def test_moving_the_drawing_origin_changes_nothing(stage: Open) -> None:
    one = stage(SIZE)
    assert np.abs(along(one, 3, 3) - along(one, 3, 2)).max() <= 3


def _part(tiles: TileSet, kept: int) -> TileSet:
    return TileSet(
        tiles.epoch, tiles.revision, tiles.metres, tiles.samples, dict(list(tiles.tiles.items())[:kept])
    )


def test_a_tile_counts_as_there_only_when_it_was_copied(stage: Open) -> None:
    one = stage((32, 16))
    tiles = s.tiles_of(hilly)
    world = s.scene(over=s.ground(tiles, presence=0.0))
    counts = []
    for _ in range(4):
        one.draw(world)
        counts.append(len(one.renderer.resident.ids & {tile.id for tile in tiles.tiles.values()}))
    assert counts == sorted(counts) and 0 < counts[0] < counts[-1] < len(tiles.tiles)
    one.settle(world)
    shrunk = _part(tiles, 30)
    one.draw(s.scene(over=s.ground(shrunk, presence=0.0)))
    assert {tile.id for tile in shrunk.tiles.values()} <= one.renderer.resident.ids


@pytest.mark.slow
@pytest.mark.parametrize("end", [0.0, 1.0])
def test_the_ends_of_a_fade_are_the_unfaded_worlds(stage: Open, end: float) -> None:
    one = stage(SIZE)
    lands = (s.tiles_of(hilly), s.tiles_of(lambda x, z: 3 - hilly(z, x), epoch=2))
    skies = (s.sky((0.9, 0.4, 0.2), LIGHT), s.sky((0.1, 0.5, 0.9), LIGHT))
    soils = (s.surface((160, 60, 40)), s.surface((60, 140, 60)))
    camera = [s.view(SIZE, (4.0, 9.0, 3.0), pitch_quat(-0.2))]
    weight = {0.0: 1e-6, 1.0: 1.0 - 1e-6}[end]
    between = s.scene(
        over=s.ground(*lands, weight=end),
        above=Fade(skies[0], skies[1], weight),
        dressed=Fade(soils[0], soils[1], weight),
        light=LIGHT,
        fog_m=400.0,
    )
    plain = s.scene(
        over=s.ground(lands[int(end)]), above=skies[int(end)], dressed=soils[int(end)], light=LIGHT, fog_m=400.0
    )
    fading, still = (one.settle(world, camera).astype(int) for world in (between, plain))
    assert np.abs(fading - still).max() <= 3


def test_half_way_is_half_of_each(stage: Open) -> None:
    one = stage(SIZE)
    skies = (s.sky((0.9, 0.0, 0.0), LIGHT), s.sky((0.0, 0.0, 0.9), LIGHT))
    camera = [s.view(SIZE, (0.0, 2.0, 0.0), pitch_quat(0.9))]
    drawn = one.settle(s.scene(over=s.nowhere(), above=Fade(*skies, 0.5), light=LIGHT), camera)[10, 80].astype(int)
    assert abs(drawn[0] - drawn[2]) < 40 and min(drawn[0], drawn[2]) > 60


@pytest.mark.parametrize(
    ("size", "saves", "off"), [((160, 90), 1.0, 0.0), ((48, 27), 2.5, 2.0), ((16, 9), 20.0, 8.0)]
)
def test_a_picture_of_few_pixels_takes_few_triangles_and_looks_the_same(
    stage: Open, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], saves: float, off: float
) -> None:
    one = stage(SIZE)

    def land(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        ridge = 9.0 * np.exp(-(((z + 60.0) / 9.0) ** 2)) * (0.6 + 0.4 * np.sin(x * 0.2))
        return np.asarray(ridge + 4.0 * np.sin(x * 0.11) * np.cos(z * 0.13) + np.sin(x * 0.4 + z * 0.3))

    world = s.scene(over=s.ground(s.tiles_of(land)), above=s.sky(light=s.sun((0.5, 0.5, 0.4), ambient_light=0.4)))
    camera = [s.view(size, (0, 7, 0))]
    coarse = one.settle(world, camera)[-size[1] :, : size[0]].astype(int)
    few, ground = one.renderer._ground.triangles, one.renderer._ground
    layout = ground.layout
    monkeypatch.setattr(ground, "layout", lambda *args: layout(*args[:3], 1e-6))
    fine = one.draw(world, camera)[-size[1] :, : size[0]].astype(int)
    assert ground.triangles >= saves * few
    assert np.abs(coarse - fine).mean() <= off

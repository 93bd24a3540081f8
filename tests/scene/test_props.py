"""Scattering: the same tile always has the same things, on ground that is flat enough."""

from functools import lru_cache

import hypothesis.strategies as st
import numpy as np
import outputs as o
from hypothesis import given, settings

from vrgen.config import PropsConfig
from vrgen.messages import Tile
from vrgen.scene.ground import GRID
from vrgen.scene.props import Kind, Scatter, placed
from vrgen.scene_model import F32, Ground, TileHeights, TileSet, new_id

METRES, SAMPLES = 64.0, 17


@lru_cache
def ground(around: Tile, size: float = 1.0, missing: Tile | None = None) -> Ground:
    tiles = {
        (x, z): TileHeights(new_id(), o.hills((x, z), SAMPLES, METRES, size))
        for x in range(around[0] - 5, around[0] + 6)
        for z in range(around[1] - 5, around[1] + 6)
        if (x, z) != missing
    }
    return Ground(TileSet(1, 1, METRES, SAMPLES, tiles), GRID, np.ones((GRID, GRID, 2), np.float32))


def kind(name: str = "rock", meshes: int = 3, first: int = 0, **config: object) -> Kind:
    return Kind(name, PropsConfig(generator=name, **config), range(first, first + meshes))  # type: ignore[arg-type]


def scatter(
    kinds: list[Kind], land: Ground, centre: Tile, seed: int, origin: tuple[float, float, float]
) -> np.ndarray:
    """All at once."""
    whole = Scatter()
    assert whole.work(kinds, land, centre, seed, origin, 10_000)
    return whole.instances()


def places(instances: np.ndarray, tile: Tile, origin: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """What stands in one tile, in order: place within the tile, size, turn, mesh."""
    x = instances["position"][:, 0] + origin[0] - tile[0] * METRES
    z = instances["position"][:, 2] + origin[2] - tile[1] * METRES
    inside = (x >= 0) & (x < METRES) & (z >= 0) & (z < METRES)
    rows = np.column_stack([x, z, instances["scale"], instances["rotation"], instances["mesh"]])[inside]
    return rows[np.argsort(rows[:, 0])]


def shared(one: np.ndarray, other: np.ndarray) -> float:
    """The share of `one` that stands at places of `other`."""
    apart = np.linalg.norm(one[:, None, :2] - other[None, :, :2], axis=-1)
    return float((apart.min(axis=1) < 0.05).mean())


@settings(max_examples=30)
@given(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), st.integers(0, 2**31))
def test_a_tile_has_the_same_things_from_wherever_one_looks(step: Tile, seed: int) -> None:
    land = ground((0, 0))
    here = scatter([kind()], land, (0, 0), seed, (0.0, 0.0, 0.0))
    there = scatter([kind()], land, step, seed, (1024.0, 0.0, -1024.0))
    np.testing.assert_allclose(places(here, (0, 0)), places(there, (0, 0), (1024.0, 0.0, -1024.0)), atol=2e-4)


@given(st.integers(-3, 3), st.integers(-3, 3), st.integers(0, 2**31))
def test_places_sizes_turns_and_meshes_are_drawn_by_the_tiles_own_chance(x: int, z: int, seed: int) -> None:
    one = kind(clumping=0.0, slope_max_deg=90.0)
    made = places(scatter([one], ground((0, 0)), (0, 0), seed, (0.0, 0.0, 0.0)), (x, z))
    rng = np.random.default_rng([seed, sum(b"rock"), x & 0xFFFFFFFF, z & 0xFFFFFFFF])
    side = int(np.sqrt(one.config.per_hectare * METRES**2 / 1e4 * 2))
    at = np.array([(column, row) for row in range(side) for column in range(side)])
    at = (at + rng.uniform(0.1, 0.9, at.shape)) * METRES / side
    at = at[rng.uniform(size=len(at)) < 0.5]
    low, high = one.config.scale_m
    size = low * (high / low) ** rng.uniform(size=len(at)) ** 2.2
    yaw, tilt = rng.uniform(0, 2 * np.pi, len(at)), rng.normal(0, 0.12, (len(at), 2))
    turn = np.column_stack([tilt[:, 0], np.sin(yaw / 2), tilt[:, 1], np.cos(yaw / 2)])
    turn /= np.linalg.norm(turn, axis=1, keepdims=True)
    expected = np.column_stack([at, size, turn, rng.integers(0, 3, len(at))])
    np.testing.assert_allclose(made, expected[np.argsort(at[:, 0])], atol=1e-4)


def test_another_world_another_tile_and_another_kind_have_others() -> None:
    land = ground((0, 0), size=0.0)
    seen = [
        places(scatter([kind()], land, (0, 0), 1, (0.0, 0.0, 0.0)), (0, 0)),
        places(scatter([kind()], land, (0, 0), 2, (0.0, 0.0, 0.0)), (0, 0)),
        places(scatter([kind("tree")], land, (0, 0), 1, (0.0, 0.0, 0.0)), (0, 0)),
        places(scatter([kind()], land, (0, 0), 1, (0.0, 0.0, 0.0)), (1, 0)),
    ]
    for i, one in enumerate(seen):
        assert len(one)
        assert all(shared(one, other) < 0.3 for other in seen[:i])


@settings(max_examples=50)
@given(st.integers(-100_000, 100_000), st.integers(-100_000, 100_000), st.integers(-5, 2**31))
def test_everything_of_a_tile_lies_inside_it(x: int, z: int, seed: int) -> None:
    tile = TileHeights(new_id(), np.zeros((SAMPLES, SAMPLES), np.float32))
    land = Ground(TileSet(1, 1, METRES, SAMPLES, {(x, z): tile}), GRID, np.ones((GRID, GRID, 2), np.float32))
    origin = (x * METRES, 0.0, z * METRES)
    made = scatter([kind(per_hectare=200.0, clumping=0.0)], land, (x, z), seed, origin)
    assert len(made)
    for axis in (0, 2):
        assert made["position"][:, axis].min() >= 0.0
        assert made["position"][:, axis].max() <= METRES


@settings(max_examples=30)
@given(st.floats(5.0, 60.0))
def test_nothing_stands_on_a_slope_that_is_too_steep(most_deg: float) -> None:
    land = ground((0, 0), size=2.0)
    made = scatter(
        [kind(slope_max_deg=most_deg, per_hectare=200.0, clumping=0.0)], land, (0, 0), 5, (0.0, 0.0, 0.0)
    )
    for one in made:
        x, z = float(one["position"][0]), float(one["position"][2])
        assert slope_deg(land, x, z) <= most_deg * 1.02 + 0.5


def slope_deg(land: Ground, x: float, z: float) -> float:
    """Of the cell's north-west corner, the least of its readings: rounding may put a thing on either side."""
    at = (int(np.floor(x / METRES)), int(np.floor(z / METRES)))
    heights: F32 = land.shown.tiles[at].heights
    cell = METRES / (SAMPLES - 1)
    found = []
    for nudge in (-1e-3, 1e-3):
        c = int(np.clip((x - at[0] * METRES + nudge) / cell, 0, SAMPLES - 2))
        r = int(np.clip((z - at[1] * METRES + nudge) / cell, 0, SAMPLES - 2))
        rise = np.hypot(heights[r, c + 1] - heights[r, c], heights[r + 1, c] - heights[r, c])
        found.append(float(np.degrees(np.arctan(rise / cell))))
    return min(found)


def test_about_as_many_stand_as_were_asked_for() -> None:
    land = ground((0, 0), size=0.0)
    made = scatter([kind(per_hectare=50.0, clumping=0.0)], land, (0, 0), 3, (0.0, 0.0, 0.0))
    hectares = (7 * METRES) ** 2 / 1e4
    assert 0.7 * 50 < len(made) / hectares < 1.3 * 50


def test_sizes_meshes_and_order() -> None:
    kinds = [kind("tree", 2, first=3, scale_m=(1.0, 4.0)), kind("rock", 3, first=0, scale_m=(0.4, 2.0))]
    made = scatter(kinds, ground((0, 0), 0.3), (0, 0), 9, (0.0, 0.0, 0.0))
    assert (np.diff(made["mesh"].astype(int)) >= 0).all()
    assert set(made["mesh"]) == {0, 1, 2, 3, 4}
    trees = made["mesh"] >= 3
    assert made["scale"][trees].min() >= 1.0 and made["scale"][trees].max() <= 4.0
    assert made["scale"][~trees].min() >= 0.4 and made["scale"][~trees].max() <= 2.0
    np.testing.assert_allclose(np.linalg.norm(made["rotation"], axis=1), 1.0, atol=1e-5)
    assert (made["reach_m"] < 3 * METRES).all()  # nothing is cut off where scattering ends


@given(st.integers(1, 30), st.integers(1, 3))
@settings(max_examples=15)
def test_a_few_tiles_a_frame_come_to_the_same_nearest_first(budget: int, kinds: int) -> None:
    land, slow = ground((0, 0)), Scatter()
    asked = [kind(f"kind {i}", 2, first=2 * i) for i in range(kinds)]
    at_once = scatter(asked, land, (0, 0), 4, (0.0, 0.0, 0.0))
    far = 0.0
    for _ in range(49 * kinds // budget + 1):
        whole, made = slow.work(asked, land, (0, 0), 4, (0.0, 0.0, 0.0), budget), slow.instances()
        if len(made):
            reached = float(np.hypot(made["position"][:, 0] - 32, made["position"][:, 2] - 32).max())
            assert reached >= far - 1e-6
            far = reached
    assert whole
    assert np.sort(made["position"][:, 0]).tolist() == np.sort(at_once["position"][:, 0]).tolist()
    assert slow.work(asked, land, (1, 0), 4, (0.0, 0.0, 0.0), 7 * kinds), (
        "only the row that came nearer is worked out"
    )


def test_where_a_tile_is_missing_nothing_stands() -> None:
    made = scatter([kind()], ground((0, 0), missing=(1, 0)), (0, 0), 1, (0.0, 0.0, 0.0))
    assert not len(places(made, (1, 0))) and len(places(made, (0, 0)))


def test_placed_instances_lie_where_the_generator_says() -> None:
    rows = np.float32([[10, 2, -5, 0, 0, 0, 1, 1.5]])
    made = placed(rows, 4, (8.0, 0.0, 0.0))
    assert made["position"].tolist() == [[2, 2, -5]]
    assert (made["scale"][0], made["mesh"][0], made["stands"][0]) == (1.5, 4, 0.0)


def test_where_one_is_drawn_from_moves_nothing_and_takes_nothing_away() -> None:
    land, made = ground((0, 0)), Scatter()
    kinds = [kind()]
    assert made.work(kinds, land, (0, 0), 3, (0.0, 0.0, 0.0), 10_000)
    before = made.instances()
    origin = (512.0, 0.0, -256.0)
    assert made.work(kinds, land, (0, 0), 3, origin, 0)
    assert len(before) == len(made.instances()) > 0
    assert np.allclose(made.instances()["position"] + origin, before["position"], atol=1e-3)

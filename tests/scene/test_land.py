"""The endless ground: whatever arrives when, it is whole where it is seen, and never jumps."""

from dataclasses import dataclass, field

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt
import outputs as o
import pytest
from hypothesis import Phase, given, settings

from vrgen import contract as c
from vrgen.messages import Tile
from vrgen.scene.ground import GRID, REACH, Key, Land, mirrored, plain_tiles, tile_heights
from vrgen.scene_model import F32, TileHeights, new_id

METRES, SAMPLES = 32.0, 9
DT_S = 1 / 12
MORPH_MPS = 28.0 / 1.6 * 1.3
"""Greatest difference of two lands of `hills`, over the time a morph takes, with a margin."""


def heights_of(key: Key, tile: Tile) -> F32:
    return o.hills(tile, SAMPLES, METRES, 1.0, 0.7 * key[0] + 0.3 * key[1])


@dataclass
class Visit:
    """A walker, a generator that answers when told to, a GPU that takes tiles when told to."""

    land: Land = field(default_factory=Land)
    at: tuple[float, float] = (10.0, 10.0)
    wanted: Key = (1, 1)
    made: dict[Key, dict[Tile, TileHeights]] = field(default_factory=dict)
    resident: set[int] = field(default_factory=set)
    may_show: bool = True
    never: Tile | None = None
    """A tile at which the generator fails."""

    def ask(self, key: Key) -> None:
        self.wanted = key

    def make(self, count: int, order: np.random.Generator) -> None:
        """Answer `count` of the wanted tiles, in any order."""
        if self.land.target[0] < 0:
            return
        missing = [tile for tile in self.land.missing(self.at, (0.0, -1.0)) if tile != self.never]
        order.shuffle(missing)
        key = self.land.target
        tiles = {t: TileHeights(new_id(), heights_of(key, t)) for t in missing[:count]}
        if tiles:
            self.land.offer(key, tiles, METRES, SAMPLES)

    def upload(self, count: int, order: np.random.Generator) -> None:
        waiting = [
            tile.id
            for tiles in (self.land.ground.shown, self.land.ground.arriving)
            if tiles is not None
            for tile in tiles.tiles.values()
            if tile.id not in self.resident
        ]
        order.shuffle(waiting)
        self.resident.update(waiting[:count])

    def frame(self, walk: tuple[float, float] = (0.0, 0.0)) -> None:
        """One frame on, with everything that must hold at any moment."""
        self.at = (self.at[0] + walk[0] * DT_S, self.at[1] + walk[1] * DT_S)
        self.land.retarget(self.wanted)
        before, sample = self.land.ground, self.places()
        old = {p: self.land.height(*p) for p in sample}
        stood = {p: self.presence(*p) for p in sample}
        weights, met = before.corners[..., 0], self.meets_seen_land()
        self.land.advance(self.at, frozenset(self.resident), self.may_show, DT_S)
        self.land.retarget(self.wanted)
        corners = self.land.ground.corners
        assert corners.min() >= 0.0 and corners.max() <= 1.0
        assert (corners[..., 1] <= self.land.rim(self.at) + 1e-6).all()
        self.seen_land_is_there()
        if before.shown.metres == self.land.ground.shown.metres:
            for place, was in old.items():
                now = self.land.height(*place)
                if min(stood[place], self.presence(*place)) > 0.0:
                    assert now is not None and was is not None
                    if not self.within_the_rim(*place):
                        continue
                    assert abs(now - was) <= MORPH_MPS * DT_S, f"a jump of {now - was} m at {place}"
            if before.arriving is not None and self.land.ground.arriving is not None:
                seen = met & self.meets_seen_land()
                assert (np.abs(corners[..., 0] - weights)[seen] <= DT_S / 1.6 + 1e-6).all(), "a weight jumped"

    def places(self) -> list[tuple[float, float]]:
        """A few around the walker, near and far, the same from frame to frame."""
        x, z = (round(v / METRES) * METRES for v in self.at)
        return [
            (x + dx * METRES, z + dz * METRES)
            for dx in (-4.3, -1.0, -0.4, 0.0, 0.6, 3.5)
            for dz in (-5.2, -0.7, 0.0, 0.3, 2.0)
        ]

    def presence(self, x: float, z: float) -> float:
        """Bilinear between the corners, as the shader has it."""
        metres = self.land.ground.shown.metres
        ix, iz = int(np.floor(x / metres)), int(np.floor(z / metres))
        fx, fz = x / metres - ix, z / metres - iz
        p = self.land.ground.corners[..., 1]
        north = p[iz % GRID, ix % GRID] * (1 - fx) + p[iz % GRID, (ix + 1) % GRID] * fx
        south = p[(iz + 1) % GRID, ix % GRID] * (1 - fx) + p[(iz + 1) % GRID, (ix + 1) % GRID] * fx
        return float(north * (1 - fz) + south * fz)

    def within_the_rim(self, x: float, z: float) -> bool:
        """Whether distance leaves something of all four corners around."""
        metres = self.land.ground.shown.metres
        ix, iz = int(np.floor(x / metres)), int(np.floor(z / metres))
        rim = self.land.rim(self.at)
        return all(rim[(iz + j) % GRID, (ix + i) % GRID] > 0.0 for i in (0, 1) for j in (0, 1))

    def meets_seen_land(self) -> npt.NDArray[np.bool_]:
        """(GRID, GRID) corners of tiles that are seen, if only at another corner."""
        seen = self.land.ground.corners[..., 1] > 0.0
        for axis in (0, 1):
            seen = seen | np.roll(seen, 1, axis) | np.roll(seen, -1, axis)
        return seen

    def seen_land_is_there(self) -> None:
        """Every tile that touches a corner with presence is on the GPU in each land that its corners show."""
        ground = self.land.ground
        weight, presence = ground.corners[..., 0], ground.corners[..., 1]
        for tiles, shows in ((ground.shown, weight < 1.0), (ground.arriving, weight > 0.0)):
            there = np.zeros((GRID, GRID), bool)
            for (x, z), tile in tiles.tiles.items() if tiles is not None else ():
                there[z % GRID, x % GRID] = tile.id in self.resident
            around = there & np.roll(there, 1, 0) & np.roll(there, 1, 1) & np.roll(there, (1, 1), (0, 1))
            assert not (shows & (presence > 0.0) & ~around).any(), "land is shown that is not there"

    def borders_fit(self) -> None:
        """The height is the same on both sides of a border wherever the land is seen there."""
        metres = self.land.ground.shown.metres
        cx, cz = (int(np.floor(v / metres)) for v in self.at)
        for k in range(-4, 5):
            for along in (0.13, 0.5, 0.81):
                for x, z, nx, nz in (
                    ((cx + k) * metres, (cz + along) * metres, 1e-3, 0.0),
                    ((cx + along) * metres, (cz + k) * metres, 0.0, 1e-3),
                ):
                    if self.presence(x, z) <= 0.0:
                        continue
                    one, other = self.land.height(x - nx, z - nz), self.land.height(x + nx, z + nz)
                    assert one is not None and other is not None
                    assert abs(one - other) < 0.01


ACTS = st.one_of(
    st.tuples(st.just("make"), st.integers(1, 80)),
    st.tuples(st.just("upload"), st.integers(1, 80)),
    st.tuples(st.just("wait"), st.integers(1, 20)),
    st.tuples(st.just("walk"), st.tuples(st.floats(-60, 60), st.floats(-60, 60))),
    st.tuples(st.just("morph"), st.just(0)),
    st.tuples(st.just("world"), st.just(0)),
    st.tuples(st.just("show"), st.booleans()),
)


@pytest.mark.slow
@settings(max_examples=30, phases=[Phase.explicit, Phase.generate])
@given(st.lists(ACTS, max_size=40), st.integers(0, 99))
def test_at_no_moment_does_seen_land_jump_tear_or_miss(acts: list[tuple[str, object]], seed: int) -> None:
    visit, rng = Visit(), np.random.default_rng(seed)
    for act, how in [*acts, ("show", True)]:
        key = visit.wanted
        match act, how:
            case "make", int(count):
                visit.make(count, rng)
            case "upload", int(count):
                visit.upload(count, rng)
            case "wait", int(frames):
                for _ in range(frames):
                    visit.frame()
            case "walk", (float(x), float(z)):
                for _ in range(10):
                    visit.frame((x, z))
            case "morph", _:
                visit.ask((key[0], key[1] + 1))
            case "world", _:
                visit.ask((key[0] + 1, key[1] + 1))
            case "show", bool(may):
                visit.may_show = may
        visit.frame()
        visit.borders_fit()
    # Left alone with a generator that answers, the land becomes what was asked for.
    for _ in range(400):
        visit.make(40, rng)
        visit.upload(60, rng)
        visit.frame()
        if stands_whole(visit):
            break
    assert stands_whole(visit)
    visit.borders_fit()


def stands_whole(visit: Visit) -> bool:
    ground = visit.land.ground
    return (
        ground.arriving is None
        and (ground.shown.epoch, ground.shown.revision) == visit.wanted
        and not visit.land.missing(visit.at, (0.0, -1.0))
        and bool(np.allclose(ground.corners[..., 1], visit.land.rim(visit.at), atol=1e-6))
        and visit.land.risen
    )


def settled(visit: Visit, seed: int = 0) -> Visit:
    rng = np.random.default_rng(seed)
    for _ in range(120):
        visit.make(300, rng)
        visit.upload(300, rng)
        visit.frame()
        if stands_whole(visit):
            break
    assert stands_whole(visit)
    return visit


def test_the_land_that_stands_is_the_land_that_was_made() -> None:
    visit = settled(Visit())
    for x, z in ((10.0, 10.0), (-50.3, 71.9), (0.0, 32.0)):
        cell = METRES / (SAMPLES - 1)
        c, r = round(x / cell), round(z / cell)  # at a sample
        tile = (c // (SAMPLES - 1), r // (SAMPLES - 1))
        expected = heights_of((1, 1), tile)[r % (SAMPLES - 1), c % (SAMPLES - 1)]
        assert visit.land.height(c * cell, r * cell) == pytest.approx(float(expected), abs=1e-4)


def test_between_samples_the_ground_is_flat_triangles() -> None:
    visit = settled(Visit())
    cell = METRES / (SAMPLES - 1)
    at = {(i, j): visit.land.height(i * cell, j * cell) for i in (0, 1) for j in (0, 1)}
    for fx, fz in ((0.75, 0.25), (0.2, 0.9)):
        nw, se = at[0, 0], at[1, 1]
        side = at[1, 0] if fx > fz else at[0, 1]
        low, high = min(fx, fz), max(fx, fz)
        expected = nw + high * (side - nw) + low * (se - side)  # type: ignore[operator]
        assert visit.land.height(fx * cell, fz * cell) == pytest.approx(expected, abs=1e-5)


def test_nothing_stands_before_it_is_on_the_gpu() -> None:
    visit, rng = Visit(), np.random.default_rng(0)
    visit.frame()
    for _ in range(40):
        visit.make(300, rng)
        visit.frame()
    assert not visit.land.ground.corners[..., 1].any()
    assert not visit.land.risen


def test_another_world_waits_until_it_may_show() -> None:
    visit, rng = settled(Visit()), np.random.default_rng(0)
    visit.may_show = False
    visit.ask((2, 2))
    before = visit.land.height(11.0, 12.0)
    for _ in range(60):
        visit.make(300, rng)
        visit.upload(300, rng)
        visit.frame()
    assert visit.land.near_arrived()
    assert visit.land.height(11.0, 12.0) == before
    visit.may_show = True
    settled(visit)
    assert visit.land.height(11.0, 12.0) != before


def test_beside_a_tile_that_never_comes_land_morphs_without_a_jump() -> None:
    visit, rng = Visit(never=(1, 0)), np.random.default_rng(0)
    for key in ((1, 1), (1, 2), (1, 3)):
        visit.ask(key)
        for _ in range(60):
            visit.make(300, rng)
            visit.upload(300, rng)
            visit.frame()
        assert visit.land.ground.arriving is None
        assert visit.land.ground.shown.revision == key[1]
        assert visit.presence(20.0, 20.0) > 0.0  # beside the hole there is land
    visit.never = None
    settled(visit)
    visit.never = (1, 0)
    visit.ask((2, 4))
    for frame in range(100):
        visit.make(300, rng)
        visit.upload(300, rng)
        visit.frame()
        if frame == 10:
            visit.ask((3, 5))  # in the midst of it: the hole sinks, beside it one land becomes the other
    assert visit.land.ground.shown.epoch == 3


def test_of_many_worlds_asked_for_the_last_one_comes() -> None:
    visit, rng = settled(Visit()), np.random.default_rng(0)
    for epoch in range(2, 9):
        visit.ask((epoch, epoch))
        visit.make(100, rng)
        visit.upload(50, rng)
        for _ in range(3):
            visit.frame()
    settled(visit)
    assert visit.land.ground.shown.epoch == 8


def test_tiles_that_nobody_wants_any_more_are_not_taken() -> None:
    visit = settled(Visit())
    visit.land.offer((9, 9), {(0, 0): TileHeights(new_id(), heights_of((9, 9), (0, 0)))}, METRES, SAMPLES)
    assert visit.land.ground.arriving is None
    assert stands_whole(visit)


def test_near_and_looked_at_tiles_are_wanted_first() -> None:
    visit = Visit(at=(16.0, 16.0))
    visit.frame()
    visit.make(1, np.random.default_rng(0))
    missing = visit.land.missing(visit.at, (1.0, 0.0))
    away = [np.hypot((x + 0.5) * METRES - 16, (z + 0.5) * METRES - 16) for x, z in missing]
    assert all(a < 1.6 * METRES for a in away[:8]) and not any(a < 1.6 * METRES for a in away[9:])
    assert missing.index((4, 0)) < missing.index((-4, 0))
    assert len(missing) == len(set(missing))


def test_before_the_first_tile_the_promised_side_says_which_are_wanted() -> None:
    land, at = Land(), (1000.0, -500.0)
    land.advance(at, frozenset(), True, DT_S)
    land.retarget((1, 1), METRES)
    wanted = land.missing(at, (0.0, -1.0))
    assert wanted[0] == (31, -16)
    land.offer((1, 1), {wanted[0]: TileHeights(new_id(), heights_of((1, 1), wanted[0]))}, METRES, SAMPLES)
    land.advance(at, frozenset(), True, DT_S)
    assert set(land.missing(at, (0.0, -1.0))) == set(wanted[1:])


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 99))
def test_mirrored_tiles_share_their_edges_to_the_bit(x: int, z: int, seed: int) -> None:
    heights = np.random.default_rng(seed).normal(size=(9, 9)).astype(np.float32)
    tiles = mirrored(heights, (x, z))
    assert len(tiles) == (2 * REACH + 1) ** 2
    for (ix, iz), tile in tiles.items():
        east, south = tiles.get((ix + 1, iz)), tiles.get((ix, iz + 1))
        if east is not None:
            assert (tile.heights[:, -1] == east.heights[:, 0]).all()
        if south is not None:
            assert (tile.heights[-1] == south.heights[0]).all()
    assert len({tile.id for tile in tiles.values()}) == 4


def test_mirrored_ground_stays_where_it_is_as_one_walks_on() -> None:
    visit = Visit(wanted=(1, 1))
    heights = o.hills((0, 0), SAMPLES, METRES)
    rng = np.random.default_rng(0)
    for frame in range(150):
        centre = (int(visit.at[0] // METRES), int(visit.at[1] // METRES))
        visit.land.retarget((1, 1))
        if visit.land.missing(visit.at, (0.0, -1.0)):
            visit.land.offer((1, 1), mirrored(heights, centre), METRES, SAMPLES)
        visit.upload(300 if frame < 60 else 1, rng)
        visit.frame((30.0, 20.0) if frame > 60 else (0.0, 0.0))
        if frame > 60:
            assert visit.presence(*visit.at) == pytest.approx(1.0)


@pytest.mark.parametrize("samples, made", [(5, 5), (129, 129), (9, 9), (64, 65), (100, 129), (3, 5)])
def test_heights_come_to_a_power_of_two_of_cells(samples: int, made: int) -> None:
    ramp = np.linspace(0, 1, samples, dtype=np.float32)
    heights = tile_heights(o.heightfield(ramp[None, :] + 2 * ramp[:, None], 32.0))
    assert heights.shape == (made, made)
    again = np.linspace(0, 1, made)
    np.testing.assert_allclose(heights, again[None, :] + 2 * again[:, None], atol=1e-5)
    assert heights[0, 0] == 0 and heights[-1, -1] == 3


def test_a_range_of_numbers_means_a_relief_in_metres() -> None:
    spec = c.HeightfieldOutput(shape=(1, 5, 5), metres=32.0, range=(-1.0, 1.0), relief_m=30.0)
    heights = tile_heights(o.of(spec, np.linspace(-1, 1, 25).reshape(1, 5, 5)))
    assert heights.min() == 0.0 and heights.max() == 30.0


def test_plain_ground_goes_on_wherever_one_walks() -> None:
    visit = Visit(wanted=(-1, -1))
    for frame in range(120):
        visit.upload(4, np.random.default_rng(0))
        visit.frame((40.0, -30.0) if frame > 40 else (0.0, 0.0))
        assert visit.land.risen is (frame > 20) or 10 < frame <= 20
    assert visit.land.height(*visit.at) == 0.0
    assert set(plain_tiles((3, 3)).tiles) == {(x, z) for x in range(-4, 11) for z in range(-4, 11)}


def test_land_of_another_size_takes_the_place_of_the_old() -> None:
    visit = settled(Visit())
    visit.ask((2, 2))
    visit.frame()
    visit.land.offer((2, 2), {(0, 0): TileHeights(new_id(), np.zeros((17, 17), np.float32))}, 64.0, 17)
    assert (visit.land.ground.shown.metres, visit.land.ground.shown.samples) == (64.0, 17)
    assert not visit.land.ground.corners.any()

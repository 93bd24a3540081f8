"""Nothing that generators make may flash, and nothing else is slowed down by that."""

from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import outputs as o
import pytest
from hypothesis import given, settings

from vrgen import contract as c
from vrgen.scene.appearance import Appearance, Look
from vrgen.scene.fading import MORPH_S, NEW_WORLD_S
from vrgen.scene.governor import LONGEST_S, MOST_PER_S, Governor, displayed
from vrgen.scene.meshes import mesh_of
from vrgen.scene.pictures import picture_of
from vrgen.scene.sky import given_light, sky_of
from vrgen.scene.surfaces import surface_of
from vrgen.scene.swaps import Swap, Swaps
from vrgen.scene_model import F32, Light, Sky, Surface

DT_S = 1 / 60
BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def sky(colour: tuple[float, float, float], low: tuple[float, float, float] | None = None) -> Sky:
    """`low`: what is seen to the left of -Z, in place of `colour`."""
    radiance = np.broadcast_to(np.float32(colour), (32, 64, 3)).copy()
    if low is not None:
        radiance[:, :32] = low
    return sky_of(o.panorama(radiance))


def soil(colour: tuple[float, float, float], normal: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> Surface:
    shade = tuple(2 * v - 1 for v in colour)
    return surface_of([o.texture(shade), o.texture(normal, "normal")])  # type: ignore[arg-type]


class Eye:
    """Looks at an appearance for which everything is on the GPU at once."""

    def __init__(self) -> None:
        self.appearance = Appearance()
        self._governor = Governor()
        self.look = self.frame(DT_S)
        self.seen = self.luminances()
        self.fastest = 0.0

    def offer(self, *assets: Sky | Surface | Light, another_world: bool = False) -> None:
        for asset in assets:
            if isinstance(asset, Sky):
                self.appearance.offer_sky(asset, another_world)
            elif isinstance(asset, Surface):
                self.appearance.offer_surface("ground", asset, another_world)
            else:
                self.appearance.offer_light(asset, another_world)

    def frame(self, dt_s: float) -> Look:
        there = frozenset(asset.id for asset in self.appearance.waiting)
        self.look = self.appearance.advance(there, True, dt_s)
        return self.look

    def luminances(self) -> F32:
        return self._governor.luminances(self.look.sky, self.look.surfaces, self.look.light)

    def watch(self, seconds: float, dt_s: float = DT_S) -> None:
        """Frames, with an eye on how fast the luminance of anything changes."""
        for _ in range(round(seconds / dt_s)):
            self.frame(dt_s)
            now = self.luminances()
            self.fastest = max(self.fastest, float(np.abs(now - self.seen).max()) / dt_s)
            self.seen = now
            for fade in (self.look.sky, *self.look.surfaces.values()):
                assert 0.0 <= fade.weight <= 1.0 and (fade.arriving is not None or fade.weight == 0.0)

    def seconds_until_still(self, most: float = 20.0, dt_s: float = DT_S) -> float:
        waited = 0.0
        while not self.appearance.still:
            self.watch(dt_s, dt_s)
            waited += dt_s
            assert waited < most, "it never comes to rest"
        return waited


# --- the bound --------------------------------------------------------------------------------------------

LEVELS = st.sampled_from([0.0, 0.003, 0.1, 0.5, 1.0, 20.0])
COLOURS = st.tuples(LEVELS, LEVELS, LEVELS)
UNITS = st.floats(0.0, 1.0)
SKIES = st.builds(sky, COLOURS, st.none() | COLOURS)
SOILS = st.builds(
    soil,
    st.tuples(UNITS, UNITS, UNITS),
    st.sampled_from([(0.0, 0.0, 1.0), (0.9, 0.0, 0.44), (-0.9, 0.0, 0.44), (0.0, -0.9, 0.44)]),
)
LIGHTS = st.builds(
    lambda direction, sun, ambient: given_light(o.of(c.LightOutput(), [*direction, *[sun] * 3, *[ambient] * 3])),
    st.sampled_from([(0.0, 1.0, 0.0), (1.0, 0.1, 0.0), (-1.0, 0.1, 0.0), (0.3, 0.5, 0.8)]),
    st.sampled_from([0.0, 1.0, 5.0]),
    st.sampled_from([0.0, 0.1, 1.0]),
)
ARRIVALS = st.tuples(st.one_of(SKIES, SOILS, LIGHTS), st.booleans(), st.sampled_from([0.0, 0.02, 0.1, 0.7]))


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(ARRIVALS, min_size=1, max_size=8))
def test_whatever_arrives_and_when_nothing_changes_faster_than_the_bound(
    arrivals: list[tuple[Sky | Surface | Light, bool, float]],
) -> None:
    eye = Eye()
    last: dict[type, Sky | Surface | Light] = {}
    for asset, another_world, then_s in arrivals:
        eye.offer(asset, another_world=another_world)
        last[type(asset)] = asset
        eye.watch(then_s)
    eye.seconds_until_still(most=40.0)
    assert eye.fastest <= 1.01 * MOST_PER_S
    assert eye.look.sky.shown is last.get(Sky, eye.look.sky.shown)
    assert eye.look.surfaces["ground"].shown is last.get(Surface, eye.look.surfaces["ground"].shown)
    if Light in last:
        assert eye.look.light.sun_direction is last[Light].sun_direction  # type: ignore[union-attr]


def flashes(levels: list[float], dt_s: float) -> int:
    """Most pairs of opposing changes of a tenth or more, with a darker side below 0.8, within any second."""
    turns: list[tuple[int, float, float]] = []  # when each change of a tenth was through: frame, from, to
    low = high = levels[0]
    for number, level in enumerate(levels):
        low, high = min(low, level), max(high, level)
        rising = not turns or turns[-1][2] < turns[-1][1]
        falling = not turns or not rising
        if rising and level - low >= 0.1 and low < 0.8:
            turns.append((number, low, level))
            low = high = level
        elif falling and high - level >= 0.1 and level < 0.8:
            turns.append((number, high, level))
            low = high = level
    within = round(1.0 / dt_s)
    most = max((sum(a <= n < a + within for n, _, _ in turns) for a, _, _ in turns), default=0)
    return most // 2


@pytest.mark.parametrize("governed", [True, False])
def test_skies_and_grounds_that_alternate_nine_times_a_second(
    governed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not governed they flash and change many times as fast: that is what the other tests would see."""
    if not governed:
        monkeypatch.setattr(Governor, "pace", lambda self, seen_at, dt_s: 1.0)
    eye = Eye()
    skies, soils = (sky(BLACK), sky(WHITE)), (soil(WHITE), soil(BLACK))
    levels = []
    for number in range(100):
        eye.offer(skies[number % 2], soils[number % 2])
        for _ in range(7):
            eye.watch(DT_S)
            levels.append(float(eye.seen[:256].mean()))
    assert (eye.fastest <= 1.01 * MOST_PER_S) == governed
    assert governed or eye.fastest > 2.0
    assert flashes(levels, DT_S) == (0 if governed else 1)
    assert max(levels) - min(levels) > 0.4  # they are shown, all the same


def test_the_count_of_flashes_counts() -> None:
    square = [float(n // 6 % 2) for n in range(120)]  # five pairs a second
    assert flashes(square, DT_S) == 5
    assert flashes([0.05 * v for v in square], DT_S) == 0
    assert flashes([n / 120 for n in range(120)], DT_S) == 0


def test_a_sky_that_changes_sides_keeps_its_mean_and_is_slowed_all_the_same() -> None:
    eye = Eye()
    eye.offer(sky(BLACK, WHITE))
    eye.seconds_until_still()
    eye.fastest = 0.0
    eye.offer(sky(WHITE, BLACK))
    assert eye.seconds_until_still() > 2 * MORPH_S
    assert 0.5 * MOST_PER_S < eye.fastest <= 1.01 * MOST_PER_S


def test_after_a_frame_that_took_long_nothing_jumps() -> None:
    eye = Eye()
    eye.offer(sky(BLACK), soil(WHITE))
    eye.watch(3.0, dt_s=1.5)
    assert eye.fastest * 1.5 <= 1.01 * MOST_PER_S * LONGEST_S


@pytest.mark.parametrize("factor", [0.0, 0.01, 30.0])
def test_between_two_skies_every_part_goes_straight(factor: float) -> None:
    """A dark sky is exposed for longer; what is left of the bright one must not turn white by that."""
    eye = Eye()
    first = sky((0.2, 0.5, 1.0), (0.6, 0.4, 0.3))
    eye.offer(first)
    eye.seconds_until_still()
    eye.offer(sky_of(o.panorama(np.float32(factor) * first.radiance.astype(np.float32)[:, ::-1])))
    levels = [eye.luminances()]
    while not eye.appearance.still:
        eye.watch(DT_S)
        levels.append(eye.luminances())
    steps = np.diff(np.stack(levels)[:, :256], axis=0)
    whole = np.sign(levels[-1] - levels[0])[:256]
    assert (steps * whole).min() > -0.002


# --- what is not slowed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("another_world", [True, False])
def test_where_brightness_hardly_changes_a_fade_takes_its_own_time(another_world: bool) -> None:
    eye = Eye()
    eye.offer(sky((0.3, 0.5, 0.9)), soil((0.4, 0.5, 0.3)))
    eye.seconds_until_still()
    eye.offer(sky((0.36, 0.52, 0.8)), soil((0.45, 0.5, 0.4)), another_world=another_world)
    took = eye.seconds_until_still()
    assert took == pytest.approx(NEW_WORLD_S if another_world else MORPH_S, abs=1.5 * DT_S)


def test_from_white_to_black_takes_as_long_as_the_bound_asks_for() -> None:
    eye = Eye()
    eye.offer(sky(WHITE))
    eye.seconds_until_still()
    before = eye.luminances().max()
    eye.offer(sky(BLACK))
    took = eye.seconds_until_still()
    assert before / MOST_PER_S < took < 1.5 * before / MOST_PER_S


def test_the_curve_goes_up_from_black_to_white() -> None:
    greys = displayed(np.repeat(np.geomspace(1e-4, 50.0, 200, dtype=np.float32)[:, None], 3, axis=1))
    assert np.all(np.diff(greys) >= -1e-6)
    assert greys[0] < 0.001 and greys[-1] > 0.95
    assert displayed(np.zeros((1, 3), np.float32))[0] == 0.0


# --- what can't fade --------------------------------------------------------------------------------------

NOON = given_light(o.of(c.LightOutput(), [0, 0.7, 0.7, 3, 3, 3, 0.5, 0.5, 0.5]))


def picture(level: float, revision: int, epoch: int = 1) -> Swap:
    """`level` in [-1, 1]."""
    request = o.result(o.wish("gan", epoch, revision), {}).request
    return Swap(request, "picture", picture_of(o.picture((level, level, level))), 1)


def test_pictures_that_alternate_are_held_and_the_newest_of_them_comes() -> None:
    swaps, shown = Swaps(), []
    for number in range(300):
        if number % 3 == 0:
            swaps.put(picture(1.0 if number // 3 % 2 else -1.0, number))
        shown += [(number / 30, swap) for swap in swaps.take(NOON, number / 30)]
    levels = [(at, float(swap.made.pixels[..., :3].max()) / 127.5 - 1) for at, swap in shown]
    changes = [b[0] for a, b in pairwise(levels) if a[1] != b[1]]
    assert len(changes) > 4
    assert min(b - a for a, b in pairwise(changes)) > 1.0  # a pair of them takes two seconds and more
    swaps.put(picture(0.3, 1000))
    assert [swap.request.revision for swap in swaps.take(NOON, 20.0)] == [1000] and swaps.empty


def test_a_smooth_morph_of_a_picture_passes_as_it_comes() -> None:
    swaps = Swaps()
    for number in range(40):
        swaps.put(picture(-0.5 + 0.02 * number, number))
        assert [swap.request.revision for swap in swaps.take(NOON, number * 0.1)] == [number]


def test_what_is_held_when_another_world_comes_is_never_shown() -> None:
    swaps = Swaps()
    for number, level in enumerate((-1.0, 1.0, -1.0)):
        swaps.put(picture(level, number))
        list(swaps.take(NOON, 0.01 * number))
    assert not swaps.empty
    swaps.put(picture(0.1, 9, epoch=2))
    assert [swap.request.epoch for swap in swaps.take(NOON, 50.0)] == [2]


def test_meshes_of_another_shape_come_at_most_five_times_a_second_and_another_worlds_are_not_counted() -> None:
    swaps = Swaps()
    count = 0
    for number in range(100):
        request = o.result(o.wish("rock", 1, number), {}).request
        vertices = np.float32([[0, 0, 0], [1, 0, 0], [0, 1 + 0.1 * (number % 2), 0], [0, 0, 1]])
        swaps.put(Swap(request, "rock", mesh_of(o.tetrahedron(vertices=vertices)), 1))
        count += len(list(swaps.take(NOON, number / 50)))
    assert 8 <= count <= 11
    for epoch in (2, 3, 4):
        request = o.result(o.wish("rock", epoch, 200), {}).request
        swaps.put(Swap(request, "rock", mesh_of(o.tetrahedron()), 1))
        assert len(list(swaps.take(NOON, 10.0 + epoch / 100))) == 1

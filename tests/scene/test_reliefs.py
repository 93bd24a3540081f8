"""Panoramas with a depth: torn where one thing hides another, closed behind, with the person in their middle."""

from itertools import combinations

import numpy as np
import outputs as o
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from test_assembly import Show, alone, is_a_place, world

from vrgen import contract as c
from vrgen.config import StartConfig
from vrgen.messages import Output, Person
from vrgen.scene import relief as r
from vrgen.scene.assembly import Assembly
from vrgen.scene.colours import Lost
from vrgen.scene.sky import sky_of
from vrgen.scene_model import F32, Sky

ROWS = 64
LEAST = 0.02


def depth_of(metres: F32, **more: float) -> Output:
    return o.of(c.PanoramaDepthOutput(shape=(1, *metres.shape), **more), metres[None])


def room(metres: float = 2.0, ball_m: float | None = None) -> tuple[Output, Output]:
    """A blue room of that radius, with a red ball before -Z."""
    colours = np.broadcast_to(np.float32([0.1, 0.2, 0.9]), (ROWS, 2 * ROWS, 3)).copy()
    depth = np.full((ROWS, 2 * ROWS), metres, np.float32)
    if ball_m is not None:
        y, x = np.mgrid[:ROWS, : 2 * ROWS]
        ball = (y - ROWS / 2) ** 2 + (x - ROWS) ** 2 < (ROWS / 10) ** 2
        colours[ball], depth[ball] = (0.9, 0.1, 0.1), ball_m
    return o.panorama(colours), depth_of(depth)


# --- torn -------------------------------------------------------------------------------------------------


def about(y: int, x: int, shape: tuple[int, int], wraps: bool) -> list[tuple[int, int, int]]:
    """Cells about a corner, each with which of its own corners that is."""
    found = []
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        row, column = min(max(y - 1 + dy, 0), shape[0] - 1), x - 1 + dx
        column = column % shape[1] if wraps else min(max(column, 0), shape[1] - 1)
        inside = 0 <= y - 1 + dy < shape[0] and (wraps or 0 <= x - 1 + dx < shape[1])
        found.append((row, column, 3 - 2 * dy - dx if inside else -1))
    return found


def slowly_torn(nearness: F32, least: float, wraps: bool) -> F32:
    """The slow twin: at every corner the cells are put together pair by pair."""
    made = np.zeros((*nearness.shape, 4))
    for y in range(nearness.shape[0] + 1):
        for x in range(nearness.shape[1] + (not wraps)):
            cells = about(y, x, nearness.shape, wraps)
            values = [float(nearness[row, column]) for row, column, _ in cells]
            group = list(range(4))
            for _ in range(4):
                for a, b in combinations(range(4), 2):
                    far, near = sorted((values[a], values[b]))
                    if not (near - far > r.APART * near and near - far > least):
                        group[a] = group[b] = min(group[a], group[b])
            for (row, column, corner), mine in zip(cells, group):
                if corner >= 0:
                    made[row, column, corner] = np.mean([v for v, g in zip(values, group) if g == mine])
    return made


@given(
    arrays(np.float32, (5, 6), elements=st.sampled_from([0.01, 0.3, 0.33, 0.37, 0.5, 0.52, 2.0])),
    st.booleans(),
)
def test_corners_are_the_means_of_what_hangs_together(nearness: F32, wraps: bool) -> None:
    np.testing.assert_allclose(r.torn(nearness, LEAST, wraps), slowly_torn(nearness, LEAST, wraps), rtol=1e-5)


@given(arrays(np.float32, (5, 8), elements=st.floats(0.25, 0.28125, width=32)))
def test_one_surface_has_no_crack_not_even_where_it_closes(nearness: F32) -> None:
    corners = r.torn(nearness, LEAST, wraps=True)
    beside, below = np.roll(corners, -1, axis=1), corners[1:]
    assert (corners[..., 1] == beside[..., 0]).all() and (corners[..., 3] == beside[..., 2]).all()
    assert (corners[:-1, :, 2] == below[..., 0]).all() and (corners[:-1, :, 3] == below[..., 1]).all()


def test_a_floor_is_one_surface_up_to_the_horizon() -> None:
    down = (np.arange(256) + 0.5) / 256 * np.pi - np.pi / 2
    metres = np.repeat(np.clip(1.7 / np.maximum(np.sin(down), 1e-9), 0, 1e3)[:, None], 512, axis=1)
    sky = sky_of(o.sky((0.3, 0.4, 0.5)), depth_of(np.float32(metres)))
    assert sky.relief is not None
    front = sky.relief.front.astype(np.float32)
    assert (front[:-1, :, 2] == front[1:, :, 0]).all(), "it is torn somewhere"


def test_a_ball_before_a_wall_shares_no_corner_with_it() -> None:
    panorama, depth = room(2.0, 1.0)
    sky = sky_of(panorama, depth)
    assert sky.relief is not None
    front = sky.relief.front.astype(np.float32)
    assert np.isclose(front, 0.5, atol=1e-3).sum() + np.isclose(front, 1.0, atol=1e-3).sum() == front.size


# --- behind -----------------------------------------------------------------------------------------------


def test_what_leaning_brings_to_light_is_the_wall_and_nothing_of_the_ball() -> None:
    panorama, depth = room(2.0, 1.0)
    sky = sky_of(panorama, depth)
    assert sky.relief is not None
    back, front = sky.relief.back.astype(np.float32), sky.relief.front.astype(np.float32)
    assert back.shape == (256, 512, 4)
    inside = np.isclose(front, 1.0, atol=1e-3).all(axis=-1)
    shift = sky.relief.reach_m * (1.0 - 0.5) / r.CELL_RAD  # cells that the ball moves by before the wall
    rows, columns = np.nonzero(inside)
    rim = np.hypot(rows - 128, columns - 256) > np.hypot(rows - 128, columns - 256).max() - shift
    seen = back[rows[rim], columns[rim]]
    np.testing.assert_allclose(seen[:, 3], 0.5, atol=1e-3)
    np.testing.assert_allclose(seen[:, :3], np.broadcast_to([0.1, 0.2, 0.9], seen[:, :3].shape), atol=2e-3)
    assert (back[~inside][:, 3] == 0.5).all()


def test_the_reach_is_less_where_things_are_near() -> None:
    reaches = [sky_of(*room(metres)).relief.reach_m for metres in (0.5, 1.0, 2.0, 50.0)]  # type: ignore[union-attr]
    assert reaches[0] < reaches[1] < reaches[2] <= reaches[3] == 1.0 and reaches[0] > 0.1


@pytest.mark.parametrize("rows", [8, 60, 256, 512])
def test_a_depth_of_any_size_is_taken(rows: int) -> None:
    panorama, _ = room()
    sky = sky_of(panorama, depth_of(np.full((rows, 2 * rows), 3.0, np.float32)))
    assert sky.relief is not None and sky.relief.front.shape == (256, 512, 4)
    np.testing.assert_allclose(sky.relief.front.astype(np.float32), 1 / 3, atol=1e-3)


def test_what_no_depth_can_be_is_brought_into_its_range() -> None:
    metres = np.full((8, 16), 3.0, np.float32)
    metres[0, :4] = 0.0, -5.0, 1e30, 1e-30
    sky = sky_of(room()[0], depth_of(metres))
    assert sky.relief is not None
    assert np.isfinite(sky.relief.front).all() and sky.relief.front.min() > 0 and sky.relief.front.max() <= 10.0


def test_a_depth_that_was_lost_on_its_way_makes_no_sky() -> None:
    panorama, depth = room()
    with pytest.raises(Lost):
        sky_of(panorama, Output(depth.spec, depth.arrays, o.LostArrival()))


# --- in a world -------------------------------------------------------------------------------------------


def waited(show: Show) -> Sky:
    """The sky that is shown in the end; it is made beside the frame."""
    for _ in range(600):
        scene = show.frame()
        if show.assembly._workshop.empty and show.assembly.risen and not show.assembly.arriving:
            break
    return scene.sky.shown


def test_panorama_and_depth_of_one_call_are_a_place() -> None:
    show = Show(Assembly(world("it", start=StartConfig(x_m=3.0, z_m=-2.0))))
    show.person = Person((3.0, 0.0, -2.0))
    wish = o.wish("it")
    show.ask(wish)
    panorama, depth = room()
    show.frame([o.result(wish, {"sky": panorama, "depth": depth_of(depth.arrays[""][0], eye_m=1.5)})])
    while not show.assembly._workshop.empty:
        show.frame()
    assert waited(show).relief is not None and is_a_place(show.frame())
    assert show.frame().middle == pytest.approx((3.0, 1.5, -2.0)) and show.assembly.notes == {}


def test_a_depth_without_a_panorama_is_told() -> None:
    show, scene = alone({"far": room()[1]})
    (note,) = show.assembly.notes.values()
    assert is_a_place(scene) and "it makes 'far' (panorama_depth) without a panorama" in note


@pytest.fixture
def inside() -> Show:
    """In the middle of a room with two metres to each side."""
    show = Show(Assembly(world("it")))
    wish = o.wish("it")
    show.ask(wish)
    show.frame([o.result(wish, dict(zip(("sky", "depth"), room())))])
    while not show.assembly._workshop.empty:
        show.frame()
    assert waited(show).relief is not None
    return show


def test_the_place_stays_while_one_leans_and_comes_along_when_one_goes_on(inside: Show) -> None:
    reach_m = inside.frame().sky.shown.relief.reach_m  # type: ignore[union-attr]
    inside.person = Person((0.9 * reach_m, 0.0, 0.0))
    assert inside.frame().middle == pytest.approx((0.0, 1.7, 0.0))
    inside.person = Person((30.0, 0.0, 0.0))
    assert inside.frame().middle == pytest.approx((30.0 - reach_m, 1.7, 0.0))
    inside.person = Person((30.0 - reach_m, 0.0, 0.0))
    assert inside.frame().middle == pytest.approx((30.0 - reach_m, 1.7, 0.0))


def test_the_middle_stays_in_the_world_when_the_drawing_origin_moves(inside: Show) -> None:
    for x in np.arange(0.0, 5000.0, 40.0):
        inside.person = Person((float(x), 0.0, 0.0))
        scene = inside.frame()
        reach_m = scene.sky.shown.relief.reach_m  # type: ignore[union-attr]
        assert abs(scene.middle[0] + scene.origin[0] - x) <= reach_m + 1e-6
    assert scene.origin[0] > 1000.0


def test_what_is_only_below_the_horizon_fades_no_faster_than_white_may(inside: Show) -> None:
    panorama, depth = room()
    numbers = panorama.arrays[""].copy()
    numbers[:, ROWS // 2 + 4 :] = 8.0
    wish = o.wish("it", 1, 2)
    inside.ask(wish)
    inside.frame([o.result(wish, {"sky": Output(panorama.spec, {"": numbers}), "depth": depth})])
    while not inside.assembly._workshop.empty:
        inside.frame()
    took = 0
    while inside.frame().sky.arriving is not None:
        took += 1
    assert took * 0.1 > 0.6, f"{took} frames of a tenth of a second for more than half of white"

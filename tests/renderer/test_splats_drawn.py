"""Splats are blended as the slow reference blends them, from every side, in both eyes, behind what is nearer."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import splat_reference as reference
import stage as s
from stage import Pixels, Stage

from vrgen.geometry import Fov, multiply, pitch_quat, transform, yaw_quat
from vrgen.messages import View
from vrgen.scene.splats import shared_exponent
from vrgen.scene_model import F32, SPLAT, Cloud, Objects, Scene, Splats

Open = Callable[..., Stage]
SIZE = (120, 80)
LIGHT = s.sun((0.2, 1.0, 0.4), ambient_light=0.4)
MEAN, MOST = 1.0, 7.0
"""Greatest mean and single difference to the reference, of 255: a picture of eight bits rounds at every layer."""


def gaussians(
    count: int,
    seed: int = 0,
    scales: tuple[float, float] = (0.02, 0.35),
    reach: float = 1.0,
    shines: bool = False,
    opacity: tuple[int, int] = (10, 255),
) -> Splats:
    """Of all shapes, needles and discs among them, about the origin."""
    rng = np.random.default_rng(seed)
    made = np.zeros(count, SPLAT)
    made["position"] = rng.uniform(-reach, reach, (count, 3))
    quats = rng.normal(size=(count, 4))
    made["rotation"] = np.rint(quats / np.linalg.norm(quats, axis=1, keepdims=True) * 32767)
    made["scale"] = np.exp(rng.uniform(*np.log(scales), (count, 3)))
    made["scale"][rng.uniform(size=(count, 3)) < 0.1] = 0.001
    made["opacity"] = rng.integers(*opacity, count)
    made["colour"] = shared_exponent(rng.uniform(0, 1, (count, 3)).astype(np.float32) ** 2)
    return Splats(s.new_id(), made, shines)


def coloured(splats: Splats, colour: Sequence[float]) -> Splats:
    made = splats.gaussians.copy()
    made["colour"] = shared_exponent(np.broadcast_to(np.float32(colour), (len(made), 3)))
    return Splats(s.new_id(), made, splats.shines)


def before(splats: Splats, **more: object) -> Cloud:
    """Four metres before the camera of `s.view(SIZE, (0, 1, 0))`."""
    return Cloud(splats, (0.0, 1.0, -4.0), **more)  # type: ignore[arg-type]


def place(*clouds: Cloud, **more: Any) -> Scene:
    return s.scene(**{"above": s.sky((0.1, 0.15, 0.3), LIGHT), "over": s.nowhere(), "clouds": clouds, **more})


def camera(size: tuple[int, int] = SIZE, **more: object) -> View:
    return s.view(size, (0.0, 1.0, 0.0), **more)  # type: ignore[arg-type]


def settled(one: Stage, scene: Scene, views: Sequence[View]) -> Pixels:
    """Drawn when all of it is there and in order."""
    wanted = {cloud.splats.id for cloud in scene.clouds}
    for _ in range(300):
        drawn = one.draw(scene, views)
        passed = one.renderer._splats
        if wanted <= one.renderer.resident.ids and passed._sorting is None:
            return drawn
        if passed._sorting is not None:
            passed._sorting[1].result()
    raise AssertionError("they were never all there")


def mid(views: Sequence[View]) -> F32:
    return np.mean([view.world_from_eye[:3, 3] for view in views], axis=0)


def compared(drawn: Pixels, expected: np.ndarray) -> None:
    apart = np.abs(drawn.astype(float) - expected)
    assert apart.mean() <= MEAN, apart.mean()
    assert apart.max() <= MOST, apart.max()


def the_pass() -> Any:
    from vrgen.renderer import splats  # OpenGL's platform is the display's choice

    return splats


# --- beside the reference ---------------------------------------------------------------------------------


@pytest.mark.parametrize("on_gpu", [False, True], ids=["numpy", "gpu"])
@pytest.mark.parametrize(
    "cloud",
    [
        before(gaussians(300, 1)),
        before(gaussians(200, 2, shines=True), yaw_rad=1.1, scale=0.7),
        before(gaussians(400, 3, scales=(0.004, 0.05))),
        before(gaussians(40, 4, scales=(0.3, 2.0), reach=6.0)),
        Cloud(gaussians(50, 15, scales=(0.01, 0.05), reach=0.35), (0.0, 1.0, -0.3)),
        before(coloured(gaussians(1, 5, scales=(0.3, 0.5), opacity=(200, 255)), (1.0, 0.2, 0.1))),
    ],
    ids=["all shapes", "shining, turned", "as small as a pixel", "all around, and large", "at the nose", "one"],
)
def test_as_the_reference(stage: Open, cloud: Cloud, on_gpu: bool) -> None:
    one = stage(SIZE)
    one.renderer._splats._beside = not on_gpu
    views = [camera()]
    bare = settled(one, place(), views)
    drawn = settled(one, place(cloud), views)
    assert np.abs(drawn.astype(int) - bare).max() > 40, "nothing is seen of it"
    compared(drawn, reference.blended(bare, [cloud], views[0], mid(views), LIGHT))


def test_from_other_sides_the_order_is_another(stage: Open) -> None:
    one = stage(SIZE)
    cloud = Cloud(gaussians(250, 6), (0.0, 1.0, 0.0))
    for yaw in (0.0, 1.7, 3.1):
        at = (4 * np.sin(yaw), 1.6, 4 * np.cos(yaw))
        views = [s.view(SIZE, at, multiply(yaw_quat(yaw), pitch_quat(-0.15)))]
        bare = settled(one, place(), views)
        drawn = settled(one, place(cloud), views)
        compared(drawn, reference.blended(bare, [cloud], views[0], mid(views), LIGHT))


def test_both_eyes(stage: Open) -> None:
    half = (SIZE[0], SIZE[1])
    one = stage((2 * half[0], half[1]), stereo=True)
    fov = Fov(-0.9, 0.6, 0.6, -0.7)
    views = [
        View(
            transform((side * 0.15, 1.0, 0.0)), fov if side < 0 else Fov(-0.6, 0.9, 0.6, -0.7), 0, (left, 0, *half)
        )
        for side, left in ((-1, 0), (1, half[0]))
    ]
    cloud = Cloud(gaussians(250, 7), (0.0, 1.0, -2.5))
    bare = settled(one, place(), views)
    drawn = settled(one, place(cloud), views)
    parts = (slice(0, half[0]), slice(half[0], None))
    for view, part in zip(views, parts, strict=True):
        expected = reference.blended(bare[:, part], [cloud], view, mid(views), LIGHT)
        compared(drawn[:, part], expected)
    assert np.abs(drawn[:, parts[0]].astype(int) - drawn[:, parts[1]]).max() > 60


def test_two_clouds_in_one_another_are_sorted_together(stage: Open) -> None:
    one = stage(SIZE)
    views = [camera()]
    clouds = (before(gaussians(120, 8)), before(gaussians(120, 9), yaw_rad=0.5))
    bare = settled(one, place(), views)
    drawn = settled(one, place(*clouds), views)
    compared(drawn, reference.blended(bare, clouds, views[0], mid(views), LIGHT))


def test_the_order_in_which_they_come_does_not_matter(stage: Open) -> None:
    one = stage(SIZE)
    splats = gaussians(300, 10)
    shuffled = Splats(s.new_id(), np.random.default_rng(1).permutation(splats.gaussians))
    views = [camera()]
    first = settled(one, place(before(splats)), views)
    second = settled(one, place(before(shuffled)), views)
    assert np.abs(first.astype(int) - second).max() <= 1


# --- among other things -----------------------------------------------------------------------------------


def wall(z: float) -> Objects:
    """A white wall across the right half of the view."""
    box = s.box((230, 230, 230), half_m=1.0)
    return Objects((box,), (), s.instances({"position": (3.0, 1.0, z - 3.0), "scale": 3.0}))


def test_what_stands_before_them_hides_them_and_what_stands_behind_does_not(stage: Open) -> None:
    one = stage(SIZE)
    views = [camera()]
    cloud = before(gaussians(300, 11, scales=(0.1, 0.3)))
    right = slice(SIZE[0] // 2 + 8, None)
    for z, hidden in ((-1.5, True), (-9.0, False)):
        bare = settled(one, place(objects=wall(z)), views)
        drawn = settled(one, place(cloud, objects=wall(z)), views)
        apart = np.abs(drawn[:, right].astype(int) - bare[:, right]).max()
        assert (apart == 0) if hidden else (apart > 40)
        assert np.abs(drawn[:, : SIZE[0] // 2 - 20].astype(int) - bare[:, : SIZE[0] // 2 - 20]).max() > 40


def test_they_hide_nothing_of_what_is_drawn_after_them(stage: Open) -> None:
    """Depth is not written: the wall behind has the same depth with them and without."""
    one = stage(SIZE)
    views = [replace(camera(), depth=True)]
    from vrgen.gl.api import GL

    depths = []
    for clouds in ((), (before(gaussians(300, 12)),)):
        settled(one, place(*clouds, objects=wall(-9.0)), views)
        layer = one.renderer._target._textures.layers[0]  # type: ignore[union-attr]
        from vrgen.gl.objects import Framebuffer, Texture

        flat = Texture(GL.GL_TEXTURE_2D, SIZE, GL.GL_DEPTH_COMPONENT32F, "depth")
        goal = Framebuffer("depth", depth=flat)
        whole = (0, 0, *SIZE)
        GL.glBlitNamedFramebuffer(layer.name, goal.name, *whole, *whole, GL.GL_DEPTH_BUFFER_BIT, GL.GL_NEAREST)
        read = np.zeros(SIZE[::-1], np.float32)
        pointer = read.ctypes.data_as(GL.GLvoidp)
        GL.glGetTextureImage(flat.name, 0, GL.GL_DEPTH_COMPONENT, GL.GL_FLOAT, read.nbytes, pointer)
        depths.append(read)
        goal.close()
        flat.close()
    assert np.ptp(depths[0]) > 0 and np.array_equal(*depths)


def test_far_away_they_are_of_the_haze_that_other_things_are_of(stage: Open) -> None:
    one = stage(SIZE)
    views = [camera(vertical_deg=30.0)]
    black = Cloud(
        coloured(gaussians(800, 13, scales=(1.0, 2.0), reach=3.0, opacity=(200, 255)), (0, 0, 0)), (0, 1, -60)
    )
    box = s.box((0, 0, 0), half_m=3.0)
    hazy = {"fog_m": 60.0}
    things = Objects((box,), (), s.instances({"position": (0.0, 1.0, -60.0)}))
    middle = (slice(36, 44), slice(56, 64))
    thing = settled(one, place(objects=things, **hazy), views)[middle].mean(axis=(0, 1))
    cloud = settled(one, place(black, **hazy), views)[middle].mean(axis=(0, 1))
    assert thing.min() > 30, "no haze"
    np.testing.assert_allclose(cloud, thing, atol=6)


def dense(seed: int, colour: Sequence[float] = (1, 1, 1)) -> Splats:
    """So many behind one another that nothing is seen through them."""
    return coloured(gaussians(900, seed, scales=(0.2, 0.4), opacity=(230, 255)), colour)


MIDDLE = (slice(32, 48), slice(52, 68))


@pytest.mark.parametrize("samples", [1, 4])
def test_a_weight_is_the_share_that_is_seen_however_many_lie_behind_one_another(stage: Open, samples: int) -> None:
    one = stage(SIZE, samples=samples)
    views = [camera()]
    white = dense(14)

    def seen(weight: float, **more: bool) -> float:
        return float(settled(one, place(before(white, weight=weight, **more)), views)[MIDDLE].mean())

    bare = float(settled(one, place(), views)[MIDDLE].mean())
    whole = seen(1.0)
    assert seen(0.0) == bare and whole - bare > 80
    for weight in (0.05, 0.3, 0.5, 0.9):
        for leaves in (False, True):
            assert (seen(weight, leaves=leaves) - bare) / (whole - bare) == pytest.approx(weight, abs=0.04)


def test_one_goes_where_the_other_comes_and_nothing_shines_through(stage: Open) -> None:
    one = stage(SIZE)
    views = [camera()]
    splats = dense(15)
    again = Splats(s.new_id(), splats.gaussians)
    whole = settled(one, place(before(splats)), views)
    for weight in (0.1, 0.5, 0.77):
        going = before(splats, weight=1.0 - weight, leaves=True)
        both = settled(one, place(going, before(again, weight=weight)), views)
        assert np.abs(both.astype(int) - whole).max() <= 4


# --- sorting ----------------------------------------------------------------------------------------------


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every sort."""
    sorts: list[int] = []
    order = the_pass().ordered

    def seen(*args: object) -> object:
        sorts.append(1)
        return order(*args)

    monkeypatch.setattr(the_pass(), "ordered", seen)
    return sorts


def test_who_turns_sorts_nothing_and_who_walks_does(stage: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    one = stage(SIZE)
    sorts = counted(monkeypatch)
    scene = place(before(gaussians(50)))
    settled(one, scene, [camera()])
    once = len(sorts)
    assert once >= 1
    for yaw in np.linspace(0, 6, 7):
        one.draw(scene, [s.view(SIZE, (0, 1, 0), yaw_quat(float(yaw)))])
    assert len(sorts) == once
    one.draw(scene, [s.view(SIZE, (0, 1, 0.3))])
    assert len(sorts) == once + 1
    one.draw(replace(scene, clouds=(before(scene.clouds[0].splats, yaw_rad=0.2),)), [s.view(SIZE, (0, 1, 0.3))])
    assert len(sorts) == once + 2


def test_many_are_sorted_beside_the_frame_and_the_picture_does_not_wait(
    stage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = stage((32, 16))
    one.renderer._splats._beside = True
    order = the_pass().ordered
    slow_s = 0.5

    def slowly(*args: object) -> object:
        time.sleep(slow_s)
        return order(*args)

    monkeypatch.setattr(the_pass(), "ordered", slowly)
    scene = place(before(gaussians(the_pass().AT_ONCE + 1, 3, scales=(0.01, 0.02))))
    one.draw(scene, [camera((32, 16))])
    while one.renderer._splats._sorting is None:
        one.draw(scene, [camera((32, 16))])
    frames = 0
    while one.renderer._splats._sorting is not None and not one.renderer._splats._sorting[1].done():
        one.draw(scene, [camera((32, 16))])
        assert scene.clouds[0].splats.id not in one.renderer.resident.ids
        frames += 1
    assert frames >= 1, "the frame waited for the order"
    settled(one, scene, [camera((32, 16))])


def test_the_gpu_orders_as_numpy_does(stage: Open) -> None:
    one = stage((32, 16))
    one.renderer._splats._beside = False
    clouds = (before(gaussians(5000, 1)), before(gaussians(3001, 2), yaw_rad=2.0, scale=1.5))
    settled(one, place(*clouds), [camera((32, 16))])
    passed = one.renderer._splats
    assert passed._sort is not None
    got = passed._sort.values.read(np.uint32, 8001)
    want = the_pass().ordered(passed._order.parts, passed._order.eye)
    assert sorted(got) == list(range(8001))
    assert (got != want).mean() < 0.05, "more than roundings in the last place"
    away = np.concatenate([np.linalg.norm(_world(cloud) - (0, 1, 0), axis=1) for cloud in clouds])
    for order in (got, want):
        assert np.diff(away[order]).max() < 1e-3


def _world(cloud: Cloud) -> np.ndarray:
    cos, sin = np.cos(cloud.yaw_rad), np.sin(cloud.yaw_rad)
    turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    return cloud.splats.gaussians["position"] @ turn.T * cloud.scale + cloud.position


# --- on the way to the GPU --------------------------------------------------------------------------------


@pytest.mark.parametrize("budget_ms", [0.0, 2.0])
def test_many_arrive_over_several_frames_and_count_only_when_whole(stage: Open, budget_ms: float) -> None:
    one = stage((32, 16), budget_ms=budget_ms)
    splats = gaussians(60_000, scales=(0.01, 0.02))
    scene, sent, frames = place(before(splats)), 0, 0
    while splats.id not in one.renderer.resident.ids and frames < 500:
        frames += 1
        one.draw(scene, [camera((32, 16))])
        sent += one.renderer._copied
        if sent < splats.gaussians.nbytes:
            assert splats.id not in one.renderer.resident.ids
    assert frames >= (10 if budget_ms == 0.0 else 2)
    assert sent >= splats.gaussians.nbytes


def test_clouds_that_come_and_go_share_the_room_and_are_never_mixed_up(stage: Open) -> None:
    one = stage(SIZE)
    views = [camera()]
    bare = settled(one, place(), views)
    rng = np.random.default_rng(3)
    standing: list[Cloud] = []
    for step in range(14):
        if standing and rng.uniform() < 0.5:
            standing.pop(int(rng.integers(len(standing))))
        else:
            standing.append(before(gaussians(int(rng.integers(10, 120)), 20 + step)))
        drawn = settled(one, place(*standing), views)
        if step % 3 == 1:
            compared(drawn, reference.blended(bare, standing, views[0], mid(views), LIGHT))
    assert one.renderer._splats._pool.capacity < 1500
    assert np.array_equal(settled(one, place(), views), bare)


def test_what_leaves_is_seen_no_more_at_once(stage: Open) -> None:
    one = stage((64, 40))
    views = [camera((64, 40))]
    bare = settled(one, place(), views)
    two = (before(gaussians(60, 1)), before(gaussians(40, 2)))
    settled(one, place(*two), views)
    assert np.array_equal(one.draw(place(), views), bare)


def test_the_calls_of_a_frame_do_not_depend_on_how_many_there_are(
    stage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = stage((32, 16))
    from vrgen.gl.api import GL

    calls: list[str] = []
    scenes = [place(before(gaussians(count, 1, scales=(0.01, 0.02)))) for count in (100, 20_000)]
    for name in [name for name in dir(GL) if name.startswith("gl") and callable(getattr(GL, name))]:

        def call(*args: object, _name: str = name, _function: object = getattr(GL, name)) -> object:
            if not any(word in _name for word in ("Sync", "Query")):  # as the frames before went
                calls.append(_name)
            return _function(*args)  # type: ignore[operator]

        monkeypatch.setattr(GL, name, call)
    made = []
    for scene in scenes:
        settled(one, scene, [camera((32, 16))])
        one.draw(scene, [camera((32, 16))])
        calls.clear()
        one.draw(scene, [camera((32, 16))])
        made.append(Counter(calls))
    assert made[0] == made[1]


def test_who_comes_nearer_sees_the_haze_clear(stage: Open) -> None:
    """Colours are made anew before what has changed could be seen."""
    one = stage(SIZE)
    cloud = Cloud(coloured(gaussians(300, 16, scales=(0.4, 0.8), opacity=(220, 255)), (0, 0, 0)), (0, 1, -20))
    scene = place(cloud, fog_m=30.0)
    middle = (slice(36, 44), slice(56, 64))
    seen = []
    for step in range(40):
        walked = [s.view(SIZE, (0.0, 1.0, -0.3 * step), vertical_deg=10.0)]
        drawn = one.draw(scene, walked)
        if step % 13 == 12:
            seen.append(drawn[middle].mean())
            one.renderer._splats._coloured = ()
            again = one.draw(scene, walked)
            assert np.abs(again.astype(int) - drawn).max() <= 3
    assert seen == sorted(seen, reverse=True) and seen[0] - seen[-1] > 15


def test_an_order_that_names_what_has_left_shows_nothing_of_it_nor_of_what_came(stage: Open) -> None:
    """While numpy sorts in its thread: the room of one that has left is another's already."""
    one = stage(SIZE)
    views = [camera()]
    passed = one.renderer._splats
    passed._beside = True
    bare = settled(one, place(), views)
    old, stays = before(gaussians(500, 1)), before(gaussians(200, 2))
    alone = settled(one, place(stays), views)
    settled(one, place(old, stays), views)
    passed._sorting = (passed._order, Future())  # one that is not done
    new = before(gaussians(400, 3), weight=0.0)
    for _ in range(4):
        drawn = one.draw(place(stays, new), views)
    assert new.splats.id not in one.renderer.resident.ids
    assert np.array_equal(drawn, alone) and not np.array_equal(drawn, bare)

"""Panoramas with a depth as both eyes see them, beside a ray tracer that knows what is there."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
import stage as s
import torch
from spheres import around, traced
from splat_reference import encoded
from stage import Stage
from test_targets import Eye

from vrgen.contract import PanoramaDepthOutput, PanoramaOutput
from vrgen.messages import Output, View
from vrgen.scene.ground import plain_tiles
from vrgen.scene.sky import plain_sky, sky_of
from vrgen.scene_model import Fade, Scene, Sky

Open = Callable[..., Stage]
F64 = npt.NDArray[np.float64]
NEAR_M = 0.05
MIDDLE = (0.0, 1.7, 0.0)
AHEAD, BEHIND, UP = (0.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 0.0), (np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5))
SIZE = (160, 120)


def made(colours: npt.ArrayLike, metres: npt.ArrayLike) -> Sky:
    """A sky of (H, 2H, 3) sRGB in [0, 1] and (H, 2H) metres."""
    picture = np.moveaxis(np.asarray(colours, np.float32), -1, 0)
    depth = np.asarray(metres, np.float32)[None]
    panorama = PanoramaOutput(shape=picture.shape, range=(0.0, 1.0))
    return sky_of(Output(panorama, {"": picture}), Output(PanoramaDepthOutput(shape=depth.shape), {"": depth}))


@pytest.fixture(scope="module")
def spheres() -> Sky:
    colours, metres = traced(torch.tensor(MIDDLE), around(1024))
    return made(colours, metres)


@pytest.fixture(scope="module")
def room() -> Sky:
    """Two metres to every side."""
    return made(np.full((64, 128, 3), 0.5), np.full((64, 128), 2.0))


def place(sky: Sky | Fade[Sky]) -> Scene:
    return s.scene(above=sky, over=s.ground(plain_tiles((0, 0))), middle=MIDDLE)


@pytest.fixture
def eyes(stage: Open) -> Iterator[tuple[Stage, list[Eye]]]:
    opened = stage((2 * SIZE[0], SIZE[1]), stereo=True, samples=1)
    made = [Eye(SIZE), Eye(SIZE)]
    yield opened, made
    for eye in made:
        eye.close()


def looking(eyes: list[Eye], at: tuple[float, float, float], turn: s.Quat) -> list[View]:
    """Two eyes 6.4 cm apart."""
    views = [s.view(SIZE, (at[0] + off, *at[1:]), turn, 90.0) for off in (-0.032, 0.032)]
    return [replace(v, framebuffer=eye.framebuffer.name, depth=True) for v, eye in zip(views, eyes)]


def rays(view: View) -> F64:
    """(H, W, 3) unit directions of its pixels, top row first."""
    _, _, width, height = view.rect_px
    up, right = np.tan(view.fov.up_rad), np.tan(view.fov.right_rad)
    x = ((np.arange(width) + 0.5) / width * 2 - 1) * right
    y = (1 - (np.arange(height) + 0.5) / height * 2) * up
    d = np.stack([*np.meshgrid(x, y), np.full((height, width), -1.0)], -1)
    return (d / np.linalg.norm(d, axis=-1, keepdims=True)) @ view.world_from_eye[:3, :3].T


def distances(eye: Eye, view: View) -> F64:
    """(H, W) metres along each ray; infinite where nothing was drawn."""
    along = -(rays(view) @ view.world_from_eye[:3, :3])[..., 2]
    with np.errstate(divide="ignore"):
        return NEAR_M / eye.depths() / along


@pytest.mark.parametrize("turn", [AHEAD, BEHIND, UP, s.DOWN], ids=["ahead", "seam", "zenith", "nadir"])
def test_a_round_room_is_round_from_anywhere_and_has_no_crack(
    eyes: tuple[Stage, list[Eye]], room: Sky, turn: s.Quat
) -> None:
    stage, targets = eyes
    views = looking(targets, (0.4, 2.0, -0.3), turn)
    stage.draw(place(room), views)
    for eye, view in zip(targets, views):
        off = view.world_from_eye[:3, 3] - MIDDLE
        b = rays(view) @ off
        true = -b + np.sqrt(b * b - off @ off + 4.0)
        np.testing.assert_allclose(distances(eye, view), true, rtol=2e-3)


def test_from_the_middle_nothing_is_changed(stage: Open, spheres: Sky) -> None:
    one = stage(SIZE)
    view = s.view(SIZE, MIDDLE, vertical_deg=80.0)
    drawn = one.draw(place(spheres), [view]).astype(float)
    colours, _ = traced(torch.tensor(MIDDLE), torch.tensor(rays(view), dtype=torch.float32))
    assert psnr(drawn, shown(colours, spheres)) > 27.0


def shown(colours: torch.Tensor, sky: Sky) -> F64:
    """(…, 3) in 255ths as they are displayed, of sRGB in [0, 1]."""
    c = colours.numpy().astype(np.float64)
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return np.asarray(encoded(linear, sky.light.exposure) * 255.0)


def psnr(a: F64, b: F64) -> float:
    return float(10 * np.log10(255.0**2 / np.mean((a - b) ** 2)))


@pytest.mark.parametrize("at", [(0.3, 1.7, 0.0), (-0.3, 1.9, -0.3), (0.0, 1.4, 0.4)])
def test_from_elsewhere_it_is_what_a_ray_tracer_sees(
    eyes: tuple[Stage, list[Eye]], spheres: Sky, at: tuple[float, float, float]
) -> None:
    """What both places see is as far as it is and of its colour; what only this one sees is filled."""
    stage, targets = eyes
    for turn in (AHEAD, BEHIND):
        views = looking(targets, at, turn)
        stage.draw(place(spheres), views)
        for eye, view in zip(targets, views):
            place_world, d = view.world_from_eye[:3, 3], rays(view)
            colours, true = traced(torch.tensor(place_world).float(), torch.tensor(d).float())
            points = place_world + d * true.numpy()[..., None] - MIDDLE
            away = np.linalg.norm(points, axis=-1)
            _, first = traced(torch.tensor(MIDDLE), torch.tensor(points / away[..., None]).float())
            both = first.numpy() > 0.99 * away
            got = distances(eye, view)
            assert np.isfinite(got).all(), "somewhere nothing was drawn"
            off = np.abs(np.minimum(got, 50.0) / np.minimum(true.numpy(), 50.0) - 1)
            assert np.mean(off[both] < 0.02) > 0.985
            picture = eye.pixels()[..., :3].astype(float)
            assert psnr(picture[both], shown(colours, spheres)[both]) > 26.0
            assert 1 - both.mean() < 0.1
            # What is filled is of the floor and the sky, whose colours are grey, and not of the balls.
            bare = picture[~both & (true.numpy() > 4.0)]
            assert not len(bare) or np.median(np.ptp(bare, axis=-1)) < 30


def test_leaning_moves_what_is_near_before_what_is_far(stage: Open, spheres: Sky) -> None:
    one = stage(SIZE)
    straight = one.draw(place(spheres), [s.view(SIZE, MIDDLE)])
    aside = one.draw(place(spheres), [s.view(SIZE, (0.3, 1.7, 0.0))])
    red = [(p[..., 0] > p[..., 2].astype(int) + 60) for p in (straight, aside)]
    columns = [np.nonzero(mask)[1].mean() for mask in red]
    assert columns[1] < columns[0] - 5
    assert psnr(straight[:40].astype(float), aside[:40].astype(float)) > 45  # the sky stays


@pytest.mark.parametrize("weight", [0.001, 0.999])
def test_it_comes_out_of_the_plain_sky_and_the_plain_ground_gives_way(
    stage: Open, spheres: Sky, weight: float
) -> None:
    one, end = stage(SIZE), (plain_sky(), spheres)
    view = [s.view(SIZE, (0.2, 1.7, 0.1))]
    scene = place(Fade(*end, weight))
    one.settle(scene, view)
    fade, whole = one.draw(scene, view), one.settle(replace(place(end[round(weight)]), light=scene.light), view)
    assert psnr(fade.astype(float), whole.astype(float)) > 30


def test_one_place_becomes_another_without_a_jump(stage: Open, spheres: Sky, room: Sky) -> None:
    one = stage(SIZE)
    view = [s.view(SIZE, (0.2, 1.8, 0.1))]
    weights = np.linspace(0, 1, 9)
    pictures = [one.draw(place(spheres), view)]
    for weight in weights[1:-1]:
        scene = replace(place(Fade(spheres, room, float(weight))), light=spheres.light)
        pictures.append(one.draw(scene, view))
    steps = [np.abs(a.astype(float) - b).mean() for a, b in pairwise(pictures)]
    assert max(steps) < 3 * np.mean(steps)


def test_ground_of_its_own_stays(stage: Open, spheres: Sky) -> None:
    one = stage(SIZE)
    land = s.scene(
        above=spheres,
        middle=MIDDLE,
        over=s.ground(s.tiles_of(lambda x, z: 0 * x + 1.2)),
        dressed=s.surface((250, 40, 40)),
    )
    drawn = one.draw(land, [s.view(SIZE, MIDDLE, s.DOWN)])
    assert (drawn[..., 0].astype(int) > drawn[..., 2] + 60).mean() > 0.9


def test_it_is_whole_before_it_counts_as_there(stage: Open, spheres: Sky) -> None:
    one = stage(SIZE, budget_ms=0.0)
    scene = replace(place(plain_sky()), preload=(spheres,))
    view = [s.view((16, 9), MIDDLE)]
    frames = 0
    while spheres.id not in one.renderer.resident.ids:
        one.draw(scene, view)
        frames += 1
        assert frames < 500
    assert frames > 10
    one.draw(place(spheres), view)

"""A world model's frame from where the eyes are now, beside a ray tracer that knows what they should see."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import spheres
import stage as s
import torch
from stage import Pixels, Stage
from test_reliefs_drawn import SIZE, psnr, rays, shown

from vrgen.config import StartConfig
from vrgen.contract import ViewOutput
from vrgen.geometry import Array, transform, yaw_quat
from vrgen.messages import Output, View, Wish
from vrgen.scene import views as v
from vrgen.scene.ground import plain_tiles
from vrgen.scene_model import Scene, Shot, ShotLayer, Sky

Open = Callable[..., Stage]
ROWS, COLUMNS = 192, 256
HOME = (0.0, 1.7, 0.0)
WISH = Wish("it", 1, 1, camera="eye", view_px=(ROWS, COLUMNS))


def shot(camera: Array, paint: tuple[float, float, float] | None = None) -> Shot:
    """What the place looks like from there; or all of one colour, as far as it is."""
    inputs = v.camera_inputs(WISH, camera)
    eye, fov = (torch.from_numpy(inputs[name])[0].float() for name in ("eye", "eye.fov"))
    colours, metres = spheres.seen(eye, fov, ROWS, COLUMNS)
    if paint is not None:
        colours = torch.tensor(paint).expand(ROWS, COLUMNS, 3)
    made = {"": colours.permute(2, 0, 1).numpy(), "depth": metres[None].numpy()}
    output = Output(ViewOutput(shape=(3, ROWS, COLUMNS), range=(0.0, 1.0)), made)
    return v.shot_of(output, inputs, StartConfig())


@pytest.fixture(scope="module")
def home() -> Shot:
    return shot(transform(HOME))


def around(*shots: Shot) -> Sky:
    seen, sky = v.Surroundings(), None
    for one in shots:
        sky = seen.add(one, 1)[0] or sky
    assert sky is not None
    return sky


def scene(sky: Sky, *shots: Shot, weight: float = 1.0) -> Scene:
    layers = [ShotLayer(one, 1.0) for one in shots[:-1]] + [ShotLayer(one, weight) for one in shots[-1:]]
    return s.scene(above=sky, over=s.ground(plain_tiles((0, 0))), middle=HOME, shots=tuple(layers))


def cameras(at: tuple[float, float, float], turn: float = 0.0) -> list[View]:
    """Both eyes, of less than was asked for."""
    eyes = [s.view(SIZE, (at[0] + off, *at[1:]), yaw_quat(turn), 55.0) for off in (-0.032, 0.032)]
    return [replace(eye, rect_px=(i * SIZE[0], 0, *SIZE)) for i, eye in enumerate(eyes)]


def true(view: View) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """sRGB, metres, and which pixels show what is seen from home as well."""
    d, eye = rays(view), view.world_from_eye[:3, 3]
    colours, metres = spheres.traced(torch.tensor(eye).float(), torch.tensor(d).float())
    points = eye + d * metres.numpy()[..., None] - HOME
    away = np.linalg.norm(points, axis=-1)
    first = spheres.traced(torch.tensor(HOME), torch.tensor(points / away[..., None]).float())[1]
    angle = np.abs(points[..., :2] / np.maximum(-points[..., 2:], 1e-6)).max(axis=-1)
    inside = (points[..., 2] < 0) & (angle < 0.9 * v.HALF_WIDTH * ROWS / COLUMNS)
    return colours, metres, inside & (first.numpy() > 0.99 * away)


def halves(pixels: Pixels) -> tuple[np.ndarray, np.ndarray]:
    return pixels[:, : SIZE[0]].astype(float), pixels[:, SIZE[0] :].astype(float)


@pytest.fixture
def wide(stage: Open) -> Stage:
    return stage((2 * SIZE[0], SIZE[1]), stereo=True)


@pytest.mark.parametrize("at", [HOME, (0.15, 1.7, 0.0), (-0.1, 1.8, -0.2), (0.25, 1.6, -0.1)])
def test_from_where_the_eyes_are_now_it_is_what_a_ray_tracer_sees(
    wide: Stage, home: Shot, at: tuple[float, float, float]
) -> None:
    sky, views = around(home), cameras(at)
    for half, view in zip(halves(wide.draw(scene(sky, home), views)), views):
        colours, _, both = true(view)
        moved = psnr(half[both], shown(colours, sky)[both])
        assert moved > 25.0
        assert both.mean() > 0.85


def test_it_is_better_than_the_same_frame_held_before_the_eyes(wide: Stage, home: Shot) -> None:
    sky, views = around(home), cameras((0.25, 1.6, -0.1))
    held = replace(home, id=-1, world_from_camera=transform((0.25, 1.6, -0.1)))
    one, other = (halves(wide.draw(scene(sky, what), views))[0] for what in (home, held))
    colours, _, both = true(views[0])
    assert psnr(one[both], shown(colours, sky)[both]) > psnr(other[both], shown(colours, sky)[both]) + 8.0


def test_what_it_does_not_see_is_filled_by_the_one_before(wide: Stage, home: Shot) -> None:
    """From beside, the newest lacks what stood behind the balls; the older one was made from there."""
    at = (0.3, 1.7, 0.0)
    before, views = shot(transform(at)), cameras(at)
    sky = around(home, before)
    alone, both = (halves(wide.draw(scene(sky, *shots), views))[0] for shots in ((home,), (before, home)))
    colours, _, seen = true(views[0])
    truth = shown(colours, sky)
    assert (~seen).mean() > 0.003
    assert psnr(both[~seen], truth[~seen]) > psnr(alone[~seen], truth[~seen]) + 3.0
    assert psnr(both[seen], truth[seen]) > 25.0


def test_the_newest_hides_the_one_before_even_where_that_was_nearer(wide: Stage) -> None:
    red, blue = shot(transform((0.0, 1.7, -0.5)), (0.9, 0.1, 0.1)), shot(transform(HOME), (0.1, 0.2, 0.9))
    sky = around(red, blue)
    drawn = halves(wide.draw(scene(sky, red, blue), cameras(HOME)))[0]
    assert (drawn[20:-20, 20:-20, 2] > drawn[20:-20, 20:-20, 0] + 50).mean() > 0.97


def test_it_fades_in(wide: Stage) -> None:
    red, blue = shot(transform(HOME), (0.9, 0.1, 0.1)), shot(transform(HOME), (0.1, 0.2, 0.9))
    sky = around(red)
    reds = [
        halves(wide.draw(scene(sky, red, blue, weight=weight), cameras(HOME)))[0][40:80, 60:100, 0].mean()
        for weight in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    steps = -np.diff(reds)
    assert steps.min() > 10 and steps.max() < 2 * steps.min() + 5


@pytest.mark.parametrize("turn", [0.0, 0.8, np.pi])
def test_nothing_is_ever_empty(wide: Stage, turn: float) -> None:
    """Where the frame ends there is what is around it: no black, no edge of the plain ground."""
    white = shot(transform(HOME), (1.0, 1.0, 1.0))
    sky = around(white)
    for half in halves(wide.draw(scene(sky, white), cameras((0.3, 1.9, 0.2), turn))):
        assert half.min() > 0.9 * half.max(), "something else than white is seen"


def test_things_that_stand_in_it_hide_it_and_are_hidden(wide: Stage, home: Shot) -> None:
    """A small box before, and one behind the blue ball."""
    from vrgen.scene_model import Objects

    lit = s.sun((0.0, 0.3, 1.0), 6.0)
    views = cameras(HOME)
    for z, seen in ((-1.5, True), (-6.0, False)):
        at = (0.2 * -z, 1.7 - 0.28 * -z, z)
        box = Objects((s.box((10, 250, 10), 0.1),), (), s.instances({"position": at}))
        drawn = halves(wide.draw(replace(scene(around(home), home), objects=box, light=lit), views))[0]
        green = drawn[..., 1] > drawn[..., 2] + 40
        assert (green.sum() > 20) == seen, z

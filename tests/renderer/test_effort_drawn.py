"""A picture of less: smaller, then enlarged, and coarser where it is far; what is left of it is the same place."""

from collections.abc import Callable

import numpy as np
import pytest
import stage as s
from stage import F32, Stage

from vrgen.effort import STEPS, WHOLE, Drawn
from vrgen.messages import Person
from vrgen.scene_model import Objects, Scene

Open = Callable[..., Stage]
SIZE = (320, 180)
LIGHT = s.sun((0.2, 1.0, 0.1), exposure=1.2)


def hilly(x: F32, z: F32) -> F32:
    return np.asarray(3 * np.sin(x * 0.09) * np.cos(z * 0.07) + 0.4 * np.sin(x * 0.7 + z * 0.6), np.float32)


@pytest.fixture(scope="module")
def place() -> Scene:
    rng = np.random.default_rng(3)
    stones = [
        {"position": (x, 0.0, z), "stands": 1.0, "scale": 0.6} for x, z in rng.uniform(-140.0, 140.0, (600, 2))
    ]
    return s.scene(
        over=s.ground(s.tiles_of(hilly)),
        objects=Objects((s.box((180, 90, 60)),), instances=s.instances(*stones)),
        above=s.sky((0.4, 0.6, 0.9), LIGHT),
    )


def drawn(one: Stage, place: Scene, so: Drawn) -> F32:
    """A frame of so much of the picture, 0 to 1."""
    with next(one._frames) as frame:
        views = frame.views(Person())
        one.renderer.advance(place, (0.0, 0.0, 0.0), len(views))
        one.renderer.draw(place, views, drawn=so)
    return np.asarray(one.display.read_pixels() / 255.0, np.float32)


def sharpness(picture: F32) -> float:
    return float(np.abs(np.diff(picture, axis=1)).mean())


def test_a_smaller_picture_is_enlarged_to_the_same_view(stage: Open, place: Scene) -> None:
    one = stage(SIZE)
    one.settle(place)
    whole, half = drawn(one, place, WHOLE), drawn(one, place, Drawn(0.5, 1.0))
    assert half.shape == whole.shape
    coarse = [picture.reshape(18, 10, 32, 10, 3).mean(axis=(1, 3)) for picture in (whole, half)]
    assert np.abs(coarse[0] - coarse[1]).max() < 0.08, "another place"
    assert sharpness(half) < 0.8 * sharpness(whole), "as many pixels were drawn"
    assert np.array_equal(drawn(one, place, WHOLE), whole)


def test_less_detail_comes_by_and_by_and_goes_again(stage: Open, place: Scene) -> None:
    one = stage(SIZE)
    one.settle(place)
    before = drawn(one, place, WHOLE)
    whole, changes = one.renderer.triangles, []
    for _ in range(80):
        after = drawn(one, place, Drawn(1.0, STEPS[0].detail))
        changes.append(float(np.abs(after - before).mean()))
        before = after
    assert one.renderer.triangles < 0.7 * whole
    assert 0.0 < max(changes) < 0.3 * sum(changes), "it changed at once"
    for _ in range(80):
        drawn(one, place, WHOLE)
    assert one.renderer.triangles == whole

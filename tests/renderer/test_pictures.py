"""Pictures that hang: small ones of all, large ones of those that are near, as many as the memory allows."""

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import stage as s
from stage import Stage

from vrgen.scene.meshes import picture_frame
from vrgen.scene_model import Objects, Picture, Scene

Open = Callable[..., Stage]
SIZE = (160, 90)
STRIPES = np.tile(np.repeat(np.uint8([0, 255]), 2), 128)


def striped() -> Picture:
    """Upright stripes that only the two largest levels have."""
    pixels = np.full((512, 512, 4), 255, np.uint8)
    pixels[..., :3] = STRIPES[None, :, None]
    return Picture(s.new_id(), pixels)


def hung(pictures: tuple[Picture, ...], z: float = 0.0, apart_m: float = 3.0) -> Scene:
    """Side by side along x, the first one at 0."""
    made = s.instances(
        *({"position": (apart_m * k, -1.9, z), "picture": k} for k in range(len(pictures)))  # middle at y 0
    )
    lit = s.sun((0.0, 0.1, 1.0), ambient_light=0.4)
    objects = Objects((picture_frame(2.4, 2.4),), pictures, made)
    return s.scene(over=s.nowhere(), above=s.sky((0.0, 0.0, 0.0), lit), objects=objects)


def contrast(one: Stage, scene: Scene, away_m: float) -> float:
    drawn = one.draw(scene, [s.view(SIZE, (0.0, 0.0, away_m))]).astype(float)
    return float(drawn[40:50].std(axis=1).mean())


def make_room(one: Stage) -> None:
    """Room for large ones is made beside the frame: until it is there."""
    scene, until_s = hung((striped(),)), time.monotonic() + 60
    while one.renderer._objects.pictures.fine is None and time.monotonic() < until_s:
        contrast(one, scene, 0.25)
        time.sleep(0.005)


def test_a_picture_that_is_met_near_by_is_sharp_at_once(stage: Open) -> None:
    one = stage(SIZE)
    make_room(one)
    near = hung((striped(),))
    one.draw(near, [s.view(SIZE, (0.0, 0.0, 0.25))])
    assert contrast(one, near, 0.25) > 40


def test_one_that_was_seen_from_afar_sharpens_step_by_step_as_one_comes_near(stage: Open) -> None:
    one = stage(SIZE)
    make_room(one)
    scene = hung((striped(),))
    for number in range(4):
        contrast(one, replace(scene, time_s=number / 90), 40.0)
    assert not one.renderer._objects.pictures._fine
    seen = [contrast(one, replace(scene, time_s=1.0 + number / 90), 0.25) for number in range(60)]
    assert seen[0] < 5 and seen[-1] > 40
    assert max(b - a for a, b in pairwise(seen)) < 0.2 * seen[-1]
    assert one.renderer._objects.pictures._settled


def test_with_more_than_the_memory_allows_those_that_are_nearest_are_large(stage: Open) -> None:
    from vrgen.renderer.pictures import COARSE_LAYERS, FINE_LAYERS

    one = stage(SIZE)
    make_room(one)
    pictures = tuple(striped() for _ in range(COARSE_LAYERS))
    pool = one.renderer._objects.pictures
    scene = hung(pictures, apart_m=0.5)
    pooled = []
    for number in range(200):
        at_x = 0.0 if number < 100 else 0.5 * (COARSE_LAYERS - 1)
        one.draw(replace(scene, time_s=number / 90), [s.view((16, 16), (at_x, 0.0, 0.25), vertical_deg=0.5)])
        assert len(pool._fine) <= FINE_LAYERS
        assert len({fine.layer for fine in pool._fine.values()}) == len(pool._fine)
        if number in (99, 199):
            assert pool._settled
            pooled.append({name for name, fine in pool._fine.items() if fine.seen == 1.0})
    first, last = ({picture.id for picture in some} for some in (pictures[:FINE_LAYERS], pictures[-FINE_LAYERS:]))
    assert len(pooled[0] & first) > FINE_LAYERS - 3
    assert len(pooled[1] & last) > FINE_LAYERS - 3
    assert pool.bytes < 40 << 20

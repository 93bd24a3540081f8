"""What is drawn does not flash, whatever is made: pictures of the real renderer, measured in linear light."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import stage as s
from scene import outputs as o
from stage import F32, Pixels, Stage

from vrgen.config import GeneratorConfig, World
from vrgen.messages import Person
from vrgen.scene.assembly import Assembly
from vrgen.scene.governor import MOST_PER_S, Governor, displayed, lit
from vrgen.scene.light import light_of
from vrgen.scene_model import Fade, Sky, new_id

Open = Callable[..., Stage]
DT_S = 1 / 30
SIZE = (64, 36)
BLOCK = 9
"""Pixels; a quarter of the picture's height, nine degrees."""
TOLERANCE = 0.25
"""Of the bound: cells are means of places, pixels are places."""
BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def luminance(pixels: Pixels) -> F32:
    """(H, W) relative luminance of sRGB pixels, as WCAG defines it."""
    v = pixels.astype(np.float64) / 255
    linear = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ LUMINANCE, np.float32)


def blocks(picture: F32) -> F32:
    """Means over squares: what is small may change as it likes."""
    rows, columns = (n // BLOCK for n in picture.shape)
    cut = picture[: rows * BLOCK, : columns * BLOCK]
    return np.asarray(cut.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3)))


def film(stage: Stage, seconds: float, worlds: bool) -> list[F32]:
    """Frames while a black sky over white ground and a white sky over black ground come nine times a second.

    `worlds`: each is another world, as when one hammers N; otherwise they are morphs.
    """
    names = ("sky", "soil")
    generators = {name: GeneratorConfig(checkpoint=f"{name}.pt") for name in names}
    assembly = Assembly(World(name="flash", generators=generators))
    every = 0.11
    shot, made = [], 0
    for number in range(round(seconds / DT_S)):
        now_s = number * DT_S
        arrived = []
        if now_s >= made * every:
            made += 1
            wishes = {name: o.wish(name, made if worlds else 1, made) for name in names}
            assembly.ask(wishes, now_s)
            above, below = (WHITE, BLACK) if made % 2 else (BLACK, WHITE)
            shade = tuple(2 * v - 1 for v in below)
            arrived = [
                o.result(wishes["sky"], {"sky": o.sky(above)}),
                o.result(wishes["soil"], {"albedo": o.texture(shade)}),  # type: ignore[arg-type]
            ]
        scene = assembly.advance(arrived, Person(), stage.renderer.resident, frozenset(), now_s, DT_S)
        shot.append(luminance(stage.draw(scene)))
    return shot


@pytest.mark.slow
@pytest.mark.parametrize("worlds", [False, True])
@pytest.mark.parametrize("governed", [True, False])
def test_black_and_white_that_alternate_never_flash(
    stage: Open, worlds: bool, governed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not governed:
        monkeypatch.setattr(Governor, "pace", lambda self, seen_at, dt_s: 1.0)
    shot = film(stage(SIZE), 8.0, worlds)[60:]  # the plain ground has risen from the haze by then
    means = [float(picture.mean()) for picture in shot]
    most = max(abs(b - a) for a, b in pairwise(means)) / DT_S
    most_of_a_block = max(float(np.abs(b - a).max()) for a, b in pairwise(map(blocks, shot))) / DT_S
    allowed = (1 + TOLERANCE) * MOST_PER_S
    assert (most <= allowed and most_of_a_block <= allowed) == governed, (most, most_of_a_block)
    sky = [float(picture[:9].mean()) for picture in shot]
    assert max(sky) - min(sky) > 0.5  # both are seen


@pytest.mark.parametrize("radiance", [0.01, 0.3, 1.0, 4.0])
def test_what_the_governor_reckons_with_is_what_is_drawn(stage: Open, radiance: float) -> None:
    shown = np.broadcast_to(np.float16((radiance, 0.7 * radiance, 0.4 * radiance)), (32, 64, 3)).copy()
    light = light_of(shown.astype(np.float32))
    opened = stage(SIZE)
    above = Sky(new_id(), shown, light)
    scene = s.scene(above=Fade(above), dressed=s.surface((180, 120, 90)))
    at = luminance(opened.settle(scene, Person(eye_height_m=1.7)))
    albedo = ((np.array([[180, 120, 90]]) / 255 + 0.055) / 1.055) ** 2.4
    sky = displayed(light.exposure * shown[:1, 0].astype(np.float32))[0]
    ground = displayed(lit(albedo.astype(np.float32), np.float32([[0, 1, 0]]), light))[0]
    assert at[:6].mean() == pytest.approx(float(sky), abs=0.02)
    assert at[-6:].mean() == pytest.approx(float(ground), abs=0.06)

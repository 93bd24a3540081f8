"""Skies and surfaces on their way to the GPU: within a budget, whole or not at all, by either path the same."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import stage as s
from stage import Stage

from vrgen.scene_model import Fade, Sky, Surface

Open = Callable[..., Stage]
LIGHT = s.sun((0.2, 1.0, 0.4))


def noisy_sky(height: int, seed: int) -> Sky:
    rng = np.random.default_rng(seed)
    return Sky(s.new_id(), rng.uniform(0, 1.5, (height, 2 * height, 3)).astype(np.float16), LIGHT)


def noisy_surface(size: int, seed: int) -> Surface:
    rng = np.random.default_rng(seed)
    albedo, bumps = rng.integers(0, 255, (2, size, size, 4), dtype=np.uint8)
    return Surface(s.new_id(), albedo, bumps, 3.0)


@pytest.mark.parametrize("direct", [True, False], ids=["host", "pixel-buffer"])
def test_what_waits_arrives_over_several_frames_and_counts_only_when_whole(stage: Open, direct: bool) -> None:
    one = stage((32, 16), direct=direct, budget_ms=0.2)
    waiting = noisy_sky(512, 1)
    world = s.scene(over=s.nowhere(), preload=(waiting, noisy_surface(128, 2)))
    sent = frames = 0
    for frames in range(500):  # noqa: B007
        one.draw(world)
        sent += one.renderer.uploads.spent.bytes
        held = one.renderer.uploads._held.get(waiting.id)
        copied = sum(image.rows for image in held.images) if held is not None else 0
        assert (waiting.id in one.renderer.resident.ids) == (copied == 512)
        if {asset.id for asset in world.preload} <= one.renderer.resident.ids:
            break
    assert 2 < frames < 499, "all in one frame, or never"
    assert sent >= waiting.radiance.nbytes + 2 * 128 * 128 * 4


@pytest.mark.parametrize("budget_ms", [0.02, 2.0])
def test_a_large_material_arrives_however_small_the_budget(stage: Open, budget_ms: float) -> None:
    one = stage((32, 16), budget_ms=budget_ms)
    waiting = noisy_surface(1024, 1)
    for _ in range(300):
        one.draw(s.scene(over=s.nowhere(), preload=(waiting,)))
        if waiting.id in one.renderer.resident.ids:
            break
    assert waiting.id in one.renderer.resident.ids


def test_what_is_shown_is_there_at_once(stage: Open) -> None:
    one = stage((32, 16), budget_ms=0.0)
    world = s.scene(over=s.nowhere(), above=noisy_sky(128, 1), dressed=noisy_surface(64, 2))
    one.draw(world)
    assert {world.sky.shown.id, world.surfaces["ground"].shown.id} <= one.renderer.resident.ids


def test_what_nobody_wants_any_more_is_freed(stage: Open) -> None:
    one = stage((32, 16), budget_ms=50.0)
    old, new = noisy_sky(64, 1), noisy_sky(64, 2)
    for _ in range(20):
        one.draw(s.scene(over=s.nowhere(), above=old, preload=(new,)))
    assert {old.id, new.id} <= one.renderer.resident.ids
    one.draw(s.scene(over=s.nowhere(), above=new))
    assert old.id not in one.renderer.resident.ids and new.id in one.renderer.resident.ids


def test_a_fade_shows_the_newcomer_whole_from_its_first_frame(stage: Open) -> None:
    one = stage((32, 16), budget_ms=0.2)
    camera = [s.view((32, 16), (0, 2, 0), (0.3, 0.0, 0.0, 0.954))]
    red, blue = s.sky((1.0, 0.0, 0.0), LIGHT), s.sky((0.0, 0.0, 1.0), LIGHT)
    still = s.scene(over=s.nowhere(), above=red, preload=(blue,), light=LIGHT)
    for _ in range(300):
        one.draw(still, camera)
        if blue.id in one.renderer.resident.ids:
            break
    fading = replace(still, sky=Fade(red, blue, 0.5), preload=())
    drawn = one.draw(fading, camera).astype(int)
    assert np.ptp(drawn[..., 2]) < 40 and drawn[..., 2].min() > 60, "only a part of the arriving sky is there"


@pytest.mark.slow
def test_the_pixel_buffer_gives_the_same_picture_as_the_direct_path(stage: Open) -> None:
    drawn = []
    world = s.scene(above=noisy_sky(512, 3), dressed=noisy_surface(512, 4))
    for direct in (True, False):
        one = stage((160, 90), direct=direct)
        assert one.renderer.uploads.path == ("host" if direct else "pixel-buffer")
        drawn.append(one.settle(world))
        one.close()
    assert (drawn[0] == drawn[1]).all()
    assert drawn[0].std() > 20


@pytest.mark.parametrize("height", [1024, 1500])
def test_more_than_the_staging_buffer_holds_arrives_unbroken(stage: Open, height: int) -> None:
    """Eighteen megabytes through a buffer of eight."""
    from vrgen.gl.api import GL

    one = stage((32, 16), direct=False, budget_ms=5.0)
    waiting = noisy_sky(height, 5)
    world = s.scene(over=s.nowhere(), preload=(waiting,))
    for _ in range(400):
        one.draw(world)
        if waiting.id in one.renderer.resident.ids:
            break
    (texture,) = one.renderer.uploads.of(waiting)
    back = np.zeros(waiting.radiance.shape, np.float16)
    GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
    GL.glGetTextureImage(
        texture.name, 0, GL.GL_RGB, GL.GL_HALF_FLOAT, back.nbytes, back.ctypes.data_as(GL.GLvoidp)
    )
    assert (back == waiting.radiance).all()


@pytest.mark.parametrize("height", [1, 5, 33])
def test_rows_of_any_length_arrive_unbroken(stage: Open, height: int) -> None:
    """Sizes that are no power of two: the unpack alignment must not skew them."""
    from vrgen.gl.api import GL

    for direct in (True, False):
        one = stage((32, 16), direct=direct)
        radiance = np.random.default_rng(1).uniform(0, 1, (height, 2 * height, 3)).astype(np.float16)
        odd = Sky(s.new_id(), radiance, LIGHT)
        one.draw(s.scene(over=s.nowhere(), above=odd))
        (texture,) = one.renderer.uploads.of(odd)
        back = np.zeros(radiance.shape, np.float16)
        GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
        GL.glGetTextureImage(
            texture.name, 0, GL.GL_RGB, GL.GL_HALF_FLOAT, back.nbytes, back.ctypes.data_as(GL.GLvoidp)
        )
        one.close()
        assert (back == radiance).all(), "host" if direct else "pixel-buffer"


def test_room_is_made_once_for_what_comes_and_goes(stage: Open) -> None:
    """A driver may take longer to make room for a large texture than a frame has."""
    one = stage((32, 16))
    names: list[int] = []
    first: dict[int, s.Pixels] = {}
    for number in range(12):
        asset = noisy_surface(256, number % 3)
        world = s.scene(dressed=asset)
        for _ in range(4):  # frames that read what went before are through
            picture = one.draw(world)
        names += [texture.name for texture in one.renderer.uploads.of(asset)]
        assert np.array_equal(picture, first.setdefault(number % 3, picture)), "what was there shines through"
    assert len(set(names)) <= 6, names


def test_two_large_textures_are_not_made_in_one_frame(stage: Open) -> None:
    one = stage((32, 16), budget_ms=1e9)
    waiting = noisy_surface(1024, 1)
    world = s.scene(over=s.nowhere(), preload=(waiting,))
    one.draw(world)
    assert waiting.id not in one.renderer.resident.ids
    one.draw(world)
    assert waiting.id in one.renderer.resident.ids

"""Skies and surfaces on their way to the GPU: within a budget, whole or not at all, by either path the same."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import stage as s
from stage import Stage

from vrgen.levels import smaller_bumps, smaller_colours, smaller_radiance
from vrgen.scene_model import Fade, Scene, Sky, Surface

Open = Callable[..., Stage]
LIGHT = s.sun((0.2, 1.0, 0.4))


def noisy_sky(height: int, seed: int) -> Sky:
    rng = np.random.default_rng(seed)
    return Sky(s.new_id(), rng.uniform(0, 1.5, (height, 2 * height, 3)).astype(np.float16), LIGHT)


def noisy_surface(size: int, seed: int) -> Surface:
    rng = np.random.default_rng(seed)
    albedo, bumps = rng.integers(0, 255, (2, size, size, 4), dtype=np.uint8)
    return Surface(s.new_id(), albedo, bumps, 3.0)


def draw_until_there(one: Stage, world: Scene) -> None:
    """Until all that it preloads is; room for what is large is made beside the frame."""
    wanted, until_s = {asset.id for asset in world.preload}, time.monotonic() + 60
    while not wanted <= one.renderer.resident.ids:
        assert time.monotonic() < until_s, "it does not come"
        one.draw(world)
        time.sleep(0.002)


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
        assert (waiting.id in one.renderer.resident.ids) == (held is not None and not held.parts)
        if {asset.id for asset in world.preload} <= one.renderer.resident.ids:
            break
    assert 2 < frames < 499, "all in one frame, or never"
    assert sent >= waiting.radiance.nbytes + 2 * 128 * 128 * 4


@pytest.mark.parametrize("budget_ms", [0.02, 2.0])
def test_a_large_material_arrives_however_small_the_budget(stage: Open, budget_ms: float) -> None:
    one = stage((32, 16), budget_ms=budget_ms)
    waiting = noisy_surface(1024, 1)
    draw_until_there(one, s.scene(over=s.nowhere(), preload=(waiting,)))


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


def smaller(surface: Surface) -> Surface:
    """With its smaller levels, as the scene makes it."""
    albedo, bumps = smaller_colours(surface.albedo), smaller_bumps(surface.bumps)
    return replace(surface, smaller_albedo=albedo, smaller_bumps=bumps)


@pytest.mark.parametrize("direct", [True, False], ids=["host", "pixel-buffer"])
def test_levels_that_were_made_arrive_as_they_are_and_opengl_makes_none(
    stage: Open, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vrgen.gl.api import GL

    monkeypatch.setattr(GL, "glGenerateTextureMipmap", None)
    one = stage((32, 16), direct=direct, budget_ms=0.5)
    sky = noisy_sky(300, 1)
    waiting = (replace(sky, smaller=smaller_radiance(sky.radiance)), smaller(noisy_surface(600, 2)))
    still = s.scene(
        over=s.nowhere(),
        above=Sky(s.new_id(), np.ones((1, 1, 3), np.float16), LIGHT),
        dressed=Surface(s.new_id(), *np.full((2, 1, 1, 4), 128, np.uint8), 4.0),
        preload=waiting,
    )
    held = one.renderer.uploads._held
    for _ in range(300):
        one.draw(still)
        if all(asset.id in held and held[asset.id].parts == [] for asset in waiting):
            break
    (far,) = one.renderer.uploads.of(waiting[0])
    albedo, bumps = one.renderer.uploads.of(waiting[1])
    GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
    for texture, levels, form, kind in (
        (far, (waiting[0].radiance, *waiting[0].smaller), GL.GL_RGB, GL.GL_HALF_FLOAT),
        (albedo, (waiting[1].albedo, *waiting[1].smaller_albedo), GL.GL_RGBA, GL.GL_UNSIGNED_BYTE),
        (bumps, (waiting[1].bumps, *waiting[1].smaller_bumps), GL.GL_RGBA, GL.GL_UNSIGNED_BYTE),
    ):
        assert texture.levels == len(levels)
        for level, pixels in enumerate(levels):
            back = np.zeros_like(pixels)
            GL.glGetTextureImage(texture.name, level, form, kind, back.nbytes, GL.GLvoidp(back.ctypes.data))
            assert (back == pixels).all(), level


def test_a_surface_is_seen_before_its_largest_level_and_sharpens_without_a_jump(stage: Open) -> None:
    """On a GPU; what a software rasteriser draws with can't be written beside that."""
    albedo = np.full((1024, 1024, 4), 128, np.uint8)
    albedo[:, :, :3] = np.tile(np.uint8([0, 255]), 512)[None, :, None]  # only the largest level has these stripes
    bumps = np.full((1024, 1024, 4), (128, 128, 255, 255), np.uint8)
    new = smaller(Surface(s.new_id(), albedo, bumps, 4.0))
    camera = [s.view((64, 36), (0.0, 0.05, 0.0), s.DOWN)]
    one = stage((64, 36), direct=False, budget_ms=0.0)
    before = s.scene(light=LIGHT, preload=(new,))
    while new.id not in one.renderer.resident.ids:
        one.draw(before, camera)
    held = one.renderer.uploads._held[new.id]
    assert held.parts
    after = replace(before, surfaces={"ground": Fade(new), "cliff": Fade(new)}, preload=())
    contrast, frames = [], 0
    while held.parts or held.blur > 0.0:
        drawn = one.draw(replace(after, time_s=frames / 90), camera).astype(float)
        contrast.append(float(drawn.std(axis=1).mean()))
        frames += 1
        assert frames < 500
    one.close()
    whole = stage((64, 36), direct=True)
    sharp = whole.settle(after, camera).astype(float).std(axis=1).mean()
    assert contrast[0] < 0.1 * sharp and contrast[-1] > 0.9 * sharp
    assert max(b - a for a, b in pairwise(contrast)) < 0.2 * sharp


def test_a_sky_is_not_seen_before_it_is_whole(stage: Open) -> None:
    one = stage((32, 16), direct=False, budget_ms=0.0)
    sky = noisy_sky(512, 1)
    sky = replace(sky, smaller=smaller_radiance(sky.radiance))
    for _ in range(500):
        one.draw(s.scene(over=s.nowhere(), preload=(sky,)))
        held = one.renderer.uploads._held[sky.id]
        assert (sky.id in one.renderer.resident.ids) == (not held.parts)
        if not held.parts:
            break
    assert sky.id in one.renderer.resident.ids


def test_what_nobody_needs_goes_at_once_where_memory_is_short(
    stage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vrgen.renderer import uploads as module

    one = stage((32, 16))
    uploads = one.renderer.uploads
    small, large = noisy_sky(32, 1), noisy_sky(256, 2)
    for room, kept in ((1 << 20, False), (8 << 20, True)):
        monkeypatch.setattr(module, "MEMORY_BYTES", room)
        for above in (large, small, small, small):
            one.draw(s.scene(over=s.nowhere(), above=above))
        # A half float sky of 256 × 512 with its levels takes 1.3 MiB.
        assert (uploads._spares.bytes > 1 << 20) == kept
        assert uploads.held_bytes < 1 << 20


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
    draw_until_there(one, world)
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


@pytest.mark.parametrize("direct", [True, False], ids=["no second context", "pixel-buffer"])
def test_two_large_textures_are_not_made_in_one_frame(
    stage: Open, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vrgen.gl.second._shared", lambda: None)
    one = stage((32, 16), budget_ms=1e9, direct=direct)
    waiting = noisy_surface(1024, 1)
    world = s.scene(over=s.nowhere(), preload=(waiting,))
    one.draw(world)
    assert waiting.id not in one.renderer.resident.ids
    if direct:
        one.draw(world)
        assert waiting.id in one.renderer.resident.ids
    draw_until_there(one, world)


def test_room_for_what_is_large_is_made_beside_the_frame(stage: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a software rasteriser, which fills it with zeros."""
    from vrgen.gl.api import GL

    made: list[str] = []
    storage = GL.glTextureStorage2D

    def noted(name: int, levels: int, form: int, width: int, height: int) -> None:
        if width >= 1024:
            made.append(threading.current_thread().name)
        storage(name, levels, form, width, height)

    monkeypatch.setattr(GL, "glTextureStorage2D", noted)
    one = stage((32, 16), budget_ms=1e9)
    first, second = noisy_surface(1024, 1), noisy_surface(1024, 2)
    draw_until_there(one, s.scene(over=s.nowhere(), preload=(first, second)))
    assert len(made) == 4 and not any("Main" in name for name in made)
    for asset in (first, second):
        for texture, pixels in zip(one.renderer.uploads.of(asset), (asset.albedo, asset.bumps)):
            back = np.zeros_like(pixels)
            where = (GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, back.nbytes, GL.GLvoidp(back.ctypes.data))
            GL.glGetTextureImage(texture.name, 0, *where)
            assert (back == pixels).all()
    # What is begun and wanted no more is closed with the rest, which `stage` checks.
    one.draw(s.scene(over=s.nowhere(), preload=(noisy_surface(1200, 3),)))


def test_a_gpu_that_reads_slowly_holds_no_frame_up(stage: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it has not read what it was given, no more is given, and nothing waits."""
    from vrgen.gl.transfer import Fences
    from vrgen.renderer.uploads import STAGE_BYTES

    one = stage((32, 16), direct=False, budget_ms=1e9)
    waiting = noisy_sky(1500, 5)
    world = s.scene(over=s.nowhere(), preload=(waiting,))
    with monkeypatch.context() as slow:
        slow.setattr(Fences, "passed", lambda self, fence: False)
        sent, last = 0, -1
        for _ in range(3000):  # until there is room for it, and then until no more is given
            time.sleep(0.002)
            one.draw(world)
            last = one.renderer.uploads.spent.bytes
            sent += last
            if sent > STAGE_BYTES // 2 and last == 0:
                break
        assert last == 0
        assert STAGE_BYTES // 2 < sent <= STAGE_BYTES + (1 << 16), "it waited, or nothing was sent"
        assert waiting.id not in one.renderer.resident.ids
    draw_until_there(one, world)

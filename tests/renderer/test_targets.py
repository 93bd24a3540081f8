"""Where pictures go: views that change their size, depth beside colour, and what the lenses hide."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import stage as s
from stage import Pixels, Stage

from vrgen.messages import Mask, View
from vrgen.scene_model import Objects, Scene

Open = Callable[..., Stage]
LIT = s.sun((0.3, 1.0, 0.5))
BLUE = s.sky((0.1, 0.3, 1.5), LIT)


class Eye:
    """A framebuffer with a colour and a depth texture, as a headset's display makes them."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        from vrgen.gl.api import GL
        from vrgen.gl.objects import Framebuffer, Texture

        self.size_px = size_px
        self.colour = Texture(GL.GL_TEXTURE_2D, size_px, GL.GL_RGBA8, "eye")
        self.depth = Texture(GL.GL_TEXTURE_2D, size_px, GL.GL_DEPTH_COMPONENT32F, "eye depth")
        self.framebuffer = Framebuffer("eye", self.colour, self.depth)

    def pixels(self) -> Pixels:
        from vrgen.gl.api import GL

        return self._read(
            self.colour, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, np.zeros((*self.size_px[::-1], 4), np.uint8)
        )

    def depths(self) -> np.ndarray:
        from vrgen.gl.api import GL

        return self._read(self.depth, GL.GL_DEPTH_COMPONENT, GL.GL_FLOAT, np.zeros(self.size_px[::-1], np.float32))

    def _read(self, texture: Any, form: int, kind: int, into: np.ndarray) -> np.ndarray:
        from vrgen.gl.api import GL

        GL.glGetTextureImage(texture.name, 0, form, kind, into.nbytes, into.ctypes.data_as(GL.GLvoidp))
        return into[::-1]

    def close(self) -> None:
        for owned in (self.framebuffer, self.depth, self.colour):
            owned.close()


@pytest.fixture
def eyes(stage: Open) -> Iterator[Callable[[tuple[int, int]], Eye]]:
    made: list[Eye] = []

    def make(size_px: tuple[int, int]) -> Eye:
        made.append(Eye(size_px))
        return made[-1]

    yield make
    for eye in made:
        eye.close()


def wall(distance_m: float, colour: tuple[int, int, int] = (220, 60, 30)) -> Scene:
    """A cube of two metres whose near face stands at that distance to -Z, and the blue sky around it."""
    at = s.instances({"position": (0.0, 2.0, -distance_m - 1.0)})
    return s.scene(over=s.nowhere(), above=BLUE, objects=Objects((s.box(colour, 1.0),), (), at))


def cameras(size_px: tuple[int, int], made: list[Eye]) -> list[View]:
    views = [s.view(size_px, (0.06 * i, 2.0, 0.0)) for i in range(len(made))]
    return [replace(v, framebuffer=eye.framebuffer.name, depth=True) for v, eye in zip(views, made)]


@pytest.mark.parametrize("size_px", [(160, 120), (900, 700)], ids=["as drawn", "enlarged"])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("samples", [1, 4])
def test_depth_is_that_of_the_geometry(
    stage: Open, eyes: Callable[..., Eye], size_px: tuple[int, int], count: int, samples: int
) -> None:
    one = stage((64, 64), samples=samples)
    made = [eyes(size_px) for _ in range(count)]
    one.settle(wall(4.0), cameras(size_px, made))
    for eye in made:
        depths = eye.depths()
        middle = depths[size_px[1] // 2 - 8 : size_px[1] // 2 + 8, size_px[0] // 2 - 8 : size_px[0] // 2 + 8]
        assert middle == pytest.approx(0.05 / 4.0, rel=1e-4)  # near over distance, reversed and infinite
        assert depths[:8, :8] == pytest.approx(0.0)  # the sky
        red = eye.pixels()[..., 0].astype(int) > eye.pixels()[..., 2]
        assert (red == (depths > 0)).mean() > 0.99  # and it lies where the colour lies


def test_a_view_without_depth_leaves_depth_alone(stage: Open, eyes: Callable[..., Eye]) -> None:
    from vrgen.gl.api import GL

    one, eye = stage((64, 64)), eyes((160, 120))
    GL.glClearNamedFramebufferfv(eye.framebuffer.name, GL.GL_DEPTH, 0, np.float32([0.25]))
    one.settle(wall(4.0), [replace(v, depth=False) for v in cameras((160, 120), [eye])])
    assert eye.depths() == pytest.approx(0.25)


def test_a_view_may_change_its_size_every_frame(stage: Open, eyes: Callable[..., Eye]) -> None:
    one, eye = stage((64, 64)), eyes((300, 200))
    one.settle(wall(4.0), cameras((300, 200), [eye]))
    textures = one.renderer._target._textures
    for size_px in ((300, 200), (240, 160), (150, 100), (211, 141), (300, 200)):
        one.draw(wall(4.0), cameras(size_px, [eye]))
        fresh = eyes(size_px)
        one.draw(wall(4.0), cameras(size_px, [fresh]))
        part = eye.pixels()[200 - size_px[1] :, : size_px[0]]
        assert (part == fresh.pixels()).all()
        depths = fresh.depths()
        assert depths[size_px[1] // 2, size_px[0] // 2] == pytest.approx(0.0125, rel=1e-4)
        assert depths[2, 2] == 0.0
    assert one.renderer._target._textures is textures, "nothing was made anew"


def test_pictures_that_are_now_wide_and_now_tall_share_their_room(stage: Open) -> None:
    one = stage((100, 100))
    wide, tall = s.view((90, 60), (0, 2, 0)), s.view((60, 90), (0, 2, 0))
    one.settle(wall(4.0), [wide])
    one.draw(wall(4.0), [tall])
    textures = one.renderer._target._textures
    one.draw(wall(4.0), [wide])
    one.draw(wall(4.0), [tall])
    assert one.renderer._target._textures is textures


def test_pictures_that_stay_small_give_memory_back(stage: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    one = stage((160, 90))
    monkeypatch.setattr("vrgen.renderer.target.SHRINK_AFTER", 5)
    one.settle(wall(4.0), [s.view((160, 90), (0, 2, 0))])
    small, spike = s.view((40, 30), (0, 2, 0)), s.view((60, 20), (0, 2, 0))
    before = one.draw(wall(4.0), [small])
    for view in (small, spike, small, small, small, small):
        after = one.draw(wall(4.0), [view])
    assert one.renderer._target._room == (60, 30)
    assert (after[-30:, :40] == before[-30:, :40]).all()


# --- what the lenses hide ---------------------------------------------------------------------------------


def half_hidden(share: float) -> Mask:
    """Hides what lies to the left of `share` (a tangent)."""
    left, right, low, high = -9.0, share, -9.0, 9.0
    a, b, c, d = (left, low), (right, low), (right, high), (left, high)
    return Mask(np.array([[a, b, c], [a, c, d]], np.float32))


def test_what_the_lenses_hide_is_black_and_the_rest_as_ever(stage: Open, eyes: Callable[..., Eye]) -> None:
    size = (160, 120)
    one = stage((64, 64))
    open_eyes, masked = [eyes(size), eyes(size)], [eyes(size), eyes(size)]
    one.settle(wall(4.0), cameras(size, open_eyes))
    views = cameras(size, masked)
    mask = half_hidden(0.0)
    more = Mask(np.concatenate([half_hidden(-0.2).triangles, half_hidden(-0.3).triangles]))
    one.draw(wall(4.0), [replace(views[0], mask=mask), replace(views[1], mask=more)])
    tangent = np.tan(views[0].fov.right_rad)
    for clear, eye, at in zip(open_eyes, masked, (0.0, -0.2)):
        column = round((at / tangent + 1) / 2 * size[0])
        seen, was = eye.pixels().astype(int), clear.pixels().astype(int)
        assert seen[:, : column - 1, :3].max() == 0
        assert (seen[:, column + 1 :] == was[:, column + 1 :]).all()
        assert eye.depths()[:, : column - 1] == pytest.approx(1.0)
        assert (eye.depths()[:, column + 1 :] == clear.depths()[:, column + 1 :]).all()


def test_nothing_is_shaded_where_the_lenses_hide(stage: Open) -> None:
    """Counted by the rasteriser: fragments that pass the depth test."""
    from vrgen.gl.api import GL

    one = stage((160, 120))
    seen = s.view((160, 120), (0, 2, 0))
    one.settle(wall(4.0), [seen])

    def passed(view: View) -> int:
        query = int(np.asarray(GL.glGenQueries(1)).ravel()[0])
        GL.glBeginQuery(GL.GL_SAMPLES_PASSED, query)
        one.draw(wall(4.0), [view])
        GL.glEndQuery(GL.GL_SAMPLES_PASSED)
        count = int(GL.glGetQueryObjectuiv(query, GL.GL_QUERY_RESULT))
        GL.glDeleteQueries(1, [query])
        return count

    mask = half_hidden(9.0)
    everything = 160 * 120 * 4
    assert passed(seen) > 0.99 * everything  # the cube and the sky
    assert passed(replace(seen, mask=mask)) <= 1.01 * everything  # the mask itself and nothing else


def test_a_mask_can_change_and_go(stage: Open) -> None:
    one = stage((160, 120))
    seen = s.view((160, 120), (0, 2, 0))
    plain = one.settle(wall(4.0), [seen])
    for share in (0.0, 0.4):
        drawn = one.draw(wall(4.0), [replace(seen, mask=half_hidden(share))])
        edge = round((share / np.tan(seen.fov.right_rad) + 1) / 2 * 160)
        assert drawn[:, : edge - 1].max() == 0 and drawn[:, edge + 1 :].max() > 0
    assert (one.draw(wall(4.0), [seen]) == plain).all()

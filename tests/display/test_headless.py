"""The reference display: pictures come out as drawn, scripts and held keys come in."""

import numpy as np

from vrgen.clock import RealClock, StepClock
from vrgen.display.headless import HeadlessDisplay
from vrgen.messages import Controls, Person


def _fill_top_half(display: HeadlessDisplay, colour: tuple[float, float, float]) -> None:
    from vrgen.gl.api import GL

    for open_frame in display.frames():
        with open_frame as frame:
            (view,) = frame.views(Person())
            x, y, width, height = view.rect_px
            GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, view.framebuffer)
            GL.glEnable(GL.GL_SCISSOR_TEST)
            GL.glScissor(x, y + height // 2, width, height // 2)
            GL.glClearColor(*colour, 1.0)
            GL.glClear(GL.GL_COLOR_BUFFER_BIT)
            GL.glDisable(GL.GL_SCISSOR_TEST)
        break


def test_pixels_come_back_top_row_first_and_unchanged(gl_context: HeadlessDisplay) -> None:
    _fill_top_half(gl_context, (1.0, 0.5, 0.25))
    pixels = gl_context.read_pixels()
    assert pixels.shape == (200, 320, 3)
    assert pixels.dtype == np.uint8
    assert (pixels[:100] == (255, 128, 64)).all()
    assert (pixels[100:] == 0).all()


def test_a_second_display_opens_after_the_first() -> None:
    for size in ((64, 32), (33, 17)):
        with HeadlessDisplay(size, clock=StepClock(0.1)) as display:
            _fill_top_half(display, (0.0, 1.0, 0.0))
            assert display.read_pixels().shape == (size[1], size[0], 3)
            assert "OpenGL" in display.gl


def test_scripts_and_held_keys_become_controls() -> None:
    def script(number: int) -> Controls:
        return Controls(pressed=("n",) if number == 2 else (), held=frozenset({"d"}))

    seen = []
    with HeadlessDisplay((16, 16), clock=StepClock(0.5), hold=("w",), script=script) as display:
        for open_frame in display.frames():
            with open_frame as frame:
                seen.append(frame.controls)
            if len(seen) == 4:
                break
    assert [c.pressed for c in seen] == [("w",), (), ("n",), ()]
    assert all(c.held == {"w", "d"} for c in seen)
    assert [c.time_s for c in seen] == [0.5, 1.0, 1.5, 2.0]
    assert [c.dt_s for c in seen] == [0.0, 0.5, 0.5, 0.5]


def test_only_real_time_is_paced() -> None:
    assert HeadlessDisplay(clock=RealClock())._pace is not None
    assert HeadlessDisplay(clock=StepClock(0.1))._pace is None

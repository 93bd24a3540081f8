"""What a second context makes, the first can use; in a process of its own, bound to the display's own OpenGL."""

import os
import subprocess
import sys
import threading

import pytest

from vrgen.display.headless import HeadlessDisplay

_PROGRAM = """
from vrgen.clock import StepClock
from vrgen.display.{module} import {display}

with {display}((64, 48), clock=StepClock(1 / 60)) as display:
    import threading

    import numpy as np

    from vrgen.display import platform
    from vrgen.gl.api import GL
    from vrgen.gl.objects import Texture, alive
    from vrgen.gl.second import Second

    def make():
        made.append(threading.current_thread())
        return Texture(GL.GL_TEXTURE_2D, (512, 256), GL.GL_RGBA8, "made there")

    made, before, second = [], alive(), Second()
    frames = iter(display.frames())
    coming = second.make(make)
    for _ in range(3):  # the first goes on meanwhile
        with next(frames):
            GL.glFlush()
    texture = coming.result(20)
    pixels = np.random.default_rng(0).integers(0, 255, (256, 512, 4), np.uint8)
    GL.glTextureSubImage2D(texture.name, 0, 0, 0, 512, 256, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, pixels)
    back = np.zeros_like(pixels)
    where = (GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, back.nbytes, GL.GLvoidp(back.ctypes.data))
    second.close()  # what it made stays
    GL.glGetTextureImage(texture.name, 0, *where)
    assert (back == pixels).all()
    assert made and made[0] is not threading.main_thread()
    texture.close()
    assert alive() == before
    assert GL.glGetError() == 0
    print(platform.bound())
"""


@pytest.mark.parametrize(
    ("module", "display", "bound"), [("headless", "HeadlessDisplay", "egl"), ("window", "WindowDisplay", "glx")]
)
def test_what_it_makes_is_shared(x_server: str, module: str, display: str, bound: str) -> None:
    program = _PROGRAM.format(module=module, display=display)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == bound


@pytest.mark.parametrize("wanted", [True, False], ids=["none to be had", "not wanted"])
def test_without_one_it_is_made_here_at_once(
    gl_context: HeadlessDisplay, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vrgen.gl import second

    monkeypatch.setattr(second, "_shared", lambda: None)
    beside = second.Second(wanted)
    assert beside.make(threading.current_thread).result(0) is threading.current_thread()
    beside.close()
    beside.close()  # twice is harmless


def test_who_may_not_step_back_makes_it_all_the_same(
    gl_context: HeadlessDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is nicer already, without the right to be less so."""
    from vrgen.gl.second import Second

    def refuse(*_: object) -> int:
        raise PermissionError(13, "not permitted")

    monkeypatch.setattr(os, "nice", refuse)
    monkeypatch.setattr(os, "setpriority", refuse)
    second = Second()
    assert second.make(threading.current_thread).result(20) is not threading.current_thread()
    second.close()

"""The reference display: no screen, an EGL context without a surface, one picture of a fixed size.

Held keys come from `hold`, everything else from a script, so that films and tests need no person. On a `RealClock`
frames come at `REFRESH_HZ`; on any other they come as fast as they are drawn.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace

from vrgen.clock import Clock, RealClock
from vrgen.display.egl import EglContext
from vrgen.display.eyes import eye_views
from vrgen.display.glfw_context import HiddenWindow
from vrgen.display.interface import Display, Frame
from vrgen.display.pace import Pace
from vrgen.display.target import Reading, Target
from vrgen.messages import Action, Controls, Person, Pulse, Quad, View

REFRESH_HZ = 90.0

Script = Callable[[int], Controls]
"""Frame number (from 0) → what the devices say; times and held keys are filled in."""


class HeadlessDisplay(Display):
    """A world without a screen."""

    kind = "headless"

    def __init__(
        self,
        size_px: tuple[int, int] = (1280, 720),
        *,
        stereo: bool = False,
        clock: Clock | None = None,
        hold: Iterable[str] = (),
        script: Script | None = None,
    ) -> None:
        super().__init__(clock)
        self.size_px = size_px
        self.refresh_hz = REFRESH_HZ
        self._stereo = stereo
        self.view_count = 1 + stereo
        self._hold = frozenset(hold)
        self._script = script
        self._frames = 0
        self._pace = Pace(REFRESH_HZ) if isinstance(self.clock, RealClock) else None
        self._context: EglContext | HiddenWindow | None = None
        self._last: int | None = None

    def _open(self) -> None:
        self._context = _context()
        try:
            from vrgen.gl import api
            from vrgen.gl.transfer import Fences

            api.require()
            self._fences = Fences()
            self.gl = api.describe()
            self._target = Target(self.size_px)
        except BaseException:
            self._context.close()
            raise

    def _close(self) -> None:
        assert self._context is not None
        self._fences.close()
        self._last = None
        self._target.close()
        self._context.close()

    def _begin_frame(self) -> Frame:
        if self._pace is not None:
            self._pace.wait()
        return Frame(self, self._read(), should_render=True)

    def _read(self) -> Controls:
        """What is held and what the script says, without waiting for the frame's turn."""
        time_s, dt_s = self._tick()
        said = self._script(self._frames) if self._script is not None else Controls()
        pressed = said.pressed if self._frames else (*sorted(self._hold), *said.pressed)
        self._frames += 1
        return replace(said, time_s=time_s, dt_s=dt_s, held=said.held | self._hold, pressed=pressed)

    def _locate_views(self, person: Person) -> tuple[View, ...]:
        return eye_views(person, self._target.name, self.size_px, self._stereo)

    def _end_frame(self, drawn: bool) -> None:
        from vrgen.gl.api import GL

        # No swap holds us back: wait for the picture before this one, or a slow GPU would fall ever more behind.
        self._wait_for_last()
        self._last = self._fences.mark()
        GL.glFlush()

    def _picture(self) -> tuple[int, tuple[int, int]]:
        """Framebuffer and size of the picture, where a headset's is copied to."""
        return self._target.name, self.size_px

    def _present(self) -> None:
        """Nobody looks at a mirror without a screen; `read_pixels` finds it."""

    def _hold_back(self, on: bool) -> None:
        """There is no monitor to wait for."""

    def _make_current(self) -> None:
        """The context of no window is never another."""

    def _wait_for_last(self) -> None:
        if self._last is not None:
            self._fences.wait(self._last)
            self._last = None

    def _begin_reading(self) -> Reading:
        return self._target.read()

    def _apply(self, action: Action) -> None:
        """A picture of a fixed size has nothing to apply."""

    def _pulse(self, pulse: Pulse) -> None:
        """There is no hand to feel it."""

    def _show_quad(self, quad: Quad) -> bool:
        return False


def _context() -> EglContext | HiddenWindow:
    return EglContext() if sys.platform.startswith("linux") else HiddenWindow()

"""The interface of every display, and the life of a frame.

    with open_display(options)[0] as display:
        for open_frame in display.frames():
            with open_frame as frame:                       # always ends the frame, also on an exception
                if frame.should_render:
                    renderer.advance(scene, person.feet_world, display.view_count)
                    renderer.draw(scene, frame.views(person))

A display owns the thread's GL context from `__enter__` to `close`. A backend fills in the hooks (the methods with
one leading underscore below) and nothing else; `tests/display/test_interface.py` reads every backend's class and
fails on a hook that is missing or superfluous.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from vrgen.clock import Clock, RealClock
from vrgen.messages import Action, Controls, Person, Pulse, Quad, View

if TYPE_CHECKING:
    from vrgen.display.target import Reading

Pixels = npt.NDArray[np.uint8]


class Frame:
    """One picture from the devices' answer to its presentation. A context manager; made by `Display.frames`."""

    def __init__(self, display: "Display", controls: Controls, should_render: bool) -> None:
        self._display = display
        self.controls = controls
        self.time_s = controls.time_s
        """When this picture is meant to be seen, seconds on the run's clock."""
        self.should_render = should_render
        """False: nobody sees it (minimised, headset off), so draw nothing. The frame ends all the same."""
        self.ended = False

    def views(self, person: Person) -> tuple[View, ...]:
        """The eyes of `person`, located as late as the display can: one, or left and right.

        A display that follows the head ignores `person.pitch_rad` and adds the head's own pose to where the
        person stands. Each view's rectangle takes a finished, sRGB-encoded picture; GL_FRAMEBUFFER_SRGB is off.
        """
        return self._display._locate_views(person)

    def show_quad(self, quad: Quad) -> bool:
        """Let the display show it as a layer of its own, sharper than drawn; False where it can't (draw it
        then)."""
        return self._display._show_quad(quad)

    def end(self, drawn: bool = True) -> None:
        """Present the frame, or with `drawn` false close it without a picture; a second call does nothing."""
        if not self.ended:
            self.ended = True
            self._display._end_frame(drawn and self.should_render)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(drawn=kind is None)


class Display(ABC):
    """Where the world is shown and where the controls come from. A context manager, used from one thread."""

    kind: str = ""
    """"headless", "window" or "openxr": where the world is shown now."""
    runtime: str | None = None
    """Name of the headset's runtime."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or RealClock()
        """Ticked once a frame; a display follows real time only on a `RealClock`."""
        self.refresh_hz = 90.0
        self.gl = ""
        """The renderer and version that the driver names."""
        self.view_count = 1
        """How many `Frame.views` returns: 2 where each eye has its own."""
        self.size_px = (0, 0)
        """Width and height of what all views together fill, framebuffer pixels."""
        self.scale = 1.0
        """Pixels per unit of a layout made for an ordinary screen; 2 on a high-density one."""
        self.captured: frozenset[str] = frozenset()
        """What a panel has taken since the last frame: with "pointer" in it, a click does not start looking."""
        self.changes = 0
        """Goes up when the world is now shown elsewhere (`kind`, `refresh_hz`, `runtime` are others)."""
        self.why = ""
        """Why it last changed, one sentence."""
        self.notes: tuple[str, ...] = ()
        """What does not work as it should, one sentence each, for the person to see: "headset lost: …"."""
        self.info: tuple[str, ...] = ()
        """What is good to know once and no alarm: "no headset: …" for who had none."""
        self.late_ms: float | None = None
        """Of the last frame: from locating a headset's eyes to handing their picture over; None without one."""
        self.scale_of_views = 1.0
        """Of the width and height that a headset recommends, how large its views are to be; who draws says so."""
        self.scales_views = False
        """Whether it heeds that now; elsewhere a view is as large as its window."""
        self.held_s = 0.0
        """Of the last frame: how long handing it over was held back by the screen, which takes one a refresh."""
        self._is_open = False
        self._last_s: float | None = None

    # --- for everyone ---------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if not self._is_open:
            self._open()
            self._is_open = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back the context and the window; closing twice is harmless."""
        if self._is_open:
            self._is_open = False
            self._close()

    def frames(self) -> Iterator[Frame]:
        """Frames at the display's pace, until the person closes it. A frame left open is ended without a picture.

        The last frame has `controls.closing` set.
        """
        closing = False
        while not closing:
            frame = self._begin_frame()
            closing = frame.controls.closing
            try:
                yield frame
            finally:
                frame.end(drawn=False)

    def begin_reading(self) -> "Reading":
        """Begin to read the last finished frame, or within one what is drawn so far; see there how to go on."""
        return self._begin_reading()

    def read_pixels(self) -> Pixels:
        """(H, W, 3) uint8, top row first, sRGB: what `begin_reading` reads, waited for."""
        with closing(self.begin_reading()) as reading:
            return reading.wait().pixels()

    def apply(self, action: Action) -> None:
        """Do what concerns the display itself (full screen); other actions are ignored."""
        self._apply(action)

    def pulse(self, pulse: Pulse) -> None:
        """Let the person feel it; where there is nothing to feel it with, nothing happens."""
        self._pulse(pulse)

    # --- for backends ---------------------------------------------------------------------------------------

    def _tick(self) -> tuple[float, float]:
        """Begin a frame on the clock: (time_s, dt_s)."""
        self.clock.tick()
        now_s = self.clock.now_s()
        dt_s = 0.0 if self._last_s is None else now_s - self._last_s
        self._last_s = now_s
        return now_s, dt_s

    @abstractmethod
    def _open(self) -> None:
        """Make the context current and fill `refresh_hz`, `gl`, `size_px`, `scale`.

        Raises:
            DisplayError: it can't be opened here. GraphicsError: its OpenGL is too old.
        """

    @abstractmethod
    def _close(self) -> None:
        """Free what `_open` made, in reverse order."""

    @abstractmethod
    def _begin_frame(self) -> Frame:
        """Wait for the frame's turn, then read the devices."""

    @abstractmethod
    def _locate_views(self, person: Person) -> tuple[View, ...]:
        """Where the eyes are when this frame is seen."""

    @abstractmethod
    def _end_frame(self, drawn: bool) -> None:
        """Present what was drawn, or nothing."""

    @abstractmethod
    def _begin_reading(self) -> "Reading":
        """What `begin_reading` returns."""

    @abstractmethod
    def _apply(self, action: Action) -> None:
        """What `apply` does."""

    @abstractmethod
    def _pulse(self, pulse: Pulse) -> None:
        """What `pulse` does."""

    @abstractmethod
    def _show_quad(self, quad: Quad) -> bool:
        """What `Frame.show_quad` does."""


HOOKS = frozenset(Display.__abstractmethods__)
"""What a backend defines: these, `kind` and `__init__`, and private methods of its own."""

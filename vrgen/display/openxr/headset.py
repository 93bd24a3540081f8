"""One connection with a headset, whole: runtime, session, pictures, actions, layers; and a frame of it."""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from vrgen.display.openxr import runtime as rt
from vrgen.display.openxr.actions import EXTENSIONS, Actions, Said
from vrgen.display.openxr.api import OpenXrError
from vrgen.display.openxr.binding import check_requirements, of_current_context
from vrgen.display.openxr.layers import EyeLayer, QuadLayer
from vrgen.display.openxr.masks import masks_of
from vrgen.display.openxr.runtime import Runtime
from vrgen.display.openxr.session import Posture, Session
from vrgen.display.openxr.swapchain import EyePictures
from vrgen.effort import size_at
from vrgen.geometry import Pose, inverse_rigid
from vrgen.messages import Person, Pulse, Quad, Tracked, View
from vrgen.room import world_from_room

PATIENCE_S = 2.0
"""How long the first late turn is waited for, beside twice the last frame's own time (by which a runtime may
put off the next); then the desktop goes on and the turn is only looked at."""
_EXIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One frame's turn: what the runtime said at its beginning."""

    said: Said
    tracked: Tracked
    should_render: bool


class Headset:
    """Owner of the connection. Needs the GL context current that will draw; every failed call raises
    OpenXrError."""

    def __init__(self, posture: Posture, rooms: int, make_current: Callable[[], None] = lambda: None) -> None:
        """`make_current`: makes that context current again, where the runtime has left another one.

        Raises OpenXrError: no headset answers. DisplayError, GraphicsError: it can't be drawn for.
        """
        from vrgen.gl.api import GL

        self.notes: list[str] = []
        self._make_current = make_current
        with ExitStack() as own:
            self.runtime = own.enter_context(Runtime(EXTENSIONS))
            version = (int(GL.glGetIntegerv(GL.GL_MAJOR_VERSION)), int(GL.glGetIntegerv(GL.GL_MINOR_VERSION)))
            check_requirements(self.runtime, version)
            self.session = Session(self.runtime, of_current_context(self.runtime), posture, rooms)
            own.callback(self.session.close)
            make_current()
            self.actions = Actions(self.runtime.instance, self.runtime.extensions, self.runtime.version)
            own.callback(self.actions.close)
            self.actions.attach(self.session.handle, self.runtime.system_id)
            most = self.runtime.most_px
            size_px = (min(self.runtime.size_px[0], most[0]), min(self.runtime.size_px[1], most[1]))
            self.pictures = EyePictures(
                self.session.handle, size_px, depth=rt.DEPTH in self.runtime.extensions, make_current=make_current
            )
            own.callback(self.pictures.close)
            self._eye_layer = EyeLayer(self.pictures)
            self._quad_layer = QuadLayer(self.session.handle, make_current)
            own.callback(self._quad_layer.close)
            self._masks = masks_of(self.runtime, self.session.handle)
            self._own = own.pop_all()
        self.notes += [*self.session.notes, *self.actions.refused]
        if not self.pictures.encoded:
            self.notes.append(f"{self.runtime.name} offers no sRGB pictures, so that colours look pale")
        self.scale = 1.0
        """Of the width and height that the runtime recommends, what is drawn."""
        self._head = Pose()
        self._framebuffers: tuple[int, int] | None = None
        self._located = False
        """Whether the eyes of this frame have a place, and so a picture."""
        self._quad: object | None = None
        self._person = Person()
        self._patience_s = PATIENCE_S
        self._turned_s = self._located_s = 0.0
        self.late_ms: float | None = None
        """From locating the eyes to handing the picture over, of the last frame; None where it had none."""

    @property
    def name(self) -> str:
        """The headset and its runtime, for people."""
        return f"{self.runtime.headset} ({self.runtime.name})"

    def begin(self) -> Turn | None:
        """The next frame, or None where the headset wants none now (asleep, taken off, or not answering)."""
        session = self.session
        late = session.wait.hangs
        if late and not session.turn(0.0):
            return None  # while a runtime hangs every call does, xrPollEvent too
        session.poll()
        if session.over is not None:
            raise OpenXrError(session.over)
        if not session.running or not (late or session.turn(self._patience_s)):
            return None
        self._turned_s = time.perf_counter()
        session.begin()
        if session.profiles_changed:
            session.profiles_changed = False
            self.actions.profiles_changed()
        if session.masks_changed:
            session.masks_changed = False
            self._masks = masks_of(self.runtime, session.handle)
        said = self.actions.sync(session.space, session.time_ns)
        head = session.head()
        self._head = head or self._head
        tracked = Tracked(self._head, said.gaze, said.hands, head is not None, session.room, said.words)
        return Turn(said, tracked, session.should_render)

    def views(self, person: Person) -> tuple[View, ...]:
        """Both eyes, located now; none where the compositor holds every picture or nothing was ever located."""
        self._framebuffers = self.pictures.acquire()
        if self._framebuffers is None:
            return ()
        self._person = person
        self._located_s = time.perf_counter()
        eyes = self.session.eyes()
        self._located = eyes is not None
        if eyes is None:
            return ()
        world = world_from_room(person)
        width, height = self.size_px
        return tuple(
            View(
                world @ eye.eye_room.matrix(),
                eye.fov,
                framebuffer,
                (0, 0, width, height),
                depth=self.pictures.depth is not None,
                mask=mask,
            )
            for eye, framebuffer, mask in zip(eyes, self._framebuffers, self._masks)
        )

    @property
    def size_px(self) -> tuple[int, int]:
        """What of an eye's picture is drawn now."""
        return size_at(self.scale, self.pictures.size_px)

    @property
    def left_picture(self) -> int | None:
        """Framebuffer of the left eye while a frame is drawn; None where there is none."""
        return self._framebuffers[0] if self._framebuffers is not None else None

    def show_quad(self, quad: Quad) -> bool:
        """Put it among this frame's layers; False where the runtime takes none."""
        room_from_quad = inverse_rigid(world_from_room(self._person)) @ quad.world_from_quad
        self._quad = self._quad_layer.filled(quad, room_from_quad, self.session.space)
        return self._quad is not None

    def end(self, drawn: bool) -> None:
        """Hand over what was drawn, or nothing."""
        size_px, layers = self.size_px, []
        pictured, self._located = self._located, False
        if self._framebuffers is not None:
            self._framebuffers = None
            self.pictures.release()
        if drawn and pictured:
            layers = [self._eye_layer.filled(self.session.located, self.session.space, size_px)]
            if self._quad is not None:
                layers.append(self._quad)
        self._quad = None
        self.session.end(layers)
        ended_s = time.perf_counter()
        self.late_ms = (ended_s - self._located_s) * 1e3 if layers else None
        self._patience_s = PATIENCE_S + 2.0 * (ended_s - self._turned_s)

    def pulse(self, pulse: Pulse) -> None:
        self.actions.pulse(pulse)

    def close(self, patience_s: float = _EXIT_S) -> bool:
        """Take leave as the runtime wants it, for at most a second, and free everything.

        False where the runtime still hangs after `patience_s`: nothing can be given back to it without hanging
        too. Until that is done no other headset can be had (a process has one instance), so ask again.
        """
        # Who is interrupted (Ctrl+C) mostly waits for a turn: it comes within a frame, unless the runtime hangs.
        with suppress(OpenXrError):  # a turn that is refused has come as well
            if self.session.wait.hangs:
                if not self.session.turn(patience_s):
                    return False
                self.session.begin()
        with suppress(OpenXrError):
            self.session.end([])
            self._leave()
        with suppress(OpenXrError):
            if self.session.wait.hangs and not self.session.turn(patience_s):
                return False
        self._make_current()
        self._own.close()
        return True

    def _leave(self) -> None:
        session = self.session
        if not session.running or session.over is not None:
            return
        session.ask_to_exit()
        deadline_s = time.monotonic() + _EXIT_S
        while session.over is None and time.monotonic() < deadline_s:
            session.poll()
            if session.running and session.turn(0.1):
                session.begin()
                session.end([])
            else:
                time.sleep(0.005)

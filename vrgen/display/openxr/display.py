"""The headset where one answers, the desktop where none does: one display, one world, and no restart in between.

The desktop's GL context draws for both. While the world is on the desktop, a `Watch` looks out for a headset;
when one answers, a `Headset` is made and the frames are its own, with the window as a mirror. When any call to it
fails, it is given up and the next frame is the desktop's again.
"""

import time

from vrgen.clock import Clock
from vrgen.display.headless import HeadlessDisplay
from vrgen.display.interface import Display, Frame
from vrgen.display.openxr.guard import HUNG_S, Guard
from vrgen.display.openxr.headset import Headset, Turn
from vrgen.display.openxr.mirror import Mirror
from vrgen.display.openxr.session import Posture
from vrgen.display.openxr.troubles import Seen, Troubles
from vrgen.display.openxr.watch import Watch
from vrgen.display.target import Reading
from vrgen.display.window import WindowDisplay
from vrgen.errors import DisplayError, GraphicsError
from vrgen.messages import Action, Controls, Person, Pulse, Quad, View

INSIST_S = 20.0
"""How long `--display openxr` waits for the first answer."""
_MAKING_S = 10.0
"""A runtime may take longer than a frame's calls to make a session."""
_AGAIN_S = 3.0
"""After a headset that answered could not be used."""
_STUCK_S = 30.0
"""A runtime that is restarted and still has not let a turn go, will not."""
_STUCK = "the headset's runtime still hangs; restart vrgen to use the headset again"
_ENDED_THERE = (
    "the session was ended in the headset; switch the headset off and on, or restart its runtime, to come back"
)
_NOTE_EVERY_S = 0.5
_OTHER_RATE = 0.05
"""Of a rate; predictions of it vary by less."""


class OpenXrDisplay(Display):
    """A world on a headset, with the desktop to fall back to."""

    kind = "openxr"

    def __init__(
        self,
        flat: WindowDisplay | HeadlessDisplay,
        *,
        insist: bool = False,
        posture: Posture = "standing",
        clock: Clock | None = None,
    ) -> None:
        """`flat`: the desktop's display, not open yet, with the same `clock`. `insist`: fail where no headset
        is."""
        super().__init__(clock)
        self._flat = flat
        self._insist = insist
        self._posture: Posture = posture
        self._watch = Watch()
        self._headset: Headset | None = None
        self._had = False
        """There was one in this run: that there is none now is a loss."""
        self._hung: Headset | None = None
        """One that was given up while its runtime hung, and has not been closed yet."""
        self._hung_since_s = 0.0
        self._turn: Turn | None = None
        """Of the frame that is open, where it is the headset's."""
        self._rooms = 0
        self._left: View | None = None
        self._quad: Quad | None = None
        self._begun_s = 0.0
        self._lost_by = ""
        """Why the last headset was given up."""
        self._guard = Guard(lambda: self._headset is not None and self._headset.session.wait.hangs)
        self._gone_first = False
        """The person ended the session from the headset: wait until it has been away before it is used again."""
        self._mirror: Mirror | None = None
        self._troubles = Troubles()
        self._noted_s = 0.0

    # --- hooks ----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._flat.__enter__()
        try:
            if self._insist:
                _wait_for_headset()
                self._connect()
            self._shows_flat("no headset has answered yet")
        except BaseException:
            self._watch.stop()
            self._drop()
            self._guard.close()
            self._flat.close()
            raise
        self.changes, self.gl = 0, self._flat.gl

    def _close(self) -> None:
        self._watch.stop()
        self._drop()
        self._guard.close()
        if self._mirror is not None:
            self._mirror.close()
        self._flat.close()

    def _begin_frame(self) -> Frame:
        self._turn = self.late_ms = None
        if self._headset is None:
            self._look_out()
        if self._headset is not None:
            try:
                with self._guard.within(HUNG_S):
                    self._turn = self._headset.begin()
            except DisplayError as error:
                self._lose(error)
            self._flat._make_current()
        self._note_troubles()
        if self._turn is None:
            if self.kind == "openxr":
                self._shows_flat(self._lost_by or self._away())
            self._flat.captured = self.captured
            frame = self._flat._begin_frame()
            self._last_s, self.size_px, self.scale = self._flat._last_s, self._flat.size_px, self._flat.scale
            return Frame(self, frame.controls, frame.should_render)
        assert self._headset is not None
        rate_hz = self._headset.session.refresh_hz
        if self.kind != "openxr":
            self._shows_headset(f"{self._headset.name} answers")
        elif abs(rate_hz - self.refresh_hz) > _OTHER_RATE * self.refresh_hz:
            self._shows_headset(f"{self._headset.name} has changed to {rate_hz:.0f} Hz")
        self._begun_s = time.perf_counter()
        return Frame(self, self._controls(self._turn), self._turn.should_render)

    def _controls(self, turn: Turn) -> Controls:
        """What the desktop's devices and the headset's say together."""
        self._flat.captured = self.captured
        desk, said = self._flat._read(), turn.said
        return Controls(  # by hand: `replace` takes three times as long
            desk.time_s,
            desk.dt_s,
            desk.held | said.held,
            (*desk.pressed, *said.pressed),
            desk.typed,
            None,
            desk.look_px,
            desk.drag_px,
            desk.scroll,
            {**desk.axes, **said.axes},
            desk.dropped,
            desk.closing,
            turn.tracked,
        )

    def _locate_views(self, person: Person) -> tuple[View, ...]:
        if self._turn is None or self._headset is None:
            return self._flat._locate_views(person)
        try:
            self._headset.scale = self.scale_of_views
            with self._guard.within(HUNG_S):
                views = self._headset.views(person)
        except DisplayError as error:
            self._lose(error)
            return ()
        self._flat._make_current()
        self._left = views[0] if views else None
        return views

    def _end_frame(self, drawn: bool) -> None:
        if self._turn is None:
            self._flat._end_frame(drawn)
            self.held_s = self._flat.held_s
            return
        self._turn, self.held_s = None, 0.0
        if self._headset is None:  # lost while it was being drawn
            return
        mirrored = drawn and self._left is not None and self._show_mirror(self._left)
        self._left = self._quad = None
        try:
            with self._guard.within(HUNG_S):
                self._headset.end(drawn)
        except DisplayError as error:
            self._lose(error)
            return
        self._flat._make_current()
        self.late_ms = self._headset.late_ms
        if mirrored:
            self._flat._present()

    def _begin_reading(self) -> Reading:
        return self._flat._begin_reading()

    def _apply(self, action: Action) -> None:
        self._flat._apply(action)

    def _pulse(self, pulse: Pulse) -> None:
        if self._headset is not None and self.kind == "openxr":
            try:
                with self._guard.within(HUNG_S):
                    self._headset.pulse(pulse)
            except DisplayError as error:
                self._lose(error)

    def _show_quad(self, quad: Quad) -> bool:
        if self._turn is None or self._headset is None:
            return False
        try:
            with self._guard.within(HUNG_S):
                shown = self._headset.show_quad(quad)
        except DisplayError as error:
            self._lose(error)
            return False
        self._quad = quad if shown else None
        return shown

    # --- the mirror -----------------------------------------------------------------------------------------

    def _show_mirror(self, view: View) -> bool:
        """Draw the desktop's copy of the left eye, if it is time for one; it is presented after the headset's."""
        if self._mirror is None:
            self._mirror = Mirror()
        target = self._flat._picture()
        if target is None or not self._mirror.due(self._begun_s):
            return False
        self._mirror.draw(view, self._quad, *target)
        return True

    # --- gaining and losing -----------------------------------------------------------------------------------

    def _look_out(self) -> None:
        """Use a headset that has come; say what keeps one away."""
        if self._hung is not None:
            with self._guard.within(HUNG_S):
                given_back = self._hung.close(patience_s=0.0)
            self._flat._make_current()
            if not given_back:
                if time.monotonic() - self._hung_since_s > _STUCK_S:
                    self.notes = (_STUCK,)
                return
            self._hung = None
        seen = self._watch.look()
        if seen is None:
            return
        if not seen.ready:
            self._gone_first = False
            none = (f"no headset: {seen.problem}",)
            self.info, self.notes = ((), none) if self._had or seen.broken else (none, ())
        elif not self._gone_first:
            self._watch.stop()
            self._take()

    def _take(self) -> None:
        try:
            self._connect()
        except (DisplayError, GraphicsError) as error:
            self.notes = (f"no headset: {error}",)
            self._watch.pause(_AGAIN_S)

    def _connect(self) -> None:
        """Raises DisplayError, GraphicsError: the headset that answers can't be used."""
        self._guard.hung = False
        with self._guard.within(_MAKING_S):
            self._headset = Headset(self._posture, self._rooms, self._flat._make_current)
        self._had = True
        self.info, self.notes, self._troubles = (), tuple(self._headset.notes), Troubles()

    def _note_troubles(self) -> None:
        """Now and then: what is the matter with the headset that is there."""
        now_s = time.monotonic()
        if self._headset is None or now_s < self._noted_s + _NOTE_EVERY_S:
            return
        self._noted_s = now_s
        tracked = self._turn.tracked if self._turn is not None else None
        self._troubles = self._troubles.after(Seen(self._headset.session.state, tracked), now_s)
        self.notes = (*self._headset.notes, *self._troubles.notes)

    def _lose(self, error: DisplayError) -> None:
        """Give the headset up and look out for it anew."""
        self._gone_first = self._headset is not None and self._headset.session.state == "EXITING"
        self._drop()
        self._lost_by = str(error)
        self.notes = (_ENDED_THERE if self._gone_first else f"headset lost: {error}",)

    def _drop(self) -> None:
        headset, self._headset = self._headset, None
        if headset is not None:
            self._rooms = headset.session.room
            with self._guard.within(HUNG_S):
                given_back = headset.close()
            if not given_back:
                self._hung, self._hung_since_s = headset, time.monotonic()
            self._flat._make_current()

    def _shows_headset(self, why: str) -> None:
        assert self._headset is not None
        self.kind, self.runtime, self.view_count = "openxr", self._headset.runtime.name, 2
        self.refresh_hz = self._headset.session.refresh_hz
        self.size_px = (2 * self._headset.size_px[0], self._headset.size_px[1])
        self.scale = max(self._headset.size_px[1] / 1080, 0.5)
        self.why = why
        self.scales_views = True
        self.changes += 1
        self._lost_by = ""
        self._flat._hold_back(False)

    def _away(self) -> str:
        """Why a headset that is there has no frame for us."""
        if self._headset is not None and self._headset.session.wait.hangs:
            return "the headset's runtime does not answer"
        return "the headset wants no picture"

    def _shows_flat(self, why: str) -> None:
        self.kind, self.runtime, self.view_count = self._flat.kind, None, self._flat.view_count
        self.refresh_hz, self.size_px, self.scale = self._flat.refresh_hz, self._flat.size_px, self._flat.scale
        self.why = why
        self.scales_views = False
        self.changes += 1
        self._flat._hold_back(True)


def _wait_for_headset() -> None:
    """Who insists wants the runtime started, once: when the person has closed it, it stays closed.

    Raises DisplayError: none has answered.
    """
    deadline_s = time.monotonic() + INSIST_S
    problem = f"the OpenXR runtime has not answered for {INSIST_S:.0f} s"
    watch = Watch(may_start=True)
    try:
        while time.monotonic() < deadline_s:
            seen = watch.look()
            if seen is not None:
                if seen.ready:
                    return
                problem = seen.problem
                break
            time.sleep(0.02)
    finally:
        watch.stop()
    raise DisplayError(f"{problem}; or use --display auto, which starts on the desktop and moves up later")

"""One session with a headset, from IDLE to its end: the runtime's events, and a frame as a list of verbs.

    session.poll(); session.turn(0.5) and session.begin(); session.head(); eyes = session.eyes(); …;
    session.end(layers)

A failed call raises `OpenXrError`, whatever it was: the session is of no more use then, and `close` ends it.
"""

import ctypes
import struct
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Literal

from vrgen.display.openxr import runtime as rt
from vrgen.display.openxr.api import OpenXrError, ask, call, extension, load, plain
from vrgen.display.openxr.frame_wait import FrameWait
from vrgen.display.openxr.runtime import Runtime
from vrgen.display.openxr.tracking import Position
from vrgen.geometry import Fov, Pose

Posture = Literal["standing", "seated"]
EYE_M = 1.6
"""Of the eyes over the floor, where the runtime knows no floor."""
PREFERRED_HZ = 90.0
_MOST_LAYERS = 16
"""XR_MIN_COMPOSITION_LAYERS_SUPPORTED."""
_POSE_AND_FOV = struct.Struct("<11f")
"""Of an XrView, from its byte 16 on; an XrSpaceLocation has its flags there, and its pose behind them."""
_POSE = struct.Struct("<7f")
_VALID, _POSITION_TRACKED = 0b0011, 0b1000
"""Bits of XrSpaceLocationFlags; the first for position and orientation (as in XrViewStateFlags)."""


@dataclass(frozen=True, slots=True)
class Eye:
    """Where an eye is in the room, and what it sees."""

    eye_room: Pose
    fov: Fov


class Session:
    """Owner of an XrSession, its spaces and its turns. `rooms`: how many rooms there were before."""

    def __init__(self, runtime: Runtime, binding: Any, posture: Posture, rooms: int = 0) -> None:
        """Raises OpenXrError: the runtime refuses."""
        self._xr = xr = load()
        self._raw = xr.raw_functions
        self.runtime = runtime
        self.state = "UNKNOWN"
        self.running = False
        """Whether frames are due (between xrBeginSession and xrEndSession)."""
        self.over: str | None = None
        """Why there will be no more frames in this session."""
        self.profiles_changed = self.masks_changed = False
        self.room = rooms + 1
        self.notes: list[str] = []
        self.refresh_hz = PREFERRED_HZ
        """Of the headset, also while the runtime asks for fewer pictures because those come late."""
        self._seen_hz = 0.0
        self._next_room_ns: int | None = None
        self._begun = False
        self._position = Position()
        self._above: tuple[Any, Any] | None = None
        """LOCAL and STAGE, where the floor is sought with them."""
        self._floor_is_due = False
        self._make_structures()
        with ExitStack() as undo:
            info = xr.SessionCreateInfo(system_id=runtime.system_id, next=binding)
            self.handle = xr.Session()
            call(self._raw.xrCreateSession, runtime.instance, ctypes.byref(info), ctypes.byref(self.handle))
            self.handle.instance = runtime.instance
            undo.callback(self._raw.xrDestroySession, self.handle)
            self.view_space = self._space(xr.ReferenceSpaceType.VIEW)
            self.space = self._room_space(posture)
            self.wait = FrameWait(self.handle)
            undo.pop_all()

    def _make_structures(self) -> None:
        """What every frame's calls fill, made once."""
        xr = self._xr
        self._event = xr.EventDataBuffer()
        self._event_type = int(self._event._type)
        self._states = {int(state): state.name for state in xr.SessionState}
        self._location = xr.SpaceLocation()
        self._found = (xr.View * 2)(xr.View(), xr.View())
        self._views: Any = None
        self._view_state = xr.ViewState()
        self._locate = xr.ViewLocateInfo(xr.ViewConfigurationType.PRIMARY_STEREO, 0, None)
        self._count = ctypes.c_uint32()
        self._end = xr.FrameEndInfo(environment_blend_mode=self.runtime.blend_mode)
        self._layers = (ctypes.c_void_p * _MOST_LAYERS)()
        header = ctypes.POINTER(xr.CompositionLayerBaseHeader)
        self._end._layers = ctypes.cast(self._layers, ctypes.POINTER(header))
        raw = self._raw
        self._poll_event, self._begin_frame, self._end_frame, self._locate_space, self._locate_views = map(
            plain, (raw.xrPollEvent, raw.xrBeginFrame, raw.xrEndFrame, raw.xrLocateSpace, raw.xrLocateViews)
        )

    # --- spaces ---------------------------------------------------------------------------------------------

    def _room_space(self, posture: Posture) -> Any:
        """The room's floor: of the runtime where it knows one, or below where the person began."""
        kinds = self._xr.ReferenceSpaceType
        offered = set(ask(self._xr.enumerate_reference_spaces, self.handle))
        if not self._has_local_floor:
            offered.discard(kinds.LOCAL_FLOOR)
        # A seated person's room turns with the runtime's recentring, which moves no STAGE.
        floors = (kinds.LOCAL_FLOOR,) if posture == "seated" else (kinds.STAGE, kinds.LOCAL_FLOOR)
        for kind in floors:
            if kind in offered:
                self._space_kind = int(kind)
                return self._space(kind)
        self._space_kind = int(kinds.LOCAL)
        if kinds.STAGE in offered:
            self._above = self._space(kinds.LOCAL), self._space(kinds.STAGE)
            self._floor_is_due = True  # it can be asked for with the first frame, which has a time
        else:
            self.notes.append(
                f"{self.runtime.name} knows no floor, so it is taken {EYE_M} m below where the headset began; "
                "set up the room in the runtime"
            )
        return self._space(kinds.LOCAL, Pose((0.0, -EYE_M, 0.0)))

    def _find_floor(self) -> None:
        """Put the room's floor at the height of STAGE's, as far below LOCAL as that is now."""
        assert self._above is not None
        local = self._located(*self._above, self.time_ns)
        if local is None:
            return
        before = self.space
        self.space = self._space(self._xr.ReferenceSpaceType.LOCAL, Pose((0.0, -local.position[1], 0.0)))
        self._raw.xrDestroySpace(before)
        self._floor_is_due = False
        self.room += 1

    @property
    def _has_local_floor(self) -> bool:
        return self.runtime.version >= (1, 1) or rt.LOCAL_FLOOR in self.runtime.extensions

    def _space(self, kind: Any, origin: Pose | None = None) -> Any:
        """A reference space, with its origin at `origin` of the runtime's own."""
        xr = self._xr
        info = xr.ReferenceSpaceCreateInfo(
            reference_space_type=kind, pose_in_reference_space=_posef(origin or Pose())
        )
        space = xr.Space()
        call(self._raw.xrCreateReferenceSpace, self.handle, ctypes.byref(info), ctypes.byref(space))
        return space

    # --- events ---------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Take what the runtime says; begin and end the session as it asks."""
        kinds = self._xr.StructureType
        while True:
            self._event._type, self._event._next = self._event_type, None
            if call(self._poll_event, self.runtime.instance, ctypes.byref(self._event)) != 0:
                return
            kind = int(self._event._type)
            if kind == kinds.EVENT_DATA_SESSION_STATE_CHANGED:
                said = self._event_as(self._xr.EventDataSessionStateChanged)
                self._became(self._states.get(int(said._state), f"state {int(said._state)}"))
            elif kind == kinds.EVENT_DATA_INSTANCE_LOSS_PENDING:
                self.over = "the OpenXR runtime is stopping"
            elif kind == kinds.EVENT_DATA_REFERENCE_SPACE_CHANGE_PENDING:
                change = self._event_as(self._xr.EventDataReferenceSpaceChangePending)
                if int(change._reference_space_type) == self._space_kind:
                    self._next_room_ns = int(change.change_time)
            elif kind == kinds.EVENT_DATA_INTERACTION_PROFILE_CHANGED:
                self.profiles_changed = True
            elif kind == kinds.EVENT_DATA_EVENTS_LOST:  # whatever they said can be asked again
                self.profiles_changed = self.masks_changed = True
            elif kind == kinds.EVENT_DATA_DISPLAY_REFRESH_RATE_CHANGED_FB:
                self._seen_hz = 0.0
            elif kind == kinds.EVENT_DATA_VISIBILITY_MASK_CHANGED_KHR:
                self.masks_changed = True

    def _event_as(self, kind: Any) -> Any:
        return ctypes.cast(ctypes.byref(self._event), ctypes.POINTER(kind)).contents

    def _became(self, state: str) -> None:
        self.state = state
        if state == "READY":
            info = self._xr.SessionBeginInfo(self._xr.ViewConfigurationType.PRIMARY_STEREO)
            call(self._raw.xrBeginSession, self.handle, ctypes.byref(info))
            self.running = True
            self._choose_rate()
        elif state == "STOPPING":
            self.running = False
            call(self._raw.xrEndSession, self.handle)
            self.wait.run_ended()
        elif state == "EXITING":
            self.over = "the headset's runtime ended the session"
        elif state == "LOSS_PENDING":
            self.over = "the headset's session was lost"

    def _choose_rate(self) -> None:
        """The headset's rate nearest to what vrgen is made for, where it can be chosen
        (XR_FB_display_refresh_rate)."""
        with suppress(OpenXrError):  # a wish; the runtime's own rate is as good
            rates = refresh_rates(self.runtime, self.handle)
            if not rates:
                return
            rate = min(rates, key=lambda hz: abs(hz - PREFERRED_HZ))
            call(
                extension(self.runtime.instance, "xrRequestDisplayRefreshRateFB"),
                self.handle,
                ctypes.c_float(rate),
            )
            self.refresh_hz = rate

    # --- a frame --------------------------------------------------------------------------------------------

    def turn(self, timeout_s: float) -> bool:
        """Wait until the next frame is due; False where the runtime has not said so in time."""
        return self.wait.turn(timeout_s)

    def begin(self) -> None:
        """The frame begins; one that an earlier turn left open is discarded by the runtime, which is no error."""
        call(self._begin_frame, self.handle, None)
        self._begun = True
        period_ns = int(self.wait.state.predicted_display_period)
        if 1_000_000 < period_ns < 200_000_000:
            # A runtime doubles the period for a program that is slow; measured by that, the program would be quick
            # enough and draw still more.
            self.refresh_hz = self._seen_hz = max(self._seen_hz, 1e9 / period_ns)
        if self._next_room_ns is not None and self.time_ns >= self._next_room_ns:
            self._next_room_ns = None
            self.room += 1
            self._floor_is_due = self._above is not None
        if self._floor_is_due:
            self._find_floor()

    @property
    def time_ns(self) -> int:
        """When this frame's picture is seen, on the runtime's clock."""
        return int(self.wait.state.predicted_display_time)

    @property
    def should_render(self) -> bool:
        return bool(self.wait.state.should_render)

    def head(self) -> Pose | None:
        """Where the head will be, in the room; None while tracking is lost, also where the runtime still
        guesses."""
        pose = self._located(self.view_space, self.space, self.time_ns)
        tracked = bool(int(self._location._location_flags) & _POSITION_TRACKED)
        self._position = self._position.after(tracked, self.time_ns)
        return None if self._position.lost else pose

    def _located(self, space: Any, base: Any, time_ns: int) -> Pose | None:
        location = self._location
        call(self._locate_space, space, base, time_ns, ctypes.byref(location))
        if int(location._location_flags) & _VALID != _VALID:
            return None
        return _pose(*_POSE.unpack_from(location, 24))

    def eyes(self) -> tuple[Eye, Eye] | None:
        """Both eyes in the room, as late as this is asked; while tracking is lost, where they were last (or
        None)."""
        self._locate.display_time, self._locate.space = self.time_ns, self.space
        call(
            self._locate_views,
            self.handle,
            ctypes.byref(self._locate),
            ctypes.byref(self._view_state),
            2,
            ctypes.byref(self._count),
            self._found,
        )
        if int(self._view_state._view_state_flags) & _VALID == _VALID:
            self._views = type(self._found).from_buffer_copy(self._found)
        if self._views is None:
            return None
        left, right = (_eye(*_POSE_AND_FOV.unpack_from(view, 16)) for view in self._views)
        return left, right

    @property
    def located(self) -> Any:
        """The two XrView of the last `eyes`: a projection layer repeats them to the bit."""
        return self._views

    def end(self, layers: list[Any]) -> None:
        """The frame ends, with those layers (structures that live on), or with none. Harmless if none has
        begun."""
        if not self._begun:
            return
        self._begun = False
        for place, layer in enumerate(layers):
            self._layers[place] = ctypes.addressof(layer)
        self._end.display_time = self.time_ns
        self._end.layer_count = len(layers)
        call(self._end_frame, self.handle, ctypes.byref(self._end))

    # --- the end --------------------------------------------------------------------------------------------

    def ask_to_exit(self) -> None:
        """Ask the runtime to take the session down in order; `poll` then hears STOPPING and EXITING."""
        call(self._raw.xrRequestExitSession, self.handle)

    def close(self) -> None:
        """Destroy the session, whatever state it is in. One whose runtime hangs is left to the process's end."""
        if self.wait.close():
            for space in (self.space, self.view_space, *(self._above or ())):
                self._raw.xrDestroySpace(space)
            self._raw.xrDestroySession(self.handle)


def refresh_rates(runtime: Runtime, session: Any) -> tuple[float, ...]:
    """The rates that a program may ask for; none where the runtime does not tell (XR_FB_display_refresh_rate)."""
    if rt.RATE not in runtime.extensions:
        return ()
    count = ctypes.c_uint32()
    ask = extension(runtime.instance, "xrEnumerateDisplayRefreshRatesFB")
    call(ask, session, 0, ctypes.byref(count), None)
    rates = (ctypes.c_float * count.value)()
    call(ask, session, count, ctypes.byref(count), rates)
    return tuple(rates)


def _pose(qx: float, qy: float, qz: float, qw: float, x: float, y: float, z: float) -> Pose:
    """An XrPosef's numbers in their order."""
    return Pose((x, y, z), (qx, qy, qz, qw))


def _eye(*numbers: float) -> Eye:
    """An XrPosef's and an XrFovf's numbers in their order."""
    return Eye(_pose(*numbers[:7]), Fov(*numbers[7:]))


def _posef(pose: Pose) -> Any:
    xr = load()
    return xr.Posef(xr.Quaternionf(*pose.rotation), xr.Vector3f(*pose.position))

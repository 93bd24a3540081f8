"""What the controllers, bare hands and eyes say each frame, and what the hands feel.

One action set for the instance, attached to each session. The structures that calls fill are made once, so that a
sync with all states and places takes a small part of a millisecond.
"""

import ctypes
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from vrgen.display.openxr import hands
from vrgen.display.openxr.action_set import LOST, PREFIX, ActionSet
from vrgen.display.openxr.api import OpenXrError, call, failure, load, name_of
from vrgen.display.openxr.hand_tracker import HAND_TRACKING, HandTracker, has_hand_tracking
from vrgen.display.openxr.labels import labels_of
from vrgen.display.openxr.presses import Buttons, Presses
from vrgen.display.openxr.profiles import ACTIONS, BARE, PROFILES, SIDES, Kind, Profile, profile_of, words_of
from vrgen.geometry import Array, Pose
from vrgen.messages import Hand, Pulse, Side

EXTENSIONS: tuple[str, ...] = (
    *dict.fromkeys(profile.extension for profile in PROFILES if profile.extension),
    HAND_TRACKING,
)
"""What is used where the runtime has it; none is needed."""

_LOCATION = struct.Struct("<Q7f")
"""Flags and pose of an XrSpaceLocation, from its byte 16 on."""
_VALID = 3
"""Orientation and position are valid (XrSpaceLocationFlags)."""
_NOT_FOCUSED = 8
"""XR_SESSION_NOT_FOCUSED: another program, or the runtime's own menu, has the controls."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was said by the last sync; poses are in the base space."""

    held: frozenset[str] = frozenset()
    """Of HAND_BUTTONS."""
    pressed: tuple[str, ...] = ()
    """Went down since the sync before, in order."""
    axes: dict[str, float] = field(default_factory=dict)
    """Of HAND_AXES; raw, without a dead zone."""
    hands: tuple[Hand, Hand] = (Hand("left"), Hand("right"))
    gaze: Pose | None = None
    words: tuple[tuple[str, str], ...] = ()
    """`profiles.words_of` the controllers that are on."""
    focused: bool = False
    """False: the controls belong to somebody else now, so nothing is held and no hand is seen."""


@dataclass(frozen=True, slots=True)
class _Source:
    """One action, for one hand where it is sided, with the memory that its call fills."""

    name: str
    info: Any
    state: Any
    arguments: tuple[int, int]
    """Addresses of both."""


class Actions:
    """Owner of the action set; `attach` it to each session. Closed before the instance is.

    `extensions` and `version`: those that the instance was made with. `profiles`: the controllers to speak of.
    A context manager.
    """

    def __init__(
        self,
        instance: Any,
        extensions: frozenset[str],
        version: tuple[int, int],
        profiles: Sequence[Profile] = PROFILES,
    ) -> None:
        """Raises OpenXrError: the runtime refuses the set itself (profiles that it refuses are in `refused`)."""
        self._xr = load()
        self._instance = instance
        self._extensions = extensions
        known = [each for each in profiles if each.works_with(extensions, version)]
        self._set = ActionSet(instance, extensions, known)
        self.refused = self._set.refused
        """What the runtime did not take or could not do, one sentence each; the rest works."""
        self._session: Any = None
        self._presses = Presses()
        self._functions: dict[str, Callable[..., int]] = {}
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    # --- the calls ----------------------------------------------------------------------------------------------

    def _function(self, name: str, *kinds: Any) -> Callable[..., int]:
        """A function of the runtime that takes addresses and returns a number: half the cost of pyopenxr's own,
        whose results are enumerations."""
        pointer = self._xr.PFN_xrVoidFunction()
        call(self._xr.raw_functions.xrGetInstanceProcAddr, self._instance, name.encode(), ctypes.byref(pointer))
        address = _address(pointer)
        made: Callable[..., int] = ctypes.CFUNCTYPE(ctypes.c_int32, *kinds)(address)
        return made

    def _prepare(self) -> None:
        """The memory of all calls, and the calls."""
        xr = self._xr
        pointer = ctypes.c_void_p
        for name, count in {
            "xrSyncActions": 2,
            "xrGetActionStateBoolean": 3,
            "xrGetActionStateFloat": 3,
            "xrGetActionStateVector2f": 3,
            "xrApplyHapticFeedback": 3,
        }.items():
            self._functions[name] = self._function(name, *[pointer] * count)
        self._functions["xrLocateSpace"] = self._function(
            "xrLocateSpace", pointer, pointer, ctypes.c_int64, pointer
        )
        self._active = xr.ActiveActionSet(self._set.handle, 0)
        self._sync_info = xr.ActionsSyncInfo(1, ctypes.pointer(self._active))
        self._sync_address = ctypes.addressof(self._sync_info)
        states = {
            Kind.CLICK: xr.ActionStateBoolean,
            Kind.VALUE: xr.ActionStateFloat,
            Kind.STICK: xr.ActionStateVector2f,
        }
        self._sources: dict[Kind, list[_Source]] = {kind: [] for kind in states}
        for name, action in ACTIONS.items():
            if action.kind in states:
                for side in SIDES if action.sided else ("hand",):
                    info = xr.ActionStateGetInfo(self._set.actions[name], self._set.subaction(name, side))
                    state = states[action.kind]()
                    addresses = (ctypes.addressof(info), ctypes.addressof(state))
                    self._sources[action.kind].append(_Source(f"{side}.{name}", info, state, addresses))

    # --- a session ----------------------------------------------------------------------------------------------

    def attach(self, session: Any, system_id: Any) -> None:
        """Belong to a session from now on; once each session, before its first sync.

        Raises:
            OpenXrError: the session is lost, or had other action sets attached before.
        """
        self.detach()
        xr = self._xr
        sets = (xr.ActionSet * 1)(self._set.handle)
        info = xr.SessionActionSetsAttachInfo(action_sets=sets)
        call(xr.raw_functions.xrAttachSessionActionSets, session, ctypes.byref(info))
        self._session = session
        self._session_address = _address(session)
        self._places: dict[str, tuple[Any, int]] = {}
        self._trackers: dict[Side, HandTracker] = {}
        self._bare = {side: hands.BareHand(side) for side in SIDES}
        self._location = xr.SpaceLocation()
        self._location_address = ctypes.addressof(self._location)
        self._profiles: dict[Side, str] = dict.fromkeys(SIDES, "")
        self._profiles_are_old = True
        self._used: dict[Side, Profile | None] = dict.fromkeys(SIDES)
        self._told_of: tuple[Profile | None, Profile | None] = (None, None)
        self._words: tuple[tuple[str, str], ...] = ()
        self._presses.release()
        for name, action in ACTIONS.items():
            if action.kind is Kind.POSE and name in self._set.actions:
                for side in SIDES if action.sided else ("hand",):
                    self._places[f"{side}.{name}"] = self._place(name, side)
        if HAND_TRACKING in self._extensions:
            with self._going_without("bare hands are not seen"):
                if has_hand_tracking(self._instance, system_id):
                    self._trackers = {side: HandTracker(self._instance, session, side) for side in SIDES}

    @contextmanager
    def _going_without(self, what: str) -> Iterator[None]:
        """A failure of what is not needed is told in `refused`; the session goes on."""
        try:
            yield
        except OpenXrError as error:
            if error.result in LOST:
                raise
            self.refused += (f"{what}: {error}",)

    def _place(self, name: str, side: str) -> tuple[Any, int]:
        """The space of a pose action, and its handle as a number."""
        xr = self._xr
        info = xr.ActionSpaceCreateInfo(
            action=self._set.actions[name],
            subaction_path=self._set.subaction(name, side),
            pose_in_action_space=xr.Posef(),
        )
        space = xr.Space()
        call(xr.raw_functions.xrCreateActionSpace, self._session, ctypes.byref(info), ctypes.byref(space))
        return space, _address(space)

    def detach(self, abandon: bool = False) -> None:
        """Give back what belongs to the session, before it is destroyed; harmless without one.

        `abandon`: the runtime hangs and so would every call; what belongs to the session ends with the process.
        """
        if self._session is None:
            return
        self._session = None
        if not abandon:
            for tracker in self._trackers.values():
                tracker.close()
            # A session's spaces end with it, but the validation layer then keeps counting them as alive. One that
            # is lost refuses, and nothing else can be done.
            for space, _ in self._places.values():
                self._xr.raw_functions.xrDestroySpace(space)
        self._trackers.clear()
        self._places.clear()

    def profiles_changed(self) -> None:
        """The runtime says that a hand holds another controller (XrEventDataInteractionProfileChanged)."""
        self._profiles_are_old = True

    def sync(self, base_space: Any, time_ns: int) -> Said:
        """What is held, pressed and pushed now, and where the hands are in that space at `time_ns`.

        Raises:
            OpenXrError: the session or the instance is lost.
        """
        result = self._functions["xrSyncActions"](self._session_address, self._sync_address)
        if result < 0:
            raise failure("xrSyncActions", name_of(result))
        if result == _NOT_FOCUSED:
            self._presses.release()
            for bare in self._bare.values():
                bare.forget()
            return Said(words=self._words)
        if self._profiles_are_old:
            self._read_profiles()
        base = _address(base_space)
        said = self._read_states()
        both = tuple(self._hand(side, base, time_ns, said) for side in SIDES)
        self._presses.use(self._used["left"], self._used["right"])
        # A controller that is off has no trigger; one that is only out of sight has.
        on = (self._on("left", said), self._on("right", said))
        if on != self._told_of:
            self._told_of, self._words = on, words_of(*on)
        held, pressed, axes = self._presses.step(said, time_ns * 1e-9)
        gaze = self._located("hand.gaze", base, time_ns) if "hand.gaze" in self._places else None
        return Said(held, pressed, axes, (both[0], both[1]), gaze, self._words, True)

    def _on(self, side: Side, said: Buttons) -> Profile | None:
        return self._used[side] if f"{side}.pick" in said.values else None

    def _read_profiles(self) -> None:
        xr = self._xr
        self._profiles_are_old = False
        for side in SIDES:
            state = xr.InteractionProfileState()
            ask = xr.raw_functions.xrGetCurrentInteractionProfile
            call(ask, self._session, self._set.path(f"/user/hand/{side}"), ctypes.byref(state))
            self._profiles[side] = self._set.text(int(state.interaction_profile)).removeprefix(PREFIX)

    def _read_states(self) -> Buttons:
        session, sources = self._session_address, self._sources
        clicks: list[tuple[int, str]] = []
        ask = self._functions["xrGetActionStateBoolean"]
        for source in sources[Kind.CLICK]:
            if ask(session, *source.arguments) < 0:
                continue  # the session is lost, which the next sync says
            if source.state.current_state:
                clicks.append((source.state.last_change_time, source.name))
        clicks.sort()
        said = Buttons([name for _, name in clicks])
        ask = self._functions["xrGetActionStateFloat"]
        for source in sources[Kind.VALUE]:
            if ask(session, *source.arguments) < 0:
                continue  # the session is lost, which the next sync says
            if source.state.is_active:
                said.values[source.name] = source.state.current_state
        ask = self._functions["xrGetActionStateVector2f"]
        for source in sources[Kind.STICK]:
            if ask(session, *source.arguments) < 0:
                continue  # the session is lost, which the next sync says
            if source.state.is_active:
                state = source.state.current_state
                said.sticks[source.name] = (state.x, state.y)
        return said

    def _hand(self, side: Side, base: int, time_ns: int, said: Buttons) -> Hand:
        """Where a hand is; a bare one's pinch and fist are added to what was said."""
        path, bare = self._profiles[side], self._bare[side]
        profile = profile_of(path)
        grip = self._located(f"{side}.grip", base, time_ns)
        aim = self._located(f"{side}.aim", base, time_ns)
        holds = grip is not None and not (profile is not None and profile.bare)
        joints = None if holds else self._joints(side, base, time_ns)
        if joints is None:
            bare.forget()
            self._used[side] = profile
            model = profile.model if profile is not None else ""
            return Hand(side, grip, aim, path, model, labels_of(path, side))
        bare.see(joints, time_ns * 1e-9)
        if profile is None or not profile.bare:  # of a controller that was laid down the runtime still speaks
            path, profile = "", BARE
        self._used[side] = profile
        if f"{side}.pick" not in said.values:
            said.values[f"{side}.pick"] = float(bare.pinching)
            said.values[f"{side}.drag"] = float(bare.fist)
        places: Array = hands.places(joints)
        return Hand(side, grip or hands.grip(joints, side), aim or bare.aim, path, joints_room=places)

    def _joints(self, side: Side, base: int, time_ns: int) -> hands.Located | None:
        """The bare hand's joints, where there is a tracker and it sees them; one that fails is not asked again."""
        tracker = self._trackers.pop(side, None)
        joints = None
        if tracker is not None:
            with self._going_without(f"the bare {side} hand is not seen any more"):
                joints = tracker.locate(base, time_ns)
                self._trackers[side] = tracker
        return joints

    def _located(self, name: str, base: int, time_ns: int) -> Pose | None:
        ask = self._functions["xrLocateSpace"]
        if ask(self._places[name][1], base, time_ns, self._location_address) < 0:
            return None  # the session is lost, which the next sync says
        flags, qx, qy, qz, qw, x, y, z = _LOCATION.unpack_from(self._location, 16)
        if flags & _VALID != _VALID:
            return None
        return Pose((x, y, z), (qx, qy, qz, qw))

    def pulse(self, pulse: Pulse) -> None:
        """Let a hand feel it; where there is nothing to feel it with, nothing happens."""
        if self._session is None:
            return
        xr = self._xr
        info = xr.HapticActionInfo(self._set.actions["haptic"], self._set.subaction("haptic", pulse.side))
        felt = xr.HapticVibration(
            duration=int(pulse.seconds * 1e9),
            frequency=0.0,  # XR_FREQUENCY_UNSPECIFIED: the runtime knows its motors
            amplitude=min(max(pulse.strength, 0.0), 1.0),
        )
        # A pulse that is not felt is no failure, and a lost session is told by the next sync.
        self._functions["xrApplyHapticFeedback"](
            self._session_address, ctypes.addressof(info), ctypes.addressof(felt)
        )

    # --- its end ------------------------------------------------------------------------------------------------

    def close(self, abandon: bool = False) -> None:
        """Destroy the set with its actions; before the instance is destroyed. A second call does nothing.

        `abandon`: the runtime hangs, so nothing is given back to it.
        """
        self.detach(abandon)
        if not abandon:
            self._set.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _address(handle: Any) -> int:
    """A handle as a number."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0

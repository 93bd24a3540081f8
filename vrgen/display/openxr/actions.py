"""What the controllers, bare hands and eyes say each frame, and what the hands feel.

One action set for the instance, attached to each session. The structures that calls fill are made once, so that a
sync with all states and places takes a small part of a millisecond.
"""

import ctypes
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np

from vrgen.display.openxr import hands
from vrgen.display.openxr.api import OpenXrError, call, extension, failure, load, name_of
from vrgen.display.openxr.presses import Buttons, Presses
from vrgen.display.openxr.profiles import ACTIONS, BARE, EYES, PROFILES, SIDES, Kind, Profile, profile_of
from vrgen.geometry import Array, Pose
from vrgen.messages import Hand, Pulse, Side

HAND_TRACKING = "XR_EXT_hand_tracking"
EYE_GAZE = "XR_EXT_eye_gaze_interaction"
EXTENSIONS: tuple[str, ...] = (
    *dict.fromkeys(profile.extension for profile in PROFILES if profile.extension),
    HAND_TRACKING,
)
"""What is used where the runtime has it; none is needed."""

_PREFIX = "/interaction_profiles/"
_LOCATION = struct.Struct("<Q7f")
"""Flags and pose of an XrSpaceLocation, from its byte 16 on."""
_VALID = 3
"""Orientation and position are valid (XrSpaceLocationFlags)."""
LOST = ("ERROR_SESSION_LOST", "ERROR_INSTANCE_LOST", "ERROR_RUNTIME_UNAVAILABLE")
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

    `extensions` and `version`: those that the instance was made with. A context manager.
    """

    def __init__(self, instance: Any, extensions: frozenset[str], version: tuple[int, int]) -> None:
        """Raises OpenXrError: the runtime refuses the set itself (profiles that it refuses are in `refused`)."""
        self._xr = xr = load()
        self._instance = instance
        self._extensions = extensions
        self.refused: tuple[str, ...] = ()
        """Controllers whose bindings the runtime did not take, one sentence each."""
        self._functions: dict[str, Callable[..., int]] = {}
        self._paths: dict[str, int] = {}
        self._actions: dict[str, Any] = {}
        self._session: Any = None
        self._presses = Presses()
        self._set = xr.ActionSet()
        info = xr.ActionSetCreateInfo("vrgen", "vrgen", 0)
        call(xr.raw_functions.xrCreateActionSet, instance, ctypes.byref(info), ctypes.byref(self._set))
        try:
            for name, action in ACTIONS.items():
                if name != "gaze" or EYE_GAZE in extensions:
                    self._actions[name] = self._create(name, action.kind, action.words, action.sided)
            self._suggest(version)
            self._prepare()
        except BaseException:
            self.close()
            raise

    # --- the set ------------------------------------------------------------------------------------------------

    def _path(self, text: str) -> int:
        if text not in self._paths:
            path = self._xr.Path()
            call(self._xr.raw_functions.xrStringToPath, self._instance, text.encode(), ctypes.byref(path))
            self._paths[text] = int(path.value)
        return self._paths[text]

    def _create(self, name: str, kind: Kind, words: str, sided: bool) -> Any:
        xr = self._xr
        types = {
            Kind.CLICK: xr.ActionType.BOOLEAN_INPUT,
            Kind.VALUE: xr.ActionType.FLOAT_INPUT,
            Kind.STICK: xr.ActionType.VECTOR2F_INPUT,
            Kind.POSE: xr.ActionType.POSE_INPUT,
            Kind.PULSE: xr.ActionType.VIBRATION_OUTPUT,
        }
        subactions = [f"/user/hand/{side}" for side in SIDES] if sided else [EYES] if name == "gaze" else []
        paths = (xr.Path * len(subactions))(*(self._path(each) for each in subactions))
        info = xr.ActionCreateInfo(
            action_name=name,
            action_type=types[kind],
            subaction_paths=paths if subactions else None,
            localized_action_name=words,
        )
        action = xr.Action()
        call(xr.raw_functions.xrCreateAction, self._set, ctypes.byref(info), ctypes.byref(action))
        return action

    def _suggest(self, version: tuple[int, int]) -> None:
        """Tell the runtime which button is meant for what, on every controller that it can know."""
        refused: list[str] = []
        for profile in PROFILES:
            if profile.works_with(self._extensions, version):
                try:
                    self._suggest_one(profile)
                except OpenXrError as error:
                    refused.append(
                        f"{profile.name}: the runtime does not take vrgen's buttons for {profile.path} "
                        f"({error.result}); assign them on its own page for bindings"
                    )
        self.refused = tuple(refused)

    def _suggest_one(self, profile: Profile) -> None:
        xr = self._xr
        suggested = [
            xr.ActionSuggestedBinding(self._actions[name.split(".")[1]], self._path(path))
            for name, paths in profile.bindings.items()
            for path in paths
        ]
        info = xr.InteractionProfileSuggestedBinding(
            interaction_profile=self._path(_PREFIX + profile.path),
            suggested_bindings=(xr.ActionSuggestedBinding * len(suggested))(*suggested),
        )
        call(xr.raw_functions.xrSuggestInteractionProfileBindings, self._instance, ctypes.byref(info))

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
        self._active = xr.ActiveActionSet(self._set, 0)
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
                    path = self._path(f"/user/hand/{side}") if action.sided else 0
                    info = xr.ActionStateGetInfo(self._actions[name], path)
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
        sets = (xr.ActionSet * 1)(self._set)
        info = xr.SessionActionSetsAttachInfo(action_sets=sets)
        call(xr.raw_functions.xrAttachSessionActionSets, session, ctypes.byref(info))
        self._session = session
        self._session_address = _address(session)
        self._places: dict[str, tuple[Any, int]] = {}
        self._trackers: dict[Side, _Tracker] = {}
        self._bare = {side: hands.BareHand(side) for side in SIDES}
        self._location = xr.SpaceLocation()
        self._location_address = ctypes.addressof(self._location)
        self._profiles: dict[Side, str] = dict.fromkeys(SIDES, "")
        self._profiles_are_old = True
        self._presses.release()
        for name, action in ACTIONS.items():
            if action.kind is Kind.POSE and name in self._actions:
                for side in SIDES if action.sided else ("hand",):
                    self._places[f"{side}.{name}"] = self._place(name, side)
        if HAND_TRACKING in self._extensions:
            with self._going_without("bare hands are not seen"):
                if self._has_hand_tracking(system_id):
                    self._trackers = {side: _Tracker(self._instance, session, side) for side in SIDES}

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
        xr = self._xr
        subaction = EYES if name == "gaze" else f"/user/hand/{side}"
        info = xr.ActionSpaceCreateInfo(
            action=self._actions[name], subaction_path=self._path(subaction), pose_in_action_space=xr.Posef()
        )
        space = xr.Space()
        call(xr.raw_functions.xrCreateActionSpace, self._session, ctypes.byref(info), ctypes.byref(space))
        return space, _address(space)

    def _has_hand_tracking(self, system_id: Any) -> bool:
        xr = self._xr
        tracking = xr.SystemHandTrackingPropertiesEXT()
        properties = xr.SystemProperties(next=ctypes.cast(ctypes.pointer(tracking), ctypes.c_void_p))
        call(xr.raw_functions.xrGetSystemProperties, self._instance, system_id, ctypes.byref(properties))
        return bool(tracking.supports_hand_tracking)

    def detach(self) -> None:
        """Forget the session, before it is destroyed or after: what belongs to it ends with it."""
        if self._session is None:
            return
        self._session = None
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
        _check(result, "xrSyncActions")
        if result == _NOT_FOCUSED:
            self._presses.release()
            for bare in self._bare.values():
                bare.forget()
            return Said()
        if self._profiles_are_old:
            self._read_profiles()
        base = _address(base_space)
        said = self._read_states()
        both = tuple(self._hand(side, base, time_ns, said) for side in SIDES)
        held, pressed, axes = self._presses.step(said, time_ns * 1e-9)
        gaze = self._located("hand.gaze", base, time_ns) if "hand.gaze" in self._places else None
        return Said(held, pressed, axes, (both[0], both[1]), gaze, True)

    def _read_profiles(self) -> None:
        xr = self._xr
        self._profiles_are_old = False
        for side in SIDES:
            state = xr.InteractionProfileState()
            ask = xr.raw_functions.xrGetCurrentInteractionProfile
            call(ask, self._session, self._path(f"/user/hand/{side}"), ctypes.byref(state))
            self._profiles[side] = self._text(int(state.interaction_profile)).removeprefix(_PREFIX)
        self._use_profiles()

    def _use_profiles(self) -> None:
        left, right = (profile_of(self._profiles[side]) for side in SIDES)
        self._presses.use(left or BARE, right or BARE)

    def _text(self, path: int) -> str:
        if not path:
            return ""
        length, buffer = ctypes.c_uint32(), ctypes.create_string_buffer(256)
        ask = self._xr.raw_functions.xrPathToString
        call(ask, self._instance, path, len(buffer), ctypes.byref(length), buffer)
        return buffer.value.decode()

    def _read_states(self) -> Buttons:
        session, sources = self._session_address, self._sources
        clicks: list[tuple[int, str]] = []
        ask = self._functions["xrGetActionStateBoolean"]
        for source in sources[Kind.CLICK]:
            _check(ask(session, *source.arguments), "xrGetActionStateBoolean")
            if source.state.current_state:
                clicks.append((source.state.last_change_time, source.name))
        clicks.sort()
        said = Buttons([name for _, name in clicks])
        ask = self._functions["xrGetActionStateFloat"]
        for source in sources[Kind.VALUE]:
            _check(ask(session, *source.arguments), "xrGetActionStateFloat")
            if source.state.is_active:
                said.values[source.name] = source.state.current_state
        ask = self._functions["xrGetActionStateVector2f"]
        for source in sources[Kind.STICK]:
            _check(ask(session, *source.arguments), "xrGetActionStateVector2f")
            if source.state.is_active:
                state = source.state.current_state
                said.sticks[source.name] = (state.x, state.y)
        return said

    def _hand(self, side: Side, base: int, time_ns: int, said: Buttons) -> Hand:
        """Where a hand is; a bare one's pinch and fist are added to what was said."""
        path = self._profiles[side]
        profile = profile_of(path)
        grip = self._located(f"{side}.grip", base, time_ns)
        aim = self._located(f"{side}.aim", base, time_ns)
        if grip is not None and not (profile is not None and profile.bare):
            self._bare[side].forget()
            return Hand(side, grip, aim, path, profile.model if profile is not None else "")
        tracker, bare = self._trackers.get(side), self._bare[side]
        joints = None
        if tracker is not None:
            with self._going_without(f"the bare {side} hand is not seen any more"):
                del self._trackers[side]
                joints = tracker.locate(base, time_ns)
                self._trackers[side] = tracker
        if joints is None:
            bare.forget()
            return Hand(side, grip, aim, path)
        bare.see(joints, time_ns * 1e-9)
        if f"{side}.pick" not in said.values:
            said.values[f"{side}.pick"] = float(bare.pinching)
            said.values[f"{side}.drag"] = float(bare.fist)
        places: Array = hands.places(joints)
        return Hand(side, grip or hands.grip(joints, side), aim or bare.aim, path, joints_room=places)

    def _located(self, name: str, base: int, time_ns: int) -> Pose | None:
        result = self._functions["xrLocateSpace"](self._places[name][1], base, time_ns, self._location_address)
        _check(result, "xrLocateSpace")
        flags, qx, qy, qz, qw, x, y, z = _LOCATION.unpack_from(self._location, 16)
        if flags & _VALID != _VALID:
            return None
        return Pose((x, y, z), (qx, qy, qz, qw))

    def pulse(self, pulse: Pulse) -> None:
        """Let a hand feel it; where there is nothing to feel it with, nothing happens."""
        if self._session is None:
            return
        xr = self._xr
        info = xr.HapticActionInfo(self._actions["haptic"], self._path(f"/user/hand/{pulse.side}"))
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

    def close(self) -> None:
        """Destroy the set with its actions; before the instance is destroyed. A second call does nothing."""
        self.detach()
        if self._set is not None:
            action_set, self._set = self._set, None
            self._xr.raw_functions.xrDestroyActionSet(action_set)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Tracker:
    """The runtime's tracker of one bare hand; it ends with the session."""

    def __init__(self, instance: Any, session: Any, side: Side) -> None:
        xr = self._xr = load()
        self._locate = extension(instance, "xrLocateHandJointsEXT")
        info = xr.HandTrackerCreateInfoEXT(hand=xr.HandEXT.LEFT if side == "left" else xr.HandEXT.RIGHT)
        self._handle = xr.HandTrackerEXT()
        create = extension(instance, "xrCreateHandTrackerEXT")
        call(create, session, ctypes.byref(info), ctypes.byref(self._handle))
        self._joints = np.zeros(hands.JOINTS, hands.JOINT)
        self._ask = xr.HandJointsLocateInfoEXT()
        self._answer = xr.HandJointLocationsEXT()
        self._answer.joint_count = hands.JOINTS
        self._answer._joint_locations = ctypes.cast(
            self._joints.ctypes.data, ctypes.POINTER(xr.HandJointLocationEXT)
        )

    def locate(self, base: int, time_ns: int) -> hands.Located | None:
        """Where the joints are; None while the hand is not seen. The memory is filled again by the next call."""
        self._ask.base_space = ctypes.cast(base, self._xr.Space)
        self._ask.time = time_ns
        call(self._locate, self._handle, ctypes.byref(self._ask), ctypes.byref(self._answer))
        return self._joints if self._answer.is_active and hands.is_whole(self._joints) else None


def _check(result: int, name: str) -> None:
    if result < 0:
        raise failure(name, name_of(result))


def _address(handle: Any) -> int:
    """A handle as a number."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0

"""A session without graphics (XR_MND_headless) that tells what `Actions` says, a JSON line for each change."""

import argparse
import ctypes
import json
import sys
import time
from collections.abc import Iterable
from typing import Any

from vrgen.display.openxr.actions import EXTENSIONS, Actions, Said
from vrgen.display.openxr.api import call, extension, load
from vrgen.display.openxr.profiles import PROFILES, SIDES
from vrgen.display.openxr.runtime import available_extensions
from vrgen.geometry import Pose
from vrgen.messages import Pulse

xr = load()
raw = xr.raw_functions
HEADLESS = "XR_MND_headless"
TIME = "XR_KHR_convert_timespec_time"


class Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_int64), ("nanoseconds", ctypes.c_int64))


class Session:
    """From IDLE to EXITING; turns come every 10 ms."""

    def __init__(self, version: tuple[int, int], wanted: Iterable[str]) -> None:
        offered = available_extensions()
        if HEADLESS not in offered:
            sys.exit(f"the runtime has no {HEADLESS}")
        self.version = version
        self.extensions = frozenset({HEADLESS, TIME} | (set(wanted) & offered))
        info = xr.InstanceCreateInfo(
            application_info=xr.ApplicationInfo("hands", 1, "vrgen", 1, xr.Version(*version, 0)),
            enabled_extension_names=sorted(self.extensions),
        )
        self.instance = xr.Instance()
        call(raw.xrCreateInstance, ctypes.byref(info), ctypes.byref(self.instance))
        self.system_id = xr.SystemId()
        form = xr.SystemGetInfo(xr.FormFactor.HEAD_MOUNTED_DISPLAY)
        call(raw.xrGetSystem, self.instance, ctypes.byref(form), ctypes.byref(self.system_id))
        convert = extension(self.instance, "xrConvertTimespecTimeToTimeKHR")
        three = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self._convert = ctypes.cast(convert, three)
        self.state = "UNKNOWN"
        self.profiles_changed = False

    def close(self) -> None:
        call(raw.xrDestroyInstance, self.instance)

    def begin(self) -> None:
        self.handle = xr.Session()
        info = xr.SessionCreateInfo(system_id=self.system_id)
        call(raw.xrCreateSession, self.instance, ctypes.byref(info), ctypes.byref(self.handle))
        self.space = xr.Space()
        stage = xr.ReferenceSpaceCreateInfo(reference_space_type=xr.ReferenceSpaceType.STAGE)
        call(raw.xrCreateReferenceSpace, self.handle, ctypes.byref(stage), ctypes.byref(self.space))

    def poll(self) -> None:
        """Take one event, so that every state of the session is lived through."""
        event = xr.EventDataBuffer()
        if call(raw.xrPollEvent, self.instance, ctypes.byref(event)) != 0:
            return
        kind = xr.StructureType(event._type)
        if kind == xr.StructureType.EVENT_DATA_SESSION_STATE_CHANGED:
            changed = ctypes.cast(ctypes.byref(event), ctypes.POINTER(xr.EventDataSessionStateChanged)).contents
            self.state = xr.SessionState(changed._state).name
            if self.state == "READY":
                begin = xr.SessionBeginInfo(xr.ViewConfigurationType.PRIMARY_STEREO)
                call(raw.xrBeginSession, self.handle, ctypes.byref(begin))
            elif self.state == "STOPPING":
                call(raw.xrEndSession, self.handle)
        elif kind == xr.StructureType.EVENT_DATA_INTERACTION_PROFILE_CHANGED:
            self.profiles_changed = True

    def time_ns(self) -> int:
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        spec = Timespec(now // 10**9, now % 10**9)
        answer = ctypes.c_int64()
        call(self._convert, self.instance, ctypes.byref(spec), ctypes.byref(answer))
        return answer.value


def listed(pose: Pose | None) -> Any:
    return None if pose is None else [*pose.position, *pose.rotation]


def told(said: Said) -> dict[str, Any]:
    hands = {
        hand.side: {
            "grip": listed(hand.grip_room),
            "aim": listed(hand.aim_room),
            "profile": hand.profile,
            "model": hand.model,
            "joints": None if hand.joints_room is None else hand.joints_room.tolist(),
        }
        for hand in said.hands
    }
    return {"held": sorted(said.held), "axes": said.axes, "hands": hands, "focused": said.focused}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", action="store_true", help="ask for every profile by itself, and end")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--version", type=float, default=1.1)
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--profile", action="append", default=[], help="only these controllers")
    parser.add_argument("--until", default="hand.dislike", help="end a session when this is pressed")
    args = parser.parse_args()
    version = (1, 1) if args.version > 1.05 else (1, 0)
    if args.each:
        ask_for_each(version)
        return
    profiles = [each for each in PROFILES if each.path in args.profile] or PROFILES
    session = Session(version, EXTENSIONS)
    with Actions(session.instance, session.extensions, version, profiles) as actions:
        tell({"refused": actions.refused})
        for _ in range(args.sessions):
            live(session, actions, args.seconds, args.until)
    session.close()


def ask_for_each(version: tuple[int, int]) -> None:
    """Whether the runtime takes each profile's bindings: with only its extension, on an instance of its own."""
    for profile in PROFILES:
        session = Session(version, [profile.extension])
        known = profile.works_with(session.extensions, version)
        with Actions(session.instance, session.extensions, version, [profile]) as actions:
            tell({"profile": profile.path, "known": known, "refused": actions.refused})
        session.close()


def tell(said: dict[str, Any]) -> None:
    print(json.dumps(said), flush=True)


def live(session: Session, actions: Actions, seconds: float, until: str) -> None:
    session.begin()
    actions.attach(session.handle, session.system_id)
    before: dict[str, Any] = {}
    costs_s: list[float] = []
    deadline = time.monotonic() + seconds
    asked = False
    while session.state != "EXITING":
        session.poll()
        if session.profiles_changed:
            session.profiles_changed = False
            actions.profiles_changed()
        now_ns = session.time_ns()
        began = time.thread_time()
        said = actions.sync(session.space, now_ns)
        costs_s.append(time.thread_time() - began)
        state = told(said)
        if state != before or said.pressed:
            tell(state | {"pressed": said.pressed})
            before = state
        for side in SIDES:
            if f"{side}.pick" in said.pressed:
                actions.pulse(Pulse(side, 0.02, 0.5))
        if not asked and (until in said.pressed or time.monotonic() > deadline):
            call(raw.xrRequestExitSession, session.handle)
            asked = True
        time.sleep(0.01)
    actions.detach()
    call(raw.xrDestroySpace, session.space)
    call(raw.xrDestroySession, session.handle)
    session.state = "UNKNOWN"
    costs_s.sort()
    tell({"syncs": len(costs_s), "p50_ms": costs_s[len(costs_s) // 2] * 1e3})


if __name__ == "__main__":
    main()

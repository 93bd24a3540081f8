"""Where the runtime sees the joints of the bare hands (XR_EXT_hand_tracking)."""

import ctypes
from typing import Any

import numpy as np

from vrgen.display.openxr.api import call, extension, load
from vrgen.display.openxr.hands import JOINT, JOINTS, Located, is_whole
from vrgen.messages import Side

HAND_TRACKING = "XR_EXT_hand_tracking"


def has_hand_tracking(instance: Any, system_id: Any) -> bool:
    """Whether the headset sees hands; the extension alone only says that the runtime could."""
    xr = load()
    tracking = xr.SystemHandTrackingPropertiesEXT()
    properties = xr.SystemProperties(next=ctypes.cast(ctypes.pointer(tracking), ctypes.c_void_p))
    call(xr.raw_functions.xrGetSystemProperties, instance, system_id, ctypes.byref(properties))
    return bool(tracking.supports_hand_tracking)


class HandTracker:
    """Owner of the runtime's tracker of one hand."""

    def __init__(self, instance: Any, session: Any, side: Side) -> None:
        """Raises OpenXrError: the runtime has none."""
        self._xr = xr = load()
        self._locate = extension(instance, "xrLocateHandJointsEXT")
        self._destroy = extension(instance, "xrDestroyHandTrackerEXT")
        info = xr.HandTrackerCreateInfoEXT(hand=xr.HandEXT.LEFT if side == "left" else xr.HandEXT.RIGHT)
        self._handle = xr.HandTrackerEXT()
        create = extension(instance, "xrCreateHandTrackerEXT")
        call(create, session, ctypes.byref(info), ctypes.byref(self._handle))
        self._joints = np.zeros(JOINTS, JOINT)
        self._ask = xr.HandJointsLocateInfoEXT()
        self._answer = xr.HandJointLocationsEXT()
        self._answer.joint_count = JOINTS
        self._answer._joint_locations = ctypes.cast(
            self._joints.ctypes.data, ctypes.POINTER(xr.HandJointLocationEXT)
        )

    def locate(self, base_space: int, time_ns: int) -> Located | None:
        """Where the joints are; None while the hand is not seen. The memory is filled again by the next call.

        Raises:
            OpenXrError: the runtime fails at it.
        """
        self._ask.base_space = ctypes.cast(base_space, self._xr.Space)
        self._ask.time = time_ns
        call(self._locate, self._handle, ctypes.byref(self._ask), ctypes.byref(self._answer))
        return self._joints if self._answer.is_active and is_whole(self._joints) else None

    def close(self) -> None:
        """Destroy it, before its session is."""
        self._destroy(self._handle)

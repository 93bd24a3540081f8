"""The actions that vrgen knows, made on an instance, and which buttons are suggested for them."""

import ctypes
from collections.abc import Sequence
from typing import Any

from vrgen.display.openxr.api import OpenXrError, call, load
from vrgen.display.openxr.profiles import ACTIONS, EYES, SIDES, Action, Kind, Profile

EYE_GAZE = "XR_EXT_eye_gaze_interaction"
PREFIX = "/interaction_profiles/"
LOST = ("ERROR_SESSION_LOST", "ERROR_INSTANCE_LOST", "ERROR_RUNTIME_UNAVAILABLE")
"""Results after which nothing works any more, whatever was asked for."""


class ActionSet:
    """Owner of the one action set of an instance; destroyed before the instance is."""

    def __init__(self, instance: Any, extensions: frozenset[str], profiles: Sequence[Profile]) -> None:
        """Raises OpenXrError: the runtime refuses the set itself. Profiles that it refuses are in `refused`."""
        self._xr = xr = load()
        self._instance = instance
        self._paths: dict[str, int] = {}
        self.handle = xr.ActionSet()
        info = xr.ActionSetCreateInfo("vrgen", "vrgen", 0)
        call(xr.raw_functions.xrCreateActionSet, instance, ctypes.byref(info), ctypes.byref(self.handle))
        self._is_open = True
        self.actions: dict[str, Any] = {}
        """By their names in ACTIONS; without "gaze" where the runtime has no eye tracking."""
        try:
            for name, action in ACTIONS.items():
                if name != "gaze" or EYE_GAZE in extensions:
                    self.actions[name] = self._create(name, action)
            self.refused = tuple(said for each in profiles if (said := self._suggest(each)) is not None)
            """Controllers whose bindings the runtime did not take, one sentence each."""
        except BaseException:
            self.close()
            raise

    def path(self, text: str) -> int:
        """The runtime's number for a path."""
        if text not in self._paths:
            path = self._xr.Path()
            ask = self._xr.raw_functions.xrStringToPath
            call(ask, self._instance, text.encode(), ctypes.byref(path))
            self._paths[text] = int(path.value)
        return self._paths[text]

    def text(self, path: int) -> str:
        """The path of the runtime's number; "" for none."""
        if not path:
            return ""
        length, buffer = ctypes.c_uint32(), ctypes.create_string_buffer(256)  # XR_MAX_PATH_LENGTH
        ask = self._xr.raw_functions.xrPathToString
        call(ask, self._instance, path, len(buffer), ctypes.byref(length), buffer)
        return buffer.value.decode()

    def subaction(self, name: str, side: str) -> int:
        """What tells the hands apart, and gives the gaze its place; 0 for an action without sides."""
        if name == "gaze":
            return self.path(EYES)
        return self.path(f"/user/hand/{side}") if ACTIONS[name].sided else 0

    def _create(self, name: str, action: Action) -> Any:
        xr = self._xr
        types = {
            Kind.CLICK: xr.ActionType.BOOLEAN_INPUT,
            Kind.VALUE: xr.ActionType.FLOAT_INPUT,
            Kind.STICK: xr.ActionType.VECTOR2F_INPUT,
            Kind.POSE: xr.ActionType.POSE_INPUT,
            Kind.PULSE: xr.ActionType.VIBRATION_OUTPUT,
        }
        subactions = [path for side in SIDES if (path := self.subaction(name, side))]
        subactions = list(dict.fromkeys(subactions))
        info = xr.ActionCreateInfo(
            action_name=name,
            action_type=types[action.kind],
            subaction_paths=(xr.Path * len(subactions))(*subactions) if subactions else None,
            localized_action_name=action.words,
        )
        made = xr.Action()
        call(xr.raw_functions.xrCreateAction, self.handle, ctypes.byref(info), ctypes.byref(made))
        return made

    def _suggest(self, profile: Profile) -> str | None:
        """Tell the runtime which button is meant for what; what it says against it, as a sentence."""
        xr = self._xr
        try:
            suggested = [
                xr.ActionSuggestedBinding(self.actions[name.split(".")[1]], self.path(path))
                for name, paths in profile.bindings.items()
                for path in paths
            ]
            info = xr.InteractionProfileSuggestedBinding(
                interaction_profile=self.path(PREFIX + profile.path),
                suggested_bindings=(xr.ActionSuggestedBinding * len(suggested))(*suggested),
            )
            call(xr.raw_functions.xrSuggestInteractionProfileBindings, self._instance, ctypes.byref(info))
        except OpenXrError as error:
            if error.result in LOST:
                raise
            return (
                f"{profile.name}: the runtime does not take vrgen's buttons for {profile.path} ({error.result}); "
                "assign them on its own page for bindings"
            )
        return None

    def close(self) -> None:
        """Destroy the set with its actions; a second call does nothing."""
        if self._is_open:
            self._is_open = False
            self._xr.raw_functions.xrDestroyActionSet(self.handle)

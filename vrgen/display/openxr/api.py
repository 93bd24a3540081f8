"""pyopenxr, loaded the way vrgen needs it, and its results as values.

pyopenxr raises on a *qualified* success (a frame discarded, a session not focused), which is everyday life;
vrgen calls its raw functions and looks at what they return.
"""

import ctypes
from functools import cache
from typing import Any

from vrgen.errors import DisplayError

_REMEDIES = {
    "ERROR_RUNTIME_UNAVAILABLE": "no OpenXR runtime is active; start SteamVR, Monado or the "
    "headset's own program and "
    "make it the active runtime",
    "ERROR_INSTANCE_LOST": "the OpenXR runtime has stopped; start it again",
    "ERROR_SESSION_LOST": "the runtime has dropped the session; it is made again when the headset answers",
    "ERROR_RUNTIME_FAILURE": "the OpenXR runtime has failed; restart it",
    "ERROR_FORM_FACTOR_UNAVAILABLE": "the runtime sees no headset; plug it in and wake it up",
    "ERROR_FORM_FACTOR_UNSUPPORTED": "the runtime has no headset of this kind; choose another runtime",
    "ERROR_EXTENSION_NOT_PRESENT": "the runtime does not offer what vrgen needs; update it or choose another",
    "ERROR_API_VERSION_UNSUPPORTED": "the runtime is too old for OpenXR 1.0; update it",
    "ERROR_API_LAYER_NOT_PRESENT": "run vrgen doctor, which finds the API layer that is at fault, or unset "
    "XR_ENABLE_API_LAYERS",
    "ERROR_FILE_ACCESS_ERROR": "run vrgen doctor, which finds the API layer that can't be loaded",
    "ERROR_GRAPHICS_DEVICE_INVALID": "the headset hangs on another GPU than the window; start vrgen on that one",
    "ERROR_LIMIT_REACHED": "another program holds the headset; close it",
    "ERROR_INITIALIZATION_FAILED": "the runtime could not start; look at its own log",
}


class OpenXrError(DisplayError):
    """The headset is of no more use as it is. `result`: of the call that failed, "" where the session just
    ended."""

    def __init__(self, sentence: str, result: str = "") -> None:
        super().__init__(sentence)
        self.result = result


def failure(function: str, result: str) -> OpenXrError:
    """The error of a call that failed: which, with what result, and what to do."""
    remedy = _REMEDIES.get(result, "run vrgen doctor, restart the runtime, or use --display window")
    return OpenXrError(f"OpenXR: {function} gave {result}; {remedy}", result)


@cache
def load() -> Any:
    """The `xr` module. On Linux its import makes PyOpenGL choose GLX; what was bound before stays bound.

    Raises:
        DisplayError: pyopenxr or its loader is missing.
    """
    import sys

    platform = sys.modules.get("OpenGL.platform")
    bound = getattr(platform, "PLATFORM", None)
    try:
        import xr
    except (ImportError, OSError) as error:
        raise DisplayError(f"OpenXR can't be loaded ({error}); run pip install pyopenxr") from error
    if platform is not None:
        platform.PLATFORM = bound  # type: ignore[attr-defined]
    return xr


def call(function: Any, *arguments: object) -> int:
    """Call a raw function; returns its result where it is no failure (SUCCESS is 0, qualified ones above).

    Raises:
        OpenXrError: it failed.
    """
    try:
        result = int(function(*arguments))
    except ValueError as error:  # a code that this pyopenxr has no name for
        raise failure(_name(function), str(error)) from error
    if result < 0:
        raise failure(_name(function), name_of(result))
    return result


def plain(function: Any) -> Any:
    """The same raw function, for every frame: its result is a number, where pyopenxr makes an enumeration of it,
    which costs as much as many a call."""
    made = ctypes.CFUNCTYPE(ctypes.c_int32, *function.argtypes)(ctypes.cast(function, ctypes.c_void_p).value or 0)
    made.__name__ = _name(function)  # type: ignore[attr-defined]
    return made


def ask(function: Any, *arguments: object) -> Any:
    """What one of pyopenxr's own functions returns, those that size and fill an array.

    Raises:
        OpenXrError: it failed.
    """
    xr = load()
    try:
        return function(*arguments)
    except xr.exception.ResultException as error:
        result = error.get_result_enum()
        raise failure(_name(function), result.name if result is not None else type(error).__name__) from error
    except ValueError as error:  # a result or a kind that this pyopenxr has no name for
        raise failure(_name(function), str(error)) from error


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", "a call"))


def name_of(result: int) -> str:
    """ "ERROR_SESSION_LOST" of -17."""
    try:
        return str(load().Result(result).name)
    except ValueError:
        return f"result {result}"


def extension(instance: Any, name: str, kind: str | None = None) -> Any:
    """A function of an enabled extension, by its full name; call it with `call`.

    Raises:
        OpenXrError: the runtime does not have it.
    """
    xr = load()
    pointer = xr.PFN_xrVoidFunction()
    call(xr.raw_functions.xrGetInstanceProcAddr, instance, name.encode(), ctypes.byref(pointer))
    function = ctypes.cast(pointer, getattr(xr, kind or f"PFN_{name}"))
    function.__name__ = name
    return function


def text(field: Any) -> str:
    """A fixed array of characters as text."""
    return bytes(field).split(b"\0", 1)[0].decode(errors="replace")

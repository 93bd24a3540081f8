"""Errors that reach a person: one sentence that says what, got, expected and remedy.

`UsageError` ends the process with status 2 (the call was wrong), every other `VrgenError` with 1 (the run
failed). `cli.py` prints the sentence; a traceback shows only with `--debug`.
"""

import difflib
from collections.abc import Iterable

_LISTED = 24


class VrgenError(Exception):
    """A failure with a remedy, told in one sentence."""

    exit_status = 1


class UsageError(VrgenError):
    """The call itself was wrong: a missing file, an unknown name, an impossible number."""

    exit_status = 2


class ManifestError(VrgenError):
    """A manifest that breaks the contract."""


class CheckpointError(VrgenError):
    """A checkpoint that can't be read, loaded or called, or whose outputs break its manifest."""


class WorldError(VrgenError):
    """A world file that can't be read or names what is not there."""


class RecipeError(VrgenError):
    """A recipe that can't be read as one, or asks for what it and its data can't do."""


class DeviceError(VrgenError):
    """A device to compute on that was asked for and can't be had."""


class DisplayError(VrgenError):
    """A display that can't be opened."""


class GraphicsError(VrgenError):
    """OpenGL is missing, too old, or refused something."""


def did_you_mean(got: str, known: Iterable[str]) -> str:
    """The remedy for an unknown name: the known one that is close to it, else all of them."""
    names = list(known)
    by_lower = {name.lower(): name for name in reversed(names)}
    low = got.lower()
    close = difflib.get_close_matches(low, by_lower, n=1, cutoff=0.6)
    close = close or [name for name in by_lower if low and name.startswith(low)]
    close = close or [name for name in by_lower if len(name) > 2 and low.startswith(name)]
    if close:
        return f"did you mean '{by_lower[close[0]]}'?"
    if not names:
        return "there is none to choose"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"choose one of {', '.join(names[:_LISTED])}{more}"

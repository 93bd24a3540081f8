"""Errors that reach a person: one sentence that says what, got, expected and remedy.

`UsageError` ends the process with status 2 (the call was wrong), every other `VrgenError` with 1 (the run
failed). `cli.py` prints the sentence; a traceback shows only with `--debug`.
"""


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


class DisplayError(VrgenError):
    """A display that can't be opened."""


class GraphicsError(VrgenError):
    """OpenGL is missing, too old, or refused something."""

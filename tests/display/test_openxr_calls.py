"""What pyopenxr raises and returns becomes errors of ours; no runtime is needed."""

import pytest

from vrgen.display.openxr.api import OpenXrError, ask, load


def test_what_pyopenxr_raises_is_told_as_an_error_of_the_headset() -> None:
    """So that it costs the headset, not the program."""
    xr = load()
    with pytest.raises(OpenXrError, match="enumerate_reference_spaces") as caught:
        ask(xr.enumerate_reference_spaces, xr.Session())
    assert caught.value.result == "ERROR_HANDLE_INVALID"

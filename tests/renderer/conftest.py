"""A GL context for every test here, with what it must leave behind: no GL object and no GL error."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stage import Stage

from vrgen.clock import StepClock
from vrgen.display.headless import HeadlessDisplay
from vrgen.display.platform import bind
from vrgen.errors import DisplayError


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    """Opens a stage of a size: `stage((160, 90), stereo=True)`; one a test."""
    bind("egl")  # a test may import OpenGL before it draws
    opened: list[Stage] = []

    def make(size_px: tuple[int, int] = (160, 90), *, stereo: bool = False, **renderer: object) -> Stage:
        display = HeadlessDisplay(size_px, stereo=stereo, clock=StepClock(1 / 60))
        try:
            display.__enter__()
        except DisplayError as error:
            pytest.skip(str(error))
        opened.append(Stage(display, **renderer))
        return opened[-1]

    yield make
    for one in opened:
        one.close()
        assert one.errors == []
    if opened:
        from vrgen.gl.objects import alive

        assert alive() == ()


@pytest.fixture(scope="session")
def kept_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures that differ from the golden ones are left to be looked at."""
    return tmp_path_factory.mktemp("pictures")

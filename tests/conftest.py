"""For every test: the fast ones run first, and no property fails because a machine is slow or a draw unlucky.
Fixtures that several stages share: a GL context, an X server for windows, and a world that costs nothing."""

import functools
import importlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from vrgen.clock import StepClock
from vrgen.display.headless import HeadlessDisplay
from vrgen.display.platform import bind
from vrgen.errors import DisplayError

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

# A shell's job in the background ignores Ctrl+C, and so would the programs that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Nets of tests are small: more threads only wait for each other, and for those of the tests beside them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
hypothesis.settings.register_profile("vrgen", deadline=None, derandomize=True)
hypothesis.settings.load_profile("vrgen")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate-golden",
        action="store_true",
        help="draw the golden pictures anew instead of comparing with them; look at them afterwards",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "OpenGL.platform" in sys.modules:
        raise pytest.UsageError(
            "a test file imports OpenGL, which binds before a display has chosen; import it later"
        )

    def turn(item: pytest.Item) -> int:
        """Fast ones; what needs the testbed, the longest part that stays together; slow ones."""
        slow, xr = (item.get_closest_marker(name) is not None for name in ("slow", "xr"))
        return 1 if xr else 2 * slow

    items.sort(key=turn)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "Scheduling":
    """`pytest -n 2`: a file's tests share their fixtures and one process, those in the testbed one testbed."""
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False

    def together(nodeid: str) -> str:
        return "xr" if nodeid.startswith("tests/xr/") else nodeid.partition("::")[0]

    class InOrder(LoadScopeScheduling):
        @functools.cached_property
        def scopes(self) -> dict[str, str]:
            """Of each test the part that it runs with: its neighbours."""
            parts = enumerate(itertools.groupby(self.collection, together))
            return {nodeid: f"{name} {number}" for number, (name, part) in parts for nodeid in part}

        def _split_scope(self, nodeid: str) -> str:
            return self.scopes[nodeid]

    return InOrder(config, log)


@pytest.fixture
def gl_context() -> Iterator[HeadlessDisplay]:
    """A headless display of 320 × 200 that does not wait for real time, open: its GL context is current."""
    bind("egl")  # a test may import OpenGL before it draws
    display = HeadlessDisplay((320, 200), clock=StepClock(1 / 60))
    try:
        display.__enter__()
    except DisplayError as error:
        pytest.skip(str(error))
    with display:
        yield display


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world file whose checkpoints make it in no time."""
    from tiny_world import make_world  # torch

    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def egl() -> None:
    """OpenGL is EGL's in this process, whichever test draws first: what has no window can't draw with another."""
    bind("egl")
    importlib.import_module("vrgen.gl.api")


@pytest.fixture(scope="session")
def x_server(egl: None) -> Iterator[str]:
    """The name (":5") of an X server of our own, with DISPLAY set to it; screen 1600 × 1000."""
    if shutil.which("Xvfb") is None:
        pytest.skip("no Xvfb here; install it (Debian, Ubuntu: apt install xvfb)")
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1600x1000x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as said:
        name = ":" + said.readline().strip()
    before = os.environ.get("DISPLAY")
    os.environ["DISPLAY"] = name
    yield name
    os.environ.pop("DISPLAY")
    if before is not None:
        os.environ["DISPLAY"] = before
    server.terminate()
    server.wait(10)


@pytest.fixture
def xdo(x_server: str) -> Callable[..., str]:
    """Real key and mouse events: `xdo("key", "n")`."""
    if shutil.which("xdotool") is None:
        pytest.skip("no xdotool here; install it (Debian, Ubuntu: apt install xdotool)")

    def run(*words: object) -> str:
        done = subprocess.run(
            ["xdotool", *map(str, words)], capture_output=True, text=True, check=True, timeout=20
        )
        time.sleep(0.05)  # the server hands events on in its own time
        return done.stdout.strip()

    return run

"""What the first frame needs, and does without."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

_FIRST_FRAME = """
import sys
from vrgen.app import Session
from vrgen.clock import RealClock
from vrgen.config import RunOptions, World
from vrgen.display.headless import HeadlessDisplay
from vrgen.generator import Generators

world = World()
with Generators(world) as generators, HeadlessDisplay((640, 480), clock=RealClock()) as display:
    session = Session(RunOptions(size=(640, 480)), world, display, generators)
    from vrgen.gl.api import GL
    GL.glGenerateTextureMipmap = None
    with next(display.frames()) as frame:
        session.frame(frame, 0)
        pixels = display.read_pixels()
    loaded = {"PIL", "numpy.ma", "torch", "trimesh", "scipy", "vrgen.generator.inspection"} & set(sys.modules)
    session.close()
sys.stdout.buffer.write(repr(sorted(loaded)).encode() + b"\\n" + pixels.tobytes())
"""


def test_the_first_frame_is_a_sky_without_pillow_masked_arrays_or_levels_made_by_opengl() -> None:
    done = subprocess.run([sys.executable, "-c", _FIRST_FRAME], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    loaded, pixels = done.stdout.split(b"\n", 1)
    assert loaded == b"[]"
    # Blue, and paler towards the ground.
    seen = np.frombuffer(pixels, np.uint8).reshape(480, 640, 3).astype(int)
    assert (seen[:, :, 2] >= seen[:, :, 0]).all() and np.ptp(seen[:, 320, 0]) > 20


def loaded(code: str) -> set[str]:
    """Names of the modules that a fresh Python has loaded after `code`."""
    tell = "import sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{tell}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_the_command_of_a_run_is_understood_without_what_is_slow_to_import() -> None:
    words = ["run", "valley", "--size", "320", "180", "--hold", "w", "a", "--seed", "3", "--report", "r.json"]
    there = loaded(f"from vrgen.cli import parse\nassert parse({words}).hold == ('w', 'a')")
    assert "tyro" in there and there.isdisjoint({"typeguard", "unittest", "asyncio", "numpy"})


_NO_SCREEN = """
import os, subprocess
os.environ["DISPLAY"] = ":4095"
def refuse(*_: object, **__: object) -> None:
    raise AssertionError("a process was started")
subprocess.Popen.__init__ = refuse
from vrgen.display import glfw_context
from vrgen.errors import DisplayError
try:
    glfw_context.start()
except DisplayError as error:
    assert "no window can be opened" in str(error), error
else:
    raise AssertionError("there was a screen")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the library has one place")
def test_glfw_is_not_looked_for_by_processes_of_its_own() -> None:
    assert "glfw" in loaded(_NO_SCREEN)


_OPENING = """
import sys, threading
from vrgen import cli, visit
there = threading.Event()
class Seen:
    def find_spec(self, name: str, *_: object) -> None:
        if name == "vrgen.app":
            assert threading.current_thread() is not threading.main_thread()
            there.set()
def open_display(options: object, clock: object) -> object:
    assert there.wait(20), "the loop is not imported while the display opens"
    assert not {"OpenGL", "glfw"} & set(sys.modules), "what the display has to choose first was imported"
    raise visit.Refused("no display here")
class Refused(cli.VrgenError):
    pass
visit.Refused, visit.open_display = Refused, open_display
sys.meta_path.insert(0, Seen())
assert cli.main(["run", "valley"]) == 1
assert not {"OpenGL", "glfw", "torch", "PIL"} & set(sys.modules)
"""


def test_the_loop_is_imported_while_the_display_opens() -> None:
    there = loaded(_OPENING)
    assert "vrgen.app" in there and "vrgen.renderer" not in there


_BY_CORES = """
import sys
from vrgen import visit as begun
from vrgen.config import RunOptions
from vrgen.messages import Controls
from watched import visit

begun.cores = lambda: int(sys.argv[2])
told = []

def after(session, controls):
    told.append(session.generators.worker_pid is not None)

visit(lambda session, number: Controls(closing=number == 3), RunOptions(target=sys.argv[1], seconds=60), after)
print(told[0], told[-1])
"""


@pytest.mark.parametrize(("cores", "at_once"), [(2, False), (4, True)])
def test_with_few_cores_the_worker_starts_when_the_first_frame_is_through(
    tiny_world: Path, cores: int, at_once: bool
) -> None:
    command = [sys.executable, "-c", _BY_CORES, tiny_world, str(cores)]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(at_once), "True"]

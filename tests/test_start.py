"""What the first frame needs, and does without."""

import subprocess
import sys

import numpy as np

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

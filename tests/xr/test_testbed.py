"""The testbed as a test uses it: a program finds a headset, sees it move, and lives with a runtime that goes."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from xr_testbed.headset import HeadsetError, facing
from xr_testbed.program import TestbedError
from xr_testbed.root import REPOSITORY
from xr_testbed.testbed import Testbed

pytestmark = pytest.mark.xr

TOOL = REPOSITORY / "tools/xr_testbed"
HELLO = TOOL / "hello.py"
LIFE = ["IDLE", "READY", "SYNCHRONIZED", "VISIBLE", "FOCUSED"]
TURQUOISE = (0.0, 0.6, 0.4)


def states(said: str) -> list[str]:
    return [line.removeprefix("hello: ") for line in said.splitlines() if line.removeprefix("hello: ").isupper()]


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody asked about does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_session_lives_from_idle_to_exiting_and_the_validation_layer_finds_nothing(testbed: Testbed) -> None:
    found = testbed.folder / "validation.txt"
    done = testbed.run(testbed.python(HELLO, "--frames", "30"), testbed.environment(found))
    assert done.returncode == 0, done.stdout
    lived = states(done.stdout)
    assert lived[:5] == LIFE
    assert lived[-2:] == ["IDLE", "EXITING"]
    assert "Core Validation Layer is initialized" in found.read_text(encoding="utf-8")
    assert "VALID_ERROR" not in found.read_text(encoding="utf-8")
    assert "VALID_WARNING" not in found.read_text(encoding="utf-8")


def test_the_picture_has_the_cleared_colour_and_the_head_moves(testbed: Testbed) -> None:
    hello = testbed.popen(testbed.python(HELLO, "--poses", "--seconds", "60", "--colour", *map(str, TURQUOISE)))
    hello.wait_for("FOCUSED")
    testbed.headset.move(head=facing((1.0, 1.7, 2.0)))
    hello.wait_for("head at 1.000 1.700 2.000")
    testbed.headset.move(head=facing((0.0, 1.6, 0.0)))
    hello.wait_for("head at 0.000 1.600 0.000")

    def cleared(picture: np.ndarray) -> bool:
        """Whether the middle of both eyes has the colour. The numbers go through as they are: the clear is without
        GL_FRAMEBUFFER_SRGB, and the display shows what is stored."""
        eyes = picture[200:340, 100:380], picture[200:340, 580:860]
        return all(np.allclose(eye, np.array(TURQUOISE) * 255, atol=3) for eye in eyes)

    assert testbed.picture_when(cleared).shape == (540, 960, 3)
    with pytest.raises(TestbedError, match=r"not what was expected.* see .*last.png"):
        testbed.picture_when(lambda picture: not cleared(picture), timeout_s=0.2)
    hello.end()


def test_the_runtime_goes_and_comes_back_with_the_head_where_it_was(testbed: Testbed) -> None:
    hello = testbed.popen(testbed.python(HELLO, "--seconds", "60"))
    hello.wait_for("FOCUSED")
    testbed.headset.move(head=facing((0.0, 1.4, -1.0)))
    testbed.stop_runtime()
    assert hello.wait(20) == 1
    # Which of the two is lost depends on the call that the end of the runtime falls into.
    assert re.search(r"the runtime refused, or went away \((Instance|Session)LostError", hello.last_line())
    with pytest.raises(HeadsetError, match="not connected"):
        testbed.headset.move(head=facing((0.0, 0.0, 0.0)))
    testbed.start_runtime()
    again = testbed.run(testbed.python(HELLO, "--poses", "--frames", "10"))
    assert states(again.stdout)[:5] == LIFE
    assert "head at 0.000 1.400 -1.000" in again.stdout


def test_a_second_testbed_stands_beside_the_first_and_takes_everything_with_it(testbed: Testbed) -> None:
    with Testbed(device="simulated") as other:
        assert other.display != testbed.display
        done = other.run(other.python(HELLO, "--frames", "5"))
        assert states(done.stdout)[:5] == LIFE
        with pytest.raises(HeadsetError, match="only the remote one"):
            _ = other.headset
        with pytest.raises(TestbedError, match=r"ran longer than 0.2 s"):
            other.run(["sleep", "100"], timeout_s=0.2)
        started = other.popen(["sh", "-c", "sleep 100 & echo $! ready; wait"])
        slept = int(started.wait_for("ready").split()[0])
        assert alive(slept)
    assert not alive(started.pid)
    assert not alive(slept)
    assert not other.folder.exists()


def test_programs_end_when_the_testbed_is_killed(testbed: Testbed) -> None:
    code = (
        "from xr_testbed.testbed import Testbed; import time\n"
        "with Testbed(device='simulated') as bed:\n"
        "    print(bed.folder, bed.popen(['sleep', '100']).pid, flush=True); time.sleep(100)"
    )
    killed = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TOOL.parent)},
    )
    assert killed.stdout is not None
    with killed.stdout as said:
        folder, number = said.readline().split()
    program = int(number)
    comm = Path(f"/proc/{program}/comm")
    while comm.read_text(encoding="utf-8").strip() != "sleep":  # on its way there it has no parent to die with yet
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    until = time.monotonic() + 10
    while alive(program) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(program)
    shutil.rmtree(folder)  # nobody was left to remove it


def test_one_command_plays_a_script_and_takes_pictures(testbed: Testbed, tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text(
        f"""
        [[step]]
        at_s = 0.1
        over_s = 0.2
        head = {{ position_m = [0.5, 1.5, 0.25] }}
        picture = "{tmp_path}/step.png"
        """
    )
    command = [sys.executable, TOOL, "--script", script, "--picture", tmp_path / "end.png", "--size", "480x270"]
    done = subprocess.run([*command, "--wait", "2.5"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "head at 0.500 1.500 0.250" in done.stdout
    for name in ("step.png", "end.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (480, 270)


def test_the_command_ends_in_order_when_it_is_told_to(testbed: Testbed) -> None:
    started = subprocess.Popen([sys.executable, TOOL, "--forever"], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    with started.stdout as said:
        folder = Path(said.readline().split()[-1])
        assert folder.is_dir()
        started.send_signal(signal.SIGTERM)
        assert started.wait(20) == 128 + signal.SIGTERM
    assert not folder.exists()


def test_what_the_command_can_not_do_is_a_sentence() -> None:
    done = subprocess.run(
        [sys.executable, TOOL, "--script", "nowhere.toml"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "xr_testbed: nowhere.toml can't be read (No such file or directory); name a TOML file with steps\n"
    )

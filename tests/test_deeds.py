"""What takes longer than a frame: no frame waits for it, it tells when it is done, the end does not lose it."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scripted import run as run_script

from vrgen.deeds import Deed, Deeds
from vrgen.display.film import save_picture_apart
from vrgen.errors import VrgenError


def test_a_deed_goes_on_once_a_frame_and_its_heavy_part_beside() -> None:
    deeds, may_end, threads = Deeds(), threading.Event(), []

    def heavy(number: int) -> int:
        threads.append(threading.current_thread())
        assert may_end.wait(20)
        return number + 1

    def deed() -> Deed:
        number = yield from deeds.beside(heavy, 41)
        return f"made {number}"

    def refused() -> Deed:
        yield
        raise VrgenError("no room; make some")

    deeds.begin(deed())
    deeds.begin(refused())
    told = [word for _ in range(5) for word in deeds.advance()]
    assert told == [("no room; make some", True)]
    may_end.set()
    assert list(deeds.finish()) == [("made 42", False)]
    assert threads != [threading.current_thread()]
    deeds.close()


def test_what_is_given_up_frees_what_it_holds_after_the_thread_is_through() -> None:
    deeds, held = Deeds(), ["held"]

    def deed() -> Deed:
        try:
            yield from deeds.beside(lambda: seen.append(list(held)))
        finally:
            held.clear()
        return ""

    seen: list[list[str]] = []
    deeds.begin(deed())
    assert not list(deeds.advance()) or seen
    deeds.close()
    assert seen == [["held"]] and held == []


def test_a_picture_is_saved_by_a_process_of_its_own_and_why_not_is_told(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    save_picture_apart(pixels, tmp_path / "a picture.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a picture.png")), pixels)
    with pytest.raises(VrgenError, match=r"no/such/b\.png: the picture can't be written .*; choose another place"):
        save_picture_apart(pixels, tmp_path / "no" / "such" / "b.png")


_SAVES = """
import signal, sys
from pathlib import Path
import numpy as np
from vrgen.display.film import save_picture_apart
signal.signal(signal.SIGINT, lambda *_: None)  # read between two frames
print("begins", flush=True)
save_picture_apart(np.random.default_rng(0).integers(0, 255, (3000, 2000, 3), np.uint8), Path(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX")
def test_ctrl_c_does_not_lose_the_picture_nor_does_the_folder_that_one_is_in(tmp_path: Path) -> None:
    for name in ("numpy", "json", "PIL"):  # in the current folder, and none of a saver's business
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('shadowed')")
    program = tmp_path / "elsewhere" / "saves.py"
    program.parent.mkdir()
    program.write_text(_SAVES)
    with subprocess.Popen(
        [sys.executable, program, tmp_path / "a.png"],
        cwd=tmp_path,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as saver:
        assert saver.stdout is not None and saver.stdout.readline() == b"begins\n"
        for _ in range(4):  # it takes a second
            time.sleep(0.1)
            os.killpg(saver.pid, signal.SIGINT)
        _, said = saver.communicate(timeout=60)
    assert saver.returncode == 0, said.decode()
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (2000, 3000)


PRESSES = """
import sys, threading
from pathlib import Path
import platformdirs
from vrgen import errands
from vrgen.config import RunOptions
from vrgen.messages import Controls
from watched import visit

world, folder = sys.argv[1], Path(sys.argv[2])
platformdirs.user_pictures_path = lambda: folder
save, frames_on = errands.save_picture_apart, threading.Event()
pressed = []

def patient(pixels, path):
    assert frames_on.wait(60), "frames wait for the picture"
    save(pixels, path)

errands.save_picture_apart = patient

def script(session, number):
    pressed.append(number)
    if len(pressed) == 30:
        frames_on.set()
    if len(pressed) == 31:
        return Controls(closing=True, pressed=("f12",))
    return Controls(pressed=("f12",) if len(pressed) in (20, 21) else ())

visit(script, RunOptions(target=world, seconds=120, quality="low", device="cpu", seed=1))
"""


def test_screenshots_hold_no_frame_up_and_none_is_lost(tiny_world: Path, tmp_path: Path) -> None:
    done = run_script(PRESSES, tiny_world, tmp_path)
    assert done.returncode == 0, done.stderr
    left = sorted((tmp_path / "vrgen").iterdir())
    assert len(left) == 3 and all(path.suffix == ".png" for path in left), left
    for path in left:
        picture = np.asarray(Image.open(path))
        assert picture.shape == (36, 64, 3) and picture.std() > 5

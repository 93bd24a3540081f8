"""The loop closed: a real window, driven by real key and mouse events, shows a world that changes as asked.

The world is tiny; its checkpoints are real.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from generator import checkpoints as made
from PIL import Image
from torch import Tensor, nn

pytestmark = [pytest.mark.window, pytest.mark.slow]
Xdo = Callable[..., str]
SIZE = (640, 400)
PATIENCE_S = 150.0
PANEL_PX = 372
"""The panel and its margins lie to the left of this column."""


class Land(nn.Module):
    """Waves whose height comes from a slider and whose place comes from the latent."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        at = torch.arange(9)
        x = (inputs["tile"][0, 0] * 8 + at).float() * 4.0
        z = (inputs["tile"][0, 1] * 8 + at).float() * 4.0
        shift = inputs["latent"][0, 0]
        up = 1.0 + 9.0 * inputs["relief"][0]
        return {"height": up * (torch.sin(x * 0.09 + shift)[None, :] + torch.cos(z * 0.07)[:, None])[None]}


class Sky(nn.Module):
    """The latent's first numbers as a vivid colour of the sky, with a brighter side to see that one turns."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        colour = torch.softmax(4.0 * inputs["latent"][0, :3], 0).reshape(3, 1, 1)
        side = 0.75 + 0.25 * torch.cos(torch.arange(64).float() * (6.2832 / 64))
        return {"sky": colour.expand(3, 32, 64) * side}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("window")
    latent = {"latent": made.LATENT}
    relief = {"kind": "slider", "shape": [1], "range": [0, 1], "default": 0.1, "label": "Relief"}
    made.save(
        Land(),
        folder / "land.pt",
        made.manifest(
            {**latent, "tile": {"kind": "tile"}, "relief": relief},
            {"height": {"kind": "heightfield", "shape": [1, 9, 9], "metres": 32.0}},
        ),
    )
    made.save(
        Sky(),
        folder / "sky.pt",
        made.manifest(latent, {"sky": {"kind": "panorama", "shape": [3, 32, 64], "range": [0.0, 1.0]}}),
    )
    path = folder / "tiny.toml"
    path.write_text(
        'title = "Tiny"\nseed = 25\n'
        '[generators.land]\ncheckpoint = "land.pt"\n[generators.sky]\ncheckpoint = "sky.pt"\n',
        encoding="utf-8",
    )
    return path


class Visit:
    """A running `vrgen run` in a window, and hands to move in it."""

    def __init__(self, world: Path, folder: Path, server: str, xdo: Xdo) -> None:
        self.folder, self.server, self.xdo = folder, server, xdo
        self.report = folder / "report.json"
        pictures = folder / "Pictures"
        pictures.mkdir()
        config = folder / "config"
        config.mkdir()
        (config / "user-dirs.dirs").write_text(f'XDG_PICTURES_DIR="{pictures}"\n')
        environment = {
            **os.environ,
            "DISPLAY": server,
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(config),
            "XDG_PICTURES_DIR": str(pictures),
        }
        environment.pop("WAYLAND_DISPLAY", None)
        self.errors = (folder / "stderr.txt").open("w")
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "vrgen", "run", str(world), "--display", "window", "--quality", "low",
                "--device", "cpu", "--size", *map(str, SIZE), "--report", str(self.report),
            ],
            env=environment,
            stderr=self.errors,
        )  # fmt: skip
        try:
            self._arrive()
        except BaseException:
            self.close()
            raise

    def _arrive(self) -> None:
        """Wait for the window and for the world that its generators make."""
        xdo = self.xdo
        self.wait_for(lambda: bool(self.windows()), "no window came")
        self.id = self.windows()[-1]
        xdo("windowfocus", self.id)
        xdo("mousemove", "--window", self.id, 550, 350)
        # The plain world is grey; the generated sky has a colour.
        self.wait_for(lambda: np.ptp(self.see()[:50], axis=-1).mean() > 60, "no generated sky came")
        self.settled()

    def windows(self) -> list[str]:
        found = subprocess.run(
            ["xdotool", "search", "--all", "--onlyvisible", "--pid", str(self.process.pid), "--name", "^vrgen$"],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        return found.stdout.split()

    def wait_for(self, what: Callable[[], bool], otherwise: str) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while not what():
            assert self.process.poll() is None, (self.folder / "stderr.txt").read_text()
            assert time.monotonic() < until_s, otherwise
            time.sleep(0.1)

    def see(self) -> np.ndarray:
        """What is on the screen where the window is, without the panel: (H, W, 3) int."""
        done = subprocess.run(
            ["import", "-display", self.server, "-window", self.id, "-depth", "8", "rgb:-"],
            capture_output=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            pytest.skip("no ImageMagick here to look at the screen; apt install imagemagick")
        return np.frombuffer(done.stdout, np.uint8).reshape(SIZE[1], SIZE[0], 3)[:, PANEL_PX:].astype(int)

    def settled(self) -> np.ndarray:
        """The picture when it has stopped changing."""
        before, still = self.see(), 0
        until_s = time.monotonic() + PATIENCE_S
        while still < 6:
            assert time.monotonic() < until_s, "the picture never comes to rest"
            time.sleep(0.5)
            now = self.see()
            still = still + 1 if apart(now, before) < 0.15 else 0
            before = now
        return before

    def changes(self, before: np.ndarray, otherwise: str, least: float = 3.0) -> np.ndarray:
        """Wait until the picture has become another, and come to rest."""
        self.wait_for(lambda: apart(self.see(), before) > least, otherwise)
        return self.settled()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        self.errors.close()


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean())


@pytest.fixture
def visit(world: Path, tmp_path: Path, x_server: str, xdo: Xdo) -> Iterator[Visit]:
    made_visit = Visit(world, tmp_path, x_server, xdo)
    yield made_visit
    made_visit.close()


def test_the_world_changes_as_asked_and_comes_back(visit: Visit) -> None:
    xdo = visit.xdo
    first = visit.settled()
    assert first.std() > 5

    xdo("key", "n")
    second = visit.changes(first, "N changed nothing")
    xdo("key", "z")
    back = visit.changes(second, "Z changed nothing")
    assert apart(back, first) < 2.0, "undo does not lead back"
    xdo("key", "y")
    again = visit.changes(back, "Y changed nothing")
    assert apart(again, second) < 2.0, "redo does not lead forth"

    for _ in range(8):
        xdo("click", 4)
    scrolled = visit.changes(again, "the wheel changed nothing", least=1.5)
    xdo("mousedown", 2)
    for _ in range(10):
        xdo("mousemove_relative", "--", 20, -10)
    xdo("mouseup", 2)
    dragged = visit.changes(scrolled, "the drag changed nothing", least=1.5)
    xdo("key", "z")
    assert apart(visit.changes(dragged, "Z does not take the drag back", least=1.0), scrolled) < 2.0

    xdo("key", "p")
    time.sleep(1.0)
    paused = visit.settled()
    xdo("key", "n")
    time.sleep(3.0)
    assert apart(visit.see(), paused) < 1.0, "paused, and yet it changed"
    xdo("key", "p")
    visit.changes(paused, "after the pause nothing came")


def test_one_walks_looks_and_takes_a_picture(visit: Visit) -> None:
    xdo = visit.xdo
    first = visit.settled()
    xdo("keydown", "w")
    time.sleep(4.0)
    xdo("keyup", "w")
    walked = visit.settled()
    assert apart(walked, first) > 0.5, "W goes nowhere"

    xdo("mousemove", "--window", visit.id, 500, 200)
    xdo("click", 1)
    for _ in range(10):
        xdo("mousemove_relative", "--", 60, 0)
    looked = visit.changes(walked, "the mouse does not look", least=1.0)
    xdo("key", "Escape")

    xdo("key", "F12")
    pictures = visit.folder / "Pictures"
    visit.wait_for(lambda: bool(list(pictures.rglob("*.png"))), "F12 left no picture")
    time.sleep(1.0)
    (picture,) = pictures.rglob("*.png")
    shot = np.asarray(Image.open(picture).convert("RGB"), int)
    assert shot.shape == (SIZE[1], SIZE[0], 3)
    assert apart(shot[:, PANEL_PX:], looked) < 1.5


def test_a_slider_on_the_panel_raises_the_land(visit: Visit) -> None:
    first = visit.settled()
    bar = slider_row(visit)
    visit.xdo("mousemove", "--window", visit.id, 270, bar)
    visit.xdo("mousedown", 1)
    time.sleep(0.5)  # frames pass, also on a machine that is busy
    visit.xdo("mouseup", 1)
    visit.xdo("mousemove", "--window", visit.id, 550, 350)
    raised = visit.changes(first, "the slider changed nothing")
    assert apart(raised, first) > 3.0


def slider_row(visit: Visit) -> int:
    """The row of the panel with the slider's blue grab."""
    done = subprocess.run(
        ["import", "-display", visit.server, "-window", visit.id, "-depth", "8", "rgb:-"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    panel = np.frombuffer(done.stdout, np.uint8).reshape(SIZE[1], SIZE[0], 3)[:, 16:PANEL_PX].astype(int)
    grab = np.abs(panel - (124, 196, 232)).max(axis=-1) < 12
    rows = np.flatnonzero(grab.sum(axis=1) >= 6)
    assert len(rows), "no slider is seen on the panel"
    return int(rows.mean())


def test_closing_the_window_ends_it_well_and_leaves_the_report(visit: Visit) -> None:
    visit.settled()
    ask_to_close(visit.server, int(visit.id))
    assert visit.process.wait(60) == 0
    report = json.loads(visit.report.read_text())
    assert report["display"]["kind"] == "window"
    assert report["frames"]["count"] > 10
    assert report["generators"]["sky"]["results"] == 1 and not report["generators"]["sky"]["errors"]
    assert "Traceback" not in (visit.folder / "stderr.txt").read_text()


def test_escape_leaves_too(visit: Visit) -> None:
    visit.settled()
    visit.xdo("key", "Escape")
    assert visit.process.wait(60) == 0


def ask_to_close(server: str, window: int) -> None:
    """What a window manager sends when the cross is clicked (ICCCM 4.2.8.1)."""
    import ctypes

    class Message(ctypes.Structure):
        _fields_ = (
            ("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("sent", ctypes.c_int),
            ("display", ctypes.c_void_p), ("window", ctypes.c_ulong), ("message", ctypes.c_ulong),
            ("format", ctypes.c_int), ("data", ctypes.c_long * 5), ("pad", ctypes.c_long * 12),
        )  # fmt: skip

    x = ctypes.CDLL("libX11.so.6")
    x.XOpenDisplay.restype = ctypes.c_void_p
    x.XInternAtom.restype = ctypes.c_ulong
    display = ctypes.c_void_p(x.XOpenDisplay(server.encode()))
    protocols = x.XInternAtom(display, b"WM_PROTOCOLS", False)
    close = x.XInternAtom(display, b"WM_DELETE_WINDOW", False)
    event = Message(type=33, sent=1, window=window, message=protocols, format=32)  # ClientMessage
    event.data[0] = close
    x.XSendEvent(display, ctypes.c_ulong(window), False, ctypes.c_long(0), ctypes.byref(event))
    x.XSync(display, False)
    x.XCloseDisplay(display)

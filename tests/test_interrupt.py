"""Ctrl+C and SIGTERM end a run between two frames: what was asked for is left behind."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from generator import checkpoints as made
from PIL import Image

pytestmark = pytest.mark.slow
if sys.platform == "win32":
    pytest.skip("Windows can't send another process these signals", allow_module_level=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_in_order(number: signal.Signals, tmp_path: Path) -> None:
    land = {
        "inputs": {"tile": {"kind": "tile"}, "latent": made.LATENT},
        "outputs": {"height": {"kind": "heightfield", "shape": [1, 9, 9], "metres": 32.0}},
    }
    target = made.save(made.Waves(), tmp_path / "land.pt", {"vrgen": 1, "name": "land", **land})
    report, picture, trace = (tmp_path / name for name in ("report.json", "picture.png", "trace.json"))
    small = ["--display", "headless", "--size", "64", "36", "--quality", "low", "--device", "cpu"]
    left = ["--report", report, "--screenshot", picture, "--trace", trace]
    command = [sys.executable, "-m", "vrgen", "run", target, *small, *left]
    with subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True) as program:
        until = time.monotonic() + 120.0
        while not (trace.exists() and trace.stat().st_size > 20_000):  # some frames are through
            assert program.poll() is None and time.monotonic() < until
            time.sleep(0.05)
        program.send_signal(number)
        _, said = program.communicate(timeout=30)
    assert program.returncode == 128 + number
    assert "Traceback" not in said and "unforeseen" not in said
    assert json.loads(report.read_text())["frames"]
    with Image.open(picture) as seen:
        assert seen.size == (64, 36)
    assert json.loads(trace.read_text())

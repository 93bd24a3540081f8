"""Every benchmark runs and prints its table. No time is asserted: machines and days differ."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vrgen.display.headless import HeadlessDisplay

BENCH = Path(__file__).parent.parent / "tools" / "bench"
SAID = {
    "gpu": ("On a GPU",),
    "handoff": ("from the worker to GL", "of memcpy"),
    "headset": ("bare pyopenxr loop", "vrgen, empty scene", "Frames missed while the generators work"),
    "interval": ("nothing drawn, 90 Hz", "busy: a new world", "stopped: SIGSTOP", "killed: SIGKILL"),
    "ledger": ("CPU time, µs", "of a standing world leave", "collections within frames: 0"),
    "missed": ("Frames missed in", "waiting for a core", "uploads of 64 MiB done"),
    "objects": (
        "CPU time of a frame, ms, nothing drawn",
        "CPU time of a frame, ms, drawn",
        "hidden ones sought",
        "vrgen outside GL calls",
    ),
    "splats": (
        "Sorting N splats, ms of CPU time",
        "CPU time of a frame with N splats, ms, nothing drawn",
        "CPU time of a frame with N splats, ms, drawn",
    ),
    "start": ("From the process's start to the first frame", "headless, shader cache empty"),
    "throughput": ("Calls a second through vrgen and without it", "Where a call's time goes"),
    "training": ("DCGAN on digits", "ratio by the clock", "waited for data"),
    "walk": ("Walking on", "at the end ÷ after"),
}


OF_ANY_WORLD = {"headset", "interval", "ledger", "missed", "start"}
"""These wait until a world stands, some several times."""


def test_every_benchmark_is_tested() -> None:
    assert {path.stem for path in BENCH.glob("*.py") if not path.stem.startswith("_")} == set(SAID)


@pytest.mark.parametrize("name", SAID)
def test_help_says_what_is_measured(name: str) -> None:
    told = subprocess.run(
        [sys.executable, BENCH / f"{name}.py", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert "--quick" in told.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", SAID)
def test_quick_run_prints_its_table(
    name: str, gl_context: HeadlessDisplay, tiny_world: Path, tmp_path: Path
) -> None:
    """`gl_context` skips this where nothing can be drawn."""
    world = ["--world", tiny_world] if name in OF_ANY_WORLD else []
    told = subprocess.run(
        [sys.executable, BENCH / f"{name}.py", "--quick", "--out", tmp_path, *world],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert told.returncode == 0, told.stderr
    if not (tmp_path / f"{name}.json").exists():  # of peers it may say the same, and go on
        assert "is left out" in told.stdout
        pytest.skip(told.stdout.strip())
    for words in (*SAID[name], "processor:", "load at the start:", "no figures to keep"):
        assert words in told.stdout
    kept = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    assert kept["quick"] and kept["machine"]["processor"]

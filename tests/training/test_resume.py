"""A run that is killed or interrupted at any moment goes on to the same weights, to the bit."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from sets import pictures, recipe

from vrgen.training import state as states
from vrgen.training.loop import STATE
from vrgen.training.train import Asked, train_recipe

STEPS = 100
QUIET = {**os.environ, "OMP_NUM_THREADS": "1"}


def quiet() -> Console:
    return Console(file=io.StringIO())


def command(path: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "vrgen", "train", str(path), "--out", str(out), *more]


def equal(one: Any, other: Any) -> bool:
    """Equal to the bit, all the way down; times may differ."""
    if isinstance(one, torch.Tensor):
        return bool(torch.equal(one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one if key != "seconds")
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def step_reached(out: Path) -> int:
    lines = (out / "metrics.jsonl").read_text().splitlines() if (out / "metrics.jsonl").is_file() else []
    return int(json.loads(lines[-1])["step"]) if lines else 0


def started_until(path: Path, out: Path, step: int, *more: str) -> subprocess.Popen[str]:
    """A run in a process of its own, which has come to `step` at least."""
    process = subprocess.Popen(command(path, out, *more), env=QUIET, stderr=subprocess.PIPE, text=True, stdout=-3)
    while step_reached(out) < step and process.poll() is None:
        time.sleep(0.005)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("family", ["dcgan", "small-gan"])
def test_killed_at_any_step_it_goes_on_to_the_bit(family: str, tmp_path: Path) -> None:
    pictures(tmp_path / "set")
    path = recipe(tmp_path, family, steps=STEPS, save_every=3)
    train_recipe(Asked(path, tmp_path / "whole"), quiet())

    with started_until(path, tmp_path / "broken", random.Random(family).choice([5, 20, 35])) as process:
        process.kill()
    assert process.returncode == -signal.SIGKILL
    train_recipe(Asked(path, tmp_path / "broken", resume=True), quiet())

    whole, broken = (states.load(tmp_path / name / STATE) for name in ("whole", "broken"))
    assert equal(whole, broken)
    told = [json.loads(line)["step"] for line in (tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()]
    assert told == list(range(5, STEPS + 1, 5))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves(number: signal.Signals, tmp_path: Path) -> None:
    pictures(tmp_path / "set")
    path = recipe(tmp_path, steps=100_000)
    with started_until(path, tmp_path / "run", 5) as process:
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "--resume" in said and "Traceback" not in said
    reached = states.load(tmp_path / "run" / STATE)["step"]
    assert reached >= 5

    steps = reached + 7
    whole = train_recipe(Asked(path, tmp_path / "whole", steps=steps), quiet())
    train_recipe(Asked(path, tmp_path / "run", steps=steps, resume=True), quiet())
    assert equal(states.load(whole.folder / STATE)["average"], states.load(tmp_path / "run" / STATE)["average"])


def test_a_state_of_another_model_is_refused(tmp_path: Path) -> None:
    pictures(tmp_path / "set")
    out = tmp_path / "run"
    train_recipe(Asked(recipe(tmp_path, steps=2), out), quiet())
    kept = (out / STATE).read_bytes()
    with pytest.raises(states.StateError, match=r"model\.family is dcgan there and vae in the recipe"):
        train_recipe(Asked(recipe(tmp_path, "vae", steps=4), out, resume=True), quiet())
    assert (out / STATE).read_bytes() == kept


def test_a_rate_that_was_lowered_counts(tmp_path: Path) -> None:
    pictures(tmp_path / "set")
    out = tmp_path / "run"
    train_recipe(Asked(recipe(tmp_path, steps=2), out), quiet())
    train_recipe(Asked(recipe(tmp_path, steps=3, train="rate = 1e-6"), out, resume=True), quiet())
    groups = states.load(out / STATE)["optimisers"]["maker"]["param_groups"]
    assert [group["lr"] for group in groups] == [1e-6]


def test_a_damaged_state_is_told(tmp_path: Path) -> None:
    pictures(tmp_path / "set")
    out, path = tmp_path / "run", recipe(tmp_path, steps=2)
    train_recipe(Asked(path, out), quiet())
    (out / STATE).write_bytes((out / STATE).read_bytes()[:1000])
    with pytest.raises(states.StateError, match="is damaged"):
        train_recipe(Asked(path, out, resume=True), quiet())


@pytest.mark.parametrize(("ends", "more"), [("steps = 2", "--steps 4"), ("seconds = 0.01", "--seconds")])
def test_a_run_that_is_finished_says_so(ends: str, more: str, tmp_path: Path) -> None:
    pictures(tmp_path / "set")
    path, console = recipe(tmp_path), quiet()
    path.write_text(path.read_text().replace("steps = 6", ends))
    before = train_recipe(Asked(path, tmp_path / "run"), console)
    assert "it is finished" not in console.file.getvalue()  # type: ignore[attr-defined]
    before.checkpoints[0].unlink()
    after = train_recipe(Asked(path, tmp_path / "run", resume=True), console)
    told = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert "it is finished: the " in told and f"--resume {more}" in told and "going on" not in told
    assert after.checkpoints == before.checkpoints and after.checkpoints[0].is_file()


FULL = """
import resource, signal, sys
from pathlib import Path
from vrgen.training import state
path = Path(sys.argv[1])
state.save(path, {"step": 1})
kept = path.read_bytes()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
import torch
try:
    state.save(path, {"step": 2, "weights": torch.zeros(100_000)})
except state.StateError as error:
    print(error)
assert path.read_bytes() == kept
assert [found.name for found in path.parent.iterdir()] == [path.name]
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on the size of files are POSIX")
def test_a_full_disk_leaves_the_last_state_intact(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / STATE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "there is no room" in done.stdout and "is intact" in done.stdout and "--resume" in done.stdout

"""`vrgen run` from the outside: a program, its picture, its report, and what bad checkpoints get."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from feedback import tracing
from generator import checkpoints as made
from PIL import Image
from scripted import run as run_script

from vrgen.feedback.changes import STAGES
from vrgen.feedback.ledger import SCENE, STEPS
from vrgen.feedback.missed import CAUSES
from vrgen.generator.checkpoint import DRY_RUNS

pytestmark = pytest.mark.slow
SIZE = ("160", "90")
PROGRAM = """
import sys
from vrgen import cli
from vrgen.display import headless

headless.REFRESH_HZ = 30.0  # what is drawn while a worker starts is only drawn
sys.exit(cli.main(sys.argv[1:]))
"""


def vrgen(*words: object, timeout_s: float = 240.0) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=environment,
    )


class Run:
    """One finished run: its exit, its words, its report and its last picture."""

    def __init__(self, folder: Path, target: object, *words: object, settle: bool = True) -> None:
        folder.mkdir(exist_ok=True)
        report, picture = folder / "report.json", folder / "picture.png"
        self.done = vrgen(
            "run", target, "--display", "headless", "--size", *SIZE, "--quality", "low", "--device", "cpu",
            "--report", report, "--screenshot", picture, *(("--settle",) if settle else ()), *words,
        )  # fmt: skip
        self.report: dict[str, Any] = json.loads(report.read_text()) if report.is_file() else {}
        self.picture = np.asarray(Image.open(picture).convert("RGB"), int) if picture.is_file() else None

    @property
    def pixels(self) -> np.ndarray:
        assert self.done.returncode == 0, self.done.stderr
        assert self.picture is not None and self.picture.shape == (90, 160, 3)
        return self.picture

    def failed(self, status: int, *words: str) -> str:
        """The one sentence on standard error."""
        lines = [line for line in self.done.stderr.splitlines() if not line.startswith(("vrgen: no ", "… "))]
        assert self.done.returncode == status, self.done.stderr
        assert len(lines) == 1 and lines[0].startswith("vrgen: "), self.done.stderr
        assert "Traceback" not in self.done.stderr
        assert all(word in lines[0] for word in words), lines[0]
        return lines[0]


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def visit(folder: Path, tiny_world: Path) -> Run:
    trace = folder / "visit.json.gz"
    return Run(folder / "visit", tiny_world, "--frames", 5, "--hold", "w", "--seed", 3, "--trace", trace)


class Depth(torch.nn.Module):
    """How far away everything is: nothing that is shown without a panorama."""

    def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"depth": torch.full((1, 8, 16), 9.0) + inputs["latent"][0, 0]}


@pytest.fixture(scope="module")
def plain(folder: Path) -> Run:
    """The place where nothing was made that can be shown yet."""
    depth = {"depth": {"kind": "panorama_depth", "shape": [1, 8, 16]}}
    made.save(Depth(), folder / "plain.pt", made.manifest({"latent": made.LATENT}, depth))
    return Run(folder / "plain", folder / "plain.pt", "--frames", 2)


def shape_of(value: object) -> object:
    return {key: shape_of(item) for key, item in value.items()} if isinstance(value, Mapping) else type(value)


def test_the_report_has_the_layout_that_is_promised(visit: Run) -> None:
    assert visit.done.returncode == 0, visit.done.stderr
    report = visit.report
    spread = {"p50": float, "p95": float, "p99": float, "max": float}
    generator = {
        "requests": int, "results": int, "stale": int, "restarts": int, "way": str, "tried": list, "errors": list,
        "infer_ms": spread, "age_ms": spread, "stages_ms": dict.fromkeys((*STAGES, "total"), spread),
    }  # fmt: skip
    expected = {
        "display": {"kind": str, "runtime": type(None), "refresh_hz": float, "gl": str, "switches": list},
        "first_frame_s": float,
        "frames": {
            "count": int,
            "missed": int,
            "missed_by": dict.fromkeys(CAUSES, int),
            "cpu_ms": spread,
            "interval_ms": spread,
            "late_ms": {},
            "age_ms": spread,
            "steps_ms": dict.fromkeys(STEPS, spread),
        },
        "changes": {
            "shown": int,
            "overtaken": int,
            "stages_ms": dict.fromkeys((*STAGES, "total"), spread),
        },
        "generators": {"land": generator, "sky": generator},
        "steps_back": {"now": int, "most": int},
        "picture": {
            "size_px": list,
            "drawn": {"scale": float, "detail": float},
            "at_the_least": {"scale": float, "detail": float},
        },
        "transfer": {"path": str, "why": str, "card_bytes": int, "from": str, "bytes": int, "ms": spread},
        "collections": {
            "young": int,
            "older": int,
            "everything": int,
            "in_frames": int,
            "forced": int,
            "freed": int,
            "total_ms": float,
            "longest_ms": dict.fromkeys(("young", "older", "everything"), float),
        },
        "input_to_photon_ms": spread,
        "scene": dict.fromkeys(SCENE, int),
        "person": {"feet_m": list, "heading_deg": float, "did": {}},
        "memory_mb": {"frame_peak": float, "worker_peak": float, "textures_peak": float, "textures_room": float},
    }
    assert shape_of({name: told for name, told in report.items() if name != "passes"}) == expected
    assert report["passes"]["cpu_ms"]["ground"] and set(report["passes"]["gpu_ms"]) >= {"ground", "frame"}
    assert report["collections"]["in_frames"] == 0, "garbage is never collected in a frame"
    assert report["changes"]["shown"] >= 100 and report["frames"]["age_ms"]["p50"] >= 0.0
    assert report["display"]["kind"] == "headless" and "OpenGL" in report["display"]["gl"]
    assert report["frames"]["count"] >= 5
    assert report["generators"]["land"]["results"] >= 100 and report["generators"]["sky"]["results"] == 1
    assert report["scene"]["tiles"] >= 100 and report["scene"]["triangles"] > 0
    assert report["memory_mb"]["worker_peak"] > 50
    assert 0.0 < report["memory_mb"]["textures_peak"] < report["memory_mb"]["textures_room"]
    assert report["transfer"]["bytes"] > 0 and report["transfer"]["path"] in ("host", "pixel-buffer")
    assert report["transfer"]["why"]


def test_the_trace_tells_every_frame_and_every_change(visit: Run, folder: Path) -> None:
    """From the worker's clock to the frame's: calls lie between asking and showing."""
    assert visit.done.returncode == 0, visit.done.stderr
    events = tracing.read(folder / "visit.json.gz")
    tracing.require_nested(events)
    shown = visit.report["changes"]["shown"]
    assert len(tracing.require_bundles(events)) == tracing.require_arrows(events) == shown
    frames = [event for event in events if event["name"] == "frame" and event["ph"] == "X"]
    assert len(frames) == visit.report["frames"]["count"]
    assert {event["pid"] for event in events if event["name"] == "infer land"} == {2}


def test_what_was_made_is_said_in_two_lines_and_nothing_else(visit: Run) -> None:
    shown, wrote = visit.done.stdout.splitlines()
    assert shown.startswith("Tiny: ") and "headless at 160x90 (as asked)" in shown and "sky 1" in shown, shown
    assert wrote.startswith("wrote ") and "picture.png" in wrote and "report.json" in wrote, wrote
    assert all(line.startswith(("vrgen: no ", "… ")) for line in visit.done.stderr.splitlines())


def test_who_waits_hears_how_far_it_is(tiny_world: Path) -> None:
    program = (
        "import sys; from vrgen import cli, progress; progress.FIRST_S = progress.EVERY_S = 0.0; "
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    options = (tiny_world, "--settle", "--frames", "40", "--size", *SIZE, "--device", "cpu")
    done = subprocess.run(
        [sys.executable, "-c", program, "run", "--display", "headless", *options],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("… ")]
    assert told[0].startswith("… waiting for the first result: ") and "land" in told[0] and "sky" in told[0]
    assert any(line.startswith("… the world arrives: ") and " results" in line for line in told)
    assert told[-1].startswith("… frames are drawn: ") and told[-1].split(": ")[1].startswith("39 of 40")
    assert not any(line.startswith("…") for line in done.stdout.splitlines())


def test_the_same_seed_gives_the_same_picture_and_another_another(folder: Path, tiny_world: Path) -> None:
    films = ["--frames", 3, "--video"]
    one = Run(folder / "one", tiny_world, "--seed", 3, *films, folder / "one.mp4").pixels
    same = Run(folder / "same", tiny_world, "--seed", 3, *films, folder / "same.mp4").pixels
    other = Run(folder / "other", tiny_world, "--seed", 4, *films, folder / "other.mp4").pixels
    assert apart(one, same) <= 0.5
    assert apart(one, other) > 2.0
    assert (folder / "one.mp4").stat().st_size > 500


@pytest.mark.parametrize("kind", ["picture", "panorama", "texture", "heightfield"])
def test_a_bare_module_is_a_place_as_any_kind(folder: Path, kind: str, plain: Run) -> None:
    path = made.save(made.Bare(12, 3, True, False, True, (16, 16)), folder / f"bare-{kind}.pt", None)
    run = Run(folder / kind, path, "--as", kind, "--frames", 2, "--seed", 1)
    assert run.pixels.std() > 3
    assert apart(run.pixels, plain.pixels) > 1.0, f"as {kind} it looks like the plain world"
    results, hung = run.report["generators"][path.stem]["results"], run.report["scene"]["instances"]
    assert results == hung > 8 if kind == "picture" else (results, hung) == (1, 0)  # pictures: in a gallery


def test_both_eyes_side_by_side(folder: Path, tiny_world: Path) -> None:
    pixels = Run(folder / "stereo", tiny_world, "--views", "stereo", "--frames", 2).pixels
    left, right = pixels[:, :80], pixels[:, 80:]
    assert 0.0 < apart(left, right) < 25.0


# --- bad checkpoints --------------------------------------------------------------------------------------


def bad(name: str, path: Path) -> tuple[str, ...]:
    """Make a bad checkpoint at `path`; words that the sentence about it must have. What a first call finds is told
    in one way; all that it finds is in generator/test_checkpoint.py."""
    good = made.constant(path.with_name(f"good-{path.name}"))
    said = made.manifest({"latent": made.LATENT}, {"picture": made.PICTURE})
    match name:
        case "empty":
            path.touch()
        case "truncated":
            path.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
        case "zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("hello.txt", "no model")
        case "text":
            path.write_text("this is not a model", encoding="utf-8")
        case "unknown key":
            made.save(made.Constant(), path, {**said, "colour": "red"})
            return (path.name, "colour")
        case "unknown kind":
            made.save(
                made.Constant(), path, {**said, "outputs": {"picture": {"kind": "painting", "shape": [3, 4, 4]}}}
            )
            return (path.name, "painting")
        case "no manifest":
            made.save(made.Constant(), path, None)
        case "wrong shape":
            made.picture(made.Misshapen(), path)
            return (path.name, "picture")
        case "raises":
            made.picture(made.Raises(), path)
            return (path.name, "no such latent")
    return (path.name,)


@pytest.mark.parametrize(
    "what",
    [
        "empty", "truncated", "zip", "text", "unknown key", "unknown kind", "no manifest", "wrong shape", "raises",
    ],
)  # fmt: skip
def test_a_bad_checkpoint_is_one_sentence(what: str, tmp_path: Path) -> None:
    words = bad(what, tmp_path / "bad.pt")
    Run(tmp_path / "run", tmp_path / "bad.pt", "--seconds", 60, settle=False).failed(1, *words)


def test_a_missing_checkpoint_is_a_wrong_call(tmp_path: Path) -> None:
    Run(tmp_path / "run", tmp_path / "none.pt", "--frames", 1).failed(2, "none.pt")


def test_a_bare_module_cannot_be_what_it_does_not_make(tmp_path: Path) -> None:
    made.save(made.Misnamed(), tmp_path / "dict.pt", None)
    Run(tmp_path / "run", tmp_path / "dict.pt", "--as", "panorama", "--seconds", 60, settle=False).failed(
        1, "dict.pt"
    )


def test_a_prompt_that_nobody_takes_is_a_wrong_call(tmp_path: Path) -> None:
    made.constant(tmp_path / "it.pt")
    run = Run(tmp_path / "run", tmp_path / "it.pt", "--prompt", "a meadow", "--frames", 3, settle=False)
    assert run.done.returncode == 2 and "prompt" in run.done.stderr and "Traceback" not in run.done.stderr


def test_one_bad_generator_leaves_the_rest_of_the_world_standing(folder: Path, tiny_world: Path) -> None:
    made.picture(made.NotANumber(), tiny_world.with_name("nan.pt"))
    path = tiny_world.with_name("half.toml")
    path.write_text(tiny_world.read_text() + '[generators.broken]\ncheckpoint = "nan.pt"\n', encoding="utf-8")
    run = Run(folder / "half", path, "--frames", 3)
    assert run.pixels.std() > 3
    assert run.report["generators"]["land"]["results"] >= 100
    (error,) = set(run.report["generators"]["broken"]["errors"])
    assert "picture" in error and "nan.pt" in error


# --- in one process: what a person does, by script ---------------------------------------------------------


class Turns(torch.nn.Module):
    """Good for the dry runs and the first world, not a number for the next: it counts changes of the latent."""

    def __init__(self, good: int) -> None:
        super().__init__()
        self.seen = torch.zeros(8)
        self.good = good
        self.changes = 0

    def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        latent = inputs["latent"][0]
        if bool((latent != self.seen).any()):
            self.seen = latent.clone()
            self.changes += 1
        value = 0.25 if self.changes <= self.good else float("nan")
        return {"picture": torch.full((3, 16, 16), value)}


SCRIPTED = """
import sys
from pathlib import Path
from vrgen.config import RunOptions
from vrgen.messages import Controls
from watched import visit

target, report, picture = map(Path, sys.argv[1:])
state = {"results": 0, "pressed": 0, "first": None}

def script(session, number):
    status = {s.name: s for s in session.generators.status}["it"]
    if status.results and state["pressed"] == 0 and session.scene.objects.pictures:
        state["first"] = session.scene.objects.pictures[0].pixels.copy()
        state["pressed"] = number
        return Controls(pressed=("n",))
    if state["pressed"] and status.errors and number > state["pressed"] + 30:
        pixels = session.scene.objects.pictures[0].pixels
        print("kept" if (pixels == state["first"]).all() else "lost", status.phase.value)
        return Controls(closing=True)
    return Controls()

visit(script, RunOptions(target=str(target), seconds=120, report=report, screenshot=picture, quality="low",
                         device="cpu", seed=1))
"""


def test_a_generator_that_begins_to_fail_leaves_the_last_good_world(tmp_path: Path) -> None:
    made.picture(Turns(DRY_RUNS + 1), tmp_path / "it.pt")
    report = tmp_path / "report.json"
    done = run_script(SCRIPTED, tmp_path / "it.pt", report, tmp_path / "picture.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["kept", "failed"], done.stdout + done.stderr
    told = json.loads(report.read_text())["generators"]["it"]
    assert told["results"] == 1 and told["errors"]

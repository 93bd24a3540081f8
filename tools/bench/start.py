"""Seconds from the start of the process to the first picture, while the worker still loads torch.

Runs `vrgen run` as a person would, without a screen and in a window (Xvfb's where there is no screen), with the
driver's shader cache filled, and empty as at the very first start. A second table tells where the time goes.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import _bench

from vrgen.feedback.rings import summary

RUNS = 5
MOST_S = 0.6
_COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
"""Python keeps what it compiles, as where vrgen is installed; the first start of all does not count."""
_RUN = """
import sys, time
import vrgen.cli
from vrgen.feedback.ledger import Ledger
shown_s = []
def first_frame(self, since_start_s, own=Ledger.first_frame):
    shown_s.append(time.time())
    own(self, since_start_s)
Ledger.first_frame = first_frame
status = vrgen.cli.main()
print(shown_s[0] if shown_s else 0.0)
sys.exit(status)
"""
_MARKS = """
import json, os, sys, time
began_s = float(sys.argv[3])
marks = {"Python runs": time.time() - began_s}
def mark(name):
    marks[name] = time.time() - began_s
import vrgen.cli
mark("the command line's imports")
options = vrgen.cli.parse(["run", sys.argv[1], "--display", sys.argv[2]])
mark("the command is understood")
from vrgen.visit import Generators, RealClock, beside, open_display, world_of
mark("the display's imports")
world = world_of(options.target)
with Generators(world) as generators:
    mark("the worker is on its way")
    with beside.imported("vrgen.app"):
        display, _ = open_display(options, RealClock())
    mark("the display is open, the loop imported")
    from vrgen.app import Session
    with display:
        session = Session(options, world, display, generators)
        mark("the session is made")
        for number, open_frame in enumerate(display.frames()):
            with open_frame as frame:
                session.frame(frame, number)
                mark("the first frame is drawn" if number == 0 else "the second frame is drawn")
            mark("the first frame is shown" if number == 0 else "the second frame is shown")
            if number:
                break
        session.close()
        ready = sum(status.results for status in generators.status)
print(json.dumps({"marks": marks, "ready": ready}), flush=True)
os._exit(0)
"""


def main() -> None:
    parser = _bench.arguments(__doc__)
    _bench.world_argument(parser)
    parser.add_argument("--runs", type=int, help="starts of each kind")
    args = parser.parse_args()
    runs = args.runs or (1 if args.quick else RUNS)
    target = _bench.chosen_world(args.world)
    report = _bench.Report("start", args)
    found: dict[str, list[dict[str, Any]]] = {}
    marks: dict[str, dict[str, float]] = {}
    with _bench.x_server() as screen, tempfile.TemporaryDirectory() as folder:
        displays: dict[str, dict[str, str]] = {"headless": {}}
        if screen is None:
            report.say("no window: there is no screen, and Xvfb is not installed")
        else:
            displays["window"] = dict(screen)
        for display, environment in displays.items():
            filled = Path(folder) / display
            caches = {"filled": [filled] * runs, "empty": [Path(folder) / f"{display}{i}" for i in range(runs)]}
            _start(target, display, Path(folder), filled, environment)
            for state, places in caches.items():
                name = f"{display}, shader cache {state}"
                found[name] = [_start(target, display, Path(folder), place, environment) for place in places]
            settings = {**environment, **_cache(filled), **_COMPILED}
            told = _bench.in_child("-c", _MARKS, target, display, time.time(), **settings)
            marks[display] = told["marks"]

    rows = []
    for name, starts in found.items():
        seconds = [start["first_frame_s"] for start in starts]
        early = sum(not start["results"] for start in starts)
        reported = _bench.cells([start["told_s"] for start in starts])[0]
        listed = " ".join(f"{s:.2f}" for s in seconds)
        rows.append(
            [name, *_bench.cells(seconds), f"{max(seconds):.2f}", f"{early} of {len(starts)}", reported, listed]
        )
        report.machine[f"GL, {name.partition(',')[0]}"] = starts[0]["gl"]
        if name.endswith("filled"):
            report.figure(f"{name}: first frame, s, p50", summary(seconds)["p50"], at_most=MOST_S)
    title = f"From the process's start to the first frame, s: {Path(target).name}"
    report.table(title, ("display", "p50", "p95", "p99", "max", "no result by frame 3", "--report", "each"), rows)
    for display, at in marks.items():
        rows, before = [], 0.0
        for name, seconds_at in at.items():
            rows.append([name, f"{seconds_at:.2f}", f"{seconds_at - before:.2f}"])
            before = seconds_at
        report.table(f"One start, {display}, s", ("by then", "since the start", "of it"), rows)
    report.keep(world=target, starts=found, marks=marks)
    report.finish()


def _cache(folder: Path) -> dict[str, str]:
    """Where Mesa keeps compiled shaders; the older name for older Mesa."""
    return {"MESA_SHADER_CACHE_DIR": str(folder), "MESA_GLSL_CACHE_DIR": str(folder)}


def _start(target: str, display: str, folder: Path, cache: Path, environment: dict[str, str]) -> dict[str, Any]:
    """One run of three frames: when the first was shown, by our clock and by its report; how many results came."""
    path = folder / "report.json"
    words = ("run", target, "--display", display, "--frames", "3", "--report", path)
    begun_s = time.time()
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment, **_cache(cache), **_COMPILED},
        check=False,
    )
    if done.returncode:
        sys.exit(f"start.py: vrgen run ended with status {done.returncode}")
    told = json.loads(path.read_text(encoding="utf-8"))
    return {
        "first_frame_s": float(done.stdout.split()[-1]) - begun_s,
        "told_s": told["first_frame_s"],
        "gl": told["display"]["gl"],
        "results": sum(generator["results"] for generator in told["generators"].values()),
    }


if __name__ == "__main__":
    main()

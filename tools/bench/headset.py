"""What a frame in a headset costs vrgen, beside a bare OpenXR loop; and whether one is missed in minutes.

On the OpenXR testbed (Monado's `remote` headset, 960 × 1080 an eye, 90 Hz), one program after the other: a bare
pyopenxr loop that clears both eyes; vrgen's display and its actions with nothing but a clear; the whole loop with
an empty scene; the whole loop on a world that stands. Then the whole loop again, for minutes, while the generators
work without pause.

A software rasteriser draws no world at 90 Hz, so the calls that make a GPU work are left out, as if one did the
rest. CPU time is the drawing thread's, so that what waits costs nothing. Late is the time from locating the eyes
to handing the picture over.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _bench
import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1]))

from xr_testbed.root import REPOSITORY, TestbedUnavailable, open_root
from xr_testbed.testbed import Testbed

RATE_HZ = 90
CHILD = Path(__file__).with_name("_headset.py")
ROWS = {
    "bare": "bare pyopenxr loop",
    "display": "vrgen's display and actions",
    "empty": "vrgen, empty scene",
    "whole": "vrgen, a world that stands",
}
_MOST_EXPLAINED = 0.8
"""Of a period: what took so long explains a missed frame."""
Numbers = dict[str, Any]


def main() -> None:
    parser = _bench.arguments(__doc__)
    _bench.world_argument(parser)
    parser.add_argument("--seconds", type=float, help="of each of the first four")
    parser.add_argument("--minutes", type=float, default=5.0, help="with the generators at work (default 5)")
    args = parser.parse_args()
    seconds = args.seconds or (4.0 if args.quick else 20.0)
    busy_s = 6.0 if args.quick else 60.0 * args.minutes
    try:
        root = open_root()
    except TestbedUnavailable as error:
        print(f"headset is left out: {error}")
        return
    report = _bench.Report("headset", args)
    world = _bench.chosen_world(args.world)
    # A small picture: the compositor's own work is not what is measured.
    with Testbed(root, rate_hz=RATE_HZ, picture_px=(96, 54)) as testbed:
        measured = {name: _measure(testbed, name, seconds, world) for name in ROWS}
        _tell_costs(report, measured)
        busy = _measure(testbed, "busy", busy_s, world)
        _tell_missed(report, busy, Path(world).name)
    report.keep(world=world, hz=RATE_HZ, costs=measured, busy=busy)
    report.finish()


def _measure(testbed: Testbed, name: str, seconds: float, world: str) -> Numbers:
    to = testbed.folder / f"{name}.json"
    env = {"PYTHONPATH": str(REPOSITORY)}
    done = testbed.run(testbed.python(CHILD, name, str(seconds), world, to), env, timeout_s=300.0 + seconds)
    if not to.exists():
        sys.exit(f"headset: {ROWS.get(name, name)} failed with status {done.returncode}:\n{done.stdout[-2000:]}")
    numbers: Numbers = json.loads(to.read_text(encoding="utf-8"))
    return numbers


def _tell_costs(report: _bench.Report, measured: dict[str, Numbers]) -> None:
    bare = float(np.median(measured["bare"]["cpu_s"]))
    rows = []
    for name, numbers in measured.items():
        cpu_ms, late_ms = _ms(numbers["cpu_s"]), _ms(numbers["late_s"])
        drawing_ms = _ms(numbers.get("drawing_s", [0.0] * len(late_ms)))
        beyond = [late - drawing for late, drawing in zip(late_ms, drawing_ms)]
        ratio = f"{np.median(numbers['cpu_s']) / bare:.2f}"
        rows.append([ROWS[name], str(len(cpu_ms)), *_bench.cells(cpu_ms), ratio, *_bench.cells(beyond)])
    report.table(
        f"A frame's CPU time, and how late its poses are beyond the drawing, ms, {RATE_HZ} Hz "
        "(empty scene: p50 at most 1.0, p99 at most 3; late at most 0.3)",
        ("", "frames", "CPU p50", "p95", "p99", "÷ bare", "late p50", "p95", "p99"),
        rows,
    )


def _tell_missed(report: _bench.Report, numbers: Numbers, world: str) -> None:
    causes = _missed(numbers)
    frames, missed = len(numbers["cpu_s"]), sum(causes.values())
    shown = [*causes.items()] or [("none", 0)]
    report.table(
        f"Frames missed while the generators work, {world}, {RATE_HZ} Hz: {missed} of {frames + missed}",
        ("because of", "frames"),
        [[cause, str(count)] for cause, count in shown],
    )
    head = ("", "p50", "p95", "p99")
    rows = [
        ["CPU time of a frame, ms", *_bench.cells(_ms(numbers["cpu_s"]))],
        ["from its turn to its end, ms", *_bench.cells(_ms(numbers["work_s"]))],
    ]
    report.table(f"The frames of that run; {numbers['results']} results", head, rows)
    for error in numbers["errors"]:
        report.say(error)


def _missed(numbers: Numbers) -> Counter[str]:
    """How many frames of the display passed without a picture of ours, by what the frame before took."""
    period_ns = 1e9 / RATE_HZ
    causes: Counter[str] = Counter()
    gaps = np.round(np.diff(numbers["display_ns"]) / period_ns).astype(int) - 1
    for at in np.flatnonzero(gaps > 0):
        # The turn comes late after the frame that took long, or because its own turn was given late.
        took = {name: max(numbers[name][at : at + 2]) * 1e9 / period_ns for name in ("cpu_s", "work_s", "gc_s")}
        upload = max(numbers["upload_s"][at : at + 2]) * 1e9 / period_ns
        if took["gc_s"] > _MOST_EXPLAINED / 2:
            cause = "vrgen: Python's garbage collection"
        elif took["cpu_s"] > _MOST_EXPLAINED:
            cause = (
                "vrgen: bringing new data to the GPU" if upload > _MOST_EXPLAINED / 2 else "vrgen: its own work"
            )
        elif took["work_s"] > _MOST_EXPLAINED:
            cause = "the machine: the frame waited for a core, or within a call to the runtime"
        else:
            cause = "the runtime: it gave the turn late"
        causes[cause] += int(gaps[at])
    return causes


def _ms(seconds: Sequence[float]) -> list[float]:
    return [each * 1e3 for each in seconds]


if __name__ == "__main__":
    main()

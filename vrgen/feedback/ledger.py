"""The latency ledger: what `--report` writes and the panel shows.

Cheap enough for every frame (a few appends to bounded rings) and bounded in memory however long the session is: of
each quantity the last `KEPT` numbers stay.
"""

import json
import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vrgen.errors import VrgenError
from vrgen.messages import FrameCost, GeneratorStatus, Person

KEPT = 60_000
"""Numbers kept of each quantity: eleven minutes at 90 Hz."""
MISSED = 1.5
"""A frame that comes after so many periods of the display has missed its turn."""


class Series:
    """A ring of the last `KEPT` numbers."""

    def __init__(self) -> None:
        self._ring = array("d")
        self._next = 0

    def add(self, value: float) -> None:
        if len(self._ring) < KEPT:
            self._ring.append(value)
        else:
            self._ring[self._next] = value
            self._next = (self._next + 1) % KEPT

    def last(self, count: int) -> list[float]:
        """The newest `count`, oldest first."""
        size = len(self._ring)
        return [self._ring[self._next - i] for i in range(min(count, size), 0, -1)]

    def summary(self) -> dict[str, float]:
        return summary(self._ring)


def summary(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and max, rounded to a microsecond where the numbers are milliseconds; {} of nothing."""
    if not len(values):
        return {}
    p50, p95, p99, top = np.percentile(np.asarray(values, np.float64), [50, 95, 99, 100])
    return {name: round(float(v), 3) for name, v in zip(("p50", "p95", "p99", "max"), (p50, p95, p99, top))}


class Ledger:
    """Gathers what a session costs. Times are seconds of one clock unless a name ends in `_ms`."""

    def __init__(self, kind: str, refresh_hz: float, gl: str, runtime: str | None = None) -> None:
        self.display: dict[str, Any] = {}
        self.switches: list[dict[str, Any]] = []
        self.first_frame_s: float | None = None
        self.count = self.missed = self.transfer_bytes = 0
        self.cpu_ms, self.interval_ms, self.late_ms = Series(), Series(), Series()
        self.transfer_ms, self.photon_ms = Series(), Series()
        self.transfer_path = "pixel-buffer"
        self.scene = {"tiles": 0, "meshes": 0, "instances": 0, "triangles": 0}
        self.done: dict[str, int] = {}
        """How often each thing that a person can do was done, by its name."""
        self.person: Person | None = None
        """Where the person is now."""
        self.worker_peak_mb = 0.0
        self._begun_s: float | None = None
        self.shows(kind, refresh_hz, gl, runtime)
        self.switches.clear()

    def shows(self, kind: str, refresh_hz: float, gl: str, runtime: str | None = None, why: str = "") -> None:
        """The world is now on this display; `why` it changed goes into the report."""
        self.display = {"kind": kind, "runtime": runtime, "refresh_hz": refresh_hz, "gl": gl}
        self.switches.append({"to": kind, "frame": self.count, "why": why})
        self._period_s = 1.0 / refresh_hz
        self._begun_s = None

    def frame(
        self,
        begun_s: float,
        ended_s: float,
        cpu_ms: float,
        cost: FrameCost | None = None,
        *,
        rendered: bool = True,
        answered: bool = False,
    ) -> None:
        """One frame: when its controls were read, when its picture was handed to the display, and what it cost
        the CPU without waiting. `answered`: the controls held something to answer, which is now seen."""
        self.count += 1
        self.cpu_ms.add(cpu_ms)
        if self._begun_s is not None and rendered:
            interval_s = begun_s - self._begun_s
            self.interval_ms.add(interval_s * 1e3)
            if interval_s > MISSED * self._period_s:
                self.missed += round(interval_s / self._period_s) - 1
        self._begun_s = begun_s if rendered else None
        if answered:
            self.photon_ms.add((ended_s - begun_s) * 1e3)
        if cost is not None and cost.upload_bytes:
            self.transfer_bytes += cost.upload_bytes
            self.transfer_ms.add(cost.upload_ms)

    def located(self, late_ms: float | None) -> None:
        """How long a headset's eyes had been located when their picture was handed over; None of no picture."""
        if late_ms is not None:
            self.late_ms.add(late_ms)

    def first_frame(self, since_start_s: float) -> None:
        """Seconds from the start of the process to the first picture; only the first call counts."""
        if self.first_frame_s is None:
            self.first_frame_s = since_start_s

    @property
    def rate_hz(self) -> float:
        """Frames a second over the last half second or so; 0 before there are two."""
        last = self.interval_ms.last(max(2, round(0.5 / self._period_s)))
        return 1e3 * len(last) / sum(last) if last and sum(last) > 0 else 0.0

    def did(self, name: str) -> None:
        """The person did that: an action by its name, "teleport", "drag" …"""
        self.done[name] = self.done.get(name, 0) + 1

    def worker_memory(self, megabytes: float) -> None:
        """What the worker takes now; the report gives the peak."""
        self.worker_peak_mb = max(self.worker_peak_mb, megabytes)

    def report(self, generators: Mapping[str, GeneratorStatus] | None = None) -> dict[str, Any]:
        """The report, in the layout that docs/guide names for `--report`."""
        return {
            "display": {**self.display, "switches": list(self.switches)},
            "first_frame_s": None if self.first_frame_s is None else round(self.first_frame_s, 3),
            "frames": {
                "count": self.count,
                "missed": self.missed,
                "cpu_ms": self.cpu_ms.summary(),
                "interval_ms": self.interval_ms.summary(),
                "late_ms": self.late_ms.summary(),
            },
            "generators": {
                name: {
                    "requests": status.requests,
                    "results": status.results,
                    "stale": status.stale,
                    "restarts": status.restarts,
                    "errors": list(status.errors),
                    "infer_ms": summary(status.infer_ms),
                    "age_ms": summary(status.age_ms),
                }
                for name, status in (generators or {}).items()
            },
            "transfer": {
                "path": self.transfer_path,
                "bytes": self.transfer_bytes,
                "ms": self.transfer_ms.summary(),
            },
            "input_to_photon_ms": self.photon_ms.summary(),
            "scene": dict(self.scene),
            "person": {**_place(self.person), "did": dict(self.done)},
            "memory_mb": {"frame_peak": round(peak_memory_mb(), 1), "worker_peak": round(self.worker_peak_mb, 1)},
        }

    def write(self, path: Path, generators: Mapping[str, GeneratorStatus] | None = None) -> None:
        """Write the report as JSON; a reader sees the old file or the whole new one.

        Raises:
            VrgenError: it can't be written.
        """
        partial = path.with_name(path.name + ".part")
        try:
            partial.write_text(json.dumps(self.report(generators), indent=2) + "\n", encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise VrgenError(
                f"{path}: the report can't be written ({error.strerror}); choose another place"
            ) from error


def _place(person: Person | None) -> dict[str, Any]:
    """Where they stand, metres, and where they look: degrees, 0 to -Z, positive to the left."""
    if person is None:
        return {}
    heading_deg = math.degrees(person.yaw_rad + person.head_yaw_rad)
    return {
        "feet_m": [round(metres, 3) for metres in person.feet_world],
        "heading_deg": round((heading_deg + 180.0) % 360.0 - 180.0, 2),
    }


def peak_memory_mb() -> float:
    """The most that this process has held in memory."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10

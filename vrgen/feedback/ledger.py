"""The latency ledger: what `--report` writes and the panel shows.

Cheap enough for every frame (a few numbers put into rings) and bounded in memory however long the session is: of
each quantity the last numbers stay, and the rings are as large from the first as they will ever be.
"""

import json
import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import IntEnum
from pathlib import Path
from typing import Any, Protocol

from vrgen.clock import monotonic_s
from vrgen.collector import Collector
from vrgen.effort import WHOLE, Drawn
from vrgen.errors import VrgenError
from vrgen.feedback.changes import Changes
from vrgen.feedback.missed import CAUSES, RASTERISER, WAITING, Spent
from vrgen.feedback.rings import Series, Table, summary
from vrgen.laps import Laps
from vrgen.messages import FrameCost, GeneratorStatus, Person

MISSED = 1.5
"""A frame that comes after so many periods of the display has missed its turn."""
_SEEN = 2048
"""Frames that the graph can go back."""


class Step(IntEnum):
    """The parts of a frame, in their order: what the frame's thread does from one picture to the next."""

    WAIT = 0
    """For the display, and reading its devices."""
    INTERPRET = 1
    STEER = 2
    REQUEST = 3
    LIVE = 4
    PANEL = 5
    SHOW = 6
    ANSWER = 7
    """Screenshots, haptics, the ledger itself."""
    END = 8
    """Handing the picture over."""
    COLLECT = 9
    """Garbage, after the frame."""


STEPS = tuple(step.name.lower() for step in Step)
SCENE = ("tiles", "meshes", "instances", "drawn", "hidden", "outside", "triangles", "splats")
"""What is told of the scene: `drawn`, `hidden` and `outside` of the instances."""


class Passes(Protocol):
    """What the ledger reads of `vrgen.gl.timing.PassTimer`."""

    names: tuple[str, ...]
    took_s: list[float]
    gpu_ms: list[float]
    gpu_frame_ms: float
    gpu_frames: int


class Ledger:
    """Gathers what a session costs. Times are seconds of time.perf_counter unless a name ends in `_ms`."""

    def __init__(
        self,
        kind: str,
        refresh_hz: float,
        gl: str,
        runtime: str | None = None,
        passes: Sequence[str] = (),
    ) -> None:
        """`passes`: names of what the renderer tells the time of."""
        self.display: dict[str, Any] = {}
        self.switches: list[dict[str, Any]] = []
        self.first_frame_s: float | None = None
        self.count = self.missed = self.transfer_bytes = 0
        self.cpu_ms, self.interval_ms, self.late_ms = Series(), Series(), Series()
        self.transfer_ms, self.photon_ms, self.age_ms = Series(), Series(), Series()
        self.changes = Changes(monotonic_s())
        self.steps_ms = Table(STEPS)
        self.passes_cpu_ms = Table(passes)
        self.passes_gpu_ms = Table((*passes, "frame"))
        self.missed_by = [0] * len(CAUSES)
        self.last_miss: tuple[int, int] = (0, 0)
        """How many frames were missed just before the newest one, and why: an index into `CAUSES`."""
        self.picture_px = (0, 0)
        """Width and height of a view, as drawn last."""
        self.drawn = self.least_drawn = WHOLE
        """What of a whole picture was drawn last, and at the least."""
        self.transfer_path = "pixel-buffer"
        self.transfer_why, self.card_bytes = "", 0
        self.scene = dict.fromkeys(SCENE, 0)
        self.done: dict[str, int] = {}
        """How often each thing that a person can do was done, by its name."""
        self.person: Person | None = None
        """Where the person is now."""
        self.worker_peak_mb = self.textures_peak_mb = self.textures_room_mb = 0.0
        self.steps_back = self.most_steps_back = 0
        self.generators_on = ""
        """The device that results come from."""
        self.collector: Collector | None = None
        """Who collects garbage."""
        self._spent = Spent()
        self._gpu_frames = 0
        self._causes = array("b", bytes(_SEEN))
        self._begun_s: float | None = None
        self._handed_s = 0.0
        self.shows(kind, refresh_hz, gl, runtime)
        self.switches.clear()

    def shows(self, kind: str, refresh_hz: float, gl: str, runtime: str | None = None, why: str = "") -> None:
        """The world is now on this display; `why` it changed goes into the report."""
        self.display = {"kind": kind, "runtime": runtime, "refresh_hz": refresh_hz, "gl": gl}
        self.switches.append({"to": kind, "frame": self.count, "why": why})
        self.period_s = 1.0 / refresh_hz
        self._begun_s = None

    # --- a frame --------------------------------------------------------------------------------------------

    def frame(
        self,
        begun_s: float,
        ended_s: float,
        cpu_ms: float,
        cost: FrameCost | None = None,
        *,
        rendered: bool = True,
        answered: bool = False,
        core_s: float = 0.0,
    ) -> None:
        """One frame: when its controls were read, when its picture was handed to the display, and what it cost
        the CPU without waiting. `answered`: the controls held something to answer, which is now seen. `core_s`:
        how long its thread had a core for it."""
        self.count += 1
        self.cpu_ms.add(cpu_ms)
        self.last_miss = (0, 0)
        spent = self._spent
        if self._begun_s is not None and rendered:
            interval_s = begun_s - self._begun_s
            missed = round(interval_s / self.period_s) - 1 if interval_s > MISSED * self.period_s else 0
            if missed:
                cause = spent.cause(self.period_s)
                self.missed += missed
                self.missed_by[cause] += missed
                self.last_miss = (missed, cause)
            self._causes[self.interval_ms.count % _SEEN] = 1 + self.last_miss[1] if missed else 0
            self.interval_ms.add(interval_s * 1e3)
        self._begun_s = begun_s if rendered else None
        self._handed_s = ended_s
        spent.core_s = core_s
        spent.upload_s = spent.waited_s = spent.collection_s = 0.0
        if answered:
            self.photon_ms.add((ended_s - begun_s) * 1e3)
        if cost is not None:
            spent.upload_s, spent.waited_s = cost.upload_ms * 1e-3, cost.waited_ms * 1e-3
            if cost.upload_bytes:
                self.transfer_bytes += cost.upload_bytes
                self.transfer_ms.add(cost.upload_ms)
            self.age_ms.add(self.changes.age_s(ended_s) * 1e3)

    def by_card(self, why: str, copied: int) -> None:
        """Whether results stay on the card, or why they do not; bytes that did."""
        if not why:
            self.transfer_path = "cuda"
        self.transfer_why, self.card_bytes = why, copied

    def handed_over(self, now_s: float, held_s: float) -> float:
        """The display has the frame; `held_s` of that it waited for its screen. Returns how long, without
        waiting, the next frame is still away."""
        spent = self._spent
        spent.waited_s += max(0.0, now_s - self._handed_s - held_s)
        if self._begun_s is None:
            return self.period_s
        self.changes.showed(now_s)
        return self.period_s - (now_s - self._begun_s - held_s)

    def rested(self, steps: Laps, passes: Passes, collection_s: float) -> None:
        """The frame and what follows it is over. `collection_s`: what was spent on garbage since the last one."""
        self._spent.collection_s = collection_s
        self.steps_ms.add(*[took_s * 1e3 for took_s in steps.took_s])
        if self._begun_s is None:
            return
        self.passes_cpu_ms.add(*[took_s * 1e3 for took_s in passes.took_s])
        if passes.gpu_frames != self._gpu_frames:
            self._gpu_frames = passes.gpu_frames
            self.passes_gpu_ms.add(*passes.gpu_ms, passes.gpu_frame_ms)
            self._spent.gpu_s = passes.gpu_frame_ms * 1e-3

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
        last = self.interval_ms.last(max(2, round(0.5 / self.period_s)))
        return 1e3 * len(last) / sum(last) if last and sum(last) > 0 else 0.0

    def recent(self, seconds: float) -> tuple[list[float], list[int]]:
        """Of the last seconds, oldest first: ms from frame to frame, and 0 or 1 + why frames were missed in it."""
        count = min(self.interval_ms.count, _SEEN, round(seconds / self.period_s))
        first = self.interval_ms.count - count
        return self.interval_ms.last(count), [self._causes[(first + i) % _SEEN] for i in range(count)]

    # --- the rest -------------------------------------------------------------------------------------------

    def did(self, name: str) -> None:
        """The person did that: an action by its name, "teleport", "drag" …"""
        self.done[name] = self.done.get(name, 0) + 1

    def texture_memory(self, megabytes: float, room_mb: float) -> None:
        """What the world's textures take now, and may take; the report gives the peak."""
        self.textures_peak_mb, self.textures_room_mb = max(self.textures_peak_mb, megabytes), room_mb

    def drew(self, drawn: Drawn) -> None:
        """What of a whole picture is drawn now."""
        self.drawn, self.least_drawn = drawn, min(self.least_drawn, drawn)

    def worker_memory(self, megabytes: float) -> None:
        """What the worker takes now; the report gives the peak."""
        self.worker_peak_mb = max(self.worker_peak_mb, megabytes)

    @property
    def missed_for_want(self) -> int:
        """Frames that were missed for want of a core or of the GPU: the generators may be to blame."""
        return self.missed_by[WAITING] + self.missed_by[RASTERISER]

    def stepped_back(self, steps: int) -> None:
        """How far the worker gives way for the frame's sake now."""
        self.steps_back, self.most_steps_back = steps, max(self.most_steps_back, steps)

    def report(self, generators: Mapping[str, GeneratorStatus] | None = None) -> dict[str, Any]:
        """The report, in the layout that docs/guide names for `--report`."""
        return {
            "display": {**self.display, "switches": list(self.switches)},
            "first_frame_s": None if self.first_frame_s is None else round(self.first_frame_s, 3),
            "frames": {
                "count": self.count,
                "missed": self.missed,
                "missed_by": dict(zip(CAUSES, self.missed_by)),
                "cpu_ms": self.cpu_ms.summary(),
                "interval_ms": self.interval_ms.summary(),
                "late_ms": self.late_ms.summary(),
                "age_ms": self.age_ms.summary(),
                "steps_ms": self.steps_ms.summary(zeros=False),
            },
            "picture": {
                "size_px": list(self.picture_px),
                "drawn": self.drawn._asdict(),
                "at_the_least": self.least_drawn._asdict(),
            },
            "passes": {
                "cpu_ms": self.passes_cpu_ms.summary(zeros=False),
                "gpu_ms": self.passes_gpu_ms.summary(zeros=False),
            },
            "changes": {
                "shown": self.changes.shown,
                "overtaken": self.changes.overtaken,
                "stages_ms": self.changes.stages_ms(),
            },
            "generators": {
                name: {
                    "requests": status.requests,
                    "results": status.results,
                    "stale": status.stale,
                    "restarts": status.restarts,
                    "way": status.way,
                    "tried": [asdict(trial) for trial in status.trials],
                    "errors": list(status.errors),
                    "infer_ms": summary(status.infer_ms),
                    "age_ms": summary(status.age_ms),
                    "stages_ms": self.changes.stages_ms(name),
                }
                for name, status in (generators or {}).items()
            },
            "steps_back": {"now": self.steps_back, "most": self.most_steps_back},
            "transfer": {
                "path": self.transfer_path,
                "why": self.transfer_why,
                "card_bytes": self.card_bytes,
                "from": self.generators_on,
                "bytes": self.transfer_bytes,
                "ms": self.transfer_ms.summary(),
            },
            "collections": self.collector.told if self.collector is not None else {},
            "input_to_photon_ms": self.photon_ms.summary(),
            "scene": dict(self.scene),
            "person": {**_place(self.person), "did": dict(self.done)},
            "memory_mb": {
                "frame_peak": round(peak_memory_mb(), 1),
                "worker_peak": round(self.worker_peak_mb, 1),
                "textures_peak": round(self.textures_peak_mb, 1),
                "textures_room": round(self.textures_room_mb, 1),
            },
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

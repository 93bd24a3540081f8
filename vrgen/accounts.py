"""What a session costs, kept in one place: steps by the stopwatch, the ledger, garbage, and the trace."""

import time

from vrgen.clock import process_age_s
from vrgen.collector import Collector
from vrgen.display.interface import Display
from vrgen.effort import TOO_SLOW, Effort
from vrgen.feedback.ledger import STEPS, Ledger, Step
from vrgen.feedback.trace import Trace, TracedPasses
from vrgen.generator.generators import Generators
from vrgen.laps import Laps
from vrgen.messages import FrameCost, Seen
from vrgen.scene_model import Scene

_STARTED = 30
"""Frames after which all that a session begins with is there."""
_SLOWEST_S, _LEAST = 1 / 30, 2
"""Of a window on a rasteriser in software: the period to keep, and the step of effort that is the last."""


class Accounts:
    """A context manager: while it is entered, garbage is collected between frames and never in one.

    A frame calls `begin`, `lap` after each step up to ANSWER, `end`; and when the display has it, `rest`.
    """

    def __init__(self, display: Display, passes: TracedPasses, software: bool) -> None:
        """`software`: OpenGL is a rasteriser on the CPU."""
        self.ledger = Ledger(display.kind, display.refresh_hz, display.gl, display.runtime, passes.names)
        self.steps = Laps(STEPS)
        self.lap = self.steps.lap
        self.collector = self.ledger.collector = Collector()
        self.effort = Effort()
        """What of a whole picture is drawn."""
        self._passes, self._software = passes, software
        self._gpu_frames = 0
        self._waiting = [i for i, name in enumerate(passes.names) if name in ("resolve", "panel")]
        """Passes that draw into what the screen shows, and may wait for it."""
        self._trace: Trace | None = None
        self._display_changes = display.changes
        self._began_s = process_age_s() - time.perf_counter()
        self._collected_s = self._core_s = 0.0

    def __enter__(self) -> "Accounts":
        self.collector.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.collector.__exit__(None, None, None)

    @property
    def age_s(self) -> float:
        """How long the process has run."""
        return time.perf_counter() + self._began_s

    def trace_to(self, trace: Trace | None) -> None:
        """From here on every frame is written down there too."""
        self._trace = trace
        if trace is not None:
            trace.begin(time.perf_counter(), self.ledger, self.steps, self._passes, self.collector)

    def begin(self, display: Display) -> float:
        """A frame begins, perhaps elsewhere than the last one; since that one the thread has waited. Returns the
        time."""
        steps, before_s = self.steps, self.steps.ended_s[Step.COLLECT]
        begun_s = steps.begin()
        steps.took_s[Step.WAIT] = begun_s - before_s if before_s else 0.0
        self._core_s = time.thread_time()
        self.collector.in_frame = True
        if display.changes != self._display_changes:
            self._display_changes = display.changes
            self.ledger.shows(display.kind, display.refresh_hz, display.gl, display.runtime, display.why)
            self.effort = Effort()
        return begun_s

    def end(self, begun_s: float, cost: FrameCost | None, *, answered: bool) -> None:
        """All of the frame is done but handing it over. `cost`: of its picture, if it has one."""
        ended_s = self.steps.ended_s[Step.ANSWER]
        core_s = time.thread_time() - self._core_s
        cpu_ms = (ended_s - begun_s) * 1e3
        self.ledger.frame(
            begun_s, ended_s, cpu_ms, cost, rendered=cost is not None, answered=answered, core_s=core_s
        )

    def rest(self, display: Display, generators: Generators, *, hidden: bool) -> None:
        """After a frame: garbage is collected in the time that is left, and it is told where the time went.
        `hidden`: nobody sees whether the next one comes late."""
        ledger, steps, collector = self.ledger, self.steps, self.collector
        steps.lap(Step.END)
        collector.in_frame = False
        slack_s = ledger.handed_over(steps.ended_s[Step.END], display.held_s)
        if ledger.count == _STARTED:
            collector.freeze()
        collector.tidy(slack_s, hidden=hidden)
        steps.lap(Step.COLLECT)
        ledger.rested(steps, self._passes, collector.took_s - self._collected_s)
        self._collected_s = collector.took_s
        if self._passes.gpu_frames != self._gpu_frames and display.kind != "headless":
            self._gpu_frames = self._passes.gpu_frames
            self._spare(display)
        ledger.located(display.late_ms)
        ledger.first_frame(self.age_s)
        generators.missed(ledger.missed_for_want)
        if self._trace is not None:
            waiting = sum(status.waiting for status in generators.status)
            self._trace.frame(ledger, steps, self._passes, collector, generators.whole, waiting)

    def _spare(self, display: Display) -> None:
        """Hold what the GPU took for a picture against the time that there is."""
        period_s, least, passes = self.ledger.period_s, 0, self._passes
        took_ms = passes.gpu_frame_ms - sum(passes.gpu_ms[which] for which in self._waiting)
        if not display.scales_views:
            if self._software:  # no picture that is worth it keeps a window's rate
                period_s, least = max(_SLOWEST_S, period_s), _LEAST
            if not self.ledger.last_miss[0]:  # however long it took, it was in time
                took_ms = min(took_ms, TOO_SLOW * period_s * 1e3)
        self.effort = self.effort.after(took_ms, period_s * 1e3, least)
        self.ledger.drew(self.effort.drawn)
        display.scale_of_views = self.effort.drawn.scale

    def count(self, scene: Scene, triangles: int, seen: Seen) -> None:
        """What is in the scene now, and what was seen of it."""
        self.ledger.scene = {
            "tiles": len(scene.ground.shown.tiles),
            "meshes": len(scene.objects.meshes),
            "instances": len(scene.objects.instances),
            "drawn": seen.drawn,
            "hidden": seen.hidden,
            "outside": seen.outside,
            "triangles": triangles,
            "splats": sum(len(cloud.splats.gaussians) for cloud in scene.clouds),
        }

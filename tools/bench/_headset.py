"""What headset.py starts in the testbed: one of its measurements, whose numbers go to a file as JSON."""

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import _bench

from vrgen import app
from vrgen.config import RunOptions
from vrgen.display.interface import Display, Frame
from vrgen.messages import Controls, FrameCost, Intent, Person
from vrgen.scene_model import Objects, Scene

WARM_FRAMES = 60
"""Not counted: programs are compiled, caches filled."""
NEARLY_MADE = 4


class Frames:
    """What each frame cost, in lists of equal length; seconds. A frame's work goes from its turn to its end."""

    def __init__(self) -> None:
        self.cpu_s: list[float] = []
        """Of the thread that draws, from one frame's end to the next: what waits takes none."""
        self.work_s: list[float] = []
        self.late_s: list[float] = []
        """From locating the eyes to handing the picture over."""
        self.drawing_s: list[float] = []
        """Of that, the renderer's and the panel's part."""
        self.upload_s: list[float] = []
        self.gc_s: list[float] = []
        self.display_ns: list[int] = []
        """When the runtime meant the picture to be seen."""
        self.period_ns: list[int] = []
        self._cpu_s = time.thread_time()
        self._turn_s = self._collected_s = self._collects_s = 0.0

    def collecting(self, phase: str, info: dict[str, int]) -> None:
        """For gc.callbacks."""
        now_s = time.perf_counter()
        if phase == "start":
            self._collects_s = now_s
        else:
            self._collected_s += now_s - self._collects_s

    def turn(self) -> None:
        self._turn_s = time.perf_counter()

    def end(self, display: Display, drawing_s: float, upload_s: float) -> None:
        """Of a frame that was shown in the headset; call it when the frame has ended."""
        now_s, cpu_s = time.perf_counter(), time.thread_time()
        headset = getattr(display, "_headset", None)
        if headset is not None and display.late_ms is not None:
            state = headset.session.wait.state
            self.cpu_s.append(cpu_s - self._cpu_s)
            self.work_s.append(now_s - self._turn_s)
            self.late_s.append(display.late_ms / 1e3)
            self.drawing_s.append(drawing_s)
            self.upload_s.append(upload_s)
            self.gc_s.append(self._collected_s)
            self.display_ns.append(int(state.predicted_display_time))
            self.period_ns.append(int(state.predicted_display_period))
        self._collected_s = 0.0
        self._cpu_s = cpu_s

    def listed(self) -> dict[str, Any]:
        kept = {name: values[WARM_FRAMES:] for name, values in vars(self).items() if isinstance(values, list)}
        return kept | {"warm": WARM_FRAMES}


def bare(seconds: float, _: str) -> dict[str, Any]:
    """The bare pyopenxr loop that clears both eyes."""
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    from xr_testbed.hello import Hello

    with Hello((0.0, 0.0, 0.0, 1.0)) as hello:
        hello.live(10**9, seconds)
    return {"cpu_s": hello.costs.cpu_s[WARM_FRAMES:], "late_s": hello.costs.late_s[WARM_FRAMES:]}


def display_alone(seconds: float, _: str) -> dict[str, Any]:
    """vrgen's display with its actions, and nothing but a clear in each eye."""
    from vrgen.display.openxr.display import OpenXrDisplay
    from vrgen.display.window import WindowDisplay

    frames = Frames()
    gc.callbacks.append(frames.collecting)
    with OpenXrDisplay(WindowDisplay((320, 180)), insist=True) as display:
        import numpy as np

        from vrgen.gl.api import GL

        black = np.zeros(4, np.float32)
        until = time.monotonic() + seconds
        for open_frame in display.frames():
            with open_frame as frame:
                frames.turn()
                drawing_s = 0.0
                if frame.should_render:
                    views = frame.views(Person())
                    begun_s = time.perf_counter()
                    for view in views:
                        GL.glClearNamedFramebufferfv(view.framebuffer, GL.GL_COLOR, 0, black)
                    drawing_s = time.perf_counter() - begun_s
            if frame.should_render:
                frames.end(display, drawing_s, 0.0)
            if time.monotonic() > until:
                break
    return frames.listed()


class Measured(app.Session):
    """A session whose frames are measured. `busy`: another world is asked for whenever one is nearly made.
    `empty`: nothing of the world is shown."""

    frames: Frames
    busy = empty = False
    nothing: Scene | None = None

    def frame(self, frame: Frame, number: int) -> None:
        self.frames.turn()
        if self.busy and _bench.open_requests(self) < NEARLY_MADE and self.scene is not None:
            frame.controls = replace(frame.controls, pressed=(*frame.controls.pressed, "n"))
        self._drawing_s = self._upload_s = 0.0
        super().frame(frame, number)

    def live(self, intent: Intent, controls: Controls) -> None:
        super().live(intent, controls)
        if self.empty and self.scene is not None:
            if self.nothing is None:
                shown = replace(self.scene.ground.shown, tiles={})
                ground = replace(self.scene.ground, shown=shown, arriving=None)
                self.nothing = replace(self.scene, ground=ground, objects=Objects(), preload=())
            self.scene = self.nothing

    def show(self, frame: Frame, scene: Scene, intent: Intent) -> FrameCost | None:
        cost = super().show(frame, scene, intent)
        if cost is not None:
            self._drawing_s = (cost.draw_ms - cost.upload_ms) / 1e3
            self._upload_s = cost.upload_ms / 1e3
        return cost


def whole(seconds: float, world: str, *, busy: bool = False, empty: bool = False) -> dict[str, Any]:
    """The whole loop on a world that stands, with the calls that draw left out."""
    from contextlib import ExitStack

    from vrgen.clock import RealClock
    from vrgen.config import world_of
    from vrgen.display.openxr.display import OpenXrDisplay
    from vrgen.display.window import WindowDisplay
    from vrgen.generator.generators import Generators

    options = RunOptions(target=world, device="cpu")
    found = world_of(options.target)
    frames = Frames()
    gc.callbacks.append(frames.collecting)
    with ExitStack() as stack:
        generators = stack.enter_context(Generators(found, device="cpu"))
        clock = RealClock()
        display = OpenXrDisplay(WindowDisplay((320, 180), clock=clock), insist=True, clock=clock)
        stack.enter_context(display)
        stack.enter_context(_bench.nothing_drawn())
        session = Measured(options, found, display, generators)
        session.frames = frames
        stack.callback(session.close)
        stood_s: float | None = None
        for number, open_frame in enumerate(display.frames()):
            with open_frame as frame:
                session.frame(frame, number)
            session.rest(frame)
            now_s = time.monotonic()
            if stood_s is None:
                if _bench.standing(session) and not _bench.open_requests(session):
                    stood_s = now_s
                    session.busy, session.empty = busy, empty
            else:
                frames.end(display, session._drawing_s, session._upload_s)
                if now_s > stood_s + seconds:
                    break
        results = sum(status.results for status in generators.status)
        errors = [error for status in generators.status for error in status.errors]
    return frames.listed() | {"results": results, "errors": errors}


def empty(seconds: float, world: str) -> dict[str, Any]:
    """The same, and nothing of the world is shown: what the loop costs by itself."""
    return whole(seconds, world, empty=True)


def busy(seconds: float, world: str) -> dict[str, Any]:
    """`whole` while the generators work without pause."""
    return whole(seconds, world, busy=True)


MEASURES: dict[str, Callable[[float, str], dict[str, Any]]] = {
    "bare": bare,
    "display": display_alone,
    "empty": empty,
    "whole": whole,
    "busy": busy,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measure", choices=MEASURES)
    parser.add_argument("seconds", type=float)
    parser.add_argument("world")
    parser.add_argument("to", type=Path)
    args = parser.parse_args()
    numbers = MEASURES[args.measure](args.seconds, args.world)
    args.to.write_text(json.dumps(numbers), encoding="utf-8")


if __name__ == "__main__":
    main()

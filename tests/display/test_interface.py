"""The interface: every backend fills in the hooks, all of them and nothing else; frames always end."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import vrgen.display
from vrgen.clock import StepClock
from vrgen.display.headless import HeadlessDisplay
from vrgen.display.interface import HOOKS, Display, Frame
from vrgen.messages import Controls, Person


def backends() -> list[type[Display]]:
    for module in pkgutil.iter_modules(vrgen.display.__path__):
        importlib.import_module(f"vrgen.display.{module.name}")
    return sorted(Display.__subclasses__(), key=lambda c: c.kind)


def test_backends_are_found() -> None:
    assert {"headless", "window"} <= {backend.kind for backend in backends()}


@pytest.mark.parametrize("backend", [b for b in backends() if b.__module__.startswith("vrgen.")])
def test_backend_fills_the_hooks_and_nothing_else(backend: type[Display]) -> None:
    assert backend.kind
    own = {name for name, value in vars(backend).items() if inspect.isfunction(value)}
    missing = HOOKS - own
    assert not missing, f"{backend.__name__} lacks {missing}"
    public = {name for name in own if not name.startswith("_")}
    assert not public, f"{backend.__name__} adds {public} to the interface"
    for name in HOOKS:
        wanted = list(inspect.signature(getattr(Display, name)).parameters)
        assert list(inspect.signature(getattr(backend, name)).parameters) == wanted, name
    replaced = {name for name in vars(Display) if name in own} - HOOKS - {"__init__"}
    assert not replaced, f"{backend.__name__} overrides {replaced}"


def test_importing_the_package_is_light() -> None:
    program = (
        "import sys, vrgen.display, vrgen.inputs, vrgen.feedback\n"
        "print([m for m in ('glfw', 'OpenGL', 'imgui_bundle', 'torch', 'PIL', 'imageio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Recorder(Display):
    """A display that draws nothing and remembers."""

    kind = "recorder"

    def __init__(self) -> None:
        super().__init__(StepClock(0.1))
        self.ended: list[bool] = []
        self.begun = 0

    def _open(self) -> None: ...

    def _close(self) -> None: ...

    def _begin_frame(self) -> Frame:
        time_s, dt_s = self._tick()
        self.begun += 1
        return Frame(self, Controls(time_s=time_s, dt_s=dt_s, closing=self.begun == 3), should_render=True)

    def _locate_views(self, person: Person) -> tuple[()]:  # type: ignore[override]
        return ()

    def _end_frame(self, drawn: bool) -> None:
        self.ended.append(drawn)

    def _begin_reading(self):  # type: ignore[no-untyped-def]
        raise NotImplementedError

    def _apply(self, action) -> None: ...  # type: ignore[no-untyped-def]

    def _pulse(self, pulse) -> None: ...  # type: ignore[no-untyped-def]

    def _show_quad(self, quad):  # type: ignore[no-untyped-def]
        return False


def test_frames_end_once_each_and_stop_after_closing() -> None:
    display = Recorder()
    with display:
        times = []
        for open_frame in display.frames():
            with open_frame as frame:
                times.append((frame.time_s, frame.controls.dt_s))
    assert display.ended == [True, True, True]
    assert np.array(times) == pytest.approx(np.array([(0.1, 0.0), (0.2, 0.1), (0.3, 0.1)]))


def test_a_frame_ends_without_a_picture_on_an_exception_and_when_left_open() -> None:
    display = Recorder()
    with pytest.raises(ZeroDivisionError), display:
        for open_frame in display.frames():
            with open_frame:
                raise ZeroDivisionError
    assert display.ended == [False]
    display = Recorder()
    with display:
        for _ in display.frames():
            pass
    assert display.ended == [False, False, False]


def test_views_put_the_eyes_where_the_person_is() -> None:
    display = HeadlessDisplay((400, 200), stereo=True, clock=StepClock(1 / 90))
    with display:
        frame = next(display.frames())
        with frame:
            left, right = frame.views(Person(feet_world=(1.0, 2.0, 3.0), yaw_rad=0.0, eye_height_m=1.5))
    assert (left.rect_px, right.rect_px) == ((0, 0, 200, 200), (200, 0, 200, 200))
    assert left.world_from_eye[:3, 3] == pytest.approx([1 - 0.0315, 3.5, 3.0])
    assert right.world_from_eye[:3, 3] == pytest.approx([1 + 0.0315, 3.5, 3.0])
    assert left.fov.up_rad == pytest.approx(0.6108652)
    assert left.fov.right_rad == pytest.approx(left.fov.up_rad)

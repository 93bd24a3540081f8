"""What the active runtime and its headset can do, asked in a process of its own, fact by fact.

    python -m vrgen.display.openxr.examination [LAST STEP]

Each line on standard output is a JSON object with facts, and the newest of a name holds. Before each step its name
is told, so that a runtime or layer that crashes or hangs leaves behind what it did that in. A session is made and
shown for a moment, for what only a session knows.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from vrgen.errors import VrgenError

if TYPE_CHECKING:
    from vrgen.display.openxr.headset import Headset

Step = Literal["window", "loading", "instance", "session", "frames", "leaving"]
STEPS: tuple[Step, ...] = get_args(Step)
SILENT = "no answer"
"""How `Facts.died` begins where nothing died, but hung."""
_LAST_WORDS_S = 1.0
"""How long what an ended child has said is waited for."""
_FRAMES_S = 1.5
"""How long controllers may take to say what they are."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, as far as it went."""

    step: Step = "window"
    """The last one that was begun."""
    done: bool = False
    """The examination came to its end, with an error or without."""
    died: str = ""
    """How the process ended, or that it hung, where it did not come to its end."""
    error: str = ""
    result: str = ""
    """The OpenXR result of the error."""
    opengl: bool = True
    runtime: str = ""
    version: tuple[int, int] = (0, 0)
    headset: str = ""
    size_px: tuple[int, int] = (0, 0)
    """Recommended, of one eye."""
    gl: str = ""
    spaces: tuple[str, ...] = ()
    srgb: bool = True
    depth: bool = False
    mask: bool = False
    hands: bool = False
    gaze: bool = False
    rate_hz: float = 0.0
    rates_hz: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    """What the session goes without, in the words that the panel has for it."""
    states: tuple[str, ...] = ()
    """Of the session, in order."""
    profiles: dict[str, str] = {}
    """Of each hand that has one: the controller's interaction profile."""

    @property
    def answers(self) -> bool:
        """A headset answered and could be drawn for."""
        return self.done and not self.error


# --- the parent -------------------------------------------------------------------------------------------


def facts_of(environment: Mapping[str, str], until: Step, timeout_s: float) -> Facts:
    """Examine in a child with that environment, up to and including a step."""
    child = subprocess.Popen(
        [sys.executable, "-m", "vrgen.display.openxr.examination", until],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # the loader's and the runtime's own words
        text=True,
        errors="replace",
    )
    heard: dict[str, object] = {}

    def listen() -> None:
        assert child.stdout is not None
        with child.stdout as said:
            for line in said:
                heard.update(_said(line))

    listener = threading.Thread(target=listen, name="xr-examination", daemon=True)
    listener.start()
    slow = False
    try:
        child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        slow = True
        child.kill()
        child.wait()
    listener.join(_LAST_WORDS_S)  # no longer: a runtime that the child has started may hold its output open
    known = dict(heard)
    if not known.get("done"):
        known["died"] = f"{SILENT} for {timeout_s:.0f} s" if slow else _ending(child.returncode)
    return msgspec.convert(known, Facts, strict=False)


def _said(line: str) -> dict[str, object]:
    """Facts of one line; none where the runtime itself has printed."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) and set(said) <= set(Facts.__struct_fields__) else {}


def _ending(code: int) -> str:
    return f"crashed with signal {-code}" if code < 0 else f"ended with status {code}"


# --- the child --------------------------------------------------------------------------------------------


def _say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def _begins(step: Step, until: Step) -> bool:
    """Whether a step is wanted; if so it is told."""
    if STEPS.index(step) > STEPS.index(until):
        return False
    _say(step=step)
    return True


def _examine(until: Step) -> None:
    """
    Raises:
        VrgenError: there is no going on.
    """
    from vrgen.display.openxr import runtime as rt
    from vrgen.display.openxr.actions import EXTENSIONS

    with ExitStack() as own:
        no_window: VrgenError | None = None
        try:
            # Before OpenXR is loaded, as in a run: on Linux that binds PyOpenGL to GLX where it is not bound yet.
            own.callback(_open_context())
        except VrgenError as error:
            no_window = error  # what can be told without is told first
        if not _begins("loading", until):
            return
        if rt.OPENGL not in rt.available_extensions():
            _say(opengl=False)
        if not _begins("instance", until):
            return
        with rt.Runtime(EXTENSIONS) as runtime:
            _say(
                runtime=runtime.name,
                version=runtime.version,
                headset=runtime.headset,
                size_px=runtime.size_px,
                mask=rt.MASK in runtime.extensions,
            )
        if _begins("session", until):
            if no_window is not None:
                raise no_window
            _examine_session(until)


def _open_context() -> Callable[[], None]:
    """An OpenGL context that nobody sees, as the run has one beside the headset; returns what closes it."""
    from vrgen.display.egl import EglContext
    from vrgen.display.glfw_context import HiddenWindow, has_screen

    context = HiddenWindow() if has_screen() else EglContext()
    from vrgen.gl.api import GL

    _say(gl=GL.glGetString(GL.GL_RENDERER).decode(errors="replace"))
    return context.close


def _examine_session(until: Step) -> None:
    from vrgen.display.openxr.hand_tracker import HAND_TRACKING, has_hand_tracking
    from vrgen.display.openxr.headset import Headset
    from vrgen.display.openxr.session import refresh_rates

    headset = Headset("standing", 0)
    runtime, session = headset.runtime, headset.session.handle
    try:
        _say(
            spaces=_spaces(session),
            srgb=headset.pictures.encoded,
            depth=headset.pictures.depth is not None,
            hands=HAND_TRACKING in runtime.extensions and has_hand_tracking(runtime.instance, runtime.system_id),
            notes=headset.notes,
            rates_hz=refresh_rates(runtime, session),
        )
        if _begins("frames", until):
            _examine_frames(headset)
        _begins("leaving", until)
    finally:
        headset.close()


def _spaces(session: Any) -> list[str]:
    """Names of the reference spaces; those of extensions that pyopenxr has no name for are left out."""
    from vrgen.display.openxr.api import load

    xr = load()
    named = {int(kind): kind.name for kind in xr.ReferenceSpaceType}
    return [named[int(kind)] for kind in xr.enumerate_reference_spaces(session) if int(kind) in named]


def _examine_frames(headset: "Headset") -> None:
    """Frames without a picture, until both controllers have said what they are or the time is over."""
    states: list[str] = []
    profiles: dict[str, str] = {}
    gaze = False
    until_s = time.monotonic() + _FRAMES_S
    while time.monotonic() < until_s and len(profiles) < 2:
        turn = headset.begin()
        state = headset.session.state
        if not states or states[-1] != state:
            states.append(state)
            _say(states=states)
        if turn is None:
            time.sleep(0.02)
            continue
        hands = turn.tracked.hands
        profiles |= {hand.side: hand.profile for hand in hands if hand.profile and hand.grip_room is not None}
        gaze = gaze or turn.said.gaze is not None
        headset.end(False)
    _say(profiles=profiles, gaze=gaze, rate_hz=headset.session.refresh_hz)


def main() -> None:
    """As the module's docstring says."""
    until: Step = msgspec.convert(sys.argv[1] if len(sys.argv) > 1 else STEPS[-1], Step)
    try:
        _examine(until)
    except VrgenError as error:
        _say(error=str(error), result=getattr(error, "result", ""))
    except Exception as error:  # whatever a binding raises over a runtime is the finding
        _say(error=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}; update vrgen or the runtime")
    _say(done=True)


if __name__ == "__main__":
    main()

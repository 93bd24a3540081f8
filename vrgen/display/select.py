"""Which display a run gets: `auto` takes the first that opens and says why it refused the others."""

from vrgen.clock import Clock, RealClock
from vrgen.config import RunOptions
from vrgen.display.headless import HeadlessDisplay, Script
from vrgen.display.interface import Display
from vrgen.display.window import WindowDisplay
from vrgen.errors import DisplayError, GraphicsError, UsageError

KINDS = ("openxr", "window", "headless")
"""In the order that `auto` tries them."""


def open_display(
    options: RunOptions, clock: Clock | None = None, script: Script | None = None
) -> tuple[Display, tuple[str, ...]]:
    """Open a display; returns it, entered, and one sentence for each that `auto` refused before it.

    `auto` with a screen begins in the window and moves to a headset as soon as one answers. The caller closes it
    (`with display:` works on one that is already open).

    Raises:
        UsageError: there is no display of that name. DisplayError: the one insisted on, or every one, failed.
        GraphicsError: its OpenGL is too old.
    """
    clock = clock or RealClock()
    if options.display != "auto":
        return _opened(options.display, options, clock, script), ()
    refused: list[str] = []
    if not isinstance(clock, RealClock):
        refused.append("openxr: a headset has its own time, and this run's is stepped")
    elif (missing := _no_runtime()) is not None:
        refused.append(f"openxr: {missing}")
    try:
        kind = "window" if not isinstance(clock, RealClock) else "openxr or window"
        return _opened(kind, options, clock, script), tuple(refused)
    except (DisplayError, GraphicsError) as error:
        refused = [each for each in refused if not each.startswith("openxr")]
        refused += ["openxr: it needs a window beside it", f"window: {error}"]
    try:
        return _opened("headless", options, clock, script), tuple(refused)
    except (DisplayError, GraphicsError) as error:
        raise DisplayError("; ".join((*refused, f"headless: {error}"))) from error


def _no_runtime() -> str | None:
    from vrgen.display.openxr.registration import registered
    from vrgen.display.openxr.watch import NOT_REGISTERED

    return NOT_REGISTERED if registered() is None else None


def _opened(kind: str, options: RunOptions, clock: Clock, script: Script | None) -> Display:
    stereo = options.views == "stereo"
    window = WindowDisplay(options.size, stereo=stereo, clock=clock, debug=options.debug)
    headless = HeadlessDisplay(options.size, stereo=stereo, clock=clock, hold=options.hold, script=script)
    display: Display
    match kind:
        case "openxr" | "openxr or window":
            from vrgen.display.glfw_context import has_screen
            from vrgen.display.openxr.display import OpenXrDisplay

            flat = window if kind != "openxr" or has_screen() else headless
            display = OpenXrDisplay(flat, insist=kind == "openxr", posture=options.posture, clock=clock)
        case "window":
            display = window
        case "headless":
            display = headless
        case _:
            raise UsageError(f"there is no display '{kind}'; choose auto, {', '.join(KINDS)}")
    return display.__enter__()

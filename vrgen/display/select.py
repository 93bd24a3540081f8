"""Which display a run gets: `auto` takes the first that opens and says why it refused the others."""

from vrgen.clock import Clock
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

    The caller closes it (`with display:` works on one that is already open).

    Raises:
        UsageError: there is no display of that name. DisplayError: the one insisted on, or every one, failed.
        GraphicsError: its OpenGL is too old.
    """
    if options.display != "auto":
        return _opened(options.display, options, clock, script), ()
    refused: list[str] = []
    for kind in KINDS:
        try:
            return _opened(kind, options, clock, script), tuple(refused)
        except (DisplayError, GraphicsError) as error:
            refused.append(f"{kind}: {error}")
    raise DisplayError("; ".join(refused))


def _opened(kind: str, options: RunOptions, clock: Clock | None, script: Script | None) -> Display:
    stereo = options.views == "stereo"
    match kind:
        case "openxr":
            raise DisplayError(
                "headsets come with a later version; use --display window, with --views stereo to see both eyes"
            )
        case "window":
            display: Display = WindowDisplay(options.size, stereo=stereo, clock=clock, debug=options.debug)
        case "headless":
            display = HeadlessDisplay(options.size, stereo=stereo, clock=clock, hold=options.hold, script=script)
        case _:
            raise UsageError(f"there is no display '{kind}'; choose auto, {', '.join(KINDS)}")
    return display.__enter__()

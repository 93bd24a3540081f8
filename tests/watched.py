"""The whole program in this process, without a screen, with a function for the person: for scripts of tests."""

from collections.abc import Callable

from vrgen import app
from vrgen import visit as whole
from vrgen.config import RunOptions
from vrgen.display.headless import HeadlessDisplay
from vrgen.messages import Controls

Script = Callable[[app.Session, int], Controls]


def visit(
    script: Script, options: RunOptions, after: Callable[[app.Session, Controls], None] | None = None
) -> None:
    """`script(session, frame's number)` says what the devices say, as soon as there is a scene; `after`: what is
    done with the session when a frame with these controls is through."""
    sessions: list[app.Session] = []

    def said(number: int) -> Controls:
        if not sessions or sessions[0].scene is None:
            return Controls()
        return script(sessions[0], number)

    class Watched(app.Session):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]
            sessions.append(self)

        def frame(self, frame: app.Frame, number: int) -> None:
            super().frame(frame, number)
            if after is not None:
                after(self, frame.controls)

    whole.open_display = lambda options, clock: (HeadlessDisplay((64, 36), clock=clock, script=said), ())
    app.Session = Watched  # type: ignore[misc]
    whole.run(options)

"""A visit from beginning to end: the world is read, a display opens, the loop runs; the worker starts with it.

Opening a display is the window system's and the driver's work, not Python's: what the loop imports is imported
meanwhile.
"""

import sys
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path

from vrgen import beside, device
from vrgen.clock import RealClock, StepClock
from vrgen.config import CHECKPOINTS, RunOptions, world_of
from vrgen.display.film import FILM_HZ, Film
from vrgen.display.select import open_display
from vrgen.generator.child import cores
from vrgen.generator.fitting import as_visited, require_fit
from vrgen.generator.generators import Generators

_CORES = 4
"""With fewer the worker starts when the first frame has been shown, which comes a fifth sooner by that."""


def run(options: RunOptions) -> tuple[str, ...]:
    """Show a world until the person leaves, or the frames or seconds asked for are through; tell what was made.

    Raises:
        UsageError, WorldError, DeviceError, DisplayError, GraphicsError: it can't begin.
        CheckpointError: nothing of what the world names could be run.
        Interrupted: Ctrl+C or SIGTERM; what was asked for is left behind all the same.
    """
    device.require(options.device)
    world = world_of(options.target, options.as_kind)
    found = require_fit(world, options.as_kind)
    if Path(options.target).suffix.lower() in CHECKPOINTS:
        world = as_visited(found)
    clock = StepClock(1 / FILM_HZ) if options.video else RealClock()
    told: list[str] = []
    with ExitStack() as stack:
        generators = stack.enter_context(
            Generators(
                world,
                device=options.device,
                # What can be shown again must not hang on what was measured this time.
                precise=options.precision == "float32" or options.settle or options.video is not None,
                call_timeout_s=options.call_timeout_s,
                memory_mb=options.worker_memory_mb,
                # The worker loads torch while the display opens, where there are cores for both.
                at_once=cores() >= _CORES,
            )
        )
        with beside.imported("vrgen.app"):
            display, refused = open_display(options, clock)
            stack.enter_context(display)
        from vrgen import app, errands  # only now: it is what is imported meanwhile
        from vrgen.feedback.summary import summary_lines
        from vrgen.feedback.trace import Trace
        from vrgen.interrupt import Interrupted, interruptible
        from vrgen.progress import Progress

        for sentence in refused:
            print(f"vrgen: no {sentence}", file=sys.stderr)
        if display.kind == "headless" and options.frames is None and options.seconds is None:
            print("vrgen: runs without a screen until Ctrl+C; --frames or --seconds end it", file=sys.stderr)
        session = stack.enter_context(closing(app.Session(options, world, display, generators)))
        film = stack.enter_context(Film(options.video)) if options.video else None
        if options.trace:
            session.accounts.trace_to(stack.enter_context(Trace(options.trace)))
        with (
            interruptible() as interrupt,
            Progress() if errands.is_awaited(options, display.kind) else nullcontext() as progress,
        ):
            session.loop(interrupt, film, progress)
            for words, _ in session.deeds.finish():
                print(f"vrgen: {words}", file=sys.stderr)
        errands.leave(options, display, session.ledger, generators)
        if interrupt.signal:
            raise Interrupted(interrupt.signal)
        told += summary_lines(world.title or world.name, options, session.ledger, generators.status)
    return tuple(told)

"""What a run says when it is over: its display and why, how quickly it began, what was made, where it lies."""

from collections.abc import Sequence

from vrgen.config import RunOptions
from vrgen.feedback.ledger import Ledger
from vrgen.messages import GeneratorStatus


def summary_lines(
    title: str, options: RunOptions, ledger: Ledger, statuses: Sequence[GeneratorStatus]
) -> tuple[str, ...]:
    """One line about the visit, and one about the files it left, if it left any."""
    made = ", ".join(f"{status.name} {status.results}" for status in statuses)
    told = [_shown(options, ledger)]
    if not options.settle:  # those before it was settled are nothing that was asked for
        told.append(f"{ledger.count} frames")
    if ledger.first_frame_s is not None:
        told.append(f"first frame after {ledger.first_frame_s:.2f} s")
    lines = [f"{title}: {', '.join(told)}; made: {made or 'nothing'}"]
    files = [
        str(path)
        for path in (options.video, options.screenshot, options.report, options.trace)
        if path is not None
    ]
    if files:
        lines.append(f"wrote {', '.join(files)}")
    return tuple(lines)


def _shown(options: RunOptions, ledger: Ledger) -> str:
    """`headless at 1280x720 (as asked)`."""
    kind = str(ledger.display["kind"])
    where = f"headless at {options.size[0]}x{options.size[1]}" if kind == "headless" else f"on the display {kind}"
    if ledger.switches:
        why = "it changed on the way: " + ", then ".join(str(switch["to"]) for switch in ledger.switches)
    else:
        why = "as asked" if options.display == kind else "the first that answered"
    return f"{where} ({why})"

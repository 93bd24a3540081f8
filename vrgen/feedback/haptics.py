"""What the hands feel: a tick when something asked for was accepted, two when the world asked for has arrived, a
buzz when it can't be.

Both hands feel it: what was asked with one may be answered when that one is busy, or switched off.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from vrgen.messages import GeneratorStatus, Phase, Pulse, Side

TICK_S, TICK = 0.02, 0.35
BUZZ_S, BUZZ = 0.18, 0.6
APART_S = 0.13
"""Between the two ticks of an arrival."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of what the person asked, this frame."""

    accepted: bool = False
    refused: bool = False
    """There is nothing to undo, or a deed failed."""
    world: int = 0
    """The world that is asked for now, `Choice.world`."""
    arriving: bool = False
    """It is still being put together."""
    statuses: tuple[GeneratorStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class Touch:
    """What was felt, and what is still to be."""

    world: int | None = None
    """The world of the frame before."""
    awaited: bool = False
    """It was asked for and has not arrived."""
    arriving: bool = False
    failed: frozenset[str] = frozenset()
    """Generators whose failure was told; forgotten when they are well again."""
    again_s: float | None = None
    """When the second tick is due."""


UNTOUCHED = Touch()


def felt(touch: Touch, answer: Answer, hands: Iterable[Side], time_s: float) -> tuple[tuple[Pulse, ...], Touch]:
    """The pulses of this frame. `hands`: those that are there to feel them."""
    down = frozenset(s.name for s in answer.statuses if s.phase in (Phase.FAILED, Phase.GONE))
    well = frozenset(s.name for s in answer.statuses if s.phase is Phase.READY)
    awaited = touch.awaited or touch.world not in (None, answer.world)
    arrived = awaited and touch.arriving and not answer.arriving
    due = touch.again_s is not None and time_s >= touch.again_s
    again_s = time_s + APART_S if arrived else None if due else touch.again_s
    pulse: tuple[float, float] | None = None
    if answer.refused or down - touch.failed:
        pulse = (BUZZ_S, BUZZ)
    elif answer.accepted or arrived or due:
        pulse = (TICK_S, TICK)
    after = Touch(answer.world, awaited and not arrived, answer.arriving, (touch.failed | down) - well, again_s)
    return tuple(Pulse(side, *pulse) for side in hands) if pulse is not None else (), after

"""Hands as pointers on the panel: whose ray counts, and what its trigger holds. No geometry, no ImGui."""

from dataclasses import dataclass

from vrgen.feedback.hanging import Hanging
from vrgen.messages import Controls, Side


@dataclass(frozen=True, slots=True)
class Reach:
    """What the hands do on the panel this frame."""

    side: Side | None = None
    """The hand that points; it stays the one until it leaves, or the other pulls its trigger there."""
    at: tuple[float, float] | None = None
    """Where, as in `Hanging.at`."""
    pressed: bool = False
    """Its trigger went down this frame."""
    holds: bool = False
    """Its trigger went down on the panel and is still down. What it drags follows it off the panel."""
    captured: frozenset[str] = frozenset()
    """Triggers that are the panel's. One that was down already when it came over the panel is not: it aims."""


NOTHING = Reach()


def reached(before: Reach, hanging: Hanging, controls: Controls) -> Reach:
    """What the hands do now."""
    at = hanging.at
    on = [side for side in at if hanging.has(at[side])]
    free = frozenset(f"{side}.pick" for side in on if f"{side}.pick" not in controls.held)
    side = before.side
    if side is not None and before.holds and f"{side}.pick" in controls.held:
        return Reach(side, at.get(side, before.at), False, True, free | {f"{side}.pick"})
    pulled = [side for side in on if f"{side}.pick" in controls.pressed]
    if pulled:
        side = pulled[-1]
        return Reach(side, at[side], True, f"{side}.pick" in controls.held, free | {f"{side}.pick"})
    if side not in on:
        side = on[-1] if on else None
    return Reach(side, at[side] if side is not None else None, captured=free)

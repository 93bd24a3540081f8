"""What of a headset's person is not seen, in sentences for the panel.

Told when it lasts: a hand behind the back is no news.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vrgen.messages import Hand, Tracked

PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Sightings:
    """Since when what is missing."""

    missing_since_s: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


UNSEEN = Sightings()

_SENTENCES = {
    "head": "tracking is lost: the headset does not know where it is",
    "left": "the left controller is off or out of sight",
    "right": "the right controller is off or out of sight",
    "both": "no controller is seen: switch them on, or take the headset's menu away",
}


def noticed(before: Sightings, tracked: Tracked | None, time_s: float) -> Sightings:
    """What is missing now, and what has been for so long that it is told."""
    if tracked is None:
        return UNSEEN
    since_s = {what: before.missing_since_s.get(what, time_s) for what in _missing(tracked)}
    told = tuple(_SENTENCES[what] for what, since in since_s.items() if time_s - since >= PATIENCE_S)
    return Sightings(since_s, told)


def _missing(tracked: Tracked) -> tuple[str, ...]:
    if not tracked.valid:
        return ("head",)
    seen = {hand.side for hand in tracked.hands if _is_seen(hand)}
    if not seen:
        return ("both",)
    return tuple(side for side in ("left", "right") if side not in seen)


def _is_seen(hand: Hand) -> bool:
    return hand.grip_room is not None or hand.aim_room is not None or hand.joints_room is not None

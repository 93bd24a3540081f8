"""What is the matter while the world is on a headset, as sentences for the person: controllers that are off, lost
or changed, a headset that is asleep or shows its own menu, tracking that is lost.

Pure: `after` takes what is seen now and gives what is known then. What comes and goes within a moment is not told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from vrgen.display.openxr.profiles import SIDES, profile_of
from vrgen.messages import Hand, Side, Tracked

_STEADY_S = 2.0
"""A trouble shorter than that is none."""
_STARTING_S = 5.0
"""Controllers and a session may take so long to come."""
_TOLD_S = 6.0
"""A changed controller is news for so long."""

_STATES = {
    "FOCUSED": "the headset's runtime has stopped asking for pictures; if it does not come back, restart it",
    "UNKNOWN": "the headset does not begin yet; put it on, or look whether its runtime waits for something",
    "IDLE": "the headset is asleep; put it on",
    "READY": "the headset does not begin yet; put it on, or look whether its runtime waits for something",
    "SYNCHRONIZED": "the headset is not worn, or shows another program; put it on, or choose vrgen in its menu",
    "VISIBLE": "the headset's own menu has the controllers; close it to go on",
}
"""Session states in which the person can't act (OpenXR 1.1, 9.3); in FOCUSED, when no frame is asked for."""
_SETTLED = ("IDLE", "SYNCHRONIZED", "VISIBLE", "FOCUSED")
"""States that do not pass by themselves."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the headset says now. `tracked`: None without a frame."""

    state: str
    tracked: Tracked | None = None


@dataclass(frozen=True, slots=True)
class _HandSeen:
    profile: str = ""
    """The last controller it held."""
    ever: bool = False
    told: str = ""
    told_until_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Troubles:
    """What is known of one session. `notes` is for the person."""

    notes: tuple[str, ...] = ()
    _since_s: Mapping[str, float] = field(default_factory=dict[str, float])
    """When each condition that holds now began."""
    _hands: Mapping[Side, _HandSeen] = field(default_factory=dict[Side, _HandSeen])

    def after(self, seen: Seen, now_s: float) -> "Troubles":
        """What is known when that was seen; `now_s` on any clock that goes forwards."""
        focused = seen.state == "FOCUSED" and seen.tracked is not None
        hands = {hand.side: hand for hand in seen.tracked.hands} if focused and seen.tracked else {}
        memory: dict[Side, _HandSeen] = {
            side: _remembered(self._hands.get(side, _HandSeen()), hands.get(side), now_s) for side in SIDES
        }
        holds: dict[str, bool] = {
            "focused": focused,
            seen.state: not focused,
            "head": focused and seen.tracked is not None and not seen.tracked.valid,
        }
        for side in SIDES:
            holds[side] = focused and not _is_there(hands.get(side))
        since_s = {name: self._since_s.get(name, now_s) for name, true in holds.items() if true}
        lasted_s = {name: now_s - began_s for name, began_s in since_s.items()}
        if focused:
            notes = (*_of_head(lasted_s), *_of_hands(lasted_s, memory), *_news(memory, now_s))
        else:
            patience_s = _STEADY_S if seen.state in _SETTLED else _STARTING_S
            waited = lasted_s[seen.state] >= patience_s
            notes = (_STATES[seen.state],) if waited and seen.state in _STATES else ()
        return Troubles(notes, since_s, memory)


def _is_there(hand: Hand | None) -> bool:
    return hand is not None and (hand.grip_room is not None or hand.joints_room is not None)


def _remembered(before: _HandSeen, hand: Hand | None, now_s: float) -> _HandSeen:
    """A hand after it was looked at; another controller than before is news."""
    if hand is None or not _is_there(hand):
        return before
    if not hand.profile or hand.profile == before.profile:
        return replace(before, ever=True)
    if not before.profile:
        return replace(before, ever=True, profile=hand.profile)
    known = profile_of(hand.profile)
    told = f"the {hand.side} hand now has: {known.name if known is not None else hand.profile}"
    return _HandSeen(hand.profile, True, told, now_s + _TOLD_S)


def _of_head(lasted_s: Mapping[str, float]) -> tuple[str, ...]:
    if lasted_s.get("head", 0.0) < _STEADY_S:
        return ()
    return ("the headset does not know where it is; give it light, or a clear view of its base stations",)


def _of_hands(lasted_s: Mapping[str, float], memory: Mapping[Side, _HandSeen]) -> tuple[str, ...]:
    gone = [side for side in SIDES if lasted_s.get(side, 0.0) >= _STEADY_S]
    lost = [side for side in gone if memory[side].ever]
    never = [side for side in gone if not memory[side].ever and lasted_s["focused"] >= _STARTING_S]
    if len(lost) == 2:
        return ("both controllers were lost; bring them into view, or switch them on again (the keyboard works)",)
    if len(never) == 2:
        return ("no controller answers; switch them on (the keyboard works)",)
    said = [f"the {side} controller was lost; bring it into view, or switch it on again" for side in lost]
    said += [f"only one controller answers; switch the {side} one on" for side in never]
    return tuple(said)


def _news(memory: Mapping[Side, _HandSeen], now_s: float) -> tuple[str, ...]:
    return tuple(hand.told for hand in memory.values() if hand.told and now_s < hand.told_until_s)

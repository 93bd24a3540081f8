"""Whether the headset still knows where it is: runtimes go on with a guess, and call it valid."""

from dataclasses import dataclass, replace

GUESSED_S = 0.5
"""A guess is good for so long."""


@dataclass(frozen=True, slots=True)
class Position:
    """What is known of one session. A headset that only ever knew how it is turned (3 DoF) loses nothing."""

    lost: bool = False
    _tracked_ns: int | None = None

    def after(self, tracked: bool, time_ns: int) -> "Position":
        """What is known when the runtime says that for a picture seen at `time_ns`."""
        if tracked:
            return Position(False, time_ns)
        lost = self._tracked_ns is not None and time_ns - self._tracked_ns > GUESSED_S * 1e9
        return replace(self, lost=lost)

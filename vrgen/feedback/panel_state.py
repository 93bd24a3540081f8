"""What the panel shows, and what the person did on it: frozen data, no ImGui, no GL."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vrgen.feedback.pace import Pace
from vrgen.messages import Action, Choice, GeneratorStatus, InputValue, Knob


@dataclass(frozen=True, slots=True)
class PanelState:
    """All that the panel shows."""

    title: str = ""
    asked: str = ""
    """The person's last wish in words: "new world", "season 0.40"."""
    choice: Choice = field(default_factory=Choice)
    at: tuple[float, float] = (0.0, 0.0)
    """How far the latents are morphed, for the small map."""
    knobs: tuple[Knob, ...] = ()
    generators: tuple[GeneratorStatus, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences about what does not work as it should (a display refused, a slow path)."""
    info: tuple[str, ...] = ()
    """Sentences that are good to know and no alarm: each is shown for a while, once."""
    paused: bool = False
    rate_hz: float = 0.0
    scale: float = 1.0
    """Of the picture's width and height, what is drawn for the rate's sake."""
    missed: int = 0
    pace: Callable[[], Pace] | None = None
    """Asked for when the graph is due."""
    help: tuple[tuple[str, str], ...] = ()
    """(key, what it does); one that is called like an `Action` is a button too."""


@dataclass(frozen=True, slots=True)
class PanelWants:
    """What the person did on the panel this frame."""

    settings: Mapping[str, InputValue] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    captured: frozenset[str] = frozenset()
    """"pointer" while it is over the panel or drags something on it, "keyboard" while a number is typed."""

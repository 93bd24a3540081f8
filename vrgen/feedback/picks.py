"""What was picked: in words, for how long it counts, and the mark that shows it."""

from collections.abc import Iterable
from dataclasses import dataclass

from vrgen.labels import label_index
from vrgen.messages import GeneratorStatus, Knob, Picked, Request
from vrgen.scene_model import Mark

COUNTS_S = 5.0
"""So long a like or dislike is about what was picked last."""
SHOWN_S = 1.0
_SPOT_M = 0.2
"""Radius of the ring on the ground where nothing stands."""
_ROUND = 1.25
"""Of a ring around a thing, over how far that reaches."""


@dataclass(frozen=True, eq=False, slots=True)
class Pick:
    """The last pick. `world`: the one that was asked for then, `Choice.world`."""

    picked: Picked
    time_s: float
    world: int

    def counts(self, time_s: float, world: int) -> bool:
        """Whether what is said now is about it."""
        return world == self.world and time_s - self.time_s <= COUNTS_S

    def mark(self, time_s: float) -> Mark | None:
        """What shows it now; the sky can't be marked."""
        picked = self.picked
        if picked.at_world is None or time_s - self.time_s > SHOWN_S:
            return None
        radius_m = max(_ROUND * picked.radius_m, _SPOT_M)
        return Mark(picked.at_world, picked.foot_world or picked.at_world, radius_m)


def told(picked: Picked, statuses: Iterable[GeneratorStatus], knobs: tuple[Knob, ...]) -> str:
    """In words: "rock: by rocks.pt, variant 3, seed 12"."""
    files = {status.name: status.checkpoint for status in statuses}
    by = []
    for request in picked.made_by:
        labels = [label for knob in knobs if (label := _label(knob, request))]
        by.append(", ".join([*labels, f"by {files.get(request.generator) or request.generator}"]))
    if not by:
        return f"{picked.what}: made by no model"
    chief = picked.made_by[0]
    number = "frame" if picked.what == "picture" else "variant"
    which = f", {number} {chief.variant}, seed {chief.seed}" if picked.instance is not None else ""
    return f"{picked.what}: {'; land '.join(by)}{which}"


def _label(knob: Knob, request: Request) -> str:
    """The label that a generator was given, in words."""
    value = request.inputs.get(knob.name.removeprefix(f"{request.generator}."))
    if knob.kind != "label" or request.generator not in knob.generators or value is None:
        return ""
    if knob.one_hot and not value.any():  # a prompt has decided
        return ""
    index = label_index(knob, value)
    return knob.labels[index] if index < len(knob.labels) else ""

"""Where every knob stands, and how it got there: new worlds, morphs, settings, turns, undo and redo.

`Steering` is frozen; each transition returns the next one. What N draws anew: latents, and labels that the person
has not chosen by hand. Sliders, prompts and images stay where they stand.

Beside a prompt a one-hot label is left open (all zeros) until the person chooses one: what was said last counts,
so a new prompt opens the labels again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from vrgen.errors import WorldError
from vrgen.inputs.propose import parts, parts_of, propose, rng_of
from vrgen.labels import label_value
from vrgen.latent import morphed
from vrgen.messages import Choice, InputValue, Knob, Preference, Turn
from vrgen.prompts import is_prompt, prompt_value

HISTORY = 200
REST_S = 0.5
"""A drag that has rested so long is settled: what follows is undone apart from it."""

_NO_PREFERENCE = Preference()
_SET = ("slider", "label", "prompt")
"""Kinds of knobs that a world file can set."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One state that undo can come back to."""

    seed: int = 0
    at: tuple[float, float] = (0.0, 0.0)
    """How far the latents are morphed along their two directions."""
    values: Mapping[str, InputValue] = field(default_factory=dict)
    """By knob name; a latent's is the one before the morph. By `Knob.part` what a generator has for itself."""
    by_hand: frozenset[str] = frozenset()
    """Labels and sliders that the person set; N leaves them."""
    turns: tuple[Turn, ...] = ()
    """In a gallery, where other pictures begin."""


@dataclass(frozen=True, slots=True)
class Steering:
    """Every knob, where it stands, and the way back."""

    knobs: tuple[Knob, ...] = ()
    settings: Mapping[str, float | str] = field(default_factory=dict)
    """Where the world file wants sliders, labels and prompts at first, by knob name."""
    now: Standing = field(default_factory=Standing)
    choice: Choice = field(default_factory=Choice)
    """`now` as the generators get it."""
    past: tuple[Standing, ...] = ()
    future: tuple[Standing, ...] = ()
    changing: tuple[frozenset[str], float] | None = None
    """What was last dragged and when (seconds); while it goes on, it is one step of history."""

    @staticmethod
    def start(knobs: tuple[Knob, ...], seed: int, settings: Mapping[str, float | str] | None = None) -> "Steering":
        """The first world.

        Raises:
            WorldError: a setting names a label that its knob does not have, or a text for a number.
        """
        for knob in knobs:
            wanted = (settings or {}).get(knob.name)
            if wanted is not None and knob.kind in _SET and _as_set(knob, wanted) is None:
                has = {"slider": "numbers", "prompt": "a text"}.get(
                    knob.kind, f"the labels {', '.join(knob.labels)}"
                )
                raise WorldError(
                    f"the world sets '{knob.name}' to '{wanted}', it takes {has}; correct the world file"
                )
        return Steering(settings=settings or {}, now=Standing(seed=seed))._became(knobs=knobs)

    def with_knobs(self, knobs: tuple[Knob, ...]) -> "Steering":
        """Knobs have become known (a checkpoint was loaded, or swapped): those that are new, or that can't stand
        where they stood, get the value that the world's seed gives them; the others stand where they stood.
        """
        return self if knobs == self.knobs else self._became(knobs=knobs)

    def new_world(self, rng: np.random.Generator, preference: Preference = _NO_PREFERENCE) -> "Steering":
        """What N does. Without preferences the world depends only on the seed that `rng` yields."""
        return self.world_of(int(rng.integers(2**31)), preference)

    def world_of(self, seed: int, preference: Preference = _NO_PREFERENCE) -> "Steering":
        """The world of that seed."""
        split = {part for knob in self.knobs for part in parts_of(knob)}
        values = {name: value for name, value in self.now.values.items() if name not in split}
        values |= parts(seed, self.knobs, preference)
        for knob in self.knobs:
            if knob.kind == "latent" or (knob.kind == "label" and knob.name not in self.now.by_hand):
                values[knob.name] = propose(rng_of(seed, knob), knob, preference)
        return self._stepped(replace(self.now, seed=seed, at=(0.0, 0.0), values=values, turns=()), world=True)

    def morph(self, by: tuple[float, float], time_s: float) -> "Steering":
        """Move all latents `by` along their two directions, in standard deviations a number."""
        if by == (0.0, 0.0) or not any(knob.kind == "latent" for knob in self.knobs):
            return self
        at = (self.now.at[0] + by[0], self.now.at[1] + by[1])
        return self._dragged(replace(self.now, at=at), frozenset({"morph"}), time_s)

    def set(self, settings: Mapping[str, InputValue], time_s: float) -> "Steering":
        """Set knobs by hand; names that are not known, and values of another shape, are left out."""
        known = {knob.name: knob for knob in self.knobs}
        fitting = {
            name: value
            for name, value in settings.items()
            if name in known and _is_of(known[name], value) and not np.array_equal(self.now.values[name], value)
        }
        if not fitting:
            return self
        values, by_hand = {**self.now.values, **fitting}, self.now.by_hand | fitting.keys()
        prompted = {gen for name in fitting if known[name].kind == "prompt" for gen in known[name].generators}
        if not prompted:
            return self._dragged(replace(self.now, values=values, by_hand=by_hand), frozenset(fitting), time_s)
        # Another prompt is another world: all of it changes together.
        by_hand -= {k.name for k in self.knobs if k.kind == "label" and not prompted.isdisjoint(k.generators)}
        return self._stepped(replace(self.now, values=values, by_hand=by_hand), world=True)

    def turned(self, generator: str, slot: int, values: Mapping[str, InputValue]) -> "Steering":
        """In a gallery, other pictures of that generator hang from that frame on: like the one of `values`, or,
        without values, drawn anew. Turns that were taken beyond it are taken no more."""
        before = self.now.turns
        draw = 1 + max((turn.draw for turn in before), default=0)
        kept = [turn for turn in before if turn.generator != generator or turn.slot < slot]
        turn = Turn(generator, slot, MappingProxyType(dict(values)), self.now.at, draw)
        return self._stepped(replace(self.now, turns=(*kept, turn)), world=False)

    def undo(self) -> "Steering":
        """Back to before the last new world, settled morph or setting; unchanged where there is none."""
        if not self.past:
            return self
        return self._became(
            now=self.past[-1], past=self.past[:-1], future=(*self.future, self.now), changing=None, world=True
        )

    def redo(self) -> "Steering":
        """What the last undo took back; unchanged where there is none."""
        if not self.future:
            return self
        return self._became(
            now=self.future[-1], past=(*self.past, self.now), future=self.future[:-1], changing=None, world=True
        )

    # --- how one follows from another -----------------------------------------------------------------------

    def _dragged(self, now: Standing, what: frozenset[str], time_s: float) -> "Steering":
        """A change that goes on with the last one, or begins a new step of history."""
        before = self.changing
        if before is not None and before[0] == what and time_s - before[1] <= REST_S:
            return self._became(now=now, future=(), changing=(what, time_s))
        return replace(self._stepped(now, world=False), changing=(what, time_s))

    def _stepped(self, now: Standing, world: bool) -> "Steering":
        past = (*self.past, self.now)[-HISTORY:]
        return self._became(now=now, past=past, future=(), changing=None, world=world)

    def _became(
        self,
        *,
        knobs: tuple[Knob, ...] | None = None,
        now: Standing | None = None,
        past: tuple[Standing, ...] | None = None,
        future: tuple[Standing, ...] | None = None,
        changing: tuple[frozenset[str], float] | None = None,
        world: bool = False,
    ) -> "Steering":
        knobs = self.knobs if knobs is None else knobs
        now = self._filled(self.now if now is None else now, knobs)
        values = {knob.name: now.values[knob.name] for knob in knobs}
        for knob in knobs:
            for name in (knob.name, *parts_of(knob)) if knob.kind == "latent" else ():
                if name in now.values and _fits(knob, now.values[name]):
                    values[name] = morphed(knob, now.values[name].astype(np.float32), _seed_of(now, knob), now.at)
        left_open = {knob.name for knob in _left_open(knobs, now)}
        values |= {knob.name: np.zeros(knob.shape, np.float32) for knob in knobs if knob.name in left_open}
        labels = {knob.name for knob in knobs if knob.kind == "label"} - left_open - now.by_hand
        labels -= self.settings.keys()
        choice = Choice(
            world=self.choice.world + world,
            revision=self.choice.revision + 1,
            seed=now.seed,
            values=MappingProxyType(values),
            at=now.at,
            drawn=frozenset({knob.name for knob in knobs if knob.kind == "latent"} | labels),
            turns=now.turns,
        )
        return replace(
            self,
            knobs=knobs,
            now=now,
            choice=choice,
            past=self.past if past is None else past,
            future=self.future if future is None else future,
            changing=changing,
        )

    def _filled(self, standing: Standing, knobs: tuple[Knob, ...]) -> Standing:
        """`standing` with a value that fits for every knob."""
        values = dict(standing.values)
        for knob in knobs:
            if knob.name not in values or not _fits(knob, values[knob.name]):
                values[knob.name] = self._first_value(knob, standing.seed)
        return replace(standing, values=values)

    def _first_value(self, knob: Knob, seed: int) -> InputValue:
        wanted = self.settings.get(knob.name)
        value = None if wanted is None else _as_set(knob, wanted)
        return propose(rng_of(seed, knob), knob, _NO_PREFERENCE) if value is None else value


def _as_set(knob: Knob, wanted: float | str) -> InputValue | None:
    """A slider or label where the world file wants it; None where it can't stand there."""
    if knob.kind == "slider" and not isinstance(wanted, str):
        return np.full(knob.shape, np.clip(wanted, *knob.range), np.float32)
    if knob.kind == "label" and wanted in knob.labels:
        return label_value(knob, knob.labels.index(str(wanted)))
    if knob.kind == "prompt" and isinstance(wanted, str):
        return prompt_value(wanted)
    return None


def _left_open(knobs: tuple[Knob, ...], now: Standing) -> list[Knob]:
    """The one-hot labels that the prompt decides about: the person has chosen none."""
    prompts = [knob for knob in knobs if knob.kind == "prompt" and now.values[knob.name].size]
    prompted = {generator for knob in prompts for generator in knob.generators}
    return [
        knob
        for knob in knobs
        if knob.kind == "label"
        and knob.one_hot
        and knob.name not in now.by_hand
        and prompted.issuperset(knob.generators)
    ]


def _is_of(knob: Knob, value: InputValue) -> bool:
    """Whether an array is a value of that knob."""
    return is_prompt(value) if knob.kind == "prompt" else value.shape == knob.shape


def _fits(knob: Knob, value: InputValue) -> bool:
    """Whether a knob can stand there: another checkpoint's may have other labels and another range."""
    if not _is_of(knob, value):
        return False
    if knob.kind == "label" and not knob.one_hot:
        return bool(0 <= value.ravel()[0] < len(knob.labels))
    if knob.kind == "slider":
        low, high = (np.float32(limit) for limit in knob.range)
        return bool(low <= value.min() and value.max() <= high)
    return True


def _seed_of(standing: Standing, knob: Knob) -> int:
    """Of the steering directions: each knob's own."""
    return int(rng_of(standing.seed, knob).integers(2**31))

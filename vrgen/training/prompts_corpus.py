"""Phrases with targets, put together from the word lists: "a misty pine forest at dawn"."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vrgen.training import prompts_words as w

F32 = npt.NDArray[np.float32]
MENTIONED, IMPLIED, SILENT = 1.0, 0.5, 0.2
"""How much a setting's target counts by who speaks of it."""
_BEFORE = ("", "", "", "a ", "the ", "a picture of a ", "show me a ", "I want to see a ", "a landscape: ")


@dataclass(frozen=True)
class Phrases:
    """N phrases. `settings` (N, S) in the order of `SETTINGS` with `weights` (N, S); `ground` (N,): its
    index, or that of none behind the last."""

    texts: tuple[str, ...]
    settings: F32
    weights: F32
    ground: npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Said:
    """A concept in a phrase by one of its words, held back or not."""

    concept: w.Concept
    word: str


def phrases(count: int, seed: int, held: bool = False) -> Phrases:
    """Random phrases, each once; with `held` at least one word of each is one that training never has."""
    rng = np.random.default_rng([seed, held])
    made: dict[str, tuple[F32, F32, int]] = {}
    while len(made) < count:
        text, said, fresh = _phrase(rng, held)
        if fresh == held and text not in made:
            made[text] = _target(said)
    settings, weights, ground = zip(*made.values(), strict=True)
    return Phrases(tuple(made), np.stack(settings), np.stack(weights), np.array(ground, np.int64))


def paraphrases() -> Phrases:
    """The sentences written by hand; what they don't speak of has the weight 0."""
    names = list(w.SETTINGS)
    settings = np.tile(np.array(list(w.SETTINGS.values()), np.float32), (len(w.PARAPHRASES), 1))
    weights = np.zeros_like(settings)
    for row, (_, _, sets) in enumerate(w.PARAPHRASES):
        for name, value in sets.items():
            settings[row, names.index(name)], weights[row, names.index(name)] = value, 1.0
    ground = np.array([w.GROUNDS.index(ground) for _, ground, _ in w.PARAPHRASES], np.int64)
    return Phrases(tuple(text for text, _, _ in w.PARAPHRASES), settings, weights, ground)


def _phrase(rng: np.random.Generator, held: bool) -> tuple[str, list[_Said], bool]:
    """The text, what it says in the order of who wins, and whether it has a word that is held back."""
    chances = (
        (w.PLACES, 0.9),
        (w.TIMES, 0.6),
        (w.WEATHERS, 0.55),
        (w.COLOURS, 0.2),
        (w.SHAPES, 0.25),
        (w.MOODS, 0.2),
    )
    said: dict[int, _Said] = {}
    fresh = False
    for slot, (concepts, chance) in enumerate(chances):
        if rng.random() < chance:
            concept = concepts[rng.integers(len(concepts))]
            back = held and rng.random() < 0.7
            words = concept.held if back else concept.words
            said[slot] = _Said(concept, words[rng.integers(len(words))])
            fresh |= back
    place, time, weather, *adjectives = (said.get(slot) for slot in range(6))
    around = [one.word for one in (time, weather) if one is not None]
    before = [one.word for one in adjectives if one is not None]
    rng.shuffle(around)
    rng.shuffle(before)
    before += [word for word in around if " " not in word]  # "misty", "overcast"
    after = [word for word in around if " " in word]
    core = " ".join([*before, place.word if place else rng.choice(["land", "landscape", "place", "country", ""])])
    comma = ", " if rng.random() < 0.4 else " "
    parts = [core.strip(), *after]
    if rng.random() < 0.2:
        parts = parts[::-1]
        comma = ", "
    text = comma.join(part for part in parts if part)
    return _BEFORE[rng.integers(len(_BEFORE))] + text, _ranked(said), fresh and bool(text)


def _ranked(said: Mapping[int, _Said]) -> list[_Said]:
    """Weather speaks of clouds before time does, time before a mood does."""
    return [said[slot] for slot in (3, 4, 2, 1, 5, 0) if slot in said]


_ADDED = frozenset({"warmth", "red", "green", "blue"})
_MOST = frozenset({"dark", "mist", "grey"})


def _target(said: list[_Said]) -> tuple[F32, F32, int]:
    """What a phrase is to give: the first to speak of a setting decides; tints add, the dark and the mist take the
    most."""
    values, weights = dict(w.SETTINGS), dict.fromkeys(w.SETTINGS, SILENT)
    for name, told in _spoken(said, implied=True):
        if weights[name] == SILENT:
            values[name], weights[name] = told, IMPLIED
    for name, told in _spoken(said, implied=False):
        if weights[name] != MENTIONED:
            values[name], weights[name] = told, MENTIONED
        elif name in _MOST:
            values[name] = max(values[name], told)
        elif name in _ADDED:
            values[name] = float(np.clip(values[name] + told, -1, 1))
    grounds = [one.concept.ground for one in said if one.concept.ground]
    ground = w.GROUNDS.index(grounds[0]) if grounds else len(w.GROUNDS)
    return np.array(list(values.values()), np.float32), np.array(list(weights.values()), np.float32), ground


def _spoken(said: list[_Said], implied: bool) -> Iterator[tuple[str, float]]:
    for one in said:
        yield from (one.concept.implies if implied else one.concept.sets).items()

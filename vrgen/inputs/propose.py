"""What N proposes: a fresh draw, pulled towards what was liked and pushed from what was disliked.

Without likes and dislikes a proposal depends on its seed alone, so a world can be had again with --seed. With
them, several candidates are drawn, some in the neighbourhood of a liked one, and the best by a kernel score (near
the liked, far from the disliked) is taken. A third of the time the neighbourhoods are left out: what one likes
should not become all there is.
"""

import math
import zlib
from dataclasses import replace

import numpy as np

from vrgen.labels import label_index, label_value
from vrgen.latent import Latent, draw, settle, towards
from vrgen.messages import InputValue, Knob, Preference
from vrgen.prompts import prompt_value

CANDIDATES = 16
NOVELTY = 0.33
NEAR_RAD = (0.45, 1.1)
"""How far from a liked latent its neighbours are drawn; two random ones are π/2 apart."""
PUSH = 0.45
"""How much of a disliked latent is taken off a fresh draw."""
_WIDTH = 0.8
"""Of the score's kernel, in standard deviations a number; two random latents are √2 apart."""


def rng_of(seed: int, knob: Knob) -> np.random.Generator:
    """The knob's own stream of a world: knobs that appear later don't disturb the others."""
    return np.random.default_rng([seed, zlib.crc32(knob.name.encode())])


def propose(rng: np.random.Generator, knob: Knob, preference: Preference) -> InputValue:
    """A value of the knob's shape for a new world: latents and labels drawn, everything else at its default."""
    if knob.kind == "latent":
        return _propose_latent(rng, knob, preference)
    if knob.kind == "label":
        return _propose_label(rng, knob, preference)
    return default_value(knob)


def parts(seed: int, knobs: tuple[Knob, ...], preference: Preference) -> dict[str, InputValue]:
    """By `Knob.part`: what single generators get instead of the latent that they share with others, where the
    person liked or disliked what one of them made, and not the whole world."""
    made: dict[str, InputValue] = {}
    said = (*preference.liked, *preference.disliked)
    for knob in knobs:
        for part in parts_of(knob):
            if any(part in values for values in said):
                own = replace(knob, name=part)
                made[part] = propose(rng_of(seed, own), own, preference)
    return made


def parts_of(knob: Knob) -> tuple[str, ...]:
    """The names of the values of their own that a latent's generators can have."""
    shared = knob.kind == "latent" and len(knob.generators) > 1
    return tuple(knob.part(generator) for generator in knob.generators) if shared else ()


def default_value(knob: Knob) -> InputValue:
    """Where a knob stands that nobody touched: a slider's default, the first label, no text, zeros."""
    if knob.kind == "label":
        return label_value(knob, 0)
    if knob.kind == "prompt":
        return prompt_value("")
    return np.full(knob.shape, knob.default if knob.kind == "slider" else 0.0, np.float32)


def _propose_latent(rng: np.random.Generator, knob: Knob, preference: Preference) -> Latent:
    liked = [np.asarray(v[knob.name], np.float32) for v in preference.liked if _fits(knob, v.get(knob.name))]
    disliked = [np.asarray(v[knob.name], np.float32) for v in preference.disliked if _fits(knob, v.get(knob.name))]
    if not liked and not disliked:
        return draw(rng, knob)
    near = bool(liked) and rng.random() > NOVELTY
    candidates = []
    for _ in range(CANDIDATES):
        fresh = draw(rng, knob)
        if near and rng.random() < 0.5:
            centre = liked[rng.integers(len(liked))]
            candidates.append(towards(knob, centre, fresh.ravel(), rng.uniform(*NEAR_RAD)))
        elif disliked:
            away = disliked[rng.integers(len(disliked))]
            candidates.append(settle(knob, fresh.ravel() - PUSH * away.ravel()))
        else:
            candidates.append(fresh)
    return max(candidates, key=lambda z: _closeness(z, liked) - _closeness(z, disliked))


def _closeness(latent: Latent, others: list[Latent]) -> float:
    """Mean Gaussian kernel of the root-mean-square difference; 0 without others."""
    if not others:
        return 0.0
    square = np.mean((np.stack(others) - latent).reshape(len(others), -1) ** 2, axis=1)
    return float(np.mean(np.exp(-square / (2 * _WIDTH**2))))


def _propose_label(rng: np.random.Generator, knob: Knob, preference: Preference) -> InputValue:
    score = np.zeros(len(knob.labels))
    for values, sign in ((preference.liked, 1.0), (preference.disliked, -1.0)):
        for value in (v[knob.name] for v in values if _fits(knob, v.get(knob.name))):
            if not knob.one_hot or value.any():  # all zeros: the prompt had decided
                score[min(label_index(knob, value), len(score) - 1)] += sign
    weight = np.exp(np.clip(score, -math.log(20), math.log(20)))
    return label_value(knob, int(rng.choice(len(weight), p=weight / weight.sum())))


def _fits(knob: Knob, value: InputValue | None) -> bool:
    return value is not None and value.shape == knob.shape

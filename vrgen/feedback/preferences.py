"""What the person liked and disliked, gathered for the next proposal."""

from collections.abc import Mapping

import numpy as np

from vrgen.messages import Action, Choice, InputValue, Knob, Picked, Preference

REMEMBERED = 64
"""Likes, and dislikes, kept: the newest."""

_Values = Mapping[str, InputValue]


def observe(
    preference: Preference, choice: Choice, actions: tuple[Action, ...], about: _Values | None = None
) -> Preference:
    """`preference` with what the person said now: about the values of `choice`, or those of `about` alone. A new
    word about the same values takes the old one's place."""
    values = choice.values if about is None else about
    for action in actions:
        if action not in (Action.LIKE, Action.DISLIKE):
            continue
        liked, disliked = _without(preference.liked, values), _without(preference.disliked, values)
        if action is Action.LIKE:
            liked = (*liked, dict(values))[-REMEMBERED:]
        else:
            disliked = (*disliked, dict(values))[-REMEMBERED:]
        preference = Preference(liked, disliked)
    return preference


def concerned(picked: Picked, knobs: tuple[Knob, ...], choice: Choice) -> _Values | None:
    """What of `choice` made the picked thing, as far as a new world draws it; None where nothing did.

    Of a latent that several generators share, their own parts (`Knob.part`): what one of them makes is meant, not
    what the others make of the same numbers.
    """
    makers = {request.generator for request in picked.made_by}
    values: dict[str, InputValue] = {}
    for knob in knobs:
        for generator in knob.generators:
            if generator not in makers or knob.kind not in ("latent", "label") or knob.name not in choice.values:
                continue
            whole = choice.values[knob.name]
            if knob.kind == "latent" and len(knob.generators) > 1:
                part = knob.part(generator)
                values[part] = choice.values.get(part, whole)
            else:
                values[knob.name] = whole
    return values or None


def _without(said: tuple[_Values, ...], values: _Values) -> tuple[_Values, ...]:
    """What was said before, less what is said anew: about the same whole, or the same part of one."""
    kept = []
    for one in said:
        shared = one.keys() & values.keys()
        if shared in (one.keys(), values.keys()) and all(
            np.array_equal(one[name], values[name]) for name in shared
        ):
            one = {name: value for name, value in one.items() if name not in shared}
        if one:
            kept.append(one)
    return tuple(kept)

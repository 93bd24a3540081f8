"""What the person liked and disliked, gathered for the next proposal."""

from collections.abc import Mapping

import numpy as np

from vrgen.messages import Action, Choice, InputValue, Preference

REMEMBERED = 64
"""Likes, and dislikes, kept: the newest."""

_Values = Mapping[str, InputValue]


def observe(preference: Preference, choice: Choice, actions: tuple[Action, ...]) -> Preference:
    """`preference` with what the person said about `choice` now. A new word about the same values takes the old
    one's place."""
    for action in actions:
        if action not in (Action.LIKE, Action.DISLIKE):
            continue
        liked, disliked = _without(preference.liked, choice.values), _without(preference.disliked, choice.values)
        if action is Action.LIKE:
            liked = (*liked, dict(choice.values))[-REMEMBERED:]
        else:
            disliked = (*disliked, dict(choice.values))[-REMEMBERED:]
        preference = Preference(liked, disliked)
    return preference


def _without(all_values: tuple[_Values, ...], values: _Values) -> tuple[_Values, ...]:
    return tuple(one for one in all_values if not _equal(one, values))


def _equal(one: _Values, other: _Values) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)

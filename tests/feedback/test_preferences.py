"""What L and K leave behind."""

import numpy as np

from vrgen.feedback.preferences import REMEMBERED, observe
from vrgen.messages import Action, Choice, Preference


def choice(number: float) -> Choice:
    return Choice(values={"z": np.full((1, 4), number, np.float32)})


def test_likes_and_dislikes_are_gathered_and_the_last_word_counts() -> None:
    preference = observe(Preference(), choice(1), (Action.LIKE,))
    preference = observe(preference, choice(2), (Action.DISLIKE, Action.PAUSE))
    preference = observe(preference, choice(1), (Action.LIKE,))
    assert (len(preference.liked), len(preference.disliked)) == (1, 1)
    preference = observe(preference, choice(1), (Action.DISLIKE,))
    assert (len(preference.liked), len(preference.disliked)) == (0, 2)


def test_other_actions_change_nothing() -> None:
    before = Preference()
    assert observe(before, choice(1), (Action.NEW_WORLD, Action.UNDO)) is before


def test_memory_is_bounded() -> None:
    preference = Preference()
    for number in range(REMEMBERED + 5):
        preference = observe(preference, choice(number), (Action.LIKE,))
    assert len(preference.liked) == REMEMBERED
    assert preference.liked[-1]["z"][0, 0] == REMEMBERED + 4

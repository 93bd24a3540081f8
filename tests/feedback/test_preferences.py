"""What L and K leave behind."""

import numpy as np

from vrgen.feedback.preferences import REMEMBERED, concerned, observe
from vrgen.messages import Action, Choice, Knob, Picked, Preference, Request


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


# --- of a part --------------------------------------------------------------------------------------------

SHARED = Knob("z", "latent", (1, 4), "Variation", ("sky", "rocks"))
OWN = Knob("grain", "latent", (1, 4), "Grain", ("soil",))
SEASON = Knob("season", "label", (1, 2), "Season", ("soil", "rocks"), labels=("summer", "winter"))
RELIEF = Knob("relief", "slider", (1,), "Relief", ("land",))
KNOBS = (SHARED, OWN, SEASON, RELIEF)
WORLD = Choice(values={knob.name: np.full(knob.shape, n, np.float32) for n, knob in enumerate(KNOBS)})


def picked(*generators: str) -> Picked:
    return Picked("it", tuple(Request(generator, 1, 1) for generator in generators))


def test_a_picked_thing_concerns_what_its_own_generator_was_given() -> None:
    def names(*generators: str) -> set[str]:
        return set(concerned(picked(*generators), KNOBS, WORLD) or ())

    assert names("rocks") == {"rocks.z", "season"}
    assert names("soil", "land") == {"grain", "season"}
    assert concerned(picked("land"), KNOBS, WORLD) is None, "a slider is set by hand"
    assert concerned(picked(), KNOBS, WORLD) is None


def test_its_own_part_of_a_shared_latent_is_what_it_was_given() -> None:
    alone = concerned(picked("rocks"), KNOBS, WORLD)
    assert alone is not None and np.array_equal(alone["rocks.z"], WORLD.values["z"])
    split = Choice(values={**WORLD.values, "rocks.z": np.full((1, 4), 7, np.float32)})
    of_split = concerned(picked("rocks"), KNOBS, split)
    assert of_split is not None and of_split["rocks.z"][0, 0] == 7
    of_sky = concerned(picked("sky"), KNOBS, split)
    assert of_sky is not None and np.array_equal(of_sky["sky.z"], WORLD.values["z"])


def test_a_word_about_a_part_is_of_that_part_alone() -> None:
    about = concerned(picked("soil"), KNOBS, WORLD)
    (liked,) = observe(Preference(), WORLD, (Action.LIKE,), about).liked
    assert set(liked) == {"grain", "season"}


def test_the_last_word_counts_also_of_a_part() -> None:
    about = concerned(picked("soil"), KNOBS, WORLD)
    whole = observe(Preference(), WORLD, (Action.LIKE,))
    partly = observe(whole, WORLD, (Action.DISLIKE,), about)
    assert [set(one) for one in partly.liked] == [{"z", "relief"}], "the rest is still liked"
    assert [set(one) for one in partly.disliked] == [{"grain", "season"}]
    again = observe(partly, WORLD, (Action.LIKE,))
    assert again.disliked == ()
    assert [set(one) for one in again.liked] == [set(WORLD.values)]

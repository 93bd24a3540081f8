"""What is told of a pick, how long it counts and how long it is seen."""

import numpy as np
import pytest

from vrgen.feedback.picks import COUNTS_S, SHOWN_S, Pick, told
from vrgen.messages import GeneratorStatus, Knob, Picked, Request

FILES = tuple(
    GeneratorStatus(name, checkpoint=f"{file}.pt")
    for name, file in (("rocks", "rocks"), ("soil", "materials"), ("land", "terrain"), ("sky", "sky"))
)
BIOME = Knob("biome", "label", (1, 3), "Ground", ("soil",), labels=("grass", "savanna", "snow"))
NUMBERED = Knob("biome", "label", (1,), "Ground", ("soil",), labels=("grass", "savanna"), one_hot=False)
SAVANNA = np.array([[0, 1, 0]], np.float32)


def request(generator: str, **inputs: np.ndarray) -> Request:
    return Request(generator, 1, 1, inputs, None, 3, 12)


@pytest.mark.parametrize(
    ("picked", "words"),
    [
        (Picked("rock", (request("rocks"),), 4.0, instance=7), "rock: by rocks.pt, variant 3, seed 12"),
        (Picked("sky", (request("sky"),)), "sky: by sky.pt"),
        (Picked("ground", (request("soil", biome=SAVANNA), request("land"))),
         "ground: savanna, by materials.pt; land by terrain.pt"),
        (Picked("ground", (request("land"),)), "ground: by terrain.pt"),
        (Picked("ground"), "ground: made by no model"),
        (Picked("picture", (request("gone"),), instance=0), "picture: by gone, frame 3, seed 12"),
    ],
)  # fmt: skip
def test_it_says_what_it_is_and_who_made_it(picked: Picked, words: str) -> None:
    assert told(picked, FILES, (BIOME,)) == words


def test_labels_are_told_in_words_and_those_left_open_are_not() -> None:
    ground = Picked("ground", (request("soil", biome=np.array([1], np.int64)),))
    assert told(ground, FILES, (NUMBERED,)) == "ground: savanna, by materials.pt"
    left_open = Picked("ground", (request("soil", biome=np.zeros((1, 3), np.float32)),))
    assert told(left_open, FILES, (BIOME,)) == "ground: by materials.pt"


def test_it_counts_for_a_while_and_in_its_own_world() -> None:
    pick = Pick(Picked("sky"), 10.0, 2)
    assert pick.counts(10.0, 2) and pick.counts(10.0 + COUNTS_S, 2)
    assert not pick.counts(10.1 + COUNTS_S, 2)
    assert not pick.counts(10.0, 3)


def test_a_thing_is_marked_at_its_foot_for_a_moment_and_the_sky_never() -> None:
    rock = Pick(Picked("rock", (), 4.0, (1.0, 2.0, 3.0), 0, (1.0, 0.5, 3.5), 1.2), 10.0, 2)
    mark = rock.mark(10.0)
    assert mark is not None
    assert (mark.at_world, mark.foot_world) == ((1.0, 2.0, 3.0), (1.0, 0.5, 3.5))
    assert mark.radius_m > 1.2
    assert rock.mark(10.1 + SHOWN_S) is None
    ground = Pick(Picked("ground", (), 4.0, (1.0, 0.0, 3.0)), 10.0, 2).mark(10.0)
    assert ground is not None and ground.foot_world == ground.at_world and ground.radius_m > 0
    assert Pick(Picked("sky"), 10.0, 2).mark(10.0) is None

"""Prompts: text that stands until another is said, with the way back, and what becomes of labels beside it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrgen.errors import WorldError
from vrgen.inputs.steering import Steering
from vrgen.messages import Knob, Preference
from vrgen.prompts import LONGEST, is_prompt, prompt_text, prompt_value

PROMPT = Knob("prompt", "prompt", (1, 384), "Prompt", ("sky", "ground"), encoder="all-MiniLM-L6-v2")
GROUND = Knob("ground", "label", (1, 3), "Ground", ("ground",), labels=("grass", "sand", "snow"))
ELSEWHERE = Knob("tree", "label", (1, 2), "Tree", ("trees",), labels=("oak", "fir"))
LATENT = Knob("z", "latent", (1, 8), "z", ("sky",))
KNOBS = (PROMPT, GROUND, ELSEWHERE, LATENT)


def said(steering: Steering) -> str:
    return prompt_text(steering.choice.values["prompt"])


@given(st.text())
def test_a_text_comes_back_plain(text: str) -> None:
    value = prompt_value(text)
    assert is_prompt(value) and len(prompt_text(value)) <= LONGEST
    assert prompt_text(prompt_value(prompt_text(value))) == prompt_text(value)
    if text.isascii() and text.isalnum():
        assert prompt_text(value) == text[:LONGEST]


def test_a_prompt_is_undone_and_done_again() -> None:
    first = Steering.start(KNOBS, 1)
    assert said(first) == ""
    one = first.set({"prompt": prompt_value("a meadow")}, 1.0)
    two = one.set({"prompt": prompt_value("a moor")}, 1.1)  # at once: a step of its own all the same
    assert [said(s) for s in (two, two.undo(), two.undo().undo(), two.undo().undo().redo())] == [
        "a moor", "a meadow", "", "a meadow",
    ]  # fmt: skip
    assert one.choice.world == first.choice.world + 1, "all of the world changes together"
    assert one.choice.seed == first.choice.seed
    assert two.set({"prompt": prompt_value("a  moor ")}, 2.0) is two


def test_a_new_world_keeps_the_prompt() -> None:
    one = Steering.start(KNOBS, 1).set({"prompt": prompt_value("a meadow")}, 1.0)
    another = one.new_world(np.random.default_rng(0))
    assert said(another) == "a meadow"
    assert not np.array_equal(another.choice.values["z"], one.choice.values["z"])
    assert said(another.with_knobs((*KNOBS, Knob("late", "latent", (1, 2), "", ("sky",))))) == "a meadow"


def test_the_world_file_sets_it() -> None:
    assert said(Steering.start(KNOBS, 1, {"prompt": "a moor"})) == "a moor"
    with pytest.raises(WorldError, match=r"'prompt'.*a text"):
        Steering.start(KNOBS, 1, {"prompt": 3.0})


def test_numbers_are_no_prompt_and_text_is_no_label() -> None:
    first = Steering.start(KNOBS, 1)
    assert first.set({"prompt": np.zeros((1, 384), np.float32)}, 1.0) is first
    assert first.set({"ground": prompt_value("sand")}, 1.0) is first


def test_the_prompt_decides_about_labels_until_one_is_chosen() -> None:
    first = Steering.start(KNOBS, 1)
    assert first.choice.values["ground"].sum() == 1
    prompted = first.set({"prompt": prompt_value("a moor")}, 1.0)
    assert prompted.choice.values["ground"].tolist() == [[0, 0, 0]]
    assert prompted.choice.values["tree"].sum() == 1, "of a generator that takes no prompt"
    chosen = prompted.set({"ground": np.array([[0, 1, 0]], np.float32)}, 5.0)
    assert chosen.choice.values["ground"].tolist() == [[0, 1, 0]]
    again = chosen.set({"prompt": prompt_value("snowfields")}, 9.0)
    assert again.choice.values["ground"].tolist() == [[0, 0, 0]], "what is said last counts"
    assert again.undo().choice.values["ground"].tolist() == [[0, 1, 0]]
    none = again.set({"prompt": prompt_value("")}, 12.0)
    assert none.choice.values["ground"].sum() == 1


def test_a_liked_world_with_an_open_label_likes_no_label() -> None:
    prompted = Steering.start(KNOBS, 1, {"prompt": "a moor"})
    liked = Preference(liked=(prompted.choice.values,) * 20)
    worlds = [prompted.set({"prompt": prompt_value("")}, 1.0).world_of(seed, liked) for seed in range(60)]
    labels = np.mean([w.choice.values["ground"][0] for w in worlds], axis=0)
    assert labels.max() < 0.6

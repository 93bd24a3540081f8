"""Proposals: likes pull, dislikes push, and the result stays what a generator can take."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vrgen.inputs.propose import propose, rng_of
from vrgen.latent import draw
from vrgen.messages import InputValue, Knob, Preference

LABEL = Knob(
    name="ground", kind="label", shape=(1, 4), label="", generators=("g",), labels=("grass", "sand", "snow", "mud")
)


def latent(size: int, prior: str = "normal") -> Knob:
    return Knob(name="z", kind="latent", shape=(1, size), label="", generators=("g",), prior=prior)


def mean_distance(knob: Knob, others: list[InputValue], preference: Preference, seed: int) -> float:
    proposals = [propose(np.random.default_rng([seed, i]), knob, preference) for i in range(60)]
    return float(np.mean([np.sqrt(np.mean((p - o) ** 2)) for p in proposals for o in others]))


@settings(max_examples=25)
@given(
    size=st.integers(4, 512),
    prior=st.sampled_from(["normal", "uniform"]),
    count=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_likes_pull_and_dislikes_push(size: int, prior: str, count: int, seed: int) -> None:
    knob = latent(size, prior)
    some = [draw(np.random.default_rng([seed, 99, i]), knob) for i in range(count)]
    said = tuple({"z": one} for one in some)
    before = mean_distance(knob, some, Preference(), seed)
    assert mean_distance(knob, some, Preference(liked=said), seed) < before
    assert mean_distance(knob, some, Preference(disliked=said), seed) > before


@given(
    size=st.integers(1, 300),
    prior=st.sampled_from(["normal", "uniform"]),
    liked=st.integers(0, 3),
    disliked=st.integers(0, 3),
    seed=st.integers(0, 999),
)
def test_proposals_are_typical(size: int, prior: str, liked: int, disliked: int, seed: int) -> None:
    knob, rng = latent(size, prior), np.random.default_rng(seed)
    preference = Preference(
        tuple({"z": draw(rng, knob)} for _ in range(liked)), tuple({"z": draw(rng, knob)} for _ in range(disliked))
    )
    proposal = propose(rng, knob, preference)
    assert proposal.shape == knob.shape
    assert proposal.dtype == np.float32
    if prior == "normal" and size >= 3:
        assert np.linalg.norm(proposal) == pytest.approx(math.sqrt(size), rel=1e-4)
    else:
        assert np.abs(proposal).max() <= (1.0001 if prior == "uniform" else 3.0001)


def test_liking_leaves_room_for_the_new() -> None:
    knob = latent(64)
    liked = draw(np.random.default_rng(0), knob)
    proposals = [propose(np.random.default_rng(i), knob, Preference(({"z": liked},))) for i in range(100)]
    cosines = np.array([float((p * liked).sum()) / 64 for p in proposals])
    assert (cosines > 0.4).sum() > 40
    assert (cosines < 0.3).sum() > 10
    assert cosines.max() < 0.95


def test_a_dislike_is_felt_in_many_dimensions() -> None:
    knob = latent(512)
    disliked = draw(np.random.default_rng(0), knob)
    proposals = [propose(np.random.default_rng(i), knob, Preference((), ({"z": disliked},))) for i in range(50)]
    assert np.mean([float((p * disliked).sum()) / 512 for p in proposals]) < -0.25


def test_labels_follow_likes_and_dislikes() -> None:
    def share(preference: Preference) -> float:
        drawn = [propose(np.random.default_rng(i), LABEL, preference) for i in range(300)]
        assert all(value.sum() == 1 for value in drawn)
        return float(np.mean([value[0, 2] for value in drawn]))

    snow = {"ground": np.array([[0, 0, 1, 0]], np.float32)}
    assert share(Preference(disliked=(snow, snow))) < share(Preference()) < share(Preference(liked=(snow, snow)))


def test_values_of_another_shape_are_passed_over() -> None:
    knob = latent(8)
    old = Preference(({"z": np.ones((1, 4), np.float32)},), ({"other": np.ones(1, np.float32)},))
    proposal = propose(rng_of(3, knob), knob, old)
    assert (proposal == propose(rng_of(3, knob), knob, Preference())).all()

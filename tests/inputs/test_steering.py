"""Steering: what undo, redo, morphs, settings and late knobs promise, whatever the order."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from vrgen.errors import WorldError
from vrgen.inputs.steering import HISTORY, REST_S, Steering
from vrgen.labels import label_index
from vrgen.messages import Choice, InputValue, Knob, Preference


def latent(name: str, *shape: int, prior: str = "normal") -> Knob:
    return Knob(name=name, kind="latent", shape=shape, label=name, generators=("g",), prior=prior)


SLIDER = Knob(name="season", kind="slider", shape=(1,), label="Season", generators=("g",), default=0.3)
GROUND = Knob(
    name="ground", kind="label", shape=(1, 3), label="Ground", generators=("g",), labels=("grass", "sand", "snow")
)
STYLE = Knob(
    name="style", kind="label", shape=(1,), label="Style", generators=("g",), labels=("a", "b"), one_hot=False
)
KNOBS = (latent("z", 1, 64), latent("u", 8, prior="uniform"), latent("tiny", 2), SLIDER, GROUND, STYLE)


def equal(one: Mapping[str, InputValue], other: Mapping[str, InputValue], within: float = 0.0) -> bool:
    return one.keys() == other.keys() and all(np.allclose(one[n], other[n], atol=within, rtol=0) for n in one)


def test_a_seed_makes_a_world_and_settings_come_first() -> None:
    one = Steering.start(KNOBS, 5, {"season": 0.8, "ground": "snow"})
    assert equal(one.choice.values, Steering.start(KNOBS, 5, {"season": 0.8, "ground": "snow"}).choice.values)
    assert not equal(one.choice.values, Steering.start(KNOBS, 6).choice.values)
    assert one.choice.values["season"] == pytest.approx([0.8])
    assert one.choice.values["ground"].tolist() == [[0, 0, 1]]
    assert one.choice.values["style"].dtype == np.int64
    assert one.choice.seed == 5


# --- what was said of a part ------------------------------------------------------------------------------

ALL = replace(latent("z", 1, 64), generators=("sky", "land", "rocks"))
SEASONS = Knob(name="season", kind="label", shape=(1, 2), label="", generators=("sky",), labels=("a", "b"))
LIKED = np.asarray(np.random.default_rng(1).standard_normal((1, 64)), np.float32)
ROCKS = Preference(liked=({"rocks.z": LIKED},))


def worlds(preference: Preference, knobs: tuple[Knob, ...] = (ALL, SEASONS)) -> list[Mapping[str, InputValue]]:
    steering = Steering.start(knobs, 1)
    return [steering.world_of(seed, preference).choice.values for seed in range(200)]


def test_what_was_liked_of_one_generator_shifts_that_one_alone() -> None:
    plain, shifted = worlds(Preference()), worlds(ROCKS)
    assert all(equal(one, {name: other[name] for name in one}) for one, other in zip(plain, shifted, strict=True))
    assert {name for values in shifted for name in values} == {"z", "season", "rocks.z"}
    drawn, own = (np.stack([values[name] for values in shifted]).reshape(-1, 64) for name in ("z", "rocks.z"))
    assert abs(np.mean(drawn @ LIKED.ravel()) / 64) < 0.1
    assert np.mean(own @ LIKED.ravel()) / 64 > 0.3
    assert np.allclose(np.linalg.norm(own, axis=1), 8.0, atol=1e-3), "on the shell, as every latent"


def test_a_partial_word_leaves_the_other_knobs_as_they_would_be() -> None:
    knobs = (latent("z", 1, 64), latent("u", 8, prior="uniform"), SEASONS)
    plain, shifted = worlds(Preference(), knobs), worlds(Preference(liked=({"z": LIKED},)), knobs)
    rest = ("u", "season")
    assert all(
        equal({n: one[n] for n in rest}, {n: other[n] for n in rest})
        for one, other in zip(plain, shifted, strict=True)
    )
    assert np.mean([values["z"].ravel() @ LIKED.ravel() for values in shifted]) / 64 > 0.3


def test_a_part_is_morphed_undone_and_given_up_with_its_world() -> None:
    start = Steering.start((ALL, SEASONS), 1)
    split = start.world_of(7, ROCKS)
    part = split.choice.values["rocks.z"]
    moved = split.morph((0.5, 0.0), 0.0)
    assert not np.allclose(moved.choice.values["rocks.z"], part)
    assert equal(moved.undo().choice.values, split.choice.values)
    assert "rocks.z" not in split.undo().choice.values
    assert "rocks.z" not in split.world_of(8).choice.values, "nothing is said any more"
    smaller = replace(ALL, shape=(1, 16))
    assert set(split.with_knobs((smaller, SEASONS)).choice.values) == {"z", "season"}, "it does not fit any more"


def test_a_wrong_setting_is_one_sentence() -> None:
    with pytest.raises(WorldError, match="grass, sand, snow"):
        Steering.start(KNOBS, 1, {"ground": "lava"})
    with pytest.raises(WorldError, match="numbers"):
        Steering.start(KNOBS, 1, {"season": "summer"})


@pytest.mark.parametrize("one_hot", [True, False])
def test_a_swapped_checkpoint_with_fewer_labels_gets_one_of_its_own(one_hot: bool) -> None:
    def knob(*labels: str) -> Knob:
        shape = (1, len(labels)) if one_hot else (1,)
        return Knob(
            name="biome", kind="label", shape=shape, label="", generators=("a",), labels=labels, one_hot=one_hot
        )

    steering = Steering.start((knob("heath", "rock", "snow"),), 0, {"biome": "snow"})
    after = steering.with_knobs((knob("sand", "grass"),))
    assert label_index(after.knobs[0], after.choice.values["biome"]) in (0, 1)
    assert after.undo().choice.values["biome"].shape == after.knobs[0].shape


def test_a_swapped_checkpoint_with_another_range_is_not_called_outside_of_it() -> None:
    wide = Knob(name="age", kind="slider", shape=(1,), label="", generators=("a",), range=(0.0, 10.0))
    steering = Steering.start((wide,), 0).set({"age": np.array([9.0], np.float32)}, 0.0)
    after = steering.with_knobs((replace(wide, range=(0.0, 0.3), default=0.1),))
    assert 0.0 <= after.choice.values["age"][0] <= 0.3


def test_n_can_be_had_again_by_its_seed() -> None:
    after = Steering.start(KNOBS, 1).new_world(np.random.default_rng(3))
    again = Steering.start(KNOBS, after.choice.seed)
    assert equal(after.choice.values, again.choice.values)


def test_n_leaves_what_the_person_set_by_hand() -> None:
    snow = np.array([[0, 0, 1]], np.float32)
    steering = Steering.start(KNOBS, 1).set({"ground": snow, "season": np.array([0.9], np.float32)}, 0.0)
    for seed in range(12):
        steering = steering.world_of(seed)
        assert steering.choice.values["ground"].tolist() == [[0, 0, 1]]
        assert steering.choice.values["season"] == pytest.approx([0.9])
    styles = {int(Steering.start(KNOBS, 1).world_of(seed).choice.values["style"][0]) for seed in range(12)}
    assert styles == {0, 1}


def test_one_drag_is_one_step_and_a_rest_begins_another() -> None:
    start = Steering.start(KNOBS, 1)
    drag = start
    for frame in range(60):
        drag = drag.morph((0.01, 0.0), frame / 60)
    assert len(drag.past) == 1
    again = drag.morph((0.01, 0.0), 1.0 + REST_S)
    assert len(again.past) == 2
    assert equal(again.undo().choice.values, drag.choice.values)
    assert equal(again.undo().undo().choice.values, start.choice.values)


def test_a_drag_there_and_back_returns_exactly() -> None:
    start = Steering.start(KNOBS, 1)
    there = start.morph((0.7, -0.4), 0.0)
    back = there.morph((-0.7, 0.4), 0.1)
    assert not equal(there.choice.values, start.choice.values, 0.1)
    assert equal(back.choice.values, start.choice.values)


def test_a_drag_of_something_else_is_another_step() -> None:
    start = steering = Steering.start(KNOBS, 1)
    for frame in range(10):
        steering = steering.set({"season": np.array([frame / 10], np.float32)}, frame / 60)
    slid = steering
    steering = steering.set({"style": 1 - start.choice.values["style"]}, 0.2).morph((0.1, 0.0), 0.3)
    assert len(steering.past) == 3
    assert equal(steering.undo().undo().choice.values, slid.choice.values)


def test_what_is_new_ends_the_way_forward() -> None:
    undone = Steering.start(KNOBS, 1).world_of(2).undo()
    assert undone.redo().choice.seed == 2
    assert undone.world_of(3).redo().choice.seed == 3
    assert undone.morph((0.1, 0.0), 0.0).redo().choice.seed == 1


def test_the_two_directions_of_a_morph_are_apart() -> None:
    knob = latent("z", 5)
    for seed in range(20):
        start = Steering.start((knob,), seed)
        z = start.choice.values["z"]
        right, up = (start.morph(by, 0.0).choice.values["z"] - z for by in ((0.01, 0.0), (0.0, 0.01)))
        cosine = float(right @ up) / float(np.linalg.norm(right) * np.linalg.norm(up))
        assert abs(cosine) < 0.02


def test_unknown_names_and_wrong_shapes_change_nothing() -> None:
    steering = Steering.start(KNOBS, 1)
    assert steering.set({"nobody": np.zeros(1, np.float32)}, 0.0) is steering
    assert steering.set({"season": np.zeros((1, 4), np.float32)}, 0.0) is steering
    assert steering.undo() is steering
    assert steering.redo() is steering


def test_nothing_to_morph_is_no_change() -> None:
    steering = Steering.start((SLIDER,), 1)
    assert steering.morph((0.5, 0.5), 0.0) is steering


@given(st.permutations(range(len(KNOBS))), st.integers(0, len(KNOBS)))
def test_late_knobs_get_what_they_would_have_had(order: list[int], first: int) -> None:
    whole = Steering.start(KNOBS, 9)
    some = tuple(KNOBS[i] for i in order[:first])
    merged = Steering.start(some, 9).with_knobs(tuple(KNOBS[i] for i in order))
    assert equal(merged.choice.values, whole.choice.values)


def test_late_knobs_leave_the_rest_and_undo_gives_them_values_too() -> None:
    early = Steering.start((SLIDER,), 1).set({"season": np.array([0.9], np.float32)}, 0.0)
    late = early.with_knobs(KNOBS)
    assert late.choice.values["season"] == pytest.approx([0.9])
    assert late.choice.revision > early.choice.revision
    assert late.undo().choice.values.keys() == {knob.name for knob in KNOBS}


def test_a_knob_of_another_shape_is_drawn_anew() -> None:
    steering = Steering.start((latent("z", 16), SLIDER), 1).with_knobs((latent("z", 32), SLIDER))
    assert steering.choice.values["z"].shape == (32,)


def test_history_is_bounded() -> None:
    steering = Steering.start(KNOBS, 1)
    for seed in range(HISTORY + 20):
        steering = steering.world_of(seed)
    assert len(steering.past) == HISTORY


class UndoRedo(RuleBasedStateMachine):
    """Steering beside the simplest model of it: a list of states and a place in it."""

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed: int) -> None:
        self.steering = Steering.start(KNOBS, seed)
        self.states = [self.steering.choice]
        self.at = 0
        self.time_s = 0.0
        self.worlds = {0}

    def stepped(self) -> None:
        self.states = [*self.states[: self.at + 1], self.steering.choice]
        self.at += 1

    @rule(seed=st.integers(0, 1000))
    def new_world(self, seed: int) -> None:
        self.steering = self.steering.new_world(np.random.default_rng(seed))
        self.stepped()
        self.fresh_world()

    @rule(by=st.tuples(st.floats(-1, 1), st.floats(-1, 1)), pieces=st.integers(1, 3))
    def morph(self, by: tuple[float, float], pieces: int) -> None:
        before = self.steering
        self.time_s += 1.0
        for piece in range(pieces):
            self.steering = self.steering.morph(by, self.time_s + 0.1 * piece)
        if self.steering is not before:
            self.stepped()

    @rule(value=st.floats(0, 1, width=32))
    def slide(self, value: float) -> None:
        before = self.steering
        self.time_s += 1.0
        self.steering = self.steering.set({"season": np.array([value], np.float32)}, self.time_s)
        if self.steering is not before:
            self.stepped()

    @rule()
    def undo(self) -> None:
        before, self.steering = self.steering, self.steering.undo()
        self.at = max(self.at - 1, 0)
        if self.steering is not before:
            self.fresh_world()

    @rule()
    def redo(self) -> None:
        before, self.steering = self.steering, self.steering.redo()
        self.at = min(self.at + 1, len(self.states) - 1)
        if self.steering is not before:
            self.fresh_world()

    def fresh_world(self) -> None:
        assert self.steering.choice.world not in self.worlds
        self.worlds.add(self.steering.choice.world)

    @invariant()
    def stands_where_the_model_stands(self) -> None:
        if not hasattr(self, "states"):
            return
        model: Choice = self.states[self.at]
        assert equal(self.steering.choice.values, model.values, 1e-5)
        assert self.steering.choice.seed == model.seed

    @invariant()
    def latents_stay_typical(self) -> None:
        if not hasattr(self, "states"):
            return
        values = self.steering.choice.values
        assert np.linalg.norm(values["z"]) == pytest.approx(math.sqrt(64), rel=1e-4)
        assert np.abs(values["u"]).max() <= 1.0001
        assert np.abs(values["tiny"]).max() <= 3.0001
        assert all(values[knob.name].shape == knob.shape for knob in KNOBS)


TestUndoRedo = UndoRedo.TestCase
TestUndoRedo.settings = settings(max_examples=40, stateful_step_count=25)


@given(at=st.tuples(st.floats(-8, 8), st.floats(-8, 8)), size=st.integers(1, 80))
def test_a_morph_keeps_the_norm_and_moves_as_far_as_asked(at: tuple[float, float], size: int) -> None:
    knob = latent("z", size)
    start = Steering.start((knob,), 3)
    there = start.morph(at, 0.0).choice.values["z"]
    if size < 3:
        assert np.abs(there).max() <= 3.0001
        return
    z = start.choice.values["z"]
    assert np.linalg.norm(there) == pytest.approx(math.sqrt(size), rel=1e-4)
    angle = math.acos(float(np.clip(there @ z / size, -1, 1)))
    asked = math.hypot(*at) % (2 * math.pi)
    assert angle == pytest.approx(min(asked, 2 * math.pi - asked), abs=2e-3)

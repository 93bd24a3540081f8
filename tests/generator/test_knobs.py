"""Knobs: one for inputs that belong together, and back from where they stand to the tensors of a call."""

import json
from typing import Any

import checkpoints
import numpy as np
import pytest

from vrgen.contract import Manifest
from vrgen.errors import WorldError
from vrgen.generator.knobs import default_input, fixed_inputs, inputs_of, knobs, sample_inputs
from vrgen.generator.manifest import parse_json

SEASON = {"kind": "slider", "range": [0, 4], "default": 1, "label": "Season"}
WEATHER = {"kind": "label", "shape": [1, 3], "labels": ["sun", "rain", "snow"]}


def made(**inputs: Any) -> Manifest:
    return parse_json(json.dumps(checkpoints.manifest(inputs, {"picture": checkpoints.PICTURE})), "it")


def test_inputs_of_one_name_and_shape_are_one_knob() -> None:
    manifests = {
        "sky": made(latent=checkpoints.LATENT, season=SEASON),
        "land": made(season=SEASON, tile={"kind": "tile"}),
    }
    found = {knob.name: knob for knob in knobs(manifests)}
    assert list(found) == ["latent", "season"]
    assert found["season"].generators == ("sky", "land")
    assert (found["season"].range, found["season"].default, found["season"].label) == ((0, 4), 1, "Season")


def test_a_generator_can_have_a_value_of_its_own_of_a_knob_that_it_shares() -> None:
    manifests = {"sky": made(latent=checkpoints.LATENT), "rocks": made(latent=checkpoints.LATENT)}
    (knob,) = knobs(manifests)
    standing = {"latent": np.zeros((1, 8), np.float32), knob.part("rocks"): np.ones((1, 8), np.float32)}
    got = {name: inputs_of(name, manifest, standing, (knob,)) for name, manifest in manifests.items()}
    assert (got["sky"]["latent"].max(), got["rocks"]["latent"].max()) == (0, 1)


def test_same_name_of_another_shape_is_a_knob_of_its_own() -> None:
    manifests = {"sky": made(latent=checkpoints.LATENT), "land": made(latent={"kind": "latent", "shape": [1, 3]})}
    found = knobs(manifests)
    assert [knob.name for knob in found] == ["latent", "land.latent"]
    standing = {"latent": np.ones((1, 8), np.float32), "land.latent": np.ones((1, 3), np.float32)}
    for name, manifest in manifests.items():
        assert inputs_of(name, manifest, standing, found)["latent"].shape == manifest.inputs["latent"].shape


def test_what_the_world_fixes_is_no_knob() -> None:
    manifest = made(season=SEASON, weather=WEATHER)
    fixed = {"season": 2.0, "weather": "rain"}
    assert knobs({"sky": manifest}, {"sky": fixed}) == ()
    values = fixed_inputs("sky", manifest, fixed)
    assert values["season"].tolist() == [2.0]
    assert values["weather"].tolist() == [[0, 1, 0]]


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        ({"sea": 1.0}, ["'sea'", "season"]),
        ({"weather": "fog"}, ["'fog'", "sun, rain, snow"]),
        ({"season": "spring"}, ["'spring'", "slider"]),
        ({"latent": [1.0, 2.0]}, ["2 numbers", "[1, 8]"]),
    ],
)
def test_what_can_not_be_fixed_is_told(fixed: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(WorldError) as caught:
        fixed_inputs("sky", made(season=SEASON, weather=WEATHER, latent=checkpoints.LATENT), fixed)
    assert all(word in str(caught.value) for word in words)


def test_defaults_and_samples_fit_every_input() -> None:
    manifest = made(
        latent=checkpoints.LATENT,
        prompt={"kind": "prompt", "shape": [1, 5], "encoder": "e"},
        weather=WEATHER,
        which={"kind": "label", "shape": [1], "labels": ["a", "b"]},
        season=SEASON,
        photo={"kind": "image", "shape": [1, 3, 4, 4]},
        tile={"kind": "tile"},
        eye={"kind": "camera"},
        clock={"kind": "time"},
        grain={"kind": "noise", "shape": [1, 2, 2], "prior": "uniform"},
        before={"kind": "state", "shape": [3, 16, 16], "from": "picture"},
    )
    for seed in range(5):
        sample = sample_inputs(manifest, seed)
        assert set(sample) == {*manifest.inputs, "eye.fov"}
        for name, entry in manifest.inputs.items():
            default = default_input(entry)
            assert sample[name].shape == default.shape == entry.shape
            assert sample[name].dtype == default.dtype
            assert default.dtype == (np.int64 if name in ("tile", "which") else np.float32)
    assert all(
        np.array_equal(a, b) for a, b in zip(sample.values(), sample_inputs(manifest, 4).values(), strict=True)
    )

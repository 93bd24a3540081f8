"""Manifests: every kind is understood, and what is not in the contract is refused."""

import msgspec
import pytest

from vrgen.contract import InputSpec, Manifest, OutputSpec, StateInput, kind

EXAMPLE = b"""
{"vrgen": 1, "name": "tundra", "version": "1.0.0", "license": "CC0-1.0", "description": "Wind-cut snowfields",
 "inputs":  {"latent": {"kind": "latent", "shape": [1, 64]},
             "prompt": {"kind": "prompt", "shape": [1, 384], "encoder": "all-MiniLM-L6-v2"},
             "tile":   {"kind": "tile"},
             "season": {"kind": "slider", "shape": [1], "range": [0, 1], "default": 0.3, "label": "Season"}},
 "outputs": {"height": {"kind": "heightfield", "shape": [1, 129, 129], "metres": 64.0}}}
"""

INPUTS: dict[str, dict[str, object]] = {
    "latent": {"shape": [1, 64], "prior": "uniform"},
    "prompt": {"shape": [1, 384], "encoder": "all-MiniLM-L6-v2"},
    "label": {"shape": [1], "labels": ["wood", "heath"]},
    "slider": {"range": [0, 2], "default": 1.0},
    "image": {"shape": [1, 3, 64, 64]},
    "tile": {},
    "camera": {},
    "time": {},
    "noise": {"shape": [1, 8]},
    "state": {"shape": [1, 8], "from": "hidden"},
}
OUTPUTS: dict[str, dict[str, object]] = {
    "panorama": {"shape": [3, 256, 512], "range": "linear"},
    "panorama_depth": {"shape": [1, 256, 512]},
    "texture": {"shape": [3, 256, 256], "role": "normal", "surface": "ground", "metres": 2.0},
    "heightfield": {"shape": [1, 65, 65], "metres": 64.0},
    "mesh": {"shape": [642, 3], "faces": 1280, "uv": True},
    "instances": {"shape": [100, 8], "of": "rock"},
    "splats": {"shape": [1000, 3]},
    "view": {"shape": [3, 256, 256]},
    "picture": {"shape": [3, 64, 64]},
    "light": {},
    "fog": {},
}


def test_the_example_of_the_contract() -> None:
    manifest = msgspec.json.decode(EXAMPLE, type=Manifest)
    assert {name: kind(entry) for name, entry in manifest.inputs.items()} == {
        "latent": "latent",
        "prompt": "prompt",
        "tile": "tile",
        "season": "slider",
    }
    assert msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest) == manifest


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_kind(name: str) -> None:
    entry: InputSpec = msgspec.convert({"kind": name, "label": "L", **INPUTS[name]}, InputSpec)
    assert kind(entry) == name and entry.label == "L"


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_kind(name: str) -> None:
    entry: OutputSpec = msgspec.convert({"kind": name, "description": "D", **OUTPUTS[name]}, OutputSpec)
    assert kind(entry) == name and entry.description == "D"


def test_state_comes_from_an_output() -> None:
    entry = msgspec.convert({"kind": "state", "shape": [1, 8], "from": "hidden"}, InputSpec)
    assert isinstance(entry, StateInput) and entry.source == "hidden"


def test_bare_tensors_are_mapped() -> None:
    manifest = msgspec.convert(
        {
            "vrgen": 1,
            "name": "sky",
            "inputs": {"latent": {"kind": "latent", "shape": [1, 8]}},
            "outputs": {"sky": {"kind": "panorama", "shape": [3, 8, 16]}},
            "call": {"args": ["latent"], "returns": ["sky"]},
        },
        Manifest,
    )
    assert manifest.call is not None and manifest.call.returns == ("sky",)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"vrgen": 2}, "vrgen"),
        ({"colour": "red"}, "colour"),
        ({"outputs": {}}, "outputs"),
        ({"outputs": {"h": {"kind": "hightfield", "shape": [1, 9, 9]}}}, "hightfield"),
        ({"outputs": {"h": {"kind": "heightfield", "shape": [1, 9, 9]}}}, "metres"),
        ({"outputs": {"h": {"kind": "heightfield", "shape": [1, 9, 9], "metres": 0}}}, "metres"),
        ({"outputs": {"h": {"kind": "picture", "shape": [3, 0, 9]}}}, "shape"),
        ({"outputs": {"h": {"kind": "picture", "shape": [3, 9, 9], "metres": 1}}}, "metres"),
        ({"inputs": {"z": {"kind": "latent"}}}, "shape"),
        ({"inputs": {"z": {"kind": "latent", "shape": [1, 8], "prior": "cauchy"}}}, "cauchy"),
        ({"inputs": {"z": {"kind": "label", "shape": [1], "labels": []}}}, "labels"),
    ],
)
def test_what_is_not_in_the_contract_is_refused(change: dict[str, object], words: str) -> None:
    whole = {**msgspec.json.decode(EXAMPLE), **change}
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(whole, Manifest)

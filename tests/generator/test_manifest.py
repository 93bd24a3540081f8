"""Manifests: found in both kinds of archive and beside them; every violation is one sentence that says where."""

import json
import zipfile
from pathlib import Path
from typing import Any

import checkpoints
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vrgen.errors import CheckpointError, ManifestError
from vrgen.generator.manifest import parse_json, read_manifest, trimmed, without_batch

HEIGHT = {"kind": "heightfield", "shape": [1, 9, 9], "metres": 8.0}


def parsed(inputs: dict[str, Any], outputs: dict[str, Any], **more: Any) -> Any:
    return parse_json(json.dumps(checkpoints.manifest(inputs, outputs, **more)), "it")


def archive(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"x" * 1000)
    return path


def one_sentence(error: BaseException) -> str:
    text = str(error)
    assert "\n" not in text and "Traceback" not in text and len(text) < 500
    return text


def test_manifest_lies_in_torchscript_and_in_exported_programs(tmp_path: Path) -> None:
    said = checkpoints.manifest({"latent": checkpoints.LATENT}, {"picture": checkpoints.PICTURE})
    scripted = checkpoints.save(checkpoints.Constant(), tmp_path / "a.pt", said)
    exported = checkpoints.save_exported(
        checkpoints.Constant(), ({"latent": torch.zeros(1, 8)},), tmp_path / "b.pt2", said
    )
    first, second = read_manifest(scripted), read_manifest(exported)
    assert first is not None and first == second
    assert first.outputs["picture"].shape == (3, 16, 16)


def test_sidecar_wins_over_the_archive_and_stands_in_for_it(tmp_path: Path) -> None:
    path = checkpoints.constant(tmp_path / "a.pt")
    (tmp_path / "a.vrgen.toml").write_text(
        'vrgen = 1\nname = "beside"\n[outputs.picture]\nkind = "picture"\nshape = [1, 3, 16, 16]\n'
        '[inputs.latent]\nkind = "latent"\nshape = [1, 8]\n'
    )
    found = read_manifest(path)
    assert found is not None and found.name == "beside"
    bare = checkpoints.save(checkpoints.Flat(), tmp_path / "b.pt", None)
    assert read_manifest(bare) is None


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda p: p, "no such file"),
        (lambda p: (p.touch(), p)[1], "empty"),
        (lambda p: p.write_bytes(b"hello, world") and p, "no zip archive"),
        (lambda p: archive(p, "a/readme.txt"), "neither TorchScript nor"),
        (lambda p: archive(p, "a/data.pkl", "a/version"), "torch.save"),
    ],
)
def test_what_is_no_checkpoint_is_told_in_one_sentence(tmp_path: Path, make: Any, word: str) -> None:
    with pytest.raises(CheckpointError, match=word) as caught:
        read_manifest(make(tmp_path / "a.pt"))
    assert "a.pt" in one_sentence(caught.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_archive(tmp_path: Path, share: float) -> None:
    whole = checkpoints.constant(tmp_path / "a.pt").read_bytes()
    path = tmp_path / "b.pt"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CheckpointError, match="truncated or damaged") as caught:
        read_manifest(path)
    one_sentence(caught.value)


def entry(text: str, more: str = "") -> str:
    return f'{{"vrgen": 1, "name": "a", {more}"outputs": {{"p": {text}}}}}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", ["JSON"]),
        ('{"vrgen": 2, "name": "a", "outputs": {}}', ["vrgen"]),
        ('{"name": "a", "outputs": {}}', ["vrgen"]),
        ('{"vrgen": 1, "name": "a", "outputs": {}}', ["outputs"]),
        (entry('{"kind": "picture", "shape": [3, 4, 4]}', more='"colour": 1, '), ["colour"]),
        (entry('{"kind": "sculpture", "shape": [3, 4, 4]}'), ["sculpture"]),
        (entry('{"kind": "picture", "shape": [3, "x", 4]}'), ["shape", "outputs"]),
        (entry('{"kind": "picture", "shape": [3, 4, 4], "metre": 1}'), ["metre"]),
    ],
)
def test_wrong_or_unknown_key(text: str, words: list[str]) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_json(text, "a.pt: vrgen.json")
    told = one_sentence(caught.value)
    assert told.startswith("a.pt: vrgen.json: ") and all(word in told for word in words), told


OUT = {"picture": {"kind": "picture", "shape": [3, 4, 4]}}


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ({}, {"sky": {"kind": "panorama", "shape": [3, 8, 8]}}, ["'sky'", "(3, H, 2H)", "[3, 8, 8]"]),
        ({}, {"sky": {"kind": "panorama", "shape": [1, 8, 16]}}, ["'sky'"]),
        ({}, {"d": {"kind": "panorama_depth", "shape": [8, 16]}}, ["'d'", "(1, H, 2H)"]),
        ({}, {"h": {"kind": "heightfield", "shape": [1, 9, 8], "metres": 1}}, ["'h'", "(1, N, N)"]),
        ({}, {"m": {"kind": "mesh", "shape": [9, 2]}}, ["'m'", "(V, 3)"]),
        ({}, {"m": {"kind": "mesh", "shape": [9, 3], "vertices": 8}}, ["'m'", "8 vertices"]),
        ({}, {"i": {"kind": "instances", "shape": [9, 7], "of": "m"}}, ["'i'", "(K, 8)"]),
        ({}, {"t": {"kind": "texture", "shape": [3, 4, 4], "role": "roughness"}}, ["'t'", "roughness"]),
        ({}, {"p": {"kind": "picture", "shape": [3, 4, 4], "range": [1, 0]}}, ["'p'", "range"]),
        ({"t": {"kind": "tile", "shape": [2]}}, OUT, ["'t'", "(1, 2)"]),
        ({"s": {"kind": "slider", "range": [1, 0]}}, OUT, ["'s'", "low < high"]),
        ({"s": {"kind": "slider", "default": 2}}, OUT, ["'s'", "default"]),
        ({"l": {"kind": "label", "shape": [1, 2], "labels": ["a", "b", "c"]}}, OUT, ["'l'", "(1, 3)"]),
        ({"c": {"kind": "camera", "shape": [1, 3, 3]}}, OUT, ["'c'", "(1, 4, 4)"]),
        ({"i": {"kind": "image", "shape": [1, 1, 4, 4]}}, OUT, ["'i'", "(1, 3, H, W)"]),
        ({"p": {"kind": "prompt", "shape": [2, 4], "encoder": "e"}}, OUT, ["'p'", "(1, D)"]),
        ({"s": {"kind": "state", "shape": [1], "from": "nothing"}}, OUT, ["'s'", "'nothing'", "picture"]),
        ({"s": {"kind": "state", "shape": [1, 3], "from": "picture"}}, OUT, ["'s'", "[3, 4, 4]"]),
    ],
)
def test_what_types_can_not_say(inputs: dict[str, Any], outputs: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ManifestError) as caught:
        parsed(inputs, outputs)
    told = one_sentence(caught.value)
    assert all(word in told for word in words), told


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"args": ["z"], "returns": ["picture"]}, ["call.args", "'z'"]),
        ({"args": [], "returns": ["picture"]}, ["'latent'", "missing"]),
        ({"args": ["latent"], "returns": ["image"]}, ["call.returns", "'image'"]),
        ({"args": ["latent"], "returns": []}, ["'picture'", "missing"]),
        ({"args": ["latent", "latent"], "returns": ["picture"]}, ["twice"]),
    ],
)
def test_call_names_what_the_manifest_has(call: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ManifestError) as caught:
        parsed({"latent": checkpoints.LATENT}, OUT, call=call)
    assert all(word in one_sentence(caught.value) for word in words), str(caught.value)


def test_good_manifests_pass_with_and_without_batch_axis() -> None:
    for shape in ([3, 8, 16], [1, 3, 8, 16]):
        parsed({}, {"sky": {"kind": "panorama", "shape": shape}})
    for shape in ([1, 9, 9], [1, 1, 9, 9]):
        parsed({"tile": {"kind": "tile"}}, {"height": {**HEIGHT, "shape": shape}})
    parsed({}, {"m": {"kind": "mesh", "shape": [1, 9, 3], "faces": 4, "counts": True}})


@given(st.lists(st.integers(1, 5), max_size=6))
def test_batch_axes_are_dropped_once_and_only_where_there_is_one_more(shape: list[int]) -> None:
    for rank in range(7):
        bare = without_batch(tuple(shape), rank)
        assert bare in (tuple(shape), tuple(shape[1:]))
        assert trimmed(bare) == trimmed(tuple(shape))
        if len(shape) != rank + 1:
            assert bare == tuple(shape)

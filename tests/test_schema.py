"""What a schema refuses is told with the entry's name, what it says and what it may say."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrgen.contract import Manifest
from vrgen.errors import did_you_mean
from vrgen.schema import explain

PICTURE = {"kind": "picture", "shape": [3, 4, 4]}


def manifest(**more: Any) -> dict[str, Any]:
    return {"vrgen": 1, "name": "x", "inputs": {}, "outputs": {"ok": PICTURE}, **more}


def refused(raw: object) -> str | None:
    try:
        msgspec.convert(raw, Manifest)
    except msgspec.ValidationError as error:
        return explain(raw, Manifest, error, "the manifest")
    return None


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (manifest(vrgen=2), "vrgen is 2, expected 1; correct it"),
        (manifest(vrgen="1"), "vrgen is '1', expected 1; correct it"),
        (manifest(licence="CC0"), "'licence' is no key of the manifest; did you mean 'license'?"),
        ({"vrgen": 1, "name": "x"}, "the manifest lacks 'outputs', which has to be there; add it"),
        (
            manifest(inputs={"ok": {"kind": "tile"}, "z": {"kind": "latent", "shape": [8], "prior": "norm"}}),
            "inputs.z.prior is 'norm', expected one of normal, uniform; did you mean 'normal'?",
        ),
        (
            manifest(inputs={"z": {"kind": "latent", "shape": [8, 0]}}),
            "inputs.z.shape[1] is 0, expected a whole number from 1; correct it",
        ),
        (
            manifest(inputs={"s": {"kind": "slider", "range": [0]}}),
            "inputs.s.range is [0], expected a list of 2, each a number; correct it",
        ),
        (
            manifest(outputs={"ok": PICTURE, "land": {"kind": "heightfeild", "shape": [1, 9, 9], "metres": 8}}),
            "did you mean 'heightfield'?",
        ),
        (
            manifest(outputs={"ok": PICTURE, "p": {**PICTURE, "labels": []}}),
            "'labels' is no key of outputs.p; did you mean 'label'?",
        ),
        (
            manifest(outputs={"p": {"shape": [1]}}),
            "outputs.p lacks 'kind', which has to be there (one of panorama,",
        ),
        (manifest(outputs={"p": 3}), "outputs.p is 3, expected a table; correct it"),
        ([], "the manifest is [], expected a table; correct it"),
    ],
)
def test_the_sentence(raw: object, sentence: str) -> None:
    told = refused(raw)
    assert told is not None and sentence in told, told


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.sampled_from(["", "latent", "a.b", "$[...]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "shape", "x"]), inner),
    max_leaves=6,
)
ENTRIES = st.dictionaries(
    st.sampled_from(["a", "b", "c.d"]),
    st.dictionaries(st.sampled_from(["kind", "shape", "range", "labels", "from"]), VALUES) | VALUES,
    max_size=3,
)


@given(ENTRIES, ENTRIES, VALUES)
def test_whatever_is_wrong_is_told_without_the_schema_s_own_notation(
    inputs: dict[str, Any], outputs: dict[str, Any], call: object
) -> None:
    told = refused(manifest(inputs=inputs, outputs=outputs, call=call))
    if told is not None:
        assert "`" not in told and "\n" not in told and "something else" not in told, told
        assert told.rstrip("?").endswith(("it", "'")) or "choose one of" in told, told


@pytest.mark.parametrize(
    ("got", "known", "words"),
    [
        ("sesaon", ["season", "biome"], "did you mean 'season'?"),
        ("Season", ["season", "biome"], "did you mean 'season'?"),
        ("as", ["checkpoint", "as_kind"], "did you mean 'as_kind'?"),
        ("xyz", ["season", "biome"], "choose one of season, biome"),
        ("xyz", [], "there is none to choose"),
        ("", ["season"], "choose one of season"),
    ],
)
def test_the_remedy_for_an_unknown_name(got: str, known: list[str], words: str) -> None:
    assert did_you_mean(got, known) == words


def test_a_long_list_of_names_is_cut() -> None:
    told = did_you_mean("xyz", [f"label{n}" for n in range(1000)])
    assert told.endswith("label23 and 976 more")

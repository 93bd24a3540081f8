"""Teach the bundled checkpoints to follow a text: one small head, learned from phrases, put into each of the four.

`python tools/train.py prompts` takes the checkpoints that are there (a head that they have already is taken off),
trains, judges on words and sentences that were never trained on, and writes them again.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from rich.console import Console
from torch import Tensor, nn

from vrgen.training.export import MANIFEST_NAME, export
from vrgen.training.prompted import (
    NAMES,
    WIDTH,
    Head,
    PromptedLand,
    PromptedMaterials,
    PromptedRocks,
    PromptedSky,
)
from vrgen.training.prompts_corpus import Phrases, paraphrases, phrases
from vrgen.training.prompts_words import GROUNDS

ENCODER = "all-MiniLM-L6-v2"
COUNT = 6000
HELD = 600
STEPS = 1200
BATCH = 256
RATE = 2e-3
DECAY = 0.02
NOISE = 0.05
"""Of an embedding's numbers, each about 0.05."""
CLOSE = 0.2
"""A setting is right within so much of its target."""
CHECKPOINTS = ("sky", "materials", "terrain", "rocks")

Embed = Callable[[str, str], npt.NDArray[Any]]
"""(encoder, text) → (1, 384) float32."""


def train(out: Path, cache: Path, embed: Embed, seed: int = 0) -> dict[str, float]:
    """Train the head and write it into the checkpoints in the folder `out`; returns the accuracies."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    console = Console()
    learned, held, written = phrases(COUNT, seed), phrases(HELD, seed, held=True), paraphrases()
    known = Known(embed, cache / f"prompts-{ENCODER}.npz")
    points = {
        name: known(part.texts) for name, part in (("learned", learned), ("held", held), ("written", written))
    }
    known.save()
    head = fitted(points["learned"], learned)
    told = {
        f"{name} {what}": value
        for name, part in (("learned", learned), ("held", held), ("written", written))
        for what, value in judged(head, points[name], part).items()
    }
    console.print("\n".join(f"{name:28} {value:.3f}" for name, value in told.items()))
    for name in CHECKPOINTS:
        write(out / f"{name}.pt", head)
    (cache / "prompts.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    return told


class Known:
    """Owner of the embeddings of texts, kept on the disk: there are thousands, each takes some milliseconds."""

    def __init__(self, embed: Embed, path: Path) -> None:
        self._embed = embed
        self._path = path
        self._points: dict[str, npt.NDArray[Any]] = {}
        if path.is_file():
            with np.load(path) as file:
                self._points = dict(zip(file["texts"].tolist(), file["points"], strict=True))

    def __call__(self, texts: tuple[str, ...]) -> Tensor:
        """(N, 384)."""
        for text in texts:
            if text not in self._points:
                self._points[text] = self._embed(ENCODER, text)[0]
        return torch.from_numpy(np.stack([self._points[text] for text in texts]))

    def save(self) -> None:
        partial = self._path.with_suffix(".partial.npz")
        np.savez(partial, texts=np.array(list(self._points)), points=np.stack(list(self._points.values())))
        partial.replace(self._path)


def fitted(points: Tensor, part: Phrases) -> Head:
    """A head that gives the phrases' targets from their embeddings."""
    head = Head()
    settings, weights = torch.from_numpy(part.settings), torch.from_numpy(part.weights)
    ground = torch.from_numpy(part.ground)
    optimizer = torch.optim.AdamW(head.parameters(), RATE, weight_decay=DECAY)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, 2.0 * (1.02 - step / STEPS))
        chosen = torch.randint(len(points), (BATCH,))
        seen = F.normalize(points[chosen] + NOISE * torch.randn(BATCH, WIDTH), dim=1)
        told, logits = head(seen)
        difference = (told - settings[chosen]) ** 2 * weights[chosen]
        loss = 4.0 * difference.sum() / weights[chosen].sum()
        loss = loss + 0.15 * F.cross_entropy(logits, ground[chosen], label_smoothing=0.02)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
        optimizer.step()
    return head.eval()


@torch.no_grad()
def judged(head: Head, points: Tensor, part: Phrases) -> dict[str, float]:
    """The share of grounds named that come first, and of settings spoken of that come within `CLOSE`."""
    told, logits = head(points)
    ground = torch.from_numpy(part.ground)
    named = ground < len(GROUNDS)
    right = logits[named].argmax(1) == ground[named]
    found = {"grounds": float(right.float().mean())}
    spoken = torch.from_numpy(part.weights) == 1.0
    close = (told - torch.from_numpy(part.settings)).abs() < CLOSE
    found["settings"] = float(close[spoken].float().mean())
    for index, name in enumerate(NAMES):
        if int(spoken[:, index].sum()) >= 20:
            found[name] = float(close[:, index][spoken[:, index]].float().mean())
    return found


def write(path: Path, head: Head) -> None:
    """Put the head into the checkpoint at `path`, in the place of one that it has."""
    extra: dict[str, Any] = {MANIFEST_NAME: ""}
    load: Any = torch.jit.load  # untyped in torch
    inner = load(str(path), map_location="cpu", _extra_files=extra)
    manifest = json.loads(extra[MANIFEST_NAME])
    if "prompt" in manifest["inputs"]:
        inner = inner.inner
    manifest["inputs"]["prompt"] = {
        "kind": "prompt",
        "shape": [1, WIDTH],
        "encoder": ENCODER,
        "label": "Prompt",
        "description": "A place, its light and its weather in a few words; sliders shift what it says",
    }
    head = _half(head)
    module: nn.Module
    example = {
        "latent": torch.randn(1, 64, generator=torch.Generator().manual_seed(1)),
        "prompt": torch.zeros(1, WIDTH),
    }
    match path.stem:
        case "sky":
            shape = manifest["outputs"]["sky"]["shape"]
            module = PromptedSky(inner, head, shape[-2], shape[-1])
            slider = {"kind": "slider", "shape": [1], "range": [0, 1], "default": 0.0}
            mist = {"label": "Mist", "description": "How near the haze comes"}
            manifest["inputs"]["mist"] = {**slider, **mist}
            manifest["outputs"]["fog"] = {"kind": "fog", "shape": [1], "label": "Clear air"}
            example |= {"daylight": torch.tensor([0.8]), "clouds": torch.tensor([0.5]), "mist": torch.zeros(1)}
        case "materials":
            module = PromptedMaterials(inner, head)
            example["biome"] = torch.zeros(1, len(GROUNDS))
            example["biome"][0, 0] = 1.0
        case "terrain":
            module = PromptedLand(inner, head)
            example |= {"tile": torch.tensor([[-3, 7]])}
            example |= {"relief": torch.tensor([0.75]), "roughness": torch.tensor([0.4])}
        case _:
            module = PromptedRocks(inner, head)
            example |= {"noise": torch.randn(1, 16), "flatness": torch.tensor([0.5])}
    asked = {**example, "prompt": F.normalize(torch.randn(1, WIDTH), dim=1)}
    export(module, manifest, path, example, freeze=False, more_inputs=[asked])


def _half(head: Head) -> Head:
    """The head with weights that float16 holds, so that what is stored is what was judged."""
    rounded = Head()
    rounded.load_state_dict({name: value.half().to(value.dtype) for name, value in head.state_dict().items()})
    return rounded.eval()

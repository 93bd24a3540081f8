"""`vrgen judge`: run a checkpoint on drawn inputs and hand what it makes to the judges of training."""

import json
import sys
import time
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from vrgen import contract as c
from vrgen import device
from vrgen.errors import CheckpointError, UsageError
from vrgen.generator.checkpoint import Model, load
from vrgen.generator.fitting import as_beside_a_manifest
from vrgen.generator.knobs import sample_inputs
from vrgen.generator.manifest import read_manifest
from vrgen.messages import InputValue
from vrgen.progress import Progress, spoken
from vrgen.training import shapes
from vrgen.training.dataset import TEXT, Dataset
from vrgen.training.distances import Features
from vrgen.training.features import Embedding
from vrgen.training.judging import BATCH, FEW, SEEN_PX, Embed, Made, embedder
from vrgen.training.judging import judge as judged
from vrgen.training.reading import Unreadable
from vrgen.training.resizing import linear_from_srgb
from vrgen.training.sources import default_cache
from vrgen.workshop import JudgeOptions, plural

Array = npt.NDArray[np.float32]

WARM = 3
"""The sample that is timed: before it, TorchScript is still at its profile."""
LONG_S = 60.0


class _Sampler:
    """A checkpoint, the output that is judged, and the draw of its inputs."""

    def __init__(self, model: Model, data: Dataset, seed: int) -> None:
        self.model, self.seed = model, seed
        self.output, self.entry = _output(model, data)
        self._texts = _texts(model, data)

    def make(self, number: int) -> Array:
        """(C, H, W), as `Made` has it."""
        return self._of(self._inputs(number), number)

    def edge_m(self, number: int) -> float | None:
        """The greatest difference on the edge that two neighbouring tiles share; None where there are no tiles."""
        tile = next((n for n, e in self.model.manifest.inputs.items() if isinstance(e, c.TileInput)), None)
        if tile is None or not isinstance(self.entry, c.HeightfieldOutput):
            return None
        inputs = self._inputs(number)
        here = self._of(inputs, number)
        east = self._of({**inputs, tile: inputs[tile] + np.array([1, 0])}, number)
        south = self._of({**inputs, tile: inputs[tile] + np.array([0, 1])}, number)
        apart = np.abs(here[..., -1] - east[..., 0]).max(), np.abs(here[..., -1, :] - south[..., 0, :]).max()
        return float(max(apart))

    def _inputs(self, number: int) -> dict[str, InputValue]:
        inputs = sample_inputs(self.model.manifest, self.seed * 1_000_003 + number)
        for name, texts in self._texts.items():
            inputs[name] = texts[number % len(texts)].reshape(inputs[name].shape)
        return inputs

    def _of(self, inputs: dict[str, InputValue], number: int) -> Array:
        if isinstance(self.entry, c.MeshOutput):
            return self._body(inputs, number)
        made = self.model.call(inputs, seed=number)[self.output, ""].float().numpy()
        values: Array = made.reshape(made.shape[-3:])
        span = self.entry.range
        if isinstance(self.entry, c.HeightfieldOutput):
            scale = self.entry.relief_m / (span[1] - span[0]) if isinstance(span, tuple) else 1.0
            return values * np.float32(scale)
        if span == "linear":
            return values
        low, high = span or (-1.0, 1.0)
        codes: Array = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1).astype(np.float32)
        return linear_from_srgb(codes) if isinstance(self.entry, c.PanoramaOutput) else codes

    def _body(self, inputs: dict[str, InputValue], number: int) -> Array:
        """A mesh, measured as those of the dataset are."""
        made = self.model.call(inputs, seed=number)
        parts = {key: tensor.double().numpy() for (name, key), tensor in made.items() if name == self.output}
        faces = parts["faces"].astype(np.int64)
        if "counts" in parts:
            faces = faces[: int(parts["counts"][1])]
        try:
            return shapes.of_mesh(parts["vertices"], faces, parts.get("colours"))
        except Unreadable as why:
            raise CheckpointError(
                f"{self.model.name}: its mesh of sample {number} {why}; train it longer"
            ) from why


def reached(options: JudgeOptions) -> dict[str, Any]:
    """What `vrgen judge --json` prints.

    Raises:
        VrgenError: the checkpoint or the dataset can't be read, or they are of unlike kinds.
    """
    data = Dataset.open(options.dataset)
    manifest = read_manifest(options.checkpoint)
    if manifest is not None and options.as_kind is not None:
        raise as_beside_a_manifest(options.checkpoint.name, manifest, options.as_kind)
    model = load(options.checkpoint, device.resolved(options.device), options.as_kind)
    sampler = _Sampler(model, data, options.seed)
    mesh = data.about.kind == "mesh"
    embed = _unused if mesh else embedder(options.cache or default_cache())
    with Progress() as progress:

        def looked_at(done: int, total: int) -> None:
            progress.at("looking at the pictures", done / total, f"{done} of {total}")

        made, making_s = _made(sampler, options.samples, data, None if mesh else embed, progress)
        edges = [edge for number in range(8) if (edge := sampler.edge_m(number)) is not None]
        whole = Made(made, max(edges, default=None))
        verdict = judged(whole, data, embed, options.seed, options.sheet, looked_at)
    return {
        "checkpoint": str(options.checkpoint),
        "output": sampler.output,
        "dataset": str(options.dataset),
        "kind": data.about.kind,
        "features": shapes.NAME if mesh else Embedding.NAME,
        "seen_as": verdict.seen_as,
        "size": verdict.size,
        "samples": verdict.samples,
        "reference": verdict.reference,
        "seed": options.seed,
        "making_ms": 1000 * making_s / options.samples,
        "scores": {
            score.name: {k: v for k, v in asdict(score).items() if k != "name"} for score in verdict.scores
        },
        "warnings": [*_prompt_warning(model, sampler), *verdict.warnings],
    }


def tell(options: JudgeOptions, found: dict[str, Any]) -> None:
    """Print the verdict, as JSON or as a table."""
    if options.json:
        print(json.dumps(found, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    height, width = found["size"]
    at = f"{height} directions" if found["kind"] == "mesh" else f"{height}×{width}"
    console.print(
        f"{found['checkpoint']} ({found['output']}) beside {found['dataset']}: {found['samples']} samples, "
        f"{found['reference']} of the data, at {at}",
        markup=False,
        highlight=False,
    )
    table = Table()
    for title in ("", "made", "ceiling", "floor", "better"):
        table.add_column(title, justify="left" if title in ("", "better") else "right")
    table.add_column("what it is", overflow="fold")
    for name, score in found["scores"].items():
        numbers = [f"{score[k]:.3g}" for k in ("made", "ceiling", "floor")]
        table.add_row(name, *numbers, score["better"], score["told"])
    console.print(table)
    print(f"features: {found['features']}; not to be compared with scores of Inception features")
    print(f"seen as: {found['seen_as']}")
    print("ceiling: one half of the data beside the other; floor: noise with the data's colours, unless said")
    for warning in found["warnings"]:
        print(f"note: {warning}")
    if options.sheet is not None:
        print(f"see {options.sheet}")


def _unused(_: Array) -> Features:
    raise AssertionError("meshes are judged by their shape")


def _output(
    model: Model, data: Dataset
) -> tuple[str, c.PictureOutput | c.TextureOutput | c.PanoramaOutput | c.HeightfieldOutput | c.MeshOutput]:
    """The output of the dataset's kind; of textures, the albedo."""
    kind = data.about.kind
    for name, entry in model.manifest.outputs.items():
        if c.kind(entry) != kind or (isinstance(entry, c.TextureOutput) and entry.role != "albedo"):
            continue
        judged = (c.PictureOutput, c.TextureOutput, c.PanoramaOutput, c.HeightfieldOutput, c.MeshOutput)
        if isinstance(entry, judged):
            return name, entry
    makes = ", ".join(sorted({c.kind(entry) for entry in model.manifest.outputs.values()}))
    raise UsageError(
        f"{model.name}: makes {makes}, the dataset {data.folder} holds {plural(kind)}; judge it by one of its kind"
    )


def _texts(model: Model, data: Dataset) -> dict[str, npt.NDArray[np.float32]]:
    """For each prompt input, the dataset's own texts by the same encoder, where it has them."""
    path = data.folder / TEXT
    found = {}
    for name, entry in model.manifest.inputs.items():
        if isinstance(entry, c.PromptInput) and entry.encoder == data.about.encoder and path.is_file():
            texts = np.load(path, allow_pickle=False).astype(np.float32)
            if texts.shape[-1] == entry.shape[-1]:
                found[name] = texts
    return found


def _prompt_warning(model: Model, sampler: _Sampler) -> list[str]:
    prompts = [n for n, e in model.manifest.inputs.items() if isinstance(e, c.PromptInput)]
    if not prompts or all(name in sampler._texts for name in prompts):
        return []
    return ["the dataset has no texts for the prompt: random directions were drawn, which is harder than any text"]


def _made(
    sampler: _Sampler, count: int, data: Dataset, embed: Embed | None, progress: Progress
) -> tuple[Array, float]:
    """The samples (N, C, H, W), and the seconds that they took. When a few are there, it is told how long all of
    it will take, if that is long."""
    made, seconds = [], 0.0
    for number in range(count):
        began_s = time.monotonic()
        made.append(sampler.make(number))
        make_s = time.monotonic() - began_s
        seconds += make_s
        if number == WARM:
            look_s = 0.0 if embed is None else _looking_s(embed)
            looked_at = 4 * min(count, len(data.about.items) // 2)
            advise(count, count * make_s + looked_at * look_s)
        progress.at("making samples", (number + 1) / count, f"{number + 1} of {count}")
    return np.stack(made).astype(np.float32), seconds


def _looking_s(embed: Embed) -> float:
    """What it takes the network to look at one picture, seconds."""
    batch = np.zeros((BATCH, 3, SEEN_PX, SEEN_PX), np.float32)
    embed(batch[:1])
    began_s = time.monotonic()
    embed(batch)
    return (time.monotonic() - began_s) / BATCH


def advise(samples: int, seconds: float) -> None:
    """Say before it begins that it will take long, and what would be quicker."""
    if seconds > LONG_S:
        less = f"; --samples {samples // 2} is twice as quick, and less sure" if samples > 2 * FEW else ""
        print(f"this takes about {spoken(seconds)}{less}", file=sys.stderr, flush=True)

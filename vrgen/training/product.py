"""The checkpoint of a trained maker: the module that the runtime calls, its manifest, inputs to try it with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vrgen.contract import Manifest
from vrgen.training import recipe as r
from vrgen.training.dataset import DARKEST, Dataset
from vrgen.training.models.families import kind_of, latent_length

ROLES = {"albedo": ("r", "g", "b"), "normal": ("nx", "ny", "nz"), "roughness": ("roughness",)}
"""Which channels of a texture's dataset make which role."""
Entry = dict[str, Any]


@dataclass(frozen=True)
class Product:
    """What is written."""

    module: nn.Module
    manifest: dict[str, object]
    examples: tuple[dict[str, Tensor], ...]


class Pictures(nn.Module):
    """Latent and conditions to what the manifest names: a picture, a panorama, or the maps of a texture."""

    steers: list[str]
    albedo: list[int]
    normal: list[int]
    roughness: list[int]

    def __init__(
        self, maker: nn.Module, steers: list[str], kind: str, light: bool, places: dict[str, list[int]]
    ) -> None:
        super().__init__()
        self.maker, self.steers, self.kind, self.light = maker, steers, kind, light
        self.darkest = DARKEST
        self.albedo = places.get("albedo", [])
        self.normal = places.get("normal", [])
        self.roughness = places.get("roughness", [])

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        latent = inputs["latent"].reshape(1, -1).float()
        parts = [latent[:, :0]]
        for name in self.steers:
            parts.append(inputs[name].reshape(1, -1).float())
        made = self.maker(latent, torch.cat(parts, 1))
        if self.kind == "texture":
            return self.maps(made)
        shown = made if made.shape[1] == 3 else made[:, :1].expand(-1, 3, -1, -1)
        if self.light:
            shown = (torch.pow(10.0, shown * 3.0) - self.darkest).clamp(min=0.0)
        return {self.kind: shown.contiguous()}

    def maps(self, made: Tensor) -> dict[str, Tensor]:
        """The channels by their role; normals of length one that look outwards, roughness in [0, 1]."""
        found = {"albedo": made[:, self.albedo] if len(self.albedo) > 1 else made[:, :1].expand(-1, 3, -1, -1)}
        if len(self.normal) > 0:
            lean = made[:, self.normal]
            up = lean[:, 2:].clamp(min=0.05)
            found["normal"] = F.normalize(torch.cat([lean[:, :2], up], 1), dim=1)
        if len(self.roughness) > 0:
            found["roughness"] = made[:, self.roughness] * 0.5 + 0.5
        return found


def product(recipe: r.Recipe, dataset: Dataset, maker: nn.Module, seed: int = 0) -> Product:
    """The module, manifest and three random inputs for a trained maker."""
    kind = kind_of(recipe, dataset)
    inputs = _inputs(recipe, dataset)
    steers = [name for name, entry in inputs.items() if entry["kind"] in ("label", "prompt", "slider")]
    module: nn.Module
    if kind == "heightfield":
        from vrgen.training.models.heightfield import Field, Land

        assert isinstance(maker, Field)
        module = Land(maker, steers[0] if steers else "")
        inputs["tile"] = {"kind": "tile", "shape": [1, 2]}
    elif kind == "mesh":
        from vrgen.training.models.mesh import Body, Solid

        assert isinstance(maker, Body)
        module = Solid(maker, steers[0] if steers else "", recipe.export.metres or 1.0)
    else:
        light = str(dataset.data.dtype) == "float16"
        module = Pictures(maker, steers, kind, light, _places(dataset))
    manifest = {
        "vrgen": 1,
        "name": recipe.export.name,
        "version": recipe.export.version,
        "license": recipe.export.licence or licences(dataset),
        "description": recipe.export.description,
        "inputs": inputs,
        "outputs": _outputs(recipe, dataset, kind),
    }
    msgspec.convert(manifest, Manifest)  # our own invariant: it is what `vrgen check` reads first
    draw = torch.Generator().manual_seed(seed)
    return Product(module.eval(), manifest, tuple(_example(inputs, draw) for _ in range(3)))


def licences(dataset: Dataset) -> str:
    """Every licence of what was trained on."""
    found = {item.licence for item in dataset.about.items if item.split == "train"}
    return " AND ".join(sorted(found))


def _places(dataset: Dataset) -> dict[str, list[int]]:
    names = list(dataset.about.channels)
    return {
        role: [names.index(channel) for channel in channels]
        for role, channels in ROLES.items()
        if set(channels) <= set(names)
    }


def _inputs(recipe: r.Recipe, dataset: Dataset) -> dict[str, Entry]:
    length = latent_length(recipe, dataset)
    inputs: dict[str, Entry] = {"latent": {"kind": "latent", "shape": [1, length], "prior": "normal"}}
    about = dataset.about
    match recipe.model.condition:
        case "labels":
            inputs["label"] = {"kind": "label", "shape": [1, len(about.labels)], "labels": list(about.labels)}
        case "text":
            length = dataset.conditions("text").shape[1]
            inputs["prompt"] = {"kind": "prompt", "shape": [1, length], "encoder": about.encoder}
        case "sliders":
            for name in about.sliders:
                inputs[name] = {"kind": "slider", "shape": [1], "range": [0, 1], "default": 0.5}
        case "none":
            pass
    return inputs


def _outputs(recipe: r.Recipe, dataset: Dataset, kind: str) -> dict[str, Entry]:
    export, (_, height, width) = recipe.export, dataset.about.shape
    match kind:
        case "heightfield":
            return {"height": {"kind": kind, "shape": [1, 1, 65, 65], "metres": export.metres}}
        case "mesh":
            from vrgen.training.models.mesh import FACES, VERTICES

            sizes = {"shape": [VERTICES, 3], "vertices": VERTICES, "faces": FACES}
            return {"mesh": {"kind": kind, **sizes, "normals": True, "colours": True}}
        case "texture":
            places = _places(dataset) or {"albedo": [0]}
            metres = {"surface": export.surface, "metres": export.metres or 4.0}
            return {
                role: {
                    "kind": kind,
                    "role": role,
                    "shape": [1, 1 if role == "roughness" else 3, height, width],
                    **metres,
                }
                for role in places
            }
        case _:
            light = str(dataset.data.dtype) == "float16"
            entry: Entry = {"kind": kind, "shape": [1, 3, height, width], "range": "linear" if light else [-1, 1]}
            return {kind: entry}


def _example(inputs: dict[str, Entry], draw: torch.Generator) -> dict[str, Tensor]:
    found = {}
    for name, entry in inputs.items():
        shape: Sequence[int] = entry["shape"]
        match entry["kind"]:
            case "tile":
                found[name] = torch.randint(-1000, 1000, tuple(shape), generator=draw)
            case "slider":
                found[name] = torch.rand(tuple(shape), generator=draw)
            case "label":
                chosen = torch.randint(shape[1], (1,), generator=draw)
                found[name] = F.one_hot(chosen, shape[1]).float()
            case "prompt":
                found[name] = F.normalize(torch.randn(tuple(shape), generator=draw), dim=1)
            case _:
                found[name] = torch.randn(tuple(shape), generator=draw)
    return found

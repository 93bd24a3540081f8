"""Tiny real checkpoints for the tests: modules scripted and saved as anybody's would be."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

LATENT = {"kind": "latent", "shape": [1, 8]}
PICTURE = {"kind": "picture", "shape": [3, 16, 16]}


def manifest(inputs: dict[str, Any], outputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"vrgen": 1, "name": "test", "inputs": inputs, "outputs": outputs, **more}


def save(module: nn.Module, path: Path, said: dict[str, Any] | str | None) -> Path:
    """Write whole and rename: a reader never sees half of it."""
    text = said if isinstance(said, str) or said is None else json.dumps(said)
    partial = path.with_suffix(".partial")
    torch.jit.save(
        torch.jit.script(module), str(partial), _extra_files={} if text is None else {"vrgen.json": text}
    )
    partial.replace(path)
    return path


class Constant(nn.Module):
    """A picture of one value, plus the latent's first number."""

    def __init__(self, value: float = 0.5) -> None:
        super().__init__()
        self.value = value

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"picture": torch.full((1, 3, 16, 16), self.value) + inputs["latent"][0, 0]}


def constant(path: Path, value: float = 0.5) -> Path:
    return save(Constant(value), path, manifest({"latent": LATENT}, {"picture": PICTURE}))

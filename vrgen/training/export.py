"""From a trained module to a checkpoint: script, embed the manifest, write whole, compare."""

from __future__ import annotations

import copy
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

MANIFEST_NAME = "vrgen.json"


class ExportError(RuntimeError):
    """A module could not become a checkpoint; one sentence says what, got, expected, remedy."""


def export(
    module: torch.nn.Module,
    manifest: dict[str, object],
    path: Path,
    example_inputs: dict[str, Tensor],
    freeze: bool = True,
) -> float:
    """Write ``module`` with ``manifest`` as a TorchScript checkpoint; return the difference it makes.

    The module's ``forward`` takes and returns ``Dict[str, Tensor]`` (the generator contract,
    version 1). The file appears whole or not at all: it is written under a temporary name, loaded
    again, compared with ``module`` on ``example_inputs`` and only then renamed. The caller's module
    is left as it was. ``freeze=False`` leaves constants unfolded, for weights that are kept smaller
    than they are used. The difference is the greatest of all outputs, relative to their magnitude.

    Raises:
        ExportError: the module cannot be scripted, disagrees with its manifest, or differs after
            loading.
    """
    eager = copy.deepcopy(module).eval().requires_grad_(False).cpu()
    with torch.no_grad(), warnings.catch_warnings():
        # torch.jit is deprecated in favour of torch.export, and remains what every torch 2 loads.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        expected: dict[str, Tensor] = eager(dict(example_inputs))
        _compare_with_manifest(path.name, manifest, example_inputs, expected)
        scripted = _script(path.name, eager, freeze)
        path.parent.mkdir(parents=True, exist_ok=True)
        # The archive carries the name it is saved under: its own, so that its digest repeats.
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
            partial = Path(folder) / path.name
            _save(scripted, manifest, partial)
            worst = _greatest_difference(partial, path.name, manifest, example_inputs, expected)
            partial.replace(path)
    size_mb = path.stat().st_size / 1e6
    print(f"{path.name}: {size_mb:.2f} MB, greatest difference after loading {worst:.2e}")
    return worst


def _script(name: str, eager: torch.nn.Module, freeze: bool) -> torch.jit.ScriptModule:
    """Script ``eager``; freeze it where that is possible (drops what is not called)."""
    try:
        scripted: torch.jit.ScriptModule = torch.jit.script(eager)
    except Exception as error:  # the compiler raises many kinds
        cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ExportError(
            f"{name}: {type(eager).__name__} cannot be scripted ({cause}); "
            "its forward must be TorchScript from Dict[str, Tensor] to Dict[str, Tensor]"
        ) from error
    if not freeze:
        return scripted
    try:
        frozen: torch.jit.ScriptModule = torch.jit.freeze(scripted)
        return frozen
    except RuntimeError as error:
        first_line = str(error).strip().splitlines()[0]
        print(f"{name}: not frozen ({first_line}); exported as scripted")
        return scripted


def _save(scripted: torch.jit.ScriptModule, manifest: dict[str, object], path: Path) -> None:
    """Save with the manifest, flushed to the disk."""
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    torch.jit.save(scripted, str(path), _extra_files={MANIFEST_NAME: text})
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _greatest_difference(
    partial: Path,
    name: str,
    manifest: dict[str, object],
    example_inputs: dict[str, Tensor],
    expected: dict[str, Tensor],
) -> float:
    """Load the file as the runtime will and compare; the second call is the optimised one."""
    extra: dict[str, Any] = {MANIFEST_NAME: ""}
    load: Any = torch.jit.load  # untyped in torch
    loaded = load(str(partial), map_location="cpu", _extra_files=extra)
    if json.loads(extra[MANIFEST_NAME]) != json.loads(json.dumps(manifest)):
        raise ExportError(f"{name}: the embedded manifest reads differently from the one given")
    worst = 0.0
    for _ in range(3):
        got: dict[str, Tensor] = loaded(dict(example_inputs))
        if set(got) != set(expected):
            raise ExportError(f"{name}: after loading it returns {sorted(got)}, the module {sorted(expected)}")
        for key, value in expected.items():
            worst = max(worst, _difference(name, key, got[key], value))
    return worst


def _difference(name: str, key: str, got: Tensor, expected: Tensor) -> float:
    """Greatest absolute difference relative to the largest magnitude expected (and at least 1)."""
    if got.shape != expected.shape or got.dtype != expected.dtype:
        raise ExportError(
            f"{name}: output '{key}' is {got.dtype} {tuple(got.shape)} after loading, "
            f"{expected.dtype} {tuple(expected.shape)} before"
        )
    if expected.numel() == 0:
        return 0.0
    scale = max(1.0, float(expected.abs().max()))
    difference = float((got.double() - expected.double()).abs().max()) / scale
    if not difference < 1e-2:
        raise ExportError(
            f"{name}: output '{key}' differs by {difference:.3g} of its scale after loading, "
            "under 0.01 expected; look for randomness or state in the module"
        )
    return difference


def _compare_with_manifest(
    name: str,
    manifest: dict[str, object],
    inputs: dict[str, Tensor],
    outputs: dict[str, Tensor],
) -> None:
    """Names and shapes of the example agree with the manifest; every number is finite."""
    for side, tensors in (("inputs", inputs), ("outputs", outputs)):
        entries = manifest.get(side)
        if not isinstance(entries, dict):
            raise ExportError(f"{name}: the manifest has no '{side}'")
        given = {key.split(".")[0] for key in tensors}  # a mesh comes as NAME.vertices …
        if given != set(entries):
            raise ExportError(
                f"{name}: the example {side} are {sorted(given)}, the manifest says {sorted(entries)}"
            )
        for key, tensor in tensors.items():
            shape = entries[key].get("shape") if key in entries else None
            if shape is not None and not _same_shape(list(tensor.shape), list(shape)):
                raise ExportError(f"{name}: '{key}' is {tuple(tensor.shape)}, the manifest says {tuple(shape)}")
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise ExportError(f"{name}: '{key}' holds NaN or infinity")


def _same_shape(got: list[int], said: list[int]) -> bool:
    """Equal, but for one leading batch axis of 1."""
    return got in (said, [1, *said]) or [1, *got] == said

"""From a trained module to a checkpoint: script or export, embed the manifest, write whole, compare."""

from __future__ import annotations

import copy
import io
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from vrgen.errors import VrgenError

MANIFEST_NAME = "vrgen.json"
Form = Literal["torchscript", "exported"]
Inputs = dict[str, Tensor]
Call = Callable[[Inputs], Inputs]


class ExportError(VrgenError):
    """A module could not become a checkpoint; one sentence says what, got, expected, remedy."""


def export(
    module: torch.nn.Module,
    manifest: dict[str, object],
    path: Path,
    example_inputs: dict[str, Tensor],
    freeze: bool = True,
    *,
    form: Form = "torchscript",
    trained: torch.nn.Module | None = None,
    more_inputs: Sequence[Inputs] = (),
    tolerance: float = 1e-2,
) -> float:
    """Write ``module`` with ``manifest`` as a checkpoint; return the difference it makes.

    The module's ``forward`` takes and returns ``Dict[str, Tensor]`` (the generator contract,
    version 1). The file appears whole or not at all: it is written under a temporary name, loaded
    again, compared with ``module`` on ``example_inputs`` and only then renamed. The caller's module
    is left as it was. ``freeze=False`` leaves constants unfolded, for weights that are kept smaller
    than they are used. ``form`` is TorchScript or an exported program (`torch.export`). The difference is the
    greatest of all outputs, relative to their magnitude; where ``module`` holds smaller numbers than
    were trained, ``trained`` is what to compare with, and ``tolerance`` how much may be lost.
    ``more_inputs`` are compared too.

    Raises:
        ExportError: the module cannot be scripted, disagrees with its manifest, or differs after
            loading.
    """
    eager = copy.deepcopy(module).eval().requires_grad_(False).cpu()
    judge = eager if trained is None else copy.deepcopy(trained).eval().requires_grad_(False).cpu()
    tried = [example_inputs, *more_inputs]
    with torch.no_grad(), warnings.catch_warnings():
        # torch.jit is deprecated in favour of torch.export, and remains what every torch 2 loads.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        expected: list[Inputs] = [judge(dict(inputs)) for inputs in tried]
        _compare_with_manifest(path.name, manifest, example_inputs, expected[0])
        save = (
            _scripted(path.name, eager, freeze) if form == "torchscript" else _exported(path.name, eager, tried[0])
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
            partial = Path(folder) / path.name
            _write(partial, save(manifest), path)
            call = _loaded(partial, path.name, manifest, form)
            worst = _greatest_difference(call, path.name, tried, expected, tolerance)
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


Save = Callable[[dict[str, object]], bytes]
"""The whole archive with this manifest in it."""


def _write(partial: Path, content: bytes, path: Path) -> None:
    """Flushed to the disk. The archive comes from memory: torch ends the process where the disk is full."""
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ExportError(
            f"{path}: can't be written ({error.strerror or error}); free some room, then use --resume"
        ) from error


def _scripted(name: str, eager: torch.nn.Module, freeze: bool) -> Save:
    scripted = _script(name, eager, freeze)

    def save(manifest: dict[str, object]) -> bytes:
        content = io.BytesIO()
        torch.jit.save(scripted, content, _extra_files={MANIFEST_NAME: _text(manifest)})
        return content.getvalue()

    return save


def _exported(name: str, eager: torch.nn.Module, inputs: Inputs) -> Save:
    try:
        program = torch.export.export(eager, (dict(inputs),))
    except Exception as error:  # the tracer raises many kinds
        cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ExportError(
            f"{name}: {type(eager).__name__} can't be exported as a program ({cause}); "
            'leave "exported" out of export.forms, TorchScript takes it'
        ) from error

    def save(manifest: dict[str, object]) -> bytes:
        content = io.BytesIO()
        torch.export.save(program, content, extra_files={MANIFEST_NAME: _text(manifest)})
        return content.getvalue()

    return save


def _text(manifest: dict[str, object]) -> str:
    return json.dumps(manifest, indent=1, ensure_ascii=False)


def _loaded(partial: Path, name: str, manifest: dict[str, object], form: Form) -> Call:
    """Load the file as the runtime will."""
    extra: dict[str, Any] = {MANIFEST_NAME: ""}
    call: Call
    if form == "torchscript":
        load: Any = torch.jit.load  # untyped in torch
        call = load(str(partial), map_location="cpu", _extra_files=extra)
    else:
        call = torch.export.load(str(partial), extra_files=extra).module()
    if json.loads(extra[MANIFEST_NAME]) != json.loads(json.dumps(manifest)):
        raise ExportError(f"{name}: the embedded manifest reads differently from the one given")
    return call


def _greatest_difference(
    call: Call, name: str, tried: Sequence[Inputs], expected: Sequence[Inputs], tolerance: float
) -> float:
    """Compare what it returns with what is expected; TorchScript's second call is the optimised one."""
    worst = 0.0
    for inputs, wanted in [*zip(tried, expected, strict=True)] * 3:
        got = call(dict(inputs))
        if set(got) != set(wanted):
            raise ExportError(f"{name}: after loading it returns {sorted(got)}, the module {sorted(wanted)}")
        for key, value in wanted.items():
            worst = max(worst, _difference(name, key, got[key], value, tolerance))
    return worst


def _difference(name: str, key: str, got: Tensor, expected: Tensor, tolerance: float) -> float:
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
    if not difference < tolerance:
        raise ExportError(
            f"{name}: output '{key}' differs by {difference:.3g} of its scale after loading, "
            f"under {tolerance:g} expected; look for randomness or state in the module"
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

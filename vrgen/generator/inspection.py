"""`vrgen inspect` and `vrgen check`: what a checkpoint needs and makes, and whether it keeps the contract.

The model runs in a child process with limits on time and memory: a module that hangs, exits the process or
allocates without end still ends in one sentence.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from vrgen import contract as c
from vrgen import files
from vrgen.config import As, world_of
from vrgen.device import resolved
from vrgen.errors import CheckpointError, UsageError, VrgenError, WorldError
from vrgen.generator import child
from vrgen.generator.encoders import WIDTHS, Encoders
from vrgen.generator.fitting import as_beside_a_manifest, described, misfits
from vrgen.generator.knobs import sample_inputs
from vrgen.generator.manifest import read_archive, read_manifest, sidecar
from vrgen.messages import InputValue

if TYPE_CHECKING:
    from vrgen.generator.checkpoint import Model
    from vrgen.generator.inference import Outputs

TIMEOUT_S = 120.0
MEMORY_MB = 6144
_CALLS = 8


def inspect_checkpoint(
    path: Path,
    as_kind: str | None = None,
    *,
    timings: bool = False,
    timeout_s: float = TIMEOUT_S,
    memory_mb: int = MEMORY_MB,
) -> dict[str, Any]:
    """What a checkpoint is, as plain values that JSON can hold.

    Keys: file, size_bytes, sha256, archive ("torchscript" or "exported"), manifest_from ("archive", "sidecar" or
    "dry run"), manifest (as the contract writes it), inputs and outputs (by name: kind, shape, …; the manifest's
    entries again, for printing), prompts (what its prompt inputs were filled with), device, load_s, first_call_ms,
    call_ms (p50, p95, max and count). With `timings`, on the device that `--device auto` takes: way (how a run
    comes to call it) and tried (each way beside another: times, differences, why not).

    Raises:
        UsageError: no such file, or `as_kind` beside a manifest. CheckpointError, ManifestError: it can't be read,
        loaded or called.
    """
    archive = _archive(path)
    _reject_as(path, as_kind)
    told = _run_child(path, as_kind, "timings" if timings else "inspect", timeout_s, memory_mb)
    manifest = told["manifest"]
    return {
        "file": str(path),
        "size_bytes": path.stat().st_size,
        "sha256": _digest(path),
        "archive": archive,
        "manifest_from": _origin(path),
        "manifest": manifest,
        "inputs": manifest.get("inputs", {}),
        "outputs": manifest["outputs"],
        "prompts": told["prompts"],
        "device": told["device"],
        "load_s": told["load_s"],
        "first_call_ms": told["first_call_ms"],
        "call_ms": told["call_ms"],
        **({"way": told["way"], "tried": told["tried"]} if timings else {}),
    }


def check_checkpoint(
    path: Path, as_kind: str | None = None, *, timeout_s: float = TIMEOUT_S, memory_mb: int = MEMORY_MB
) -> tuple[str, ...]:
    """Every violation of the contract that could be found, one sentence each; empty when there is none.

    Raises:
        UsageError: no such file, or `as_kind` beside a manifest.
    """
    try:
        _archive(path)
        _reject_as(path, as_kind)
        told = _run_child(path, as_kind, "check", timeout_s, memory_mb)
    except UsageError:
        raise
    except VrgenError as error:
        return (str(error),)
    return tuple(told["violations"])


def check_world(
    target: str, as_kind: As | None = None, *, timeout_s: float = TIMEOUT_S, memory_mb: int = MEMORY_MB
) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Every violation in a world and in the checkpoints it names, and these checkpoints; each is called once.

    Raises:
        UsageError: no such world, or `as_kind` said of one.
    """
    try:
        world = world_of(target, as_kind)
    except WorldError as error:
        return (str(error),), ()
    found = described(world)
    told = [str(misfit) for misfit in misfits(found)]
    uses = {(use.checkpoint, use.as_kind): name for name, use in world.generators.items()}
    for (path, kind), name in uses.items():
        if name in found.unread or (name in found.bare) == (kind is not None):  # the rest was told above
            told += check_checkpoint(
                path, None if name in found.unread else kind, timeout_s=timeout_s, memory_mb=memory_mb
            )
    return tuple(dict.fromkeys(told)), tuple(dict.fromkeys(path for path, _ in uses))


def _archive(path: Path) -> str:
    if trouble := files.trouble(path):
        raise UsageError(f"{path}: {trouble}")
    if path.suffix.lower() == ".toml":
        raise UsageError(
            f"{path}: is a TOML file; inspect takes a checkpoint (.pt, .pt2), vrgen check takes worlds as well"
        )
    return read_archive(path)[0]


def _reject_as(path: Path, as_kind: str | None) -> None:
    manifest = read_manifest(path)
    if manifest is not None and as_kind is not None:
        raise as_beside_a_manifest(path.name, manifest, as_kind)


def _origin(path: Path) -> str:
    if sidecar(path).is_file():
        return "sidecar"
    return "dry run" if read_archive(path)[1] is None else "archive"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run_child(path: Path, as_kind: str | None, task: str, timeout_s: float, memory_mb: int) -> dict[str, Any]:
    with tempfile.TemporaryFile() as words, tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        process = child.start(
            "vrgen.generator.inspection",
            {
                "path": str(path),
                "as_kind": as_kind,
                "task": task,
                "answer": str(answer),
                "memory_mb": memory_mb,
            },
            output=subprocess.DEVNULL,
            words=words,
        )
        try:
            _wait(process, path.name, timeout_s, memory_mb)
        finally:
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
        if not answer.is_file():
            ended = child.how_it_ended(process.returncode, words)
            raise CheckpointError(
                f"{path.name}: the process that ran it {ended}; correct the module, it must return from its call"
            )
        told: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    if "error" in told:
        raise CheckpointError(told["error"])
    return told


def _wait(process: "subprocess.Popen[bytes]", name: str, timeout_s: float, memory_mb: int) -> None:
    until = time.monotonic() + timeout_s
    while True:
        try:
            process.wait(0.1)
            return
        except subprocess.TimeoutExpired:
            pass
        if time.monotonic() > until:
            raise CheckpointError(
                f"{name}: did not load and answer within {timeout_s:g} s; it hangs or is too slow to be walked in"
            )
        if child.rss_mb(process.pid) > memory_mb:
            raise CheckpointError(f"{name}: took more than {memory_mb} MB of memory; make the model smaller")


# --- in the child -----------------------------------------------------------------------------------------


def main(path: str, as_kind: str | None, task: str, answer: str, memory_mb: int) -> None:
    """Entry of the child process: writes its findings to `answer`, whole or not at all."""
    child.end_with_parent()
    import torch

    torch.set_num_threads(child.cores())
    device = resolved("auto") if task == "timings" else "cpu"
    if device == "cpu":
        child.limit_memory(memory_mb)
    try:
        told = _check(Path(path), as_kind) if task == "check" else _inspect(Path(path), as_kind, device)
        if task == "timings":
            told |= _tuned(Path(path), as_kind, device)
    except VrgenError as error:
        told = {"error": str(error)}
    except MemoryError:
        told = {"error": f"{Path(path).name}: ran out of the {memory_mb} MB it may take; make the model smaller"}
    partial = Path(f"{answer}.partial")
    partial.write_text(json.dumps(told), encoding="utf-8")
    partial.replace(answer)
    sys.stdout.flush()
    os._exit(0)  # what a module leaves running must not keep the answer waiting


def _tuned(path: Path, as_kind: str | None, device: str) -> dict[str, Any]:
    from vrgen.generator.checkpoint import load
    from vrgen.generator.tuning import Tuning

    tuning = Tuning(load(path, device, as_kind))
    while tuning.step():
        pass
    return {"way": str(tuning.model.way), "tried": [asdict(trial) for trial in tuning.trials]}


def _inspect(path: Path, as_kind: str | None, device: str) -> dict[str, Any]:
    from vrgen.generator.checkpoint import load

    started = time.perf_counter()
    model = load(path, device, as_kind)
    load_s = time.perf_counter() - started
    times_ms = []
    encoders = Encoders()
    for seed in range(_CALLS):
        inputs = sampled(model.manifest, seed, encoders)[0]
        started = time.perf_counter()
        model.call(inputs, seed)
        times_ms.append((time.perf_counter() - started) * 1000)
    steady = sorted(times_ms[3:])
    return {
        "manifest": msgspec.to_builtins(model.manifest),
        "prompts": sampled(model.manifest, 0, encoders)[1],
        "device": model.device,
        "load_s": load_s,
        "first_call_ms": times_ms[0],
        "call_ms": {
            "p50": statistics.median(steady),
            "p95": steady[min(len(steady) - 1, int(0.95 * len(steady)))],
            "max": steady[-1],
            "count": len(steady),
        },
    }


def _check(path: Path, as_kind: str | None) -> dict[str, Any]:
    from vrgen.generator.checkpoint import load

    model = load(path, "cpu", as_kind)
    model.dry_run()
    found = _encoder_violations(model)
    encoders = Encoders()
    for seed in range(_CALLS):
        inputs = sampled(model.manifest, seed + 100, encoders)[0]
        before = len(found)
        try:
            outputs = model.call(inputs, seed)
            # With another seed: `call` seeds what a module draws by itself, which would hide that it draws.
            again = model.call(inputs, seed + 1)
        except CheckpointError as error:
            found.append(str(error))
            break
        found += _indefinite(model, outputs, again)
        for (name, key), tensor in outputs.items():
            if key == "depth":
                found += _depth_violations(f"{model.name}: output '{name}.depth'", tensor.numpy())
            else:
                found += _output_violations(model, name, outputs, tensor.numpy())
        found += _edge_violations(model, inputs, seed, outputs)
        if len(found) > before:
            break
    return {"violations": list(dict.fromkeys(found))}


SENTENCES = (
    *("misty pine forest at dawn", "red desert under a hard noon sun", "snowfields under a grey sky"),
    *("a muddy moor in the rain", "golden savanna at sunset"),
)
"""What prompts are tried with."""


def sampled(manifest: c.Manifest, seed: int, encoders: Encoders) -> tuple[dict[str, InputValue], str]:
    """Seeded inputs of every kind; a prompt is a sentence where its encoder is at hand, else a random direction.

    Returns also which, in words; "" without prompts.
    """
    inputs = sample_inputs(manifest, seed)
    told = ""
    sentence = SENTENCES[seed % len(SENTENCES)]
    for name, entry in manifest.inputs.items():
        if isinstance(entry, c.PromptInput):
            try:
                inputs[name] = encoders.embed(entry.encoder, sentence).reshape(entry.shape)
                told = f"sentences such as “{sentence}”, embedded by {entry.encoder}"
            except CheckpointError as error:
                told = f"random directions ({error})"
    return inputs, told


def _encoder_violations(model: "Model") -> list[str]:
    """An encoder that this version does not have: the checkpoint runs, and no prompt ever reaches it."""
    return [
        f"{model.name}: input '{name}' wants the text encoder '{entry.encoder}', "
        f"there is {', '.join(WIDTHS)} alone; train it with that one, or every prompt is left out"
        for name, entry in model.manifest.inputs.items()
        if isinstance(entry, c.PromptInput) and entry.encoder not in WIDTHS
    ]


def _indefinite(model: "Model", outputs: "Outputs", again: "Outputs") -> list[str]:
    return [
        f"{model.name}: output '{f'{name}.{key}' if key else name}' gives different outputs for the same inputs; "
        "take noise as an input of kind 'noise'"
        for (name, key), tensor in outputs.items()
        if not np.array_equal(tensor.numpy(), again[name, key].numpy())
    ]


def _output_violations(model: "Model", name: str, outputs: "Outputs", array: "np.ndarray[Any, Any]") -> list[str]:
    """What a single result can break beyond its shape."""
    entry = model.manifest.outputs[name]
    say = f"{model.name}: output '{name}'"
    match entry:
        case c.MeshOutput():
            return _mesh_violations(say, {key: t.numpy() for (n, key), t in outputs.items() if n == name})
        case c.SplatsOutput():
            parts = {key: t.numpy() for (n, key), t in outputs.items() if n == name}
            return _splats_violations(say, entry, parts)
        case c.PanoramaOutput(range="linear") if array.min() < 0:
            return [f"{say} holds radiance down to {array.min():.3g}, zero or more was expected; clamp it"]
        case c.PanoramaDepthOutput():
            return _depth_violations(say, array)
        case c.LightOutput() if abs(float(np.linalg.norm(array[:3])) - 1) > 1e-2 or array[3:].min() < 0:
            return [f"{say} needs a direction of length 1 and colours of zero or more; normalise and clamp it"]
        case c.FogOutput() if array.min() <= 0:
            return [f"{say} is {array.min():.3g}, more than zero was expected; clamp it"]
        case c.InstancesOutput() if (np.abs(np.linalg.norm(array[:, 3:7], axis=1) - 1) > 1e-2).any():
            return [f"{say} holds quaternions whose length is not 1; normalise them"]
        case _:
            return _number_violations(say, entry, array)


def _depth_violations(say: str, array: "np.ndarray[Any, Any]") -> list[str]:
    if array.min() > 0:
        return []
    return [f"{say} holds depths down to {array.min():.3g} m, more than zero was expected; clamp it"]


def _number_violations(say: str, entry: c.OutputSpec, array: "np.ndarray[Any, Any]") -> list[str]:
    numbers = getattr(entry, "range", None)
    if not isinstance(numbers, tuple):
        return []
    low, high = numbers
    margin = 0.5 * (high - low)
    if array.min() < low - margin or array.max() > high + margin:
        return [
            f"{say} holds numbers from {array.min():.3g} to {array.max():.3g}, the manifest says the range "
            f"[{low:g}, {high:g}]; correct 'range'"
        ]
    return []


def _mesh_violations(say: str, arrays: "dict[str, np.ndarray[Any, Any]]") -> list[str]:
    vertices, faces = arrays["vertices"], arrays["faces"]
    if "counts" in arrays:
        v, f = (int(n) for n in arrays["counts"])
        if not (0 <= v <= len(vertices) and 0 <= f <= len(faces)):
            return [f"{say} counts {v} vertices and {f} faces of {len(vertices)} and {len(faces)}; correct counts"]
        vertices, faces = vertices[:v], faces[:f]
    if faces.size and (faces.min() < 0 or faces.max() >= len(vertices)):
        return [
            f"{say} has faces that name vertices {faces.min()} to {faces.max()}, it has 0 to {len(vertices) - 1}; "
            "correct the faces"
        ]
    return []


def _splats_violations(say: str, entry: c.SplatsOutput, arrays: "dict[str, np.ndarray[Any, Any]]") -> list[str]:
    scales, opacities = arrays["scales"], arrays["opacities"]
    found = _number_violations(f"{say}, colours,", entry, arrays["colours"])
    if entry.range == "linear" and arrays["colours"].min() < 0:
        found.append(
            f"{say} holds radiance down to {arrays['colours'].min():.3g}, zero or more was expected; clamp it"
        )
    if scales.min() < 0:
        found.append(
            f"{say} holds scales down to {scales.min():.3g}, standard deviations in metres, zero or more, were "
            "expected; if they are logarithms, return their exp()"
        )
    if opacities.min() < 0 or opacities.max() > 1:
        found.append(
            f"{say} holds opacities from {opacities.min():.3g} to {opacities.max():.3g}, 0 to 1 was expected; if "
            "they are logits, return their sigmoid()"
        )
    if (np.linalg.norm(arrays["rotations"], axis=1) < 1e-6).any():
        found.append(
            f"{say} holds rotations of length 0, quaternions xyzw were expected; (0, 0, 0, 1) turns nothing"
        )
    return found


def _edge_violations(model: "Model", inputs: "dict[str, InputValue]", seed: int, outputs: "Outputs") -> list[str]:
    """Heightfield tiles share their edges with their neighbours to the bit (a crack shows the sky)."""
    fields = [n for n, entry in model.manifest.outputs.items() if isinstance(entry, c.HeightfieldOutput)]
    tiles = [n for n, entry in model.manifest.inputs.items() if isinstance(entry, c.TileInput)]
    found = []
    for name in fields:
        here = outputs[name, ""].numpy()[0]
        for axis, step, word in ((1, (1, 0), "column"), (0, (0, 1), "row")):
            moved = {**inputs, **{t: inputs[t] + np.array([step], np.int64) for t in tiles}}
            there = model.call(moved, seed)[name, ""].numpy()[0] if tiles else here
            gap = np.abs(here.take(-1, axis) - there.take(0, axis)).max()
            if gap > 0:
                found.append(
                    f"{model.name}: output '{name}' ends in a {word} that differs by up to {gap:.3g} from the "
                    "first one of the tile beside it, equal to the bit was expected; "
                    "compute heights from world positions"
                )
    return found

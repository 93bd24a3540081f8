"""Load a checkpoint and call it: TorchScript and exported programs behind one `Model`.

The one place that loads a model. Only the worker and the commands' child process import it, for it imports torch.
A checkpoint is code: what it does is bounded by the process it runs in, not here.
"""

import warnings
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vrgen.contract import Manifest
from vrgen.errors import CheckpointError, ManifestError
from vrgen.generator import bare
from vrgen.generator.inference import Outputs, expected, validated
from vrgen.generator.knobs import sample_inputs
from vrgen.generator.manifest import Archive, read_archive, read_manifest
from vrgen.generator.signature import require_call_form
from vrgen.generator.ways import PLAIN, Captured, Layout, Tensors, Way, in_float32
from vrgen.messages import InputValue

DRY_RUNS = 3
"""TorchScript profiles its first two calls and optimises the third: all are done before anything is shown."""


class Model:
    """A loaded checkpoint. `call` maps named arrays to named tensors as the manifest says them."""

    def __init__(self, name: str, program: Callable[..., Any], manifest: Manifest, device: str) -> None:
        self.name = name
        self.manifest = manifest
        self.device = device
        self.way = PLAIN
        """How it is called; `tuning.py` chooses."""
        self.gave_up: Way | None = None
        """The way that was chosen and failed in a call."""
        self.fell_back = ""
        """What it failed with, until somebody has told it."""
        self.staying: Collection[str] = ()
        """Outputs that `call` leaves on the device."""
        self.layout = Layout(program)
        self._program = program
        self._expected = expected(manifest)
        self._untracked = torch.inference_mode()
        self._captured: dict[Way, Captured] = {}

    def call(self, inputs: Mapping[str, InputValue], seed: int = 0) -> Outputs:
        """One call. `seed` sets what the module itself draws, so that equal inputs give equal results.

        Raises:
            CheckpointError: the module raised, or returned something that breaks the manifest.
        """
        if self.way is not PLAIN:
            try:
                return self.call_so(self.way, inputs, seed, self.staying)
            except (CheckpointError, MemoryError) as error:
                self.gave_up, self.fell_back = self.way, f"given up: {str(error) or 'out of memory'}"
                self.take(PLAIN)
        return self.call_so(PLAIN, inputs, seed, self.staying)

    def call_so(
        self, way: Way, inputs: Mapping[str, InputValue], seed: int = 0, staying: Collection[str] = ()
    ) -> Outputs:
        """One call in a given way. Outputs named in `staying` are left on the device.

        Raises:
            CheckpointError: as `call`.
        """
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in inputs.items()}
        try:
            self.lay_out(way)
            with self._untracked:
                _seed(seed, self.device)
                made = self._replayed(way, tensors) if way.graph else self._run(way, self._there(tensors))
        except CheckpointError:
            raise
        except Exception as error:  # a module may raise anything
            raise CheckpointError(f"{self.name}: {_blame(error)}") from error
        return validated(self.name, self._expected, made, staying)

    def take(self, way: Way) -> None:
        """Call it so from now on, and let go of what other ways have captured."""
        self.way = way
        self._captured = {so: captured for so, captured in self._captured.items() if so == way}
        self.lay_out(way)

    def lay_out(self, way: Way) -> None:
        """Bring the weights into the order that a way wants; a call does it by itself."""
        try:
            moved = self.layout.set(way.channels_last)
        except Exception as error:  # weights may be of any class
            raise CheckpointError(
                f"{self.name}: its weights can't be put in another order ({first_line(error)})"
            ) from error
        if moved:
            self._captured.clear()  # it reads the weights where they lay

    def _there(self, tensors: Tensors) -> Tensors:
        return tensors if self.device == "cpu" else {name: t.to(self.device) for name, t in tensors.items()}

    def _run(self, way: Way, tensors: Tensors) -> Tensors:
        call = self.manifest.call
        arguments = tuple(tensors[a] for a in call.args) if call else (tensors,)
        if not way.half:
            return _named(self.name, self._program(*arguments), self.manifest)
        # Without its cache of converted weights, which a graph must not capture.
        with torch.autocast(self.device.partition(":")[0], getattr(torch, way.half), cache_enabled=False):
            raw = self._program(*arguments)
        return in_float32(_named(self.name, raw, self.manifest))

    def _replayed(self, way: Way, tensors: Tensors) -> Tensors:
        if way not in self._captured:
            self._captured[way] = Captured(partial(self._run, way), self._there(tensors))
        return self._captured[way](tensors)

    def dry_run(self) -> None:
        """Call with seeded inputs and check the results against the manifest.

        Raises:
            CheckpointError: as `call`.
        """
        for seed in range(DRY_RUNS):
            self.call(sample_inputs(self.manifest, seed), seed)


def load(path: Path, device: str = "cpu", as_kind: str | None = None) -> Model:
    """Load a checkpoint onto a device, without calling it unless it is a bare module that must be found out.

    Raises:
        CheckpointError: it can't be read or loaded. ManifestError: its manifest breaks the contract, or it has
        none and `as_kind` does not say what it makes.
    """
    kind, _ = read_archive(path)
    manifest = read_manifest(path)
    if manifest is None and as_kind is None:
        raise ManifestError(
            f"{path.name}: has no manifest; put vrgen.json among its extra files, {path.stem}.vrgen.toml beside "
            "it, or say what its picture is with --as picture|panorama|texture|heightfield"
        )
    program = _load_program(path, kind, device)
    if manifest is not None:
        require_call_form(path.name, program, manifest)
        return Model(path.name, program, manifest, device)
    with torch.inference_mode():
        found, manifest = bare.recognise(path, program, as_kind or "picture", device)
    return Model(path.name, found, manifest, device)


def _seed(seed: int, device: str) -> None:
    # Not torch.manual_seed: it leaves the seed, with a stack trace, to each kind of device that is not here; that
    # takes half as long as a small model's call.
    torch.default_generator.manual_seed(seed)
    if device != "cpu":
        torch.cuda.manual_seed(seed)


def _load_program(path: Path, kind: Archive, device: str) -> Any:
    untyped: Any = torch
    try:
        with warnings.catch_warnings():
            # torch.jit is deprecated in favour of torch.export, and remains what most checkpoints are.
            warnings.simplefilter("ignore")
            if kind == "torchscript":
                module = untyped.jit.load(str(path), map_location=device)
                module.eval()
                return module
            program = untyped.export.load(str(path))
            if device != "cpu":
                from torch.export.passes import move_to_device_pass

                program = move_to_device_pass(program, device)
            return program.module()
    except MemoryError as error:
        raise CheckpointError(f"{path.name}: is too large for the memory the worker may take") from error
    except Exception as error:  # damaged archives raise many kinds, KeyError and pickle errors among them
        raise CheckpointError(
            f"{path.name}: can't be loaded ({first_line(error)}); save it again with the torch that runs it "
            f"({torch.__version__}) or an older one"
        ) from error


def _named(name: str, raw: object, manifest: Manifest) -> dict[str, Tensor]:
    if manifest.call is None:
        if isinstance(raw, dict) and all(isinstance(v, Tensor) for v in raw.values()):
            return {str(key): value for key, value in raw.items()}
        raise CheckpointError(
            f"{name}: returned {_told(raw)}, a dictionary of tensors was expected; "
            "return one or add 'call' to the manifest"
        )
    values = [raw] if isinstance(raw, Tensor) else list(raw) if isinstance(raw, (tuple, list)) else []
    returns = manifest.call.returns
    if len(values) != len(returns) or not all(isinstance(v, Tensor) for v in values):
        raise CheckpointError(
            f"{name}: returned {_told(raw)}, call.returns names {len(returns)} ({', '.join(returns)}); "
            "correct the manifest"
        )
    return dict(zip(returns, values, strict=True))


def _told(raw: object) -> str:
    if isinstance(raw, Tensor):
        return "one bare tensor"
    if isinstance(raw, (tuple, list)):
        return f"{len(raw)} values"
    return type(raw).__name__


def _blame(error: Exception) -> str:
    text = first_line(error)
    if isinstance(error, MemoryError) or "can't allocate memory" in text or "out of memory" in text:
        return (
            "the call ran out of the memory that the worker may take; make the model smaller or raise "
            "--worker-memory-mb"
        )
    return f"the call raised {type(error).__name__} ({text}); correct the module or its manifest"


def first_line(error: BaseException) -> str:
    """The line of an error's text that says most, at most 200 characters.

    TorchScript puts its own traceback first and the cause last.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    scripted = "TorchScript interpreter" in lines[0] or lines[0].startswith("Traceback")
    chosen = (lines[-1] if scripted else lines[0]).rstrip(".;: ")
    return chosen if len(chosen) <= 200 else chosen[:197] + "…"

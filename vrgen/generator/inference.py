"""One call of one generator: fill what the request leaves open, call, hold the results against the manifest."""

import math
import zlib
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from vrgen import contract as c
from vrgen.contract import Manifest
from vrgen.errors import CheckpointError
from vrgen.generator.encoders import Encoders
from vrgen.generator.knobs import default_fov, default_input, draw, whole
from vrgen.generator.manifest import output_parts, trimmed
from vrgen.messages import InputValue, Tile
from vrgen.prompts import is_prompt, prompt_text

if TYPE_CHECKING:
    from torch import Tensor, dtype

Outputs = dict[tuple[str, str], "Tensor"]
"""(output's name, array's key) → tensor without batch axis, contiguous; on the CPU, but for what is to stay."""


class Callable(Protocol):
    """What inference needs of a model."""

    name: str
    manifest: Manifest
    staying: Collection[str]

    def call(self, inputs: Mapping[str, InputValue], seed: int = 0) -> Outputs: ...


class Wanted(NamedTuple):
    """A request as it reaches the worker."""

    generator: str
    epoch: int = 0
    revision: int = 0
    tile: Tile | None = None
    variant: int = 0
    seed: int = 0
    time_s: float = 0.0
    inputs: Mapping[str, InputValue] = MappingProxyType({})


class Inference:
    """One generator at work: its model, the inputs its world fixes, and the state it carries between calls."""

    def __init__(self, model: Callable, fixed: Mapping[str, InputValue], encoders: Encoders) -> None:
        self.model = model
        self.left_out = ""
        """Why the last call went without its prompt, as a sentence; empty when it did not."""
        self.remarks: dict[str, tuple[str, ...]] = {}
        """By prompt of the last call, what the person should know of how it was read."""
        self._fixed = fixed
        self._encoders = encoders
        self._state: dict[str, InputValue] = {}
        self._epoch: int | None = None
        inputs = model.manifest.inputs.items()
        self._states = [(name, entry) for name, entry in inputs if isinstance(entry, c.StateInput)]
        self._prompts = [(name, entry) for name, entry in inputs if isinstance(entry, c.PromptInput)]

    def make(self, wanted: Wanted) -> Outputs:
        """Fill the inputs and call. State starts again at zeros with every epoch (a new world).

        Raises:
            CheckpointError: an input does not fit, or the model fails.
        """
        if wanted.epoch != self._epoch:
            self._state, self._epoch = {}, wanted.epoch
        given = self._embedded({**wanted.inputs, **self._fixed})
        made = self.model.call(
            fill(self.model.manifest, wanted, given, self._state),
            seed=wanted.seed + wanted.variant,
        )
        for name, entry in self._states:
            carried = made[entry.source, ""].numpy().reshape(entry.shape)
            self._state[name] = carried.astype(np.int64) if entry.dtype == "int64" else carried.astype(np.float32)
        return made

    def _embedded(self, given: dict[str, InputValue]) -> dict[str, InputValue]:
        """Prompts as numbers; without one, or without its encoder, zeros."""
        self.left_out, self.remarks = "", {}
        for name, entry in self._prompts:
            if name in given and is_prompt(given[name]):
                text = prompt_text(given.pop(name))
                if text:
                    try:
                        given[name] = self._encoders.embed(entry.encoder, text)
                        self.remarks[text] = self._encoders.remarks(entry.encoder, text)
                    except CheckpointError as error:
                        self.left_out = str(error)
        return given


def fill(
    manifest: Manifest,
    wanted: Wanted,
    given: Mapping[str, InputValue],
    state: Mapping[str, InputValue],
) -> dict[str, InputValue]:
    """Every input of a call: as given, else from the request, the state or the entry's default.

    Raises:
        CheckpointError: a given input has another shape than the manifest says.
    """
    filled: dict[str, InputValue] = {}
    for name, entry in manifest.inputs.items():
        if name in given:
            value = given[name]
        elif isinstance(entry, c.TileInput):
            value = np.array([wanted.tile or (0, 0)], np.int64)
        elif isinstance(entry, c.TimeInput):
            value = np.full(entry.shape, wanted.time_s, np.float32)
        elif isinstance(entry, c.NoiseInput):
            # The name is in the seed so that two noise inputs differ; not the epoch, so that undo finds the same.
            rng = np.random.default_rng([wanted.seed, wanted.variant, zlib.crc32(name.encode())])
            value = draw(rng, entry.shape, entry.prior)
        else:
            value = state.get(name, default_input(entry))
        filled[name] = _fitted(name, value, entry)
        if isinstance(entry, c.CameraInput):
            fov = f"{name}.fov"
            filled[fov] = np.asarray(given.get(fov, default_fov(entry)), np.float32)
    return filled


def _fitted(name: str, value: InputValue, entry: c.InputSpec) -> InputValue:
    if value.shape != entry.shape:
        if trimmed(value.shape) != trimmed(entry.shape):
            raise CheckpointError(
                f"input '{name}' was given as {list(value.shape)}, the manifest says {list(entry.shape)}; "
                "give it in that shape"
            )
        value = value.reshape(entry.shape)
    return value.astype(np.int64, copy=False) if whole(entry) else value.astype(np.float32, copy=False)


class Expected(NamedTuple):
    """A tensor that a call returns: of which output, under which of its keys, of what shape (None: any length)."""

    output: str
    key: str
    shape: tuple[int | None, ...]
    needed: bool
    dtypes: "tuple[dtype, ...]"
    """Any of these; the first is what is asked for."""


def expected(manifest: Manifest) -> dict[str, Expected]:
    """What calls return, by the names that they return it under."""
    import torch

    integers, floats = (torch.int64, torch.int32), (torch.float32,)
    return {
        f"{output}.{key}" if key else output: Expected(
            output, key, shape, needed, integers if key in ("faces", "counts") else floats
        )
        for output, entry in manifest.outputs.items()
        for key, (shape, needed) in output_parts(entry).items()
    }


def validated(
    name: str,
    wanted: Mapping[str, Expected],
    returned: Mapping[str, "Tensor"],
    staying: Collection[str] = (),
) -> Outputs:
    """The tensors a model returned as the scene gets them, if they are as `wanted`. Outputs named in `staying` are
    left on the device.

    Raises:
        CheckpointError: a wrong name, shape, dtype, or a number that is not finite; it opens with `name`.
    """
    made: Outputs = {}
    for part, one in wanted.items():
        if part in returned:
            made[one.output, one.key] = _checked(name, part, one, returned[part], part in staying)
        elif one.needed:
            raise CheckpointError(
                f"{name}: output '{part}' is missing, the call returned {', '.join(returned) or 'nothing'}; "
                "correct the names in the module or the manifest"
            )
    if len(made) < len(returned):
        extra = next(part for part in returned if part not in wanted)
        raise CheckpointError(
            f"{name}: returned '{extra}', the manifest has {', '.join(sorted(wanted))}; "
            "add it to the manifest or return it no more"
        )
    return made


def _checked(name: str, part: str, one: Expected, tensor: "Tensor", stays: bool) -> "Tensor":
    got = tuple(tensor.shape)
    bare = got if got == one.shape else _fitting(name, part, one, got)
    if tensor.dtype not in one.dtypes:
        said, asked = (str(dtype).removeprefix("torch.") for dtype in (tensor.dtype, one.dtypes[0]))
        raise CheckpointError(f"{name}: output '{part}' is {said}, {asked} was expected; convert it in the module")
    # A sum is as fast as the memory; only one that overflows or meets NaN is worth a look at every number.
    if tensor.is_floating_point() and not math.isfinite(tensor.sum().item()):
        bad = int((~tensor.isfinite()).sum())
        if bad:
            raise CheckpointError(
                f"{name}: output '{part}' holds NaN or infinity at {bad} of {tensor.numel()} places, "
                "finite numbers were expected; the model diverges for these inputs"
            )
    here = tensor.detach() if stays or tensor.is_cpu else tensor.detach().cpu()
    return (here if bare == got else here.reshape(bare)).contiguous()


def _fitting(name: str, part: str, one: Expected, got: tuple[int, ...]) -> tuple[int, ...]:
    """A tensor's shape without batch axes.

    Raises:
        CheckpointError: it is not as the manifest says.
    """
    bare = got
    while len(bare) > len(one.shape) and bare[0] == 1:
        bare = bare[1:]
    if one.key == "opacities" and len(bare) == 2 and bare[1] == 1:
        bare = bare[:1]
    bare = (1,) * (len(one.shape) - len(bare)) + bare
    if len(bare) != len(one.shape) or any(want not in (None, n) for want, n in zip(one.shape, bare, strict=False)):
        said = ", ".join("any" if n is None else str(n) for n in one.shape)
        raise CheckpointError(
            f"{name}: output '{part}' is {got}, the manifest says ({said}); "
            "export it again or correct the manifest"
        )
    return bare

"""From manifests to what a person can steer, and from where the knobs stand to the tensors of a call."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from vrgen import contract as c
from vrgen.contract import Manifest
from vrgen.errors import WorldError, did_you_mean
from vrgen.generator.manifest import input_parts
from vrgen.labels import label_value, one_hot
from vrgen.messages import InputValue, Knob
from vrgen.prompts import prompt_value

Fixed = Mapping[str, float | str | Sequence[float]]


def knobs(manifests: Mapping[str, Manifest], fixed: Mapping[str, Fixed] | None = None) -> tuple[Knob, ...]:
    """One knob for every input that a person steers, in the order of the generators.

    Inputs of the same name, kind, shape, labels and encoder are one knob. Where the name is taken by an input of
    another shape or kind, the knob is called `GENERATOR.NAME`. `fixed`: by generator, the inputs that the world
    sets.
    """
    made: dict[str, Knob] = {}
    for generator, manifest in manifests.items():
        held = (fixed or {}).get(generator, {})
        for name, entry in manifest.inputs.items():
            knob = None if name in held else _knob(name, generator, entry)
            if knob is None:
                continue
            first = made.get(name)
            if first is None:
                made[name] = knob
            elif _alike(first, knob):
                made[name] = _joined(first, generator)
            else:
                own = f"{generator}.{name}"
                made[own] = _knob(own, generator, entry) or knob
    return tuple(made.values())


def inputs_of(
    generator: str, manifest: Manifest, standing: Mapping[str, InputValue], known: Sequence[Knob]
) -> dict[str, InputValue]:
    """The inputs of one generator's call, by the manifest's names, from where the knobs stand."""
    mine = {knob.name for knob in known if generator in knob.generators}
    found = {}
    for name in manifest.inputs:
        # A knob of its own, or its own value of a knob that it shares (`Knob.part`), comes first.
        own = f"{generator}.{name}"
        if own in standing and (own in mine or name in mine):
            found[name] = standing[own]
        elif own not in mine and name in mine and name in standing:
            found[name] = standing[name]
    return found


def fixed_inputs(generator: str, manifest: Manifest, fixed: Fixed) -> dict[str, InputValue]:
    """The tensors of the inputs that a world sets: a slider's number, a label's name, a list of numbers.

    Raises:
        WorldError: an unknown input or label, or a value that does not fit.
    """
    values = {}
    for name, value in fixed.items():
        entry = manifest.inputs.get(name)
        if entry is None:
            raise WorldError(
                f"generator '{generator}' fixes '{name}', which is no input of its manifest; "
                f"{did_you_mean(name, manifest.inputs)}"
            )
        values[name] = _fixed(generator, name, entry, value)
    return values


def default_input(entry: c.InputSpec) -> InputValue:
    """What an input is when nobody says: a slider's default, the first label, who stands at the origin, zeros."""
    match entry:
        case c.SliderInput():
            return np.full(entry.shape, entry.default, np.float32)
        case c.LabelInput():
            return label_value(entry, 0)
        case c.CameraInput():
            standing = np.eye(4, dtype=np.float32)
            standing[1, 3] = 1.7
            return np.broadcast_to(standing, entry.shape).copy()
        case c.TileInput():
            return np.zeros(entry.shape, np.int64)
        case c.StateInput():
            return np.zeros(entry.shape, np.int64) if whole(entry) else np.zeros(entry.shape, np.float32)
        case _:
            return np.zeros(entry.shape, np.float32)


def sample_inputs(manifest: Manifest, seed: int) -> dict[str, InputValue]:
    """Seeded inputs of every kind, for a dry run: each within what the manifest allows."""
    rng = np.random.default_rng(seed)
    made: dict[str, InputValue] = {}
    for name, entry in manifest.inputs.items():
        match entry:
            case c.LatentInput() | c.NoiseInput():
                made[name] = draw(rng, entry.shape, entry.prior)
            case c.PromptInput():
                value = rng.standard_normal(entry.shape)
                made[name] = (value / np.linalg.norm(value)).astype(np.float32)
            case c.LabelInput():
                made[name] = label_value(entry, int(rng.integers(len(entry.labels))))
            case c.SliderInput():
                made[name] = rng.uniform(*entry.range, entry.shape).astype(np.float32)
            case c.ImageInput():
                low, high = (0.0, 1.0) if entry.range == "linear" else entry.range
                made[name] = rng.uniform(low, high, entry.shape).astype(np.float32)
            case c.TileInput():
                made[name] = rng.integers(-50, 50, entry.shape, np.int64)
            case c.TimeInput():
                made[name] = np.full(entry.shape, float(seed), np.float32)
            case _:
                made[name] = default_input(entry)
        for part in input_parts(name, entry)[1:]:
            made[part] = default_fov(entry)
    return made


def default_fov(entry: c.InputSpec) -> InputValue:
    """A camera's half angles left, right, up, down, radians: 90 degrees both ways."""
    assert isinstance(entry, c.CameraInput)
    quarter = np.pi / 4
    return np.array([-quarter, quarter, quarter, -quarter], np.float32).reshape(entry.fov_shape)


def draw(rng: np.random.Generator, shape: tuple[int, ...], prior: c.Prior) -> InputValue:
    """float32 from the prior: standard normal, or uniform in [-1, 1]."""
    if prior == "uniform":
        return rng.uniform(-1, 1, shape).astype(np.float32)
    return rng.standard_normal(shape, np.float32)


def whole(entry: c.InputSpec) -> bool:
    """Whether the input's tensor is int64 rather than float32."""
    match entry:
        case c.LabelInput():
            return not one_hot(entry)
        case c.StateInput():
            return entry.dtype == "int64"
        case _:
            return isinstance(entry, c.TileInput)


def _knob(name: str, generator: str, entry: c.InputSpec) -> Knob | None:
    knob = Knob(
        name=name, kind=c.kind(entry), shape=entry.shape, label=entry.label or name, generators=(generator,)
    )
    match entry:
        case c.LatentInput():
            return replace(knob, prior=entry.prior)
        case c.SliderInput():
            return replace(knob, range=entry.range, default=entry.default)
        case c.LabelInput():
            return replace(knob, labels=entry.labels, one_hot=one_hot(entry))
        case c.PromptInput():
            return replace(knob, encoder=entry.encoder)
        case c.ImageInput():
            return knob
        case _:
            return None


def _alike(a: Knob, b: Knob) -> bool:
    """Whether two inputs of one name mean the same."""
    return (a.kind, a.shape, a.labels, a.encoder) == (b.kind, b.shape, b.labels, b.encoder)


def _joined(knob: Knob, generator: str) -> Knob:
    return replace(knob, generators=(*knob.generators, generator))


def _fixed(generator: str, name: str, entry: c.InputSpec, value: float | str | Sequence[float]) -> InputValue:
    if isinstance(entry, c.LabelInput) and isinstance(value, str):
        if value not in entry.labels:
            raise WorldError(
                f"generator '{generator}' fixes '{name}' to '{value}', which is none of its labels; "
                f"{did_you_mean(value, entry.labels)}"
            )
        return label_value(entry, entry.labels.index(value))
    if isinstance(entry, c.PromptInput) and isinstance(value, str):
        return prompt_value(value)
    if isinstance(value, str):
        raise WorldError(
            f"generator '{generator}' fixes '{name}' to the text '{value}', a {c.kind(entry)} takes numbers; "
            "correct the world file"
        )
    numbers = np.asarray(value, np.float64)
    if numbers.size not in (1, int(np.prod(entry.shape))):
        raise WorldError(
            f"generator '{generator}' fixes '{name}' to {numbers.size} numbers, its shape is "
            f"{list(entry.shape)}; correct the world file"
        )
    if wanted := _out_of_range(entry, numbers):
        told = f"{numbers.ravel()[0]:g}" if numbers.size == 1 else "numbers"
        raise WorldError(
            f"generator '{generator}' fixes '{name}' to {told}, {wanted} was expected; correct the world file"
        )
    if isinstance(entry, c.LabelInput) and numbers.size == 1:
        return label_value(entry, int(numbers.ravel()[0]))
    filled = np.broadcast_to(numbers.ravel(), (int(np.prod(entry.shape)),)).reshape(entry.shape)
    return filled.astype(np.int64) if whole(entry) else filled.astype(np.float32)


def _out_of_range(entry: c.InputSpec, numbers: npt.NDArray[np.float64]) -> str | None:
    """What an input wants where these numbers are outside of it."""
    match entry:
        case c.SliderInput():
            low, high = entry.range
            if not ((numbers >= low) & (numbers <= high)).all():
                return f"a number from {low:g} to {high:g}"
        case c.LabelInput() if numbers.size == 1:
            last = len(entry.labels) - 1
            if numbers.ravel()[0] not in range(last + 1):
                return f"a label's name, or its number from 0 to {last},"
        case _ if not np.isfinite(numbers).all():
            return "a finite number"
        case _:
            pass
    return None

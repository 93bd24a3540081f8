"""What a loaded module's `forward` takes, read from it without a call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from vrgen.contract import Manifest
from vrgen.errors import CheckpointError, ManifestError
from vrgen.generator.manifest import input_parts, output_parts

Kind = Literal["tensor", "dictionary", "other"]


@dataclass(frozen=True)
class Argument:
    """One argument of `forward`."""

    name: str
    kind: Kind
    needed: bool = True
    shape: tuple[int, ...] | None = None
    """Of an exported program's tensor whose axes are all fixed."""
    dtype: torch.dtype | None = None


def arguments(program: Any) -> tuple[Argument, ...] | None:
    """The arguments in order; None where the module does not tell."""
    schema = getattr(getattr(program, "forward", None), "schema", None)
    if schema is not None:
        return tuple(_of_torchscript(argument) for argument in schema.arguments[1:])  # the first is the module
    spec = getattr(program, "_in_spec", None)
    return None if spec is None else _of_exported(program, spec.child(0))


def _of_torchscript(argument: Any) -> Argument:
    said = str(argument.type)
    kind: Kind = "dictionary" if said.startswith("Dict") else "tensor" if said == "Tensor" else "other"
    return Argument(argument.name, kind, needed=not argument.has_default_value())


def _of_exported(program: Any, spec: Any) -> tuple[Argument, ...]:
    tensors = iter([node for node in program.graph.nodes if node.op == "placeholder"])
    found = []
    for child in spec.children():
        nodes = [next(tensors, None) for _ in range(child.num_leaves)]
        if not child.is_leaf():
            found.append(Argument("inputs", "dictionary" if child.type is dict else "other"))
            continue
        value = nodes[0].meta.get("val") if nodes[0] is not None else None
        name = nodes[0].name if nodes[0] is not None else "?"
        if not isinstance(value, torch.Tensor):
            found.append(Argument(name, "tensor"))
            continue
        fixed = all(isinstance(n, int) for n in value.shape)
        found.append(Argument(name, "tensor", shape=tuple(value.shape) if fixed else None, dtype=value.dtype))
    return tuple(found)


def told(taken: Sequence[Argument]) -> str:
    """`a dictionary`, `one tensor (z)`, `3 arguments (z, c, truncation)`."""
    if len(taken) == 1 and taken[0].kind == "dictionary":
        return "a dictionary"
    names = ", ".join(argument.name for argument in taken)
    if len(taken) == 1:
        return f"one tensor ({names})"
    return f"{len(taken)} arguments ({names})" if taken else "no arguments"


def require_call_form(file: str, program: Any, manifest: Manifest) -> None:
    """Hold a manifest's `call`, or the lack of one, against what `forward` takes.

    Raises:
        ManifestError: they do not go together.
    """
    taken = arguments(program)
    if taken is None:
        return
    by_name = bool(taken) and taken[0].kind == "dictionary"
    if manifest.call is None and not by_name:
        args = [part for name, entry in manifest.inputs.items() for part in input_parts(name, entry)]
        returns = [
            f"{name}.{key}" if key else name
            for name, out in manifest.outputs.items()
            for key, (_, needed) in output_parts(out).items()
            if needed
        ]
        raise ManifestError(
            f"{file}: forward takes {told(taken)}, its manifest has no 'call' to say which is which; add a table "
            f"'call' with args = {_quoted(args)} and returns = {_quoted(returns)}, in the order of forward's own"
        )
    if manifest.call is not None and by_name:
        raise ManifestError(
            f"{file}: forward takes a dictionary, the manifest's 'call' hands over {_quoted(manifest.call.args)} "
            "one by one; leave 'call' out"
        )
    if manifest.call is not None:
        needed = sum(argument.needed for argument in taken)
        if not needed <= len(manifest.call.args) <= len(taken):
            raise ManifestError(
                f"{file}: forward takes {told(taken)}, the manifest's call.args names "
                f"{_quoted(manifest.call.args)}; name one for each"
            )


def require_one_latent(file: str, stem: str, program: Any) -> None:
    """Refuse a bare module that can't be called with a latent alone.

    Raises:
        CheckpointError: it takes a dictionary, or not one tensor.
    """
    taken = arguments(program)
    if taken is None:
        return
    needed = [argument for argument in taken if argument.needed]
    if len(needed) > 1 or not taken or (needed or taken[:1])[0].kind != "tensor":
        raise CheckpointError(
            f"{file}: forward takes {told(needed or taken)}, with --as one tensor was expected, the latent; write "
            f"{stem}.vrgen.toml to say what the module takes and returns"
        )


def _quoted(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"

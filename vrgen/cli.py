"""The commands: parse, hand over, and tell failures in one sentence with the right exit status.

Nothing heavy is imported before a command needs it: `vrgen --help` loads no torch, OpenGL, GLFW or ImGui.
"""

import contextlib
import io
import json
import os
import re
import sys
import traceback
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import FlagCreatePairsOff, Positional, arg, subcommand
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from vrgen import __version__
from vrgen.config import As, RunOptions
from vrgen.errors import UsageError, VrgenError

DESCRIPTION = f"""vrgen {__version__}: stand inside what a generative model makes.

`vrgen run` starts the bundled world; `vrgen COMMAND --help` tells the options; `vrgen --version` the version."""


@dataclass(frozen=True, kw_only=True)
class Run(RunOptions):
    """Show a world and walk in it: W A S D and the mouse, N for a new world, Escape to leave."""

    target: Annotated[Positional[str], arg(metavar="[WORLD|CHECKPOINT]")] = "valley"
    """A bundled world's name, a world file (.toml) or a checkpoint (.pt, .pt2)."""
    as_kind: Annotated[As | None, arg(name="as")] = None
    """For a bare z → image checkpoint without a manifest: what its picture is."""


@dataclass(frozen=True, kw_only=True)
class Inspect:
    """Tell what a checkpoint is: manifest, inputs, outputs, size, digest, timings."""

    checkpoint: Annotated[Positional[Path], arg(metavar="CHECKPOINT")]
    """A .pt or .pt2 file."""
    as_kind: Annotated[As | None, arg(name="as")] = None
    """For a bare z → image checkpoint without a manifest: what its picture is."""
    json: bool = False
    """Print JSON instead of a table."""
    debug: bool = False
    """Show tracebacks."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """Run the contract against a checkpoint; exit 1 and say what is wrong."""

    checkpoint: Annotated[Positional[Path], arg(metavar="CHECKPOINT")]
    """A .pt or .pt2 file."""
    as_kind: Annotated[As | None, arg(name="as")] = None
    """For a bare z → image checkpoint without a manifest: what its picture is."""
    json: bool = False
    """Print JSON instead of a table."""
    debug: bool = False
    """Show tracebacks."""


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Tell what this machine can run, what it can't, and how to mend it; exit 1 when it can show no world."""

    json: bool = False
    """Print JSON instead of a table."""
    debug: bool = False
    """Show tracebacks."""


Command = (
    Annotated[Run, subcommand("run")]
    | Annotated[Inspect, subcommand("inspect")]
    | Annotated[Check, subcommand("check")]
    | Annotated[Doctor, subcommand("doctor")]
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the process's exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in args
    try:
        status = _run(args)
        sys.stdout.flush()
        return status
    except VrgenError as error:
        if debug:
            traceback.print_exc()
        print(f"vrgen: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader went away (`vrgen doctor | head -1`); without this Python complains when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(
            f"vrgen: something unforeseen failed ({type(error).__name__}: {error}); "
            "run it again with --debug and report what that shows",
            file=sys.stderr,
        )
        return 1


def _run(args: list[str]) -> int:
    if args == ["--version"]:
        print(f"vrgen {__version__}")
        return 0
    command = parse(args)
    match command:
        case Run():
            _reject_impossible(command)
            from vrgen.app import run

            run(command)
            return 0
        case Doctor():
            from vrgen import doctor

            return doctor.report(as_json=command.json)
        case Inspect():
            return _inspect(command)
        case Check():
            return _check(command)


def _inspect(command: Inspect) -> int:
    from vrgen.generator.inspection import inspect_checkpoint

    told = inspect_checkpoint(command.checkpoint, command.as_kind)
    if command.json:
        print(json.dumps(told, indent=2))
        return 0
    manifest, times = told["manifest"], told["call_ms"]
    rows = [
        ("name", f"{manifest['name']} {manifest['version']}"),
        ("description", manifest["description"]),
        ("licence", manifest["license"]),
        ("file", f"{told['file']}, {told['size_bytes'] / 1e6:.2f} MB, {told['archive']}"),
        ("manifest", f"from the {told['manifest_from']}"),
        ("sha256", told["sha256"]),
        ("loading", f"{told['load_s']:.2f} s, first call {told['first_call_ms']:.0f} ms"),
        (
            "a call",
            f"{times['p50']:.1f} ms (p50), {times['p95']:.1f} (p95), {times['max']:.1f} (max), {told['device']}",
        ),
        *(("input", _entry(name, entry)) for name, entry in told["inputs"].items()),
        *(("output", _entry(name, entry)) for name, entry in told["outputs"].items()),
    ]
    _print_table([(what, found) for what, found in rows if found])
    return 0


def _entry(name: str, entry: dict[str, Any]) -> str:
    """One line of a manifest: `height: heightfield 1×129×129, metres 64.0`."""
    shape = "×".join(str(n) for n in entry["shape"])
    rest = [
        f"{key} {value}"
        for key, value in entry.items()
        if key not in ("kind", "shape") and value not in ("", None)
    ]
    return ", ".join([f"{name}: {entry['kind']} {shape}", *rest])


def _check(command: Check) -> int:
    from vrgen.generator.inspection import check_checkpoint

    violations = check_checkpoint(command.checkpoint, command.as_kind)
    if command.json:
        print(json.dumps({"file": str(command.checkpoint), "violations": violations}, indent=2))
    elif violations:
        for violation in violations:
            print(f"vrgen: {violation}", file=sys.stderr)
    else:
        print(f"{command.checkpoint.name} keeps the generator contract, version 1")
    return int(bool(violations))


def _print_table(rows: Sequence[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for what, found in rows:
        table.add_row(Text(what, style="bold"), Text(found))
    Console().print(table)


def parse(args: Sequence[str]) -> Run | Inspect | Check | Doctor:
    """The command that these arguments mean.

    Raises:
        UsageError: they mean none. SystemExit: help was asked for and printed.
    """
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            return tyro.cli(
                Command,
                prog="vrgen",
                description=DESCRIPTION,
                args=args,
                config=(FlagCreatePairsOff,),
                registry=_registry(),
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UsageError(_sentence(told.getvalue())) from None


def _sentence(box: str) -> str:
    """What tyro draws as a framed box, as one sentence: its sections without the frame and the option's help."""
    sections = [""]
    for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()[1:-1]:
        text = line.strip("│ ")
        if set(text) == {"─"}:
            sections.append("")
        else:
            sections[-1] = f"{sections[-1]} {text}".strip()
    kept = [s.rstrip(".") for s in sections if s and not s.startswith("Argument helptext")]
    return "; ".join(s if n == 0 else s[0].lower() + s[1:] for n, s in enumerate(kept))


def _registry() -> ConstructorRegistry:
    """Shows an option that may be left out by its type alone: `--seed INT`, not `--seed {None}|INT`."""
    registry = ConstructorRegistry()

    @registry.primitive_rule
    def optional(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
        kinds = typing.get_args(info.type)
        if (
            info.type_origin not in (typing.Union, types.UnionType)
            or len(kinds) != 2
            or kinds[1] is not type(None)
        ):
            return None
        spec = registry.get_primitive_spec(PrimitiveTypeInfo.make(kinds[0], info.markers))
        if not isinstance(spec, PrimitiveConstructorSpec):
            return None
        return PrimitiveConstructorSpec(
            nargs=spec.nargs,
            metavar=spec.metavar,
            instance_from_str=spec.instance_from_str,
            is_instance=lambda value: value is None or spec.is_instance(value) is True,
            str_from_instance=lambda value: ["none"] if value is None else spec.str_from_instance(value),
            choices=spec.choices,
        )

    return registry


def _reject_impossible(options: RunOptions) -> None:
    """Numbers and places that can't work, found before a window opens."""
    for name, value in (
        ("frames", options.frames),
        ("seconds", options.seconds),
        ("call-timeout-s", options.call_timeout_s),
        ("worker-memory-mb", options.worker_memory_mb),
    ):
        if value is not None and not value > 0:
            raise UsageError(f"--{name} is {value}; give a number above 0")
    if not all(16 <= side <= 16384 for side in options.size):
        raise UsageError(
            f"--size is {options.size[0]} {options.size[1]}; give a width and a height of 16 to 16384 pixels"
        )
    for name, path in (("report", options.report), ("screenshot", options.screenshot), ("video", options.video)):
        if path is not None and not path.absolute().parent.is_dir():
            raise UsageError(f"--{name} {path}: there is no folder {path.absolute().parent}; make it first")

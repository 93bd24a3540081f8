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
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import FlagCreatePairsOff, Positional, arg, subcommand
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from vrgen import __version__
from vrgen.collector import unused
from vrgen.config import CHECKPOINTS, SEEDS, As, RunOptions
from vrgen.errors import UsageError, VrgenError, did_you_mean
from vrgen.interrupt import Interrupted
from vrgen.resources import bundled_worlds
from vrgen.trainer import TrainOptions
from vrgen.workshop import DatasetOptions, JudgeOptions

DESCRIPTION = f"""vrgen {__version__}: stand inside what a generative model makes.

`vrgen run` starts the bundled world; `vrgen COMMAND --help` tells the options; `vrgen --version` the version."""


FILMS = (".mp4", ".mov", ".mkv")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
TRACES = (".json", ".json.gz")
_FOLLOWED = {
    "--hold": "a key after it, such as --hold w",
    "--source": "a name after it; vrgen dataset --source list tells which there are",
}


class _Size(tuple[int, int]):
    """A class: whether a default fits `tuple[int, int]` tyro asks typeguard, which is slow to import."""


class _Keys(tuple[str, ...]):
    """The same of `tuple[str, ...]`."""


_TUPLES: dict[type, Any] = {_Size: tuple[int, int], _Keys: tuple[str, ...]}
_SIZE, _KEYS = _Size(RunOptions.size), _Keys(RunOptions.hold)


@dataclass(frozen=True, kw_only=True)
class Run(RunOptions):
    """Show a world and walk in it: W A S D and the mouse, N for a new world, Escape to leave."""

    target: Annotated[Positional[str], arg(metavar="[WORLD|CHECKPOINT]")] = "valley"
    """A bundled world's name, a world file (.toml) or a checkpoint (.pt, .pt2)."""
    as_kind: Annotated[As | None, arg(name="as")] = None
    """For a bare z → image checkpoint without a manifest: what its picture is."""
    size: _Size = _SIZE
    """Width and height of the window or picture, pixels."""
    hold: _Keys = _KEYS
    """Keys held down in a headless run, such as w to walk on."""


@dataclass(frozen=True, kw_only=True)
class Inspect:
    """Tell what a checkpoint is: manifest, inputs, outputs, size, digest, timings."""

    checkpoint: Annotated[Positional[Path], arg(metavar="CHECKPOINT")]
    """A .pt or .pt2 file."""
    as_kind: Annotated[As | None, arg(name="as")] = None
    """For a bare z → image checkpoint without a manifest: what its picture is."""
    timings: bool = False
    """Time the faster ways of calling it as well, on the GPU where there is one, and tell what they change."""
    json: bool = False
    """Print JSON instead of a table."""
    debug: bool = False
    """Show tracebacks."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """Run the contract against a checkpoint, or a world and all its checkpoints; exit 1 and say what is wrong."""

    target: Annotated[Positional[str], arg(metavar="WORLD|CHECKPOINT")]
    """A checkpoint (.pt, .pt2), a world file (.toml) or a bundled world's name."""
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
    | Annotated[DatasetOptions, subcommand("dataset")]
    | Annotated[JudgeOptions, subcommand("judge")]
    | Annotated[TrainOptions, subcommand("train")]
)
AnyCommand = Run | Inspect | Check | Doctor | DatasetOptions | JudgeOptions | TrainOptions
COMMANDS: dict[str, type[AnyCommand]] = {
    "run": Run,
    "inspect": Inspect,
    "check": Check,
    "doctor": Doctor,
    "dataset": DatasetOptions,
    "judge": JudgeOptions,
    "train": TrainOptions,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the process's exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in args
    if argv is None and args[:1] == ["train"]:
        from vrgen.training.allocator import start_again

        start_again([sys.executable, "-m", "vrgen", *args])
    try:
        status = _run(args)
        sys.stdout.flush()
        return status
    except VrgenError as error:
        if debug:
            traceback.print_exc()
        print(f"vrgen: {error}", file=sys.stderr)
        return error.exit_status
    except Interrupted as ended:
        return ended.exit_status
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
    with unused():
        command = parse(args)
        if isinstance(command, Run):
            _reject_impossible(command)
            from vrgen.visit import run

            print("\n".join(run(command)))
            return 0
    match command:
        case Doctor():
            from vrgen import doctor

            return doctor.report(as_json=command.json)
        case Inspect():
            return _inspect(command)
        case Check():
            return _check(command)
        case DatasetOptions():
            from vrgen.workshop import make_dataset

            return make_dataset(command)
        case JudgeOptions():
            from vrgen.workshop import judge

            return judge(command)
        case TrainOptions():
            from vrgen.trainer import train

            return train(command)


def _inspect(command: Inspect) -> int:
    from vrgen.generator.inspection import inspect_checkpoint

    told = inspect_checkpoint(command.checkpoint, command.as_kind, timings=command.timings)
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
        *(("tried", _tried(trial)) for trial in told.get("tried", ())),
        ("a run takes", told.get("way", "")),
        *(("input", _entry(name, entry)) for name, entry in told["inputs"].items()),
        ("prompts", told["prompts"]),
        *(("output", _entry(name, entry)) for name, entry in told["outputs"].items()),
    ]
    _print_table([(what, found) for what, found in rows if found])
    return 0


def _tried(trial: dict[str, Any]) -> str:
    """One line of a way that was timed: `bfloat16: 9.1 ms, float32 14.0 ms; sky: 0.1 × 1 % (p99), 0.3 (worst)`."""
    times = f"{trial['ms']:.1f} ms, {trial['beside']} {trial['beside_ms']:.1f} ms"
    parts = [times if trial["ms"] else "", *trial["differences"], trial["refused"] and f"left: {trial['refused']}"]
    return f"{trial['way']}: {'; '.join(filter(None, parts))}"


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
    from vrgen.generator.inspection import check_checkpoint, check_world

    path = Path(command.target)
    checkpoints: tuple[Path, ...] = (path,)
    if _is_checkpoint(path):
        violations = check_checkpoint(path, command.as_kind)
    else:
        violations, checkpoints = check_world(command.target, command.as_kind)
    if command.json:
        names = [str(checkpoint) for checkpoint in checkpoints]
        told = {"file": command.target, "checkpoints": names, "violations": violations}
        print(json.dumps(told, indent=2))
    elif violations:
        for violation in violations:
            print(f"vrgen: {violation}", file=sys.stderr)
    elif checkpoints == (path,):
        print(f"{path.name} keeps the generator contract, version 1")
    else:
        names = [checkpoint.name for checkpoint in checkpoints]
        print(
            f"{command.target} fits its checkpoints, and {', '.join(names)} keep the generator contract, version 1"
        )
    return int(bool(violations))


def _is_checkpoint(path: Path) -> bool:
    """Whether `check` takes a path for a checkpoint, rather than for a world."""
    return path.suffix.lower() in CHECKPOINTS or (path.suffix.lower() != ".toml" and path.is_file())


def _print_table(rows: Sequence[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for what, found in rows:
        table.add_row(Text(what, style="bold"), Text(found))
    Console().print(table)


def parse(args: Sequence[str]) -> AnyCommand:
    """The command that these arguments mean.

    Raises:
        UsageError: they mean none. SystemExit: help was asked for and printed.
    """
    _require_known(args)
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


def _require_known(args: Sequence[str]) -> None:
    """Refuse a command or an option that there is not, with the one that it was perhaps meant to be.

    Raises:
        UsageError: there is one.
    """
    if not args or args[0] in ("-h", "--help"):
        return
    first = args[0]
    if first.startswith("-"):
        raise UsageError(f"{first} stands before the command; say vrgen COMMAND {first}, of {', '.join(COMMANDS)}")
    if first == "help":
        raise UsageError("there is no command 'help'; did you mean 'vrgen --help'?")
    if first not in COMMANDS:
        if Path(first).suffix in (*CHECKPOINTS, ".toml") or first in bundled_worlds():
            raise UsageError(f"there is no command '{first}'; did you mean 'vrgen run {first}'?")
        raise UsageError(f"there is no command '{first}'; {did_you_mean(first, COMMANDS)}")
    options = ["--" + _flag(field.name) for field in fields(COMMANDS[first])] + ["--help"]
    for word in args[1:]:
        name = word.partition("=")[0]
        if name.startswith("--") and not name.startswith("--tyro") and name.replace("_", "-") not in options:
            found = did_you_mean(name.strip("-"), [option.strip("-") for option in options])
            close = found.startswith("did you")
            remedy = found.replace("'", "'--", 1) if close else f"vrgen {first} --help lists them"
            raise UsageError(f"vrgen {first} has no option {name}; {remedy}")
    for word, after in zip(args, [*args[1:], "--"], strict=True):
        if word in _FOLLOWED and re.match(r"--|-\w", after):
            raise UsageError(f"{word} needs {_FOLLOWED[word]}")


def _flag(field: str) -> str:
    return "as" if field == "as_kind" else field.replace("_", "-")


def _sentence(box: str) -> str:
    """What tyro draws as a framed box, as one sentence: its sections without the frame and the option's help."""
    sections = [""]
    for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()[1:-1]:
        text = line.strip("│| ")  # where the terminal knows ASCII alone, the frame is made of | and -
        if text and set(text) <= {"─", "-"}:
            sections.append("")
        else:
            sections[-1] = f"{sections[-1]} {text}".strip()
    kept = [_plainly(s.rstrip(".")) for s in sections if s and not s.startswith("Argument helptext")]
    return "; ".join(s if n == 0 else s[0].lower() + s[1:] for n, s in enumerate(kept))


def _plainly(section: str) -> str:
    """What the parsers say of a value that does not fit, in words for everybody."""
    if wrong := re.fullmatch(r"Error parsing (\S+): (invalid literal for int|could not convert).*: (.*)", section):
        return f"{wrong[1]} is {wrong[3]}, expected a {'whole number' if 'int' in wrong[2] else 'number'}"
    if wrong := re.fullmatch(r"invalid choice '(.*)' for argument '(\S+)'\. Expected one of \((.*)\)", section):
        choices = re.findall(r"'([^']*)'", wrong[3])
        found = did_you_mean(wrong[1], choices)
        close = f"; {found}" if found.startswith("did you") else ""
        return f"{wrong[2]} is '{wrong[1]}', expected one of {', '.join(choices)}{close}"
    if wrong := re.fullmatch(r"Missing value for argument '(\S+)'\. Expected (\d+) values", section):
        return (
            f"{wrong[1]} needs {wrong[2]} value{'s' if wrong[2] != '1' else ''} after it, with a space before each"
        )
    if wrong := re.fullmatch(r"Unrecognized options: (.*)", section):
        return f"'{wrong[1]}' is one thing too many"
    return section


def _registry() -> ConstructorRegistry:
    """Shows an option that may be left out by its type alone: `--seed INT`, not `--seed {None}|INT`. The
    classes for tuples are given as tuples are."""
    registry = ConstructorRegistry()

    @registry.primitive_rule
    def of_tuples(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
        made = info.type
        if made not in _TUPLES:
            return None
        spec = registry.get_primitive_spec(PrimitiveTypeInfo.make(_TUPLES[made], info.markers))
        if not isinstance(spec, PrimitiveConstructorSpec):
            return None
        return replace(
            spec,
            instance_from_str=lambda words: made(spec.instance_from_str(words)),
            is_instance=lambda value: isinstance(value, made),
        )

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
    """Numbers, keys and places that can't work, found before a window opens."""
    from vrgen.inputs.holding import require_holdable

    require_holdable(options.hold)
    if options.hold and options.display in ("window", "openxr"):
        raise UsageError(
            f"--hold {options.hold[0]}: the {options.display} display has a person who holds keys; "
            "add --display headless or leave --hold out"
        )
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
    if options.seed is not None and not 0 <= options.seed < SEEDS:
        raise UsageError(f"--seed is {options.seed}; give a whole number from 0 to {SEEDS - 1}")
    for name, path in (
        ("report", options.report),
        ("trace", options.trace),
        ("screenshot", options.screenshot),
        ("video", options.video),
    ):
        if path is None:
            continue
        if path.is_dir():
            raise UsageError(f"--{name} {path}: is a folder; name the file in it")
        if not path.absolute().parent.is_dir():
            raise UsageError(f"--{name} {path}: there is no folder {path.absolute().parent}; make it first")
    if options.video is not None and options.video.suffix.lower() not in FILMS:
        raise UsageError(f"--video {options.video}: a film is H.264; end its name in {_or(FILMS)}")
    if options.screenshot is not None and options.screenshot.suffix.lower() not in PICTURES:
        raise UsageError(
            f"--screenshot {options.screenshot}: a picture is PNG, JPEG or WebP; end its name in {_or(PICTURES)}"
        )
    if options.trace is not None and not options.trace.name.lower().endswith(TRACES):
        raise UsageError(
            f"--trace {options.trace}: a trace is JSON, gzipped or not; end its name in {_or(TRACES)}"
        )


def _or(endings: Sequence[str]) -> str:
    return f"{', '.join(endings[:-1])} or {endings[-1]}"

"""`vrgen train`: its options, and what puts training and the contract's check together.

Light to import, for the command line reads the options here; torch comes with the call.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from vrgen.errors import CheckpointError, UsageError, VrgenError


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Train a generator by a recipe, and export it as a checkpoint that `vrgen run` shows."""

    recipe: Annotated[Positional[Path], arg(metavar="RECIPE.toml")]
    """What to learn from, which model, how long, and what comes out; recipes/ has some to begin with."""
    out: Annotated[Path | None, arg(aliases=["-o"], metavar="DIR")] = None
    """The folder of the run: its state, metrics, samples and checkpoints; left out, out/train/NAME."""
    seconds: float | None = None
    """Train for so long, whatever the recipe says; the time before an interruption counts."""
    steps: int | None = None
    """Train for so many steps, whatever the recipe says."""
    seed: int | None = None
    """Of weights, order and random numbers, in the place of the recipe's."""
    resume: bool = False
    """Go on where the run in the folder was interrupted: Control-C and SIGTERM save it first."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; auto takes a GPU where torch finds one."""
    debug: bool = False
    """Show tracebacks."""


def train(options: TrainOptions) -> int:
    """Run `vrgen train`; return the exit status.

    Raises:
        VrgenError: recipe, data or folder are wrong, the watch stopped the run, or the disk is full.
    """
    _require_possible(options)
    try:
        from vrgen.training.train import Asked, train_recipe
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("vrgen"):
            raise
        raise VrgenError(
            f'training needs {error.name}, which is not installed; run: pip install "vrgen[train]"'
        ) from error
    asked = Asked(
        options.recipe, options.out, options.seconds, options.steps, options.seed, options.resume, options.device
    )
    trained = train_recipe(asked)
    if trained.ending.why == "interrupted":
        print(
            f"interrupted; go on with: vrgen train {options.recipe} --out {trained.folder} --resume",
            file=sys.stderr,
        )
        return 128 + trained.ending.signal
    if trained.checkpoints:
        _require_kept(trained.checkpoints)
        print(f"see {trained.folder / 'samples.png'}; stand in it: vrgen run {trained.checkpoints[0]}")
    return 0


def _require_possible(options: TrainOptions) -> None:
    for name, value in (("seconds", options.seconds), ("steps", options.steps)):
        if value is not None and not value > 0:
            raise UsageError(f"--{name} is {value}; give a number above 0")
    if options.seed is not None and not 0 <= options.seed < 2**31:
        raise UsageError(f"--seed is {options.seed}; give a whole number from 0 to {2**31 - 1}")
    if options.out is not None and options.out.exists() and not options.out.is_dir():
        raise UsageError(f"--out {options.out}: is a file, a folder was expected; name another")


def _require_kept(checkpoints: tuple[Path, ...]) -> None:
    """Every checkpoint keeps the contract, as `vrgen check` finds.

    Raises:
        CheckpointError: one doesn't.
    """
    from vrgen.generator.inspection import check_checkpoint

    for checkpoint in checkpoints:
        for violation in check_checkpoint(checkpoint, None):
            raise CheckpointError(violation)
        print(f"{checkpoint}: keeps the generator contract, version 1")

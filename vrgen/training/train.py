"""`vrgen train RECIPE.toml`: from a recipe to checkpoints, with everything a run leaves in one folder.

The folder holds `state.pt` (where it goes on), `good.pt` (the last state that the watch trusted), `metrics.jsonl`,
`samples/`, `tensorboard/`, `samples.png` (the last grid) and the checkpoints.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import platformdirs
import torch
from rich.console import Console

from vrgen.device import resolved
from vrgen.errors import UsageError
from vrgen.training import recipe as r
from vrgen.training import state as states
from vrgen.training.dataset import Dataset, DatasetError
from vrgen.training.digits import digits
from vrgen.training.export import export
from vrgen.training.feed import Feed
from vrgen.training.loop import STATE, Ending, Shown, picture, train
from vrgen.training.models.families import build, kind_of, latent_length
from vrgen.training.models.family import Family
from vrgen.training.precision import TOLERANCE, stored_as
from vrgen.training.processes import Processes, joined
from vrgen.training.product import product
from vrgen.training.record import Record
from vrgen.training.run import Run
from vrgen.training.showing import BODY_PX, save_png
from vrgen.training.watch import Watch

LATENT_SEED = 4
SHOWN_PX = 800 * 800
"""A grid of samples has no more pixels than about so many."""


@dataclass(frozen=True)
class Asked:
    """What the command line says beside the recipe."""

    recipe: Path
    out: Path | None = None
    seconds: float | None = None
    steps: int | None = None
    seed: int | None = None
    resume: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"


@dataclass(frozen=True)
class Trained:
    """What came out: `checkpoints` is empty where the run was interrupted."""

    folder: Path
    ending: Ending
    checkpoints: tuple[Path, ...]


def train_recipe(asked: Asked, console: Console | None = None) -> Trained:
    """Train, or go on, and export.

    Raises:
        UsageError: the call is wrong. RecipeError, DatasetError: what the recipe says or names is.
        TrainingError: the watch stopped the run. StateError, ExportError: something could not be written.
    """
    recipe = _with_asked(r.read(asked.recipe), asked)
    console = console or Console()
    device = resolved(asked.device)
    folder = asked.out or Path("out") / "train" / recipe.export.name
    if recipe.train.threads is not None:
        torch.set_num_threads(recipe.train.threads)
    with joined(device) as processes:
        dataset = opened(recipe)
        torch.manual_seed(recipe.train.seed)
        family = build(recipe, dataset)
        recipe = _with_size(recipe, dataset)
        product(recipe, dataset, family.networks["maker"])  # what can't be exported is not trained
        rows = processes.rows(recipe.train.batch)
        _prepare(folder, asked.resume, processes)
        with Feed(
            dataset,
            recipe.model.condition,
            recipe.train.batch,
            recipe.train.seed,
            recipe.data.changes,
            processes.rank,
            processes.world,
            device,
        ) as feed:
            run = Run(recipe, family, feed, _watch(recipe, dataset), processes, device)
            if asked.resume:
                _go_on(run, folder / STATE)
            console.quiet = not processes.first
            console.print(
                f"{recipe.export.name}: {recipe.model.family}, {_millions(family)} M weights, "
                f"{len(dataset.train)} pictures, batch {rows * processes.world}, {device}, into {folder}"
                + (f", going on from step {run.step}" if run.step and run.share < 1 else ""),
                highlight=False,
                soft_wrap=True,
            )
            if run.share >= 1:
                console.print(_finished(run), highlight=False, soft_wrap=True)
            ending = _loop(run, _shown(recipe, dataset, device), folder, console)
            if ending.why == "interrupted" or not processes.first:
                return Trained(folder, ending, ())
            return Trained(folder, ending, tuple(write_checkpoints(run, dataset, folder)))


def opened(recipe: r.Recipe) -> Dataset:
    """The dataset that a recipe names; a source is prepared once and kept."""
    if recipe.data.source == "digits":
        return digits(Path(platformdirs.user_cache_dir("vrgen")) / "datasets" / "digits-28")
    folder = Path(recipe.data.folder)
    if not folder.is_dir():
        raise DatasetError(
            f"{folder}: there is no such folder, a dataset was expected; correct data.folder of the recipe, or "
            f"make it: vrgen dataset PICTURES -o {folder} --size 64"
        )
    return Dataset.open(folder)


def write_checkpoints(run: Run, dataset: Dataset, folder: Path) -> list[Path]:
    """Every form and storage that the recipe asks for, each compared with what was trained."""
    made = product(run.recipe, dataset, run.average.cpu())
    wanted, paths = run.recipe.export, []
    for form in wanted.forms:
        for stored in wanted.stored:
            suffix = ".pt" if form == "torchscript" else ".pt2"
            name = wanted.name if stored == "float32" else f"{wanted.name}-{stored}"
            export(
                stored_as(made.module, stored),
                made.manifest,
                folder / f"{name}{suffix}",
                made.examples[0],
                freeze=False,  # folding would store weights as large as they are computed with
                form=form,
                trained=made.module,
                more_inputs=made.examples[1:],
                tolerance=TOLERANCE[stored],
            )
            paths.append(folder / f"{name}{suffix}")
    return paths


def _loop(run: Run, shown: Shown, folder: Path, console: Console) -> Ending:
    if not run.processes.first:
        return train(run, shown, folder, None)
    with Record(folder, run.step, console) as record:
        ending = train(run, shown, folder, record)
    save_png(picture(run, shown), folder / "samples.png")
    return ending


def _with_asked(recipe: r.Recipe, asked: Asked) -> r.Recipe:
    """The command line wins; a number of seconds or steps there is the only end."""
    changed: dict[str, object] = {}
    if asked.seconds is not None or asked.steps is not None:
        changed |= {"seconds": asked.seconds, "steps": asked.steps}
    if asked.seed is not None:
        changed["seed"] = asked.seed
    return msgspec.structs.replace(recipe, train=msgspec.structs.replace(recipe.train, **changed))


def _with_size(recipe: r.Recipe, dataset: Dataset) -> r.Recipe:
    """The size written out, for the state to say what it is of."""
    size = dataset.about.shape[1:]
    return msgspec.structs.replace(recipe, model=msgspec.structs.replace(recipe.model, size=size))


def _prepare(folder: Path, resume: bool, processes: Processes) -> None:
    """Make the folder; refuse to begin where a run lies."""
    processes.wait()
    if (folder / STATE).is_file() and not resume:
        raise UsageError(f"{folder}: holds a run already; go on with --resume, or name another folder with --out")
    if resume and not (folder / STATE).is_file():  # before a folder is made for nothing
        raise UsageError(f"{folder / STATE}: there is no state to go on from; leave --resume out to begin")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(".*.partial"):  # of a process that was killed while it wrote
            left.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: can't be made ({error.strerror}); name another folder with --out") from error
    processes.wait()


def _go_on(run: Run, path: Path) -> None:
    state = states.load(path)
    states.require_same(path, json.loads(state["identity"]), json.loads(run.state()["identity"]))
    run.restore(state)


def _finished(run: Run) -> str:
    """That there is nothing to go on with, and what there could be."""
    wanted = run.recipe.train
    by_steps = wanted.steps is not None and run.step >= wanted.steps
    ends = f"{wanted.steps} steps" if by_steps else f"{wanted.seconds:g} seconds"
    more = f"--steps {2 * run.step}" if by_steps else f"--seconds {2 * run.seconds:.0f}"
    return (
        f"it is finished: the {ends} are through, and the checkpoints are written anew; to go on, say more, "
        f"such as --resume {more}"
    )


def _watch(recipe: r.Recipe, dataset: Dataset) -> Watch:
    chosen = np.random.default_rng(LATENT_SEED).permutation(dataset.train)[:64]
    return Watch(recipe.watch, dataset.batch(np.sort(chosen)))


def _shown(recipe: r.Recipe, dataset: Dataset, device: str) -> Shown:
    """Latents for a grid of 10 × 10, fewer where pictures are large; labels change from row to row."""
    _, height, width = dataset.about.shape
    if kind_of(recipe, dataset) == "mesh":
        height = width = BODY_PX
    side = 10
    while side > 3 and side * side * height * width > SHOWN_PX:
        side -= 1
    latent = latent_length(recipe, dataset)
    generator = torch.Generator().manual_seed(LATENT_SEED)
    latents = torch.randn(side * side, latent, generator=generator)
    conditions = torch.from_numpy(dataset.conditions(recipe.model.condition))
    if recipe.model.condition == "labels":
        chosen = torch.eye(conditions.shape[1])[torch.arange(side * side) // side % conditions.shape[1]]
    else:
        which = torch.randperm(len(dataset.train), generator=generator)
        chosen = conditions[dataset.train][which[torch.arange(side * side) % len(which)]]
    return Shown(latents.to(device), chosen.to(device))


def _millions(family: Family) -> str:
    return f"{sum(weight.numel() for weight in family.networks['maker'].parameters()) / 1e6:.2f}"

"""What `vrgen train RECIPE.toml` reads: the data, the model, how long and how, and what comes out.

Every key has a default but `data`, `model.family` and `export.name`; unknown keys fail. `docs/training/recipes.md`
describes them for people, and a test holds the two together.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vrgen import files
from vrgen.errors import RecipeError, UsageError
from vrgen.schema import explain
from vrgen.training.dataset import Conditioning

FamilyName = Literal["dcgan", "wgan-gp", "conditional", "small-gan", "vae", "heightfield", "mesh"]
Precision = Literal["auto", "float32", "bfloat16"]
Rule = Literal["ignore", "warn", "roll back", "stop"]
Change = Literal["mirror", "roll"]
Form = Literal["torchscript", "exported"]
Stored = Literal["float32", "float16", "int8"]
Kept = Literal["picture", "panorama", "texture", "heightfield", "mesh"]
Places = Literal["own", "alike"]
Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, lt=1)]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the recipe."""


class Data(Table, frozen=True, kw_only=True):
    """Where the dataset is: a folder that `vrgen dataset` wrote, or a source that needs none."""

    folder: str = ""
    """Relative to the recipe."""
    source: Literal["", "digits"] = ""
    changes: tuple[Change, ...] = ()
    """What may be done to a real picture at random: mirror left and right; roll (for pictures that wrap)."""


class Model(Table, frozen=True, kw_only=True):
    """Which family, and how large."""

    family: FamilyName
    size: tuple[Count, Count] | None = None
    """Height and width; left out, the dataset's. Other than the dataset's is an error."""
    latent: Annotated[int, Meta(ge=1, le=4096)] = 64
    features: Annotated[int, Meta(ge=1, le=1024)] = 32
    """Channels at full size; they double with every halving, up to eight times."""
    condition: Conditioning = "none"
    places: Places = "own"
    """Of a DCGAN: whether each place of a picture has weights of its own, or, for textures, all have the same."""


class Train(Table, frozen=True, kw_only=True):
    """How it is trained."""

    steps: Count | None = None
    seconds: Positive | None = None
    """In all, counted over interruptions. With both, whichever ends first."""
    batch: Annotated[int, Meta(ge=2)] = 32
    """Over all processes."""
    rate: Positive = 2e-4
    judge_rate: Positive | None = None
    """For what is not the maker; left out, `rate`."""
    betas: tuple[Share, Share] = (0.5, 0.99)
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    ema: Share = 0.995
    """How slowly the average of the maker's weights follows, which is what is shown and exported; 0 for none."""
    precision: Precision = "auto"
    """auto: bfloat16 where there is a GPU, float32 else."""
    clip: Positive | None = None
    """The longest gradient of a network that is not shortened."""
    save_every: Count = 250
    show_every: Count = 250
    threads: Annotated[int, Meta(ge=1, le=256)] | None = None


class Watch(Table, frozen=True, kw_only=True):
    """What is measured while it trains, and what then happens (docs/training/watch.md)."""

    every: Annotated[int, Meta(ge=1)] = 50
    patience: Count = 3
    """So many looks in a row must be bad."""
    collapse_below: Share = 0.2
    """Diversity of what is made at fixed latents, over that of the data."""
    after: Annotated[int, Meta(ge=0)] = 3000
    """Steps by which diversity has to have risen above that; from then on, or once it has, less is a collapse."""
    vanish_below: Share = 1e-3
    """Length of the maker's gradient, over the longest there was."""
    diverge_above: Annotated[float, Meta(gt=1)] = 1000.0
    """Length of any gradient, over its median so far."""
    on_collapse: Rule = "roll back"
    on_vanishing: Rule = "roll back"
    on_divergence: Rule = "roll back"
    rollbacks: Annotated[int, Meta(ge=0)] = 3
    """After so many a run is stopped."""


class Export(Table, frozen=True, kw_only=True):
    """What the checkpoint is called and says."""

    name: Annotated[str, Meta(min_length=1, pattern=r"^[A-Za-z0-9][\w.-]*$")]
    version: str = "1.0.0"
    licence: str = ""
    """Left out, those of the data."""
    description: str = ""
    kind: Kept | None = None
    """Left out, the dataset's."""
    metres: Positive | None = None
    """The side of a repeat (texture, default 4) or of a tile (heightfield, needed)."""
    surface: str = "ground"
    forms: Annotated[tuple[Form, ...], Meta(min_length=1)] = ("torchscript",)
    stored: Annotated[tuple[Stored, ...], Meta(min_length=1)] = ("float32",)


class Recipe(Table, frozen=True, kw_only=True):
    """A whole recipe."""

    data: Data
    model: Model
    train: Train = Train()
    watch: Watch = Watch()
    export: Export


def read(path: Path) -> Recipe:
    """The recipe in a file; `data.folder` comes back relative to where the command runs.

    Raises:
        UsageError: there is no such file. RecipeError: it says what a recipe can't.
    """
    if trouble := files.trouble(path):
        raise UsageError(f"{path}: {trouble}")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: is no valid TOML ({error}); correct the file") from error
    try:
        recipe = msgspec.convert(raw, Recipe)
    except msgspec.ValidationError as error:
        raise RecipeError(f"{path}: {explain(raw, Recipe, error, 'a recipe')}") from error
    for problem in _problems(recipe):
        raise RecipeError(f"{path}: {problem}")
    if not recipe.data.folder:
        return recipe
    folder = str(path.parent / recipe.data.folder)
    return msgspec.structs.replace(recipe, data=msgspec.structs.replace(recipe.data, folder=folder))


def _problems(recipe: Recipe) -> list[str]:
    """What types can't say, a sentence each."""
    found = []
    if bool(recipe.data.folder) == bool(recipe.data.source):
        said = "both" if recipe.data.folder else "neither"
        found.append(f"data has {said} of 'folder' and 'source', exactly one was expected; correct it")
    if recipe.train.steps is None and recipe.train.seconds is None:
        found.append("train has neither 'steps' nor 'seconds', so it would never end; add one")
    if recipe.model.size is not None:
        found += size_problems(*recipe.model.size)
    if recipe.model.places == "alike" and recipe.model.family != "dcgan":
        found.append(
            f'model.places is "alike" with the family {recipe.model.family}, only dcgan has that; '
            'leave it out, or set model.family to "dcgan"'
        )
    if recipe.model.family == "heightfield" and recipe.export.metres is None:
        found.append(
            "export lacks 'metres', the side of a tile of 64 samples, which a heightfield has to have; add it"
        )
    return found


def size_problems(height: int, width: int) -> list[str]:
    """What is wrong with a picture's size, none or one sentence."""
    from vrgen.training.models.family import fits

    if fits(height, width):
        return []
    good = sorted((n for n in range(8, 1025) if fits(n, n)), key=lambda n: abs(n - min(height, width)))[:2]
    near = " and ".join(str(n) for n in sorted(good))
    return [
        f"model.size is {height} × {width}, expected sides that can be halved down to 3 to 7 samples "
        f"({near} are the nearest); resize the dataset"
    ]


def identity(recipe: Recipe) -> dict[str, object]:
    """What must be equal for a state to go on: everything that decides the shape of the networks."""
    return {
        "model.family": recipe.model.family + (" with places alike" if recipe.model.places == "alike" else ""),
        "model.size": list(recipe.model.size or ()),
        "model.latent": recipe.model.latent,
        "model.features": recipe.model.features,
        "model.condition": recipe.model.condition,
        "train.batch": recipe.train.batch,
        "train.seed": recipe.train.seed,
    }

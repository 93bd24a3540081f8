"""The commands `vrgen dataset` and `vrgen judge`: their options, and what hands them to the parts.

Light to import, for the command line reads the options here; torch, scipy and Pillow come with the first call.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from vrgen import files
from vrgen.config import SEEDS, As, Device
from vrgen.errors import UsageError, VrgenError

_PACKAGES = {"scipy": "scipy", "trimesh": "trimesh", "OpenEXR": "OpenEXR", "sklearn": "scikit-learn"}


@dataclass(frozen=True, kw_only=True)
class DatasetOptions:
    """Prepare a folder of pictures, panoramas, heights or meshes, or a named source, for training."""

    folder: Annotated[Positional[Path | None], arg(metavar="[FOLDER]")] = None
    """The folder with the files, at any depth."""
    out: Annotated[Path | None, arg(aliases=["-o"], metavar="OUT")] = None
    """The folder to make; it must not exist yet."""
    source: str | None = None
    """In the place of a folder, one of the named sources; `--source list` tells them."""
    kind: Literal["picture", "panorama", "texture", "heightfield", "mesh"] | None = None
    """What the files are; left out, pictures, or what the source is."""
    size: str | None = None
    """Of every item: one number (panoramas are twice as wide), or HEIGHTxWIDTH."""
    crop: Literal["center", "grid", "random"] | None = None
    """center: the largest window in the middle, resized; grid: windows side by side at the file's own scale;
    random: windows anywhere. Left out, center, and grid for heights."""
    crops: int | None = None
    """How many windows each file gives with --crop random; left out, 4."""
    stride: int | None = None
    """How far apart the windows begin with --crop grid; left out, they lie side by side."""
    tile: bool = False
    """The pictures go on at their opposite edge: whole ones are resized round it, random windows cross it."""
    enlarge: bool = False
    """Scale smaller pictures up rather than leave them out."""
    labels: Literal["folder"] | None = None
    """folder: the first folder below FOLDER is the label."""
    text: Literal["filename", "sidecar"] | None = None
    """filename: its words describe the picture; sidecar: a .txt of the same name does."""
    encoder: Literal["all-MiniLM-L6-v2", "none"] = "all-MiniLM-L6-v2"
    """What turns texts into the numbers that a prompt steers by; it needs vrgen[prompts]."""
    licence: str | None = None
    """The licence of the files, as SPDX writes it; it is noted for each. Left out, unknown."""
    unit_m: float | None = None
    """For heights in pictures: the metres of one step of grey; left out, 1."""
    up: Literal["x", "y", "z"] | None = None
    """For meshes: the axis that points up in the files; left out, y. glTF has y by rule."""
    apart: float | None = None
    """For meshes: how far what is learned may lie from a file's surface, as a share of its largest side; left out,
    0.015. What one radius a direction can't tell lies further."""
    open: float | None = None
    """For meshes: the share of directions from the middle that may meet nothing, and are closed; left out, 0.1."""
    heldout: float = 0.1
    """The share of files kept for judging, never learned from; windows of one file stay together."""
    seed: int = 0
    """Chooses random windows, and the files that are held out."""
    near_duplicates: Literal["drop", "keep"] | None = None
    """What becomes of pictures that show the same in another size or encoding. Left out, they are dropped, but for
    named sources that were chosen by eye."""
    cache: Path | None = None
    """Where packages of named sources are kept; left out, in the user's cache folder."""
    debug: bool = False
    """Show tracebacks."""


@dataclass(frozen=True, kw_only=True)
class JudgeOptions:
    """Tell how near what a checkpoint makes comes to a dataset, between what the data itself and noise score."""

    checkpoint: Annotated[Positional[Path], arg(metavar="CHECKPOINT")]
    """A .pt or .pt2 file."""
    dataset: Annotated[Positional[Path], arg(metavar="DATASET")]
    """A folder that vrgen dataset has made."""
    samples: int = 256
    """How many it makes; no more than half of the data are used."""
    seed: int = 0
    """Draws the inputs, the halves of the data, and the noise."""
    sheet: Annotated[Path | None, arg(metavar="OUT.png")] = None
    """Draw what was made, each above the nearest picture of the data."""
    device: Device = "auto"
    """Where the checkpoint runs."""
    as_kind: Annotated[As | None, arg(name="as")] = None
    """For a bare z → image checkpoint without a manifest: what its picture is."""
    cache: Path | None = None
    """Where the weights of the judging network are kept; left out, in the user's cache folder."""
    json: bool = False
    """Print JSON instead of a table."""
    debug: bool = False
    """Show tracebacks."""


def judge(options: JudgeOptions) -> int:
    """Run `vrgen judge`; return the exit status.

    Raises:
        VrgenError: the call is wrong, the checkpoint or the dataset can't be read, or they are of unlike kinds.
    """
    if options.samples < 4:
        raise UsageError(f"--samples is {options.samples}; give a whole number of 4 or more")
    if not 0 <= options.seed < SEEDS:
        raise UsageError(f"--seed is {options.seed}; give a whole number from 0 to {SEEDS - 1}")
    if options.sheet is not None and not options.sheet.absolute().parent.is_dir():
        raise UsageError(
            f"--sheet {options.sheet}: there is no folder {options.sheet.absolute().parent}; make it first"
        )
    if options.sheet is not None and options.sheet.suffix.lower() != ".png":
        raise UsageError(f"--sheet {options.sheet}: the sheet is a PNG; end its name in .png")
    if trouble := files.trouble(options.checkpoint):
        raise UsageError(f"{options.checkpoint}: {trouble}")
    if not options.dataset.is_dir():
        what = "is a file" if options.dataset.exists() else "there is no such folder"
        raise UsageError(
            f"{options.dataset}: {what}, a folder that vrgen dataset has made was expected; check the path"
        )
    try:
        from vrgen import judgement
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    judgement.tell(options, judgement.reached(options))
    return 0


def make_dataset(options: DatasetOptions) -> int:
    """Run `vrgen dataset`; return the exit status.

    Raises:
        VrgenError: the call is wrong, nothing can be used, a package can't be fetched, or the disk is full.
    """
    from vrgen import preparation

    try:
        if options.source == "list":
            from vrgen.training.named import NAMED

            print("\n".join(f"{name:<12} {source.told}" for name, source in NAMED.items()))
            return 0
        out = preparation.require_possible(options)
        preparation.tell(preparation.prepared(options, out), out)
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    return 0


def plural(kind: str) -> str:
    """Several of a kind: pictures, meshes."""
    return f"{kind}es" if kind == "mesh" else f"{kind}s"


def _missing(error: ModuleNotFoundError) -> VrgenError:
    name = (error.name or "").partition(".")[0]
    if name == "vrgen":
        raise error
    return VrgenError(
        f'training needs {_PACKAGES.get(name, name)}, which is not installed; run: pip install "vrgen[train]"'
    )

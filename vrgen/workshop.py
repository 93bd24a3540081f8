"""The commands `vrgen dataset` and `vrgen judge`: their options, and what hands them to the parts.

Light to import, for the command line reads the options here; torch, scipy and Pillow come with the first call.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from vrgen.config import SEEDS, As, Device
from vrgen.errors import UsageError, VrgenError, did_you_mean

if TYPE_CHECKING:
    from vrgen.training.dataset import About
    from vrgen.training.preparing import Embed

_LISTED = 12
_PACKAGES = {"scipy": "scipy", "OpenEXR": "OpenEXR", "sklearn": "scikit-learn"}


@dataclass(frozen=True, kw_only=True)
class DatasetOptions:
    """Prepare a folder of pictures, panoramas or heights, or a named source, for training."""

    folder: Annotated[Positional[Path | None], arg(metavar="[FOLDER]")] = None
    """The folder with the files, at any depth."""
    out: Annotated[Path | None, arg(aliases=["-o"], metavar="OUT")] = None
    """The folder to make; it must not exist yet."""
    source: str | None = None
    """In the place of a folder, one of the named sources; `--source list` tells them."""
    kind: Literal["picture", "panorama", "texture", "heightfield"] | None = None
    """What the files are; left out, pictures, or what the source is."""
    size: str | None = None
    """Of every item: one number (panoramas are twice as wide), or HEIGHTxWIDTH."""
    crop: Literal["center", "grid", "random"] | None = None
    """center: the largest window in the middle, resized; grid: windows side by side at the file's own scale;
    random: windows anywhere. Left out, center, and grid for heights."""
    crops: int = 4
    """How many random windows each file gives."""
    stride: int | None = None
    """How far apart the windows of a grid begin; left out, they lie side by side."""
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
    licence: str = "unknown"
    """The licence of the files, as SPDX writes it; it is noted for each."""
    unit_m: float = 1.0
    """For heights in pictures: the metres of one step of grey."""
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
    try:
        if options.source == "list":
            from vrgen.training.named import NAMED

            print("\n".join(f"{name:<12} {source.told}" for name, source in NAMED.items()))
            return 0
        out = _require_possible(options)
        _tell(_prepared(options, out), out)
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    return 0


def _prepared(options: DatasetOptions, out: Path) -> "About":
    from vrgen.training import folders, named
    from vrgen.training.cutting import Plan
    from vrgen.training.preparing import Order, prepare

    if options.source is not None:
        if options.source not in named.NAMED:
            raise UsageError(
                f"--source is '{options.source}', which is no named source; "
                f"{did_you_mean(options.source, named.NAMED)}"
            )
        source = named.NAMED[options.source]
        if options.kind not in (None, source.kind):
            raise UsageError(
                f"--kind is {options.kind}, the source '{options.source}' holds {source.kind}s; leave --kind out"
            )
        height, width = _size(options.size or source.size, source.kind)
        plan = Plan(
            source.kind,
            height,
            width,
            options.crop or source.crop,
            options.crops,
            options.stride or source.stride,
            options.tile or source.wraps,
            options.enlarge,
            source.maps,
        )
        found, where = source.candidates(options.cache), f"source '{options.source}'"
        name, near = options.source, source.near_duplicates
    else:
        assert options.folder is not None and options.size is not None
        kind = options.kind or "picture"
        height, width = _size(options.size, kind)
        crop = options.crop or ("grid" if kind == "heightfield" else "center")
        plan = Plan(kind, height, width, crop, options.crops, options.stride, options.tile, options.enlarge)
        folder = folders.Folder(
            options.folder, kind, options.labels, options.text, options.licence, options.unit_m
        )
        found, where = folders.candidates(folder), str(options.folder)
        name, near = out.absolute().name, True
    if options.near_duplicates is not None:
        near = options.near_duplicates == "drop"
    embed = _embedding(options.encoder, any(candidate.text for candidate in found))
    order = Order(name, plan, options.heldout, options.seed, near, options.encoder, embed)
    return prepare(found, order, out, where)


def _embedding(encoder: str, texts: bool) -> "Embed | None":
    """What embeds by that encoder, where there are texts and it is installed."""
    if encoder == "none" or not texts:
        return None
    from vrgen.generator.encoders import Encoders, trouble

    if trouble(encoder):
        print(
            "note: the texts are kept as words alone, for the text encoder is not installed; for checkpoints that "
            'a prompt steers, run: pip install "vrgen[prompts]", and prepare the dataset again'
        )
        return None
    import numpy as np

    encoders = Encoders()
    return lambda text: np.asarray(encoders.embed(encoder, text), np.float32)


def _size(said: str, kind: str) -> tuple[int, int]:
    """Height and width.

    Raises:
        UsageError: it is no size, or no panorama's.
    """
    match = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", said.strip())
    if match is None:
        raise UsageError(f"--size is '{said}'; give one number such as 64, or height and width such as 256x512")
    height = int(match[1])
    width = int(match[2]) if match[2] else height * (2 if kind == "panorama" else 1)
    if not (8 <= height <= 4096 and 8 <= width <= 8192):
        raise UsageError(f"--size is {height}x{width}; give 8 to 4096 pixels")
    if kind == "panorama" and width != 2 * height:
        raise UsageError(f"--size is {height}x{width}, a panorama is twice as wide as high; say {height}")
    return height, width


def _require_possible(options: DatasetOptions) -> Path:
    """The folder to make, if the options make sense together.

    Raises:
        UsageError: they don't.
    """
    if (options.folder is None) == (options.source is None):
        got = "neither" if options.folder is None else "both"
        raise UsageError(
            f"a folder or --source is needed, and {got} was given; say vrgen dataset FOLDER -o OUT --size 64, "
            "or vrgen dataset --source skies -o OUT"
        )
    if options.folder is not None and options.size is None:
        raise UsageError("--size is missing; say how large every picture is to be, such as --size 64")
    if not 0 <= options.heldout < 1:
        raise UsageError(f"--heldout is {options.heldout:g}; give a share from 0 to below 1, such as 0.1")
    if options.crops < 1:
        raise UsageError(f"--crops is {options.crops}; give a whole number above 0")
    if options.stride is not None and options.stride < 1:
        raise UsageError(f"--stride is {options.stride}; give a whole number of pixels above 0")
    if options.seed < 0:
        raise UsageError(f"--seed is {options.seed}; give 0 or a whole number above")
    if not options.unit_m > 0:
        raise UsageError(f"--unit-m is {options.unit_m:g}; give the metres of one step, a number above 0")
    if options.out is None:
        raise UsageError("-o is missing; name the folder to make, such as -o my-dataset")
    return options.out


def _tell(about: "About", out: Path) -> None:
    """What was made, from what, and every file that was left out."""
    import sys

    channels, height, width = about.shape
    heldout = sum(item.split == "heldout" for item in about.items)
    files = len({item.file for item in about.items})
    megabytes = (out / "data.npy").stat().st_size / 1e6
    print(
        f"{out}: {len(about.items)} {about.kind}s of {channels}×{height}×{width} from {files} files "
        f"({len(about.items) - heldout} to learn from, {heldout} held out), {megabytes:.1f} MB"
    )
    licences = sorted({item.licence for item in about.items})
    print(f"licences: {', '.join(licences)}")
    if licences == ["unknown"]:
        print("say --licence, such as CC-BY-4.0, if others are to use what is made from them")
    for line in _left_out(about):
        print(line, file=sys.stderr)


def _left_out(about: "About") -> Sequence[str]:
    lines = [f"left out: {skipped.file} {skipped.why}" for skipped in about.skipped[:_LISTED]]
    if len(about.skipped) > _LISTED:
        lines.append(f"left out: {len(about.skipped) - _LISTED} more; dataset.json lists them all")
    return lines


def _missing(error: ModuleNotFoundError) -> VrgenError:
    name = (error.name or "").partition(".")[0]
    if name == "vrgen":
        raise error
    return VrgenError(
        f'training needs {_PACKAGES.get(name, name)}, which is not installed; run: pip install "vrgen[train]"'
    )

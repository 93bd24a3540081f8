"""`vrgen dataset`: hold the options against each other, and hand them to the preparers of training."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vrgen.errors import UsageError
from vrgen.workshop import DatasetOptions, plural

if TYPE_CHECKING:
    from vrgen.training.cutting import Crop, Plan
    from vrgen.training.dataset import About
    from vrgen.training.preparing import Embed

_LISTED = 12


def prepared(options: DatasetOptions, out: Path) -> "About":
    """Prepare what the options say, into `out`.

    Raises:
        VrgenError: the call is wrong, nothing can be used, a package can't be fetched, or the disk is full.
    """
    from vrgen.training import folders, named
    from vrgen.training.bodies import APART, OPEN
    from vrgen.training.cutting import CROPS, Plan
    from vrgen.training.preparing import Order, prepare

    if options.source is not None:
        if options.source not in named.NAMED:
            raise UsageError(
                f"--source is '{options.source}', which is none of {', '.join(named.NAMED)}; "
                "vrgen dataset --source list tells what they hold"
            )
        source = named.NAMED[options.source]
        if options.kind not in (None, source.kind):
            raise UsageError(
                f"--kind is {options.kind}, the source '{options.source}' holds {plural(source.kind)}; "
                "leave --kind out"
            )
        height, width = _size(options.size or source.size, source.kind)
        crop = options.crop or source.crop
        plan = Plan(
            source.kind,
            height,
            width,
            crop,
            options.crops or CROPS,
            options.stride or source.stride,
            options.tile or source.wraps,
            options.enlarge,
            source.maps,
        )
        _require_used(options, plan)
        found, where = source.candidates(options.cache), f"source '{options.source}'"
        name, near = options.source, source.near_duplicates
    else:
        assert options.folder is not None
        kind = options.kind or "picture"
        height, width = _size(options.size or "", kind)
        crop = options.crop or ("grid" if kind == "heightfield" else "center")
        tile, enlarge = options.tile, options.enlarge
        plan = Plan(kind, height, width, crop, options.crops or CROPS, options.stride, tile, enlarge)
        folder = folders.Folder(
            options.folder,
            kind,
            options.labels,
            options.text,
            options.licence or folders.UNKNOWN,
            1.0 if options.unit_m is None else options.unit_m,
            options.up or "y",
            APART if options.apart is None else options.apart,
            OPEN if options.open is None else options.open,
        )
        _require_used(options, plan)
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
    if kind == "mesh":
        from vrgen.training.bodies import DIRECTIONS

        return DIRECTIONS, 1
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


def require_possible(options: DatasetOptions) -> Path:
    """The folder to make, if the options make sense together.

    Raises:
        UsageError: they don't.
    """
    if (options.folder is None) == (options.source is None):
        got = "neither" if options.folder is None else "both"
        raise UsageError(
            f"a folder or --source is needed, and {got} was given; say vrgen dataset FOLDER -o OUT --size 64, "
            "or vrgen dataset --source skies -o OUT (--source list tells which there are)"
        )
    if options.folder is not None and options.size is None and options.kind != "mesh":
        raise UsageError("--size is missing; say how large every picture is to be, such as --size 64")
    if not 0 <= options.heldout < 1:
        raise UsageError(f"--heldout is {options.heldout:g}; give a share from 0 to below 1, such as 0.1")
    if options.crops is not None and options.crops < 1:
        raise UsageError(f"--crops is {options.crops}; give a whole number above 0")
    if options.stride is not None and options.stride < 1:
        raise UsageError(f"--stride is {options.stride}; give a whole number of pixels above 0")
    if options.seed < 0:
        raise UsageError(f"--seed is {options.seed}; give 0 or a whole number above")
    for name, share in (("apart", options.apart), ("open", options.open)):
        if share is not None and not 0 <= share < 1:
            raise UsageError(f"--{name} is {share:g}; give a share from 0 to below 1, such as 0.02")
    if options.unit_m is not None and not options.unit_m > 0:
        raise UsageError(f"--unit-m is {options.unit_m:g}; give the metres of one step, a number above 0")
    if options.out is None:
        raise UsageError("-o is missing; name the folder to make, such as -o my-dataset")
    return options.out


def _require_used(options: DatasetOptions, plan: "Plan") -> None:
    """Refuse what would be without effect.

    Raises:
        UsageError: an option is for another crop or kind, or for folders alone.
    """
    whole, mesh, named = plan.kind in ("panorama", "mesh"), plan.kind == "mesh", options.source is not None
    crop = f"a {plan.kind} is taken whole" if whole else f"the crop is {plan.crop}"
    itself = f"the source '{options.source}' says it itself"
    other = itself if named else f"a {plan.kind} is no mesh"

    def needs(wanted: "Crop") -> str:
        return "" if whole else f", or say --crop {wanted}"

    for option, given, why, else_ in (
        ("size", options.size is not None and mesh, "every mesh becomes 2562 directions", ""),
        ("crop", options.crop is not None and whole, crop, ""),
        ("crops", options.crops is not None and (whole or plan.crop != "random"), crop, needs("random")),
        ("stride", options.stride is not None and (whole or plan.crop != "grid"), crop, needs("grid")),
        ("enlarge", options.enlarge and (mesh or (not whole and plan.crop != "center")), crop, needs("center")),
        ("tile", options.tile and (whole or plan.crop == "grid"), crop, needs("random")),
        ("up", options.up is not None and (named or not mesh), other, ""),
        ("apart", options.apart is not None and (named or not mesh), other, ""),
        ("open", options.open is not None and (named or not mesh), other, ""),
        ("unit-m", options.unit_m is not None and named, itself, ""),
        ("unit-m", options.unit_m is not None and plan.kind != "heightfield", f"a {plan.kind} has no heights", ""),
        ("labels", options.labels is not None and named, itself, ""),
        ("text", options.text is not None and named, itself, ""),
        ("licence", options.licence is not None and named, itself, ""),
    ):
        if given:
            raise UsageError(f"--{option} would do nothing here, for {why}; leave it out{else_}")


def tell(about: "About", out: Path) -> None:
    """What was made, from what, and every file that was left out."""
    channels, height, width = about.shape
    heldout = sum(item.split == "heldout" for item in about.items)
    files = len({item.file for item in about.items})
    megabytes = (out / "data.npy").stat().st_size / 1e6
    what = f"{plural(about.kind)} of "
    what += f"{height} directions" if about.kind == "mesh" else f"{channels}×{height}×{width}"
    print(
        f"{out}: {len(about.items)} {what} from {files} files "
        f"({len(about.items) - heldout} to learn from, {heldout} held out), {megabytes:.1f} MB"
    )
    licences = sorted({item.licence for item in about.items})
    print(f"licences: {', '.join(licences)}")
    if licences == ["unknown"]:
        print("say --licence, such as CC-BY-4.0, if others are to use what is made from them")
    for line in [*_of_meshes(about), *_left_out(about)]:
        print(line, file=sys.stderr)


def _of_meshes(about: "About") -> Sequence[str]:
    """What was mended, and how far what is learned lies from the files."""
    apart = sorted((item.apart, item.file) for item in about.items if item.apart is not None)
    if not apart:
        return []
    mended = [f"mended: {item.file} {item.mended}" for item in about.items if item.mended]
    more = [f"mended: {len(mended) - _LISTED} more; dataset.json lists them all"] if len(mended) > _LISTED else []
    middle, (worst, file) = apart[len(apart) // 2][0], apart[-1]
    told = f"what is learned lies {middle:.1%} of a mesh's size from its surface, {worst:.1%} at worst ({file})"
    return [told, *mended[:_LISTED], *more]


def _left_out(about: "About") -> Sequence[str]:
    lines = [f"left out: {skipped.file} {skipped.why}" for skipped in about.skipped[:_LISTED]]
    if len(about.skipped) > _LISTED:
        lines.append(f"left out: {len(about.skipped) - _LISTED} more; dataset.json lists them all")
    return lines

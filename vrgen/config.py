# ruff: noqa: UP045
"""Configuration, parsed once: world files (TOML) and the options of a run. Unknown keys fail.

A world names checkpoints and how they make a place together; paths in it are relative to its own folder.
"""

import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Optional

import msgspec
from msgspec import Meta

from vrgen import files
from vrgen.errors import UsageError, WorldError, did_you_mean
from vrgen.resources import WORLDS, bundled_worlds
from vrgen.schema import explain

As = Literal["picture", "panorama", "texture", "heightfield"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32"]
Positive = Annotated[float, Meta(gt=0)]

SEEDS = 2**32
"""Seeds are whole numbers below this."""
CHECKPOINTS = (".pt", ".pt2", ".pth", ".ts", ".zip")
"""How the names of checkpoints end."""


class GeneratorConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One use of a checkpoint; the same file may be used twice with other fixed inputs."""

    checkpoint: Path
    surface: Literal["ground", "cliff"] | None = None
    """Dress this surface instead of the one that the manifest names."""
    fixed: dict[str, float | str | list[float]] = {}
    """Inputs that this world does not leave to the person: a slider's number, a label's name."""
    variants: Annotated[int, Meta(ge=1, le=64)] = 1
    """How many results with different noise are wanted at once."""
    as_kind: As | None = None
    """For a bare `z → image` module without a manifest: what its picture is."""


class PropsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Meshes of one generator, scattered over the ground."""

    generator: str
    per_hectare: Positive = 40.0
    scale_m: tuple[float, float] = (0.4, 2.5)
    """Smallest and greatest size; most are small."""
    surface: Literal["cliff"] | None = None
    """Dress them in this surface's material; left out, they show the colours that the mesh has."""
    slope_max_deg: Annotated[float, Meta(ge=0, le=90)] = 35.0
    clumping: Annotated[float, Meta(ge=0, le=1)] = 0.6


class GalleryConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Frames along an endless way, each with a picture of its own."""

    generators: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Who makes the pictures; several take turns."""


class SplatsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the splats of a generator stand, by the place of their own origin."""

    generator: str
    x_m: float = 0.0
    z_m: float = 0.0
    height_m: float = 0.0
    """Above the ground."""
    yaw_deg: float = 0.0
    scale: Positive = 1.0


class StartConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a visit begins, metres and degrees."""

    x_m: float = 0.0
    z_m: float = 0.0
    yaw_deg: float = 0.0


class World(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A world file, with checkpoint paths made absolute."""

    name: str = ""
    title: str = ""
    description: str = ""
    seed: Annotated[int, Meta(ge=0, lt=SEEDS)] = 0
    fog_m: Positive = 900.0
    """Distance at which two thirds of what is seen is haze."""
    settings: dict[str, float | str] = {}
    """Where sliders and labels stand at first, by knob name."""
    generators: dict[str, GeneratorConfig] = {}
    props: dict[str, PropsConfig] = {}
    gallery: GalleryConfig | None = None
    splats: dict[str, SplatsConfig] = {}
    start: StartConfig = StartConfig()


def _decode_path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"{kind.__name__} can't be read from {value!r}")


def read_world(path: Path) -> World:
    """Read and check a world file; `generator/fitting.py` holds it against its checkpoints.

    Raises:
        UsageError: the file is not there. WorldError: it breaks the format or names a checkpoint that is
        not there.
    """
    if trouble := files.trouble(path):
        raise UsageError(f"{path}: {trouble}")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise WorldError(f"{path}: can't be read ({error}); give a TOML world file") from error
    except tomllib.TOMLDecodeError as error:
        raise WorldError(f"{path}: not valid TOML ({error}); correct the file") from error
    for place, number in _numbers(raw, ""):
        if not math.isfinite(number):
            raise WorldError(f"{path}: {place} is {number}, expected a finite number; correct it")
    try:
        world = msgspec.convert(raw, World, dec_hook=_decode_path)
    except msgspec.ValidationError as error:
        raise WorldError(f"{path}: {explain(raw, World, error, 'a world file', _decode_path)}") from error
    if not world.generators:
        raise WorldError(f"{path}: names no generator; add a [generators.NAME] with a checkpoint")
    made = {}
    for name, use in world.generators.items():
        checkpoint = use.checkpoint if use.checkpoint.is_absolute() else path.parent / use.checkpoint
        if not checkpoint.exists():
            raise WorldError(
                f"{path}: generator '{name}' names the checkpoint {use.checkpoint}, which is not at "
                f"{checkpoint}; correct the path or put the file there"
            )
        if trouble := files.trouble(checkpoint):
            raise WorldError(f"{path}: the checkpoint of generator '{name}', {checkpoint}: {trouble}")
        made[name] = msgspec.structs.replace(use, checkpoint=checkpoint.resolve())
    for name, props in world.props.items():
        if props.generator not in made:
            raise WorldError(
                f"{path}: props '{name}' want the generator '{props.generator}', the file has no such one; "
                f"{did_you_mean(props.generator, made)}"
            )
        low, high = props.scale_m
        if not 0 < low <= high < 1e4:
            raise WorldError(
                f"{path}: props '{name}' have the scale_m [{low:g}, {high:g}], expected [smallest, greatest] in "
                "metres, both above 0; correct it"
            )
    placed: dict[str, str] = {}
    for name, splats in world.splats.items():
        if splats.generator not in made:
            raise WorldError(
                f"{path}: splats '{name}' want the generator '{splats.generator}', the file has no such one; "
                f"{did_you_mean(splats.generator, made)}"
            )
        if splats.generator in placed:
            raise WorldError(
                f"{path}: splats '{placed[splats.generator]}' and '{name}' both place those of "
                f"'{splats.generator}', which stand once; name a generator of its own for each"
            )
        placed[splats.generator] = name
    for name in world.gallery.generators if world.gallery is not None else ():
        if name not in made:
            raise WorldError(
                f"{path}: the gallery wants the generator '{name}', the file has no such one; "
                f"{did_you_mean(name, made)}"
            )
        if made[name].variants != 1:
            raise WorldError(
                f"{path}: generators.{name}.variants is {made[name].variants}, and the gallery hangs another "
                "picture in every frame; leave variants out"
            )
    return msgspec.structs.replace(world, generators=made, name=world.name or path.stem)


def _numbers(raw: object, place: str) -> Iterator[tuple[str, float]]:
    """Every number with a point in a TOML document, and where it stands."""
    match raw:
        case float():
            yield place, raw
        case dict():
            for key, value in raw.items():
                yield from _numbers(value, f"{place}.{key}".removeprefix("."))
        case list():
            for index, value in enumerate(raw):
                yield from _numbers(value, f"{place}[{index}]")
        case _:
            pass


def world_of(target: str, as_kind: As | None = None) -> World:
    """The world that `vrgen run TARGET` means: a bundled name, a world file, or a single checkpoint.

    Raises:
        UsageError: TARGET is neither, or `as_kind` is said of a world. WorldError: the world file is broken.
    """
    path = Path(target)
    if path.suffix.lower() in CHECKPOINTS:
        if trouble := files.trouble(path):
            raise UsageError(f"{path}: {trouble}")
        use = GeneratorConfig(checkpoint=path.resolve(), as_kind=as_kind)
        return World(name=path.stem, title=path.stem, generators={path.stem: use})
    if as_kind is not None:
        raise UsageError(
            f"--as {as_kind} goes with a checkpoint, '{target}' is a world; leave it out, or write "
            f'as_kind = "{as_kind}" under the [generators.NAME] that needs it'
        )
    if path.suffix.lower() == ".toml":
        return read_world(path)
    if target in bundled_worlds():
        return read_world(WORLDS / f"{target}.toml")
    if path.is_dir():
        raise UsageError(f"{target}: is a folder; give a world file (.toml) or a checkpoint (.pt, .pt2) in it")
    if path.is_file():
        raise UsageError(
            f"{target}: is neither a world file (.toml) nor a checkpoint (.pt, .pt2); a module becomes one by "
            "torch.jit.save or torch.export.save"
        )
    raise UsageError(
        f"'{target}' is no bundled world, world file (.toml) or checkpoint (.pt, .pt2); of the bundled worlds "
        f"{did_you_mean(target, bundled_worlds())}"
    )


# `Optional`, because whether a default fits `int | None` tyro asks typeguard, which is slow to import.
@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of `vrgen run`, one field each; `cli.py` parses the command line into it."""

    target: str = "valley"
    """A bundled world's name, a world file (.toml) or a checkpoint (.pt, .pt2)."""
    display: Literal["auto", "openxr", "window", "headless"] = "auto"
    """Where the world is shown; auto takes the first that answers and says why it refused the others."""
    views: Literal["mono", "stereo"] = "mono"
    """stereo shows both eyes side by side in a window."""
    size: tuple[int, int] = (1280, 720)
    """Width and height of the window or picture, pixels."""
    as_kind: As | None = None
    """What a bare z → image module makes."""
    seed: Optional[int] = None
    """Of the first world; the world file's own when left out."""
    prompt: Optional[str] = None
    """Text that steers generators with a prompt input."""
    frames: Optional[int] = None
    """Stop after this many frames."""
    seconds: Optional[float] = None
    """Stop after this many seconds."""
    hold: tuple[str, ...] = ()
    """Keys held down in a headless run, such as w to walk on."""
    report: Optional[Path] = None
    """Write the latency report (JSON) here at the end."""
    trace: Optional[Path] = None
    """Write what every frame and every change did here (.json or .json.gz), to be opened at ui.perfetto.dev."""
    screenshot: Optional[Path] = None
    """Write the last frame (PNG; JPEG, WebP by the name's ending) here."""
    video: Optional[Path] = None
    """Write a film (MP4, 30 pictures a second) of a headless run here."""
    device: Device = "auto"
    """Where the generator runs."""
    precision: Precision = "auto"
    """auto: while nothing is wanted, faster ways of calling a generator are measured, half precision among them,
    and one that makes the same to the eye is taken. float32: all is computed as it was exported."""
    call_timeout_s: float = 30.0
    """A generator call that takes longer is taken for hung and its worker restarted."""
    worker_memory_mb: int = 6144
    """The worker is stopped when it takes more than this."""
    quality: Literal["auto", "low", "high"] = "auto"
    """Detail of the picture; auto means low on a software rasteriser."""
    posture: Literal["standing", "seated"] = "standing"
    """On a headset: standing uses the room that was measured, seated a floor that turns with recentring."""
    turn: Literal["snap", "smooth"] = "snap"
    """On a headset the stick turns by 30 degrees a flick, or smoothly."""
    main_hand: Literal["right", "left"] = "right"
    """On a headset the hand whose stick turns and teleports; the other one's walks."""
    vignette: Literal["on", "off"] = "on"
    """On a headset the view narrows while one moves smoothly."""
    settle: bool = False
    """Headless: let the first world arrive whole before frames are counted (for pictures and films)."""
    debug: bool = False
    """Show tracebacks and OpenGL debug messages."""

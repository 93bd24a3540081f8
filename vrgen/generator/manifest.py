"""Find, read and check a checkpoint's manifest, without torch.

TorchScript archives and exported programs are both zips, and both keep extra files under `ARCHIVE/extra/`; a
sidecar `NAME.vrgen.toml` beside the file wins over what lies inside. Types are checked by msgspec
(`vrgen/contract.py`), what types can't say is checked here. Every violation is one sentence.
"""

import math
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from vrgen import contract as c
from vrgen import files
from vrgen.contract import Manifest
from vrgen.errors import CheckpointError, ManifestError
from vrgen.generator.encoders import WIDTHS
from vrgen.schema import explain

Archive = Literal["torchscript", "exported"]
Shape = tuple[int, ...]

EXTRA = "extra/vrgen.json"

# What a tensor of each output looks like without its batch axis: the number of axes.
_RANK = {
    "panorama": 3,
    "panorama_depth": 3,
    "texture": 3,
    "heightfield": 3,
    "mesh": 2,
    "instances": 2,
    "splats": 2,
    "view": 3,
    "picture": 3,
    "light": 1,
    "fog": 1,
}
_CHANNELS = {"albedo": (1, 3, 4), "normal": (3,), "roughness": (1,), "emissive": (1, 3)}


def sidecar(path: Path) -> Path:
    """Where a manifest beside the checkpoint `path` would lie."""
    return path.with_name(f"{path.stem}.vrgen.toml")


def read_manifest(path: Path) -> Manifest | None:
    """The manifest of a checkpoint: the sidecar's, else the archive's, else None (a bare module).

    Raises:
        CheckpointError: the file is missing, empty, truncated or no checkpoint. ManifestError: the manifest
        breaks the contract.
    """
    _, inside = read_archive(path)
    beside = sidecar(path)
    if beside.is_file():
        return parse_toml(beside)
    return None if inside is None else parse_json(inside, f"{path.name}: vrgen.json")


def read_archive(path: Path) -> tuple[Archive, bytes | None]:
    """Which kind of archive `path` is, and the bytes of the `vrgen.json` in it, if any.

    Raises:
        CheckpointError: the file is missing, empty, truncated or no checkpoint.
    """
    if trouble := files.trouble(path):
        raise CheckpointError(f"{path}: {trouble}")
    try:
        if path.stat().st_size == 0:
            raise CheckpointError(f"{path.name}: the file is empty, a checkpoint was expected; save it again")
        with path.open("rb") as file:
            start = file.read(4)
        with zipfile.ZipFile(path) as archive:
            inner = {name.partition("/")[2]: name for name in archive.namelist()}
            kind = _archive_kind(path, set(inner))
            found = inner.get(EXTRA)
            return kind, None if found is None else archive.read(found)
    except OSError as error:
        raise CheckpointError(f"{path}: can't be read ({error}); check the file's permissions") from error
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError) as error:
        if start == b"PK\x03\x04":
            raise CheckpointError(
                f"{path.name}: the archive is truncated or damaged ({error}); copy or save it again"
            ) from error
        raise CheckpointError(
            f"{path.name}: is no zip archive, a TorchScript or exported program was expected; "
            "save it with torch.jit.save or torch.export.save"
        ) from error


def _archive_kind(path: Path, names: set[str]) -> Archive:
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        return "torchscript"
    if "archive_format" in names or any(name.startswith("models/") for name in names):
        return "exported"
    if "data.pkl" in names:
        raise CheckpointError(
            f"{path.name}: holds weights or a pickled object from torch.save, not a program; "
            "save the module with torch.jit.save or torch.export.save"
        )
    raise CheckpointError(
        f"{path.name}: is a zip archive but neither TorchScript nor an exported program; "
        "save the module with torch.jit.save or torch.export.save"
    )


def parse_json(text: bytes | str, where: str) -> Manifest:
    """A checked manifest from JSON; `where` opens the sentence of a ManifestError."""
    try:
        raw = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ManifestError(f"{where}: is no valid JSON ({str(error).rstrip('.')}); correct it") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{where} is not UTF-8 text ({error}); write it as UTF-8 JSON") from error
    return _converted(raw, where)


def parse_toml(path: Path) -> Manifest:
    """A checked manifest from a sidecar file."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(f"{path.name}: can't be read ({error.strerror or error}); check the file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path.name}: is no valid TOML ({error}); correct the file") from error
    return _converted(raw, path.name)


def _converted(raw: object, where: str) -> Manifest:
    try:
        return checked(msgspec.convert(raw, Manifest), where)
    except msgspec.ValidationError as error:
        raise ManifestError(f"{where}: {explain(raw, Manifest, error, 'the manifest')}") from error


def checked(manifest: Manifest, where: str) -> Manifest:
    """`manifest` itself if it keeps the contract.

    Raises:
        ManifestError: the first violation, as a sentence that opens with `where`.
    """
    for problem in violations(manifest):
        raise ManifestError(f"{where}: {problem}")
    return manifest


def violations(manifest: Manifest) -> Iterator[str]:
    """What types can't say, one sentence each without the file's name."""
    for name, entry in manifest.inputs.items():
        for problem in _input_problems(entry, manifest):
            yield f"input '{name}' {problem}"
    for name, out in manifest.outputs.items():
        for problem in _output_problems(out):
            yield f"output '{name}' {problem}"
    for name in [*manifest.inputs, *manifest.outputs]:
        if not name or "." in name:
            yield f"'{name}' is no name for an entry; use one without dots"
    if manifest.call is not None:
        yield from _call_problems(manifest, manifest.call)


def _input_problems(entry: c.InputSpec, manifest: Manifest) -> Iterator[str]:
    shape = list(entry.shape)
    match entry:
        case c.PromptInput() if len(trimmed(entry.shape)) > 1:
            yield f"is a prompt of shape {shape}, expected (1, D); correct the shape"
        case c.PromptInput() if (n := math.prod(entry.shape)) != WIDTHS.get(entry.encoder, n):
            gives = WIDTHS[entry.encoder]
            yield f"is a prompt of shape {shape}, {entry.encoder} gives {gives} numbers; correct one of them"
        case c.LabelInput() if entry.shape not in ((1,), (1, len(entry.labels))):
            n = len(entry.labels)
            yield f"is a label of shape {shape} with {n} labels, expected (1,) or (1, {n}); correct one of them"
        case c.SliderInput():
            low, high = entry.range
            if trimmed(entry.shape):
                yield f"is a slider of shape {shape}, expected (1,); correct the shape"
            if not low < high:
                yield f"has the range {list(entry.range)}, expected [low, high] with low < high; correct it"
            elif not low <= entry.default <= high:
                yield f"has the default {entry.default}, expected within {list(entry.range)}; correct one of them"
        case c.ImageInput() if len(bare := without_batch(entry.shape, 3)) != 3 or bare[0] != 3:
            yield f"is an image of shape {shape}, expected (1, 3, H, W); correct the shape"
        case c.TileInput() if entry.shape != (1, 2):
            yield f"is a tile of shape {shape}, expected (1, 2); correct the shape"
        case c.CameraInput() if without_batch(entry.shape, 2) != (4, 4):
            yield f"is a camera of shape {shape}, expected (1, 4, 4); correct the shape"
        case c.CameraInput() if without_batch(entry.fov_shape, 1) != (4,):
            yield f"is a camera with the fov_shape {list(entry.fov_shape)}, expected (1, 4); correct it"
        case c.TimeInput() if trimmed(entry.shape):
            yield f"is a time of shape {shape}, expected (1,); correct the shape"
        case c.StateInput():
            source = manifest.outputs.get(entry.source)
            if source is None:
                yield (
                    f"takes its state from '{entry.source}', the outputs are "
                    f"{', '.join(manifest.outputs)}; correct 'from'"
                )
            elif "" not in output_parts(source):
                yield f"takes its state from '{entry.source}', which is several tensors; correct 'from'"
            elif trimmed(source.shape) != trimmed(entry.shape):
                yield (
                    f"is of shape {shape}, the output '{entry.source}' it comes from is {list(source.shape)}; "
                    "make them equal"
                )
        case _:
            pass


def _output_problems(entry: c.OutputSpec) -> Iterator[str]:
    kind, shape, bare = c.kind(entry), list(entry.shape), bare_shape(entry)
    word = kind if kind.endswith("s") else f"a {kind}"
    wanted = f"is {word} of shape {shape}, expected {_expected(kind)}; correct the shape"
    if len(bare) != _RANK[kind]:
        yield wanted
        return
    match entry:
        case c.PanoramaOutput() if bare[0] != 3 or bare[2] != 2 * bare[1]:
            yield wanted
        case c.PanoramaDepthOutput() if bare[0] != 1 or bare[2] != 2 * bare[1]:
            yield wanted
        case c.HeightfieldOutput() if bare[0] != 1 or bare[1] != bare[2] or bare[1] < 2:
            yield wanted
        case c.TextureOutput() if bare[0] not in _CHANNELS[entry.role]:
            channels = " or ".join(map(str, _CHANNELS[entry.role]))
            yield f"has {bare[0]} channels, a texture of the role {entry.role} has {channels}; correct one of them"
        case c.MeshOutput() if bare[1] != 3:
            yield wanted
        case c.MeshOutput() if entry.vertices is not None and entry.vertices != bare[0]:
            yield f"says {entry.vertices} vertices and has the shape {shape}; make the two agree"
        case c.InstancesOutput() if bare[1] != 8:
            yield wanted
        case c.SplatsOutput() if bare[1] != 3:
            yield wanted
        case c.ViewOutput() | c.PictureOutput() if bare[0] != 3:
            yield wanted
        case c.LightOutput() if bare != (9,):
            yield wanted
        case c.FogOutput() if bare != (1,):
            yield wanted
        case _:
            pass
    numbers = getattr(entry, "range", None)
    if isinstance(numbers, tuple) and not numbers[0] < numbers[1]:
        yield f"has the range {list(numbers)}, expected [low, high] with low < high; correct it"


def _expected(kind: str) -> str:
    return {
        "panorama": "(3, H, 2H)",
        "panorama_depth": "(1, H, 2H)",
        "texture": "(C, H, W)",
        "heightfield": "(1, N, N)",
        "mesh": "(V, 3)",
        "instances": "(K, 8)",
        "splats": "(K, 3)",
        "view": "(3, H, W)",
        "picture": "(3, H, W)",
        "light": "(1, 9)",
        "fog": "(1,)",
    }[kind]


def _call_problems(manifest: Manifest, call: c.Call) -> Iterator[str]:
    inputs = [part for name, entry in manifest.inputs.items() for part in input_parts(name, entry)]
    for side, said, known in (("args", call.args, inputs), ("returns", call.returns, None)):
        for name in said:
            entry = name if known is not None else name.partition(".")[0]
            names = known if known is not None else list(manifest.outputs)
            if entry not in names:
                yield f"call.{side} names '{name}', the manifest has {', '.join(names)}; correct the name"
        if len(set(said)) < len(said):
            yield f"call.{side} names an entry twice ({', '.join(said)}); name each once"
    for name in inputs:
        if name not in call.args:
            yield f"input '{name}' is missing from call.args ({', '.join(call.args)}); add it or remove the input"
    for name, out in manifest.outputs.items():
        for key, (_, needed) in output_parts(out).items():
            part = f"{name}.{key}" if key else name
            if needed and part not in call.returns:
                yield f"output '{part}' is missing from call.returns ({', '.join(call.returns)}); add it"


# --- shapes -----------------------------------------------------------------------------------------------


def trimmed(shape: Shape) -> Shape:
    """`shape` without its leading axes of 1: two tensors are the same but for batch axes if these are equal."""
    first = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return tuple(shape[first:])


def without_batch(shape: Shape, rank: int) -> Shape:
    """`shape` without a leading batch axis of 1 where it has one axis more than `rank`."""
    return shape[1:] if len(shape) == rank + 1 and shape[0] == 1 else shape


def bare_shape(entry: c.OutputSpec) -> Shape:
    """The shape of the entry's (first) tensor as the scene gets it."""
    return without_batch(entry.shape, _RANK[c.kind(entry)])


def input_parts(name: str, entry: c.InputSpec) -> tuple[str, ...]:
    """The tensors that a call takes for an input: a camera also has `NAME.fov`."""
    return (name, f"{name}.fov") if isinstance(entry, c.CameraInput) else (name,)


def output_parts(entry: c.OutputSpec) -> dict[str, tuple[tuple[int | None, ...], bool]]:
    """The tensors of an output by their key: their shape without batch axis (None: any), and whether needed.

    A call returns them as `NAME` for the key "" and as `NAME.KEY` for the others.
    """
    bare = bare_shape(entry)
    match entry:
        case c.MeshOutput():
            v, f = bare[0], entry.faces
            return {
                "vertices": ((v, 3), True),
                "faces": ((f, 3), True),
                "uv": ((v, 2), entry.uv),
                "normals": ((v, 3), entry.normals),
                "colours": ((v, 3), entry.colours),
                "counts": ((2,), entry.counts),
            }
        case c.SplatsOutput():
            k = bare[0]
            return {
                "means": ((k, 3), True),
                "scales": ((k, 3), True),
                "rotations": ((k, 4), True),
                "opacities": ((k,), True),
                "colours": ((k, 3), True),
            }
        case c.ViewOutput():
            return {"": (bare, True), "depth": ((1, *bare[1:]), True)}
        case _:
            return {"": (bare, True)}

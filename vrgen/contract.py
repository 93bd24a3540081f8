"""The generator contract, version 1, as types: what a manifest may say.

A manifest is JSON under the name `vrgen.json` among the archive's extra files, or `NAME.vrgen.toml` beside it.
`generator/manifest.py` finds and reads it; the scene reads the output entries. Unknown keys fail.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Shape = Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(max_length=8)]
Positive = Annotated[float, Meta(gt=0)]
Prior = Literal["normal", "uniform"]
Range = tuple[float, float] | Literal["linear"]
"""Two numbers that mean black and white of an sRGB-encoded colour, or "linear" for radiance of any height."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every entry may say for people."""

    label: str = ""
    description: str = ""


# --- inputs -----------------------------------------------------------------------------------------------


class LatentInput(Entry, frozen=True, tag="latent", kw_only=True):
    shape: Shape
    prior: Prior = "normal"


class PromptInput(Entry, frozen=True, tag="prompt", kw_only=True):
    shape: Shape
    encoder: str


class LabelInput(Entry, frozen=True, tag="label", kw_only=True):
    shape: Shape
    labels: Annotated[tuple[str, ...], Meta(min_length=1)]


class SliderInput(Entry, frozen=True, tag="slider", kw_only=True):
    shape: Shape = (1,)
    range: tuple[float, float] = (0.0, 1.0)
    default: float = 0.0


class ImageInput(Entry, frozen=True, tag="image", kw_only=True):
    shape: Shape
    range: Range = (-1.0, 1.0)


class TileInput(Entry, frozen=True, tag="tile", kw_only=True):
    shape: Shape = (1, 2)


class CameraInput(Entry, frozen=True, tag="camera", kw_only=True):
    shape: Shape = (1, 4, 4)
    fov_shape: Shape = (1, 4)


class TimeInput(Entry, frozen=True, tag="time", kw_only=True):
    shape: Shape = (1,)


class NoiseInput(Entry, frozen=True, tag="noise", kw_only=True):
    shape: Shape
    prior: Prior = "normal"


class StateInput(Entry, frozen=True, tag="state", kw_only=True):
    shape: Shape
    source: str = msgspec.field(name="from")
    dtype: Literal["float32", "int64"] = "float32"


InputSpec = (
    LatentInput
    | PromptInput
    | LabelInput
    | SliderInput
    | ImageInput
    | TileInput
    | CameraInput
    | TimeInput
    | NoiseInput
    | StateInput
)


# --- outputs ----------------------------------------------------------------------------------------------


class PanoramaOutput(Entry, frozen=True, tag="panorama", kw_only=True):
    shape: Shape
    range: Range = (-1.0, 1.0)


class PanoramaDepthOutput(Entry, frozen=True, tag="panorama_depth", kw_only=True):
    shape: Shape
    eye_m: Positive = 1.7
    """How high above its floor the panorama was seen from."""


class TextureOutput(Entry, frozen=True, tag="texture", kw_only=True):
    shape: Shape
    role: Literal["albedo", "normal", "roughness", "emissive"] = "albedo"
    surface: str = "ground"
    metres: Positive = 4.0
    range: Range | None = None
    """Default (-1, 1) for albedo, normal and emissive, (0, 1) for roughness."""


class HeightfieldOutput(Entry, frozen=True, tag="heightfield", kw_only=True):
    shape: Shape
    metres: Positive
    range: tuple[float, float] | None = None
    """Left out, the numbers are metres; (lo, hi) says which numbers mean the foot and the top of `relief_m`."""
    relief_m: Positive = 40.0


class MeshOutput(Entry, frozen=True, tag="mesh", kw_only=True):
    shape: Shape
    vertices: Annotated[int, Meta(ge=3)] | None = None
    faces: Annotated[int, Meta(ge=1)] | None = None
    uv: bool = False
    normals: bool = False
    colours: bool = False
    counts: bool = False


class InstancesOutput(Entry, frozen=True, tag="instances", kw_only=True):
    shape: Shape
    of: str


class SplatsOutput(Entry, frozen=True, tag="splats", kw_only=True):
    shape: Shape
    range: Range = (-1.0, 1.0)
    """Of the colours."""
    around: bool = False
    """A place around the person rather than a thing before them."""


class ViewOutput(Entry, frozen=True, tag="view", kw_only=True):
    shape: Shape
    range: Range = (-1.0, 1.0)


class PictureOutput(Entry, frozen=True, tag="picture", kw_only=True):
    shape: Shape
    range: Range = (-1.0, 1.0)


class LightOutput(Entry, frozen=True, tag="light", kw_only=True):
    shape: Shape = (1, 9)
    """Direction towards the sun (3), its colour (3), ambient colour (3); linear."""


class FogOutput(Entry, frozen=True, tag="fog", kw_only=True):
    shape: Shape = (1,)
    """How far one sees, as a part of the world's `fog_m`: 1 is the world's own, 0.1 a thick mist."""


OutputSpec = (
    PanoramaOutput
    | PanoramaDepthOutput
    | TextureOutput
    | HeightfieldOutput
    | MeshOutput
    | InstancesOutput
    | SplatsOutput
    | ViewOutput
    | PictureOutput
    | LightOutput
    | FogOutput
)


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How bare tensors map to names: `forward(*args)` returns a tensor or a tuple in the order of `returns`."""

    args: tuple[str, ...]
    returns: tuple[str, ...]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a checkpoint needs and makes, each by kind."""

    vrgen: Literal[1]
    name: str
    version: str = "0"
    license: str = ""
    description: str = ""
    inputs: dict[str, InputSpec] = {}
    outputs: Annotated[dict[str, OutputSpec], Meta(min_length=1)]
    call: Call | None = None


def kind(entry: InputSpec | OutputSpec) -> str:
    """The entry's kind as the manifest writes it."""
    return str(entry.__struct_config__.tag)

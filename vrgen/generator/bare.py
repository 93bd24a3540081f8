"""What a bare `z → image` module wants and makes, found out by calling it.

`--as picture|panorama|texture|heightfield` turns such a module into a generator with a manifest: one latent in,
one output of that kind. The latent's length comes from the shapes of the weights, else from trying.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from vrgen import contract as c
from vrgen.contract import Manifest
from vrgen.errors import CheckpointError
from vrgen.generator.signature import arguments, require_one_latent

Form = Literal["rows", "pixels", "flat"]
"""z as (1, n), (1, n, 1, 1) or (n,)."""

LONGEST = 2048
METRES = 64.0
_PROBES = 8
_FRUITLESS = 60
"""Calls that return something else than an image, after which no image is expected any more."""


def recognise(
    path: Path, program: Callable[[Tensor], Any], as_kind: str, device: str
) -> tuple[Callable[[dict[str, Tensor]], dict[str, Tensor]], Manifest]:
    """The module as one from named tensors to named tensors, and its manifest.

    Raises:
        CheckpointError: it takes something else than a latent, or no latent gives an image.
    """
    require_one_latent(path.name, path.stem, program)
    form, length, dtype = _find_latent(path, program, device)
    generator = torch.Generator().manual_seed(0)
    seen = [
        _image(program(_shaped(torch.randn(length, generator=generator), form).to(device, dtype)))
        for _ in range(_PROBES)
    ]
    images = [image for image in seen if image is not None]
    low, high = number_range(images)
    shown = [_dressed(image, as_kind, False) for image in images]
    mirrored = as_kind == "texture" and not all(_tiles(image) for image in shown)

    def run(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        image = _image(program(_shaped(inputs["latent"].reshape(-1), form).to(dtype)))
        if image is None:
            raise ValueError("the module returned no image this time")
        return {as_kind: _dressed(image, as_kind, mirrored)}

    shape = tuple(_dressed(images[0], as_kind, mirrored).shape)
    manifest = Manifest(
        vrgen=1,
        name=path.stem,
        description=f"bare module shown as {as_kind}: {length} numbers make {tuple(images[0].shape)}",
        inputs={"latent": c.LatentInput(shape=(1, length))},
        outputs={as_kind: _entry(as_kind, shape, (low, high), 2 if mirrored else 1)},
    )
    return run, manifest


def _entry(kind: str, shape: tuple[int, ...], numbers: tuple[float, float], repeats: int) -> c.OutputSpec:
    match kind:
        case "panorama":
            return c.PanoramaOutput(shape=shape, range=numbers)
        case "texture":
            return c.TextureOutput(shape=shape, range=numbers, metres=4.0 * repeats)
        case "heightfield":
            return c.HeightfieldOutput(shape=shape, range=numbers, metres=2 * METRES)
        case _:
            return c.PictureOutput(shape=shape, range=numbers)


def _find_latent(path: Path, program: Callable[[Tensor], Any], device: str) -> tuple[Form, int, torch.dtype]:
    forms: tuple[Form, ...] = ("rows", "pixels", "flat")
    dtypes = _dtypes(program)
    told: dict[int, list[str]] = {}
    fruitless: list[int] = []
    for length in _lengths(program):
        if length in told or not 1 <= length <= LONGEST or len(fruitless) > _FRUITLESS:
            continue
        told[length] = []
        for dtype in dtypes:
            for form in forms:
                z = _shaped(torch.zeros(length), form).to(device, dtype)
                try:
                    made = program(z)
                except Exception as error:  # torch.jit.Error is no RuntimeError, and a module may raise anything
                    told[length].append(f"a latent {tuple(z.shape)} raised: {_cause(error)}")
                    continue
                if _image(made) is not None:
                    return form, length, dtype
                told[length].append(f"a latent {tuple(z.shape)} gave {_described(made)}")
                fruitless.append(length)
    raise CheckpointError(
        f"{path.name}: no latent of 1 to {LONGEST} numbers makes an image of 1, 3 or 4 channels "
        f"({'; '.join(_most_telling(told, fruitless))}); "
        f"write {path.stem}.vrgen.toml to say what the module takes and returns"
    )


def _cause(error: Exception) -> str:
    """The line of an error that says what happened: TorchScript puts it last, others first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1] if "TorchScript interpreter" in lines[0] or lines[0].startswith("Traceback") else lines[0]


def _most_telling(told: dict[int, list[str]], fruitless: list[int]) -> list[str]:
    """What happened at the first length that was accepted; if none was, the rarest complaint and the commonest.

    A latent of the wrong length brings the same complaint a thousand times. What is wrong beyond the length was
    said only at the right one.
    """
    if fruitless:
        return [line[:150] for line in dict.fromkeys(told[fruitless[0]])][:3]
    lines = [line[:150] for said in told.values() for line in said]
    kinds = [re.sub(r"\d+", "#", line.partition(" raised: ")[2]) for line in lines]
    first = dict(zip(reversed(kinds), reversed(lines), strict=True))
    ranked = [kind for kind, _ in Counter(kinds).most_common()]
    return [first[kind] for kind in dict.fromkeys([*ranked[-1:], *ranked[:1]])]


def _lengths(program: Any) -> Iterator[int]:
    """Likely lengths first: an exported program's own, sizes of the weights, the usual ones; then every one."""
    for argument in arguments(program) or ():
        yield from sorted(argument.shape or (), reverse=True)
    for weight in _weights(program):
        if weight.dim() >= 2:
            yield weight.shape[1]
            yield weight.shape[0]
    yield from (512, 128, 100, 64, 256, 32, 16)
    yield from range(1, LONGEST + 1)


def _dtypes(program: Any) -> tuple[torch.dtype, ...]:
    """What the latent's numbers may be: as the weights are (float16, say), or float32."""
    said = [argument.dtype for argument in (arguments(program) or ())[:1] if argument.dtype is not None]
    weights = [weight.dtype for weight in _weights(program) if weight.is_floating_point()]
    return tuple(dict.fromkeys([*said, *weights[:1], torch.float32]))


def _weights(program: Any) -> Iterator[Tensor]:
    yield from program.parameters()
    # A frozen module keeps its weights as constants of its graph. (An exported program has no TorchScript graph.)
    graph = getattr(program, "inlined_graph", None)
    for node in graph.nodes() if graph is not None else ():
        if node.kind() == "prim::Constant" and node.hasAttribute("value") and node.kindOf("value") == "t":
            yield node.t("value")


def _shaped(z: Tensor, form: Form) -> Tensor:
    return {"rows": z[None], "pixels": z[None, :, None, None], "flat": z}[form]


def _image(made: object) -> Tensor | None:
    """(1 or 3, H, W) float32, or None where what came back is no image. (H, W, C) is turned, alpha left out."""
    if isinstance(made, (tuple, list)) and made:
        made = made[0]
    if not isinstance(made, Tensor):
        return None
    while made.dim() > 3 and made.shape[0] == 1:
        made = made[0]
    if made.dim() != 3:
        return None
    if made.shape[2] in (1, 3, 4) and not _channels_first(made):
        made = made.permute(2, 0, 1)
    return made[:3].float() if _channels_first(made) else None


def _channels_first(image: Tensor) -> bool:
    return image.shape[0] in (1, 3, 4) and min(image.shape[1:]) >= 4


def _described(made: object) -> str:
    match made:
        case Tensor():
            return f"a tensor {tuple(made.shape)}"
        case dict():
            return f"a dictionary ({', '.join(map(str, made))})"
        case _:
            return type(made).__name__


def number_range(images: list[Tensor]) -> tuple[float, float]:
    """What the numbers mean: [-1, 1], [0, 1], [0, 255], or what was seen where it is none of these.

    Generators that do not clamp overshoot a little, hence the margins.
    """
    low = min(float(image.min()) for image in images)
    high = max(float(image.max()) for image in images)
    if low >= -0.05 and high <= 1.5:
        return 0.0, 1.0
    if low >= -2.0 and high <= 2.0:
        return -1.0, 1.0
    if low >= -0.5 and high <= 260.0:
        return 0.0, 255.0
    return low, max(high, low + 1e-6)


def _tiles(image: Tensor) -> bool:
    """Whether opposite edges meet as closely as neighbouring rows do."""
    for axis in (1, 2):
        steps = image.diff(dim=axis).abs().mean()
        seam = (image.select(axis, 0) - image.select(axis, -1)).abs().mean()
        if seam > 2 * steps + 1e-6:
            return False
    return True


def _dressed(image: Tensor, kind: str, mirrored: bool) -> Tensor:
    """`image` (1 or 3, H, W) in the shape that its kind asks for.

    A panorama closes around the person and a ground repeats without a step because each stands beside its mirror
    image; a texture is mirrored only where its own edges do not meet.
    """
    if kind == "heightfield":
        ground = image.mean(dim=0, keepdim=True)
        side = min(ground.shape[1:])
        top, left = (ground.shape[1] - side) // 2, (ground.shape[2] - side) // 2
        ground = ground[:, top : top + side, left : left + side]
        ground = torch.cat((ground, ground.flip(1)[:, 1:]), 1)
        return torch.cat((ground, ground.flip(2)[:, :, 1:]), 2).contiguous()
    colour = image.expand(3, -1, -1) if image.shape[0] == 1 else image
    if kind == "panorama" and colour.shape[2] != 2 * colour.shape[1]:
        height = colour.shape[1]
        if colour.shape[2] != height:
            colour = functional.interpolate(colour[None], (height, height), mode="bilinear", antialias=True)[0]
        colour = torch.cat((colour, colour.flip(2)), 2)
    if mirrored:
        colour = torch.cat((colour, colour.flip(1)), 1)
        colour = torch.cat((colour, colour.flip(2)), 2)
    return colour.contiguous()

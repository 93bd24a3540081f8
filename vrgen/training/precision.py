"""The same module with its weights stored in fewer bits: half of the file, or a quarter.

Only the weights of `layers` change; they are computed with in float32, so this is for size, not for speed, and
runs on every machine. int8 has one scale for each output of a layer.
"""

import copy

import torch
from torch import Tensor, nn

from vrgen.errors import RecipeError
from vrgen.training.models.layers import Weighted, output_axis
from vrgen.training.recipe import Stored

TOLERANCE: dict[Stored, float] = {"float32": 1e-2, "float16": 2e-2, "int8": 0.5}
"""How much of an output's greatest magnitude may be lost in one sample; what is lost is printed."""


def stored_as(module: nn.Module, stored: Stored) -> nn.Module:
    """A copy of the module with smaller weights.

    Raises:
        RecipeError: the module has none that can be made smaller.
    """
    if stored == "float32":
        return module
    smaller = copy.deepcopy(module).requires_grad_(False)
    layers = [layer for layer in smaller.modules() if isinstance(layer, Weighted)]
    if not layers:
        raise RecipeError(
            f'export.stored has "{stored}", which a heightfield (whose tiles are to meet to the bit) and a mesh '
            'don\'t have; set it to ["float32"]'
        )
    for layer in layers:
        if stored == "float16":
            layer.weight = nn.Parameter(layer.weight.detach().half(), requires_grad=False)
        else:
            whole, scale = quantised(layer.weight.detach(), output_axis(layer))
            layer.weight = nn.Parameter(whole, requires_grad=False)
            layer.scale = scale
    return smaller


def quantised(weight: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """int8 numbers and the float32 scale of each output, so that their product is about the weight."""
    others = [n for n in range(weight.dim()) if n != axis]
    scale = (weight.abs().amax(others, keepdim=True) / 127.0).clamp(min=1e-12)
    return (weight / scale).round().clamp(-127, 127).to(torch.int8), scale

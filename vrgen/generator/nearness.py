"""How far the results of a faster way of calling a model are from the plain one's, in units of what is allowed.

1 is the limit. What it means, by what an output is: a step of 255 for colours, a millimetre for places, a percent
for radiance, distances and light, a hundredth for turns. Of all numbers 99 % must keep it, and the worst be within
`WORST` of it. Whole numbers, such as a mesh's faces, must be the same.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vrgen import contract as c
from vrgen.generator.inference import Outputs

if TYPE_CHECKING:
    from torch import Tensor

WORST = 16.0


@dataclass(frozen=True)
class Difference:
    """Of one tensor, in units of its limit. `unit` says what that is."""

    name: str
    unit: str
    p99: float
    worst: float

    @property
    def allowed(self) -> bool:
        return self.p99 <= 1.0 and self.worst <= WORST

    def __str__(self) -> str:
        return f"{self.name}: {self.p99:.2g} × {self.unit} (p99), {self.worst:.2g} (worst)"


def differences(manifest: c.Manifest, plain: Outputs, fast: Outputs) -> tuple[Difference, ...]:
    """One for each tensor, in the manifest's order; both must be results of the same inputs."""
    return tuple(
        _difference(manifest.outputs[name], name, key, tensor, fast[name, key])
        for (name, key), tensor in plain.items()
    )


def same(plain: Outputs, fast: Outputs) -> bool:
    """Whether two results are equal to the bit."""
    return all(tensor.equal(fast[part]) for part, tensor in plain.items())


def _difference(entry: c.OutputSpec, name: str, key: str, plain: "Tensor", fast: "Tensor") -> Difference:
    told = f"{name}.{key}" if key else name
    if plain.shape != fast.shape:
        return Difference(told, "another shape", math.inf, math.inf)
    if not plain.is_floating_point():
        found = 0.0 if plain.equal(fast) else math.inf
        return Difference(told, "another number", found, found)
    if not plain.numel():
        return Difference(told, "nothing", 0.0, 0.0)
    apart = (plain - fast).abs().flatten()
    unit, limit = _limit(entry, key)
    if unit == "1 %":
        size = plain.abs().flatten()
        apart = apart / (size + size.median()).clamp_min(1e-6)
    worst = float(apart.max())
    p99 = float(apart.kthvalue(max(1, math.ceil(0.99 * apart.numel()))).values)
    return Difference(told, unit, p99 / limit, worst / limit)


def _limit(entry: c.OutputSpec, key: str) -> tuple[str, float]:
    """What is allowed of a tensor: in words, and in its own numbers (for "1 %", as a part)."""
    match entry, key:
        case (c.ViewOutput(), "depth") | (c.PanoramaDepthOutput() | c.LightOutput() | c.FogOutput(), _):
            return "1 %", 0.01
        case (c.SplatsOutput(), "scales"):
            return "1 %", 0.01
        case (c.SplatsOutput(), "rotations") | (c.MeshOutput(), "normals"):
            return "0.01", 0.01
        case (c.SplatsOutput(), "means") | (c.MeshOutput(), "vertices") | (c.InstancesOutput(), _):
            return "1 mm", 0.001
        case (c.HeightfieldOutput(), _):
            low, high = entry.range or (0.0, entry.relief_m)
            return "1 mm", 0.001 * (high - low) / entry.relief_m
        case (c.SplatsOutput(), "opacities") | (c.MeshOutput(), "colours" | "uv"):
            return "1/255", 1 / 255
    numbers = getattr(entry, "range", None)
    if numbers == "linear":
        return "1 %", 0.01
    if numbers is None:
        rough = isinstance(entry, c.TextureOutput) and entry.role == "roughness"
        numbers = (0.0, 1.0) if rough else (-1.0, 1.0)
    return "1/255", (numbers[1] - numbers[0]) / 255

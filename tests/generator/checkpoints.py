"""Tiny real checkpoints for the tests: modules scripted and saved as anybody's would be."""

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

LATENT = {"kind": "latent", "shape": [1, 8]}
PICTURE = {"kind": "picture", "shape": [3, 16, 16]}


def manifest(inputs: dict[str, Any], outputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"vrgen": 1, "name": "test", "inputs": inputs, "outputs": outputs, **more}


def save(module: nn.Module, path: Path, said: dict[str, Any] | str | None) -> Path:
    """Write whole and rename: a reader never sees half of it."""
    text = said if isinstance(said, str) or said is None else json.dumps(said)
    partial = path.with_suffix(".partial")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(module)
        torch.jit.save(scripted, str(partial), _extra_files={} if text is None else {"vrgen.json": text})
    partial.replace(path)
    return path


def save_exported(module: nn.Module, example: tuple[Any, ...], path: Path, said: dict[str, Any] | None) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module, example)
        torch.export.save(program, path, extra_files={} if said is None else {"vrgen.json": json.dumps(said)})
    return path


def picture(module: nn.Module, path: Path) -> Path:
    """`module` as a checkpoint from a latent of 8 to a picture of 16 × 16."""
    return save(module, path, manifest({"latent": LATENT}, {"picture": PICTURE}))


class Constant(nn.Module):
    """A picture of one value, plus the latent's first number."""

    def __init__(self, value: float = 0.5) -> None:
        super().__init__()
        self.value = value

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"picture": torch.full((1, 3, 16, 16), self.value) + inputs["latent"][0, 0]}


class Misnamed(nn.Module):
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"image": torch.zeros(3, 16, 16)}


class Extra(nn.Module):
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"picture": torch.zeros(3, 16, 16), "noise": torch.zeros(1)}


class Misshapen(nn.Module):
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"picture": torch.zeros(1, 3, 8, 16)}


class Doubles(nn.Module):
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"picture": torch.zeros(3, 16, 16, dtype=torch.float64)}


class NotANumber(nn.Module):
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"picture": torch.full((3, 16, 16), float("nan"))}


class Infinite(nn.Module):
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"picture": torch.cat((torch.zeros(3, 16, 15), torch.full((3, 16, 1), float("inf"))), 2)}


class Huge(nn.Module):
    """Finite numbers whose sum is not."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"picture": torch.full((3, 16, 16), 3e38)}


class Raises(nn.Module):
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        if bool(inputs["latent"][0, 0] < 1e9):
            raise ValueError("no such latent")
        return {"picture": torch.zeros(3, 16, 16)}


class Hangs(nn.Module):
    """Never returns for a latent that begins above 100 (always, with `at` below every number)."""

    def __init__(self, at: float = 100.0) -> None:
        super().__init__()
        self.at = at

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        x = torch.zeros(3, 16, 16)
        while bool(inputs["latent"][0, 0] > self.at):
            x = x * 0.5
        return {"picture": x}


class Crashes(nn.Module):
    """Takes the process with it (a write far outside of a tensor) for a latent that begins above `at`."""

    def __init__(self, at: float = 100.0) -> None:
        super().__init__()
        self.at = at

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        x = torch.zeros(3, 16, 16)
        if bool(inputs["latent"][0, 0] > self.at):
            # From the input, or TorchScript would work it out (and crash) when it optimises.
            far = inputs["latent"][0, :4].reshape(1, 1, 2, 2).long() * 0 + (1 << 40)
            x += torch.ops.aten.max_pool2d_with_indices_backward(
                inputs["latent"][0, :4].reshape(1, 1, 2, 2),
                torch.ones(1, 1, 4, 4),
                [2, 2],
                [2, 2],
                [0, 0],
                [1, 1],
                False,
                far,
            )[0, 0, 0, 0]
        return {"picture": x}


class Devours(nn.Module):
    """Allocates without end for a latent that begins above `at`."""

    def __init__(self, at: float = 100.0) -> None:
        super().__init__()
        self.at = at

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        kept = [torch.zeros(1)]
        while bool(inputs["latent"][0, 0] > self.at):
            kept.append(torch.zeros(16, 1024, 1024) + len(kept))
        return {"picture": torch.zeros(3, 16, 16) + kept[-1].sum()}


class Waves(nn.Module):
    """Heights from world positions: tiles share their edges to the bit. `step` off, they do not."""

    def __init__(self, n: int = 9, step: int = 8) -> None:
        super().__init__()
        self.n = n
        self.step = step

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        at = torch.arange(self.n)
        x = (inputs["tile"][0, 0] * self.step + at).float()
        z = (inputs["tile"][0, 1] * self.step + at).float()
        return {"height": (torch.sin(x * 0.3)[None, :] + torch.sin(z * 0.2)[:, None])[None]}


class Counts(nn.Module):
    """Carries a state: how many calls this world has seen. Adds noise of one number to a picture."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        shown = inputs["calls"][0, 0] + 1.0
        return {"light": torch.full((1, 9), 1.0) * shown, "picture": torch.zeros(3, 4, 4) + inputs["grain"][0]}


class Mesh(nn.Module):
    """A tetrahedron; `last` is the highest vertex that its faces name."""

    def __init__(self, last: int = 3) -> None:
        super().__init__()
        self.last = last

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        faces = torch.tensor([[0, 1, 2], [0, 1, self.last], [0, 2, self.last], [1, 2, self.last]])
        return {"rock.vertices": torch.eye(4, 3)[None], "rock.faces": faces}


class Bare(nn.Module):
    """A DCGAN in small: z as rows or pixels to an image, with or without a batch axis, in a range."""

    def __init__(
        self, length: int, channels: int, pixels: bool, batch: bool, signed: bool, size: tuple[int, int] = (16, 16)
    ) -> None:
        super().__init__()
        self.pixels = pixels
        self.batch = batch
        self.signed = signed
        self.shape = (channels, size[0], size[1])
        torch.manual_seed(1)
        self.first = nn.ConvTranspose2d(length, 6, 4) if pixels else nn.Linear(length, 96)
        self.last = nn.Conv2d(6, channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.first(z) * 3.0
        x = self.last(torch.nn.functional.interpolate(x.reshape(1, 6, 4, 4), size=self.shape[1:])) * 3.0
        x = torch.tanh(x) if self.signed else torch.sigmoid(x)
        return x if self.batch else x[0]


class Flat(nn.Module):
    """z (37,) to (1, 8, 8); no weight tells the length."""

    def forward(self, z: Tensor) -> Tensor:
        assert z.dim() == 1
        return torch.tanh(z.reshape(37)[:4].sum() * torch.ones(1, 8, 8))


def constant(path: Path, value: float = 0.5) -> Path:
    return picture(Constant(value), path)

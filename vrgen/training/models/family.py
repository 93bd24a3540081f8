"""What every family of models is to the loop: networks to train, a maker to show, and one step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from vrgen.training.draws import Draws
from vrgen.training.models.layers import Wraps

Deal = Callable[[], tuple[Tensor, Tensor]]
"""The next real pictures (B, C, H, W) and what steers them (B, D)."""
Told = dict[str, Tensor]
"""Scalars of one step, by name, for metrics."""


class Improve(Protocol):
    """One step of the optimisers of the networks of these names, down the slope of a loss."""

    def __call__(self, loss: Tensor, *networks: str) -> None: ...


class Family(Protocol):
    """A family of generative models."""

    networks: dict[str, nn.Module]
    """What is trained, each with an optimiser of its own; "maker" is among them and is what is exported."""

    def step(self, deal: Deal, draws: Draws, improve: Improve, number: int) -> Told:
        """One step of training, from any draws and as many batches as it likes."""
        ...

    def make(self, maker: nn.Module, latent: Tensor, condition: Tensor) -> Tensor:
        """Pictures (B, C, H, W) of one state of the maker: its present or its average one."""
        ...


@dataclass(frozen=True)
class Shape:
    """What a family is built for."""

    channels: int
    height: int
    width: int
    latent: int
    condition: int
    """Numbers that steer, 0 for none."""
    features: int
    """Channels at full size; they double with every halving."""
    wraps: Wraps

    @property
    def halvings(self) -> int:
        """How often the picture is halved to reach 4 to 7 samples on its shorter side."""
        side, count = min(self.height, self.width), 0
        while side % 2 == 0 and side > 7:
            side, count = side // 2, count + 1
        return count

    @property
    def start(self) -> tuple[int, int]:
        """Rows and columns of the smallest field."""
        return self.height >> self.halvings, self.width >> self.halvings

    def features_at(self, halvings: int) -> int:
        """Channels of a field that was halved so often: eight times those of the full size at most."""
        return self.features * min(1 << halvings, 8)


def fits(height: int, width: int) -> bool:
    """Whether a picture can be halved down to a field of 3 to 7 rows or columns."""
    shape = Shape(1, height, width, 1, 0, 1, "nothing")
    short = min(shape.start)
    step = 1 << shape.halvings
    return 3 <= short <= 7 and height % step == 0 and width % step == 0


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """No slopes are computed for the network's own weights meanwhile."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def slope(of: Tensor, at: Tensor) -> Tensor:
    """Squared length (B,) of the gradient of `of` (B,) at `at` (B, …), to be differentiated again."""
    from torch.autograd import grad

    function: Any = grad  # untyped in torch
    (found,) = function(of.sum(), at, create_graph=True)
    squared: Tensor = found.square().flatten(1).sum(1)
    return squared

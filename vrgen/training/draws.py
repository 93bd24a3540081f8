"""Every random number of a step, drawn for all processes alike: the run repeats, resumes, and can be split.

Each process draws the numbers of the whole batch from a generator in the same state, and takes its own rows. So
two processes with half of a batch each see what one process sees, and the state to save is one generator's.
"""

import torch
from torch import Tensor


class Draws:
    """A seeded source of random rows, on `device`."""

    def __init__(self, seed: int, rank: int = 0, world: int = 1, device: str = "cpu") -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._rank, self._world, self._device = rank, world, device

    def normal(self, rows: int, *shape: int) -> Tensor:
        """(rows, *shape) standard normal."""
        return self._own(torch.randn((rows * self._world, *shape), generator=self._generator), rows)

    def uniform(self, rows: int, *shape: int) -> Tensor:
        """(rows, *shape) from 0 to 1."""
        return self._own(torch.rand((rows * self._world, *shape), generator=self._generator), rows)

    def _own(self, drawn: Tensor, rows: int) -> Tensor:
        return drawn[self._rank * rows : (self._rank + 1) * rows].to(self._device)

    @property
    def state(self) -> Tensor:
        """What `state = …` takes to go on from here."""
        return self._generator.get_state()

    @state.setter
    def state(self, saved: Tensor) -> None:
        self._generator.set_state(saved)

"""Real pictures for each step, read ahead by a thread: which ones follows from seed and number alone.

So nothing but the number of batches dealt so far has to be saved to go on exactly where a run was interrupted.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import numpy as np
import torch
from torch import Tensor

from vrgen.training.dataset import Conditioning, Dataset, Indices

_AHEAD = 2


class Order:
    """Which entries are in which batch: each pass over the data is shuffled anew."""

    def __init__(self, indices: Indices, batch: int, seed: int) -> None:
        self._indices, self._batch, self._seed = indices, batch, seed
        self._pass: tuple[int, Indices] = (-1, indices)

    def batch(self, number: int) -> Indices:
        """Indices of the batch of that number, in a run that never ends."""
        places = np.arange(number * self._batch, (number + 1) * self._batch)
        passes = places // len(self._indices)
        found = [
            self._shuffled(int(turn))[places[passes == turn] % len(self._indices)] for turn in np.unique(passes)
        ]
        return np.concatenate(found)

    def _shuffled(self, turn: int) -> Indices:
        if self._pass[0] != turn:
            rng = np.random.default_rng([self._seed, turn])
            self._pass = (turn, rng.permutation(self._indices))
        return self._pass[1]


def _turns() -> list[Tensor]:
    """Which direction comes to each one's place when a mesh is mirrored, or turned by 0 to 4 fifths."""
    from vrgen.training.bodies import finest
    from vrgen.training.sphere import turned

    found = [turned(finest(), 0, mirrored=True), *(turned(finest(), fifths) for fifths in range(5))]
    return [torch.from_numpy(places) for places in found]


class Feed:
    """Deals this process's rows of one batch after another; a context manager that owns the thread."""

    def __init__(
        self,
        dataset: Dataset,
        how: Conditioning,
        batch: int,
        seed: int,
        changes: Sequence[str] = (),
        rank: int = 0,
        world: int = 1,
        device: str = "cpu",
    ) -> None:
        self._dataset, self._conditions = dataset, dataset.conditions(how)
        self._order = Order(dataset.train, batch, seed)
        self._seed, self._changes, self._device = seed, tuple(changes), device
        rows = batch // world
        self._own = slice(rank * rows, (rank + 1) * rows)
        self._flipped = [n for n, name in enumerate(dataset.about.channels) if name in ("nx", "normal_x")]
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._ahead: list[Future[tuple[Tensor, Tensor]]] = []
        self.kind = dataset.about.kind
        self._turns = _turns() if self.kind == "mesh" and self._changes else []
        self.light = dataset.data.dtype == np.float16
        """Whether the numbers stand for radiance."""
        self.identity: dict[str, object] = {
            "the dataset's number of pictures to learn from": len(dataset.train),
            "the dataset's shape": list(dataset.about.shape),
            "how many numbers steer": int(self._conditions.shape[1]),
        }
        """What must be equal for a run to go on."""
        self.dealt = 0
        self.waited_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def go_to(self, dealt: int) -> None:
        """Deal the batch after the one of that number next."""
        self._ahead.clear()
        self.dealt = dealt

    def deal(self) -> tuple[Tensor, Tensor]:
        """The next real pictures (B, C, H, W) and conditions (B, D)."""
        while len(self._ahead) < _AHEAD:
            self._ahead.append(self._thread.submit(self._batch, self.dealt + len(self._ahead)))
        began_s = time.perf_counter()
        pictures, conditions = self._ahead.pop(0).result()
        self.waited_s += time.perf_counter() - began_s
        self._ahead.append(self._thread.submit(self._batch, self.dealt + _AHEAD))
        self.dealt += 1
        return pictures.to(self._device, non_blocking=True), conditions.to(self._device, non_blocking=True)

    def _batch(self, number: int) -> tuple[Tensor, Tensor]:
        every = self._order.batch(number)
        chosen = every[self._own]
        pictures = self._dataset.batch(chosen)
        if self._changes:
            rng = np.random.default_rng([self._seed, 1, number])
            mirrored = rng.random(len(every))[self._own] < 0.5
            moved = rng.random((len(every), 2))[self._own]
            for row in range(len(chosen)):
                if "mirror" in self._changes and mirrored[row]:
                    pictures[row] = self._mirror(pictures[row])
                if "roll" in self._changes:
                    pictures[row] = self._roll(pictures[row], moved[row])
        return pictures, torch.from_numpy(self._conditions[chosen])

    def _mirror(self, picture: Tensor) -> Tensor:
        """Left and right exchanged; normals then lean the other way."""
        if self._turns:
            return picture[:, self._turns[0]]
        mirrored = picture.flip(-1)
        mirrored[self._flipped] *= -1.0
        return mirrored

    def _roll(self, picture: Tensor, by: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Tensor:
        """A panorama turns, a texture moves both ways, a mesh turns by fifths."""
        if self._turns:
            return picture[:, self._turns[1 + int(by[1] * 5)]]
        down = 0 if self._dataset.about.kind == "panorama" else int(by[0] * picture.shape[-2])
        return picture.roll((down, int(by[1] * picture.shape[-1])), (-2, -1))

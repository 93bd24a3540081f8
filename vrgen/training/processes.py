"""Training by several processes or machines under torch's own launcher, and by one where there is none.

`torchrun --nproc-per-node 2 -m vrgen train RECIPE.toml` starts the processes. Each computes its rows of the batch
(`draws`), and gradients are averaged by hand after each backward pass: unlike DistributedDataParallel that allows
gradients of gradients (WGAN-GP, R1) and any number of passes in a step.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from vrgen.errors import RecipeError


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this is."""

    rank: int = 0
    world: int = 1
    device: str = "cpu"

    @property
    def first(self) -> bool:
        """Whether this one shows, saves and exports."""
        return self.rank == 0

    def rows(self, batch: int) -> int:
        """How many rows of a batch each process computes.

        Raises:
            RecipeError: the batch can't be shared evenly.
        """
        if batch % self.world:
            raise RecipeError(
                f"train.batch is {batch}, which {self.world} processes can't share evenly; "
                f"set it to {batch // self.world * self.world or self.world} or start another number of processes"
            )
        return batch // self.world

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Each tensor becomes its mean over all processes."""
        if self.world == 1:
            return
        kept = list(tensors)
        flat = torch.cat([tensor.flatten() for tensor in kept])
        dist.all_reduce(flat)
        flat /= self.world
        done = 0
        for tensor in kept:
            tensor.copy_(flat[done : done + tensor.numel()].view_as(tensor))
            done += tensor.numel()

    def any(self, flag: bool) -> bool:
        """Whether a flag stands in any process."""
        if self.world == 1:
            return flag
        told = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(told)
        return bool(told > 0)

    def wait(self) -> None:
        """Until all are here."""
        if self.world > 1:
            dist.barrier()


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """Joins the other processes if torchrun started this one."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Processes()
        return
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))  # what "cuda" means from now on
    try:
        yield Processes(dist.get_rank(), world, device)
    finally:
        dist.destroy_process_group()


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation by the statistics of the whole batch, not of this process's rows of it.

    torch's SyncBatchNorm is the same for GPUs alone.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        from torch.distributed.nn.functional import all_reduce

        world = dist.get_world_size()
        count = x.numel() // x.shape[1] * world
        mean = all_reduce(x.mean((0, 2, 3))) / world  # type: ignore[no-untyped-call]
        centred = x - mean[None, :, None, None]
        variance = all_reduce(centred.square().mean((0, 2, 3))) / world  # type: ignore[no-untyped-call]
        with torch.no_grad():
            momentum = self.momentum or 0.1
            assert self.running_mean is not None and self.running_var is not None
            assert self.num_batches_tracked is not None
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), momentum)
            self.num_batches_tracked += 1
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalised: Tensor = centred * scale[None, :, None, None] + self.bias[None, :, None, None]
        return normalised


def share_statistics(network: nn.Module) -> None:
    """Every batch normalisation in the network becomes a shared one."""
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm2d):
            shared = SharedBatchNorm(child.num_features, child.eps, child.momentum)
            shared.load_state_dict(child.state_dict())
            setattr(network, name, shared)
        else:
            share_statistics(child)

"""The ways in which a model can be called: plainly, or faster with nearly the same numbers.

Half precision is torch's autocast: what is sensitive stays float32. Channels-last is a layout of the weights, and
changes what order sums are taken in. A CUDA graph replays the very kernels of a call without launching each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

WARM_UP = 3
"""TorchScript profiles its first two calls and optimises the third; cuDNN chooses; none of it may be captured."""

Half = Literal["", "float16", "bfloat16"]
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Way:
    """How a model is called. All left out: plainly, in float32."""

    half: Half = ""
    channels_last: bool = False
    graph: bool = False

    def __str__(self) -> str:
        parts: list[str] = [self.half or "float32"]
        parts += ["channels last"] if self.channels_last else []
        parts += ["CUDA graph"] if self.graph else []
        return ", ".join(parts)


PLAIN = Way()


def roundings(device: str) -> tuple[Way, ...]:
    """Ways that round otherwise than the plain one, most promising first."""
    halves: tuple[Half, ...] = ("bfloat16",) if device == "cpu" else ("float16", "bfloat16")
    both = [Way(half, channels_last) for half in halves for channels_last in (True, False)]
    return (*both, Way(channels_last=True))


class Layout:
    """Owner of how a program's weights lie in memory."""

    def __init__(self, program: object) -> None:
        self._module = program if isinstance(program, nn.Module) else None
        self._channels_last = False

    @property
    def changeable(self) -> bool:
        """Whether there are weights of images, all of them in the usual order, so that there is a way back."""
        if self._module is None:
            return False
        images = [p for p in self._module.parameters() if p.dim() == 4]
        return bool(images) and (self._channels_last or all(p.is_contiguous() for p in images))

    def set(self, channels_last: bool) -> bool:
        """Copy the weights into this order, unless they are; whether they lie elsewhere now."""
        if channels_last == self._channels_last or self._module is None:
            return False
        untyped: Any = self._module
        untyped.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
        self._channels_last = channels_last
        return True


def in_float32(returned: Mapping[str, Tensor]) -> Tensors:
    """What autocast left in half precision, as the contract has it."""
    halves = (torch.float16, torch.bfloat16)
    return {name: t.float() if t.dtype in halves else t for name, t in returned.items()}


class Captured:
    """One call, captured: the same kernels on the same memory, whatever the inputs hold.

    The model's weights must stay where they are. Raises whatever torch does where a call can't be captured: one
    that waits for the device, or whose shapes depend on its numbers.
    """

    def __init__(self, run: Callable[[Tensors], Tensors], inputs: Mapping[str, Tensor]) -> None:
        self._inputs = {name: tensor.clone() for name, tensor in inputs.items()}
        cuda: Any = torch.cuda
        here, aside = cuda.current_stream(), cuda.Stream()
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                run(self._inputs)
        here.wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = run(self._inputs)

    def __call__(self, inputs: Mapping[str, Tensor]) -> Tensors:
        """The outputs lie where the next call writes: copy what is to last."""
        for name, tensor in inputs.items():
            self._inputs[name].copy_(tensor)
        self._graph.replay()
        return self._outputs

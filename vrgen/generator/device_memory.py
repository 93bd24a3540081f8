"""Large results that stay on the card: the worker copies them into memory that the frame process opens.

A *room* is memory from the driver itself (torch's allocator cuts up larger blocks, and only the beginning of one
can be shared), with an event. It is told of once, in a `Lent`; a result in it is told of in its `Made`, with a
little of it that the scene reads on the host. Whose it is follows from the message in the arena:

    state     | from here on it is written or read by  | ends when
    free      | nobody                                 | a result needs as much (the worker takes it)
    written   | the worker, by torch's stream          | the `Made` is published, the event being recorded before
    lent      | the frame, once the event is passed    | the frame lets go of the message, its own copy being done
                (vrgen/gl/card_copies.py)

The frame lets go of a message by the arena's own rule (shared.py), also when it never reads it. Rooms are never
given back to the driver while the worker lives: to free memory that another process has open is undefined. With
the worker they go. A result for which there is no room crosses the host, as all do where anything here fails: then
`Lent.why` says it, once.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from vrgen import contract as c
from vrgen.contract import Manifest, OutputSpec
from vrgen.cuda import Address, Cuda, CudaError, Event, Stream
from vrgen.generator.inference import Outputs
from vrgen.generator.protocol import CHECKED, OFF, ON, Lent, Report
from vrgen.generator.shared import MIB, Arena
from vrgen.on_gpu import LIT, SAMPLES, pattern, places
from vrgen.srgb import BRIGHTEST, to_steps

if TYPE_CHECKING:
    from torch import Tensor

LEAST = MIB
"""Bytes of an output from which on it stays on the card."""
ROOMS_MB = 512
"""Of the card's memory at most."""
PATTERN = 64 << 10
_GRAIN = 2 * MIB
_ROLES = ("albedo", "normal", "roughness")


def staying(manifest: Manifest) -> frozenset[str]:
    """Outputs that the renderer can draw from the card, large enough that it is worth it.

    Not a panorama with a depth: the relief is made from its colours on the host. Not what the next call gets.
    """
    carried = {entry.source for entry in manifest.inputs.values() if isinstance(entry, c.StateInput)}
    deep = any(isinstance(entry, c.PanoramaDepthOutput) for entry in manifest.outputs.values())
    return frozenset(
        name
        for name, entry in manifest.outputs.items()
        if name not in carried
        and (
            (isinstance(entry, c.PanoramaOutput) and not deep)
            or (isinstance(entry, c.TextureOutput) and entry.role in _ROLES)
        )
        and 4 * prod(entry.shape) >= LEAST
    )


@dataclass
class Room:
    """Memory on the card. `message`: the one that it was lent with last (shared.py)."""

    number: int
    memory: Address
    size: int
    event: Event
    message: tuple[int, int] | None = None


@dataclass(frozen=True)
class Loan:
    """What of a result is on the card: by output and key its shape, and where in the room it begins."""

    room: Room
    parts: dict[tuple[str, str], tuple[tuple[int, ...], int]]


class Lender:
    """The worker's side: what the letter asks for is opened when it does, and told if it can't be."""

    def __init__(self, arena: Arena, send: Callable[[Report], None]) -> None:
        self._arena = arena
        self._send = send
        self._stage = OFF
        self._cuda: Cuda | None = None
        self._card = ""
        self._rooms: list[Room] = []
        self._told = False

    def follow(self, stage: int, device: str) -> None:
        """Do as the letter says from now on; `device`: where the models are ("cuda:0")."""
        if stage == self._stage or self._told:
            return
        self._stage = stage
        if stage == OFF or self._cuda is not None:
            return
        try:
            self._cuda, self._card = _opened(device)
            if stage == CHECKED:
                self._show_pattern(device)
        except CudaError as error:
            self._give_up(error)

    def staying(self, manifest: Manifest) -> Collection[str]:
        """Which outputs of a call are to be left on the device."""
        return staying(manifest) if self._stage == ON and self._cuda is not None else ()

    def lend(self, manifest: Manifest, outputs: Outputs) -> tuple[Outputs, Loan | None]:
        """Copy what was left on the device into a room; in its place comes what the scene reads of it.

        Without a room it comes to the host. The copies may still be under way on the device.
        """
        stay = self.staying(manifest)
        left = {part: tensor for part, tensor in outputs.items() if part[0] in stay} if stay else {}
        if not left:
            return outputs, None
        try:
            loan = self._lend(left)
            if loan is not None:
                little = {part: little_of(manifest.outputs[part[0]], tensor) for part, tensor in left.items()}
                return outputs | little, loan
        except (CudaError, RuntimeError) as error:  # torch's own, where the card has no room left
            self._give_up(error)
        return outputs | {part: tensor.to("cpu") for part, tensor in left.items()}, None

    def _lend(self, left: Outputs) -> Loan | None:
        assert self._cuda is not None
        parts, end = {}, 0
        for part, tensor in left.items():
            parts[part] = tuple(tensor.shape), end
            end += -(-tensor.numel() * 4 // 256) * 256
        room = self._room(end)
        if room is None:
            return None
        stream = stream_of(next(iter(left.values())))
        for part, tensor in left.items():
            to = Address(room.memory + parts[part][1])
            self._cuda.copy(to, Address(tensor.data_ptr()), tensor.numel() * 4, stream)
        self._cuda.record(room.event, stream)
        return Loan(room, parts)

    def _room(self, size: int) -> Room | None:
        """The smallest that is free and large enough, or another; None where that would be too much."""
        free = [room for room in self._rooms if room.message is None or not self._arena.holds(room.message)]
        fitting = [room for room in free if room.size >= size]
        if fitting:
            return min(fitting, key=lambda room: room.size)
        size = -(-size // _GRAIN) * _GRAIN
        if sum(room.size for room in self._rooms) + size > ROOMS_MB * MIB:
            return None
        room = self._made(size)
        self._send(self._told_of(room))
        return room

    def _made(self, size: int) -> Room:
        assert self._cuda is not None
        room = Room(len(self._rooms), self._cuda.allocate(size), size, self._cuda.event(shared=True))
        self._rooms.append(room)
        return room

    def _told_of(self, room: Room, shown: int = 0) -> Lent:
        assert self._cuda is not None
        memory, event = self._cuda.handle_of(room.memory), self._cuda.event_handle(room.event)
        return Lent(room.number, room.size, self._card, memory, event, shown)

    def _show_pattern(self, device: str) -> None:
        import torch

        assert self._cuda is not None
        room = self._made(_GRAIN)
        shown = torch.frombuffer(bytearray(pattern(PATTERN)), dtype=torch.uint8).to(device)
        stream = stream_of(shown)
        self._cuda.copy(room.memory, Address(shown.data_ptr()), PATTERN, stream)
        self._cuda.record(room.event, stream)
        while not self._cuda.passed(room.event):  # `shown` must outlive the copy
            time.sleep(0.0005)
        self._send(self._told_of(room, PATTERN))

    def _give_up(self, error: Exception) -> None:
        self._stage, self._told = OFF, True
        self._send(Lent(why=str(error).partition("\n")[0]))


def _opened(device: str) -> tuple[Cuda, str]:
    """The driver with torch's context of a device ("cuda:0"), and that device's uuid."""
    cuda = Cuda()
    card = cuda.device(int(device.partition(":")[2] or 0))
    if not cuda.shares_events(card):
        raise CudaError("the driver shares no memory between processes")
    cuda.make_current(cuda.retain(card))
    return cuda, cuda.uuid(card)


def stream_of(tensor: "Tensor") -> Stream:
    """The one that torch has made the tensor on."""
    import torch

    return Stream(torch.cuda.current_stream(tensor.device).cuda_stream)


def little_of(entry: OutputSpec, tensor: "Tensor") -> "Tensor":
    """What the scene reads on the host, float32 on the CPU.

    Of a panorama (C, h, w) linear radiance, means over blocks, for its light; of a texture (C, 32, 32) of its own
    numbers, for how bright its parts are.
    """
    import torch

    planes = tensor[:3] if tensor.shape[0] >= 3 else tensor[:1]
    if isinstance(entry, c.PanoramaOutput):
        size = (min(tensor.shape[1], LIT[0]), min(tensor.shape[2], LIT[1]))
        pool = torch.nn.functional.adaptive_avg_pool2d
        return torch.stack([pool(_linear(plane, entry.range)[None], size)[0] for plane in planes]).to("cpu")
    rows, columns = (
        torch.from_numpy(places(n, SAMPLES)).to(tensor.device) for n in (tensor.shape[1], tensor.shape[2])
    )
    return planes.index_select(1, rows).index_select(2, columns).to("cpu").contiguous()


def _linear(plane: "Tensor", between: c.Range) -> "Tensor":
    import torch

    if between == "linear":
        return plane.clamp(0.0, BRIGHTEST)
    scale, offset = to_steps(between, 1)
    v = (plane * float(scale) + (float(offset) - 0.5)).clamp_(0.0, 1.0)
    return torch.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)

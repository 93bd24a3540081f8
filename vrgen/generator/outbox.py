"""From the worker to the frame: reports, and results that are copied into the arena a piece at a time."""

import time
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vrgen.generator.device_memory import Loan
from vrgen.generator.inference import Outputs
from vrgen.generator.protocol import IDLE, Board, Made, Part, Report, encode
from vrgen.generator.shared import aligned

PIECE = 256 << 10
"""Bytes that are copied at a time: few enough to stay in a core's own cache until they are read again."""
EARLY = 4 << 20
"""Bytes of a result from which on the frame sees it while it is being copied."""


class Result(NamedTuple):
    """What a call made, and the slot that is taken for it: `size` bytes, `report` says where each part lies."""

    slot: int
    report: bytes
    parts: list[Part]
    arrays: list[npt.NDArray[np.generic]]
    size: int
    loan: Loan | None = None


class Outbox:
    """The worker's side of the arena."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def send(self, report: Report) -> None:
        """Tell something that has no data, waiting while there is no room."""
        text = encode(report)
        self._board.arena.publish(self._reserve(0, len(text)), text)

    def announced(
        self,
        version: int,
        index: int,
        started_s: float,
        made_s: float,
        outputs: Outputs,
        loan: Loan | None = None,
    ) -> Result:
        """Take a slot for what a call made, waiting while there is no room. `loan`: what of it is on the card.

        Raises:
            CheckpointError: it can never fit.
        """
        arrays = [tensor.numpy() for tensor in outputs.values()]
        parts, size = _layout(outputs, arrays, loan)
        number = -1 if loan is None else loan.room.number
        report = encode(Made(version, index, started_s, made_s, parts, number))
        return Result(self._reserve(size, len(report)), report, parts, arrays, size, loan)

    def hand_over(self, result: Result) -> None:
        """Copy a result into its slot; a large one is seen while it arrives."""
        arena, slot, size = self._board.arena, result.slot, result.size
        early = size >= EARLY
        if early:
            arena.publish(slot, result.report)
        data = arena.data(slot)
        for part, array in zip(result.parts, result.arrays, strict=True):
            source = array.reshape(-1).view(np.uint8)
            for start in range(0, len(source), PIECE):
                piece = source[start : start + PIECE]
                end = part.offset + start + len(piece)
                data[end - len(piece) : end] = piece
                if early:
                    arena.arrive(slot, end)
        arena.arrive(slot, size)
        if not early:
            arena.publish(slot, result.report)
        if result.loan is not None:
            result.loan.room.message = arena.published(slot)

    def _reserve(self, data_size: int, meta_size: int) -> int:
        """A slot, waiting while the frame has not taken what was made before."""
        while (slot := self._board.arena.reserve(data_size, meta_size)) is None:
            self._board.set_state(IDLE)
            time.sleep(0.002)
        return slot


def _layout(
    names: Iterable[tuple[str, str]], arrays: list[npt.NDArray[np.generic]], loan: Loan | None
) -> tuple[list[Part], int]:
    """Where each array lies in a slot's data, and how long that is."""
    parts, end = [], 0
    for (output, key), array in zip(names, arrays, strict=True):
        raw = ((), 0) if loan is None else loan.parts.get((output, key), ((), 0))
        parts.append(Part(output, key, array.dtype.str, array.shape, end, *raw))
        end = aligned(end + array.nbytes)
    return parts, end

"""The worker process: loads what the newest letter names and makes what it asks for, most wanted first.

It keeps nothing that the letter does not say, so that a new worker goes on where a killed one stopped.
"""

import gc
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vrgen.device import Chosen, cards, chosen, resolved
from vrgen.errors import VrgenError
from vrgen.generator import child
from vrgen.generator.burst import Burst
from vrgen.generator.device_memory import Lender
from vrgen.generator.encoders import Encoders
from vrgen.generator.inference import Inference
from vrgen.generator.knobs import fixed_inputs
from vrgen.generator.leisure import Leisure
from vrgen.generator.outbox import Outbox
from vrgen.generator.protocol import (
    CALLING,
    IDLE,
    LOADING,
    STARTING,
    TUNING,
    Board,
    Failed,
    Letter,
    Noted,
    PackedRequest,
    Ready,
    Tuned,
    Use,
    decode_letter,
    unpacked,
)
from vrgen.generator.shared import Segment
from vrgen.messages import Trial

if TYPE_CHECKING:
    from vrgen.generator.checkpoint import Model

CARD_TOLD_S = 5.0
"""How long the worker waits to be told on which of several cards OpenGL draws."""


def main(handle: str, arena_mb: int, device: str, memory_mb: int, threads: int) -> None:
    """Entry of the process; `handle` opens the shared memory. Never returns."""
    child.stand_back()
    bell = threading.Event()
    child.end_with_parent(bell.set)
    board = Board(Segment(Board.size(), handle), arena_mb)
    board.set_state(STARTING)
    import torch

    torch.set_num_threads(threads)
    if device == "cpu" or not torch.cuda.is_available():
        child.limit_memory(memory_mb)
    Worker(board, bell, device, threads).run()


class Worker:
    """What is loaded and what is done; `run` is the loop."""

    def __init__(self, board: Board, bell: threading.Event, device: str, threads: int) -> None:
        self._board = board
        self._outbox = Outbox(board)
        self._lender = Lender(board.arena, self._outbox.send)
        self._bell = bell
        self._device = device
        self._version = 0
        self._letter = Letter([], [], [], [])
        self._uses: dict[str, Use] = {}
        """By name, what the letter wants to have loaded."""
        self._models: dict[str, Model] = {}
        self._at_work: dict[str, tuple[str, Inference]] = {}
        self._failed: set[tuple[str, str]] = set()
        self._encoders = Encoders()
        self._left_out: set[tuple[str, str]] = set()
        """Generators, and why they go without their prompt: told once."""
        self._remarked: set[str] = set()
        """Prompts of which it was told how they were read."""
        self._done: dict[int, str] = {}
        """By serial number of what was asked, the stamp of the file that made it."""
        self._fresh: str | None = None
        self._leisure = Leisure()
        self._burst = Burst(threads)
        self._cards = cards()
        self._chosen: Chosen | None = None
        self._began_s = time.monotonic()

    def run(self) -> None:
        while True:
            self._board.set_state(IDLE)
            self._read()
            if self._chosen is not None:
                self._lender.follow(self._letter.on_card, self._chosen.device)
            if not (self._make_first_of_fresh() or self._load_next() or self._make_next() or self._tune_next()):
                self._board.arena.trim()
                self._bell.wait(0.1)
                self._bell.clear()

    def _read(self) -> None:
        found = self._board.mailbox.get(self._version)
        if found is None:
            return
        self._version, text = found
        self._letter = decode_letter(text)
        self._uses = {use.name: use for use in self._letter.uses}
        wanted = {request.serial for request in self._letter.requests}
        self._done = {serial: stamp for serial, stamp in self._done.items() if serial in wanted}
        for name in self._at_work.keys() - self._uses.keys():
            del self._at_work[name]
        self._drop_unused()

    # --- loading ------------------------------------------------------------------------------------------

    def _load_next(self) -> bool:
        """Load one generator that is not as the letter says: the least blamed, most wanted, smallest first."""
        missing = [
            (use.blamed, self._rank(use.name), _size(use.path), i)
            for i, use in enumerate(self._letter.uses)
            if self._stamp_of(use.name) != use.stamp and (use.name, use.stamp) not in self._failed
        ]
        if not missing or not self._knows_where():
            return False
        use = self._letter.uses[min(missing)[-1]]
        started = time.monotonic()
        try:
            inference = self._load(use)
        except VrgenError as error:
            self._failed.add((use.name, use.stamp))
            self._outbox.send(Failed(use.name, str(error), stamp=use.stamp))
        except MemoryError:
            self._failed.add((use.name, use.stamp))
            self._outbox.send(
                Failed(
                    use.name,
                    f"{Path(use.path).name}: loading ran out of the memory that the worker may take; "
                    "raise --worker-memory-mb",
                    stamp=use.stamp,
                )
            )
        else:
            self._at_work[use.name] = (use.stamp, inference)
            self._fresh = use.name
            manifest = inference.model.manifest
            device = self._models[use.stamp].device
            why = self._chosen.why if self._chosen else ""
            self._outbox.send(Ready(use.name, use.stamp, manifest, device, time.monotonic() - started, why))
        self._drop_unused()
        return True

    def _knows_where(self) -> bool:
        """Whether it is known where models go: with several cards not before OpenGL's is, or never will be."""
        if self._chosen is None:
            late = time.monotonic() - self._began_s > CARD_TOLD_S
            if self._letter.drawn_on is None and len(self._cards) > 1 and not late:
                return False
            self._chosen = chosen(self._device, self._cards, self._letter.drawn_on)
            if self._chosen.device != "cpu":
                import torch

                torch.cuda.set_device(self._chosen.device)
        return True

    def _load(self, use: Use) -> Inference:
        from vrgen.generator.checkpoint import load

        resolved(self._device)  # raises where CUDA was asked for and there is none
        assert self._chosen is not None

        model = self._models.get(use.stamp)
        if model is None:
            self._board.set_state(LOADING, use.number)
            model = load(Path(use.path), self._chosen.device, use.as_kind)
            self._board.set_state(CALLING, use.number)
            model.dry_run()
            self._models[use.stamp] = model
        return Inference(model, fixed_inputs(use.name, model.manifest, use.fixed), self._encoders)

    def _stamp_of(self, name: str) -> str | None:
        found = self._at_work.get(name)
        return found and found[0]

    def _rank(self, name: str) -> int:
        """Place of a generator's first request among all; behind all when nothing of it is wanted."""
        requests = self._letter.requests
        return next((i for i, request in enumerate(requests) if request.generator == name), len(requests))

    def _drop_unused(self) -> None:
        used = {stamp for stamp, _ in self._at_work.values()} | {use.stamp for use in self._letter.uses}
        for stamp in set(self._models) - used:
            del self._models[stamp]
            self._leisure.forget(stamp)
            gc.collect()

    # --- making -------------------------------------------------------------------------------------------

    def _make_first_of_fresh(self) -> bool:
        """A generator that has just loaded shows something before the next one loads."""
        name, self._fresh = self._fresh, None
        return name is not None and self._make_next(only=name)

    def _make_next(self, only: str | None = None) -> bool:
        for request in self._letter.requests:
            found = self._at_work.get(request.generator)
            if found is None or (only is not None and request.generator != only):
                continue
            stamp, inference = found
            if self._done.get(request.serial) != stamp:
                self._done[request.serial] = stamp
                self._burst.begin(time.monotonic(), self._board.missed)
                self._make(request, inference)
                self._leisure.worked(stamp)
                self._tell_fallen_back(request.generator, self._models[stamp])
                self._give_way()
                return True
        return False

    def _make(self, request: PackedRequest, inference: Inference) -> None:
        version = self._version
        self._board.set_state(CALLING, self._uses[request.generator].number)
        started = time.monotonic()
        model = inference.model
        model.staying = self._lender.staying(model.manifest)
        try:
            outputs = inference.make(unpacked(request, self._letter))
            made = time.monotonic()
            outputs, loan = self._lender.lend(model.manifest, outputs)
            self._board.set_state(IDLE)
            self._tell_left_out(request.generator, inference.left_out)
            self._tell_remarks(inference.remarks)
            result = self._outbox.announced(version, request.index, started, made, outputs, loan)
        except VrgenError as error:
            self._board.set_state(IDLE)
            self._outbox.send(Failed(request.generator, str(error), version=version, index=request.index))
        except MemoryError:
            self._board.set_state(IDLE)
            self._outbox.send(
                Failed(
                    request.generator,
                    f"{inference.model.name}: the call ran out of the memory that the worker may take; "
                    "make the model smaller or raise --worker-memory-mb",
                    version=version,
                    index=request.index,
                )
            )
        else:
            # Outside the `try`: what goes wrong from here on ends the worker, and the frame counts it as lost.
            self._outbox.hand_over(result)

    def _tell_left_out(self, name: str, why: str) -> None:
        if why and (name, why) not in self._left_out:
            self._left_out.add((name, why))
            self._outbox.send(Failed(name, why))  # of no request: what was made all the same follows

    def _tell_remarks(self, remarks: Mapping[str, tuple[str, ...]]) -> None:
        for prompt, told in remarks.items():
            if told and prompt not in self._remarked:
                self._remarked.add(prompt)
                self._outbox.send(Noted(prompt, told))

    def _give_way(self) -> None:
        """Rest as the frames that were missed ask for, and take fewer threads to the next call."""
        import torch

        rest_s = self._burst.end(time.monotonic(), self._board.missed)
        if self._board.step != self._burst.step:
            self._board.set_step(self._burst.step)
            torch.set_num_threads(self._burst.threads)
        if rest_s:
            time.sleep(rest_s)

    # --- at leisure ---------------------------------------------------------------------------------------

    def _tune_next(self) -> bool:
        """One call to find out how a model can be called faster."""
        if not self._leisure.has_come():
            return False
        for use in self._letter.uses:
            stamp = self._stamp_of(use.name)
            if stamp is not None and not use.plain and self._leisure.wants(stamp):
                self._board.set_state(TUNING, use.number)
                tuning = self._leisure.step(stamp, self._models[stamp])
                self._board.set_state(IDLE)
                if tuning is not None:
                    way, trials = str(tuning.model.way), tuple(tuning.trials)
                    for name in [name for name, (its, _) in self._at_work.items() if its == stamp]:
                        self._outbox.send(Tuned(name, way, trials))
                return True
        return False

    def _tell_fallen_back(self, name: str, model: "Model") -> None:
        if model.fell_back:
            self._outbox.send(Tuned(name, str(model.way), (Trial(str(model.gave_up), refused=model.fell_back),)))
            model.fell_back = ""


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0

"""What a run tells while it goes: a progress bar, `metrics.jsonl`, TensorBoard, and grids of samples as PNG."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from vrgen.training.showing import Bytes, save_png
from vrgen.training.state import StateError

METRICS, SAMPLES, BOARD = "metrics.jsonl", "samples", "tensorboard"


class Record:
    """Owns the files a run's metrics go to; a context manager."""

    def __init__(self, folder: Path, step: int, console: Console) -> None:
        """Begins at `step`: what stands in the metrics after it is of a stretch that was lost, and is dropped."""
        self.console = console
        self._folder = folder
        self._path = folder / METRICS
        self._keep_until(step)
        self._file = self._path.open("a", encoding="utf-8")
        self._board = _board(folder / BOARD, step, console)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[told]}"),
            console=console,
        )
        self._task: TaskID = self._progress.add_task("training", total=1.0, told="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        self._file.close()
        if self._board is not None:
            self._board.close()

    def progress(self, share: float, step: int) -> None:
        """How much of the run is over, from 0 to 1."""
        self._progress.update(self._task, completed=share, description=f"step {step}")

    def metrics(self, step: int, numbers: dict[str, float]) -> None:
        """One line of `metrics.jsonl`, and a point of each curve.

        Raises:
            StateError: the disk is full.
        """
        line = {"step": step, **{name: float(f"{value:.6g}") for name, value in numbers.items()}}
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
            if self._board is not None:
                for name, value in numbers.items():
                    self._board.add_scalar(name, value, step)
        except OSError as error:
            raise StateError(
                f"{self._path}: can't be written ({error.strerror}); free some room, then go on with --resume"
            ) from error
        shown = [f"{name} {numbers[name]:.3g}" for name in ("diversity", "margin", "error") if name in numbers]
        self._progress.update(self._task, told=", ".join(shown))

    def grid(self, step: int, picture: Bytes) -> Path:
        """A grid of samples at fixed latents."""
        path = self._folder / SAMPLES / f"step-{step:06d}.png"
        save_png(picture, path)
        if self._board is not None:
            self._board.add_image("samples", picture, step, dataformats="HWC")
        return path

    def say(self, text: str) -> None:
        """A line above the progress bar."""
        self.console.print(text, highlight=False, soft_wrap=True)

    def _keep_until(self, step: int) -> None:
        if not self._path.is_file():
            return
        kept = []
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                told = json.loads(line)
            except ValueError:  # the line that was being written when the process was killed
                continue
            if told["step"] <= step:
                kept.append(line + "\n")
        self._path.write_text("".join(kept), encoding="utf-8")


def _board(folder: Path, step: int, console: Console) -> Any:
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        console.print(
            "TensorBoard is not installed: curves go to metrics.jsonl alone (pip install 'vrgen[train]')"
        )
        return None
    writer: Any = SummaryWriter
    return writer(str(folder), purge_step=step or None)


def memory_mb() -> float:
    """What this process occupies now."""
    return float(psutil.Process(os.getpid()).memory_info().rss / 1e6)

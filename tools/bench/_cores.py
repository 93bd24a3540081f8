"""A core for the frame's process, the others for the worker: so that neither measures the other's scheduling."""

import contextlib
import os
from argparse import ArgumentParser
from pathlib import Path
from types import TracebackType
from typing import Self

from vrgen.app import Session


def cores_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--cores",
        choices=("apart", "free"),
        default="apart",
        help="apart: a core for the frame's process, the others for the worker; free: as the system likes",
    )


class Cores:
    """Enter when the session is open: before, the worker would count too few cores. `look` in every frame."""

    def __init__(self, session: Session, asked: str) -> None:
        self._session = session
        allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self._allowed = set(allowed)
        self._frame, self._worker = set(allowed[-1:]), set(allowed[:-1])
        self.apart = asked == "apart" and len(allowed) > 1
        self._pinned: int | None = None

    def __enter__(self) -> Self:
        if self.apart:
            _pin(os.getpid(), self._frame)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.apart:
            _pin(os.getpid(), self._allowed)

    def look(self) -> None:
        """A worker that was started again begins on its parent's core."""
        pid = self._session.generators.worker_pid
        if self.apart and pid is not None and pid != self._pinned:
            _pin(pid, self._worker)
            self._pinned = pid

    @property
    def said(self) -> str:
        return "frame and worker on cores of their own" if self.apart else "cores as the system likes"


def _pin(pid: int, cores: set[int]) -> None:
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # the thread, or the process, has just ended
            os.sched_setaffinity(int(task.name), cores)

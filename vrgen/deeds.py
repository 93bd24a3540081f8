"""What a person asks for that takes longer than a frame has: begun within one, gone on with in those after it, the
heavy part of it beside them."""

import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from vrgen.errors import VrgenError

Deed = Generator[None, None, str]
"""Goes on once a frame, and returns what to tell the person; a VrgenError is told as well."""
_PATIENCE_S = 10.0
T = TypeVar("T")


class Deeds:
    """Owner of those that are not done yet, and of the thread beside the frame."""

    def __init__(self) -> None:
        self._open: list[Deed] = []
        self._thread: ThreadPoolExecutor | None = None

    def beside(self, what: Callable[..., T], *given: Any) -> Generator[None, None, T]:
        """Let `what` run beside the frame; for `yield from`."""
        self._thread = self._thread or ThreadPoolExecutor(1, "deeds")
        done: Future[T] = self._thread.submit(what, *given)
        while not done.done():
            yield
        return done.result()

    def begin(self, deed: Deed) -> None:
        self._open.append(deed)

    def advance(self) -> Iterator[tuple[str, bool]]:
        """One frame on: of those that are done the words, and whether it was refused."""
        for deed in tuple(self._open):
            try:
                next(deed)
            except StopIteration as done:
                yield done.value, False
            except VrgenError as error:
                yield str(error), True
            else:
                continue
            self._open.remove(deed)

    def finish(self) -> Iterator[tuple[str, bool]]:
        """The last frame was shown: what was begun is brought to its end, for a while."""
        until_s = time.monotonic() + _PATIENCE_S
        while self._open and time.monotonic() < until_s:
            yield from self.advance()
            time.sleep(0.002)

    def close(self) -> None:
        """What has not begun is given up; what runs beside is waited for."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)  # first: it may read what the deeds hold
        for deed in self._open:
            deed.close()
        self._open.clear()

"""Imports that run beside what is not Python: drivers, window systems."""

import contextlib
import importlib
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def imported(module: str) -> Iterator[None]:
    """A module is imported in a thread meanwhile and is there at the end. If not, who imports it hears why."""

    def load() -> None:
        with contextlib.suppress(Exception):
            importlib.import_module(module)

    thread = threading.Thread(target=load, name="imports")
    thread.start()
    try:
        yield
    finally:
        thread.join()

"""A pipeline in two variants: while one world becomes the next (FADING), and while nothing does.

A software rasteriser executes both sides of a branch, so what is not needed is left out of the program instead.
"""

from collections.abc import Iterator
from contextlib import ExitStack

from vrgen.gl.pipeline import Pipeline, Program, State


class Variants:
    """Owner of both programs of a pipeline."""

    def __init__(self, stages: tuple[str, ...], defines: tuple[str, ...], state: State | None = None) -> None:
        self._stack = ExitStack()
        self._pipelines = []
        for fading in (0, 1):
            program = Program(*stages, defines=(*defines, f"FADING {fading}"))
            self._pipelines.append(Pipeline(self._stack.enter_context(program), state or State()))

    def of(self, fading: bool) -> Pipeline:
        return self._pipelines[fading]

    def __iter__(self) -> Iterator[Pipeline]:
        return iter(self._pipelines)

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> "Variants":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

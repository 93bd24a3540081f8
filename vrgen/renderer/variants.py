"""A pipeline in two variants: while one world becomes the next (FADING), and while nothing does.

A software rasteriser executes both sides of a branch, so what is not needed is left out of the program instead.
"""

from vrgen.gl.pipeline import Pipeline, Program, State


class Variants:
    """Owner of both programs of a pipeline; each is compiled when it is first drawn with."""

    def __init__(self, stages: tuple[str, ...], defines: tuple[str, ...], state: State | None = None) -> None:
        self._stages, self._defines, self._state = stages, defines, state or State()
        self._pipelines: dict[bool, Pipeline] = {}

    def of(self, fading: bool) -> Pipeline:
        pipeline = self._pipelines.get(fading)
        if pipeline is None:
            program = Program(*self._stages, defines=(*self._defines, f"FADING {int(fading)}"))
            pipeline = self._pipelines[fading] = Pipeline(program, self._state)
        return pipeline

    def close(self) -> None:
        for pipeline in self._pipelines.values():
            pipeline.program.close()
        self._pipelines.clear()

    def __enter__(self) -> "Variants":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

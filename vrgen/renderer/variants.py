"""A pipeline in variants: while one world becomes the next (FADING) and while nothing does, for one view and
for two.

A software rasteriser executes both sides of a branch, so what is not needed is left out of the program
instead. The variants stay: a person who goes from window to headset and back finds the programs as they were.
"""

from vrgen.gl.pipeline import Pipeline, Program, State


class Variants:
    """Owner of the programs of a pipeline; each is compiled when it is first drawn with."""

    def __init__(self, stages: tuple[str, ...], defines: tuple[str, ...], state: State | None = None) -> None:
        self._stages, self._defines, self._state = stages, defines, state or State()
        self._pipelines: dict[tuple[bool, int], Pipeline] = {}

    def of(self, fading: bool, views: int = 1) -> Pipeline:
        pipeline = self._pipelines.get((fading, views))
        if pipeline is None:
            defines = (*self._defines, f"FADING {int(fading)}", f"VIEWS {views}")
            program = Program(*self._stages, defines=defines)
            pipeline = self._pipelines[fading, views] = Pipeline(program, self._state)
        return pipeline

    def close(self) -> None:
        for pipeline in self._pipelines.values():
            pipeline.program.close()
        self._pipelines.clear()

    def __enter__(self) -> "Variants":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

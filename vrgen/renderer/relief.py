"""Panoramas with a depth, in place of the sky: two draws for all views, the front and what stands behind it.

Their textures come with the sky's (uploads.py). While one world becomes the next there is one surface, which goes
from where it stands in the one to where it stands in the other; a sky without a depth is infinitely far.
"""

from contextlib import ExitStack

import numpy as np

from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer, VertexArray
from vrgen.gl.pipeline import State
from vrgen.renderer.uploads import Uploads
from vrgen.renderer.variants import Variants
from vrgen.scene_model import Scene, Sky

_UNITS = (19, 21)
"""The front's of the sky that is shown and of the one that arrives; the back's follow."""


class ReliefPass:
    """Owner of what draws them, made when the first is on its way."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._layers: tuple[Variants, Variants] | None = None
        self._array: VertexArray | None = None

    def draw(self, scene: Scene, uploads: Uploads, fading: bool, views: int) -> None:
        """Where a sky of the scene has a relief."""
        sky = scene.sky
        arriving = None if sky.arriving is None or sky.weight == 0.0 else sky.arriving
        deep = [asset for asset in (sky.shown, arriving) if asset is not None and asset.relief is not None]
        if self._layers is None:
            coming = (*deep, *(asset for asset in scene.preload if isinstance(asset, Sky)))
            reliefs = [asset.relief for asset in coming if asset.relief is not None]
            if not reliefs:
                return
            self._make(reliefs[0].front.shape[1], views)
        if not deep or self._layers is None:
            return
        for unit, asset in zip(_UNITS, (deep[0], deep[-1])):
            _, front, back = uploads.of(asset)
            front.bind(unit)
            back.bind(unit + 1)
        assert deep[0].relief is not None and self._array is not None
        rows, columns = deep[0].relief.front.shape[:2]
        has = float(sky.shown in deep), float(arriving in deep)
        GL.glBindVertexArray(self._array.name)
        for coarser, layer in enumerate(self._layers):
            pipeline = layer.of(fading, views)
            pipeline.bind()
            GL.glProgramUniform3f(pipeline.program.name, 0, *scene.middle)
            if fading:
                GL.glProgramUniform2f(pipeline.program.name, 1, *has)
            count, instances = (6 * columns) >> coarser, views * (rows >> coarser)
            GL.glDrawElementsInstanced(GL.GL_TRIANGLES, count, GL.GL_UNSIGNED_SHORT, None, instances)

    def _make(self, columns: int, views: int) -> None:
        own = self._stack.enter_context
        stages, state = ("relief.vert", "relief.frag"), State(cull="none")
        self._layers = own(Variants(stages, (), state)), own(Variants(stages, ("BACK",), state))
        for layer in self._layers:  # now, while nothing of it is seen yet
            for fading in (False, True):
                layer.of(fading, views)
        corners = np.array([0, 2, 1, 1, 2, 3]) + 4 * np.arange(columns)[:, None]
        quads = corners.astype(np.uint16).ravel()
        self._array = own(VertexArray("relief cells"))
        self._array.sources(None, 0, own(Buffer(quads.nbytes, "relief cells", quads)))

    def close(self) -> None:
        self._stack.close()

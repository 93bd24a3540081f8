"""A world model's frames, re-projected to the eyes: the newest over those before it, which fill what it lacks.

What a frame sees is seen, however near an older one says that something was: so each has a range of depths of its
own, and only the newest has the true one. They are blended, oldest first, over the sky.
"""

from contextlib import ExitStack

import numpy as np

from vrgen.geometry import transform
from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer, VertexArray
from vrgen.gl.pipeline import State
from vrgen.renderer.uploads import Uploads
from vrgen.renderer.variants import Variants
from vrgen.scene_model import Scene, ShotLayer

_FRONT, _BACK, _COLOUR = 19, 20, 21
"""Texture units."""
_RANGES = ((2e-6, 1e-6), (1e-6, 5e-7), (5e-7, 2e-7))
"""Depths of older fronts, x + y * depth, the newest of them first: between the sky's and those of the newest
front, which are 5e-6 and more (10 km)."""
_BEHIND = ((3e-7, 1e-7), (2e-7, 5e-8), (1e-7, 5e-8))
"""Of their backs."""
_MOST_COLUMNS = 1024


class ShotsPass:
    """Owner of what draws them, made when the first is on its way."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._layers: tuple[Variants, Variants] | None = None
        self._array: VertexArray | None = None

    def draw(self, scene: Scene, uploads: Uploads, views: int) -> None:
        """After everything that hides them, and the sky."""
        if not scene.shots:
            return
        if self._layers is None:
            self._make()
        assert self._layers is not None and self._array is not None
        GL.glBindVertexArray(self._array.name)
        for age, layer in reversed(list(enumerate(scene.shots[::-1]))):
            self._draw(self._layers[1], layer, scene, uploads, views, _BEHIND[age])
        for age, layer in reversed(list(enumerate(scene.shots[::-1]))):
            depths = (0.0, 1.0) if age == 0 else _RANGES[age - 1]
            self._draw(self._layers[0], layer, scene, uploads, views, depths)

    def _draw(
        self,
        variants: Variants,
        layer: ShotLayer,
        scene: Scene,
        uploads: Uploads,
        views: int,
        depths: tuple[float, float],
    ) -> None:
        shot = layer.shot
        pipeline = variants.of(False, views)
        pipeline.bind()
        picture, front, back = uploads.of(shot)
        front.bind(_FRONT)
        back.bind(_BACK)
        picture.bind(_COLOUR)
        x, y, z = scene.origin
        origin_from_camera = transform((-x, -y, -z)) @ shot.world_from_camera
        name = pipeline.program.name
        GL.glProgramUniformMatrix4fv(name, 0, 1, True, origin_from_camera.astype(np.float32))
        GL.glProgramUniform4f(name, 1, *shot.tangents)
        GL.glProgramUniform3f(name, 2, layer.weight, *depths)
        coarser = int(variants is not self._layers[0]) if self._layers else 0
        rows, columns = (-(-n // (1 + coarser)) for n in shot.front.shape[:2])
        GL.glDrawElementsInstanced(GL.GL_TRIANGLES, 6 * columns, GL.GL_UNSIGNED_SHORT, None, views * rows)

    def _make(self) -> None:
        own = self._stack.enter_context
        stages, state = ("shot.vert", "shot.frag"), State(cull="none", blend="over")
        self._layers = own(Variants(stages, (), state)), own(Variants(stages, ("BACK",), state))
        corners = np.array([0, 2, 1, 1, 2, 3]) + 4 * np.arange(_MOST_COLUMNS)[:, None]
        quads = corners.astype(np.uint16).ravel()
        self._array = own(VertexArray("view cells"))
        self._array.sources(None, 0, own(Buffer(quads.nbytes, "view cells", quads)))

    def close(self) -> None:
        self._stack.close()

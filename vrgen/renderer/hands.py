"""Bare hands: a capsule between any two joints that belong together, all of both hands in one draw."""

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from vrgen.geometry import Array
from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer, VertexArray
from vrgen.gl.pipeline import Pipeline, Program
from vrgen.gl.transfer import Ring
from vrgen.renderer.ribbons import unit

_AROUND, _ROUND = 18, 5
"""Corners around a capsule, and steps from its side to its tip."""

WRIST, THUMB, FINGERS = 1, (2, 3, 4, 5), tuple(tuple(range(first, first + 5)) for first in (6, 11, 16, 21))
"""Joints in OpenXR's order (XR_EXT_hand_tracking): metacarpal, proximal, intermediate, distal, tip."""


def _bones() -> npt.NDArray[np.float32]:
    """(2 B, 26): each end of each capsule as a mixture of joints.

    Fingers go from joint to joint. The palm and the web of the thumb are many bones side by side, so near each
    other that they make one surface.
    """
    ends: list[dict[int, float]] = []

    def bone(start: dict[int, float], end: dict[int, float]) -> None:
        ends.extend((start, end))

    for chain in ((WRIST, *THUMB), *(finger[1:] for finger in FINGERS)):
        for a, b in pairwise(chain):
            bone({a: 1.0}, {b: 1.0})
    for one, other in pairwise(FINGERS):
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)[other is not FINGERS[1] :]:
            heel = {WRIST: 0.8, one[0]: 0.2 * (1 - share), other[0]: 0.2 * share}
            root = {one[0]: 1 - share, other[0]: share}
            knuckle = {one[1]: 0.97 * (1 - share), other[1]: 0.97 * share, one[0]: 0.03 * (1 - share)}
            knuckle[other[0]] = 0.03 * share
            bone(heel, root)
            bone(root, knuckle)
    thumb, index = THUMB, FINGERS[0]
    for share in (0.2, 0.4, 0.6, 0.8):
        reach = 0.85 - 0.9 * share * (1 - share)
        start = {thumb[0]: 1 - share, index[0]: share}
        end = {thumb[0]: (1 - share) * (1 - reach), index[0]: share * (1 - reach)}
        end |= {thumb[1]: (1 - share) * reach, index[1]: share * reach}
        bone(start, end)
    mixture = np.zeros((len(ends), 26), np.float32)
    for row, parts in enumerate(ends):
        for joint, weight in parts.items():
            mixture[row, joint] += weight
    return mixture


BONES = _bones()
_COUNT = len(BONES) // 2
_FIRST_OF_PALM = 4 + 4 * 3


class HandsPass:
    """Owner of the capsule and its program."""

    def __init__(self, views: int, defines: tuple[str, ...]) -> None:
        self._stack = ExitStack()
        self._views = views
        own = self._stack.enter_context
        defines = (*defines, "ROUGHNESS 0.75", f"BONES {_COUNT}", f"FIRST_OF_PALM {_FIRST_OF_PALM}")
        self._pipeline = Pipeline(own(Program("hand.vert", "held.frag", defines=defines)))
        vertices, faces = _capsule()
        self._count = faces.size
        self._vao = own(VertexArray("capsule"))
        self._vao.attribute(0, 4, GL.GL_FLOAT, 0)
        buffers = Buffer(vertices.nbytes, "capsule", vertices), Buffer(faces.nbytes, "capsule faces", faces)
        self._vao.sources(own(buffers[0]), 16, own(buffers[1]))

    def draw(self, ring: Ring, hands: Sequence[Array], origin: Sequence[float]) -> None:
        """`hands`: (26, 4) each, metres in the world, with radius."""
        bones = np.empty((len(hands), len(BONES), 4), np.float32)
        palms = np.zeros((len(hands), 4), np.float32)
        for i, joints in enumerate(hands):
            np.matmul(BONES, (joints - (*origin, 0.0)).astype(np.float32), out=bones[i])
            wrist, index, little = joints[[WRIST, FINGERS[0][1], FINGERS[3][1]], :3]
            (a, b, c), (x, y, z) = index - wrist, little - wrist
            palms[i, :3] = unit((b * z - c * y, c * x - a * z, a * y - b * x))
        self._pipeline.bind()
        GL.glProgramUniform4fv(self._pipeline.program.name, 0, len(hands), palms)
        GL.glBindVertexArray(self._vao.name)
        GL.glBindBufferRange(GL.GL_SHADER_STORAGE_BUFFER, 1, ring.buffer.name, *ring.put(bones))
        count = len(hands) * _COUNT * self._views
        GL.glDrawElementsInstanced(GL.GL_TRIANGLES, self._count, GL.GL_UNSIGNED_SHORT, None, count)

    def close(self) -> None:
        self._stack.close()


def _capsule() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint16]]:
    """Directions from the centres of both ends with the end (0 or 1); faces, counter-clockwise from outside."""
    rows = []
    for end, angles in (
        (0.0, np.linspace(-np.pi / 2, 0, _ROUND + 1)),
        (1.0, np.linspace(0, np.pi / 2, _ROUND + 1)),
    ):
        rows += [(end, angle) for angle in angles]
    turn = 2 * np.pi * np.arange(_AROUND) / _AROUND
    vertices = np.array(
        [(np.cos(a) * np.cos(t), np.cos(a) * np.sin(t), np.sin(a), end) for end, a in rows for t in turn],
        np.float32,
    )
    faces = []
    for row in range(len(rows) - 1):
        for k in range(_AROUND):
            a, b = row * _AROUND + k, row * _AROUND + (k + 1) % _AROUND
            faces += [(a, b, b + _AROUND), (a, b + _AROUND, a + _AROUND)]
    return vertices, np.array(faces, np.uint16)

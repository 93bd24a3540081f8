"""What hides what (ADR 15): the depth drawn so far as a pyramid, what came of asking it, and whether it pays."""

import numpy as np

from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer, Texture
from vrgen.gl.pipeline import Pipeline, Program
from vrgen.gl.transfer import FRAMES_IN_FLIGHT
from vrgen.messages import Seen
from vrgen.renderer.ground import COMMAND

CELL_PX, LEVELS = 8, 4
"""Side of the smallest square of the pyramid, and how many sizes there are: 8, 16, 32 and 64 pixels."""
UNIT = 18
"""Of the texture that depth is read from, and then the pyramid."""
TRIANGLE_SAMPLES = 60
"""Samples of depth that are read in the time that a hidden triangle takes to draw: on llvmpipe 60 to 250."""
INSTANCE_SAMPLES = 50
"""…and that asking about an instance takes."""
CALLS_SAMPLES = 300_000
"""…and that giving the commands for it takes: hiding 5 000 triangles in small pictures wins no more."""
TELL_EVERY = 16
"""Frames from one count of what was drawn to the next."""
TRY_EVERY = 180
"""Frames after which what did not pay is tried again."""
_SETTLES = 3
"""Frames until what is hidden no longer depends on what was known before."""


class Worth:
    """Whether to ask what is hidden: where drawing it would take longer than finding it."""

    def __init__(self, tried: bool = False) -> None:
        """`tried`: with the first objects, so that its programs are compiled along with theirs and no later frame
        waits for them. A rasteriser in software takes a third of a second, perhaps for nothing."""
        self.pays = tried
        self._sure = False
        """It has paid since it was last tried."""
        self._waits = 0
        """Counts until it is tried again."""

    def told(self, seen: Seen, samples: int) -> None:
        """Decide anew, from what came of a frame and how many samples of depth its picture has."""
        cost = CALLS_SAMPLES + samples + INSTANCE_SAMPLES * (seen.drawn + seen.hidden)
        if self.pays:
            self.pays = TRIANGLE_SAMPLES * seen.hidden_triangles >= (cost / 2 if self._sure else cost)
            self._sure, self._waits = self.pays, TRY_EVERY // TELL_EVERY
        elif self._waits:
            self._waits -= 1
        else:  # would it pay if all of it were hidden?
            self.pays = TRIANGLE_SAMPLES * seen.drawn_triangles >= cost


class Occlusion:
    """Owner of the pyramid and of the memory that counts come back through."""

    def __init__(self, samples: int, always: bool | None = None, tried: bool = False) -> None:
        """`samples`: of a pixel. `always`: whether to ask; by default where it pays. `tried`: as in `Worth`."""
        self.always = always
        self._samples = samples
        self._worth = Worth(tried)
        self._program: Program | None = None
        self._pyramid: Texture | None = None
        self._room = (0, 0, 0)
        self._back: Buffer | None = None
        self._asked: tuple[int, int, int, int] | None = None
        """In which frame, and of how many commands, instances and views."""
        self._frame = 0
        self._due = _SETTLES
        self.seen = Seen()
        """Of the last frame that was counted."""

    def begin(self, pixels: int, objects: bool) -> bool:
        """Whether to ask in this frame, which has so many pixels in all, and objects or not. To be called once the
        ring has begun it: then what was asked `FRAMES_IN_FLIGHT` frames ago has come."""
        self._frame += 1
        if not objects:
            self._due, self._asked, self.seen = self._frame + _SETTLES, None, Seen()
            return False
        if self._asked is not None and self._frame >= self._asked[0] + FRAMES_IN_FLIGHT:
            _, commands, instances, views = self._asked
            self._asked = None
            self.seen = self._told(commands, instances, views)
            was = self._worth.pays
            self._worth.told(self.seen, pixels * self._samples)
            self._due = self._frame + (TELL_EVERY if was == self._worth.pays else _SETTLES)
        return self._worth.pays if self.always is None else self.always

    def look(self, depth: Texture, size_px: tuple[int, int], layers: int) -> None:
        """Make the pyramid of that depth, of which the lower left `size_px` are drawn; bind it for the cull."""
        if self._program is None:
            self._program = Program("pyramid.comp", defines=(f"SAMPLES {self._samples}",))
        whole = CELL_PX << (LEVELS - 1)
        groups = tuple((side + whole - 1) // whole for side in size_px)
        room = (groups[0] * whole // CELL_PX, groups[1] * whole // CELL_PX, layers)
        if self._pyramid is None or any(now > there for now, there in zip(room, self._room)):
            if self._pyramid is not None:
                self._pyramid.close()
            self._room = room
            array = GL.GL_TEXTURE_2D_ARRAY
            self._pyramid = Texture(array, room, GL.GL_R32F, "depth pyramid", LEVELS, linear=False)
        program, pyramid = self._program.name, self._pyramid
        GL.glUseProgram(program)
        Pipeline._bound = None
        depth.bind(UNIT)
        for level in range(LEVELS):
            GL.glBindImageTexture(level, pyramid.name, level, True, 0, GL.GL_WRITE_ONLY, GL.GL_R32F)
        GL.glProgramUniform2ui(program, 0, *size_px)
        GL.glDispatchCompute(*groups, layers)
        GL.glMemoryBarrier(GL.GL_TEXTURE_FETCH_BARRIER_BIT)
        pyramid.bind(UNIT)

    def count(self, lists: Buffer, commands: int, tally: int, instances: int, views: int) -> None:
        """The frame's lists are whole: where a count is due, ask for it. `lists` begins with two of so many
        `COMMAND`s; the one at `tally` counts what is hidden."""
        if self._asked is not None or self._frame < self._due:
            return
        one = COMMAND.itemsize
        size = (2 * commands + 1) * one
        if self._back is None or self._back.size < size:
            if self._back is not None:
                self._back.close()
            self._back = Buffer(2 * size, "counts of objects", persistent=True, readable=True)
        for begin, to, length in ((0, one, size - one), (tally * one, 0, one)):
            GL.glCopyNamedBufferSubData(lists.name, self._back.name, begin, to, length)
        self._asked = (self._frame, commands, instances, views)

    def _told(self, commands: int, instances: int, views: int) -> Seen:
        assert self._back is not None
        told = self._back.mapped[: (2 * commands + 1) * COMMAND.itemsize].view(COMMAND)
        lists, hidden = told[1:], int(told["instances"][0])
        drawn = int(lists["instances"].sum()) // views
        triangles = int((lists["count"] // 3).astype(np.int64) @ lists["instances"].astype(np.int64))
        return Seen(drawn, hidden, instances - drawn - hidden, triangles, int(told["count"][0]))

    def close(self) -> None:
        for owned in (self._program, self._pyramid, self._back):
            if owned is not None:
                owned.close()

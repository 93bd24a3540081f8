"""What drawing takes of the GPU, read back frames later so that nothing waits for it."""

import ctypes
from collections.abc import Sequence

from vrgen.clock import apart_s
from vrgen.gl.api import GL, bare
from vrgen.laps import Laps

_DEEP = 5
"""Frames that may be on their way at once; the result of one that is overtaken is left out."""
_AGAIN = 5
"""How often, in a frame, passes are begun anew or have a second part."""


_mark = bare("glQueryCounter", None, ctypes.c_uint, ctypes.c_uint)
_look = bare("glGetQueryObjectui64v", None, ctypes.c_uint, ctypes.c_uint, ctypes.c_size_t)


class PassTimer(Laps):
    """CPU time of a frame's passes as they are given, and GPU time as they are drawn, which comes frames later.

    A rasteriser in software draws all passes of a framebuffer tile by tile, after the last: there only the GPU
    time of the whole frame is asked for.
    """

    def __init__(self, names: Sequence[str], software: bool) -> None:
        super().__init__(names)
        self._software = software
        points = 2 if software else len(self.names) + _AGAIN
        made = (GL.GLuint * (points * _DEEP))()
        GL.glCreateQueries(GL.GL_TIMESTAMP, len(made), made)
        self._made = made
        names_of = [int(name) for name in made]
        self._names = [names_of[i * points : (i + 1) * points] for i in range(_DEEP)]
        self._whats = [[0] * points for _ in range(_DEEP)]
        self._counts = [0] * _DEEP
        self._asked = self._read = 0
        self._open = False
        self._timestamp, self._result = int(GL.GL_TIMESTAMP), int(GL.GL_QUERY_RESULT)
        self._found = GL.GLuint64()
        self._found_at = ctypes.addressof(self._found)
        self.gpu_ms = [0.0] * len(self.names)
        """By pass, of the newest frame that is through; all 0 on a rasteriser in software."""
        self.gpu_frame_ms = 0.0
        """Of that frame, without the gaps between `lap` and `resume`."""
        self.gpu_log: list[tuple[int, int, int]] | None = None
        """For who wants to see each pass, in order: which, when it began and ended, ns of the GPU's own clock; -1
        is the whole frame of a rasteriser in software. Emptied by them."""
        self.gpu_frames = 0
        """Goes up with every frame that is through."""

    def begin(self) -> float:
        """Also looks, without waiting, which frames are through."""
        self._close_slot()
        while self._read < self._asked and self._take(self._read % _DEEP):
            self._read += 1
        if self._asked - self._read == _DEEP:
            self._read += 1  # overtaken: its result is left out
        self._counts[self._asked % _DEEP] = 0
        self._open = True
        self._mark(-1)
        return super().begin()

    def resume(self) -> None:
        if not self._software:
            self._mark(-1)
        super().resume()

    def lap(self, which: int) -> None:
        super().lap(which)
        if not self._software:
            self._mark(which)

    def end(self) -> None:
        """The frame's last command was given; without it the next `begin` ends the frame."""
        self._close_slot()

    def _close_slot(self) -> None:
        if not self._open:
            return
        if self._software:
            self._mark(0)
        self._open = False
        self._asked += 1

    def _mark(self, what: int) -> None:
        slot = self._asked % _DEEP
        count = self._counts[slot]
        if self._open and count < len(self._names[slot]):
            self._whats[slot][count] = what
            self._counts[slot] = count + 1
            _mark(self._names[slot][count], self._timestamp)

    def _take(self, slot: int) -> bool:
        count, names, whats = self._counts[slot], self._names[slot], self._whats[slot]
        found, found_at, result = self._found, self._found_at, self._result
        _look(names[count - 1], GL.GL_QUERY_RESULT_AVAILABLE, found_at)
        if not found.value:
            return False
        gpu_ms = self.gpu_ms
        total_ns = before_ns = 0
        for i in range(len(gpu_ms)):
            gpu_ms[i] = 0.0
        for i in range(count):
            _look(names[i], result, found_at)
            at_ns, what = found.value, whats[i]
            if what >= 0:
                total_ns += at_ns - before_ns
                if not self._software:
                    gpu_ms[what] += (at_ns - before_ns) / 1e6
                if self.gpu_log is not None:
                    self.gpu_log.append((-1 if self._software else what, before_ns, at_ns))
            before_ns = at_ns
        self.gpu_frame_ms = total_ns / 1e6
        self.gpu_frames += 1
        return True

    def gpu_clock_s(self) -> float:
        """time.perf_counter less the GPU's clock, now; the two drift apart by and by."""
        now_ns = GL.GLint64()

        def now_s() -> float:
            GL.glGetInteger64v(GL.GL_TIMESTAMP, now_ns)
            return int(now_ns.value) / 1e9

        return -apart_s(now_s)

    def close(self) -> None:
        GL.glDeleteQueries(len(self._made), self._made)

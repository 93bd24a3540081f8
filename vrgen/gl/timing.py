"""What drawing takes of the GPU, read back frames later so that nothing waits for it."""

from vrgen.gl.api import GL

_DEEP = 5
"""Frames that may be on their way at once; the result of one that is overtaken is left out."""


class GpuTimer:
    """Owner of timestamp queries: `begin`, draw, `end`; `ms` is the newest result."""

    def __init__(self) -> None:
        names = (GL.GLuint * (2 * _DEEP))()
        GL.glCreateQueries(GL.GL_TIMESTAMP, len(names), names)
        self._names = [int(name) for name in names]
        self._asked = self._read = 0
        self._begun = False
        self._there, self._times = GL.GLint(), (GL.GLuint64(), GL.GLuint64())
        self.ms: float | None = None
        """Of the last frame that is through; None before the first."""

    def begin(self) -> None:
        """The frame's first command comes now."""
        if self._asked - self._read == _DEEP:
            self._read += 1
        GL.glQueryCounter(self._names[2 * (self._asked % _DEEP)], GL.GL_TIMESTAMP)
        self._begun = True

    def end(self) -> None:
        """The frame's last command was given; harmless without `begin`."""
        if not self._begun:
            return
        self._begun = False
        GL.glQueryCounter(self._names[2 * (self._asked % _DEEP) + 1], GL.GL_TIMESTAMP)
        self._asked += 1
        while self._read < self._asked and self._take(self._read % _DEEP):
            self._read += 1

    def _take(self, slot: int) -> bool:
        first, last = self._names[2 * slot], self._names[2 * slot + 1]
        GL.glGetQueryObjectiv(last, GL.GL_QUERY_RESULT_AVAILABLE, self._there)
        if not self._there.value:
            return False
        began, ended = self._times
        GL.glGetQueryObjectui64v(first, GL.GL_QUERY_RESULT, began)
        GL.glGetQueryObjectui64v(last, GL.GL_QUERY_RESULT, ended)
        self.ms = (ended.value - began.value) / 1e6
        return True

    def close(self) -> None:
        GL.glDeleteQueries(len(self._names), self._names)

"""Programs and pipelines: a pipeline holds its program and all the state it draws with.

`glEnable` appears only here. Binding compares with what was bound last, so a repeated bind costs nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from vrgen.errors import GraphicsError
from vrgen.gl.api import GL
from vrgen.gl.objects import _Object
from vrgen.resources import SHADERS

_STAGES = {".vert": "GL_VERTEX_SHADER", ".frag": "GL_FRAGMENT_SHADER", ".comp": "GL_COMPUTE_SHADER"}
_INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"\s*$', re.MULTILINE)


def source(name: str, defines: tuple[str, ...] = ()) -> str:
    """GLSL of one stage with its includes in place and `defines` ("NAME" or "NAME value") after #version."""
    path = SHADERS / name
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise GraphicsError(f"shader {name} is missing at {path}; install vrgen again") from error

    def included(match: re.Match[str]) -> str:
        return (SHADERS / match.group(1)).read_text(encoding="utf-8")

    text = _INCLUDE.sub(included, text)
    head = "".join(f"#define {define}\n" for define in defines)
    version, _, body = text.partition("\n")
    return f"{version}\n{head}#line 2\n{body}"


class Program(_Object):
    """Compiled and linked stages, named by file: `Program("ground.vert", "ground.frag")`."""

    kind = "program"

    def __init__(self, *stages: str, defines: tuple[str, ...] = ()) -> None:
        super().__init__(GL.glCreateProgram(), "+".join(stages))
        shaders = []
        try:
            for stage in stages:
                shader = GL.glCreateShader(getattr(GL, _STAGES[Path(stage).suffix]))
                shaders.append(shader)
                GL.glShaderSource(shader, source(stage, defines))
                GL.glCompileShader(shader)
                if not GL.glGetShaderiv(shader, GL.GL_COMPILE_STATUS):
                    raise GraphicsError(f"shader {stage} does not compile: {_log(GL.glGetShaderInfoLog(shader))}")
                GL.glAttachShader(self.name, shader)
            GL.glLinkProgram(self.name)
            if not GL.glGetProgramiv(self.name, GL.GL_LINK_STATUS):
                raise GraphicsError(f"shaders {self.label} do not link: {_log(GL.glGetProgramInfoLog(self.name))}")
        except GraphicsError:
            self.close()
            raise
        finally:
            for shader in shaders:
                GL.glDeleteShader(shader)

    def _delete(self) -> None:
        GL.glDeleteProgram(self.name)


def _log(text: bytes | str) -> str:
    return (text.decode(errors="replace") if isinstance(text, bytes) else text).strip()


@dataclass(frozen=True, eq=False, slots=True)
class State:
    """Fixed-function state of a pipeline. Depth is reversed: `near` keeps what is closer."""

    depth: Literal["near", "always", "off"] = "near"
    write_depth: bool = True
    cull: Literal["back", "front", "none"] = "back"
    blend: Literal["none", "over"] = "none"
    bias: tuple[float, float] = (0.0, 0.0)
    """Slope factor and units of polygon offset."""
    clamp_depth: bool = False


_Call: TypeAlias = tuple[Callable[..., object], tuple[object, ...]]


class Pipeline:
    """A program with all the state it draws with."""

    _bound: "Pipeline | None" = None
    _state: State | None = None
    """What the last one has set; who uses a program without a pipeline leaves it as it is."""

    def __init__(self, program: Program, state: State = State()) -> None:
        self.program = program
        self.state = state
        self._from: dict[State | None, list[_Call]] = {}
        """What to call after each other state."""

    def bind(self) -> None:
        if Pipeline._bound is self:
            return
        Pipeline._bound = self
        GL.glUseProgram(self.program.name)
        before = Pipeline._state
        if before is self.state:
            return
        Pipeline._state = self.state
        calls = self._from.get(before)
        if calls is None:
            calls = self._from[before] = _change(before, self.state)
        for function, arguments in calls:
            function(*arguments)

    @staticmethod
    def forget() -> None:
        """Someone else drew (a panel, a runtime): set everything anew at the next bind."""
        Pipeline._bound = Pipeline._state = None
        GL.glClipControl(GL.GL_LOWER_LEFT, GL.GL_ZERO_TO_ONE)
        GL.glDisable(GL.GL_SCISSOR_TEST)
        GL.glDisable(GL.GL_STENCIL_TEST)
        GL.glDisable(GL.GL_FRAMEBUFFER_SRGB)
        GL.glEnable(GL.GL_MULTISAMPLE)
        GL.glEnable(GL.GL_TEXTURE_CUBE_MAP_SEAMLESS)
        GL.glColorMask(True, True, True, True)


def _change(before: State | None, now: State) -> list[_Call]:
    """Calls that set what differs; everything where `before` is not known."""
    calls: list[_Call] = []

    def switch(capability: int, on: bool) -> None:
        calls.append((GL.glEnable if on else GL.glDisable, (capability,)))

    if before is None or before.depth != now.depth:
        switch(GL.GL_DEPTH_TEST, now.depth != "off")
        calls.append((GL.glDepthFunc, (GL.GL_GEQUAL if now.depth == "near" else GL.GL_ALWAYS,)))
    if before is None or before.write_depth != now.write_depth:
        calls.append((GL.glDepthMask, (now.write_depth,)))
    if before is None or before.cull != now.cull:
        switch(GL.GL_CULL_FACE, now.cull != "none")
        if now.cull != "none":
            calls.append((GL.glCullFace, (GL.GL_BACK if now.cull == "back" else GL.GL_FRONT,)))
    if before is None or before.blend != now.blend:
        switch(GL.GL_BLEND, now.blend == "over")
        if now.blend == "over":  # premultiplied alpha
            over = (GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA, GL.GL_ONE, GL.GL_ONE_MINUS_SRC_ALPHA)
            calls.append((GL.glBlendFuncSeparate, over))
    if before is None or before.bias != now.bias:
        switch(GL.GL_POLYGON_OFFSET_FILL, now.bias != (0.0, 0.0))
        calls.append((GL.glPolygonOffset, now.bias))
    if before is None or before.clamp_depth != now.clamp_depth:
        switch(GL.GL_DEPTH_CLAMP, now.clamp_depth)
    return calls

"""Draws what Dear ImGui lays out into the bound framebuffer, with pipelines of our own (so that no GL state leaks
and clipping needs no scissor test)."""

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt
from imgui_bundle import imgui

from vrgen.gl.api import GL
from vrgen.gl.objects import Buffer, Texture, VertexArray
from vrgen.gl.pipeline import Pipeline, Program, State

OVER = State(depth="off", write_depth=False, cull="none", blend="over")


class ImguiRenderer:
    """Owner of the glyph textures, buffers and pipeline of the current ImGui context."""

    def __init__(self) -> None:
        self._program = Program("panel.vert", "panel.frag")
        self._pipeline = Pipeline(self._program, OVER)
        self._array = VertexArray("panel")
        self._array.attribute(0, 2, GL.GL_FLOAT, imgui.VERTEX_BUFFER_POS_OFFSET)
        self._array.attribute(1, 2, GL.GL_FLOAT, imgui.VERTEX_BUFFER_UV_OFFSET)
        self._array.attribute(2, 4, GL.GL_UNSIGNED_BYTE, imgui.VERTEX_BUFFER_COL_OFFSET, normalized=True)
        self._vertices = self._indices = Buffer(16, "panel, empty")
        self._textures: dict[int, Texture] = {}
        imgui.get_io().backend_flags |= imgui.BackendFlags_.renderer_has_textures
        imgui.get_io().backend_flags |= imgui.BackendFlags_.renderer_has_vtx_offset

    def draw(self, data: imgui.ImDrawData, size_px: tuple[int, int]) -> None:
        """Into the bound framebuffer, whose viewport is `size_px`."""
        self._update_textures()
        vertices = [_bytes(part.vtx_buffer, imgui.VERTEX_SIZE) for part in data.cmd_lists]
        indices = [_bytes(part.idx_buffer, imgui.INDEX_SIZE) for part in data.cmd_lists]
        if not vertices:
            return
        self._vertices = _filled(self._vertices, np.concatenate(vertices), "panel vertices")
        self._indices = _filled(self._indices, np.concatenate(indices), "panel indices")
        self._array.sources(self._vertices, imgui.VERTEX_SIZE, self._indices)
        self._pipeline.bind()
        GL.glBindVertexArray(self._array.name)
        GL.glUniform2f(0, *size_px)
        form = GL.GL_UNSIGNED_INT if imgui.INDEX_SIZE == 4 else GL.GL_UNSIGNED_SHORT
        vertex = index = 0
        for part in data.cmd_lists:
            for command in part.cmd_buffer:
                left, top, right, bottom = command.clip_rect
                GL.glUniform4f(1, left, size_px[1] - bottom, right, size_px[1] - top)
                GL.glBindTextureUnit(0, int(command.tex_ref.get_tex_id()))
                offset = ctypes.c_void_p((index + command.idx_offset) * imgui.INDEX_SIZE)
                GL.glDrawElementsBaseVertex(
                    GL.GL_TRIANGLES, command.elem_count, form, offset, vertex + command.vtx_offset
                )
            vertex += part.vtx_buffer.size()
            index += part.idx_buffer.size()
        GL.glBindVertexArray(0)

    def _update_textures(self) -> None:
        """Do what ImGui asks of its glyph textures: make, update, destroy (its backends guide, 1.92)."""
        for wanted in imgui.get_platform_io().textures:
            if wanted.status == imgui.ImTextureStatus.want_create:
                texture = Texture(GL.GL_TEXTURE_2D, (wanted.width, wanted.height), GL.GL_RGBA8, "panel glyphs")
                self._textures[texture.name] = texture
                wanted.set_tex_id(texture.name)
                _upload(texture, wanted, (0, 0, wanted.width, wanted.height))
                wanted.set_status(imgui.ImTextureStatus.ok)
            elif wanted.status == imgui.ImTextureStatus.want_updates:
                for part in wanted.updates:
                    _upload(self._textures[int(wanted.tex_id)], wanted, (part.x, part.y, part.w, part.h))
                wanted.set_status(imgui.ImTextureStatus.ok)
            elif wanted.status == imgui.ImTextureStatus.want_destroy and wanted.unused_frames > 0:
                self._textures.pop(int(wanted.tex_id)).close()
                wanted.set_tex_id(0)
                wanted.set_status(imgui.ImTextureStatus.destroyed)

    def close(self) -> None:
        for wanted in imgui.get_platform_io().textures:
            if int(wanted.tex_id) in self._textures:
                wanted.set_tex_id(0)
                wanted.set_status(imgui.ImTextureStatus.destroyed)
        for texture in self._textures.values():
            texture.close()
        self._textures.clear()
        self._indices.close()
        self._vertices.close()
        self._array.close()
        self._program.close()


# An array type of ctypes for each size would be seven objects of garbage for each.
_memory = ctypes.pythonapi.PyMemoryView_FromMemory
_memory.restype, _memory.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)
_READ = 0x100


def _bytes(vector: Any, item: int) -> npt.NDArray[np.uint8]:
    """A view of an ImVector's memory, valid until the next ImGui frame."""
    size = vector.size() * item
    if not size:
        return np.zeros(0, np.uint8)
    return np.frombuffer(_memory(vector.data_address(), size, _READ), np.uint8)


def _filled(buffer: Buffer, data: npt.NDArray[np.uint8], label: str) -> Buffer:
    """`buffer` with `data` in it, or a larger one in its place."""
    if data.nbytes > buffer.size:
        buffer.close()
        buffer = Buffer(max(2 * data.nbytes, 1 << 16), label)
    buffer.write(data)
    return buffer


def _upload(texture: Texture, wanted: Any, rect: tuple[int, int, int, int]) -> None:
    x, y, width, height = rect
    pixels = np.asarray(wanted.get_pixels_array(), np.uint8).reshape(wanted.height, wanted.width, 4)
    part = np.ascontiguousarray(pixels[y : y + height, x : x + width])
    GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
    GL.glTextureSubImage2D(
        texture.name, 0, x, y, width, height, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE, part.ctypes.data_as(GL.GLvoidp)
    )

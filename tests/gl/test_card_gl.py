"""OpenGL tells which card it draws on, in the words of CUDA and Vulkan."""

import uuid

from vrgen.display.headless import HeadlessDisplay


def test_the_card_is_told(gl_context: HeadlessDisplay) -> None:
    from vrgen.gl import card
    from vrgen.gl.api import GL

    told = card.uuids()
    names = [
        GL.glGetStringi(GL.GL_EXTENSIONS, i).decode() for i in range(int(GL.glGetIntegerv(GL.GL_NUM_EXTENSIONS)))
    ]
    assert bool(told) == ("GL_EXT_memory_object" in names)
    assert all(uuid.UUID(one).int for one in told)
    assert GL.glGetError() == GL.GL_NO_ERROR

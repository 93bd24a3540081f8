"""Which card the current OpenGL context draws on, by the identifiers that CUDA and Vulkan use as well."""

import ctypes
import uuid

from vrgen.gl.api import GL

_UUID_BYTES = 16


def uuids() -> tuple[str, ...]:
    """Of the device, or the several ones, of the current context; () where the driver does not tell
    (GL_EXT_memory_object, 4.1: GL_DEVICE_UUID_EXT)."""
    from OpenGL.GL.EXT import memory_object

    if not memory_object.glInitMemoryObjectEXT() or not memory_object.glGetUnsignedBytei_vEXT:
        return ()
    count, told = (ctypes.c_int * 1)(), (ctypes.c_ubyte * _UUID_BYTES)()
    GL.glGetIntegerv(memory_object.GL_NUM_DEVICE_UUIDS_EXT, count)
    found = []
    for index in range(count[0]):
        memory_object.glGetUnsignedBytei_vEXT(memory_object.GL_DEVICE_UUID_EXT, index, told)
        found.append(str(uuid.UUID(bytes=bytes(told))))
    return tuple(found)

"""CUDA's driver by way of cuda-python: the few calls that hand results over on the card, typed, none silent.

The driver's interface and not the runtime's: it works with any driver that has the calls, whatever CUDA the
installed cuda-python was made for. A call that fails raises with its name and what it answered. Contexts are made
current a thread at a time; whoever makes threads does so in each.
"""

import ctypes
import sys
import uuid
from collections.abc import Collection
from typing import Any, NewType

from vrgen.errors import DeviceError

HANDLE_BYTES = 64
"""Of what another process opens memory or an event by."""

Address = NewType("Address", int)
"""Of memory on the card."""
Event = NewType("Event", int)
Stream = NewType("Stream", int)
Resource = NewType("Resource", int)
"""A GL buffer that CUDA knows."""
_MOST_DEVICES = 16


class CudaError(DeviceError):
    """A call that failed, or why none can be made."""


class Cuda:
    """The driver, initialised.

    Raises:
        CudaError: it can't be had; the sentence says why.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise CudaError("processes share a card's memory on Linux only")
        try:
            from cuda.bindings import driver
        except ImportError as error:
            raise CudaError("cuda-python is not installed; pip install 'vrgen[cuda]'") from error
        self._driver: Any = driver
        try:
            self._call("cuInit", 0)
        except RuntimeError as error:  # cuda-python's own kinds, where there is no library to load
            raise CudaError("no NVIDIA driver answers; install it") from error

    def _call(self, name: str, *arguments: object) -> Any:
        status, *values = getattr(self._driver, name)(*arguments)
        if status != self._driver.CUresult.CUDA_SUCCESS:
            raise CudaError(f"{name} answered {status.name}")
        return values[0] if len(values) == 1 else values

    # --- cards --------------------------------------------------------------------------------------------

    def device(self, ordinal: int) -> int:
        return int(self._call("cuDeviceGet", ordinal))

    def drawn_on(self, told: Collection[str]) -> int | None:
        """The device that the current OpenGL context draws on, by the uuids that it has `told`, else as CUDA sees
        it; None when it is none of CUDA's."""
        devices = [self.device(ordinal) for ordinal in range(int(self._call("cuDeviceGetCount")))]
        for device in devices:
            if self.uuid(device) in told:
                return device
        try:
            everything = self._driver.CUGLDeviceList.CU_GL_DEVICE_LIST_ALL
            count, found = self._call("cuGLGetDevices", _MOST_DEVICES, everything)
        except CudaError:  # "no device" is an answer
            return None
        return int(found[0]) if count else None

    def uuid(self, device: int) -> str:
        """As OpenGL and torch tell it."""
        told = self._call("cuDeviceGetUuid", device)
        return str(uuid.UUID(bytes=ctypes.string_at(told.getPtr(), 16)))

    def shares_events(self, device: int) -> bool:
        """Whether its memory and events can be opened by other processes (not under WSL)."""
        which = self._driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED
        return bool(self._call("cuDeviceGetAttribute", which, device))

    def retain(self, device: int) -> int:
        """The device's primary context, which torch has as well; `release` it. May take a second."""
        return int(self._call("cuDevicePrimaryCtxRetain", device))

    def release(self, device: int) -> None:
        self._call("cuDevicePrimaryCtxRelease", device)

    def make_current(self, context: int) -> None:
        """In this thread, until another is."""
        self._call("cuCtxSetCurrent", self._driver.CUcontext(context))

    def memory(self) -> tuple[int, int]:
        """Bytes that are free, and all."""
        free, total = self._call("cuMemGetInfo")
        return int(free), int(total)

    # --- memory -------------------------------------------------------------------------------------------

    def allocate(self, size: int) -> Address:
        return Address(int(self._call("cuMemAlloc", size)))

    def free(self, memory: Address) -> None:
        self._call("cuMemFree", memory)

    def handle_of(self, memory: Address) -> bytes:
        """What another process opens it by; of what `allocate` gave, not of a place in it."""
        return _bytes(self._call("cuIpcGetMemHandle", memory))

    def open(self, handle: bytes) -> Address:
        """Memory of another process, on a device that is this context's; `close` it."""
        flags = self._driver.CUipcMem_flags.CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS
        return Address(
            int(self._call("cuIpcOpenMemHandle", _filled(self._driver.CUipcMemHandle(), handle), flags))
        )

    def close(self, memory: Address) -> None:
        self._call("cuIpcCloseMemHandle", memory)

    def copy(self, to: Address, source: Address, size: int, stream: Stream) -> None:
        """Within the card; does not wait."""
        self._call("cuMemcpyDtoDAsync", to, source, size, self._driver.CUstream(stream))

    # --- order --------------------------------------------------------------------------------------------

    def stream(self) -> Stream:
        """One that waits for no other."""
        flags = self._driver.CUstream_flags.CU_STREAM_NON_BLOCKING
        return Stream(int(self._call("cuStreamCreate", flags)))

    def end_stream(self, stream: Stream) -> None:
        self._call("cuStreamDestroy", self._driver.CUstream(stream))

    def event(self, *, shared: bool = False) -> Event:
        """`shared`: other processes can open it."""
        kinds = self._driver.CUevent_flags
        flags = int(kinds.CU_EVENT_DISABLE_TIMING)
        if shared:
            flags |= int(kinds.CU_EVENT_INTERPROCESS)
        return Event(int(self._call("cuEventCreate", flags)))

    def event_handle(self, event: Event) -> bytes:
        return _bytes(self._call("cuIpcGetEventHandle", self._driver.CUevent(event)))

    def open_event(self, handle: bytes) -> Event:
        return Event(int(self._call("cuIpcOpenEventHandle", _filled(self._driver.CUipcEventHandle(), handle))))

    def end_event(self, event: Event) -> None:
        """Also of one that was opened."""
        self._call("cuEventDestroy", self._driver.CUevent(event))

    def record(self, event: Event, stream: Stream) -> None:
        """The event is passed when all that the stream was given by now is done."""
        self._call("cuEventRecord", self._driver.CUevent(event), self._driver.CUstream(stream))

    def passed(self, event: Event) -> bool:
        """Also true of one that was never recorded. Never waits."""
        results = self._driver.CUresult
        (status,) = self._driver.cuEventQuery(self._driver.CUevent(event))
        if status == results.CUDA_ERROR_NOT_READY:
            return False
        if status != results.CUDA_SUCCESS:
            raise CudaError(f"cuEventQuery answered {status.name}")
        return True

    def wait_in(self, stream: Stream, event: Event) -> None:
        """What the stream is given from now on comes after the event; does not wait here."""
        self._call("cuStreamWaitEvent", self._driver.CUstream(stream), self._driver.CUevent(event), 0)

    # --- OpenGL, on the thread whose context it is ----------------------------------------------------------

    def register(self, buffer: int) -> Resource:
        """A GL buffer that is written over whole; once in its life."""
        flags = self._driver.CUgraphicsRegisterFlags.CU_GRAPHICS_REGISTER_FLAGS_WRITE_DISCARD
        return Resource(int(self._call("cuGraphicsGLRegisterBuffer", buffer, flags)))

    def unregister(self, resource: Resource) -> None:
        self._call("cuGraphicsUnregisterResource", self._driver.CUgraphicsResource(resource))

    def map(self, resource: Resource, stream: Stream) -> Address:
        """Where the buffer lies, until `unmap`; what the stream is given comes after GL's calls so far."""
        wanted = self._driver.CUgraphicsResource(resource)
        self._call("cuGraphicsMapResources", 1, wanted, self._driver.CUstream(stream))
        memory, _ = self._call("cuGraphicsResourceGetMappedPointer", wanted)
        return Address(int(memory))

    def unmap(self, resource: Resource, stream: Stream) -> None:
        """GL's calls from now on come after what the stream was given."""
        wanted = self._driver.CUgraphicsResource(resource)
        self._call("cuGraphicsUnmapResources", 1, wanted, self._driver.CUstream(stream))


def _bytes(handle: Any) -> bytes:
    # By address: releases differ in whether they show the bytes.
    return ctypes.string_at(handle.getPtr(), HANDLE_BYTES)


def _filled(handle: Any, content: bytes) -> Any:
    if len(content) != HANDLE_BYTES:
        raise CudaError(f"a handle of {len(content)} bytes came, {HANDLE_BYTES} were expected")
    ctypes.memmove(handle.getPtr(), content, HANDLE_BYTES)
    return handle

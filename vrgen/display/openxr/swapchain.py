"""Pictures that the runtime hands out to be drawn into, and gives to the compositor: arrays of one layer an
eye."""

import ctypes
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from vrgen.display.openxr.api import OpenXrError, ask, call, load, plain
from vrgen.errors import DisplayError

WAIT_NS = 100_000_000
"""How long a frame waits for the compositor to let go of a picture; then the frame goes without."""
_TIMEOUT_EXPIRED = 1
"""XR_TIMEOUT_EXPIRED; the other results that are no failure (a session soon lost) give the picture."""

# Of OpenGL's registry, here because formats are chosen before anything is drawn.
SRGB8_ALPHA8, SRGB8, RGBA8, RGB10_A2 = 0x8C43, 0x8C41, 0x8058, 0x8059
DEPTH32F = 0x8CAC

ENCODED = (SRGB8_ALPHA8, RGBA8, RGB10_A2)
"""Best first. The renderer encodes sRGB itself, so its bytes go unchanged into an sRGB format; in a linear one the
compositor would take them for linear light, and the picture would be pale (said once, in the notes)."""


def formats(session: Any) -> list[int]:
    """What the runtime offers, in its own order."""
    xr = load()
    count = ctypes.c_uint32()
    ask = xr.raw_functions.xrEnumerateSwapchainFormats
    call(ask, session, 0, ctypes.byref(count), None)
    found = (ctypes.c_int64 * count.value)()
    call(ask, session, count, ctypes.byref(count), found)
    return list(found)


def chosen(offered: Sequence[int], wanted: Sequence[int]) -> int | None:
    """The first of `wanted` that is offered; the runtime's order says nothing of what fits us."""
    return next((form for form in wanted if form in offered), None)


class Swapchain:
    """Owner of one swapchain and of framebuffers on its pictures: `framebuffers[image][layer]`."""

    def __init__(
        self,
        session: Any,
        form: int,
        size_px: tuple[int, int],
        layers: int,
        *,
        depth: bool,
        make_current: Callable[[], None] = lambda: None,
    ) -> None:
        """`make_current`: makes our GL context current again after calls in which a runtime may change it.

        Raises OpenXrError: the runtime refuses it.
        """
        self._xr = xr = load()
        self.size_px, self.layers, self.form = size_px, layers, form
        self._make_current = make_current
        flags = xr.SwapchainUsageFlags
        attachment = flags.DEPTH_STENCIL_ATTACHMENT_BIT if depth else flags.COLOR_ATTACHMENT_BIT
        info = xr.SwapchainCreateInfo(
            usage_flags=attachment | (flags.NONE if depth else flags.TRANSFER_DST_BIT | flags.SAMPLED_BIT),
            format=form,
            sample_count=1,
            width=size_px[0],
            height=size_px[1],
            face_count=1,
            array_size=layers,
            mip_count=1,
        )
        self.handle = xr.Swapchain()
        try:
            call(xr.raw_functions.xrCreateSwapchain, session, ctypes.byref(info), ctypes.byref(self.handle))
        finally:
            make_current()
        try:
            self.textures = self._images()
        except OpenXrError:
            self.close()
            raise
        self.acquired: int | None = None
        self._waited = False
        self._index = ctypes.c_uint32()
        self._wait = xr.SwapchainImageWaitInfo(timeout=WAIT_NS)
        raw = xr.raw_functions
        self._acquire_image, self._wait_image = plain(raw.xrAcquireSwapchainImage), plain(raw.xrWaitSwapchainImage)
        self._release_image = plain(raw.xrReleaseSwapchainImage)

    def _images(self) -> list[int]:
        xr = self._xr
        images = ask(xr.enumerate_swapchain_images, self.handle, xr.SwapchainImageOpenGLKHR)
        return [int(image.image) for image in images]

    def acquire(self) -> int | None:
        """The number of the picture to draw now; None where the compositor did not let go of one in time.

        Another GL context may be current then, and after `release`.
        """
        if self.acquired is None:
            call(self._acquire_image, self.handle, None, ctypes.byref(self._index))
            self.acquired = int(self._index.value)
        # After a timeout the same picture is waited for again, but one that is ours already must not be: the
        # other picture of the frame may have been late (OpenXR 1.1, 10.1).
        if not self._waited:
            waited = call(self._wait_image, self.handle, ctypes.byref(self._wait))
            self._waited = waited != _TIMEOUT_EXPIRED
        return self.acquired if self._waited else None

    def release(self) -> None:
        """Hand the picture to the compositor. Only after `acquire` gave one."""
        self.acquired, self._waited = None, False
        call(self._release_image, self.handle, None)

    def close(self) -> None:
        # A session that is lost takes its swapchains with it and says so; nothing else can be done.
        self._xr.raw_functions.xrDestroySwapchain(self.handle)
        self._make_current()


class EyePictures:
    """The two eyes' colour, and their depth where the runtime takes it, with a framebuffer for each picture
    and eye."""

    def __init__(
        self, session: Any, size_px: tuple[int, int], *, depth: bool, make_current: Callable[[], None]
    ) -> None:
        """Raises DisplayError: no format that can be drawn into."""
        offered = formats(session)
        form = chosen(offered, ENCODED)
        if form is None:
            raise DisplayError(
                "the OpenXR runtime offers no picture format of 8 bits a channel "
                f"(it has {', '.join(hex(each) for each in offered)}); update it or choose another runtime"
            )
        self._make_current = make_current
        self.encoded = form == SRGB8_ALPHA8
        self.size_px = size_px
        self.colour = Swapchain(session, form, size_px, 2, depth=False, make_current=make_current)
        self.depth: Swapchain | None = None
        if depth and DEPTH32F in offered:
            with suppress(OpenXrError):  # the compositor can do without
                self.depth = Swapchain(session, DEPTH32F, size_px, 2, depth=True, make_current=make_current)
        self._framebuffers: dict[tuple[int, int | None, int], int] = {}
        self._check()

    def _check(self) -> None:
        """Go without depth where it can't be drawn into (the compositor would take it for true).

        Raises DisplayError: there is no drawing into the colour.
        """
        if self.depth is not None and not self._is_complete(0):
            self._drop_framebuffers()
            self.depth.close()
            self.depth = None
        if self.depth is None and not self._is_complete(None):
            self.close()
            raise DisplayError(
                f"the OpenXR runtime's pictures (format {self.colour.form:#x}) can't be drawn into; update it or "
                "the GPU's driver"
            )

    def _is_complete(self, depth: int | None) -> bool:
        from vrgen.gl.api import GL

        framebuffer = self._framebuffer(0, depth, 0)
        status = GL.glCheckNamedFramebufferStatus(framebuffer, GL.GL_FRAMEBUFFER)
        return bool(status == GL.GL_FRAMEBUFFER_COMPLETE)

    def acquire(self) -> tuple[int, int] | None:
        """Framebuffers of the left and the right eye to draw this frame, or None without a picture."""
        colour = self.colour.acquire()
        if colour is None:
            return None
        depth = self.depth.acquire() if self.depth is not None else None
        self._make_current()
        if self.depth is not None and depth is None:
            return None
        return self._framebuffer(colour, depth, 0), self._framebuffer(colour, depth, 1)

    def release(self) -> None:
        self.colour.release()
        if self.depth is not None:
            self.depth.release()

    def _framebuffer(self, colour: int, depth: int | None, layer: int) -> int:
        from vrgen.gl.api import GL

        key = (colour, depth, layer)
        if key not in self._framebuffers:
            names = (GL.GLuint * 1)()
            GL.glCreateFramebuffers(1, names)
            name = int(names[0])
            GL.glNamedFramebufferTextureLayer(
                name, GL.GL_COLOR_ATTACHMENT0, self.colour.textures[colour], 0, layer
            )
            if depth is not None and self.depth is not None:
                GL.glNamedFramebufferTextureLayer(
                    name, GL.GL_DEPTH_ATTACHMENT, self.depth.textures[depth], 0, layer
                )
            self._framebuffers[key] = name
        return self._framebuffers[key]

    def _drop_framebuffers(self) -> None:
        from vrgen.gl.api import GL

        for name in self._framebuffers.values():
            GL.glDeleteFramebuffers(1, [name])
        self._framebuffers.clear()

    def close(self) -> None:
        self._drop_framebuffers()
        if self.depth is not None:
            self.depth.close()
        self.colour.close()

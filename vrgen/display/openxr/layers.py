"""What a frame hands to the compositor: the world in both eyes, and the panel as a flat layer of its own."""

import ctypes
from collections.abc import Callable
from typing import Any

from vrgen.display.openxr.api import OpenXrError, load
from vrgen.display.openxr.swapchain import RGBA8, SRGB8_ALPHA8, EyePictures, Swapchain, chosen, formats
from vrgen.geometry import Array, quat_of
from vrgen.messages import Quad

NEAR_M = 0.05
"""Of the renderer's projection (`vrgen/renderer/frame_data.py`); depth layers say it to the compositor."""


class EyeLayer:
    """The projection layer of one session, filled anew each frame."""

    def __init__(self, pictures: EyePictures) -> None:
        xr = load()
        self._eyes = (xr.CompositionLayerProjectionView * 2)(
            *[xr.CompositionLayerProjectionView() for _ in range(2)]
        )
        self._depths = [xr.CompositionLayerDepthInfoKHR() for _ in range(2)]
        for which, eye in enumerate(self._eyes):
            eye.sub_image.swapchain = pictures.colour.handle
            eye.sub_image.image_array_index = which
            depth = self._depths[which]
            if pictures.depth is not None:
                depth.sub_image.swapchain = pictures.depth.handle
                depth.sub_image.image_array_index = which
                depth.min_depth, depth.max_depth = 0.0, 1.0
                depth.near_z, depth.far_z = float("inf"), NEAR_M  # reversed: depth 0 is far, 1 is near
                eye._next = ctypes.cast(ctypes.pointer(depth), ctypes.c_void_p)
        self._layer = xr.CompositionLayerProjection(views=self._eyes)
        self._layer.view_count = 2

    def filled(self, located: Any, space: Any, size_px: tuple[int, int]) -> Any:
        """The layer, for eyes located in `space` and drawn into the lower left `size_px` of the pictures."""
        for which, eye in enumerate(self._eyes):
            eye.pose, eye.fov = located[which].pose, located[which].fov
            for sub_image in (eye.sub_image, self._depths[which].sub_image):
                sub_image.image_rect.extent.width, sub_image.image_rect.extent.height = size_px
        self._layer.space = space
        return self._layer


class QuadLayer:
    """A flat picture as a layer: a swapchain of its own, copied into only when the picture has changed."""

    def __init__(self, session: Any, make_current: Callable[[], None]) -> None:
        xr = load()
        self._session, self._make_current = session, make_current
        self._form = chosen(formats(session), (SRGB8_ALPHA8, RGBA8))
        self._pictures: Swapchain | None = None
        self._stamp: int | None = None
        self._layer = xr.CompositionLayerQuad(layer_flags=xr.CompositionLayerFlags.BLEND_TEXTURE_SOURCE_ALPHA_BIT)

    def filled(self, quad: Quad, room_from_quad: Array, space: Any) -> Any | None:
        """The layer with that picture, or None where the runtime takes none."""
        if not self._copied(quad):
            return None
        assert self._pictures is not None
        layer, extent = self._layer, self._layer.sub_image.image_rect.extent
        layer.space = space
        layer.sub_image.swapchain = self._pictures.handle
        extent.width, extent.height = quad.rect_px[2:]
        p, q = layer.pose.position, layer.pose.orientation
        p.x, p.y, p.z = (float(v) for v in room_from_quad[:3, 3])
        q.x, q.y, q.z, q.w = quat_of(room_from_quad)
        layer.size.width, layer.size.height = quad.width_m, quad.height_m
        return layer

    def _copied(self, quad: Quad) -> bool:
        """Bring the newest picture into the swapchain; False where there is none in it."""
        from vrgen.gl.api import GL

        pictures = self._fitting(quad.rect_px[2:])
        if pictures is None:
            return False
        if quad.stamp == self._stamp:
            return True
        image = pictures.acquire()
        self._make_current()
        if image is None:
            return self._stamp is not None
        x, y, width, height = quad.rect_px
        target = pictures.textures[image]
        GL.glCopyImageSubData(
            *(quad.texture, GL.GL_TEXTURE_2D, 0, x, y, 0),
            *(target, GL.GL_TEXTURE_2D, 0, 0, 0, 0),
            *(width, height, 1),
        )
        pictures.release()
        self._make_current()
        self._stamp = quad.stamp
        return True

    def _fitting(self, size_px: tuple[int, int]) -> Swapchain | None:
        """A swapchain that is large enough; None where the runtime refuses one, and ever after."""
        if self._form is None:
            return None
        have = self._pictures
        if have is not None and all(had >= need for had, need in zip(have.size_px, size_px)):
            return have
        self.close()
        width, height = (max(256, 1 << (side - 1).bit_length()) for side in size_px)
        try:
            self._pictures = Swapchain(
                self._session, self._form, (width, height), 1, depth=False, make_current=self._make_current
            )
        except OpenXrError:
            self._form = None  # the picture is drawn as a thing of the world instead
        self._stamp = None
        return self._pictures

    def close(self) -> None:
        if self._pictures is not None:
            self._pictures.close()
            self._pictures = None

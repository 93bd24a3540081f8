"""The smallest OpenXR program: both eyes cleared with one colour, and what a frame of that costs.

Shows that a runtime works, and is the yardstick: raw pyopenxr, one array texture for both eyes, no drawing.
Prints a line for each session state, and with --poses one for each place of the head that is new.
"""

import argparse
import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

os.environ.setdefault("PYGLFW_LIBRARY_VARIANT", "x11")  # GLX; before the import

import glfw
import numpy as np
import xr
from OpenGL import GL, GLX

xr.exception.raise_on_qualified_success = False  # SESSION_NOT_FOCUSED, FRAME_DISCARDED: ordinary life
HEAD = ("", "frames", "CPU p50 ms", "CPU p99 ms", "late p50 ms")
State = xr.SessionState
NO_EVENT = xr.StructureType.EVENT_DATA_BUFFER  # the buffer as it was given to xrPollEvent


@dataclass
class Costs:
    """Seconds a frame: processor time of this thread outside xrWaitFrame, and from locating to submitting."""

    cpu_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)


def cost_row(costs: Costs, name: str = "bare pyopenxr") -> tuple[str, ...]:
    """The row of a table under HEAD."""
    p50, p99 = np.percentile(costs.cpu_s, [50, 99]) * 1e3 if costs.cpu_s else (np.nan, np.nan)
    late = np.median(costs.late_s) * 1e3 if costs.late_s else np.nan
    return name, str(len(costs.cpu_s)), f"{p50:.3f}", f"{p99:.3f}", f"{late:.3f}"


class Hello:
    """An OpenXR session that clears both eyes; a context manager."""

    def __init__(self, colour: Sequence[float], poses: bool = False) -> None:
        self.colour = tuple(colour)
        self.costs = Costs()
        self._poses = poses
        self._undo: list[Any] = []
        self._seen = ""
        self.state = State.UNKNOWN

    def __enter__(self) -> "Hello":
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        while self._undo:
            self._undo.pop()()

    def _begin(self) -> None:
        if not glfw.init():
            sys.exit(f"hello: there is no screen ({glfw.get_error()[1]}); set DISPLAY")
        self._undo.append(glfw.terminate)
        glfw.window_hint(glfw.VISIBLE, False)
        for hint, value in ((glfw.CONTEXT_VERSION_MAJOR, 4), (glfw.CONTEXT_VERSION_MINOR, 5)):
            glfw.window_hint(hint, value)
        glfw.window_hint(glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE)
        window = glfw.create_window(64, 64, "hello", None, None)
        glfw.make_context_current(window)
        glfw.swap_interval(0)

        self.instance = xr.create_instance(
            xr.InstanceCreateInfo(
                application_info=xr.ApplicationInfo("hello", 1, "none", 1, xr.Version(1, 0, 0)),
                enabled_extension_names=[xr.KHR_OPENGL_ENABLE_EXTENSION_NAME],
            )
        )
        self._undo.append(lambda: xr.destroy_instance(self.instance))
        system = xr.get_system(self.instance, xr.SystemGetInfo(xr.FormFactor.HEAD_MOUNTED_DISPLAY))
        ask = ctypes.cast(
            xr.get_instance_proc_addr(self.instance, "xrGetOpenGLGraphicsRequirementsKHR"),
            xr.PFN_xrGetOpenGLGraphicsRequirementsKHR,
        )
        ask(self.instance, system, ctypes.byref(xr.GraphicsRequirementsOpenGLKHR()))  # owed before a session

        binding = xr.GraphicsBindingOpenGLXlibKHR(
            x_display=GLX.glXGetCurrentDisplay(),
            glx_drawable=GLX.glXGetCurrentDrawable(),
            glx_context=GLX.glXGetCurrentContext(),
        )
        self.session = xr.create_session(self.instance, xr.SessionCreateInfo(next=binding, system_id=system))
        self._undo.append(lambda: xr.destroy_session(self.session))
        self.space = xr.create_reference_space(
            self.session, xr.ReferenceSpaceCreateInfo(reference_space_type=xr.ReferenceSpaceType.STAGE)
        )
        view = xr.enumerate_view_configuration_views(
            self.instance, system, xr.ViewConfigurationType.PRIMARY_STEREO
        )[0]
        self.size = view.recommended_image_rect_width, view.recommended_image_rect_height
        offered = xr.enumerate_swapchain_formats(self.session)
        form = next(f for f in (GL.GL_SRGB8_ALPHA8, GL.GL_RGBA8, *offered) if f in offered)
        self.swapchain = xr.create_swapchain(
            self.session,
            xr.SwapchainCreateInfo(
                usage_flags=xr.SwapchainUsageFlags.COLOR_ATTACHMENT_BIT,
                format=int(form),
                sample_count=1,
                width=self.size[0],
                height=self.size[1],
                face_count=1,
                array_size=2,
                mip_count=1,
            ),
        )
        self._undo.append(lambda: xr.destroy_swapchain(self.swapchain))
        images = xr.enumerate_swapchain_images(self.swapchain, xr.SwapchainImageOpenGLKHR)
        self._framebuffers = [_framebuffer(image.image) for image in images]
        print(f"hello: {len(images)} images of {self.size[0]} x {self.size[1]}", flush=True)

    def live(self, frames: int, seconds: float) -> None:
        """Until `frames` were shown, `seconds` are over, or Ctrl+C; then the session ends in order."""
        until = time.monotonic() + seconds
        asked = False

        def leave(*_: object) -> None:
            nonlocal until
            until = time.monotonic()

        signal.signal(signal.SIGINT, leave)
        # Monado's client takes an interrupted recvmsg for a lost instance (25.0.0, ipc_message_channel_unix.c).
        signal.siginterrupt(signal.SIGINT, False)
        while self.state not in (State.EXITING, State.LOSS_PENDING):
            running = self._events()
            if running and not asked and (len(self.costs.cpu_s) >= frames or time.monotonic() > until):
                xr.request_exit_session(self.session)
                asked = True
            if time.monotonic() > until + 5:
                sys.exit(f"hello: the session hangs in {self.state.name}")
            if running:
                self._frame()
            else:
                time.sleep(0.01)

    def _events(self) -> bool:
        """Follow the session's states; whether frames are owed."""
        while (kind := (event := xr.poll_event(self.instance)).type) != NO_EVENT:
            if kind != xr.StructureType.EVENT_DATA_SESSION_STATE_CHANGED:
                continue
            changed = ctypes.cast(ctypes.byref(event), ctypes.POINTER(xr.EventDataSessionStateChanged)).contents
            self.state = State(changed.state)
            print(f"hello: {self.state.name}", flush=True)
            if self.state == State.READY:
                xr.begin_session(
                    self.session,
                    xr.SessionBeginInfo(primary_view_configuration_type=xr.ViewConfigurationType.PRIMARY_STEREO),
                )
            elif self.state == State.STOPPING:
                xr.end_session(self.session)
        return self.state in (State.READY, State.SYNCHRONIZED, State.VISIBLE, State.FOCUSED)

    def _frame(self) -> None:
        waited = xr.wait_frame(self.session)
        began = time.thread_time()
        xr.begin_frame(self.session)
        layers: list[Any] = []
        located = 0.0
        try:
            if waited.should_render:
                index = xr.acquire_swapchain_image(self.swapchain, xr.SwapchainImageAcquireInfo())
                xr.wait_swapchain_image(self.swapchain, xr.SwapchainImageWaitInfo(timeout=xr.INFINITE_DURATION))
                located = time.perf_counter()
                _, views = xr.locate_views(
                    self.session,
                    xr.ViewLocateInfo(
                        view_configuration_type=xr.ViewConfigurationType.PRIMARY_STEREO,
                        display_time=waited.predicted_display_time,
                        space=self.space,
                    ),
                )
                GL.glClearNamedFramebufferfv(self._framebuffers[index], GL.GL_COLOR, 0, self.colour)
                GL.glFlush()
                xr.release_swapchain_image(self.swapchain, xr.SwapchainImageReleaseInfo())
                layer = self._layer(views)
                layers.append(ctypes.byref(layer))
        finally:  # xrEndFrame is owed for every xrBeginFrame
            xr.end_frame(
                self.session,
                xr.FrameEndInfo(
                    display_time=waited.predicted_display_time,
                    environment_blend_mode=xr.EnvironmentBlendMode.OPAQUE,
                    layers=layers,
                ),
            )
        if layers:
            self.costs.late_s.append(time.perf_counter() - located)
            self.costs.cpu_s.append(time.thread_time() - began)
            if self._poses:
                self._tell(views)

    def _layer(self, views: Any) -> Any:
        whole = xr.Rect2Di(xr.Offset2Di(0, 0), xr.Extent2Di(*self.size))
        return xr.CompositionLayerProjection(
            space=self.space,
            views=[
                xr.CompositionLayerProjectionView(
                    pose=view.pose,
                    fov=view.fov,
                    sub_image=xr.SwapchainSubImage(
                        swapchain=self.swapchain, image_rect=whole, image_array_index=eye
                    ),
                )
                for eye, view in enumerate(views)
            ],
        )

    def _tell(self, views: Any) -> None:
        middle = np.mean([[v.pose.position.x, v.pose.position.y, v.pose.position.z] for v in views], axis=0)
        said = "hello: head at " + " ".join(f"{m:.3f}" for m in middle)
        if said != self._seen:
            print(said, flush=True)
            self._seen = said


def _framebuffer(texture: int) -> int:
    """Both layers of a swapchain image, attached at once: a clear clears both eyes."""
    made = ctypes.c_uint()
    GL.glCreateFramebuffers(1, ctypes.byref(made))
    GL.glNamedFramebufferTexture(made.value, GL.GL_COLOR_ATTACHMENT0, texture, 0)
    return made.value


def measure(
    frames: int, seconds: float = 60.0, colour: Sequence[float] = (0.0, 0.0, 0.0, 1.0), poses: bool = False
) -> tuple[str, ...]:
    """What a frame costs in a session of so many frames, or so long: the row of a table under HEAD."""
    with Hello(colour, poses) as hello:
        hello.live(frames, seconds)
    return cost_row(hello.costs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--colour", type=float, nargs=3, default=(0.0, 0.5, 0.2), metavar=("R", "G", "B"))
    parser.add_argument("--frames", type=int, default=10**9, help="end after so many")
    parser.add_argument("--seconds", type=float, default=5.0, help="end after so long (default 5)")
    parser.add_argument("--poses", action="store_true", help="print where the head is when that changes")
    args = parser.parse_args()
    try:
        row = measure(args.frames, args.seconds, (*args.colour, 1.0), args.poses)
    except xr.exception.XrException as error:
        sys.exit(f"hello: the runtime refused, or went away ({type(error).__name__}: {error})")
    print("hello: " + ", ".join(f"{name} {value}" for name, value in list(zip(HEAD, row))[1:]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

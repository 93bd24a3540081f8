"""A client of Monado's `remote` driver: moves the headset and both controllers of a runtime without hardware.

Needs only the standard library, so that other projects can take this file for their own OpenXR tests. Start
Monado with `P_OVERRIDE_ACTIVE_CONFIG=remote`; it listens on TCP port 4242, or on the one that its configuration
names (`$XDG_CONFIG_HOME/monado/config_v0.json`: `{"remote": {"version": 0, "port": 4300, "view_count": 2}}`).

    with RemoteHeadset() as headset:
        headset.move(head=facing((0.0, 1.7, 2.0), yaw_deg=30))

The wire format is `struct r_remote_data` of Monado 25.0.0, src/xrt/drivers/remote/r_interface.h: 376 bytes, little
endian, no implicit padding. On connecting the driver sends it twice, first the state it began with, then the
present one (r_hub.c, run_thread); afterwards it only listens, and the last structure that it got holds. It serves
one client at a time: a second one waits until the first has closed its connection.

Axes as in OpenXR: x right, y up, z backward; metres, radians, seconds. Poses are in the STAGE space.
"""

import math
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from types import TracebackType
from typing import Self

HEADER = b"mndrmt3\0"
SIZE = 376
DEFAULT_PORT = 4242

Vector2 = tuple[float, float]
Vector3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

_POSE = struct.Struct("<7f")
_VIEW = struct.Struct("<4f7f4x")
_HEAD_FLAG = struct.Struct("<?3x")
_HAND = struct.Struct("<7f 3f3f 5f f f f 2f f 2f 13?3x")


class HeadsetError(Exception):
    """The remote headset does not answer, or does not speak the protocol; the message is one sentence."""


@dataclass(frozen=True)
class Pose:
    """Where something is in the stage, and how it is turned (x, y, z, w)."""

    orientation: Quaternion = (0.0, 0.0, 0.0, 1.0)
    position_m: Vector3 = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class View:
    """One eye: the angles of its field of view (left and down negative) and its place relative to the head."""

    angle_left_rad: float = 0.0
    angle_right_rad: float = 0.0
    angle_up_rad: float = 0.0
    angle_down_rad: float = 0.0
    pose: Pose = field(default=Pose((0.0, 0.0, 0.0, 0.0)))


@dataclass(frozen=True)
class HeadState:
    """The head. The views count only while `views_valid`; otherwise Monado uses its own."""

    pose: Pose = field(default=Pose(position_m=(0.0, 1.6, 0.0)))
    views: tuple[View, View] = (View(), View())
    views_valid: bool = False


@dataclass(frozen=True)
class FingerCurls:
    """0 stretched, 1 bent. Monado makes the joints of the tracked hand of them."""

    little: float = 0.0
    ring: float = 0.0
    middle: float = 0.0
    index: float = 0.0
    thumb: float = 0.0


@dataclass(frozen=True)
class ControllerState:
    """One Valve Index controller and the hand that holds it.

    `pose` is both grip and aim. `angular_velocity_rad_s` is in the controller's own axes. Values are 0 to 1,
    sticks -1 to 1 (x right, y forward). An inactive controller is switched off: no pose, no input.
    """

    pose: Pose = field(default=Pose())
    linear_velocity_m_s: Vector3 = (0.0, 0.0, 0.0)
    angular_velocity_rad_s: Vector3 = (0.0, 0.0, 0.0)
    curls: FingerCurls = field(default=FingerCurls())
    trigger: float = 0.0
    squeeze: float = 0.0
    squeeze_force: float = 0.0
    thumbstick: Vector2 = (0.0, 0.0)
    trackpad_force: float = 0.0
    trackpad: Vector2 = (0.0, 0.0)
    hand_tracking_active: bool = True
    active: bool = True
    system_click: bool = False
    system_touch: bool = False
    a_click: bool = False
    a_touch: bool = False
    b_click: bool = False
    b_touch: bool = False
    trigger_click: bool = False
    trigger_touch: bool = False
    thumbstick_click: bool = False
    thumbstick_touch: bool = False
    trackpad_touch: bool = False


_FLAGS = tuple(f.name for f in fields(ControllerState) if f.type is bool)


@dataclass(frozen=True)
class RemoteState:
    """Everything that the remote headset is told; the defaults are those of Monado (r_hub.c, r_create_devices)."""

    head: HeadState = field(default=HeadState())
    left: ControllerState = field(default=ControllerState(Pose(position_m=(-0.2, 1.3, -0.5))))
    right: ControllerState = field(default=ControllerState(Pose(position_m=(0.2, 1.3, -0.5))))


def facing(position_m: Vector3, yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> Pose:
    """A pose that looks forward (-z), turned left by `yaw_deg`, then up by `pitch_deg`, then tilted left."""
    y, x, z = (math.radians(angle) / 2 for angle in (yaw_deg, pitch_deg, roll_deg))
    sy, cy, sx, cx, sz, cz = math.sin(y), math.cos(y), math.sin(x), math.cos(x), math.sin(z), math.cos(z)
    return Pose(
        (
            cy * sx * cz + sy * cx * sz,
            sy * cx * cz - cy * sx * sz,
            cy * cx * sz - sy * sx * cz,
            cy * cx * cz + sy * sx * sz,
        ),
        position_m,
    )


def pack(state: RemoteState) -> bytes:
    """The 376 bytes of a state."""
    head = state.head
    views = b"".join(
        _VIEW.pack(v.angle_left_rad, v.angle_right_rad, v.angle_up_rad, v.angle_down_rad, *_numbers(v.pose))
        for v in head.views
    )
    said = views + _POSE.pack(*_numbers(head.pose)) + _HEAD_FLAG.pack(head.views_valid)
    return HEADER + said + _pack_controller(state.left) + _pack_controller(state.right)


def parse(packet: bytes) -> RemoteState:
    """The state of 376 bytes.

    Raises:
        HeadsetError: the length or the header is another one.
    """
    # The state that Monado begins with has an empty header; later it sends what a client sent.
    if len(packet) != SIZE or packet[:8] not in (HEADER, bytes(8)):
        raise HeadsetError(
            f"the remote headset sent {len(packet)} bytes that begin with {packet[:8]!r}, expected {SIZE} with "
            f"{HEADER!r}; this client speaks with Monado 25"
        )
    views = (_parse_view(packet, 8), _parse_view(packet, 56))
    head = HeadState(_pose(_POSE.unpack_from(packet, 104)), views, *_HEAD_FLAG.unpack_from(packet, 132))
    return RemoteState(head, _parse_controller(packet, 136), _parse_controller(packet, 256))


class RemoteHeadset:
    """A connection to the remote headset; a context manager. May be used from several threads.

    Raises:
        HeadsetError: on entering, nobody answers there; on sending, the runtime has gone.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = DEFAULT_PORT, timeout_s: float = 5.0) -> None:
        self._address = (host, port)
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._state = RemoteState()
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def state(self) -> RemoteState:
        """What was sent last; before that, what the runtime had when the connection was made."""
        return self._state

    def connect(self) -> None:
        """Connect, or connect anew to a runtime that was started again, and take over its state."""
        with self._lock:
            self.close()
            try:
                self._socket = socket.create_connection(self._address, self._timeout_s)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                parse(self._receive())  # the state the driver began with
                self._state = parse(self._receive())
            except OSError as error:
                self.close()
                raise HeadsetError(
                    f"the remote headset at {self._place()} does not answer ({error}); start Monado with "
                    "P_OVERRIDE_ACTIVE_CONFIG=remote and close other clients, it serves one at a time"
                ) from error

    def close(self) -> None:
        """End the connection. The headset stays where it is."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def send(self, state: RemoteState) -> None:
        """Put head and hands there at once; the runtime uses it from its next frame on."""
        with self._lock:
            if self._socket is None:
                raise HeadsetError(f"the remote headset at {self._place()} is not connected; call connect() first")
            try:
                self._socket.sendall(pack(state))
            except OSError as error:
                raise HeadsetError(
                    f"the remote headset at {self._place()} has gone ({error}); call connect() when the "
                    "runtime is back"
                ) from error
            self._state = state

    def change(self, edit: Callable[[RemoteState], RemoteState]) -> None:
        """Send what `edit` makes of the present state; nothing comes between."""
        with self._lock:
            self.send(edit(self._state))

    def move(self, head: Pose | None = None, left: Pose | None = None, right: Pose | None = None) -> None:
        """Move what is given; everything else stays."""
        self.change(
            lambda state: RemoteState(
                replace(state.head, pose=head or state.head.pose),
                replace(state.left, pose=left or state.left.pose),
                replace(state.right, pose=right or state.right.pose),
            )
        )

    def _receive(self) -> bytes:
        assert self._socket is not None
        packet = b""
        while len(packet) < SIZE:
            more = self._socket.recv(SIZE - len(packet))
            if not more:
                raise ConnectionError("the connection was closed")
            packet += more
        return packet

    def _place(self) -> str:
        return f"{self._address[0]}:{self._address[1]}"


def _numbers(pose: Pose) -> tuple[float, ...]:
    return (*pose.orientation, *pose.position_m)


def _pose(numbers: tuple[float, ...]) -> Pose:
    qx, qy, qz, qw, x, y, z = numbers
    return Pose((qx, qy, qz, qw), (x, y, z))


def _parse_view(packet: bytes, offset: int) -> View:
    left, right, up, down, *pose = _VIEW.unpack_from(packet, offset)
    return View(left, right, up, down, _pose(tuple(pose)))


def _pack_controller(hand: ControllerState) -> bytes:
    curls = hand.curls
    return _HAND.pack(
        *_numbers(hand.pose),
        *hand.linear_velocity_m_s,
        *hand.angular_velocity_rad_s,
        *(curls.little, curls.ring, curls.middle, curls.index, curls.thumb),
        *(hand.trigger, hand.squeeze, hand.squeeze_force),
        *hand.thumbstick,
        hand.trackpad_force,
        *hand.trackpad,
        *(getattr(hand, name) for name in _FLAGS),
    )


def _parse_controller(packet: bytes, offset: int) -> ControllerState:
    n = _HAND.unpack_from(packet, offset)
    hand = ControllerState(
        pose=_pose(n[0:7]),
        linear_velocity_m_s=n[7:10],
        angular_velocity_rad_s=n[10:13],
        curls=FingerCurls(*n[13:18]),
        trigger=n[18],
        squeeze=n[19],
        squeeze_force=n[20],
        thumbstick=n[21:23],
        trackpad_force=n[23],
        trackpad=n[24:26],
    )
    return replace(hand, **dict(zip(_FLAGS, n[26:])))

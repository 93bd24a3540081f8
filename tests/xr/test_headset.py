"""The remote headset's wire format and its client, without a runtime."""

import dataclasses
import math
import socket
import struct
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xr_testbed.headset import (
    HEADER,
    SIZE,
    ControllerState,
    FingerCurls,
    HeadsetError,
    HeadState,
    Pose,
    RemoteHeadset,
    RemoteState,
    View,
    facing,
    pack,
    parse,
)

numbers = st.floats(width=32, allow_nan=False)
pairs = st.tuples(numbers, numbers)
triples = st.tuples(numbers, numbers, numbers)
poses = st.builds(Pose, st.tuples(numbers, numbers, numbers, numbers), triples)
views = st.builds(View, numbers, numbers, numbers, numbers, poses)
controllers = st.builds(
    ControllerState,
    poses,
    triples,
    triples,
    st.builds(FingerCurls, numbers, numbers, numbers, numbers, numbers),
    numbers,
    numbers,
    numbers,
    pairs,
    numbers,
    pairs,
    *[st.booleans()] * 13,
)
states = st.builds(
    RemoteState, st.builds(HeadState, poses, st.tuples(views, views), st.booleans()), *[controllers] * 2
)


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """Any 376 bytes that a driver may send: numbers, flags of 0 or 1, padding of 0."""
    numbers_in_them = 2 * (4 + 7) + 7 + 2 * 26
    drawn = iter(draw(st.lists(numbers, min_size=numbers_in_them, max_size=numbers_in_them)))

    def floats(count: int) -> bytes:
        return struct.pack(f"<{count}f", *(next(drawn) for _ in range(count)))

    def flags(count: int) -> bytes:
        return bytes(draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))) + bytes(3)

    eyes = b"".join(floats(11) + bytes(4) for _ in range(2))
    hands = b"".join(floats(26) + flags(13) for _ in range(2))
    head = floats(7) + flags(1)
    return HEADER + eyes + head + hands


@given(packets())
def test_what_is_parsed_packs_to_the_same_bytes(packet: bytes) -> None:
    assert len(packet) == SIZE
    assert pack(parse(packet)) == packet


@given(states)
def test_what_is_packed_parses_to_the_same_state(state: RemoteState) -> None:
    assert parse(pack(state)) == state


@pytest.mark.parametrize(
    ("offset", "change"),
    [
        (0 + 8, RemoteState(HeadState(views=(View(angle_left_rad=0.5), View())))),
        (56 + 16, RemoteState(HeadState(views=(View(), View(pose=Pose((0.5, 0.0, 0.0, 0.0))))))),
        (104 + 16, RemoteState(HeadState(Pose(position_m=(0.5, 1.6, 0.0))))),
        (136 + 28, RemoteState(left=ControllerState(Pose(position_m=(-0.2, 1.3, -0.5)), (0.5, 0.0, 0.0)))),
        (256 + 52, RemoteState(right=ControllerState(RemoteState().right.pose, curls=FingerCurls(little=0.5)))),
        (256 + 68, RemoteState(right=ControllerState(RemoteState().right.pose, curls=FingerCurls(thumb=0.5)))),
        (256 + 72, RemoteState(right=ControllerState(RemoteState().right.pose, trigger=0.5))),
        (256 + 84, RemoteState(right=ControllerState(RemoteState().right.pose, thumbstick=(0.5, 0.0)))),
        (256 + 96, RemoteState(right=ControllerState(RemoteState().right.pose, trackpad=(0.5, 0.0)))),
    ],
    ids=["fov", "view", "head", "velocity", "little", "thumb", "trigger", "thumbstick", "trackpad"],
)
def test_numbers_lie_where_monado_has_them(offset: int, change: RemoteState) -> None:
    packet = pack(change)
    assert struct.unpack_from("<f", packet, offset) == (0.5,)
    rest = bytearray(packet)
    rest[offset : offset + 4] = pack(RemoteState())[offset : offset + 4]
    assert bytes(rest) == pack(RemoteState())


@pytest.mark.parametrize(("name", "offset"), [("active", 1), ("system_click", 2), ("trackpad_touch", 12)])
def test_flags_lie_where_monado_has_them(name: str, offset: int) -> None:
    right = dataclasses.replace(RemoteState().right, **{name: not getattr(RemoteState().right, name)})
    changed = [i for i, (a, b) in enumerate(zip(pack(RemoteState()), pack(RemoteState(right=right)))) if a != b]
    assert changed == [256 + 104 + offset]


@pytest.mark.parametrize("packet", [b"", bytes(SIZE - 1), b"mndrmt9\0" + bytes(SIZE - 8)])
def test_another_format_is_refused_in_a_sentence(packet: bytes) -> None:
    with pytest.raises(HeadsetError, match=r"expected 376 .* Monado 25"):
        parse(packet)


@given(st.floats(-180, 180), st.floats(-89, 89), st.floats(-180, 180))
def test_facing_turns_left_then_up_then_tilts(yaw_deg: float, pitch_deg: float, roll_deg: float) -> None:
    x, y, z, w = facing((0, 0, 0), yaw_deg, pitch_deg, roll_deg).orientation
    turned = np.array(  # the rotation matrix of a unit quaternion
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    yaw, pitch, roll = map(math.radians, (yaw_deg, pitch_deg, roll_deg))
    ahead = [-math.sin(yaw) * math.cos(pitch), math.sin(pitch), -math.cos(yaw) * math.cos(pitch)]
    np.testing.assert_allclose(turned @ [0, 0, -1], ahead, atol=1e-9)
    assert turned[1, 1] == pytest.approx(math.cos(pitch) * math.cos(roll), abs=1e-9)
    assert turned[1, 0] == pytest.approx(math.cos(pitch) * math.sin(roll), abs=1e-9)


def test_nobody_there_is_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        with pytest.raises(HeadsetError, match=r"does not answer .* start Monado"):
            RemoteHeadset(port=taken.getsockname()[1]).connect()


def test_a_headset_that_goes_is_a_sentence() -> None:
    begun, known = RemoteState(), RemoteState(HeadState(Pose(position_m=(0.0, 1.0, 0.0))))
    with socket.create_server(("127.0.0.1", 0)) as server:
        headset = RemoteHeadset(port=server.getsockname()[1])
        asking = threading.Thread(target=headset.connect)
        asking.start()
        served, _ = server.accept()
        served.sendall(bytes(8) + pack(begun)[8:] + pack(known))
        asking.join()
        assert headset.state == parse(pack(known))
        served.close()
        with pytest.raises(HeadsetError, match="has gone"):
            for _ in range(1000):  # the first bytes after the end still go
                headset.send(known)
        headset.close()

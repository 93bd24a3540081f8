"""Greg Ward's RGBE pictures (`.hdr`): three mantissas and one exponent a pixel, run-length coded or flat.

Format: "Real Pixels" in Graphics Gems II, and the Radiance file formats document.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


def read_hdr(content: bytes) -> Array:
    """(H, W, 3) float32, linear.

    Raises:
        ValueError: it is no such picture, or ends before its last row.
    """
    head, _, rest = content.partition(b"\n\n")
    if not head.startswith((b"#?RADIANCE", b"#?RGBE")):
        raise ValueError("does not begin with #?RADIANCE")
    if b"FORMAT=32-bit_rle_xyze" in head:
        raise ValueError("is in XYZ colours, RGB was expected")
    line, _, data = rest.partition(b"\n")
    said = re.fullmatch(rb"([-+])Y (\d+) ([-+])X (\d+)\s*", line)
    if said is None:
        raise ValueError(f"has the size '{line[:40].decode('latin-1')}', '-Y height +X width' was expected")
    height, width = int(said[2]), int(said[4])
    if not 0 < height * width <= 1 << 28:
        raise ValueError(f"says that it is {width}×{height}")
    scale = 1.0
    for found in re.finditer(rb"^EXPOSURE=\s*([-+.\deE]+)", head, re.MULTILINE):
        scale /= float(found[1])
    rgbe = _pixels(data, height, width)
    # A mantissa stands for the middle of its step; exponent 0 is black.
    factor = np.where(rgbe[..., 3:] > 0, np.ldexp(1.0, rgbe[..., 3:].astype(np.int32) - 136), 0.0)
    light = ((rgbe[..., :3] + 0.5) * factor * scale).astype(np.float32)
    if said[1] == b"+":
        light = light[::-1]
    if said[3] == b"-":
        light = light[:, ::-1]
    return np.ascontiguousarray(light)


def _pixels(data: bytes, height: int, width: int) -> Bytes:
    stream = np.frombuffer(data, np.uint8)
    run = (
        8 <= width < 32768
        and len(data) >= 4
        and data[0] == 2
        and data[1] == 2
        and (data[2] << 8 | data[3]) == width
    )
    if not run:
        if len(stream) < height * width * 4:
            raise ValueError(f"ends after {len(stream) // 4} of {height * width} pixels")
        return stream[: height * width * 4].reshape(height, width, 4)
    made = np.empty((height, 4, width), np.uint8)
    at = 0
    for row in range(height):
        if data[at : at + 4] != data[:4]:
            raise ValueError(f"is damaged or ends in row {row} of {height}")
        at += 4
        for channel in range(4):
            at = _runs(data, stream, at, made[row, channel], row)
    return made.transpose(0, 2, 1)


def _runs(data: bytes, stream: Bytes, at: int, into: Bytes, row: int) -> int:
    """Fill one row of one channel; return where the next begins."""
    filled = 0
    while filled < len(into):
        if at + 1 >= len(data):
            raise ValueError(f"ends in row {row}")
        count = data[at]
        repeat = count > 128
        count -= 128 if repeat else 0
        end = filled + count
        if count == 0 or end > len(into) or at + (2 if repeat else 1 + count) > len(data):
            raise ValueError(f"is damaged in row {row}")
        into[filled:end] = stream[at + 1] if repeat else stream[at + 1 : at + 1 + count]
        at += 2 if repeat else 1 + count
        filled = end
    return at

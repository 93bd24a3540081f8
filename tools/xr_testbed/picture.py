"""The picture on the X server's screen, read from the file in which Xvfb keeps it (`-fbdir`).

No X client and no program is needed. The file is an XWD dump that the server goes on writing to, so a picture of
something that moves may show two moments.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

_NAMES = (
    *("header_size", "file_version", "pixmap_format", "pixmap_depth", "width", "height", "xoffset"),
    *("byte_order", "bitmap_unit", "bitmap_bit_order", "bitmap_pad", "bits_per_pixel", "bytes_per_line"),
    *("visual_class", "red_mask", "green_mask", "blue_mask", "bits_per_rgb", "colormap_entries", "colour_count"),
)
"""X11/XWDFile.h: big-endian 32-bit numbers at the start of the file."""


def read_screen(framebuffer: Path) -> npt.NDArray[np.uint8]:
    """The screen: (height, width, 3) uint8, red, green, blue, first row on top."""
    data = framebuffer.read_bytes()
    head = dict(zip(_NAMES, np.frombuffer(data, ">u4", len(_NAMES)).tolist()))
    if (head["file_version"], head["bits_per_pixel"], head["red_mask"]) != (7, 32, 0xFF0000):
        raise ValueError(f"{framebuffer}: not an XWD file of version 7 with 32 bits a pixel, red first: {head}")
    start = head["header_size"] + 12 * head["colour_count"]
    rows = np.frombuffer(data, np.uint8, head["height"] * head["bytes_per_line"], start)
    pixels = rows.reshape(head["height"], -1)[:, : 4 * head["width"]].reshape(head["height"], -1, 4)
    rgb = pixels[..., 1:] if head["byte_order"] else pixels[..., 2::-1]
    return np.ascontiguousarray(rgb)


def write_png(picture: npt.NDArray[np.uint8], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)

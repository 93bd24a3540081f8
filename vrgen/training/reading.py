"""From the bytes of a file to linear light or to metres, whatever the format."""

from __future__ import annotations

import io
import mimetypes
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from vrgen.training.resizing import linear_from_srgb
from vrgen.training.rgbe import read_hdr

Array = npt.NDArray[np.float32]

BY_PILLOW = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".dds", ".tga")
HDR = (".exr", ".hdr")
HEIGHTS = (".png", ".tif", ".tiff", ".npy", ".hgt", ".cdf", ".nc")
PICTURES = (*BY_PILLOW, *HDR)
FORMATS = "PNG, JPEG, WebP, TIFF, BMP, TGA, DDS, EXR, HDR"
HEIGHT_FORMATS = "PNG, TIFF, NPY, HGT, CDF"
MOST_PIXELS = 1 << 28
VOID = -32768
"""What an .hgt tile says where nothing was measured."""
MOST_BAD = 0.1
"""The share of NaN or negative radiance that is mended; a picture with more is left out."""

_DAMAGED, _FOREIGN = "damaged", "in formats that are not read"
_LIGHT = linear_from_srgb(np.arange(256, dtype=np.float32) / np.float32(255))


class Unreadable(Exception):
    """Why a file can't be used, in words that follow its name: "is cut short".

    `sort` says the same of many files, "are `sort`", and `remedy` what would help all of them.
    """

    def __init__(self, why: str, sort: str = "of no use", remedy: str = "") -> None:
        super().__init__(why)
        self.sort = sort
        self.remedy = remedy


@dataclass(frozen=True)
class Picture:
    """`light`: (H, W, 3) float32, linear; of any height where `hdr`, else in [0, 1]."""

    light: Array
    hdr: bool


@dataclass(frozen=True)
class Material:
    """A texture that tiles: `light` (H, W, 3) linear in [0, 1]; `normal` (H, W, 3) of unit length, +X right, +Y
    up, +Z out; `roughness` (H, W, 1) in [0, 1]."""

    light: Array
    normal: Array
    roughness: Array


def is_candidate(path: Path, heights: bool) -> bool:
    """Whether a file looks like a picture (or heights), be it in a format that is read or not."""
    suffix = path.suffix.lower()
    if suffix in (HEIGHTS if heights else PICTURES):
        return True
    guessed, _ = mimetypes.guess_type(path.name)
    return guessed is not None and guessed.startswith("image/") and suffix != ".svg"


def read_picture(content: bytes, suffix: str, on_white: bool = True) -> Picture:
    """Decode a picture. What is transparent shows white behind it, or is taken as opaque.

    Raises:
        Unreadable: it is damaged, too large, or in a format that is not read.
    """
    suffix = suffix.lower()
    if suffix == ".exr":
        return Picture(_mended(_exr(content)), hdr=True)
    if suffix == ".hdr":
        try:
            return Picture(_mended(read_hdr(content)), hdr=True)
        except ValueError as error:
            raise Unreadable(f"is a damaged .hdr: it {error}", _DAMAGED) from error
    if suffix not in BY_PILLOW:
        raise Unreadable("is in a format that is not read", _FOREIGN, f"save them as one of {FORMATS}")
    image = _opened(content)
    if image.mode in ("F", "I", "I;16", "I;16L", "I;16B"):
        grey = np.asarray(image, np.float32)
        grey = grey if image.mode == "F" else linear_from_srgb(grey / np.float32(65535))
        if not np.isfinite(grey).all() or grey.min() < 0 or grey.max() > 1:
            raise Unreadable(f"has grey values from {grey.min():g} to {grey.max():g}, 0 to 1 was expected")
        return Picture(np.repeat(grey[..., None], 3, -1), hdr=False)
    transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    if not transparent or not on_white:
        return Picture(_LIGHT[np.asarray(image.convert("RGB"))], hdr=False)
    coded = np.asarray(image.convert("RGBA"))
    if not coded[..., 3].any():
        raise Unreadable("is wholly transparent")
    alpha = coded[..., 3:].astype(np.float32) / 255
    return Picture(_LIGHT[coded[..., :3]] * alpha + (1 - alpha), hdr=False)


def _opened(content: bytes) -> Image.Image:
    """Decoded whole, and turned as the camera said it was held."""
    try:
        with Image.open(io.BytesIO(content)) as file:
            if file.width * file.height > MOST_PIXELS:
                raise Unreadable(
                    f"is {file.width}×{file.height}, too large to be read", "too large", "scale them down"
                )
            file.load()
            return ImageOps.exif_transpose(file)
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        Image.DecompressionBombError,
        NotImplementedError,
    ) as error:
        said = str(error).replace("<_io.BytesIO object at", "").split(" 0x")[0].strip().rstrip(".'\"")
        raise Unreadable(f"is damaged or no picture ({said})", _DAMAGED) from error


def _exr(content: bytes) -> Array:
    try:
        import OpenEXR
    except ImportError as error:
        raise Unreadable('is EXR, which needs OpenEXR; run: pip install "vrgen[train]"') from error

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.exr"
        path.write_bytes(content)
        try:
            channels = OpenEXR.File(str(path)).channels()
        except Exception as error:  # the library raises RuntimeError, its own kinds and ValueError
            raise Unreadable("is damaged or no EXR picture", _DAMAGED) from error
        for name in ("RGB", "RGBA"):
            if name in channels:
                return np.asarray(channels[name].pixels[..., :3], np.float32)
        for names in ("RGB", "YYY"):
            if all(name in channels for name in names):
                return np.stack([np.asarray(channels[name].pixels, np.float32) for name in names], -1)
    raise Unreadable(f"has the channels {', '.join(channels)}, R, G and B were expected")


def _mended(light: Array) -> Array:
    """NaN, infinity and negatives, which compression leaves beside bright points, get the median around them."""
    from scipy.ndimage import median_filter

    bad = ~np.isfinite(light).all(-1) | (light < 0).any(-1)
    if not bad.any():
        return light
    if bad.mean() > MOST_BAD:
        raise Unreadable(f"has NaN, infinity or negative light in {bad.mean():.0%} of its pixels")
    clean = np.nan_to_num(light, nan=0.0, posinf=6e4, neginf=0.0).clip(0)
    made = clean.copy()
    made[bad] = median_filter(clean, size=(5, 5, 1), mode="nearest")[bad]
    return made


def read_heights(content: bytes, suffix: str, unit_m: float = 1.0) -> Array:
    """(H, W) metres, NaN where nothing was measured. `unit_m`: what one step of a picture's values means.

    Raises:
        Unreadable: it is damaged, or holds something else than one plane of numbers.
    """
    match suffix.lower():
        case ".hgt":
            return _hgt(content)
        case ".npy":
            return _npy(content) * np.float32(unit_m)
        case ".cdf" | ".nc":
            return _cdf(content)
        case ".png" | ".tif" | ".tiff":
            image = _opened(content)
            if image.mode not in ("L", "F", "I", "I;16", "I;16L", "I;16B"):
                raise Unreadable(
                    f"is a picture in {image.mode}, heights are one grey channel",
                    "no heights",
                    "save them as 16-bit grey, or say --kind picture",
                )
            return np.asarray(image, np.float32) * np.float32(unit_m)
    raise Unreadable(
        "is in a format that heights are not read from",
        _FOREIGN,
        f"save them as one of {HEIGHT_FORMATS}, or say --kind picture",
    )


def _hgt(content: bytes) -> Array:
    """A tile of the Shuttle mission: big-endian whole metres, square."""
    side = round((len(content) / 2) ** 0.5)
    if side < 16 or side * side * 2 != len(content):
        raise Unreadable(f"is no .hgt tile: {len(content)} bytes are no square of 16-bit heights")
    metres = np.frombuffer(content, ">i2").reshape(side, side).astype(np.float32)
    metres[metres == VOID] = np.nan
    return metres


def _npy(content: bytes) -> Array:
    try:
        values = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise Unreadable("is damaged or no array of numbers", _DAMAGED) from error
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "fiu":
        raise Unreadable(
            f"is an array {getattr(values, 'shape', '')}, one (rows, columns) of numbers was expected"
        )
    return values.astype(np.float32)


def _cdf(content: bytes) -> Array:
    """The first variable of two dimensions in a NetCDF 3 file."""
    from scipy.io import netcdf_file

    try:
        with netcdf_file(io.BytesIO(content), mmap=False) as file:
            for variable in file.variables.values():
                if len(variable.shape) == 2:
                    return np.array(variable[:], np.float32)
    except (TypeError, ValueError, IndexError, EOFError) as error:
        raise Unreadable("is damaged or no NetCDF 3 file", _DAMAGED) from error
    raise Unreadable("holds no variable of two dimensions")

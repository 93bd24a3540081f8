"""Every format is read as what it shows; what is damaged is told, never used."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("scipy")

from vrgen.training.reading import Unreadable, read_heights, read_picture
from vrgen.training.resizing import linear_from_srgb, srgb_from_linear

CODES = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
CODES = np.asarray(Image.fromarray(CODES).resize((96, 64), Image.Resampling.BICUBIC))


def saved(pixels: np.ndarray, form: str, mode: str | None = None, **options: object) -> bytes:
    made = io.BytesIO()
    Image.fromarray(pixels, mode).save(made, form, **options)
    return made.getvalue()


@pytest.mark.parametrize(
    "form, suffix", [("PNG", ".png"), ("BMP", ".BMP"), ("TIFF", ".tif"), ("DDS", ".dds"), ("TGA", ".tga")]
)
def test_eight_bits_come_back_as_they_were(form: str, suffix: str) -> None:
    picture = read_picture(saved(CODES, form), suffix)
    assert not picture.hdr
    assert np.array_equal(np.rint(srgb_from_linear(picture.light) * 255), CODES)


@pytest.mark.parametrize("form, suffix", [("JPEG", ".jpg"), ("WEBP", ".webp")])
def test_lossy_formats_come_back_alike(form: str, suffix: str) -> None:
    light = read_picture(saved(CODES, form, quality=90), suffix).light
    assert np.abs(srgb_from_linear(light) * 255 - CODES).mean() < 10


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "LA"])
def test_every_mode_becomes_three_channels_of_light(mode: str) -> None:
    image = Image.fromarray(np.repeat(CODES.mean(-1, keepdims=True), 3, -1).astype(np.uint8)).convert(mode)
    made = io.BytesIO()
    image.save(made, "TIFF" if mode == "CMYK" else "PNG")
    light = read_picture(made.getvalue(), ".tif" if mode == "CMYK" else ".png").light
    expected = np.asarray(image.convert("RGB"))
    assert light.shape == (64, 96, 3) and np.abs(srgb_from_linear(light) * 255 - expected).max() < 1


def test_sixteen_bit_grey_keeps_its_steps() -> None:
    ramp = np.arange(0, 65536, 16, np.uint16).reshape(64, 64)
    light = read_picture(saved(ramp, "PNG"), ".png").light[..., 0]
    assert len(np.unique(light)) == 4096
    assert light[-1, -1] == pytest.approx(linear_from_srgb(np.float32([65520 / 65535]))[0], abs=1e-5)


def test_the_camera_was_held_upright() -> None:
    upright = Image.fromarray(CODES)
    exif = upright.getexif()
    exif[0x0112] = 6  # turned a quarter to the left, as cameras say it
    made = io.BytesIO()
    upright.rotate(90, expand=True).save(made, "PNG", exif=exif)
    light = read_picture(made.getvalue(), ".png").light
    assert np.abs(srgb_from_linear(light) * 255 - CODES).max() < 1


def test_what_is_transparent_shows_white_behind_it_in_linear_light() -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2, :, 3] = 255
    pixels[2, :, 3] = 128
    light = read_picture(saved(pixels, "PNG"), ".png").light
    assert light[0, 0] == pytest.approx(0) and light[3, 0] == pytest.approx(1)
    assert light[2, 0] == pytest.approx(1 - 128 / 255)
    assert read_picture(saved(pixels, "PNG"), ".png", on_white=False).light == pytest.approx(0)


def test_what_is_wholly_transparent_is_no_picture() -> None:
    with pytest.raises(Unreadable, match="wholly transparent"):
        read_picture(saved(np.zeros((4, 4, 4), np.uint8), "PNG"), ".png")


class TestHdr:
    """EXR and RGBE."""

    LIGHT = np.random.default_rng(2).uniform(0, 1, (8, 16, 3)).astype(np.float32) ** 4 * 300

    @pytest.mark.parametrize("compression", ["ZIP_COMPRESSION", "DWAB_COMPRESSION"])
    @pytest.mark.parametrize("dtype", [np.float16, np.float32])
    def test_exr(self, compression: str, dtype: type, tmp_path: Path) -> None:
        exr = pytest.importorskip("OpenEXR")
        header = {"compression": getattr(exr, compression), "type": exr.scanlineimage}
        smooth = np.repeat(np.repeat(self.LIGHT, 8, 0), 8, 1)
        with exr.File(header, {"RGB": smooth.astype(dtype)}) as file:
            file.write(str(tmp_path / "a.exr"))
        picture = read_picture((tmp_path / "a.exr").read_bytes(), ".exr")
        assert picture.hdr and picture.light.shape == smooth.shape
        loss = np.abs(picture.light - smooth).mean() / smooth.mean()
        assert loss < (0.02 if compression.startswith("DWAB") else 1e-3)

    def test_a_lone_nan_is_mended_and_many_are_refused(self, tmp_path: Path) -> None:
        exr = pytest.importorskip("OpenEXR")

        def written(light: np.ndarray) -> bytes:
            with exr.File({"compression": exr.NO_COMPRESSION}, {"RGB": light}) as file:
                file.write(str(tmp_path / "a.exr"))
            return (tmp_path / "a.exr").read_bytes()

        light = np.full((32, 64, 3), 2.0, np.float32)
        light[5, 5], light[9, 9] = np.nan, -1
        assert read_picture(written(light), ".exr").light == pytest.approx(2.0)
        light[:4] = np.inf
        with pytest.raises(Unreadable, match="NaN, infinity or negative light in 13%"):
            read_picture(written(light), ".exr")

    def test_rgbe_of_known_bytes(self) -> None:
        """From the format's description: 2^(136 - 136) is one step of 1, and the mantissa lies in its middle."""
        flat = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 3\n" + bytes(
            [0, 0, 0, 0, 128, 64, 32, 129, 1, 2, 255, 136]
        )
        light = read_picture(flat, ".hdr").light
        expected = [[0, 0, 0], [128.5 / 128, 64.5 / 128, 32.5 / 128], [1.5, 2.5, 255.5]]
        assert light[0] == pytest.approx(np.array(expected))

    def test_rgbe_in_runs(self) -> None:
        """Runs as the format has had them since 1991: 2 2 and the width, then each channel by itself."""
        head = b"#?RADIANCE\n# a comment\nEXPOSURE=2.0\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 10\n"
        row = bytes([2, 2, 0, 10])
        red = bytes([128 + 10, 100])  # ten of 100
        green = bytes([4, 1, 2, 3, 4, 128 + 6, 9])  # four as they are, then six of 9
        blue = bytes([10, *range(10)])
        exponent = bytes([128 + 10, 136])
        light = read_picture(head + (row + red + green + blue + exponent) * 2, ".hdr").light
        assert light.shape == (2, 10, 3)
        assert light[1, :, 0] == pytest.approx(100.5 / 2)
        assert light[1, :, 1] * 2 - 0.5 == pytest.approx([1, 2, 3, 4, 9, 9, 9, 9, 9, 9])
        assert light[0, :, 2] * 2 - 0.5 == pytest.approx(np.arange(10))

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"#?RADIANCE\n\n-Y 4 +X 4\n\0\0",
            b"#?RADIANCE\n\n-Y four +X 4\n",
            b"#?RADIANCE\n\n-Y 2 +X 10\n\2\2\0\x0a\x8a",
            b"#?RADIANCE\n\n-Y 2 +X 10\n\2\2\0\x0a\x00\x00\x00",
            b"#?RADIANCE\n\n-Y 99999 +X 99999\n",
        ],
    )
    def test_rgbe_that_is_damaged(self, content: bytes) -> None:
        with pytest.raises(Unreadable, match="damaged"):
            read_picture(content, ".hdr")


class TestDamaged:
    """Whatever the bytes are, they end in a reason."""

    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp", ".dds", ".tga", ".exr", ".hdr"])
    @pytest.mark.parametrize("content", [b"", b"not a picture at all", bytes(1000)])
    def test_rubbish(self, suffix: str, content: bytes) -> None:
        with pytest.raises(Unreadable, match="damaged"):
            read_picture(content, suffix)

    @pytest.mark.parametrize(
        "form, suffix", [("PNG", ".png"), ("JPEG", ".jpg"), ("TIFF", ".tif"), ("BMP", ".bmp")]
    )
    def test_cut_short(self, form: str, suffix: str) -> None:
        whole = saved(CODES, form)
        with pytest.raises(Unreadable, match="damaged"):
            read_picture(whole[: len(whole) // 2], suffix)

    def test_a_format_that_is_not_read(self) -> None:
        with pytest.raises(Unreadable, match=r"format that is not read") as error:
            read_picture(b"GIF89a", ".gif")
        assert error.value.remedy.startswith("save them as one of PNG, JPEG")


class TestHeights:
    METRES = np.linspace(-20, 3000, 400).reshape(20, 20).round().astype(np.int16)

    def test_hgt_with_a_void(self) -> None:
        tile = self.METRES.astype(">i2")
        tile[3, 3] = -32768
        heights = read_heights(tile.tobytes(), ".hgt")
        assert np.isnan(heights[3, 3])
        assert np.array_equal(np.delete(heights, 63), np.delete(self.METRES, 63).astype(np.float32))

    def test_npy_and_sixteen_bit_png_with_a_unit(self) -> None:
        made = io.BytesIO()
        np.save(made, self.METRES)
        assert np.array_equal(read_heights(made.getvalue(), ".npy"), self.METRES)
        steps = (self.METRES.astype(int) + 20).astype(np.uint16)
        assert read_heights(saved(steps, "PNG"), ".png", unit_m=0.5) == pytest.approx(steps * 0.5)

    def test_cdf(self, tmp_path: Path) -> None:
        from scipy.io import netcdf_file

        with netcdf_file(str(tmp_path / "a.cdf"), "w") as file:
            file.createDimension("y", 20)
            file.createDimension("x", 20)
            file.createVariable("x", "f4", ("x",))[:] = np.arange(20)
            file.createVariable("ROSE", "i2", ("y", "x"))[:] = self.METRES
        assert np.array_equal(read_heights((tmp_path / "a.cdf").read_bytes(), ".cdf"), self.METRES)

    @pytest.mark.parametrize("suffix", [".hgt", ".npy", ".cdf", ".png"])
    @pytest.mark.parametrize("content", [b"", b"abc", b"\x93NUMPY\x01\x00", b"CDF\x01\x00\x00\x00"])
    def test_damaged(self, suffix: str, content: bytes) -> None:
        with pytest.raises(Unreadable):
            read_heights(content, suffix)

    def test_a_photograph_is_no_relief(self) -> None:
        with pytest.raises(Unreadable, match="heights are one grey channel"):
            read_heights(saved(CODES, "PNG"), ".png")

"""Resizing keeps the light, makes no pattern that is not there, and goes round where a picture does."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from vrgen.training.resizing import Filter, linear_from_srgb, resized, srgb_from_linear


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 1, (height, width, 3)).astype(np.float32)


@pytest.mark.parametrize("size", [(32, 64), (37, 51), (100, 30)])
def test_area_keeps_the_energy(size: tuple[int, int]) -> None:
    before = noise(128, 200)
    before[40, 70] = 5000  # a sun
    after = resized(before, *size, "area")
    assert after.shape == (*size, 3)
    assert after.mean((0, 1)) == pytest.approx(before.mean((0, 1)), rel=1e-4)
    assert after.min() >= 0


@pytest.mark.parametrize("how", ["area", "lanczos"])
@pytest.mark.parametrize("size", [(16, 16), (23, 40), (90, 200)])
def test_a_flat_picture_stays_flat(how: Filter, size: tuple[int, int]) -> None:
    assert resized(np.full((50, 64, 1), 0.3, np.float32), *size, how) == pytest.approx(0.3, rel=1e-5)


@pytest.mark.parametrize("how, most", [("area", 0.12), ("lanczos", 0.01)])
def test_what_is_too_fine_becomes_grey_and_no_pattern(how: Filter, most: float) -> None:
    """A zone plate: rings whose frequency grows with the radius, beyond what the small picture can show."""
    side, small = 512, 64
    place = np.arange(side) - side / 2
    radius2 = place[:, None] ** 2 + place[None, :] ** 2
    plate = (0.5 + 0.5 * np.cos(np.pi * radius2 / side)).astype(np.float32)[..., None]
    # The frequency at radius r is r / side cycles a pixel; the small picture shows up to small / (2 side).
    made = resized(plate, small, small, how)[..., 0]
    r = np.hypot(*np.meshgrid(*[(np.arange(small) + 0.5) * side / small - side / 2] * 2))
    outside = (r > small) & (r < side / 2 - 16)
    assert np.abs(made[outside] - 0.5).max() < most
    picked = plate[4::8, 4::8, 0]  # without a filter the rings come again as a pattern
    assert np.abs(picked[outside] - 0.5).max() > 0.45


def test_light_is_averaged_not_codes() -> None:
    stripes = np.zeros((64, 64, 1), np.float32)
    stripes[::2] = 1
    seen = srgb_from_linear(resized(linear_from_srgb(stripes), 8, 8, "area"))
    assert seen == pytest.approx(0.735, abs=0.01)  # the code of half the light


@pytest.mark.parametrize("how", ["area", "lanczos"])
def test_a_picture_that_wraps_still_does(how: Filter) -> None:
    """Turning before resizing is turning after it, when the filter goes round the edge."""
    before = noise(60, 60)
    turned = np.roll(before, (24, 36), (0, 1))
    small = resized(before, 20, 20, how, wraps=(True, True))
    again = resized(turned, 20, 20, how, wraps=(True, True))
    assert np.allclose(np.roll(small, (8, 12), (0, 1)), again, atol=1e-5)
    if how == "lanczos":
        clamped = resized(turned, 20, 20, how)
        assert not np.allclose(np.roll(small, (8, 12), (0, 1)), clamped, atol=1e-3)


def test_codes_and_light_are_each_other_undone() -> None:
    codes = np.linspace(0, 1, 256, dtype=np.float32)
    assert srgb_from_linear(linear_from_srgb(codes)) == pytest.approx(codes, abs=1e-5)
    assert linear_from_srgb(np.float32([0.5]))[0] == pytest.approx(0.2140, abs=1e-4)

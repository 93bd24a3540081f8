"""Numbers of a generator as colours."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from vrgen.scene.colours import encoded, levels, linear


def srgb_to_linear(v: float) -> float:
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


@given(st.floats(-2, 2), st.floats(-3, 0), st.floats(0.1, 5))
def test_the_ends_of_a_range_are_0_and_255(value: float, low: float, wide: float) -> None:
    made = float(levels(np.full((1, 1, 1), value, np.float32), (low, low + wide))[0, 0, 0])
    assert made == pytest.approx(255 * min(1.0, max(0.0, (value - low) / wide)), abs=0.501)


@given(st.floats(0, 1))
def test_colours_are_decoded_to_linear(value: float) -> None:
    plane = np.full((3, 2, 2), value * 2 - 1, np.float32)
    assert linear(plane, (-1.0, 1.0))[0, 0, 0] == pytest.approx(srgb_to_linear(value), abs=2e-3)


@given(st.floats(0, 1))
def test_radiance_stays_and_is_encoded_for_bytes(value: float) -> None:
    plane = np.full((3, 1, 1), value, np.float32)
    assert linear(plane, "linear")[0, 0, 0] == np.float16(value)
    assert srgb_to_linear(encoded(plane, "linear")[0, 0, 0] / 255) == pytest.approx(value, abs=0.006)


def test_negative_radiance_is_black_and_bright_radiance_stays_bright_and_finite() -> None:
    made = linear(np.array([-1.0, 400.0, 1e9], np.float32).reshape(3, 1, 1), "linear")
    assert made[0, 0, :2].tolist() == [0.0, 400.0] and 5e4 < made[0, 0, 2] < np.inf


def test_one_channel_is_grey_and_a_fourth_is_left_out() -> None:
    grey = np.arange(4, dtype=np.float32).reshape(1, 2, 2) / 4
    assert (encoded(grey, (0.0, 1.0))[..., 0] == encoded(grey, (0.0, 1.0))[..., 2]).all()
    assert linear(np.zeros((4, 2, 3), np.float32), (0.0, 1.0)).shape == (2, 3, 3)


def test_bands_make_the_picture_that_the_whole_makes() -> None:
    tall = np.random.default_rng(3).uniform(-1, 1, (3, 700, 300)).astype(np.float32)  # several bands, one not full
    by_hand = np.clip(np.floor((tall.astype(np.float64) + 1) * 127.5 + 0.5), 0, 255).transpose(1, 2, 0)
    assert np.abs(encoded(tall, (-1.0, 1.0)) - by_hand).max() <= 1
    assert (linear(tall, "linear") == np.maximum(tall, 0).astype(np.float16).transpose(1, 2, 0)).all()


def test_what_was_given_is_not_changed() -> None:
    given_ = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 2, 2)
    before = given_.copy()
    given_.setflags(write=False)
    linear(given_, (-1.0, 1.0))
    encoded(given_, (-1.0, 1.0))
    levels(given_, (-1.0, 1.0))
    assert (given_ == before).all()

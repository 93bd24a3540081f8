"""Numbers of a generator as colours."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from vrgen.scene.colours import encoded, linear, unit


def srgb_to_linear(v: float) -> float:
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


@given(st.floats(-2, 2), st.floats(-3, 0), st.floats(0.1, 5))
def test_the_ends_of_a_range_are_black_and_white(value: float, low: float, wide: float) -> None:
    made = float(unit(np.float32([value]), low, low + wide)[0])
    assert made == pytest.approx(min(1.0, max(0.0, (value - low) / wide)), abs=1e-5)


@given(st.floats(0, 1))
def test_colours_are_decoded_to_linear(value: float) -> None:
    plane = np.full((3, 2, 2), value * 2 - 1, np.float32)
    assert linear(plane, (-1.0, 1.0))[0, 0, 0] == pytest.approx(srgb_to_linear(value), abs=2e-3)


@given(st.floats(0, 1))
def test_radiance_stays_and_is_encoded_for_bytes(value: float) -> None:
    plane = np.full((3, 1, 1), value, np.float32)
    assert linear(plane, "linear")[0, 0, 0] == np.float32(value)
    assert srgb_to_linear(encoded(plane, "linear")[0, 0, 0] / 255) == pytest.approx(value, abs=0.006)


def test_negative_radiance_is_black_and_bright_radiance_stays_bright() -> None:
    made = linear(np.float32([-1.0, 0.5, 400.0]).reshape(3, 1, 1), "linear")
    assert made.tolist() == [[[0.0, 0.5, 400.0]]]


def test_one_channel_is_grey_and_a_fourth_is_left_out() -> None:
    grey = np.arange(4, dtype=np.float32).reshape(1, 2, 2) / 4
    assert (encoded(grey, (0.0, 1.0))[..., 0] == encoded(grey, (0.0, 1.0))[..., 2]).all()
    assert linear(np.zeros((4, 2, 3), np.float32), (0.0, 1.0)).shape == (2, 3, 3)


def test_what_was_given_is_not_changed() -> None:
    given_ = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 2, 2)
    before = given_.copy()
    given_.setflags(write=False)
    linear(given_, (-1.0, 1.0))
    encoded(given_, (-1.0, 1.0))
    unit(given_, -1.0, 1.0)
    assert (given_ == before).all()

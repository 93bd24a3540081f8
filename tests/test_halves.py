"""Half floats from and to float32, as numpy has them."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from vrgen.halves import floats, halves

ALL = np.arange(0x7C00, dtype=np.uint16).view(np.float16)
"""Every half float that is finite and not negative."""


def test_every_half_float_is_the_same_number_and_comes_back() -> None:
    wide = floats(ALL)
    assert wide.dtype == np.float32 and (wide == ALL.astype(np.float32)).all()
    assert (halves(wide).view(np.uint16) == ALL.view(np.uint16)).all()


def test_between_two_of_them_the_nearer_one_is_taken_and_in_the_middle_the_even_one() -> None:
    low, high = ALL[:-1].astype(np.float32), ALL[1:].astype(np.float32)
    for share in (0.25, 0.5, 0.75):
        between = low + np.float32(share) * (high - low)
        assert (halves(between) == between.astype(np.float16)).all()


@given(st.lists(st.floats(0, 65504, width=32), min_size=1))
def test_numbers_become_what_numpy_makes_of_them(numbers: list[float]) -> None:
    wide = np.array(numbers, np.float32)
    made, expected = halves(wide), wide.astype(np.float16)
    small = wide < 2.0**-14  # rounded twice there
    assert (made == expected)[~small].all()
    assert np.abs(made.view(np.int16) - expected.view(np.int16)).max() <= 1


def test_zero_has_no_sign_and_what_is_not_finite_is_very_bright() -> None:
    assert floats(np.float16([-0.0, np.inf, np.nan])).tolist()[:2] == [0.0, 65536.0]
    assert np.isfinite(floats(np.float16([np.nan]))).all()
    assert halves(np.float32([-0.0])).view(np.uint16).tolist() == [0]


def test_pictures_keep_their_shape_in_whatever_order_they_lie() -> None:
    light = np.random.default_rng(0).uniform(0, 9, (4, 6, 3)).astype(np.float16)
    turned = light.swapaxes(0, 1)[::2]
    assert (floats(turned) == turned.astype(np.float32)).all()
    assert (halves(floats(turned)) == turned).all()

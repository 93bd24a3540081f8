"""Smaller levels of textures."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from vrgen.levels import smaller_bumps, smaller_colours, smaller_radiance


@given(st.integers(1, 70), st.integers(1, 70))
def test_sizes_are_opengls_down_to_one_texel(height: int, width: int) -> None:
    levels = smaller_colours(np.zeros((height, width, 4), np.uint8))
    assert len(levels) == max(height, width).bit_length() - 1
    for number, level in enumerate(levels, 1):
        assert level.shape == (max(height >> number, 1), max(width >> number, 1), 4)


def test_colours_are_averaged_as_light_and_their_alpha_as_a_number() -> None:
    board = np.zeros((8, 8, 4), np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 255
    for level in smaller_colours(board):
        assert (
            np.abs(level.astype(int) - (188, 188, 188, 128)) <= 1
        ).all()  # half the light of white is 188 in sRGB


@pytest.mark.parametrize("value", [0, 1, 7, 77, 254, 255])
def test_what_is_the_same_all_over_stays_so(value: int) -> None:
    plain = np.full((9, 16, 4), value, np.uint8)
    assert all((level == value).all() for level in smaller_colours(plain))
    light = np.full((9, 16, 3), value / 10, np.float16)
    assert all(np.allclose(level, light[0, 0], rtol=1e-3) for level in smaller_radiance(light))


@given(st.integers(1, 40), st.integers(0, 9))
def test_the_last_level_of_light_is_its_mean(size: int, seed: int) -> None:
    light = np.random.default_rng(seed).uniform(0, 100, (size, 2 * size, 3)).astype(np.float16)
    last = (light, *smaller_radiance(light))[-1]
    np.testing.assert_allclose(last[0, 0], light.astype(np.float64).mean(axis=(0, 1)), rtol=5e-3)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 9))
def test_each_level_of_light_is_the_mean_of_four_texels(down: int, across: int, seed: int) -> None:
    light = np.random.default_rng(seed).uniform(0, 6e4, (2**down, 2**across, 3)).astype(np.float16)
    mean = light.astype(np.float32)
    for level in smaller_radiance(light)[: min(down, across)]:
        mean = mean.reshape(len(mean) // 2, 2, mean.shape[1] // 2, 2, 3).mean(axis=(1, 3))
        np.testing.assert_allclose(level, mean, rtol=6e-4)


def test_what_is_worked_through_in_bands_comes_to_the_same() -> None:
    tall = np.random.default_rng(2).uniform(0, 9, (602, 128, 3)).astype(np.float16)  # four bands
    first = smaller_radiance(tall)[0]
    mean = tall.astype(np.float32).reshape(301, 2, 64, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(first, mean, rtol=6e-4)


def test_directions_stay_unit_and_lean_as_their_mean_does() -> None:
    rng = np.random.default_rng(1)
    normals = rng.normal((0.3, 0.0, 1.0), 0.3, (16, 16, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    pixels = (
        np.concatenate([normals * 127.5 + 127.5, rng.uniform(0, 255, (16, 16, 1))], -1).round().astype(np.uint8)
    )
    for level in smaller_bumps(pixels):
        made = level[..., :3] / 127.5 - 1
        np.testing.assert_allclose(np.linalg.norm(made, axis=-1), 1.0, atol=0.02)
    mean = normals.mean(axis=(0, 1)) / np.linalg.norm(normals.mean(axis=(0, 1)))
    np.testing.assert_allclose(made[0, 0], mean, atol=0.03)
    assert abs(int(level[0, 0, 3]) - pixels[..., 3].mean()) <= 1


def test_a_straight_direction_stays_itself() -> None:
    plain = np.full((8, 8, 4), (128, 128, 255, 230), np.uint8)
    assert all((level == plain[0, 0]).all() for level in smaller_bumps(plain))

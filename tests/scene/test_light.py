"""The light that falls from a panorama."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from vrgen.levels import smaller_radiance
from vrgen.scene.light import basis, directions, light_of, mixed, shrink
from vrgen.scene_model import F32, Light

LUMINANCE = np.float32([0.2126, 0.7152, 0.0722])
COLOURS = st.tuples(*[st.floats(0.01, 50.0)] * 3)


def towards(light: Light, *normal: float) -> F32:
    """Radiance of a white surface that faces `normal`, lit by the sky without the sun."""
    return basis(np.float32(normal)) @ light.ambient_sh


def constant(colour: tuple[float, float, float], height: int = 32) -> F32:
    return np.broadcast_to(np.float32(colour), (height, 2 * height, 3)).copy()


def sunny(sun_at: tuple[float, float], radiance: float = 400.0, height: int = 64) -> F32:
    """A blue sky with a small sun at (azimuth, elevation); azimuth 0 is -Z, positive to the right."""
    sky = constant((0.3, 0.5, 1.0), height)
    d, _ = directions(height, 2 * height)
    azimuth, elevation = sun_at
    flat = np.cos(elevation)
    sun = np.float32([flat * np.sin(azimuth), np.sin(elevation), -flat * np.cos(azimuth)])
    sky[d @ sun > np.cos(0.06)] = radiance
    return sky


@given(COLOURS)
def test_under_a_constant_sky_a_white_ground_is_as_bright_as_the_sky(colour: tuple[float, float, float]) -> None:
    light = light_of(constant(colour))
    bright = LUMINANCE @ np.float32(colour)
    assert LUMINANCE @ towards(light, 0, 1, 0) == pytest.approx(bright, rel=0.05)
    # Below is ground that throws a fifth of it back; a wall sees half of either.
    assert LUMINANCE @ towards(light, 0, -1, 0) == pytest.approx(0.22 * bright, rel=0.15)
    assert LUMINANCE @ towards(light, 1, 0, 0) == pytest.approx(0.61 * bright, rel=0.05)
    assert np.argsort(towards(light, 0, 1, 0)).tolist() == np.argsort(towards(light, 0, -1, 0)).tolist()
    assert not light.sun_irradiance.any()


@pytest.mark.parametrize("height", [32, 64, 96, 128, 100])
def test_smaller_levels_give_the_same_light(height: int) -> None:
    radiance = (sunny((0.3, 0.6), height=height) * np.linspace(0.5, 1.5, 2 * height)[:, None]).astype(np.float16)
    whole, quick = light_of(radiance), light_of(radiance, smaller_radiance(radiance))
    for name in ("sun_direction", "sun_irradiance", "ambient_sh", "exposure"):
        np.testing.assert_allclose(getattr(quick, name), getattr(whole, name), rtol=2e-3, atol=2e-3)


def test_harmonics_are_orthonormal() -> None:
    d, solid = directions(64, 128)
    b = basis(d)
    np.testing.assert_allclose(np.einsum("hwi,hwj,h->ij", b, b, solid), np.eye(9), atol=2e-3)


@given(st.floats(-3.1, 3.1), st.floats(0.15, 1.4))
def test_the_sun_stands_where_the_panorama_is_brightest(azimuth: float, elevation: float) -> None:
    light = light_of(sunny((azimuth, elevation)))
    flat = np.cos(elevation)
    asked = [flat * np.sin(azimuth), np.sin(elevation), -flat * np.cos(azimuth)]
    assert np.linalg.norm(light.sun_direction) == pytest.approx(1.0, abs=1e-5)
    assert np.degrees(np.arccos(min(1.0, float(light.sun_direction @ asked)))) < 4.0


@given(st.integers(0, 127))
def test_turning_the_panorama_turns_the_sun_and_the_sky_light(columns: int) -> None:
    before = light_of(sunny((0.3, 0.6)))
    after = light_of(np.roll(sunny((0.3, 0.6)), columns, axis=1))
    yaw = columns / 128 * 2 * np.pi
    c, s = np.cos(yaw), np.sin(yaw)
    turn = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])  # to the right
    assert float(after.sun_direction @ (turn @ before.sun_direction)) > np.cos(0.04)
    np.testing.assert_allclose(after.sun_irradiance, before.sun_irradiance, rtol=0.25)
    for normal in ((1, 0, 0), (0, 0, 1), (0.6, 0.8, 0)):
        np.testing.assert_allclose(
            towards(after, *(turn @ normal)), towards(before, *normal), rtol=0.15, atol=0.02
        )


def test_the_suns_light_is_what_outshines_the_sky() -> None:
    sky = sunny((0.0, 0.9))
    _d, solid = directions(64, 128)
    bright = sky[..., 0] > 399
    light = light_of(sky)
    np.testing.assert_allclose(light.sun_irradiance[0], (399.7 * bright * solid[:, None]).sum(), rtol=0.15)
    # The spot is the sun's now: it must not light the ground a second time.
    assert LUMINANCE @ towards(light, 0, 1, 0) == pytest.approx(LUMINANCE @ np.float32([0.3, 0.5, 1.0]), rel=0.1)


def test_a_clipped_sun_still_shines_and_a_grey_sky_has_none() -> None:
    clipped = np.clip(sunny((0.0, 0.7)) * 0.3, 0.0, 1.0)
    assert light_of(clipped).sun_irradiance.min() > 0.2
    assert light_of(constant((0.4, 0.4, 0.4))).sun_irradiance.max() == 0.0


@given(st.floats(0.1, 1e3), COLOURS)
def test_exposure_brings_any_sky_near_the_same_brightness(
    factor: float, colour: tuple[float, float, float]
) -> None:
    dim, bright = light_of(constant(colour)), light_of(constant(colour) * np.float32(factor))
    assert dim.exposure > 0
    if factor > 1:
        assert bright.exposure < dim.exposure
    # Of a thousand times more light the eye keeps four: a night stays darker than a day.
    assert bright.exposure / dim.exposure == pytest.approx(factor**-0.8, rel=0.05)


@pytest.mark.parametrize("height", [2, 16, 31, 100, 256])
def test_panoramas_of_any_size(height: int) -> None:
    small = shrink(constant((1.0, 2.0, 3.0), height))
    assert small.shape == (32, 64, 3)
    np.testing.assert_allclose(small, np.broadcast_to((1, 2, 3), small.shape), rtol=1e-5)


def test_shrinking_keeps_the_mean() -> None:
    noise = np.random.default_rng(3).uniform(0, 1, (128, 256, 3)).astype(np.float32)
    np.testing.assert_allclose(shrink(noise).mean(axis=(0, 1)), noise.mean(axis=(0, 1)), rtol=1e-4)


def test_a_black_sky_is_dark_and_nothing_else() -> None:
    light = light_of(np.zeros((32, 64, 3), np.float32))
    for number in (light.sun_direction, light.sun_irradiance, light.ambient_sh, light.exposure):
        assert np.isfinite(number).all()
    assert not light.sun_irradiance.any()


@given(st.floats(0.0, 1.0))
def test_light_on_the_way_from_one_sky_to_another(weight: float) -> None:
    a, b = light_of(sunny((0.0, 0.5))), light_of(sunny((2.0, 1.0)) * np.float32(4.0))
    light = mixed(a, b, weight)
    assert np.linalg.norm(light.sun_direction) == pytest.approx(1.0, abs=1e-5)
    assert min(a.exposure, b.exposure) * 0.999 <= light.exposure <= max(a.exposure, b.exposure) * 1.001
    if weight in (0.0, 1.0):
        assert light is (b if weight else a)


def test_suns_that_stand_opposite_pass_without_a_zero_direction() -> None:
    a = light_of(sunny((0.0, 0.0)))
    b = Light(-a.sun_direction, a.sun_irradiance, a.ambient_sh, a.exposure)
    assert np.linalg.norm(mixed(a, b, 0.5).sun_direction) == pytest.approx(1.0, abs=1e-5)

"""Generated textures as materials."""

import numpy as np
import outputs as o
import pytest

from vrgen import contract as c
from vrgen.scene.surfaces import plain_surface, surface_of


def test_the_three_roles_lie_where_the_shader_reads_them() -> None:
    surface = surface_of(
        [
            o.texture((1.0, 0.0, -1.0)),
            o.texture((0.0, 0.0, 1.0), "normal"),
            o.of(c.TextureOutput(shape=(1, 8, 8), role="roughness", metres=2.0), np.full((1, 8, 8), 0.25)),
        ]
    )
    assert surface.albedo[0, 0, :3].tolist() == [255, 128, 0]
    assert surface.bumps[3, 3].tolist() == [128, 128, 255, 64]
    assert surface.metres == 2.0


def test_what_is_missing_is_given_plainly() -> None:
    only_albedo = surface_of([o.texture((0.0, 0.0, 0.0))])
    assert only_albedo.bumps[0, 0].tolist() == [128, 128, 255, 230]
    only_normal = surface_of([o.texture((0.5, 0.0, 0.8), "normal")])
    assert only_normal.albedo.shape == (8, 8, 4)
    assert only_normal.bumps[0, 0, :2].tolist() == [191, 128]


def test_smaller_pictures_are_enlarged_to_the_largest() -> None:
    rough = np.linspace(0, 1, 4, dtype=np.float32).repeat(4).reshape(1, 4, 4)
    surface = surface_of(
        [o.texture((0, 0, 0), size=16), o.of(c.TextureOutput(shape=(1, 4, 4), role="roughness"), rough)]
    )
    assert surface.bumps.shape == (16, 16, 4)
    assert surface.bumps[0, 0, 3] == 0 and surface.bumps[15, 15, 3] == 255


def test_brighter_texels_stand_higher() -> None:
    plane = np.zeros((3, 4, 4), np.float32)
    plane[:, 0] = 0.5
    relief = surface_of([o.of(c.TextureOutput(shape=(3, 4, 4)), plane)]).albedo[..., 3]
    assert (relief[0] > 128).all() and (relief[1:] < 128).all()


@pytest.mark.parametrize("role", ["albedo", "normal", "roughness"])
def test_a_range_of_the_manifest_counts(role: str) -> None:
    spec = c.TextureOutput(shape=(3, 2, 2), role=role, range=(0.0, 255.0))  # type: ignore[arg-type]
    surface = surface_of([o.of(spec, np.full((3, 2, 2), 255.0))])
    seen = {
        "albedo": surface.albedo[0, 0, 0],
        "normal": surface.bumps[0, 0, 0],
        "roughness": surface.bumps[0, 0, 3],
    }
    assert seen[role] == 255


def test_plain_ground_is_of_its_colour_with_a_grain_that_tiles() -> None:
    plain = plain_surface((126, 124, 116))
    rgb = plain.albedo[..., :3].astype(float)
    np.testing.assert_allclose(rgb.mean(axis=(0, 1)), (126, 124, 116), atol=2)
    assert rgb.std(axis=(0, 1)).min() > 0.5
    seam, step = np.abs(rgb[0] - rgb[-1]).mean(), np.abs(rgb[1:] - rgb[:-1]).mean()
    assert seam < 2 * step

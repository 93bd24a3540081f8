"""A rock is closed, faces outwards, stands in the ground, and is not like the next one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vrgen.training.sphere import spheres

CHECKPOINT = Path(__file__).parents[2] / "assets" / "checkpoints" / "rocks.pt"


class Quarry:
    """The bundled checkpoint, called as the runtime calls it."""

    def __init__(self) -> None:
        extra = {"vrgen.json": ""}
        self.module = torch.jit.load(str(CHECKPOINT), _extra_files=extra)  # type: ignore[no-untyped-call]
        self.manifest = json.loads(extra["vrgen.json"])

    def rock(self, seed: int, flatness: float = 0.5) -> dict[str, Tensor]:
        draw = torch.Generator().manual_seed(seed)
        inputs = {
            "latent": torch.randn(1, 64, generator=draw),
            "noise": torch.randn(1, 16, generator=draw),
            "flatness": torch.tensor([flatness]),
        }
        with torch.no_grad():
            made: dict[str, Tensor] = self.module(inputs)
        return made


@pytest.fixture(scope="module")
def quarry() -> Iterator[Quarry]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as the worker calls it; more of them only wait for each other here
    yield Quarry()
    torch.set_num_threads(before)


def mesh_of(rock: dict[str, Tensor]) -> trimesh.Trimesh:
    return trimesh.Trimesh(rock["rock.vertices"].numpy(), rock["rock.faces"].numpy(), process=False)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), flatness=st.floats(0.0, 1.0))
def test_a_rock_is_closed_and_faces_outwards(quarry: Quarry, seed: int, flatness: float) -> None:
    rock = quarry.rock(seed, flatness)
    mesh = mesh_of(rock)
    assert mesh.is_watertight
    assert mesh.volume > 0.0  # counter-clockwise from outside
    normals = rock["rock.normals"].numpy()
    assert np.allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-3)
    # face normals agree with those of their corners, but for a few at cracks
    agree = (normals[mesh.faces].mean(1) * mesh.face_normals).sum(1)
    assert (agree > 0).mean() > 0.97


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_rock_is_about_a_metre_and_a_fifth_buried(quarry: Quarry, seed: int) -> None:
    vertices = quarry.rock(seed)["rock.vertices"].numpy()
    size = vertices.max(0) - vertices.min(0)
    assert 0.5 < np.sqrt(size[0] * size[2]) < 2.0
    assert -vertices[:, 1].min() / size[1] == pytest.approx(0.2, abs=0.01)


def test_what_is_made_is_what_the_manifest_says(quarry: Quarry) -> None:
    rock, said = quarry.rock(1), quarry.manifest["outputs"]["rock"]
    assert rock["rock.vertices"].shape == (said["vertices"], 3)
    assert rock["rock.faces"].shape == (said["faces"], 3)
    assert rock["rock.colours"].shape == (said["vertices"], 3)
    assert 0.0 <= float(rock["rock.colours"].min()) <= float(rock["rock.colours"].max()) <= 1.0
    assert set(rock) == {"rock.vertices", "rock.faces", "rock.normals", "rock.colours"}


def test_rocks_differ_and_repeat_when_asked(quarry: Quarry) -> None:
    one, again, other = quarry.rock(1), quarry.rock(1), quarry.rock(2)
    assert torch.equal(one["rock.vertices"], again["rock.vertices"])
    assert float((one["rock.vertices"] - other["rock.vertices"]).abs().mean()) > 0.02


def test_flatness_flattens(quarry: Quarry) -> None:
    def tall(flatness: float) -> float:
        sizes = []
        for seed in range(12):
            vertices = quarry.rock(seed, flatness)["rock.vertices"]
            size = vertices.amax(0) - vertices.amin(0)
            sizes.append(float(size[1] / (size[0] * size[2]).sqrt()))
        return sum(sizes) / len(sizes)

    assert tall(1.0) < 0.8 * tall(0.0)


def test_spheres_are_closed_and_their_rings_turn_one_way() -> None:
    for level, sphere in enumerate(spheres(4)):
        assert len(sphere.directions) == 10 * 4**level + 2
        assert trimesh.Trimesh(sphere.directions, sphere.faces, process=False).is_watertight
        ring = sphere.directions[sphere.rings] - sphere.directions[:, None]
        cross = np.cross(ring, np.roll(ring, -1, 1)).sum(1)
        assert ((cross * sphere.directions).sum(1) > 0).all()
        middle = sphere.directions[sphere.parents].mean(1)
        middle /= np.linalg.norm(middle, axis=1, keepdims=True)
        assert np.allclose(middle, sphere.directions)

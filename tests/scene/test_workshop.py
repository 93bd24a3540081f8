"""Results become assets in the order they came, large ones beside the frame."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from vrgen import contract as c
from vrgen.config import GeneratorConfig, World
from vrgen.generator.manifest import read_manifest
from vrgen.generator.shared import MIB, Arena, Segment
from vrgen.messages import Generated, Output, Request
from vrgen.resources import ASSETS
from vrgen.scene import workshop
from vrgen.scene.meshes import mesh_of
from vrgen.scene.pictures import picture_of
from vrgen.scene.swaps import Thing
from vrgen.scene.workshop import LARGE, Assets, Workshop
from vrgen.scene_model import Mesh, Picture

WORLD = World(
    generators={
        "sky": GeneratorConfig(checkpoint=Path("sky.pt")),
        "soil": GeneratorConfig(checkpoint=Path("soil.pt"), surface="cliff"),
    }
)


def sky(height: int, revision: int) -> Generated:
    shape = (3, height, 2 * height)
    spec = c.PanoramaOutput(shape=shape, range="linear")
    return Generated(Request("sky", 1, revision), {"sky": Output(spec, {"": np.ones(shape, np.float32)})})


def texture(role: str, value: float) -> Generated:
    spec = c.TextureOutput(shape=(3, 8, 8), role=role)  # type: ignore[arg-type]
    plane = np.full((3, 8, 8), value, np.float32)
    return Generated(Request("soil", 1, 1), {role: Output(spec, {"": plane})})


def drained(shop: Workshop) -> list[tuple[Generated, Assets]]:
    taken: list[tuple[Generated, Assets]] = []
    until_s = time.monotonic() + 60
    while not shop.empty and time.monotonic() < until_s:
        taken += shop.take()
    return taken


def test_they_come_out_in_the_order_they_went_in() -> None:
    shop = Workshop(WORLD)
    large = sky(512, 1)
    assert next(iter(large.outputs.values())).arrays[""].size >= LARGE
    for one in (large, sky(32, 2), sky(512, 3), sky(32, 4)):
        shop.put(one)
    taken = drained(shop)
    assert [one.request.revision for one, _ in taken] == [1, 2, 3, 4]
    assert all(assets.sky is not None for _, assets in taken)
    assert [assets.sky.radiance.shape[0] for _, assets in taken if assets.sky] == [512, 32, 512, 32]


def test_a_call_makes_at_most_one_small_one() -> None:
    shop = Workshop(WORLD)
    for revision in range(3):
        shop.put(sky(16, revision))
    assert [len(list(shop.take())) for _ in range(4)] == [1, 1, 1, 0]


def _ball(side: int) -> Output:
    """side² vertices on a sphere."""
    u, v = np.meshgrid(np.linspace(0.1, 3.0, side), np.linspace(0.0, 6.2, side))
    vertices = np.stack([np.sin(u) * np.cos(v), np.cos(u), np.sin(u) * np.sin(v)], -1).reshape(-1, 3)
    at = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.stack([at, at + 1, at + side], -1)
    return Output(c.MeshOutput(shape=(side * side, 3)), {"vertices": vertices.astype(np.float32), "faces": faces})


@pytest.mark.parametrize("kind", ["mesh", "picture"])
def test_no_large_mesh_and_no_picture_is_made_by_the_frame(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by: list[threading.Thread] = []

    def noted(of: Callable[[Output], Thing]) -> Callable[[Output], Thing]:
        def made(output: Output) -> Thing:
            by.append(threading.current_thread())
            return of(output)

        return made

    monkeypatch.setattr(workshop, "mesh_of", noted(mesh_of))
    monkeypatch.setattr(workshop, "picture_of", noted(picture_of))
    picture = Output(c.PictureOutput(shape=(3, 8, 8)), {"": np.zeros((3, 8, 8), np.float32)})
    for output, beside in [(_ball(100), True), (_ball(4), False)] if kind == "mesh" else [(picture, True)]:
        shop = Workshop(WORLD)
        shop.put(Generated(Request("rock", 1, 1), {"rock": output}))
        ((_, assets),) = drained(shop)
        assert isinstance(assets.things["rock"], Mesh if kind == "mesh" else Picture)
        assert (by.pop() is not threading.main_thread()) == beside and not by


@pytest.mark.parametrize("checkpoint", ["sky", "materials", "grounds", "rocks"])
def test_nothing_of_what_comes_with_vrgen_is_made_by_the_frame(
    checkpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = read_manifest(ASSETS / "checkpoints" / f"{checkpoint}.pt")
    assert manifest is not None
    outputs = {
        name: Output(spec, {"": np.zeros(spec.shape, np.float32)}) for name, spec in manifest.outputs.items()
    }
    by: list[threading.Thread] = []

    def noted(shop: Workshop, one: Generated, dressing: object) -> Assets:
        by.append(threading.current_thread())
        return Assets()

    monkeypatch.setattr(Workshop, "_made", noted)
    shop = Workshop(WORLD)
    shop.put(Generated(Request("soil", 1, 1), outputs))
    drained(shop)
    assert by and by[0] is not threading.main_thread()


def test_a_large_one_wears_what_came_in_small_before_it() -> None:
    shop = Workshop(WORLD)
    shop.put(texture("roughness", 0.25))
    shape = (3, 640, 640)
    spec = c.TextureOutput(shape=shape, role="albedo")
    shop.put(Generated(Request("soil", 1, 2), {"albedo": Output(spec, {"": np.ones(shape, np.float32)})}))
    both = drained(shop)[-1][1].surfaces["cliff"]
    assert both.albedo.shape[0] == 640 and abs(int(both.bumps[0, 0, 3]) - 64) <= 1


def test_a_surface_keeps_the_roles_that_came_before() -> None:
    shop = Workshop(WORLD)
    for one in (texture("albedo", 1.0), texture("roughness", 0.25)):
        shop.put(one)
    both = drained(shop)[-1][1].surfaces["cliff"]
    assert (both.albedo[..., :3] == 255).all()
    assert abs(int(both.bumps[0, 0, 3]) - 64) <= 1


# --- results that are still arriving ----------------------------------------------------------------------


class Coming:
    """A result in real shared memory, as the worker writes it: `write` copies up to a share of it."""

    def __init__(self, arena: Arena, generator: str, name: str, spec: c.OutputSpec, made: np.ndarray) -> None:
        self.arena, self.bytes = arena, made.reshape(-1).view(np.uint8)
        self.slot = arena.reserve(made.nbytes, 4)
        assert self.slot is not None
        arena.data(self.slot)[:] = 255  # not a number, until it is written
        arena.publish(self.slot, b"meta")
        (message,) = arena.take()
        view = message.data[: made.nbytes].view(made.dtype).reshape(made.shape)
        self.generated = Generated(Request(generator, 1, 1), {name: Output(spec, {"": view}, message.arrival)})

    def write(self, share: float) -> None:
        assert self.slot is not None
        count = int(len(self.bytes) * share)
        self.arena.data(self.slot)[:count] = self.bytes[:count]
        self.arena.arrive(self.slot, count)


@pytest.fixture
def arena() -> Iterator[Arena]:
    segment = Segment(Arena.HEAD_BYTES + Arena.TABLE_BYTES + 16 * MIB)
    yield Arena(segment, 0)
    segment.close()


def coming_sky(arena: Arena) -> Coming:
    made = np.random.default_rng(1).uniform(0, 2, (3, 256, 512)).astype(np.float32)
    return Coming(arena, "sky", "sky", c.PanoramaOutput(shape=made.shape, range="linear"), made)


def coming_texture(arena: Arena, role: str, value: float) -> Coming:
    spec = c.TextureOutput(shape=(3, 8, 8), role=role)  # type: ignore[arg-type]
    return Coming(arena, "soil", role, spec, np.full((3, 8, 8), value, np.float32))


def test_a_sky_comes_out_when_its_last_row_is_here_and_not_before(arena: Arena) -> None:
    shop, coming = Workshop(WORLD), coming_sky(arena)
    shop.put(coming.generated)
    for share in (0.0, 0.4, 0.999):
        coming.write(share)
        time.sleep(0.02)
        assert list(shop.take()) == [] and not shop.empty
    coming.write(1.0)
    ((_, assets),) = drained(shop)
    made = coming.bytes.view(np.float32).reshape(3, 256, 512)
    assert assets.sky is not None
    assert (assets.sky.radiance == made.astype(np.float16).transpose(1, 2, 0)).all()


def test_other_kinds_are_held_until_they_are_whole(arena: Arena) -> None:
    heights = np.zeros((1, 64, 64), np.float32)
    spec = c.HeightfieldOutput(shape=heights.shape, metres=8.0)
    shop, coming = Workshop(WORLD), Coming(arena, "sky", "land", spec, heights)
    shop.put(coming.generated)
    coming.write(0.9)
    time.sleep(0.02)
    assert list(shop.take()) == []
    coming.write(1.0)
    assert [one for one, _ in drained(shop)] == [coming.generated]


def test_a_lost_one_never_comes_out_and_holds_nothing_up(arena: Arena) -> None:
    shop, coming = Workshop(WORLD), coming_sky(arena)
    shop.put(coming.generated)
    coming.write(0.5)
    arena.recover()
    shop.put(sky(16, 2))
    assert [one.request.revision for one, _ in drained(shop)] == [2]


def test_a_surface_keeps_what_it_had_when_a_texture_is_lost(arena: Arena) -> None:
    shop = Workshop(WORLD)
    shop.put(texture("albedo", 1.0))
    coming = coming_texture(arena, "albedo", -1.0)
    shop.put(coming.generated)
    coming.write(0.5)
    arena.recover()
    shop.put(texture("roughness", 0.25))
    made = [assets.surfaces["cliff"] for _, assets in drained(shop)]
    assert len(made) == 2 and all((surface.albedo[..., :3] == 255).all() for surface in made)


def test_what_has_become_an_asset_leaves_the_shared_memory(arena: Arena) -> None:
    shop, coming = Workshop(WORLD), coming_sky(arena)
    shop.put(coming.generated)
    coming.write(1.0)
    assert len(drained(shop)) == 1
    del coming
    gc.collect()
    assert arena.in_use == 0

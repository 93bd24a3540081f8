"""Results become assets in the order they came, large ones beside the frame."""

import time
from pathlib import Path

import numpy as np

from vrgen import contract as c
from vrgen.config import GeneratorConfig, World
from vrgen.messages import Generated, Output, Request
from vrgen.scene.workshop import LARGE, Assets, Workshop

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


def test_a_surface_keeps_the_roles_that_came_before() -> None:
    shop = Workshop(WORLD)
    for one in (texture("albedo", 1.0), texture("roughness", 0.25)):
        shop.put(one)
    both = drained(shop)[-1][1].surfaces["cliff"]
    assert (both.albedo[..., :3] == 255).all()
    assert abs(int(both.bumps[0, 0, 3]) - 64) <= 1

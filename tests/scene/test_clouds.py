"""Splats from an output to where they stand: packed without loss that is seen, faded in, exchanged."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import outputs as o
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_assembly import Show, alone, is_a_place, world

from vrgen.config import SplatsConfig, StartConfig
from vrgen.messages import Output
from vrgen.scene.assembly import Assembly
from vrgen.scene.colours import Lost
from vrgen.scene.sky import plain_sky
from vrgen.scene.splats import AHEAD_M, change, shared_exponent, splats_of, unpacked
from vrgen.scene_model import Cloud, Scene

LIGHT = plain_sky().light


# --- packed -----------------------------------------------------------------------------------------------


def test_what_is_packed_is_what_was_made() -> None:
    made = o.splats(200, seed=1)
    packed = splats_of(made).gaussians
    arrays = made.arrays
    assert np.array_equal(packed["position"], arrays["means"])
    np.testing.assert_allclose(packed["scale"], arrays["scales"], rtol=1e-3)
    turned = arrays["rotations"] / np.linalg.norm(arrays["rotations"], axis=1, keepdims=True)
    np.testing.assert_allclose(packed["rotation"] / 32767, turned, atol=2e-5)
    np.testing.assert_allclose(packed["opacity"] / 255, arrays["opacities"], atol=0.002 + 1e-6)
    srgb = (np.asarray(arrays["colours"], np.float64) + 1) / 2
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(unpacked(packed["colour"]), linear, atol=0.003)


def test_radiance_of_any_height_is_kept_and_shines_by_itself() -> None:
    made = o.splats(3, meaning="linear", colours=np.float32([[900, 3, 0.02], [0, 0, 0], [1, 1, 1]]))
    splats = splats_of(made)
    assert splats.shines
    np.testing.assert_allclose(unpacked(splats.gaussians["colour"])[0], [900, 3, 0.02], atol=900 / 511)
    np.testing.assert_allclose(unpacked(splats.gaussians["colour"])[1:], [[0, 0, 0], [1, 1, 1]], atol=0.002)


def test_what_is_out_of_its_range_is_brought_into_it() -> None:
    made = o.splats(
        3,
        opacities=np.float32([2.0, 0.5, 0.5]),
        scales=np.float32([[-1, 0.1, 0.1], [1e9, 0, 0], [0, 0, 0]]),
        rotations=np.float32([[0, 0, 0, 0], [0, 0, 0, -3], [1e-9, 0, 0, 0]]),
    )
    packed = splats_of(made).gaussians
    assert packed["opacity"].tolist() == [255, 128, 128]
    assert packed["scale"][0, 0] == 0 and np.isfinite(packed["scale"]).all()
    assert packed["rotation"].tolist() == [[0, 0, 0, 32767], [0, 0, 0, -32767], [0, 0, 0, 32767]]


def test_what_can_not_be_seen_is_left_out() -> None:
    opacities = np.zeros(100, np.float32)
    opacities[[3, 70]] = 0.5
    made = o.splats(100, opacities=opacities)
    assert np.array_equal(splats_of(made).gaussians["position"], made.arrays["means"][[3, 70]])
    assert len(splats_of(o.splats(5, opacities=np.zeros(5, np.float32))).gaussians) == 1


@given(st.lists(st.floats(0, 6.5e4, width=32), min_size=3, max_size=3))
@example([0.99999, 0.0, 0.0])  # rounds to another exponent
@example([0.0, 0.0, 6.5e4])
def test_shared_exponent_is_within_half_a_step_of_the_largest(colour: list[float]) -> None:
    one = np.float32([colour])
    off = np.abs(unpacked(shared_exponent(one)) - one).max()
    assert off <= max(float(one.max()), 2.0**-16) / 511 + 1e-12


def test_splats_that_were_lost_on_their_way_are_not_made() -> None:
    made = o.splats(5)
    with pytest.raises(Lost):
        splats_of(Output(made.spec, made.arrays, o.LostArrival()))


# --- where they stand -------------------------------------------------------------------------------------


def uploading(show: Show) -> None:
    """The GPU takes in the clouds of the last scene."""
    assert show.scene is not None
    show.resident |= {cloud.splats.id for cloud in show.scene.clouds}


def seconds(show: Show, duration_s: float) -> list[Scene]:
    scenes = []
    for _ in range(round(duration_s / 0.1)):
        scenes.append(show.frame())
        uploading(show)
    return scenes


def shown(output: Output, **said: object) -> Cloud:
    """One cloud, standing."""
    show = Show(Assembly(world("it", **said)))
    wish = o.wish("it")
    show.ask(wish)
    show.frame([o.result(wish, {"thing": output})])
    (cloud,) = seconds(show, 4.0)[-1].clouds
    assert cloud.weight == 1.0 and show.assembly.risen
    return cloud


def test_splats_alone_are_a_place_with_a_thing_before_the_start() -> None:
    _, scene = alone({"thing": o.splats(40)})
    assert is_a_place(scene)
    cloud = shown(o.splats(40))
    assert cloud.position == pytest.approx((0.0, 0.0, -AHEAD_M)) and cloud.scale == 1.0


def test_they_stand_before_who_starts_elsewhere_and_turned() -> None:
    cloud = shown(o.splats(40), start=StartConfig(x_m=10.0, z_m=5.0, yaw_deg=90.0))
    assert cloud.position == pytest.approx((10.0 - AHEAD_M, 0.0, 5.0))
    assert cloud.yaw_rad == pytest.approx(np.pi / 2)


def test_what_is_around_has_its_origin_at_the_start() -> None:
    cloud = shown(o.splats(40, around=True), start=StartConfig(x_m=10.0, z_m=5.0))
    assert cloud.position == pytest.approx((10.0, 0.0, 5.0))


def test_the_world_says_where() -> None:
    place = SplatsConfig(generator="it", x_m=3.0, z_m=-8.0, height_m=0.5, yaw_deg=180.0, scale=2.0)
    cloud = shown(o.splats(40), splats={"there": place})
    assert cloud.position == pytest.approx((3.0, 0.5, -8.0))
    assert cloud.yaw_rad == pytest.approx(np.pi) and cloud.scale == 2.0


def test_they_stand_on_the_ground() -> None:
    show = Show(Assembly(world("it", "land", splats={"there": SplatsConfig(generator="it", x_m=20.0, z_m=-8.0)})))
    wishes = (o.wish("it"), o.wish("land"))
    show.ask(*wishes)
    heights = o.hills((0, 0), 9, 64.0)
    show.frame(
        [o.result(wishes[0], {"thing": o.splats(9)}), o.result(wishes[1], {"h": o.heightfield(heights, 64.0)})]
    )
    (cloud,) = seconds(show, 8.0)[-1].clouds
    ground = show.assembly.land.height(20.0, -8.0)
    assert ground is not None and abs(ground) > 0.5
    assert cloud.position[1] == pytest.approx(ground, abs=1e-3)


# --- how they change --------------------------------------------------------------------------------------


@pytest.fixture
def standing() -> Show:
    show = Show(Assembly(world("it")))
    wish = o.wish("it")
    show.ask(wish)
    show.frame([o.result(wish, {"thing": o.splats(40, seed=1)})])
    seconds(show, 4.0)
    assert show.assembly.risen
    return show


def test_nothing_is_seen_before_it_is_on_the_gpu() -> None:
    show = Show(Assembly(world("it")))
    wish = o.wish("it")
    show.ask(wish)
    show.frame([o.result(wish, {"thing": o.splats(40)})])
    for _ in range(30):
        (cloud,) = show.frame().clouds
        assert cloud.weight == 0.0
    assert not show.assembly.risen


def test_they_fade_in_no_faster_than_white_may(standing: Show) -> None:
    show = Show(Assembly(world("it")))
    wish = o.wish("it")
    show.ask(wish)
    show.frame([o.result(wish, {"thing": o.splats(40)})])
    weights = [scene.clouds[0].weight for scene in seconds(show, 3.0)]
    assert weights == sorted(weights) and weights[-1] == 1.0
    assert max(b - a for a, b in pairwise(weights)) <= 0.5 * 0.1 + 1e-6


@pytest.mark.parametrize("epoch", [1, 2], ids=["morph", "new world"])
def test_one_fades_into_the_next_without_a_gap(standing: Show, epoch: int) -> None:
    before = standing.scene.clouds[0].splats  # type: ignore[union-attr]
    wish = o.wish("it", epoch, 2)
    standing.ask(wish)
    standing.frame([o.result(wish, {"thing": o.splats(60, seed=2)})])
    scenes = seconds(standing, 5.0)
    assert any(len(scene.clouds) == 2 for scene in scenes)
    for scene in scenes:
        assert sum(cloud.weight for cloud in scene.clouds) == pytest.approx(1.0)
        assert [cloud.leaves for cloud in scene.clouds if cloud.weight > 0.0] in ([False], [True, False])
    (after,) = scenes[-1].clouds
    assert after.splats is not before and len(after.splats.gaussians) == 60
    assert standing.assembly.risen and not standing.assembly.arriving


def test_another_checkpoint_may_name_its_splats_otherwise(standing: Show) -> None:
    wish = o.wish("it", 2, 2)
    standing.ask(wish)
    standing.frame([o.result(wish, {"other": o.splats(60, seed=2)})])
    (cloud,) = seconds(standing, 5.0)[-1].clouds
    assert len(cloud.splats.gaussians) == 60


def test_another_world_waits_until_its_splats_are_on_the_gpu(standing: Show) -> None:
    wish = o.wish("it", 2, 2)
    standing.ask(wish)
    standing.frame([o.result(wish, {"thing": o.splats(60, seed=2)})])
    for _ in range(20):
        assert standing.frame().clouds[0].weight == 1.0
        assert standing.assembly.arriving
    seconds(standing, 5.0)
    assert len(standing.scene.clouds) == 1 and not standing.assembly.arriving  # type: ignore[union-attr]


def test_of_a_stream_of_morphs_the_newest_is_shown_in_the_end(standing: Show) -> None:
    for revision in range(2, 12):
        wish = o.wish("it", 1, revision)
        standing.ask(wish)
        standing.frame([o.result(wish, {"thing": o.splats(10 + revision, seed=1)})])
        uploading(standing)
        assert len(standing.scene.clouds) <= 3  # type: ignore[union-attr]
    (cloud,) = seconds(standing, 8.0)[-1].clouds
    assert len(cloud.splats.gaussians) == 21


def test_what_stands_is_the_same_object_in_every_frame(standing: Show) -> None:
    assert standing.frame().clouds is standing.frame().clouds


def test_the_less_changes_the_sooner_it_is_through() -> None:
    one = splats_of(o.splats(100, seed=1))
    moved = o.splats(100, seed=1)
    near = splats_of(Output(moved.spec, {**moved.arrays, "means": moved.arrays["means"] + np.float32(0.4)}))
    white = splats_of(o.splats(100, seed=1, colours=np.ones((100, 3), np.float32)))
    black = splats_of(o.splats(100, seed=1, colours=-np.ones((100, 3), np.float32)))
    assert change(one, one, LIGHT) == pytest.approx(0.1)
    assert 0.15 < change(one, near, LIGHT) < 0.3
    assert change(white, black, LIGHT) > 0.4


# --- a world file -----------------------------------------------------------------------------------------


def test_a_place_for_nobodys_splats_and_two_for_the_same_are_refused(tmp_path: Path) -> None:
    from vrgen.config import read_world
    from vrgen.errors import WorldError

    (tmp_path / "tree.pt").write_bytes(b"x")
    said = (
        '[generators.tree]\ncheckpoint = "tree.pt"\n[splats.a]\ngenerator = "%s"\n[splats.b]\ngenerator = "tree"\n'
    )
    path = tmp_path / "w.toml"
    path.write_text(said % "three")
    with pytest.raises(WorldError, match="splats 'a' want the generator 'three'"):
        read_world(path)
    path.write_text(said % "tree")
    with pytest.raises(WorldError, match="splats 'a' and 'b' both place those of 'tree'"):
        read_world(path)


def test_it_is_told_when_they_are_first_seen() -> None:
    show = Show(Assembly(world("it")))
    wish = o.wish("it")
    show.ask(wish)
    told: list[str] = []
    show.frame([o.result(wish, {"thing": o.splats(9)})])
    for _ in range(10):
        assert show.scene is not None
        told += [what for _, what in show.assembly.news]
        assert "seen" not in told or show.scene.clouds[0].weight > 0.0
        show.frame()
    assert told == ["taken"]
    for _ in range(5):
        uploading(show)
        weight = show.frame().clouds[0].weight
        told += [what for _, what in show.assembly.news]
        assert ("seen" in told) == (weight > 0.0)
    assert told == ["taken", "resident", "seen"]

"""World files: what they may say, and what is said of wrong ones."""

from pathlib import Path

import pytest

from vrgen.config import PropsConfig, World, read_world, world_of
from vrgen.errors import UsageError, WorldError
from vrgen.resources import WORLDS, bundled_worlds


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "land.pt").write_bytes(b"")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "place.toml"
    path.write_text(text, encoding="utf-8")
    return path


LAND = '[generators.land]\ncheckpoint = "land.pt"\n'


def test_everything_a_world_may_say(folder: Path) -> None:
    world = read_world(
        written(
            folder,
            """
            title = "A place"
            seed = 3
            fog_m = 500.0
            [settings]
            season = 0.25
            biome = "steppe"
            [generators.land]
            checkpoint = "land.pt"
            surface = "ground"
            variants = 2
            as_kind = "heightfield"
            fixed = {age = 0.5, kind = "old", z = [1.0, 2.0]}
            [props.rocks]
            generator = "land"
            per_hectare = 12.0
            scale_m = [0.5, 1.5]
            [start]
            yaw_deg = 90.0
            """,
        )
    )
    land = world.generators["land"]
    assert land.checkpoint == (folder / "land.pt").resolve()
    assert (land.variants, land.as_kind, land.fixed["z"]) == (2, "heightfield", [1.0, 2.0])
    assert (world.name, world.seed, world.settings) == ("place", 3, {"season": 0.25, "biome": "steppe"})
    assert world.props["rocks"] == PropsConfig(generator="land", per_hectare=12.0, scale_m=(0.5, 1.5))
    assert world.start.yaw_deg == 90.0


@pytest.mark.parametrize(
    "text, words",
    [
        ("seed = ", ["TOML"]),
        ("sead = 1\n" + LAND, ["sead"]),
        ('seed = "one"\n' + LAND, ["seed", "'one'", "whole number"]),
        ("fog_m = -1.0\n" + LAND, ["fog_m", "-1.0", "above 0"]),
        ('[generators.land]\ncheckpoint = "land.pt"\nvariants = 0\n', ["variants"]),
        ("[generators.land]\n", ["checkpoint"]),
        ("", ["no generator"]),
        ("seed = -1\n" + LAND, ["seed is -1", "from 0"]),
        (LAND + "[start]\nx_m = nan\n", ["start.x_m is nan", "finite"]),
        (LAND + "fixed = {z = [0.0, inf]}\n", ["generators.land.fixed.z[1] is inf", "finite"]),
        (
            LAND + 'as_kind = "pano"\n',
            ["generators.land.as_kind", "'pano'", "texture", "did you mean 'panorama'?"],
        ),
        (LAND + 'as = "picture"\n', ["generators.land", "did you mean 'as_kind'?"]),
        (LAND + 'surface = "grund"\n', ["generators.land.surface", "'grund'", "cliff", "did you mean 'ground'?"]),
        (LAND + '[props.rocks]\ngenerator = "lnd"\n', ["rocks", "'lnd'", "did you mean 'land'?"]),
        (LAND + '[props.rocks]\ngenerator = "land"\nscale_m = [2, 1]\n', ["rocks", "scale_m", "[2, 1]"]),
        (LAND + '[props.rocks]\ngenerator = "land"\nscale_m = [0, 1]\n', ["rocks", "scale_m", "above 0"]),
        ('[generators.land]\ncheckpoint = "gone.pt"\n', ["land", "gone.pt"]),
        (LAND + '[props.rocks]\ngenerator = "stone"\n', ["rocks", "stone", "land"]),
    ],
)
def test_a_wrong_world_is_told_with_its_name_and_the_place(folder: Path, text: str, words: list[str]) -> None:
    path = written(folder, text)
    with pytest.raises(WorldError) as told:
        read_world(path)
    assert all(word in str(told.value) for word in [str(path), *words]), told.value


def test_a_file_that_is_no_text(folder: Path) -> None:
    path = folder / "place.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WorldError, match="can't be read"):
        read_world(path)


def test_a_single_checkpoint_is_a_world(folder: Path) -> None:
    world = world_of(str(folder / "land.pt"), "picture")
    assert world.generators["land"].checkpoint == (folder / "land.pt").resolve()
    assert world.generators["land"].as_kind == "picture"


@pytest.mark.parametrize("target", ["none.toml", "none.pt", "atlantis", ""])
def test_a_target_that_is_not_there_is_a_wrong_call(folder: Path, target: str) -> None:
    with pytest.raises(UsageError):
        world_of(str(folder / target) if "." in target else target)


def test_as_is_for_checkpoints_not_for_worlds(folder: Path) -> None:
    for target in (str(written(folder, LAND)), "valley"):
        with pytest.raises(UsageError, match='as_kind = "picture"'):
            world_of(target, "picture")


def test_a_target_of_another_kind_says_what_is_wrong_with_it(folder: Path) -> None:
    (folder / "model.onnx").touch()
    with pytest.raises(UsageError, match=r"neither a world file .* nor a checkpoint"):
        world_of(str(folder / "model.onnx"))
    with pytest.raises(UsageError, match="is a folder"):
        world_of(str(folder))
    with pytest.raises(UsageError, match="did you mean 'valley'"):
        world_of("vally")


@pytest.mark.parametrize("name", bundled_worlds())
def test_bundled_worlds_are_whole(name: str) -> None:
    assert isinstance(world_of(name), World)
    assert read_world(WORLDS / f"{name}.toml").title

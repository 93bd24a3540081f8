"""The guide says what the code says: every key and option is in it, and no link leads nowhere."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from vrgen import config, contract
from vrgen.display.openxr import profiles
from vrgen.inputs.bindings import hand_rows, markdown

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs" / "guide"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def told(page: str) -> str:
    return (GUIDE / page).read_text(encoding="utf-8")


def test_keys_are_those_that_are_bound() -> None:
    assert markdown() in told("keys.md"), (
        "put the table of vrgen.inputs.bindings.markdown() into docs/guide/keys.md"
    )


def test_the_controllers_are_those_that_are_bound() -> None:
    assert profiles.table() in told("keys.md"), (
        "put the table of vrgen.display.openxr.profiles.table() into docs/guide/keys.md"
    )
    touch = profiles.profile_of("oculus/touch_controller")
    for how, does in hand_rows(profiles.words_of(touch, touch)):
        (row,) = re.findall(rf"^\| {does} \|.*\|$", told("keys.md"), re.MULTILINE)
        assert how in row.rsplit("|", 2)[1]


@pytest.mark.parametrize("option", [field.name for field in fields(config.RunOptions) if field.name != "target"])
def test_every_option_of_run_is_told(option: str) -> None:
    flag = "--as" if option == "as_kind" else f"--{option.replace('_', '-')}"
    assert re.search(rf"`{flag}[ `]", told("running.md"))


@pytest.mark.parametrize(
    "table",
    [
        config.World,
        config.GeneratorConfig,
        config.PropsConfig,
        config.GalleryConfig,
        config.SplatsConfig,
        config.StartConfig,
    ],
)
def test_every_key_of_a_world_is_told(table: type) -> None:
    missing = [name for name in table.__struct_fields__ if f"`{name}`" not in told("worlds.md")]  # type: ignore[attr-defined]
    assert set(missing) <= {"generators", "props", "gallery", "splats", "start"}, missing


@pytest.mark.parametrize("entry", [*get_args(contract.InputSpec), *get_args(contract.OutputSpec)])
def test_every_kind_of_the_contract_is_told_with_its_keys(entry: type) -> None:
    tag = entry.__struct_config__.tag  # type: ignore[attr-defined]
    (row,) = re.findall(rf"^\| `{tag}` \|.*$", told("checkpoints.md"), re.MULTILINE)
    common = {"shape", "label", "description"}
    missing = [name for name in entry.__struct_encode_fields__ if f"`{name}`" not in row and name not in common]  # type: ignore[attr-defined]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    gone = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not gone


@pytest.mark.slow
def test_the_script_of_the_guide_makes_a_checkpoint_that_runs(tmp_path: Path) -> None:
    """As a newcomer does: paste it, run it, check it, run it in vrgen, each line as it stands there."""
    chapter = told("checkpoints.md").partition("## From a module to a checkpoint\n")[2].partition("\n## ")[0]
    script, commands = re.findall(r"^```(?:python)?\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)
    (name,) = re.findall(r"Put this into `(.*?)`", chapter)
    (tmp_path / name).write_text(script, encoding="utf-8")
    lines = [line.partition("#")[0].split() for line in commands.splitlines()]
    assert [line[:2] for line in lines] == [["python", name], ["vrgen", "check"], ["vrgen", "run"]]
    unseen = "--display headless --settle --frames 2 --size 160 90 --quality low --seed 4 --screenshot dusk.png"
    for program, *words in (*lines[:2], [*lines[2], *unseen.split()]):
        command = [sys.executable, *(["-m", "vrgen"] if program == "vrgen" else []), *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        if words[0] == "check":
            assert done.stdout.strip() == commands.splitlines()[1].partition("# ")[2]
    assert "made: dusk 1" in done.stdout
    assert (tmp_path / "dusk.png").is_file()

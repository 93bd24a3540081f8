"""Picking, in the whole program: what is told, and that a like then is about the picked thing alone."""

import json
from pathlib import Path

import pytest
import torch
from generator import checkpoints as made
from scripted import run as run_script
from torch import Tensor, nn

pytestmark = pytest.mark.slow


class Tower(nn.Module):
    """A thin pyramid that stands before the person and is higher than their eyes."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        high = 4.0 + 0.01 * inputs["latent"][0, 0]
        corners = torch.tensor([[-0.5, 0.0, -0.5], [0.5, 0.0, -0.5], [0.5, 0.0, 0.5], [-0.5, 0.0, 0.5]])
        top = torch.stack([torch.zeros(()), high, torch.zeros(())])[None]
        faces = torch.tensor([[0, 4, 1], [1, 4, 2], [2, 4, 3], [3, 4, 0]])
        return {"tower.vertices": torch.cat([corners, top]), "tower.faces": faces}


class Sky(nn.Module):
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"sky": torch.full((3, 16, 32), 0.5) + 0.1 * torch.tanh(inputs["latent"][0, 0])}


SCRIPT = """
import sys
from pathlib import Path
from vrgen.config import RunOptions
from vrgen.messages import Controls
from watched import visit

target, report = map(Path, sys.argv[1:])
state = {"at": 0, "since": 0}
STEPS = (("e",), ("l",), ("n",), None, ("e",), ("k",))

def script(session, number):
    if session.panel is None:
        return Controls()
    objects = session.scene.objects
    if not len(objects.instances) or objects.arrival < 1.0 or not session.assembly._makers:
        return Controls()
    state["since"] += 1
    if state["since"] % 5:
        return Controls()
    if state["at"] == len(STEPS):
        return Controls(closing=True)
    step = STEPS[state["at"]]
    state["at"] += 1
    return Controls(look_px=(0.0, -500.0)) if step is None else Controls(pressed=step)

def tell(session, controls):
    for key in controls.pressed:
        said, liked = session.panel._toast[0], session.preference
        names = [sorted(map(sorted, of)) for of in (liked.liked, liked.disliked)]
        print(key, "|", said, "|", *names, "|", sorted(session.steering.choice.values), "|", session._accepted)

options = RunOptions(target=str(target), seconds=120, report=report, quality="low", device="cpu", seed=1)
visit(script, options, after=tell)
"""


def test_a_like_after_a_pick_is_about_what_was_picked(tmp_path: Path) -> None:
    latent = {"latent": made.LATENT}
    tower, sky = {"tower": {"kind": "mesh", "shape": [5, 3]}}, {"sky": {"kind": "panorama", "shape": [3, 16, 32]}}
    made.save(Tower(), tmp_path / "towers.pt", made.manifest(latent, tower))
    made.save(Sky(), tmp_path / "skies.pt", made.manifest(latent, sky))
    world = tmp_path / "world.toml"
    world.write_text(
        '[generators.things]\ncheckpoint = "towers.pt"\n[generators.above]\ncheckpoint = "skies.pt"\n', "utf-8"
    )
    report = tmp_path / "report.json"
    done = run_script(SCRIPT, world, report)
    assert done.returncode == 0, done.stderr
    told = [[part.strip() for part in line.split("|")] for line in done.stdout.splitlines() if "|" in line]
    assert [row[0] for row in told] == ["e", "l", "n", "e", "k"], done.stdout + done.stderr
    tower_picked, liked, new, sky_picked, disliked = told
    assert tower_picked[1] == "tower: by towers.pt, variant 0, seed 1"
    assert (liked[1], liked[2]) == ("liked, the tower: new worlds stay closer to this", "[['things.latent']] []")
    assert new[3] == "['latent', 'things.latent']"
    assert sky_picked[1] == "sky: by skies.pt"
    assert disliked[1].startswith("disliked, the sky") and disliked[2] == "[['things.latent']] [['above.latent']]"
    assert {row[4] for row in told} == {"True"}
    did = json.loads(report.read_text())["person"]["did"]
    assert did == {"pick": 2, "like": 1, "new world": 1, "dislike": 1, "quit": 1}

"""The gallery in the whole program: walking on makes more, a like hangs neighbours, undo takes them back."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from generator import checkpoints as made
from PIL import Image
from torch import Tensor, nn

from vrgen.config import world_of
from vrgen.errors import VrgenError
from vrgen.generator.fitting import as_visited, described, misfits


class Painted(nn.Module):
    """Each number of the latent in a square of its own."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        rows = torch.tanh(inputs["latent"]).repeat(2, 1).reshape(4, 4)
        squares = rows.repeat_interleave(4, dim=0).repeat_interleave(4, dim=1)
        return {"picture": squares[None].repeat(3, 1, 1)}


class Still(nn.Module):
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"picture": torch.zeros(3, 16, 16)}


SCRIPT = """
import sys
from dataclasses import replace
from vrgen.config import RunOptions
from vrgen.messages import Controls
from watched import visit

state = {"at": 0, "quiet": 0}
# From the start one looks between the panels; a turn to the left meets the first picture.
STEPS = [dict(look_px=(-292.0, 0.0)), "e", "l", "z", "y", "walk", "n"]

def settled(session):
    if session.panel is None:
        return False
    now = session.generators.status[0].waiting == 0 and session.assembly.risen and session.scene.objects.pictures
    state["quiet"] = state["quiet"] + 1 if now else 0
    return state["quiet"] > 12

def script(session, number):
    if not settled(session):
        return Controls()
    tell(session)
    state["quiet"] = 0
    if state["at"] == len(STEPS):
        return Controls(closing=True)
    step = STEPS[state["at"]]
    state["at"] += 1
    if isinstance(step, dict):
        return Controls(**step)
    if step == "walk":
        session.person = replace(session.person, feet_world=(0.0, 0.0, -60.0))
        return Controls()
    state["quiet"] = 11 if step == "e" else 0  # a pick counts for a few seconds only
    return Controls(pressed=(step,))

def tell(session):
    makers = session.assembly._gallery.makers
    hung = {makers[p.id].request.variant: hash(p.pixels.tobytes()) for p in session.scene.objects.pictures}
    print(sorted(hung.items()), "|", session.panel._toast[0] if state["at"] else "", "|", session.ledger.missed)

visit(script, RunOptions(target=sys.argv[1], seconds=120, quality="low", device="cpu", seed=1))
"""


@pytest.mark.slow
def test_a_visit(tmp_path: Path) -> None:
    path = made.picture(Painted(), tmp_path / "waves.pt")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, path],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("[")]
    first, turned, picked, liked, undone, redone, walked, new = (dict(eval(line[0])) for line in told)
    assert len(set(first.values())) == len(first) > 8
    assert turned == picked == first == undone
    assert told[2][1].startswith("picture: by waves.pt, frame 0")
    assert told[3][1] == "liked, the picture: those beyond it become like it"
    assert liked[0] == first[0] and not any(liked[slot] == first[slot] for slot in first if slot)
    assert redone == liked
    assert min(walked) > max(first) // 2 and len(set(walked.values())) == len(walked)
    assert new.keys() == walked.keys() and not any(new[slot] == walked[slot] for slot in new)


def test_a_checkpoint_that_makes_pictures_alone_opens_in_a_gallery(tmp_path: Path) -> None:
    hangs = made.picture(Painted(), tmp_path / "waves.pt")
    still = made.save(Still(), tmp_path / "still.pt", made.manifest({}, {"picture": made.PICTURE}))
    bare = made.save(made.Bare(8, 3, False, True, True), tmp_path / "bare.pt", None)
    assert as_visited(described(world_of(str(hangs)))).gallery is not None
    assert as_visited(described(world_of(str(still)))).gallery is None  # there is one picture only
    assert as_visited(described(world_of(str(bare), "picture"))).gallery is not None
    assert as_visited(described(world_of(str(bare), "panorama"))).gallery is None
    assert as_visited(described(world_of("valley"))).gallery is None


@pytest.mark.parametrize(
    "gallery, told",
    [
        ('["wave"]', ["the gallery wants the generator 'wave'", "did you mean 'waves'?"]),
        ('["heights"]', ["the gallery hangs the pictures of 'heights'", "a heightfield and no picture"]),
        ('["many"]', ["generators.many.variants is 3", "leave variants out"]),
        ("[]", ["gallery.generators"]),
    ],
)
def test_what_can_not_hang_is_refused_in_a_sentence(tmp_path: Path, gallery: str, told: list[str]) -> None:
    made.picture(Painted(), tmp_path / "waves.pt")
    heights = {"height": {"kind": "heightfield", "shape": [1, 5, 5], "metres": 8.0}}
    made.save(Painted(), tmp_path / "heights.pt", made.manifest({"latent": made.LATENT}, heights))
    world = tmp_path / "world.toml"
    world.write_text(
        f"[gallery]\ngenerators = {gallery}\n"
        '[generators.waves]\ncheckpoint = "waves.pt"\n'
        '[generators.many]\ncheckpoint = "waves.pt"\nvariants = 3\n'
        '[generators.heights]\ncheckpoint = "heights.pt"\n'
    )
    with pytest.raises(VrgenError) as caught:
        for misfit in misfits(described(world_of(str(world)))):
            raise misfit
    assert all(words in str(caught.value) for words in told), caught.value


@pytest.mark.slow
def test_the_bundled_gallery_shows_its_pictures(tmp_path: Path) -> None:
    """White strokes on black in the frame to the left, legible: not grey on grey, not burnt out."""
    path = tmp_path / "gallery.png"
    subprocess.run(
        [sys.executable, "-m", "vrgen", "run", "gallery", "--display", "headless", "--settle", "--frames", "2",
         "--size", "480", "270", "--seed", "0", "--screenshot", path],
        check=True, timeout=300, capture_output=True,
    )  # fmt: skip
    drawn = np.asarray(Image.open(path).convert("L"), int)
    picture = drawn[118:172, 58:126]
    assert np.percentile(picture, 10) < 60 and 110 < np.percentile(picture, 97) < 245

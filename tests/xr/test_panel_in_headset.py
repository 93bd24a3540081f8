"""The panel in a headset on a real runtime: a controller points at it and pulls its trigger."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generator import checkpoints as made
from said import all_of
from torch import Tensor, nn
from xr_testbed.headset import RemoteState, facing
from xr_testbed.program import Program
from xr_testbed.root import REPOSITORY
from xr_testbed.testbed import Testbed

pytestmark = pytest.mark.xr

PROGRAM = Path(__file__).with_name("panel_program.py")
PATHS = {"PYTHONPATH": str(REPOSITORY), "MESA_SHADER_CACHE_DIR": "/tmp/vrgen-xr-shaders"}
HAND = (0.2, 1.35, -0.3)
NEAR = 0.02
"""Of the panel's width: a place is met as well as that."""


class Sky(nn.Module):
    """From blue to red by a slider."""

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        red = inputs["redness"][0]
        colour = torch.stack([red, torch.zeros_like(red), 1.0 - red]).reshape(3, 1, 1)
        return {"sky": colour.expand(3, 32, 64) * 1.0}


class Pointer:
    """The right controller, and what the program tells of the panel."""

    def __init__(self, testbed: Testbed, program: Program) -> None:
        self.testbed, self.program = testbed, program
        self.yaw_deg, self.pitch_deg = 25.0, -10.0

    def when(self, what: Callable[[dict[str, Any]], bool], patience_s: float = 60.0) -> dict[str, Any]:
        """The last thing told, as soon as that is so."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until and self.program.poll() is None:
            told = all_of(self.program, "panel")
            if told and what(told[-1]):
                return dict(told[-1])
            time.sleep(0.02)
        told = all_of(self.program, "panel")
        raise AssertionError(f"waited in vain; told last: {told[-1] if told else self.program.last_line()}")

    def turn(self, yaw_deg: float, pitch_deg: float) -> dict[str, Any]:
        before = self.when(lambda told: True)
        self.yaw_deg, self.pitch_deg = yaw_deg, pitch_deg
        self.testbed.headset.move(right=facing(HAND, yaw_deg=yaw_deg, pitch_deg=pitch_deg))
        return self.when(lambda told: "right" in told["at"] and told["at"] != before["at"])

    def point(self, u: float, v: float) -> None:
        """Turn towards that place of the panel until the program says that it is met."""
        told = self.when(lambda told: "right" in told["at"])
        for _ in range(12):
            du, dv = np.subtract((u, v), told["at"]["right"])
            if math.hypot(du, dv) < NEAR:
                return
            told = self.turn(self.yaw_deg - 38 * du, self.pitch_deg - 38 * dv)
        raise AssertionError(f"({u}, {v}) was not met: {told}")

    def pull(self, trigger: float) -> None:
        """Pull the trigger, or with 0 let it go, and see that the panel feels it."""
        self.testbed.headset.change(lambda state: replace(state, right=replace(state.right, trigger=trigger)))
        self.when(lambda told: told["holds"] == bool(trigger))


@pytest.fixture
def pointer(small_testbed: Testbed, tmp_path: Path) -> Iterator[Pointer]:
    slider = {"kind": "slider", "shape": [1], "range": [0, 1], "default": 0.0, "label": "Redness"}
    sky = {"kind": "panorama", "shape": [3, 32, 64], "range": [0.0, 1.0]}
    made.save(Sky(), tmp_path / "sky.pt", made.manifest({"redness": slider}, {"sky": sky}))
    (tmp_path / "red.toml").write_text(
        'title = "Red"\n[generators.sky]\ncheckpoint = "sky.pt"\n', encoding="utf-8"
    )
    bed = small_testbed
    bed.headset.send(RemoteState())
    bed.headset.move(
        head=facing((0.0, 1.7, 0.0)), right=facing(HAND, 25.0, -10.0), left=facing((-0.3, 1.2, -0.3), -60.0)
    )
    run = ("run", tmp_path / "red.toml", "--display", "openxr", "--quality", "low", "--device", "cpu")
    program = bed.popen(bed.python(PROGRAM, *run, "--size", "320", "180"), PATHS)
    yield Pointer(bed, program)
    program.end()


def redder(picture: np.ndarray) -> float:
    """By how much the sky over the panel is redder than blue."""
    height, width = picture.shape[:2]
    red, _, blue = picture[height // 10 : height // 3, width // 6 : width // 3].mean(axis=(0, 1))
    return float(red - blue)


def test_a_slider_is_dragged_and_a_button_pressed(pointer: Pointer) -> None:
    start = pointer.when(lambda told: told["values"] == {"redness": 0.0} and told["words"] > 0)
    bed = pointer.testbed
    bed.picture_when(lambda picture: redder(picture) < -40, 60)
    v = dragged = 0.0
    for v in np.arange(0.1, start["shape"] - 0.05, 0.05):  # the first thing under the title is the slider
        pointer.point(0.44, float(v))
        pointer.pull(1.0)
        dragged = pointer.turn(pointer.yaw_deg - 2, pointer.pitch_deg)["values"]["redness"]
        if dragged > 0.0:
            break
        pointer.pull(0.0)
    assert dragged > 0.3
    pointer.turn(pointer.yaw_deg - 30, pointer.pitch_deg)  # off the panel, to the right
    told = pointer.when(lambda told: told["values"]["redness"] == 1.0)
    assert told["at"]["right"][0] > 1.0
    bed.picture_when(lambda picture: redder(picture) > 40, 60)
    pointer.pull(0.0)
    pointer.point(0.86, float(v))  # beside the slider, and still there though more is told by now
    assert not pointer.when(lambda told: True)["paused"]
    pointer.pull(1.0)
    pointer.pull(0.0)
    pointer.when(lambda told: told["paused"])
    assert pointer.when(lambda told: True)["values"] == {"redness": 1.0}
    bed.headset.change(lambda state: replace(state, left=replace(state.left, active=False)))
    pointer.when(lambda told: told["words"] < start["words"])  # what a controller that is off does is not told

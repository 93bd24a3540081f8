"""Results by the card, with a stand-in for CUDA's driver: one scenario, run by `test_by_the_card.py`, on standard
output what became of it.

All of vrgen's calls are the real ones, through the installed cuda-python; only the library that they end in is
ours (tests/stand_in/driver.c). With a real driver in its place this runs on a card (`pytest -m gpu`).
"""

import ctypes
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import checkpoints
import numpy as np
import torch
from torch import Tensor, nn

from vrgen.clock import StepClock
from vrgen.config import GeneratorConfig, RunOptions, World, world_of
from vrgen.display.headless import HeadlessDisplay
from vrgen.generator import Generators, process
from vrgen.generator.landing import OFF
from vrgen.messages import Generated, Request

PATIENCE_S = 60.0
FOLDER = Path(os.environ["VRGEN_TEST_FOLDER"])
LATE = FOLDER / "late"
"""While it is there, the stand-in's streams get nothing done."""
DEVICE = os.environ.get("VRGEN_TEST_DEVICE", "cpu")


def _pattern(height: int, width: int) -> Tensor:
    """(3, H, W) in [-1, 1]: no two directions or colours of it can be mistaken for one another."""
    down, across = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return torch.stack([2 * across - 1, torch.sin(20 * down), torch.sin(30 * (down + across)) * down])


class Place(nn.Module):
    """A panorama of 256 × 512, an albedo of 512 × 512 and a small roughness, from the latent's first number."""

    def __init__(self) -> None:
        super().__init__()
        self.sky: Tensor
        self.albedo: Tensor
        self.register_buffer("sky", _pattern(256, 512)[None])
        self.register_buffer("albedo", _pattern(512, 512)[None])

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        much = inputs["latent"][0, 0]
        return {
            "sky": self.sky * much,
            "albedo": self.albedo * much,
            "rough": torch.full((1, 1, 64, 64), 0.5).to(much.device) * much,
        }


OUTPUTS = {
    "sky": {"kind": "panorama", "shape": [3, 256, 512]},
    "albedo": {"kind": "texture", "role": "albedo", "shape": [3, 512, 512], "metres": 4.0},
    "rough": {"kind": "texture", "role": "roughness", "shape": [1, 64, 64], "metres": 4.0},
}


class LeftOut(Exception):
    """There is a card, and OpenGL does not draw on it."""


def require_open(copies: Any) -> None:
    """Where the driver is a real one, it is no failure of ours that OpenGL draws elsewhere."""
    if DEVICE == "cuda" and copies.failed and "OpenGL draws on" in copies.why:
        raise LeftOut(copies.why)


class Visit:
    """A frame loop in small, with the display's context current."""

    def __init__(self, by_card: bool) -> None:
        world = World(name="test", generators={"place": GeneratorConfig(checkpoint=_checkpoint())})
        self.generators = Generators(world, precise=True, device=DEVICE).__enter__()
        self.copies: Any = None
        if by_card:
            from vrgen.gl.card_copies import CardCopies

            self.copies = CardCopies()
            self.generators.land_by(self.copies)
        self.requests: list[Request] = []
        self.came: list[Generated] = []
        self.epoch = 0

    def look(self) -> None:
        self.generators.submit(self.requests)
        self.came += self.generators.poll(arriving=True)

    def until(self, so: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not so():
            self.look()
            if time.monotonic() > deadline_s:
                raise SystemExit(
                    f"waited for {what} in vain: {self.generators.status}, {self.copies and self.copies.why}"
                )
            time.sleep(0.002)

    def settled(self) -> None:
        """Until the path is open, or never will be."""
        self.until(lambda: self.copies.stage == 2 or self.copies.failed, "the path")
        require_open(self.copies)

    def ask(self, much: float) -> None:
        latent = np.zeros((1, 8), np.float32)
        latent[0, 0] = much
        self.epoch += 1
        self.came = []
        self.requests = [Request("place", self.epoch, 1, {"latent": latent})]

    def make(self, much: float) -> Generated:
        self.ask(much)
        self.until(lambda: bool(self.came), "a result")
        one = self.came.pop()
        for output in one.outputs.values():
            for array in output.arrays.values():
                assert output.arrival is None or output.arrival.wait(array)
        return one

    def close(self) -> None:
        if self.copies is not None:
            self.copies.close()
        self.generators.close()


def read(raw: Any) -> np.ndarray:
    """What lies in a result's buffer."""
    from vrgen.gl.api import GL

    out = np.zeros(raw.shape, np.float32)
    GL.glGetNamedBufferSubData(raw.buffer, 0, out.nbytes, out.ctypes.data_as(GL.GLvoidp))
    return out


def open_things() -> list[int]:
    """Memories, events and registered buffers that this process has open; () with a real driver."""
    driver = ctypes.CDLL("libcuda.so.1")
    count = getattr(driver, "stand_in_open", None)
    return [] if count is None else [count(which) for which in range(3)]


def same() -> dict[str, Any]:
    """A result by the card, to the bit that by the host; a little of it beside."""
    by_card, by_host = Visit(True), Visit(False)
    by_card.settled()
    told: dict[str, Any] = {"why": by_card.copies.why, "equal": [], "little": [], "raw": []}
    for much in (0.25, 1.0):
        here, there = by_card.make(much), by_host.make(much)
        for name, output in there.outputs.items():
            raw = here.outputs[name].raw
            told["raw"].append([name, raw is not None])
            if raw is not None:
                told["equal"].append(bool((read(raw) == output.arrays[""]).all()))
                told["little"].append([name, list(here.outputs[name].arrays[""].shape)])
            else:
                told["equal"].append(bool((here.outputs[name].arrays[""] == output.arrays[""]).all()))
    by_host.close()
    del here, there, raw
    by_card.close()
    return told


def many() -> dict[str, Any]:
    """Worlds one after the other: as much is open after the last as after the third."""
    visit = Visit(True)
    visit.settled()
    counts, free = [], []
    for number in range(12):
        made = visit.make(float(number))
        assert made.outputs["sky"].raw is not None
        del made
        gc.collect()
        counts.append([*open_things(), len(visit.copies._buffers._all)])
        free.append(visit.copies._cuda.memory()[0])
    visit.close()
    return {"counts": counts, "free": free, "left": open_things()}


def killed() -> dict[str, Any]:
    """The worker dies while a result is on its way: the next worker makes it, and nothing of the first is open."""
    visit = Visit(True)
    visit.settled()
    visit.make(0.5)
    before = open_things()
    LATE.touch()
    visit.ask(0.75)
    waiting = visit.generators._landing._waiting
    visit.until(lambda: bool(waiting), "a result that waits")
    for _ in range(20):
        visit.look()
    held = len(waiting) == 1 and not visit.came and not visit.copies._flights
    pid = visit.generators.worker_pid
    assert pid is not None
    os.kill(pid, 9)
    visit.until(lambda: visit.generators.worker_pid not in (pid, None), "another worker")
    LATE.unlink()
    visit.until(lambda: bool(visit.came), "the result")
    one = visit.came.pop()
    raw = one.outputs["sky"].raw
    equal = raw is not None and bool(np.isclose(read(raw).max(), 0.75, atol=1e-3))
    visit.look()
    visit.copies._beside.submit(int).result()  # what was left to close is closed
    after = open_things()
    del one, raw
    visit.close()
    return {"held": held, "equal": equal, "before": before, "after": after, "left": open_things()}


def kills() -> dict[str, Any]:
    """The worker dies again and again, at any moment: what is wanted comes all the same, and it is right."""
    visit = Visit(True)
    visit.settled()
    values = []
    for number in range(1, 5):
        visit.make(1.0)
        visit.ask(number / 8)
        for _ in range(number):
            visit.look()
        pid = visit.generators.worker_pid
        assert pid is not None
        os.kill(pid, 9)
        visit.until(lambda: bool(visit.came), "the result")
        one = visit.came.pop()
        raw = one.outputs["sky"].raw
        values.append(float((one.outputs["sky"].arrays[""] if raw is None else read(raw)).max()))
        del one, raw
    told = {"values": values, "why": visit.copies.why}
    visit.close()
    return told | {"left": open_things()}


def refused() -> dict[str, Any]:
    """A call fails from the beginning: results cross the host, and it is said why."""
    visit = Visit(True)
    visit.settled()
    one = visit.make(0.5)
    told = {"why": visit.copies.why, "raw": one.outputs["sky"].raw is not None, "stage": visit.copies.stage}
    visit.close()
    return told | {"left": open_things()}


def breaks() -> dict[str, Any]:
    """A call fails once the path is open: what was under way is made again, and crosses the host."""
    visit = Visit(True)
    visit.settled()
    kept = visit.make(0.5)
    os.environ["STAND_IN_FAILS"] = "cuMemcpy"  # from now on, in this process
    one = visit.make(0.75)
    told = {
        "why": visit.copies.why,
        "off": visit.copies.stage == OFF,
        "raw": one.outputs["sky"].raw is not None,
        "value": float(np.abs(one.outputs["sky"].arrays[""]).max()),
        "kept": float(read(kept.outputs["sky"].raw).max()),
    }
    del kept, one
    visit.close()
    return told | {"left": open_things()}


def visit() -> dict[str, Any]:
    """The program itself, twice, from world to world: once the sky and the ground of the second come by the card,
    once across the host. How far the pictures are apart, in 255ths, and what the report says."""
    pictures, reports = [], []
    for by_card in (True, False):
        picture, report = _visited(by_card)
        pictures.append(picture.astype(int))
        reports.append(report["transfer"])
    if kept := os.environ.get("VRGEN_TEST_PICTURES"):
        from PIL import Image

        for name, picture in zip(("by-the-card", "across-the-host"), pictures):
            Image.fromarray(picture.astype(np.uint8)).save(Path(kept) / f"{name}.png")
    apart = np.abs(pictures[0] - pictures[1])
    return {"mean": float(apart.mean()), "spread": float(pictures[0].std()), "transfer": reports}


def _visited(by_card: bool) -> tuple[np.ndarray, dict[str, Any]]:
    from vrgen import errands
    from vrgen.app import Session

    options = RunOptions(
        target=str(_checkpoint()),
        size=(320, 180),
        device=DEVICE,
        report=FOLDER / "report.json",
        screenshot=FOLDER / "picture.png",  # without a panel, then
    )
    if DEVICE == "cpu":
        errands.land_by_card = lambda options, generators: _landing(generators)  # type: ignore[assignment]
    if not by_card:
        errands.land_by_card = lambda options, generators: None  # type: ignore[assignment]
    world = world_of(options.target, None)
    with (
        Generators(world, device=DEVICE, precise=True) as generators,
        HeadlessDisplay(options.size, clock=StepClock(1 / 20)) as display,
        closing(Session(options, world, display, generators)) as session,
    ):
        asked = quiet = 0
        deadline_s = time.monotonic() + PATIENCE_S
        for number, open_frame in enumerate(display.frames()):
            with open_frame as frame:
                session.frame(frame, number)
            session.rest(frame)
            copies = generators.copies
            if copies is not None:
                require_open(copies)
            scene = session.scene
            assert scene is not None and time.monotonic() < deadline_s
            settled = not any(status.waiting for status in generators.status) and scene.sky.arriving is None
            settled &= all(fade.arriving is None for fade in scene.surfaces.values()) and bool(
                generators.manifests
            )
            ready = (copies is not None and copies.stage == 2) if by_card else True
            if settled and ready and not asked and generators.status[0].results:
                session.steering, asked = session.steering.new_world(session.rng, session.preference), number
            quiet = quiet + 1 if asked and number > asked + 20 and settled else 0
            if quiet == 30:
                break
        picture = np.array(display.read_pixels())
        assert (scene.sky.shown.raw is not None) == by_card
        assert (scene.surfaces["ground"].shown.raw is not None) == by_card
        errands.leave(options, display, session.ledger, generators)
        del scene
    return picture, json.loads((FOLDER / "report.json").read_text(encoding="utf-8"))


def _landing(generators: Generators) -> Any:
    from vrgen.gl.card_copies import CardCopies

    if not generators.device:
        return None
    copies = CardCopies()
    generators.land_by(copies)
    return copies


def _checkpoint() -> Path:
    path = FOLDER / "place.pt"
    if not path.exists():
        checkpoints.save(Place(), path, checkpoints.manifest({"latent": checkpoints.LATENT}, OUTPUTS))
    return path


def main(scenario: str) -> None:
    if DEVICE == "cpu":
        start = process.child.start

        def started(module: str, *arguments: Any, **more: Any) -> Any:
            return start("card_worker", *arguments, **more)

        process.child.start = started  # type: ignore[assignment]
    if scenario == "visit":
        print(json.dumps({**visit(), "gl_errors": [], "gl_left": []}))
        return
    with HeadlessDisplay((64, 64), clock=StepClock(1 / 60)):
        from vrgen.gl.api import watch_errors
        from vrgen.gl.objects import alive

        heard: list[str] = []
        watch = watch_errors(heard.append)
        before = alive()
        told = globals()[scenario]()
        gc.collect()
        assert watch is not None
        print(json.dumps({**told, "gl_errors": heard, "gl_left": sorted({*alive()} - {*before})}))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except LeftOut as left_out:
        print(json.dumps({"left_out": str(left_out)}))

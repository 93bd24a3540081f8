"""A world that stands leaves nothing behind, frame after frame: no memory, no garbage, nothing to collect."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
FRAMES = 1000
MOST_BYTES, MOST_BLOCKS = 16 << 10, 100
"""That so many frames may hold more at their end than at their beginning; a byte a frame would be 1000."""

SCRIPT = """
import gc, json, sys, tracemalloc
from vrgen.config import RunOptions
from vrgen.messages import Controls
from watched import visit

FRAMES = int(sys.argv[2])
quiet, begun, told = 0, {}, {}

def script(session, number):
    return Controls(closing=bool(told))

def holds(session):
    session.accounts.collector.in_frame = False  # this collection is the test's
    gc.collect()
    return {"bytes": tracemalloc.get_traced_memory()[0], "blocks": sys.getallocatedblocks(),
            "garbage": session.accounts.collector.freed, "frame": session.ledger.count}

def after(session, controls):
    global quiet
    wanted = session.assembly.requests(session.person, 0.0)
    quiet = quiet + 1 if session.panel is not None and session.assembly.risen and not wanted else 0
    if quiet == 200:
        tracemalloc.start()
    elif quiet == 800:
        begun.update(holds(session))
    elif quiet == 800 + FRAMES:
        now = holds(session)
        told.update({name: now[name] - begun[name] for name in begun})
        told.update(in_frames=session.accounts.collector.in_frames, shown=session.ledger.changes.shown)

visit(script, RunOptions(target=sys.argv[1], device="cpu"), after)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tiny_world: Path) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tiny_world, str(FRAMES)],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        cwd=Path(__file__).parent,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, int] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def test_it_was_a_world_that_stood_for_so_many_frames(told: dict[str, int]) -> None:
    assert told["shown"] > 100 and told["frame"] == FRAMES


def test_frames_hold_no_more_memory_in_the_end(told: dict[str, int]) -> None:
    assert told["bytes"] < MOST_BYTES and told["blocks"] < MOST_BLOCKS, told


def test_frames_leave_no_garbage(told: dict[str, int]) -> None:
    """Rings of objects that only a collection frees: less than one in ten frames."""
    assert told["garbage"] < FRAMES / 10, told


def test_nothing_is_collected_within_a_frame(told: dict[str, int]) -> None:
    assert told["in_frames"] == 0

"""What the person is told while the world is on a real runtime's headset."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from xr_testbed.headset import RemoteState
from xr_testbed.program import Program
from xr_testbed.root import REPOSITORY
from xr_testbed.testbed import Testbed

pytestmark = pytest.mark.xr

PROGRAM = Path(__file__).with_name("notes_program.py")
WELL = '{"hands": 2, "notes": []}'
HELLO = REPOSITORY / "tools/xr_testbed/hello.py"


def seen(testbed: Testbed, **sides: bool) -> None:
    """Switch controllers on, or off with nothing to be seen of the hand either."""
    testbed.headset.change(
        lambda state: replace(
            state,
            **{
                side: replace(getattr(state, side), active=there, hand_tracking_active=there)
                for side, there in sides.items()
            },
        )
    )


@pytest.fixture
def told(testbed: Testbed) -> Iterator[Program]:
    """The program, once it has the headset and nothing is the matter."""
    testbed.headset.send(RemoteState())
    program = testbed.popen(testbed.python(PROGRAM), {"PYTHONPATH": str(REPOSITORY)})
    try:
        program.wait_for(WELL)
        time.sleep(0.6)  # until it has also been noted
        yield program
    finally:
        program.end()
        testbed.headset.send(RemoteState())


def test_a_controller_that_goes_and_comes_back(testbed: Testbed, told: Program) -> None:
    seen(testbed, left=False)
    told.wait_for("the left controller was lost")
    seen(testbed, right=False)
    told.wait_for("both controllers were lost")
    wells = told.said().count(WELL)
    seen(testbed, left=True, right=True)
    told.wait_for(WELL, times=wells + 1)


def test_another_program_that_has_the_headset(testbed: Testbed, told: Program) -> None:
    other = testbed.popen(testbed.python(HELLO, "--seconds", "60"))
    told.wait_for("shows another program")
    assert "controller" not in told.said()
    wells = told.said().count(WELL)
    other.end()
    told.wait_for(WELL, times=wells + 1)

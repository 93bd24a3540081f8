"""When less of a picture is drawn: held against what the GPU took, and against whether it came in time."""

from types import SimpleNamespace
from typing import Any

import pytest

from vrgen.accounts import Accounts
from vrgen.effort import STEPS, WHOLE, Drawn
from vrgen.feedback.ledger import Step
from vrgen.messages import FrameCost

HZ = 60.0


class Passes:
    """What the GPU took, as the renderer's timer tells it."""

    names = ("ground", "resolve", "panel")
    log = gpu_log = None

    def __init__(self, ground_ms: float, resolve_ms: float) -> None:
        self.took_s = [0.0, 0.0, 0.0]
        self.gpu_ms = [ground_ms, resolve_ms, 0.0]
        self.gpu_frame_ms = ground_ms + resolve_ms
        self.gpu_frames = 0

    def gpu_clock_s(self) -> float:
        return 0.0


def drawn(passes: Passes, *, late: bool, kind: str = "window", software: bool = False) -> Drawn:
    """What is drawn after some seconds of such frames."""
    display: Any = SimpleNamespace(
        kind=kind, refresh_hz=HZ, gl="", runtime=None, changes=0, held_s=0.0, late_ms=None,
        scales_views=kind == "openxr", scale_of_views=1.0,
    )  # fmt: skip
    generators: Any = SimpleNamespace(missed=lambda count: None)
    with Accounts(display, passes, software) as accounts:
        for number in range(200):
            accounts.begin(display)
            for step in (Step.STEER, Step.ANSWER):
                accounts.lap(step)
            passes.gpu_frames += 1
            accounts.end(number * (2.0 if late else 1.0) / HZ, FrameCost(1.0, 0.0, 0, 0.0), answered=False)
            accounts.rest(display, generators, hidden=False)
        assert display.scale_of_views == accounts.effort.drawn.scale
        return accounts.effort.drawn


@pytest.mark.parametrize(
    ("passes", "said", "expected"),
    [
        (Passes(40.0, 1.0), {"late": True}, STEPS[0]),
        (Passes(40.0, 1.0), {"late": True, "software": True}, STEPS[2]),
        (Passes(20.0, 1.0), {"late": True, "software": True}, WHOLE),
        (Passes(16.0, 1.0), {"late": False}, WHOLE),
        (Passes(5.0, 12.0), {"late": True}, WHOLE),
        (Passes(16.0, 0.0), {"late": False, "kind": "openxr"}, STEPS[0]),
        (Passes(40.0, 1.0), {"late": True, "kind": "headless"}, WHOLE),
    ],
    ids=[
        "slow in a window",
        "a rasteriser in software",
        "quick enough for one",
        "slow and in time",
        "waiting for the screen",
        "a headset before it is late",
        "without a screen",
    ],
)
def test_less_is_drawn_where_that_helps(passes: Passes, said: dict[str, Any], expected: Drawn) -> None:
    assert drawn(passes, **said) == expected

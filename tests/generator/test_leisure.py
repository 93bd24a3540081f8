"""The worker looks for faster ways while nothing is wanted, and no way that fails costs more than itself."""

from pathlib import Path

import checkpoints
import pytest
import torch
from test_generators import Driver, world
from torch import Tensor, nn

from vrgen.generator import Generators
from vrgen.messages import Phase

pytestmark = pytest.mark.slow


class Wide(nn.Module):
    """So large a product of matrices that half precision is tried in earnest."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 768)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"picture": torch.tanh(self.first(inputs["latent"])).reshape(3, 16, 16)}


class HangsInHalf(Wide):
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        x = self.first(inputs["latent"])
        half = x.dtype != torch.float32
        while half and bool(inputs["latent"][0, 0] < 1e30):
            x = x * 0.5
        return {"picture": torch.tanh(x).reshape(3, 16, 16)}


def test_what_was_tried_is_told_and_what_comes_then_is_the_same(tmp_path: Path) -> None:
    with Generators(world(a=checkpoints.picture(Wide(), tmp_path / "a.pt"))) as generators:
        driver = Driver(generators)
        before = driver.value("a", 1.0)
        driver.until(lambda: bool(driver.status("a").trials))
        status = driver.status("a")
        assert [trial.way for trial in status.trials] == ["bfloat16"] and status.trials[0].differences
        assert status.way == "bfloat16" if not status.trials[0].refused else status.way == "float32"
        assert driver.value("a", 1.0) == pytest.approx(before, abs=2 / 255)


def test_a_way_that_hangs_costs_the_worker_once(tmp_path: Path) -> None:
    files = world(
        a=checkpoints.picture(HangsInHalf(), tmp_path / "a.pt"), b=checkpoints.constant(tmp_path / "b.pt")
    )
    with Generators(files, call_timeout_s=4.0) as generators:
        driver = Driver(generators)
        before = driver.value("a"), driver.value("b")
        driver.until(lambda: driver.status("a").restarts == 1)
        assert "a faster way of calling it was tried" in driver.errors("a") and not driver.errors("b")
        assert (driver.value("a"), driver.value("b")) == before
        driver.until(lambda: bool(driver.status("b").trials))  # a's turn would have come before
        assert driver.status("a").restarts == 1 and driver.status("a").phase is Phase.READY
        assert driver.status("a").way == "float32" and not driver.status("a").trials


def test_float32_that_is_asked_for_is_left_alone(tmp_path: Path) -> None:
    with Generators(world(a=checkpoints.picture(Wide(), tmp_path / "a.pt")), precise=True) as generators:
        driver = Driver(generators)
        driver.value("a")
        (use,) = [seat.use() for seat in generators._seats.values()]
        assert use is not None and use.plain
        driver.kill()
        driver.value("a")
        (use,) = [seat.use() for seat in generators._seats.values()]
        assert use is not None and use.plain

"""Collapse, vanishing gradients and divergence are provoked in real runs, found, told, and acted on by rule."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from rich.console import Console
from sets import pictures, recipe
from torch import Tensor, nn

from vrgen.training import loop
from vrgen.training import state as states
from vrgen.training.draws import Draws
from vrgen.training.feed import Feed
from vrgen.training.models.dcgan import Dcgan
from vrgen.training.models.families import build
from vrgen.training.models.family import Deal, Family, Improve, Told
from vrgen.training.recipe import read
from vrgen.training.record import Record
from vrgen.training.run import Run
from vrgen.training.watch import Watch, spread

WATCHED = "after = 100\npatience = 2\nrollbacks = 1\n"


class Harmed:
    """A family whose game goes wrong from a step on."""

    def __init__(self, family: Family, kind: str, since: int) -> None:
        self.family, self.kind, self.since = family, kind, since
        self.networks = family.networks

    def make(self, maker: nn.Module, latent: Tensor, condition: Tensor) -> Tensor:
        return self.family.make(maker, latent, condition)

    def step(self, deal: Deal, draws: Draws, improve: Improve, number: int) -> Told:
        if number < self.since:
            return self.family.step(deal, draws, improve, number)
        assert isinstance(self.family, Dcgan)
        real, condition = deal()
        made = self.family.maker(draws.normal(len(real), 8), condition)
        losses = {
            "collapse": made.square().mean() * 10.0,  # towards grey, whatever the latent
            "vanishing": torch.sigmoid(-made.mean() - 40.0),  # a judge that is sure
            "divergence": (made * float("nan")).mean(),
        }
        improve(losses[self.kind], "maker")
        return {}


def watched(
    folder: Path, kind: str, rule: str, since: int = 120, steps: int = 200, harmed: bool = True
) -> tuple[str, Path]:
    """Run it; return what was said, and the run's folder."""
    dataset = pictures(folder / "set")
    rules = f'{WATCHED}on_{kind} = "{rule}"'
    asked = read(recipe(folder, steps=steps, save_every=5, watch=rules, train="rate = 2e-3"))
    torch.manual_seed(0)
    family: Family = build(asked, dataset)
    family = Harmed(family, kind, since) if harmed else family
    out = folder / "run"
    out.mkdir()
    said = io.StringIO()
    shown = loop.Shown(torch.randn(16, 8), torch.zeros(16, 0))
    with Feed(dataset, "none", 8, 0) as feed:
        run = Run(asked, family, feed, Watch(asked.watch, dataset.batch(dataset.train)))
        with Record(out, 0, Console(file=said, width=400)) as record:
            loop.train(run, shown, out, record)
    return said.getvalue(), out


KINDS = {"collapse": "mode collapse", "vanishing": "vanishing gradients", "divergence": "divergence"}


@pytest.mark.parametrize("kind", KINDS)
def test_trouble_stops_a_run_and_the_last_good_state_is_kept(kind: str, tmp_path: Path) -> None:
    with pytest.raises(loop.TrainingError, match=KINDS[kind]) as stopped:
        watched(tmp_path, kind, "stop")
    good = states.load(tmp_path / "run" / "good.pt")
    assert 100 <= good["step"] < 195
    assert all(bool(torch.isfinite(value).all()) for value in good["average"].values())
    assert states.load(tmp_path / "run" / "state.pt")["step"] == good["step"]
    assert "good.pt" in str(stopped.value) and "--resume" in str(stopped.value)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_trouble_rolls_back_and_stops_when_it_comes_again(kind: str, tmp_path: Path) -> None:
    with pytest.raises(loop.TrainingError, match="rolled back 1 times before"):
        watched(tmp_path, kind, "roll back")
    assert states.load(tmp_path / "run" / "state.pt")["rollbacks"] == 2


def test_a_rollback_halves_the_rate_and_draws_anew(tmp_path: Path) -> None:
    dataset = pictures(tmp_path / "set")
    asked = read(recipe(tmp_path))
    with Feed(dataset, "none", 8, 0) as feed:
        run = Run(asked, build(asked, dataset), feed, Watch(asked.watch, dataset.batch(dataset.train)))
        good = run.state()
        before = run.draws.normal(4, 2)
        run.roll_back(good)
        assert all(
            group["lr"] == asked.train.rate / 2
            for optimiser in run.optimisers.values()
            for group in optimiser.param_groups
        )
        assert not torch.equal(run.draws.normal(4, 2), before)


def test_a_warning_lets_a_run_go_on(tmp_path: Path) -> None:
    said, out = watched(tmp_path, "collapse", "warn")
    assert "mode collapse" in said
    assert states.load(out / "state.pt")["step"] == 200


def test_a_sound_run_is_not_troubled_and_is_measured(tmp_path: Path) -> None:
    said, out = watched(tmp_path, "vanishing", "stop", harmed=False)
    assert "divergence" not in said and "collapse" not in said
    last = json.loads((out / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 200
    assert {"judge", "maker", "margin", "diversity", "gradient/maker", "waited", "memory_mb"} <= last.keys()
    assert list((out / "tensorboard").iterdir())


def test_spread_is_the_distance_of_pairs() -> None:
    two = torch.stack([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)])
    assert spread(two) == pytest.approx(1.0)
    assert spread(torch.ones(5, 3, 8, 8)) == 0.0

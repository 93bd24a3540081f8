"""An adversarial game between a maker and a judge: the loop that terrain and rocks share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.console import Console
from torch import Tensor, nn

RATE = 1e-3
PENALTY_EVERY = 8
console = Console()


@dataclass(frozen=True)
class Game:
    """One adversarial game: `deal` draws real and made pictures for the judge, and an extra loss."""

    name: str
    maker: nn.Module
    judge: nn.Module
    deal: Callable[[], tuple[Tensor, Tensor, Tensor]]
    penalty: float = 1.0  # on the judge's slope at what is real (R1)


def backward(loss: Any) -> None:
    """Tensor.backward, which has no types in torch."""
    loss.backward()


def play(game: Game, state: Path, seconds: float) -> Iterator[int]:
    """Train until the time is up, saving to `state` every minute; yields the step at each saving.

    What is saved under `maker` is the running average of the weights, which is what is exported.
    """
    makers = torch.optim.Adam(game.maker.parameters(), RATE, (0.0, 0.99))
    judges = torch.optim.Adam(game.judge.parameters(), RATE, (0.0, 0.99))
    average = {k: v.detach().clone() for k, v in game.maker.state_dict().items()}
    step = 0
    if state.exists():
        saved = torch.load(state, weights_only=True)
        game.maker.load_state_dict(saved["now"])
        game.judge.load_state_dict(saved["judge"])
        makers.load_state_dict(saved["makers"])
        judges.load_state_dict(saved["judges"])
        average, step = saved["maker"], saved["step"]
    began = said = time.monotonic()
    losses = torch.zeros(3)
    while time.monotonic() - began < seconds:
        real, made, extra = game.deal()
        real = real.requires_grad_(step % PENALTY_EVERY == 0)
        verdict = game.judge(real)
        loss = F.softplus(-verdict).mean() + F.softplus(game.judge(made.detach())).mean()
        losses[0] += loss.item()
        if step % PENALTY_EVERY == 0:  # R1, Mescheder et al. 2018
            (slope,) = torch.autograd.grad(verdict.sum(), real, create_graph=True)
            penalty = slope.square().flatten(1).sum(1).mean()
            losses[2] += penalty.item() * PENALTY_EVERY
            loss = loss + 0.5 * game.penalty * PENALTY_EVERY * penalty
        judges.zero_grad(set_to_none=True)
        backward(loss)
        nn.utils.clip_grad_norm_(game.judge.parameters(), 5.0)
        judges.step()

        game.judge.requires_grad_(False)
        fooled = F.softplus(-game.judge(made)).mean()
        losses[1] += fooled.item()
        makers.zero_grad(set_to_none=True)
        backward(fooled + 2.0 * extra)
        nn.utils.clip_grad_norm_(game.maker.parameters(), 5.0)
        makers.step()
        game.judge.requires_grad_(True)

        step += 1
        keep = min(0.996, step / (step + 50.0))
        for name, value in game.maker.state_dict().items():
            average[name].lerp_(value, 1.0 - keep)
        if step % 100 == 0:
            judged, fool, penalised = (losses / 100).tolist()
            losses.zero_()
            console.print(
                f"{game.name} {step}: judge {judged:.3f} maker {fool:.3f} R1 {penalised:.3f} "
                f"({time.monotonic() - began:.0f} of {seconds:.0f} s)"
            )
        if time.monotonic() - said > 60.0:
            said = time.monotonic()
            save(game, state, average, (makers, judges), step)
            yield step
    save(game, state, average, (makers, judges), step)
    yield step


def save(
    game: Game,
    state: Path,
    average: dict[str, Tensor],
    optimisers: tuple[torch.optim.Adam, torch.optim.Adam],
    step: int,
) -> None:
    """Everything needed to go on, written whole or not at all."""
    partial = state.with_suffix(".partial")
    torch.save(
        {
            "maker": average,
            "now": game.maker.state_dict(),
            "judge": game.judge.state_dict(),
            "makers": optimisers[0].state_dict(),
            "judges": optimisers[1].state_dict(),
            "step": step,
        },
        partial,
    )
    partial.replace(state)

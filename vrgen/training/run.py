"""Everything that changes while a model is trained, in one place: that is what is saved and goes on."""

import copy
import json
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from vrgen.training import recipe as r
from vrgen.training.draws import Draws
from vrgen.training.feed import Feed
from vrgen.training.models.family import Family
from vrgen.training.processes import Processes, share_statistics
from vrgen.training.state import State
from vrgen.training.watch import Watch

VERSION = 1


class Run:
    """Networks, optimisers, the average, random numbers and counters of one process."""

    def __init__(
        self,
        recipe: r.Recipe,
        family: Family,
        feed: Feed,
        watch: Watch,
        processes: Processes | None = None,
        device: str = "cpu",
    ) -> None:
        self.recipe, self.family, self.feed, self.watch = recipe, family, feed, watch
        self.processes = processes or Processes()
        self.device = device
        for network in family.networks.values():
            network.to(device).train()
        self.average = copy.deepcopy(family.networks["maker"]).eval().requires_grad_(False)
        if self.processes.world > 1:
            for network in family.networks.values():
                share_statistics(network)
        self.step = 0
        self.seconds = 0.0
        self.rollbacks = 0
        self.optimisers = {name: self._optimiser(name) for name in family.networks}
        self.draws = Draws(recipe.train.seed + 1, self.processes.rank, self.processes.world, device)
        self._totals: dict[str, Tensor] = {}
        self._counted = 0

    def _optimiser(self, name: str) -> torch.optim.Optimizer:
        train = self.recipe.train
        weights = [weight for weight in self.family.networks[name].parameters() if weight.requires_grad]
        return torch.optim.Adam(weights, self._rate(name), train.betas, fused=True)

    def _rate(self, name: str) -> float:
        train = self.recipe.train
        rate = train.rate if name == "maker" else train.judge_rate or train.rate
        return rate * 0.5**self.rollbacks

    @property
    def share(self) -> float:
        """How much of the run is over, from 0 to 1."""
        train = self.recipe.train
        by_steps = self.step / train.steps if train.steps else 0.0
        by_time = self.seconds / train.seconds if train.seconds else 0.0
        return min(max(by_steps, by_time), 1.0)

    def improve(self, loss: Tensor, *networks: str) -> None:
        """One step of the optimisers of these networks down the slope of the loss."""
        for name in networks:
            self.optimisers[name].zero_grad(set_to_none=True)
        slide: Any = loss
        slide.backward()
        for name in networks:
            gradients = [
                weight.grad for weight in self.family.networks[name].parameters() if weight.grad is not None
            ]
            self.processes.average(gradients)
            length = nn.utils.get_total_norm(gradients)
            self.watch.take(name, length)
            if self.recipe.train.clip is not None:
                weights = self.family.networks[name].parameters()
                nn.utils.clip_grads_with_norm_(weights, self.recipe.train.clip, length)
            self.optimisers[name].step()

    def turn(self) -> None:
        """One step of training."""
        with self.precision():
            told = self.family.step(self.feed.deal, self.draws, self.improve, self.step)
        for name, value in told.items():
            value = value.detach().float()
            self._totals[name] = self._totals[name] + value if name in self._totals else value
        self._counted += 1
        self._follow()
        self.step += 1

    def precision(self) -> AbstractContextManager[Any]:
        """The numbers that layers compute with: bfloat16 where it was asked for or a GPU has it."""
        wanted = self.recipe.train.precision
        if wanted == "bfloat16" or (wanted == "auto" and self.device == "cuda"):
            return torch.autocast(self.device, torch.bfloat16)
        return nullcontext()

    @torch.no_grad()
    def _follow(self) -> None:
        """The average takes a step towards the maker; less at first, when there is little to average."""
        keep = min(self.recipe.train.ema, (self.step + 1) / (self.step + 10))
        ours: list[Tensor] = list(self.average.parameters())
        torch._foreach_lerp_(ours, list(self.family.networks["maker"].parameters()), 1.0 - keep)
        for mine, theirs in zip(self.average.buffers(), self.family.networks["maker"].buffers(), strict=True):
            mine.copy_(theirs)

    def told(self) -> dict[str, float]:
        """Means of what the steps told since the last call."""
        means = {name: float(total) / max(self._counted, 1) for name, total in self._totals.items()}
        self._totals, self._counted = {}, 0
        return means

    # --- saving -----------------------------------------------------------------------------------------

    def state(self) -> State:
        """All that has to be known to go on to the bit."""
        return {
            "version": VERSION,
            "identity": json.dumps({**r.identity(self.recipe), **self.feed.identity}),
            "networks": {name: network.state_dict() for name, network in self.family.networks.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "average": self.average.state_dict(),
            "draws": self.draws.state,
            "torch": torch.get_rng_state(),
            "dealt": self.feed.dealt,
            "watch": self.watch.state(),
            "step": self.step,
            "seconds": self.seconds,
            "rollbacks": self.rollbacks,
            "totals": dict(self._totals),
            "counted": self._counted,
        }

    def restore(self, state: State) -> None:
        """Go on where `state` was taken."""
        self.step, self.seconds, self.rollbacks = state["step"], state["seconds"], state["rollbacks"]
        for name, network in self.family.networks.items():
            network.load_state_dict(state["networks"][name])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
            for group in optimiser.param_groups:
                group["lr"] = self._rate(name)  # the recipe's, which may have been lowered meanwhile
        self.average.load_state_dict(state["average"])
        self.draws.state = state["draws"]
        torch.set_rng_state(state["torch"])
        self.feed.go_to(state["dealt"])
        self.watch.restore(state["watch"])
        self._totals = {name: value.to(self.device) for name, value in state["totals"].items()}
        self._counted = state["counted"]

    def roll_back(self, good: State) -> None:
        """Go back to a good state and on by another way: half the rate, other draws, other pictures."""
        rollbacks, seconds, dealt = self.rollbacks + 1, self.seconds, self.feed.dealt
        self.restore({**good, "rollbacks": rollbacks, "seconds": seconds})
        self.feed.go_to(dealt)
        self.draws = Draws(
            self.recipe.train.seed + 1 + 1000 * rollbacks, self.processes.rank, self.processes.world, self.device
        )

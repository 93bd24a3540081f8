"""Mode collapse, vanishing gradients and divergence, measured; and what is to be done about them by rule.

- *Diversity*: the mean distance of pictures made at fixed latents, over that of real pictures. Falls to 0 when all
  latents make one picture.
- *Vanishing*: the median length of the maker's gradient since the last look, over the greatest such median there
  was. Falls to 0 when the judge is so sure that it teaches nothing.
- *Divergence*: any gradient that is no number, or is very much longer than gradients were in the middle.

Looks are cheap (a few pictures) and frequent. A bad one makes the run suspicious, so that no state is kept as
good; `patience` bad ones in a row, or one of divergence, are trouble.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vrgen.training import recipe
from vrgen.training.state import State

Kind = Literal["collapse", "vanishing", "divergence"]
_REMEMBERED = 50
_SEEN_PX = 32


@dataclass(frozen=True)
class Trouble:
    """What is wrong, the rule for it, and a sentence with the numbers."""

    kind: Kind
    rule: recipe.Rule
    told: str


def spread(pictures: Tensor) -> float:
    """The mean distance (root mean square) of all pairs of (N, C, H, W), seen at 32 samples a side at most."""
    if pictures.shape[-1] > 1:
        size = min(_SEEN_PX, pictures.shape[-2]), min(_SEEN_PX, pictures.shape[-1])
        pictures = F.adaptive_avg_pool2d(pictures, size)
    flat = pictures.flatten(1).double()
    return float(torch.pdist(flat).mean()) / math.sqrt(flat.shape[1])


class Watch:
    """Takes gradient lengths at every step and pictures at every look; tells trouble."""

    def __init__(self, rules: recipe.Watch, real: Tensor) -> None:
        self._rules = rules
        self._real_spread = max(spread(real), 1e-9)
        self._since: dict[str, list[Tensor]] = {}
        self._medians: dict[str, list[float]] = {}
        self._greatest = 0.0
        self._risen = False
        self._bad = {"collapse": 0, "vanishing": 0}
        self.measured: dict[str, float] = {}
        """Of the last look, for metrics."""

    def take(self, network: str, length: Tensor) -> None:
        """The length of a gradient, which stays on its device until the next look."""
        self._since.setdefault(network, []).append(length)

    @property
    def finite(self) -> bool:
        """Whether every gradient since the last look was a number."""
        return all(bool(torch.isfinite(torch.stack(lengths)).all()) for lengths in self._since.values() if lengths)

    @property
    def suspicious(self) -> bool:
        """Whether the last look was a bad one."""
        return any(self._bad.values())

    def look(self, step: int, made: Tensor) -> Trouble | None:
        """Judge what was taken since the last look, and pictures made at fixed latents."""
        lengths = {name: torch.stack(found).tolist() for name, found in self._since.items() if found}
        self._since = {}
        middle = {name: median(found) for name, found in lengths.items()}
        diversity = spread(made) / self._real_spread
        vanished = middle.get("maker", 0.0) / max(self._greatest, middle.get("maker", 0.0), 1e-30)
        self.measured = {
            "diversity": diversity,
            "gradient/maker_share": vanished,
            **{f"gradient/{name}": value for name, value in middle.items()},
            **{f"gradient/{name}_max": max(found) for name, found in lengths.items()},
        }
        if trouble := self._diverged(lengths, made):
            return trouble
        for name, value in middle.items():
            self._medians[name] = [*self._medians.get(name, []), value][-_REMEMBERED:]
        self._greatest = max(self._greatest, middle.get("maker", 0.0))
        rules = self._rules
        # A maker begins with one picture for all latents: what has not yet risen can't have collapsed.
        self._risen = self._risen or diversity >= rules.collapse_below or step >= rules.after
        return self._patiently(
            "collapse",
            self._risen and diversity < rules.collapse_below,
            rules.on_collapse,
            f"mode collapse: pictures at fixed latents differ {diversity:.3f} times as much as real ones, "
            f"at least {rules.collapse_below:g} expected",
        ) or self._patiently(
            "vanishing",
            vanished < rules.vanish_below,
            rules.on_vanishing,
            f"vanishing gradients: the maker's is {vanished:.1e} of its greatest length, "
            f"at least {rules.vanish_below:g} expected",
        )

    def _diverged(self, lengths: Mapping[str, list[float]], made: Tensor) -> Trouble | None:
        rule = self._rules.on_divergence
        if not bool(torch.isfinite(made).all()):
            return Trouble("divergence", rule, "divergence: pictures hold NaN or infinity")
        for name, found in lengths.items():
            if not all(map(math.isfinite, found)):
                return Trouble("divergence", rule, f"divergence: the gradient of the {name} is NaN or infinite")
            before = self._medians.get(name)
            if before and max(found) > self._rules.diverge_above * max(median(before), 1e-12):
                return Trouble(
                    "divergence",
                    rule,
                    f"divergence: a gradient of the {name} is {max(found):.3g} long, the median was "
                    f"{median(before):.3g}, at most {self._rules.diverge_above:g} times that expected",
                )
        return None

    def _patiently(self, kind: Kind, bad: bool, rule: recipe.Rule, told: str) -> Trouble | None:
        self._bad[kind] = self._bad[kind] + 1 if bad and rule != "ignore" else 0
        if self._bad[kind] < self._rules.patience:
            return None
        self._bad[kind] = 0
        return Trouble(kind, rule, told)

    def state(self) -> State:
        """What `restore` takes."""
        since = {name: torch.stack(found).cpu() for name, found in self._since.items() if found}
        return {
            "since": since,
            "medians": self._medians,
            "greatest": self._greatest,
            "risen": self._risen,
            "bad": dict(self._bad),
        }

    def restore(self, state: State) -> None:
        """Go on where `state` was taken."""
        self._since = {name: list(found) for name, found in state["since"].items()}
        self._medians = {name: list(found) for name, found in state["medians"].items()}
        self._greatest = state["greatest"]
        self._risen = state["risen"]
        self._bad = dict(state["bad"])

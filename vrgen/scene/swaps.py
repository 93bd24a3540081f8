"""Objects and pictures do not fade: one takes the place of another at once. What would flash by that is held back.

Of what comes while one is held the newest is shown. A smooth morph passes as it comes: the less changes, the
sooner the next may follow (`governor.Allowance`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vrgen.messages import Request
from vrgen.scene.governor import Allowance, displayed, lit, picture_cells
from vrgen.scene.props import Placing
from vrgen.scene_model import F32, Light, Mesh, Picture

Thing = Mesh | Picture | Placing
_Key = tuple[str, int, str]
_LEAST = 0.1
"""What another shape counts for at least: a flash is two changes of a tenth."""
_PER_METRE = 0.5
_SOME = 1000
"""Vertices whose colours are looked at."""
_FACING = np.array([[0.0, 1.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]], np.float32)


@dataclass(frozen=True, slots=True)
class Swap:
    """What an output became, that takes the place of an earlier one."""

    request: Request
    name: str
    made: Thing
    variants: int


class Swaps:
    """Owner of what is held back."""

    def __init__(self) -> None:
        self._allowance = Allowance()
        self._held: dict[_Key, Swap] = {}
        self._shown: dict[_Key, tuple[int, F32]] = {}

    @property
    def empty(self) -> bool:
        """Whether nothing is held back."""
        return not self._held

    def put(self, swap: Swap) -> None:
        """It was made; what it overtakes, or what is of another world, is never shown."""
        request = swap.request
        key = (request.generator, request.variant, swap.name)
        self._held = {
            at: held
            for at, held in self._held.items()
            if at != key and (at[0] != request.generator or held.request.epoch == request.epoch)
        }
        self._held[key] = swap

    def take(self, light: Light, now_s: float) -> Iterator[Swap]:
        """What may be shown now, in the order in which it came. `light`: that falls on it."""
        for key, swap in list(self._held.items()):
            if self._may(key, swap, light, now_s):
                del self._held[key]
                yield swap

    def forget(self, key: _Key) -> None:
        """It is seen no more: what comes in its place begins anew."""
        self._held.pop(key, None)
        self._shown.pop(key, None)
        self._allowance.forget(key)

    def _may(self, key: _Key, swap: Swap, light: Light, now_s: float) -> bool:
        if not self._allowance.rested(key, now_s):
            return False
        cells = _cells(swap.made, light)
        seed, before = self._shown.get(key, (swap.request.seed, cells))
        # Another world's meshes grow where the old ones have shrunk away; pictures hang where they hung.
        grows = isinstance(swap.made, Mesh) and seed != swap.request.seed
        self._shown[key] = (swap.request.seed, cells)
        if not grows:
            self._allowance.spend(key, _change(before, cells, swap.made), now_s)
        return True


def _change(before: F32, now: F32, made: Thing) -> float:
    """Of luminance, at most; shapes that differ count for as much."""
    if before is now:
        return 0.0
    if before.shape != now.shape:
        return 1.0
    change = float(np.abs(now - before).max(initial=0.0))
    return change if isinstance(made, Picture) else max(change, _LEAST)


def _cells(made: Thing, light: Light) -> F32:
    """Numbers that differ by as much as the luminance that is displayed may do."""
    if isinstance(made, Picture):
        return _displayed(picture_cells(made), light)
    if isinstance(made, Placing):
        return made.rows[:, :3].ravel() * np.float32(_PER_METRE)
    box = made.box.ravel() * np.float32(_PER_METRE)
    some = made.colours[:: 1 + len(made.colours) // _SOME]
    if not some[0, 3]:
        return box
    colour = np.power(some[:, :3].astype(np.float32) / 255, 2.2).mean(axis=0, keepdims=True)
    return np.concatenate([box, _displayed(colour, light)])


def _displayed(albedo: F32, light: Light) -> F32:
    """Luminance of that albedo where it is lit from the front, from above and in between."""
    return np.concatenate([displayed(lit(albedo, normal[None], light)) for normal in _FACING])

"""A gallery: frames along an endless way to -Z, each with a picture of its own that is made as one comes near.

Frame `slot` (0, 1, …) stands at the same place always, and what it shows follows from the world's seed and its
number (`vrgen.series`), so that walking back shows the same again.
"""

import math
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from vrgen.contract import PictureOutput, TextureOutput
from vrgen.messages import Generated, InputValue, Output, Request, Wish
from vrgen.scene.colours import Lost
from vrgen.scene.meshes import picture_panel
from vrgen.scene.picking import Maker
from vrgen.scene.pictures import picture_of
from vrgen.scene.swaps import Swap, Swaps
from vrgen.scene_model import INSTANCE, Light, Objects, Picture
from vrgen.series import sample

PICTURE_M, PANEL_M = 1.2, (1.9, 2.5)
"""Side of a picture; width and height of the panel that it hangs on."""
REACH_M = 30.0
"""How far off a frame is seen, and its picture asked for."""
KEPT_M = 36.0
"""How far off what hangs is forgotten."""
_FIRST_M, _STEP_M, _ASIDE_M = 4.0, 2.4, 3.0
_TURNED_RAD = math.radians(42.0)
"""A panel faces the way, and who comes along it."""

_Made = tuple[int, int]
"""Epoch and revision."""


def place(slot: int) -> tuple[float, float, float]:
    """x and z, metres, of the middle of that frame's panel, and its heading, radians: 0 faces +Z."""
    side = 1 if slot % 2 else -1
    return side * _ASIDE_M, -(_FIRST_M + _STEP_M * slot), -side * _TURNED_RAD


def slots_within(z_m: float, reach_m: float) -> range:
    """The frames that are no farther along the way."""
    first = math.ceil((-z_m - reach_m - _FIRST_M) / _STEP_M)
    last = math.floor((-z_m + reach_m - _FIRST_M) / _STEP_M)
    return range(max(first, 0), max(last + 1, 0))


@dataclass(frozen=True, eq=False, slots=True)
class _Painted:
    """A picture that is being made ready to hang."""

    request: Request
    picture: Future[Picture | None]


class Gallery:
    """Owner of what hangs. `generators`: they take turns from frame to frame."""

    def __init__(self, generators: tuple[str, ...]) -> None:
        self._generators = generators
        self._wishes: Mapping[str, Wish] = {}
        self._slots = range(0)
        self._wanted: dict[int, tuple[Wish, Request]] = {}
        self._made: dict[int, _Made] = {}
        self._painting: list[_Painted] = []
        self._swaps = Swaps()
        self._hung: dict[int, Picture] = {}
        self._beside: ThreadPoolExecutor | None = None
        self._panel = picture_panel(PICTURE_M, *PANEL_M)
        self._drawn_from: tuple[object, ...] = ()
        self._objects = Objects()
        self.makers: dict[int, Maker] = {}
        """Who made what hangs, by the picture's id."""
        self.stamp = 0
        """Goes up when what is missing may have changed."""

    # --- what is wanted -----------------------------------------------------------------------------------

    def hangs(self, generator: str) -> bool:
        """Whether that generator's pictures hang here."""
        return generator in self._generators

    def ask(self, wishes: Mapping[str, Wish]) -> None:
        """What the pictures should be samples of now."""
        if wishes is not self._wishes:
            self._wishes = wishes
            self._want()

    def _want(self) -> None:
        """A request for every frame that is near; it stays the same while its inputs do."""
        self.stamp += 1
        wanted = {}
        for slot in self._slots:
            wish = self._wishes.get(self._generators[slot % len(self._generators)])
            if wish is None or wish.series is None:
                continue
            before = self._wanted.get(slot)
            if before is not None and before[0] is wish:
                wanted[slot] = before
                continue
            inputs = {**wish.inputs, **sample(wish.series, slot)}
            request = Request(wish.generator, wish.epoch, wish.revision, inputs, None, slot, wish.seed)
            if before is not None and before[1].epoch == wish.epoch and _same(before[1].inputs, inputs):
                request = before[1]
            wanted[slot] = (wish, request)
        self._wanted = wanted

    def missing(self, at_m: tuple[float, float], towards: tuple[float, float], time_s: float) -> list[Request]:
        """What is wanted and not made: nearest and most looked at first. `at_m`: x and z of the walker."""
        scored = []
        for slot, (_, request) in self._wanted.items():
            if self._made.get(slot) == (request.epoch, request.revision):
                continue
            x, z, _ = place(slot)
            way = (x - at_m[0], z - at_m[1])
            away = math.hypot(*way)
            ahead = (way[0] * towards[0] + way[1] * towards[1]) / max(away, 1.0)
            scored.append((away * (1.35 - 0.35 * ahead), slot, replace(request, time_s=time_s)))
        return [request for _, _, request in sorted(scored, key=lambda one: one[:2])]

    # --- what comes ---------------------------------------------------------------------------------------

    def put(self, one: Generated) -> None:
        """A picture has come, or is coming; one that is not wanted any more is dropped."""
        output = next((picture for output in one.outputs.values() if (picture := as_picture(output))), None)
        if output is None or not self._is_wanted(one.request):
            return
        if self._beside is None:
            self._beside = ThreadPoolExecutor(1, "pictures")
        slot = one.request.variant  # of what waits for the same frame the newest is painted
        self._painting = [it for it in self._painting if it.request.variant != slot or not it.picture.cancel()]
        self._painting.append(_Painted(one.request, self._beside.submit(_painted, output)))

    def _is_wanted(self, request: Request) -> bool:
        wanted = self._wanted.get(request.variant)
        return wanted is not None and (wanted[1].epoch, wanted[1].revision) == (request.epoch, request.revision)

    @property
    def still(self) -> bool:
        """Whether nothing waits to be hung."""
        return not self._painting and self._swaps.empty

    def advance(self, z_m: float, origin: tuple[float, float, float], light: Light, now_s: float) -> Objects:
        """One frame on: follow the walker, hang one picture at most. The same object while nothing changes."""
        slots = slots_within(z_m, REACH_M)
        if slots != self._slots:
            self._slots = slots
            self._forget(slots_within(z_m, KEPT_M))
            self._want()
        while self._painting and self._painting[0].picture.done():
            one = self._painting.pop(0)
            picture, slot = one.picture.result(), one.request.variant
            if picture is not None and self._is_wanted(one.request):
                self._made[slot] = (one.request.epoch, one.request.revision)
                self._swaps.put(Swap(one.request, "picture", picture, 1))
                self.stamp += 1
        swap = next(self._swaps.take(light, now_s), None)
        if swap is not None:
            assert isinstance(swap.made, Picture)
            self._hung[swap.request.variant] = picture = swap.made
            there = {hung.id for hung in self._hung.values()}
            self.makers = {at: maker for at, maker in self.makers.items() if at in there}
            self.makers[picture.id] = Maker("picture", swap.request)
        if swap is not None or self._drawn_from != (slots, origin):
            self._drawn_from = (slots, origin)
            self._objects = self._stand(origin)
        return self._objects

    def _forget(self, kept: range) -> None:
        for slot in [slot for slot in self._made if slot not in kept]:
            self._swaps.forget((self._generators[slot % len(self._generators)], slot, "picture"))
            for there in (self._made, self._hung):
                there.pop(slot, None)

    def _stand(self, origin: tuple[float, float, float]) -> Objects:
        """All frames that are near, those without a picture yet empty."""
        made = np.zeros(len(self._slots), INSTANCE)
        hung = [slot for slot in self._slots if slot in self._hung]
        number = {slot: at for at, slot in enumerate(hung)}
        for row, slot in zip(made, self._slots, strict=True):
            x, z, heading = place(slot)
            row["position"] = (x - origin[0], -origin[1], z - origin[2])
            row["rotation"] = (0.0, math.sin(heading / 2), 0.0, math.cos(heading / 2))
            row["picture"] = number.get(slot, -1)
        made["scale"] = made["stands"] = 1.0
        made["reach_m"] = REACH_M
        return Objects((self._panel,), tuple(self._hung[slot] for slot in hung), made)


def as_picture(output: Output) -> Output | None:
    """A picture, or the colours of a material as one; None of anything else."""
    spec = output.spec
    if isinstance(spec, TextureOutput) and spec.role == "albedo":
        return replace(output, spec=PictureOutput(shape=spec.shape, range=spec.range or (-1.0, 1.0)))
    return output if isinstance(spec, PictureOutput) else None


def beside(standing: Objects, hung: Objects) -> Objects:
    """Both at once; `hung` takes part in nothing's coming and going."""
    instances = hung.instances.copy()
    instances["mesh"] += np.uint32(len(standing.meshes))
    instances["picture"] += np.where(instances["picture"] >= 0, len(standing.pictures), 0).astype(np.int32)
    return Objects(
        (*standing.meshes, *hung.meshes),
        (*standing.pictures, *hung.pictures),
        np.concatenate([standing.instances, instances]),
        standing.arrival,
        standing.coming,
    )


def _painted(output: Output) -> Picture | None:
    """None when it was lost on its way."""
    try:
        return picture_of(output, crisp=True)
    except Lost:
        return None


def _same(one: Mapping[str, InputValue], other: Mapping[str, InputValue]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(value, other[name]) for name, value in one.items())

"""What the place looks like: the sky, the materials and the light, each on its way from one to the next.

All of them go at one pace, which is the governor's: none may flash, and together they may not either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from vrgen.scene.fading import Fading
from vrgen.scene.governor import Governor
from vrgen.scene.light import mixed, share
from vrgen.scene.sky import plain_sky
from vrgen.scene.surfaces import plain_surface
from vrgen.scene_model import F32, Fade, Light, Sky, Surface, new_id

_DENSEST = 0.002


@dataclass(frozen=True, eq=False, slots=True)
class Lamp:
    """Light that a generator gives; `light` None is the sky's own."""

    id: int
    light: Light | None = None

    def with_sky(self, sky: Light) -> Light:
        """The exposure stays the sky's."""
        return sky if self.light is None else replace(self.light, exposure=sky.exposure)


@dataclass(frozen=True, eq=False, slots=True)
class Mist:
    """How far one sees that a generator says, as a part of the world's distance."""

    id: int
    clear: float = 1.0


@dataclass(frozen=True, eq=False, slots=True)
class Look:
    """How it looks in one frame. `surfaces`: at least "ground" and "cliff"."""

    sky: Fade[Sky]
    surfaces: Mapping[str, Fade[Surface]]
    light: Light
    clear: float = 1.0
    """How far one sees, as a part of the world's `fog_m`."""
    bare: frozenset[int] = frozenset()
    """Which lamps and mists are in it."""


class Appearance:
    """Owner of these fades from frame to frame."""

    def __init__(self) -> None:
        self._stood: Look | None = None
        """How everything looked in the last frame, where nothing was on its way."""
        self._sky: Fading[Sky] = Fading(plain_sky())
        self._surfaces: dict[str, Fading[Surface]] = {"ground": Fading(plain_surface((126, 124, 116)))}
        self._lamp: Fading[Lamp] = Fading(Lamp(new_id()))
        self._mist: Fading[Mist] = Fading(Mist(new_id()))
        self._governor = Governor()

    def offer_sky(self, sky: Sky, another_world: bool) -> None:
        self._sky.offer(sky, another_world)

    def offer_surface(self, name: str, surface: Surface, another_world: bool) -> None:
        if name not in self._surfaces:  # until now it was the ground's
            self._surfaces[name] = Fading(self._surfaces["ground"].fade.shown)
        self._surfaces[name].offer(surface, another_world)

    def offer_light(self, light: Light, another_world: bool) -> int:
        """Returns its id, for `Look.bare`."""
        lamp = Lamp(new_id(), light)
        self._lamp.offer(lamp, another_world)
        return lamp.id

    def offer_fog(self, clear: float, another_world: bool) -> int:
        """Returns its id, for `Look.bare`."""
        mist = Mist(new_id(), max(clear, _DENSEST))
        self._mist.offer(mist, another_world)
        return mist.id

    @property
    def _fadings(self) -> tuple[Fading[Sky] | Fading[Lamp] | Fading[Mist] | Fading[Surface], ...]:
        return (self._sky, self._lamp, self._mist, *self._surfaces.values())

    @property
    def still(self) -> bool:
        """Whether nothing is on its way or waits."""
        fadings = self._fadings
        return all(fading.fade.arriving is None and fading.waiting is None for fading in fadings)

    @property
    def waiting(self) -> tuple[Sky | Surface, ...]:
        """What will arrive next, most wanted first: to be uploaded ahead."""
        waiting = (self._sky.waiting, *(fading.waiting for fading in self._surfaces.values()))
        return tuple(asset for asset in waiting if asset is not None)

    def ready(self, resident: frozenset[int]) -> bool:
        """Whether nothing waits that is not on the GPU yet."""
        return all(asset.id in resident for asset in self.waiting)

    def advance(self, resident: frozenset[int], may_begin: bool, dt_s: float) -> Look:
        """One frame on."""
        if self._stood is not None and self.still:
            return self._stood
        for bare in (self._lamp.waiting, self._mist.waiting):
            if bare is not None:
                resident |= {bare.id}  # it has nothing to upload
        fadings = self._fadings
        if any(fading.moves(resident, may_begin) for fading in fadings):

            def luminances(pace: float) -> F32:
                look = self._ahead(resident, may_begin, pace * dt_s)
                return self._governor.luminances(look.sky, look.surfaces, look.light)

            dt_s *= self._governor.pace(luminances, dt_s)
        look = self._ahead(resident, may_begin, dt_s)
        for fading in fadings:
            fading.advance(resident, may_begin, dt_s)
        self._stood = look if self.still else None
        return look

    def _ahead(self, resident: frozenset[int], may_begin: bool, dt_s: float) -> Look:
        sky = self._sky.ahead(resident, may_begin, dt_s)
        light = sky.shown.light
        if sky.arriving is not None:
            weight = share(light, sky.arriving.light, sky.weight)
            light = mixed(light, sky.arriving.light, weight)
            sky = Fade(sky.shown, sky.arriving, weight)
        lamp = self._lamp.ahead(resident, may_begin, dt_s)
        if lamp.arriving is not None:
            light = mixed(lamp.shown.with_sky(light), lamp.arriving.with_sky(light), lamp.weight)
        else:
            light = lamp.shown.with_sky(light)
        surfaces = {name: fading.ahead(resident, may_begin, dt_s) for name, fading in self._surfaces.items()}
        surfaces.setdefault("cliff", surfaces["ground"])
        mist = self._mist.ahead(resident, may_begin, dt_s)
        clear = mist.shown.clear
        if mist.arriving is not None:  # evenly to the eye: by the same factor in the same time
            clear *= (mist.arriving.clear / clear) ** mist.weight
        seen = [lamp.shown.id, mist.shown.id]
        seen += [fade.arriving.id for fade in (lamp, mist) if fade.arriving is not None and fade.weight > 0.0]
        return Look(sky, surfaces, light, clear, frozenset(seen))

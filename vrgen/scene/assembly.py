"""generated → scene: the owner of the world that is being seen.

Each result is turned into an asset and offered to its part (sky, surfaces, land, objects). When the person asks
for another world, all parts wait until the whole of it has arrived (or failed, or `PATIENCE_S` has passed), and
then change together; within a world each part follows as it comes.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from vrgen.config import World
from vrgen.contract import (
    FogOutput,
    HeightfieldOutput,
    LightOutput,
    PanoramaDepthOutput,
    SplatsOutput,
)
from vrgen.messages import Generated, News, Person, Picked, Pointer, Request, Resident, Tile, Tracked, Wish
from vrgen.scene.appearance import Appearance, Look
from vrgen.scene.arrivals import Arrivals
from vrgen.scene.gallery import Gallery, beside
from vrgen.scene.ground import Land, mirrored, tile_heights
from vrgen.scene.objects import Standing
from vrgen.scene.picking import Maker, picked, pointing
from vrgen.scene.props import Placing
from vrgen.scene.relief import Middle
from vrgen.scene.sky import given_light
from vrgen.scene.splats import Clouds
from vrgen.scene.swaps import Swap, Swaps
from vrgen.scene.views import Looking, Views, head_of
from vrgen.scene.workshop import Assets, Workshop
from vrgen.scene_model import F32, Fade, Mesh, Objects, Scene, Sky, Surface, TileHeights, new_id

PATIENCE_S = 8.0
"""A new world shows what it has after so long, even if a generator is still at work."""
_NEAR_TILES = 9
_MOST_TILES = 64
"""Asked for at once: more than are made until the list is made anew."""


class Assembly:
    """Owner of the scene's state. `advance` returns what is to be drawn now."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._appearance = Appearance()
        self._workshop = Workshop(world)
        self.land = Land()
        self._objects = Standing(world)
        self._swaps = Swaps()
        self._clouds = Clouds(world)
        self._looking, self._views = Looking(), Views()
        self._skies: set[str] = set()
        """Generators that have made one."""
        self._middle = Middle(world.start.x_m, world.start.z_m)
        self._arrivals = Arrivals()
        self._gallery = Gallery(() if world.gallery is None else world.gallery.generators)
        self._beside: tuple[Objects, Objects, Objects] | None = None
        self._wishes: Mapping[str, Wish] = {}
        self._made: dict[tuple[str, int], tuple[int, int]] = {}
        self._turns: dict[tuple[str, int], tuple[int, int]] = {}
        """Of each generator and its variants the epoch of the last result, and the how manieth of all it was."""
        self._land_wish: Wish | None = None
        self._waiting: set[str] = set()
        self._epoch = 0
        self._since_s = 0.0
        self._first = True
        self._taken = 0
        self._makers: dict[int, Maker] = {}
        self._land_by: Request | None = None
        self._look: Look | None = None
        self._listed: tuple[tuple[object, ...], list[Request]] | None = None
        self.notes: dict[str, str] = {}
        """What a generator makes and this version does not show, a sentence each."""
        self._origin = (0.0, 0.0, 0.0)
        self._mirrored: tuple[tuple[int, int], F32, float] | None = None

    # --- what is wanted -----------------------------------------------------------------------------------

    def ask(self, wishes: Mapping[str, Wish], now_s: float) -> None:
        """What the generators should make now; another epoch is another world, which changes as one."""
        if wishes is self._wishes:
            return
        newest = max((wish.epoch for wish in wishes.values()), default=0)
        if newest > self._epoch:
            self._first = self._epoch == 0
            self._epoch = newest
            self._waiting = {name for name, wish in wishes.items() if wish.epoch == newest}
            self._since_s = now_s
        self._wishes = wishes
        self._gallery.ask(wishes)
        self._retarget()

    def _retarget(self) -> None:
        for wish in self._wishes.values():
            if wish.tiled:
                self.land.retarget((wish.epoch, wish.revision), wish.tile_m)
                if self.land.target == (wish.epoch, wish.revision):
                    self._land_wish = wish

    def requests(self, person: Person, time_s: float, tracked: Tracked | None = None) -> list[Request]:
        """Everything that is wanted and not made, most wanted first: what is seen from here, the ground under the
        feet, then what is made in one call, then the land around by distance and direction of view. The same list
        again while nothing that it depends on has changed."""
        x, _, z = person.feet_world
        looks = [wish for wish in self._wishes.values() if wish.camera]
        looked = self._looking.requests(looks, head_of(person, tracked), time_s) if looks else []
        land = self.land
        arriving = land.ground.arriving
        source = (
            self._wishes,
            self._land_wish,
            self._taken,
            self._gallery.stamp,
            self._looking.stamp,
            land.target,
            land.ground.shown.tiles,
            arriving.tiles if arriving else None,
            round(_heading(person), 1),
            round(x / 8),
            round(z / 8),
        )
        if self._listed is None or not all(
            a is b or (a == b and not isinstance(a, Mapping)) for a, b in zip(source, self._listed[0])
        ):
            self._listed = (source, [*looked, *self._list(person, time_s)])
        return self._listed[1]

    def lacks(self, generators: frozenset[str]) -> bool:
        """Whether one of them had something left to make when `requests` was last asked; another look does not
        count."""
        listed = () if self._listed is None else self._listed[1]
        wanted = {request.generator for request in listed if request.generator in generators}
        return any(not (self._wishes[name].camera and (name, 0) in self._made) for name in wanted)

    def _list(self, person: Person, time_s: float) -> list[Request]:
        singles = [
            Request(wish.generator, wish.epoch, wish.revision, wish.inputs, None, variant, wish.seed, time_s)
            for wish in self._wishes.values()
            if not wish.tiled and wish.series is None and not wish.camera
            for variant in range(wish.variants)
            if self._made.get((wish.generator, variant)) != (wish.epoch, wish.revision)
        ]
        singles.sort(key=self._turn)
        x, _, z = person.feet_world
        heading = _heading(person)
        ahead = (-float(np.sin(heading)), -float(np.cos(heading)))
        pictures = self._gallery.missing((x, z), ahead, time_s)
        wish = self._land_wish
        if wish is None:
            return [*singles, *pictures]
        tiles = [
            Request(wish.generator, wish.epoch, wish.revision, wish.inputs, tile, 0, wish.seed, time_s)
            for tile in self.land.missing((x, z), ahead)[:_MOST_TILES]
        ]
        near = sum(self._is_near(request.tile, x, z) for request in tiles[:_NEAR_TILES])
        first = singles[:1] if self._first else singles
        return [*first, *tiles[:near], *singles[len(first) :], *pictures, *tiles[near:]]

    def _turn(self, one: Request) -> int:
        """Which result of this world its part had last, 0 without one. What waits longest comes first: a morph
        asks for all anew in every frame, and must not move the sky alone."""
        epoch, turn = self._turns.get((one.generator, one.variant), (one.epoch, 0))
        return turn if epoch == one.epoch else 0

    def _is_near(self, tile: Tile | None, x: float, z: float) -> bool:
        metres = self.land.tile_m
        return tile is not None and bool(
            np.hypot((tile[0] + 0.5) * metres - x, (tile[1] + 0.5) * metres - z) < 1.6 * metres
        )

    # --- what is there ------------------------------------------------------------------------------------

    def picked(self, scene: Scene, person: Person, tracked: Tracked | None, by: Pointer) -> Picked | None:
        """What the person points at; None while nobody is tracked."""
        aim = pointing(person, tracked, by)
        if aim is None:
            return None
        makers = {**self._makers, **self._objects.makers, **self._gallery.makers}
        return picked(aim, scene, self.land.height, makers, self._land_by)

    def framed(self, picked: Picked) -> Request | None:
        """What the picked picture of the gallery was made from; None of anything else."""
        chief = picked.made_by[0] if picked.made_by else None
        return chief if chief is not None and self._gallery.hangs(chief.generator) else None

    def _remember(self, asset: Sky | Surface, name: str, request: Request) -> None:
        """Who made it; of what is seen no more, and does not wait, it is forgotten."""
        there = {waiting.id for waiting in self._appearance.waiting}
        if (look := self._look) is not None:
            fades: list[Fade[Sky] | Fade[Surface]] = [look.sky, *look.surfaces.values()]
            there |= {part.id for fade in fades for part in (fade.shown, fade.arriving) if part is not None}
        self._makers = {at: maker for at, maker in self._makers.items() if at in there}
        self._makers[asset.id] = Maker(name, request)

    # --- what comes ---------------------------------------------------------------------------------------

    def advance(
        self,
        made: Iterable[Generated],
        person: Person,
        resident: Resident,
        failed: frozenset[str],
        now_s: float,
        dt_s: float,
    ) -> Scene:
        """Take in what was made and go one frame on. `failed`: generators that will not answer now."""
        self._take_in(made)
        x, _, z = person.feet_world
        may_show = self._may_show(resident.ids, failed, now_s)
        self._look = look = self._appearance.advance(resident.ids, may_show, dt_s)
        if self._mirrored is not None:
            self._spread_mirrored((x, z))
        ground = self.land.advance((x, z), resident.ids, may_show, dt_s)
        self._retarget()
        self._move_origin(x, z, ground.shown.metres * ground.grid)
        metres = ground.shown.metres
        centre = (int(np.floor(x / metres)), int(np.floor(z / metres)))
        for swap in self._swaps.take(look.light, now_s):
            self._objects.offer(swap.request, swap.name, swap.made, swap.variants)
        objects = self._objects.advance(ground, centre, self._origin, resident.ids, may_show, now_s, dt_s)
        if self._world.gallery is not None:
            objects = self._with_gallery(objects, self._gallery.advance(z, self._origin, look.light, now_s))
        makers = {**self._objects.makers, **self._gallery.makers} if self._arrivals.waits else {}
        clouds = self._clouds.advance(resident.ids, may_show, self.land.height, self._origin, dt_s)
        shots = self._views.advance(resident.ids, may_show, dt_s)
        self._arrivals.advance(look, ground, objects, makers, resident.ids, clouds, shots)
        middle = self._middle.advance(look.sky, person.feet_world, self.land.height)
        return Scene(
            sky=look.sky,
            light=look.light,
            ground=ground,
            surfaces=look.surfaces,
            objects=objects,
            clouds=clouds,
            origin=self._origin,
            middle=(middle[0] - self._origin[0], middle[1] - self._origin[1], middle[2] - self._origin[2]),
            fog_m=self._world.fog_m * look.clear,
            time_s=now_s,
            shots=shots,
            preload=(*self._views.waiting, *self._appearance.waiting),
        )

    def _with_gallery(self, standing: Objects, hung: Objects) -> Objects:
        before = self._beside
        if before is None or before[0] is not standing or before[1] is not hung:
            self._beside = before = (standing, hung, beside(standing, hung))
        return before[2]

    def _may_show(self, resident: frozenset[int], failed: frozenset[str], now_s: float) -> bool:
        """Whether the newest world may begin to show."""
        if not self._waiting:
            return True
        late = now_s - self._since_s > PATIENCE_S
        whole = all(name in failed or self._whole(self._wishes[name]) for name in self._waiting)
        uploaded = self._appearance.ready(resident) and self._clouds.ready(resident)
        uploaded = uploaded and self._views.ready(resident) and self._objects.ready(resident)
        if late or self._first or (whole and uploaded and self._workshop.empty):
            self._waiting = set()
        return not self._waiting

    def _whole(self, wish: Wish) -> bool:
        if wish.series is not None:
            return True  # pictures follow one by one
        if wish.tiled:
            return self.land.target == (wish.epoch, wish.revision) and self.land.near_arrived()
        return all(
            self._made.get((wish.generator, v)) == (wish.epoch, wish.revision) for v in range(wish.variants)
        )

    @property
    def news(self) -> tuple[News, ...]:
        """What became of results in the last `advance`: "seen" ones are in the scene that it returned."""
        return self._arrivals.news

    @property
    def arriving(self) -> bool:
        """Whether the newest world is still being put together."""
        return bool(self._waiting)

    @property
    def risen(self) -> bool:
        """Whether everything stands at its full height, and nothing moves any more."""
        still = self.land.still and self._appearance.still and self._swaps.empty and self._gallery.still
        still = still and self._clouds.still and self._views.still
        return still and self.land.risen and self._objects.arrival >= 1.0

    def _take_in(self, arrived: Iterable[Generated]) -> None:
        """All tiles that came, and what the workshop has made of the rest."""
        tiles: dict[tuple[int, int], dict[Tile, TileHeights]] = {}
        shape: tuple[float, int] = (0.0, 0)
        for one in arrived:
            if self._gallery.hangs(one.request.generator):
                self._gallery.put(one)
                self._arrivals.took(one.request, things=True)
                continue
            if one.request.tile is None:
                self._workshop.put(one)
                continue
            for output in one.outputs.values():
                if isinstance(output.spec, HeightfieldOutput):
                    heights = tile_heights(output)
                    key = (one.request.epoch, one.request.revision)
                    tiles.setdefault(key, {})[one.request.tile] = tile = TileHeights(new_id(), heights)
                    self._arrivals.took_tile(one.request, tile.id)
                    self._land_by = one.request
                    shape = (output.spec.metres, heights.shape[0])
        for one, assets in self._workshop.take():
            wish = self._wishes.get(one.request.generator)
            if wish is not None and one.request.epoch >= wish.epoch:
                self._take(one, assets, wish)
        for key, made in tiles.items():
            self.land.offer(key, made, *shape)

    def _take(self, one: Generated, assets: Assets, wish: Wish) -> None:
        request = one.request
        another = (request.generator, request.variant) not in self._made or (
            self._made[(request.generator, request.variant)][0] != request.epoch
        )
        self._made[(request.generator, request.variant)] = (request.epoch, request.revision)
        self._taken += 1
        self._turns[request.generator, request.variant] = request.epoch, self._taken
        uploads, bare, things, land = [surface.id for surface in assets.surfaces.values()], [], False, False
        if assets.sky is not None:
            uploads.append(assets.sky.id)
            self._skies.add(request.generator)
            self._remember(assets.sky, "sky", request)
            self._appearance.offer_sky(assets.sky, another)
        if wish.camera:
            self._looking.answered(request)
        if assets.shot is not None:
            uploads.append(assets.shot.id)
            self._views.offer(assets.shot, assets.change)
            if assets.surroundings is not None and not self._skies & self._wishes.keys():
                self._remember(assets.surroundings, "sky", request)
                self._appearance.offer_sky(assets.surroundings, another)
        for surface, asset in assets.surfaces.items():
            self._remember(asset, surface, request)
            self._appearance.offer_surface(surface, asset, another)
        for name, output in one.outputs.items():
            spec = output.spec
            if isinstance(spec, HeightfieldOutput):
                heights = tile_heights(output)
                self._mirrored = ((request.epoch, request.revision), heights, spec.metres)
                self._land_by, land = request, True
            elif isinstance(spec, LightOutput):
                bare.append(self._appearance.offer_light(given_light(output), another))
            elif isinstance(spec, FogOutput):
                bare.append(self._appearance.offer_fog(float(output.arrays[""].ravel()[0]), another))
            elif isinstance(spec, SplatsOutput):
                light = None if self._look is None else self._look.light
                which = list(assets.splats).index(name)
                self._clouds.offer(request, which, assets.splats[name], spec, wish.variants, light)
                uploads.append(assets.splats[name].id)
            elif isinstance(spec, PanoramaDepthOutput) and assets.sky is None:
                self.notes[name] = (
                    f"{request.generator} makes '{name}' (panorama_depth) without a panorama; "
                    "make both in one call"
                )
        for name, made in assets.things.items():
            things = things or not isinstance(made, Placing)
            uploads += [made.id] if isinstance(made, Mesh) else []
            self._swaps.put(Swap(request, name, made, wish.variants))
        self._arrivals.took(request, uploads, bare, things=things, land=land)

    def _spread_mirrored(self, place: tuple[float, float]) -> None:
        """Ground from one picture of heights: a window of mirrored copies, made anew when the walker moves on."""
        assert self._mirrored is not None
        key, heights, metres = self._mirrored
        centre = (int(np.floor(place[0] / metres)), int(np.floor(place[1] / metres)))
        self.land.retarget(key, metres)
        if self.land.target == key:
            missing = self.land.missing(place, (0.0, -1.0))
            if missing:
                self.land.offer(key, mirrored(heights, centre), metres, heights.shape[0])

    def _move_origin(self, x: float, z: float, around_m: float) -> None:
        """Keep the drawing origin within a torus of the walker, in whole tori: nothing on the ground shifts."""
        away = max(abs(x - self._origin[0]), abs(z - self._origin[2]))
        if away > around_m:
            self._origin = (round(x / around_m) * around_m, 0.0, round(z / around_m) * around_m)


def _heading(person: Person) -> float:
    """Where the person looks, in the world; on a flat display the head does not turn by itself."""
    return person.yaw_rad + person.head_yaw_rad

"""From results to assets, in the order they came: tiny ones one a frame, all others beside the frame.

A sky of 256 × 512 takes 2 ms, a picture 6, a sky of 1024 × 2048 takes 25: too much beside what else a frame has to
do. numpy lets go of the interpreter lock while it computes, so a thread is enough: what it is at takes half a
millisecond of a frame, or one at p99. And a thread may wait for the rows of a result that is still arriving.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from vrgen.config import World
from vrgen.contract import (
    InstancesOutput,
    MeshOutput,
    PanoramaDepthOutput,
    PanoramaOutput,
    PictureOutput,
    SplatsOutput,
    TextureOutput,
    ViewOutput,
)
from vrgen.messages import Generated, Output
from vrgen.scene.colours import Lost
from vrgen.scene.meshes import mesh_of
from vrgen.scene.pictures import picture_of
from vrgen.scene.props import Placing
from vrgen.scene.sky import sky_of
from vrgen.scene.splats import splats_of
from vrgen.scene.surfaces import surface_of
from vrgen.scene.swaps import Thing
from vrgen.scene.views import Surroundings, shot_of
from vrgen.scene_model import Shot, Sky, Splats, Surface

LARGE = 20_000
"""Numbers in a result from which on it is made beside the frame: with fewer it takes a millisecond at most."""
_WORK: Mapping[type, int] = {SplatsOutput: 20, MeshOutput: 60}
"""What a number counts: packing four thousand splats takes a millisecond or two; normals and levels of detail of
two thousand vertices take three."""
_LEAST: Mapping[type, int] = {PanoramaDepthOutput: LARGE, ViewOutput: LARGE, PictureOutput: LARGE}
"""What an output counts at least. A picture is enlarged, however small it was."""


_Roles = dict[str, dict[str, Output]]
_Dressing = Mapping[str, tuple[Output, ...]]
"""By surface."""


@dataclass(frozen=True, slots=True)
class Assets:
    """What one result became, as far as that takes time."""

    sky: Sky | None = None
    surfaces: Mapping[str, Surface] = field(default_factory=dict)
    splats: Mapping[str, Splats] = field(default_factory=dict)
    """By the output's name."""
    things: Mapping[str, Thing] = field(default_factory=dict)
    """By the output's name."""
    shot: Shot | None = None
    surroundings: Sky | None = None
    """What was seen so far around it."""
    change: float = 1.0
    """Of displayed luminance, at most, by the shot."""


class Workshop:
    """Owner of results that are not assets yet, and of what each surface is made from."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._roles: _Roles = {}
        self._arriving: tuple[Generated, _Roles] | None = None
        """The newest result, if it was not whole when it came, and the roles to go back to if it is lost."""
        self._queue: deque[tuple[Generated, Future[Assets | None] | _Dressing]] = deque()
        self._surroundings = Surroundings()
        """Worked on by one thread: what comes beside another is of the same size."""
        self._beside: ThreadPoolExecutor | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._queue

    def put(self, one: Generated) -> None:
        """A result has come, or is coming; a large one is begun at once.

        What came before it has arrived by now, or is lost (`Generators.poll`).
        """
        if self._arriving is not None and _lost(self._arriving[0]):
            self._roles = self._arriving[1]
        arriving = any(output.arrival is not None for output in one.outputs.values())
        before = {surface: dict(roles) for surface, roles in self._roles.items()}
        self._arriving = (one, before) if arriving else None
        dressing = self._dressing(one)
        if arriving or _size(one) >= LARGE:
            if self._beside is None:
                self._beside = ThreadPoolExecutor(1, "assets")
            self._queue.append((one, self._beside.submit(self._made, one, dressing)))
        else:
            self._queue.append((one, dressing))

    def take(self) -> Iterator[tuple[Generated, Assets]]:
        """What is made by now, oldest first: any number of large ones, and one small one made here.

        One that was lost on its way does not come out.
        """
        while self._queue:
            one, making = self._queue[0]
            if isinstance(making, Future) and not making.done():
                return
            self._queue.popleft()
            assets = making.result() if isinstance(making, Future) else self._made(one, making)
            if assets is not None:
                if self._arriving is not None and self._arriving[0] is one:
                    self._arriving = None  # whole: its memory must not wait for the next result
                yield one, assets
            if not isinstance(making, Future):
                return

    def _dressing(self, one: Generated) -> _Dressing:
        """By surface that this result dresses: the newest texture of each role, whoever made it."""
        dressed: dict[str, tuple[Output, ...]] = {}
        for output in one.outputs.values():
            if isinstance(output.spec, TextureOutput):
                surface = self._world.generators[one.request.generator].surface or output.spec.surface
                roles = self._roles.setdefault(surface, {})
                roles[output.spec.role] = output
                dressed[surface] = tuple(roles.values())
        return dressed

    def _made(self, one: Generated, dressing: _Dressing) -> Assets | None:
        """What a result becomes, once all of it is here; None when it was lost on its way."""
        try:
            depths = [output for output in one.outputs.values() if isinstance(output.spec, PanoramaDepthOutput)]
            skies = [
                sky_of(output, depths[-1] if depths else None)
                for output in one.outputs.values()
                if isinstance(output.spec, PanoramaOutput)
            ]
            surfaces = {surface: surface_of(outputs) for surface, outputs in dressing.items()}
            splats = {
                name: splats_of(output)
                for name, output in one.outputs.items()
                if isinstance(output.spec, SplatsOutput)
            }
            things = {name: thing for name, output in one.outputs.items() if (thing := _thing_of(output))}
            shots = [
                shot_of(output, one.request.inputs, self._world.start)
                for output in one.outputs.values()
                if isinstance(output.spec, ViewOutput)
            ]
            for output in one.outputs.values():  # what the frame makes of it has to be here too
                for array in output.arrays.values():
                    if output.arrival is not None and not output.arrival.wait(array):
                        return None
        except Lost:
            return None
        if not shots:
            return Assets(skies[-1] if skies else None, surfaces, splats, things)
        around, change = self._surroundings.add(shots[-1], one.request.epoch)
        return Assets(skies[-1] if skies else None, surfaces, splats, things, shots[-1], around, change)


def _thing_of(output: Output) -> Thing | None:
    """What stands or hangs; None where it is anything else.

    Raises:
        Lost: it was arriving and will not; while it arrives, this waits.
    """
    spec = output.spec
    if isinstance(spec, PictureOutput):
        return picture_of(output)
    if not isinstance(spec, MeshOutput | InstancesOutput):
        return None
    for array in output.arrays.values():
        if output.arrival is not None and not output.arrival.wait(array):
            raise Lost
    if isinstance(spec, MeshOutput):
        return mesh_of(output)
    return Placing(spec.of, np.array(output.arrays[""], np.float32).reshape(-1, 8))


def _lost(one: Generated) -> bool:
    return any(output.arrival is not None and output.arrival.lost for output in one.outputs.values())


def _size(one: Generated) -> int:
    """Numbers in it, those of splats and depths counted for the work that they are."""
    return sum(
        max(array.size * _WORK.get(type(output.spec), 1), _LEAST.get(type(output.spec), 0))
        for output in one.outputs.values()
        for array in output.arrays.values()
    )

"""From results to assets, in the order they came: small ones one a frame, large ones beside the frame.

A sky of 256 × 512 takes 3 ms, one of 1024 × 2048 takes 60: a frame can spare the first and never the second. numpy
lets go of the interpreter lock while it computes, so a thread is enough.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from vrgen.config import World
from vrgen.contract import PanoramaOutput, TextureOutput
from vrgen.messages import Generated, Output
from vrgen.scene.sky import sky_of
from vrgen.scene.surfaces import surface_of
from vrgen.scene_model import Sky, Surface

LARGE = 1_200_000
"""Numbers in a result from which on it is made beside the frame."""


@dataclass(frozen=True, slots=True)
class Assets:
    """What one result became, as far as that takes time."""

    sky: Sky | None = None
    surfaces: Mapping[str, Surface] = field(default_factory=dict)


class Workshop:
    """Owner of results that are not assets yet, and of what each surface is made from."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._roles: dict[str, dict[str, Output]] = {}
        self._queue: deque[tuple[Generated, Future[Assets] | None]] = deque()
        self._beside: ThreadPoolExecutor | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._queue

    def put(self, one: Generated) -> None:
        """A result has come; a large one is begun at once."""
        self._queue.append((one, self._begun(one) if _size(one) >= LARGE else None))

    def take(self) -> Iterator[tuple[Generated, Assets]]:
        """What is made by now, oldest first: any number of large ones, and one small one made here."""
        while self._queue:
            one, future = self._queue[0]
            if future is not None and not future.done():
                return
            self._queue.popleft()
            if future is None:
                yield one, _made(one, self._dressing(one))
                return
            yield one, future.result()

    def _begun(self, one: Generated) -> Future[Assets]:
        if self._beside is None:
            self._beside = ThreadPoolExecutor(1, "assets")
        return self._beside.submit(_made, one, self._dressing(one))

    def _dressing(self, one: Generated) -> dict[str, tuple[Output, ...]]:
        """By surface that this result dresses: the newest texture of each role, whoever made it."""
        dressed: dict[str, tuple[Output, ...]] = {}
        for output in one.outputs.values():
            if isinstance(output.spec, TextureOutput):
                surface = self._world.generators[one.request.generator].surface or output.spec.surface
                roles = self._roles.setdefault(surface, {})
                roles[output.spec.role] = output
                dressed[surface] = tuple(roles.values())
        return dressed


def _made(one: Generated, dressing: Mapping[str, tuple[Output, ...]]) -> Assets:
    skies = [sky_of(output) for output in one.outputs.values() if isinstance(output.spec, PanoramaOutput)]
    surfaces = {surface: surface_of(outputs) for surface, outputs in dressing.items()}
    return Assets(skies[-1] if skies else None, surfaces)


def _size(one: Generated) -> int:
    return sum(array.size for output in one.outputs.values() for array in output.arrays.values())

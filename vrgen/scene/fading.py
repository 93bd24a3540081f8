"""One thing fading into the next: at most one on its way, the newest waiting behind it."""

from typing import Generic, Protocol, TypeVar

from vrgen.scene_model import Fade


class _Asset(Protocol):
    @property
    def id(self) -> int: ...


A = TypeVar("A", bound=_Asset)
NEW_WORLD_S = 1.6
MORPH_S = 0.4


class Fading(Generic[A]):
    """Owner of one fade's state."""

    def __init__(self, first: A) -> None:
        self._fade: Fade[A] = Fade(first)
        self._pending: tuple[A, float] | None = None
        self._seconds = MORPH_S
        self._plain = True

    @property
    def fade(self) -> Fade[A]:
        return self._fade

    @property
    def waiting(self) -> A | None:
        """What will arrive next: to be uploaded ahead."""
        return self._pending[0] if self._pending else None

    def offer(self, asset: A, another_world: bool, seconds: float | None = None) -> None:
        """A newer one was made; what waited before it is never shown. `seconds`: that its fade is to take."""
        usual_s = NEW_WORLD_S if another_world and not self._plain else MORPH_S
        self._pending = (asset, usual_s if seconds is None else seconds)
        self._plain = False

    def ready(self, resident: frozenset[int]) -> bool:
        """Whether nothing waits that is not on the GPU yet."""
        return self._pending is None or self._pending[0].id in resident

    def ahead(self, resident: frozenset[int], may_begin: bool, dt_s: float) -> Fade[A]:
        """What `advance` would come to."""
        fade, seconds = self._fade, self._seconds
        if self._begins(resident, may_begin):
            assert self._pending is not None
            asset, seconds = self._pending
            fade = Fade(fade.shown, asset)
        if fade.arriving is None:
            return fade
        weight = fade.weight + dt_s / seconds
        return Fade(fade.arriving) if weight >= 1.0 else Fade(fade.shown, fade.arriving, weight)

    def advance(self, resident: frozenset[int], may_begin: bool, dt_s: float) -> Fade[A]:
        """One frame on. A fade begins when its asset is on the GPU."""
        fade = self.ahead(resident, may_begin, dt_s)
        if self._begins(resident, may_begin):
            assert self._pending is not None
            self._seconds, self._pending = self._pending[1], None
        self._fade = fade
        return fade

    def moves(self, resident: frozenset[int], may_begin: bool) -> bool:
        """Whether `advance` would change anything."""
        return self._fade.arriving is not None or self._begins(resident, may_begin)

    def _begins(self, resident: frozenset[int], may_begin: bool) -> bool:
        waits = self._fade.arriving is None and self._pending is not None and may_begin
        return waits and self._pending is not None and self._pending[0].id in resident

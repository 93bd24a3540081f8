"""The named sources of `vrgen dataset --source NAME`: pictures and heights that ordinary packages carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vrgen.training.cutting import Crop
from vrgen.training.dataset import Kind
from vrgen.training.preparing import Candidate


@dataclass(frozen=True)
class Named:
    """A source by name: what it holds, and how it is prepared when nothing else is said."""

    told: str
    kind: Kind
    size: str
    candidates: Callable[[Path | None], Sequence[Candidate]]
    """Given the cache; fetches what is not there."""
    crop: Crop = "center"
    wraps: bool = False


NAMED: dict[str, Named] = {}

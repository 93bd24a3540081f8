"""The named sources of `vrgen dataset --source NAME`: pictures, heights and meshes that ordinary packages
carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vrgen.training import grounds, reliefs, skies, things
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
    stride: int | None = None
    wraps: bool = False
    maps: bool = False
    near_duplicates: bool = False
    """Whether what only looks the same is dropped: not where each was chosen by eye."""


def _skies(cache: Path | None) -> Sequence[Candidate]:
    return skies.candidates(skies.free(), cache)


def _all_skies(cache: Path | None) -> Sequence[Candidate]:
    return skies.candidates((*skies.free(), *skies.SHARE_ALIKE), cache)


NAMED: dict[str, Named] = {
    "skies": Named(
        "23 skies with words, free licences (CC0, CC-BY, zlib); 60 MB to fetch, and 860", "panorama", "256", _skies
    ),
    "all-skies": Named("these and 33 under CC-BY-SA; another 1.4 GB", "panorama", "256", _all_skies),
    "grounds": Named(
        "over 400 photographed grounds that tile, with words and biomes, CC-BY-SA-3.0; 1.4 GB",
        "texture",
        "256",
        grounds.candidates,
        wraps=True,
        near_duplicates=True,
    ),
    "materials": Named(
        "51 of them with normal and roughness, sorted into eight biomes by eye, CC-BY-SA-3.0; 1.4 GB",
        "texture",
        "256",
        grounds.materials,
        wraps=True,
        maps=True,
    ),
    "earth": Named(
        "windows of the earth's land at 5 minutes of arc (ETOPO5, public domain); 28 MB",
        "heightfield",
        "64",
        reliefs.earth,
        crop="grid",
        stride=8,
    ),
    "hills": Named(
        "hills of Tennessee and Sweden at 90 m (USGS and SRTM, public domain); 0.2 MB",
        "heightfield",
        "64",
        reliefs.hills,
        crop="grid",
        stride=12,
    ),
    "things": Named(
        "things of a household that one radius a direction can tell, of 795, CC0 and CC-BY; 120 MB",
        "mesh",
        "",
        things.candidates,
        near_duplicates=True,
    ),
}

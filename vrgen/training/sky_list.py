"""Which pictures the sky generator learns from, and what was seen in each.

Left out after looking: interiors and studios, a second picture of the same sky, skies behind buildings
or trees, space scenes with planets, and everything under a share-alike licence.
"""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[float, float, float]
"""Something before the sky: from and to as fractions of the width, and its top in degrees."""


@dataclass(frozen=True)
class Origin:
    """Who made a picture, in which of `sources.SOURCES` it comes, under which licence."""

    source: str
    author: str
    licence: str


@dataclass(frozen=True)
class Sky:
    """One picture, what to do with it, and where it stands on the sliders.

    `path` ends in `/` or `_` where six faces of a cube share it. What lies below `horizon_deg` all
    round is painted over, and so are the boxes. `level` is the mean radiance it is brought to; `sun`
    (fraction of the width, elevation in degrees, peak radiance) is given where the picture has only
    8 bits and the sun is clipped; `tint` changes the white balance.
    """

    origin: Origin
    path: str
    daylight: float
    clouds: float
    level: float
    horizon_deg: float
    boxes: tuple[Box, ...] = ()
    sun: tuple[float, float, float] | None = None
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def eight_bits(self) -> bool:
        """Whether the highlights are clipped."""
        return self.path[-1] in "_/"


BY3 = "CC-BY-3.0"
HAVEN_NPM = Origin("pmndrs-assets", "Poly Haven", "CC0-1.0")
HAVEN_DEB = Origin("blender-data", "Poly Haven / Greg Zaal", "CC0-1.0")
HUMUS = Origin("online-3d-viewer", "Emil Persson (Humus)", BY3)
ELYVISIONS = Origin("redeclipse-data", "3delyvisions", BY3)
WINDECKER = Origin("redeclipse-data", "Jacob Windecker", BY3)
HIPSHOT = Origin("redeclipse-data", 'Jockum "hipshot" Skoglund', BY3)
LEDIRIS = Origin("redeclipse-data", "LedIris", "Zlib")

SKIES: tuple[Sky, ...] = (
    Sky(HAVEN_NPM, "package/hdri/dawn.exr.js", daylight=0.3, clouds=0.1, level=0.45, horizon_deg=12),
    Sky(
        HAVEN_NPM,
        "package/hdri/night.exr.js",
        daylight=0.0,
        clouds=0.0,
        level=0.08,
        horizon_deg=14,
        boxes=((0.14, 0.23, 22), (0.51, 0.61, 24), (0.8, 0.97, 28)),
        tint=(0.6, 0.85, 1.4),
    ),
    Sky(
        HAVEN_NPM,
        "package/hdri/park.exr.js",
        daylight=0.9,
        clouds=0.1,
        level=0.8,
        horizon_deg=4,
        boxes=((0.16, 0.44, 15), (0.225, 0.245, 26), (0.0, 0.16, 8), (0.68, 1.0, 9)),
    ),
    Sky(HAVEN_NPM, "package/hdri/sky.exr.js", daylight=1.0, clouds=0.75, level=0.8, horizon_deg=1),
    Sky(
        HAVEN_DEB,
        "usr/share/blender/datafiles/studiolights/world/sunrise.exr",
        daylight=0.45,
        clouds=0.0,
        level=0.6,
        horizon_deg=4,
        boxes=((0.0, 0.57, 17), (0.43, 0.51, 25), (0.62, 1.0, 10), (0.77, 0.94, 28)),
    ),
    Sky(
        HAVEN_DEB,
        "usr/share/blender/datafiles/studiolights/world/sunset.exr",
        daylight=0.35,
        clouds=0.0,
        level=0.5,
        horizon_deg=3,
        boxes=((0.0, 0.35, 14), (0.0, 0.22, 30), (0.72, 1.0, 24), (0.84, 1.0, 40)),
    ),
    Sky(
        HAVEN_NPM,
        "package/hdri/venice.exr.js",
        daylight=0.25,
        clouds=0.4,
        level=0.35,
        horizon_deg=5,
        boxes=((0.0, 0.5, 22), (0.92, 1.0, 14)),
    ),
    Sky(
        HAVEN_NPM,
        "package/hdri/city.exr.js",
        daylight=0.6,
        clouds=0.35,
        level=0.6,
        horizon_deg=25,
        boxes=((0.4, 0.52, 56), (0.49, 0.61, 72), (0.66, 0.82, 72), (0.81, 0.98, 46)),
    ),
    Sky(
        HUMUS,
        "package/website/assets/envmaps/citadella/",
        daylight=0.7,
        clouds=0.0,
        level=0.8,
        horizon_deg=4,
        boxes=((0.82, 0.92, 40),),
    ),
    Sky(
        HUMUS,
        "package/website/assets/envmaps/fishermans_bastion/",
        daylight=0.8,
        clouds=0.65,
        level=0.8,
        horizon_deg=12,
        boxes=((0.0, 0.32, 24), (0.04, 0.11, 42), (0.1, 0.3, 36), (0.72, 0.82, 38), (0.78, 1.0, 22)),
    ),
    Sky(HUMUS, "package/website/assets/envmaps/ice_river/", daylight=0.8, clouds=0.25, level=0.8, horizon_deg=11),
    Sky(
        HUMUS,
        "package/website/assets/envmaps/maskonaive/",
        daylight=0.9,
        clouds=0.7,
        level=0.8,
        horizon_deg=12,
        boxes=((0.5, 1.0, 16), (0.5, 0.78, 20), (0.7, 1.0, 26)),
        sun=(0.66, 42, 150),
    ),
    Sky(
        HUMUS,
        "package/website/assets/envmaps/teide/",
        daylight=1.0,
        clouds=0.15,
        level=0.8,
        horizon_deg=11,
        boxes=((0.25, 1.0, 18), (0.33, 0.78, 34)),
        sun=(0.197, 71, 400),
    ),
    Sky(
        ELYVISIONS,
        "usr/share/games/redeclipse/data/elyvisions/dark_",
        daylight=0.5,
        clouds=1.0,
        level=0.4,
        horizon_deg=30,
        boxes=((0.52, 0.85, 46),),
    ),
    Sky(
        ELYVISIONS,
        "usr/share/games/redeclipse/data/elyvisions/sh_",
        daylight=1.0,
        clouds=0.6,
        level=0.8,
        horizon_deg=5,
    ),
    Sky(
        WINDECKER,
        "usr/share/games/redeclipse/data/jwin/altitude_",
        daylight=0.85,
        clouds=0.3,
        level=0.8,
        horizon_deg=2,
        sun=(0.26, 20, 60),
    ),
    Sky(
        HIPSHOT,
        "usr/share/games/redeclipse/data/skyboxes/miramar_",
        daylight=0.75,
        clouds=0.9,
        level=0.7,
        horizon_deg=0,
        sun=(0.35, 55, 60),
    ),
    Sky(
        HIPSHOT,
        "usr/share/games/redeclipse/data/skyboxes/stormydays_",
        daylight=0.4,
        clouds=0.5,
        level=0.5,
        horizon_deg=3,
        sun=(0.37, 22, 60),
    ),
    Sky(
        LEDIRIS,
        "usr/share/games/redeclipse/data/skyboxes/sunsetflat_",
        daylight=0.2,
        clouds=0.55,
        level=0.25,
        horizon_deg=3,
        sun=(0.04, 8, 40),
        tint=(1.0, 0.72, 1.0),
    ),
)

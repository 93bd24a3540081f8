"""The skies of `vrgen dataset --source skies`: what was looked at, what is used, and what each shows in words.

Every sky is brought to one form as in `sky_data`: what stands before it is painted over, below the horizon lies
haze, the sun (drawn anew as a small bright disc) is in the middle column, the mean radiance suits the time of day.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from vrgen.training import cubes, sky_data
from vrgen.training.preparing import Candidate, Found
from vrgen.training.reading import Picture, Unreadable, read_picture
from vrgen.training.resizing import Array, resized
from vrgen.training.sky_list import (
    ELYVISIONS,
    HAVEN_DEB,
    HIPSHOT,
    SKIES,
    Origin,
    Sky,
)
from vrgen.training.sources import SOURCES, unpack

HEIGHT, WIDTH = sky_data.HEIGHT, sky_data.WIDTH
ZIP = "usr/share/games/0ad/mods/public/public.zip"
QUAKE = ("ft", "lf", "bk", "rt", "up", "dn")
ZERO_AD_FACES = {"posz": "front", "posx": "left", "negz": "back", "negx": "right", "posy": "top"}
RED = "usr/share/games/redeclipse/data/"

BY_SA3, BY_SA4 = "CC-BY-SA-3.0", "CC-BY-SA-4.0"
WILDFIRE = Origin("0ad-data", "Wildfire Games (http://www.wildfiregames.com/)", BY_SA3)
SLOCUM = Origin("redeclipse-data", 'Zachery "freezurbern" Slocum', BY_SA4)
MAYHEM = Origin("redeclipse-data", "Mayhem", BY_SA3)
ECLIPSE = Origin("redeclipse-data", "Red Eclipse Team", BY_SA3)


@dataclass(frozen=True)
class Described:
    """A sky and what a person would type to get it."""

    sky: Sky
    text: str
    group: str = ""
    """Skies with the same clouds."""


WORDS = {
    "dawn.exr.js": "dawn over dark hills, pink and violet first light on the horizon",
    "night.exr.js": "clear starry night, faint glow low on the horizon",
    "park.exr.js": "clear blue sky, low sun, calm summer afternoon",
    "sky.exr.js": "white clouds over a calm sea, sun high, blue day",
    "world/sunrise.exr": "clear golden sunrise, low bright sun over misty meadows",
    "world/sunset.exr": "calm pale orange sunset over the sea, clear",
    "venice.exr.js": "blue dusk with thin clouds after sunset",
    "city.exr.js": "grey overcast afternoon, flat light",
    "citadella/": "hazy bright sky, white summer haze, cloudless",
    "fishermans_bastion/": "fair day, scattered white clouds in a pale blue sky",
    "ice_river/": "cold clear winter sky, pale blue over ice, halo round the low sun",
    "maskonaive/": "mountain sky, deep blue with torn bright clouds and sun",
    "teide/": "high altitude deep blue sky, fierce sun, desert day",
    "elyvisions/dark_": "dark storm clouds, black threatening thunderstorm",
    "elyvisions/sh_": "blue sky with many small white fluffy clouds, cheerful",
    "jwin/altitude_": "bright blue and white sky above the clouds",
    "skyboxes/miramar_": "towering blue-white cumulus clouds around the horizon",
    "skyboxes/stormydays_": "golden sunlight breaking over grey storm clouds",
    "skyboxes/sunsetflat_": "deep red and orange sunset glow, dark evening",
}
"""For the skies of `sky_list`, by the end of their path."""

MORE: tuple[Described, ...] = (
    Described(
        Sky(HAVEN_DEB, "usr/share/blender/datafiles/studiolights/world/night.exr", 0.0, 0.0, 0.07, 20),
        "violet starry night, distant lights",
    ),
    Described(
        Sky(ELYVISIONS, f"{RED}elyvisions/hot_", 0.1, 0.5, 0.12, 21),
        "volcanic night, red burning sky with embers",
    ),
    Described(
        Sky(ELYVISIONS, f"{RED}elyvisions/rainbow_", 0.95, 0.4, 0.8, 12),
        "blue sky with white clouds and a pale bright horizon",
    ),
    Described(
        Sky(HIPSHOT, f"{RED}skyboxes/interstellar_", 0.6, 0.9, 0.5, 0, sun=(0.35, 55, 40)),
        "alien green sky, luminous emerald clouds",
        group="miramar",
    ),
)
"""Under the same free licences as those of `sky_list`."""


AD = "art/textures/skies/"
SHARE_ALIKE: tuple[Described, ...] = (
    Described(
        Sky(WILDFIRE, f"{AD}cirrus/", 0.95, 0.6, 0.8, 1, sun=(0.71, 24, 200)),
        "sunny day, bright blue sky with feathery cirrus clouds",
    ),
    Described(
        Sky(WILDFIRE, f"{AD}cloudless/", 1.0, 0.0, 0.9, 1, sun=(0.74, 55, 400)),
        "clear cloudless blue sky, bright noon",
    ),
    Described(
        Sky(WILDFIRE, f"{AD}cumulus/", 0.9, 0.8, 0.8, 6), "big white cumulus clouds in a deep blue summer sky"
    ),
    Described(Sky(WILDFIRE, f"{AD}dark/", 0.1, 0.6, 0.13, 3), "dark blue evening, heavy clouds, last light"),
    Described(Sky(WILDFIRE, f"{AD}dark2/", 0.0, 0.9, 0.06, 2), "moonlit night, moon behind dark stormy clouds"),
    Described(
        Sky(WILDFIRE, f"{AD}default/", 0.8, 0.7, 0.8, 1), "soft veiled clouds, bright milky sky, diffuse light"
    ),
    Described(
        Sky(WILDFIRE, f"{AD}desert/", 1.0, 0.3, 0.9, 7, sun=(0.72, 59, 400)),
        "hot desert sky, blue above a pale dusty horizon, small clouds",
        group="sunny",
    ),
    Described(Sky(WILDFIRE, f"{AD}fog/", 0.6, 1.0, 0.6, 1), "thick white fog, mist everywhere"),
    Described(Sky(WILDFIRE, f"{AD}mountainous/", 0.4, 0.4, 0.3, 16), "dramatic grey dusk, wind-torn white clouds"),
    Described(Sky(WILDFIRE, f"{AD}overcast/", 0.5, 1.0, 0.45, 4), "dull overcast grey sky, weak sun behind haze"),
    Described(Sky(WILDFIRE, f"{AD}rain/", 0.5, 1.0, 0.45, 1), "rain clouds, low grey rainy sky"),
    Described(
        Sky(WILDFIRE, f"{AD}stormy/", 0.5, 0.9, 0.4, 3), "stormy sky, dark thunder clouds with gaps of blue"
    ),
    Described(Sky(WILDFIRE, f"{AD}stratus/", 0.8, 0.7, 0.7, 1), "pale blue sky with broad soft stratus clouds"),
    Described(
        Sky(WILDFIRE, f"{AD}stratus_2/", 0.8, 0.6, 0.8, 12, sun=(0.577, 27, 300)),
        "sun bursting with rays through scattered clouds",
    ),
    Described(
        Sky(WILDFIRE, f"{AD}sunny 1/", 1.0, 0.3, 0.9, 8, sun=(0.725, 60, 400)),
        "sunny blue sky with a few white clouds",
        group="sunny",
    ),
    Described(
        Sky(WILDFIRE, f"{AD}sunrise/", 0.5, 0.6, 0.55, 3, sun=(0.66, 16, 60)),
        "morning sunrise behind pale clouds, hazy",
    ),
    Described(
        Sky(WILDFIRE, f"{AD}sunset/", 0.35, 0.8, 0.35, 2, sun=(0.77, 8, 40)),
        "golden orange sunset, burning clouds",
    ),
    Described(Sky(WILDFIRE, f"{AD}sunset 1/", 0.25, 0.6, 0.3, 1), "purple and pink sunset, violet sky"),
    Described(
        Sky(WILDFIRE, f"{AD}sunset 2/", 0.12, 0.7, 0.15, 4), "dark evening, red glowing clouds at last light"
    ),
    Described(Sky(WILDFIRE, f"{AD}twilight/", 0.1, 0.2, 0.12, 2), "deep blue twilight, calm clear night falling"),
    Described(
        Sky(SLOCUM, f"{RED}freezurbern/arid2_", 0.7, 0.2, 0.5, 30), "hazy yellow desert afternoon, low sun in dust"
    ),
    Described(Sky(SLOCUM, f"{RED}freezurbern/arid_", 0.3, 0.0, 0.3, 17), "brown orange dusk over the desert"),
    Described(
        Sky(SLOCUM, f"{RED}freezurbern/divine_", 0.0, 0.6, 0.08, 4),
        "magical violet night, purple nebula and stars",
    ),
    Described(Sky(SLOCUM, f"{RED}freezurbern/harmony_", 0.6, 0.4, 0.5, 1), "pale greenish mist, veiled sun"),
    Described(
        Sky(SLOCUM, f"{RED}freezurbern/tropic_", 0.2, 0.0, 0.2, 2), "calm teal tropical evening, glowing horizon"
    ),
    Described(Sky(SLOCUM, f"{RED}freezurbern/violence_", 0.2, 0.4, 0.2, 27), "purple dusk, dusky mauve alien sky"),
    Described(
        Sky(SLOCUM, f"{RED}freezurbern/wrath_", 0.4, 0.9, 0.35, 0),
        "sepia storm, beams of light breaking through clouds",
    ),
    Described(
        Sky(ECLIPSE, f"{RED}jojo/redcliff_", 0.4, 0.6, 0.3, 13), "brown dusty evening, dust clouds over mesas"
    ),
    Described(
        Sky(MAYHEM, f"{RED}mayhem/afterrain_", 0.6, 0.8, 0.4, 6), "after the rain, torn white clouds on deep blue"
    ),
    Described(
        Sky(MAYHEM, f"{RED}mayhem/grouse_", 0.3, 0.8, 0.3, 12), "evening, clouds lit orange from below, blue hills"
    ),
    Described(Sky(MAYHEM, f"{RED}mayhem/h2s_", 0.4, 0.8, 0.3, 4), "toxic yellow sulphur clouds"),
    Described(Sky(MAYHEM, f"{RED}mayhem/flame_", 0.2, 0.9, 0.2, 16), "black and grey volcanic ash clouds, smoke"),
    Described(
        Sky(ECLIPSE, f"{RED}skyboxes/yellow_", 0.7, 0.3, 0.5, 12), "orange sand storm, sand-filled sky, weak sun"
    ),
)

EXCLUDED: dict[str, str] = {
    "pmndrs-assets: apartment, bridge, esplanade, hall, lab, lobby, studio, warehouse, workshop": "interiors",
    "pmndrs-assets: forest": "a wood with little sky",
    "pmndrs-assets: sunrise, sunset": "shown by blender-data's sunrise and sunset",
    "blender-data: city": "shown by pmndrs-assets' city",
    "blender-data: courtyard, forest": "roofs and trees with little sky",
    "blender-data: interior, studio": "interiors",
    "online-3d-viewer: park": "all bare trees",
    "redeclipse-data: elyvisions/arch3, cave3, tron": "ruins, a cave and a grid",
    "redeclipse-data: elyvisions/skyast, skyhsky, skype, sp2, sp3, jwin/space*, ulukai/*, unnamed/*": "space",
    "redeclipse-data: freezurbern/barren, jojo/city": "behind mountains and towers",
    "redeclipse-data: mayhem/prehistoric, scorched, shattered, trough": "behind mountains",
    "redeclipse-data: freezurbern/kenon, skyboxes/clouds*, gradient, grey, skylump*, stars": "patterns and layers",
    "redeclipse-data: skyboxes/skyhigh": "lit from below the horizon",
    "redeclipse-data: mayhem/aqua*": "under water",
    "0ad-data: sunny": "the clouds of 'sunny 1' in half the size",
}
"""Looked at and left out, with the reason. Marks below the horizon (cumulus, 'sunset 2') are painted over."""


def free() -> tuple[Described, ...]:
    """Under CC0, CC-BY and zlib."""
    told = tuple(
        Described(sky, next(words for end, words in WORDS.items() if sky.path.endswith(end))) for sky in SKIES
    )
    return (*told, *MORE)


def candidates(described: Sequence[Described], cache: Path | None) -> list[Candidate]:
    """The named skies, for a dataset of panoramas."""
    folders = {
        source: unpack(
            source, sorted(set(_members(s.sky for s in described if s.sky.origin.source == source))), cache
        )
        for source in sorted({s.sky.origin.source for s in described})
    }
    return [
        Candidate(
            file=each.sky.path.rstrip("_/"),
            read=partial(_read, each.sky, folders[each.sky.origin.source]),
            source=f"{SOURCES[each.sky.origin.source]} ({each.sky.origin.author})",
            licence=each.sky.origin.licence,
            text=each.text,
            group=each.group,
        )
        for each in described
    ]


def _members(skies: Iterable[Sky]) -> list[str]:
    return [ZIP if sky.origin.source == "0ad-data" else sky.path + "*" * (sky.path[-1] in "_/") for sky in skies]


def _read(sky: Sky, folder: Path) -> Found:
    """The sky as a panorama (HEIGHT, WIDTH, 3) of radiance, and the digest of its file or faces."""
    light, sha256 = _faces(sky, folder) if sky.eight_bits else _exr(folder / sky.path)
    if sky.eight_bits:
        # Eight bits clip what is bright: give the highlights some of their range back.
        brightest = light.max(-1, keepdims=True)
        light = light * (1 + 2 * np.clip((brightest - 0.7) / 0.3, 0, 1) ** 2)
    if sky.tint != (1.0, 1.0, 1.0):
        muted = 0.75 * light + 0.25 * light.mean(-1, keepdims=True)
        light = muted * np.array(sky.tint, np.float32)
    whole, sun = sky_data.without_sun(sky_data.repainted(light, sky), sky)
    whole[HEIGHT // 2 :] = _haze(whole[HEIGHT // 2 - 3 : HEIGHT // 2].mean(0))
    if sun.peak > 0:
        towards = np.array([0, np.sin(sun.elevation_rad), -np.cos(sun.elevation_rad)], np.float32)
        angle = np.arccos(np.clip(cubes.directions(HEIGHT, WIDTH) @ towards, -1, 1))
        disc = np.exp(-0.5 * (angle / sky_data.SUN_SIGMA_RAD) ** 2)[..., None]
        whole[: HEIGHT // 2] += (sun.peak * disc * np.array(sun.colour, np.float32))[: HEIGHT // 2]
    return Found(sha256, Picture(np.ascontiguousarray(whole, np.float32), hdr=True))


def _haze(horizon: Array) -> Array:
    """(HEIGHT // 2, WIDTH, 3): the horizon's colours, ever wider and towards their mean, half as bright below."""
    rows = []
    for row in range(HEIGHT // 2):
        down = row / (HEIGHT // 2)
        wide = gaussian_filter1d(horizon, 2 + 60 * down, axis=0, mode="wrap")
        even = min(1.0, 2 * down)
        rows.append(((1 - even) * wide + even * horizon.mean(0)) * (1 - 0.5 * down))
    return np.stack(rows).astype(np.float32)


def _exr(path: Path) -> tuple[Array, str]:
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if path.suffix == ".js":
        encoded = re.search(rb"base64,([A-Za-z0-9+/=]+)", content)
        if encoded is None:
            raise Unreadable("holds no base64 data")
        content = base64.b64decode(encoded[1])
    light = read_picture(content, ".exr").light
    # The compression leaves zeros beside the sun and the stars.
    bad = (light <= 0).any(-1)
    light[bad] = median_filter(light, size=(5, 5, 1), mode="wrap")[bad]
    return resized(light, HEIGHT, WIDTH, "area", wraps=(False, True)), sha256


def _faces(sky: Sky, folder: Path) -> tuple[Array, str]:
    """The panorama of a cube, and the digest of its faces one after the other."""
    digest = hashlib.sha256()

    def face(content: bytes, suffix: str) -> Array:
        digest.update(content)
        return read_picture(content, suffix, on_white=False).light

    if sky.origin.source == "0ad-data":
        with zipfile.ZipFile(folder / ZIP) as public:
            names = {
                Path(name).name.split(".")[0]: name for name in public.namelist() if name.startswith(sky.path)
            }
            faces = {ours: face(public.read(names[theirs]), ".dds") for ours, theirs in ZERO_AD_FACES.items()}
        # There is no picture below, and what would be seen of it is painted over.
        faces["negy"] = np.broadcast_to(faces["posz"][-1].mean(0), faces["posy"].shape).copy()
    elif sky.path.endswith("/"):
        faces = {name: face((folder / f"{sky.path}{name}.jpg").read_bytes(), ".jpg") for name in cubes.GL_FACES}
    else:
        suffix = ".png" if (folder / f"{sky.path}ft.png").exists() else ".jpg"
        faces = cubes.of_quake(
            {name: face((folder / f"{sky.path}{name}{suffix}").read_bytes(), suffix) for name in QUAKE}
        )
    return cubes.panorama(faces, HEIGHT), digest.hexdigest()

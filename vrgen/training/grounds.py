"""The grounds of `vrgen dataset --source grounds`: 0 A.D.'s photographed terrain that tiles, its names as words.

CC-BY-SA 3.0, Wildfire Games; what is trained on it carries that licence.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from vrgen.training import materials_data
from vrgen.training.folders import words
from vrgen.training.materials_data import BIOMES as BY_EYE
from vrgen.training.materials_data import STEEPER
from vrgen.training.preparing import Candidate, Found
from vrgen.training.reading import Material, Unreadable, read_picture
from vrgen.training.resizing import linear_from_srgb
from vrgen.training.skies import BY_SA3, WILDFIRE, ZIP
from vrgen.training.sources import SOURCES, unpack

ROUGHEST, GLOSS = 0.95, 0.6
TYPES = "art/textures/terrain/types/"
MAPS = ("_norm.", "_spec.", "_norm_no_parallax.")

NOT_GROUND: tuple[tuple[str, str], ...] = (
    (r"pav(ing|ement)|tile|city|plaza", "paved"),
    (r"road|path", "a road"),
    (r"farmland|furrows|corral", "a field"),
    (r"bridge", "planks"),
    (r"sea_|ocean|underwater|coral|^water|depths|weed", "under water"),
    (r"lavatest|lavahard|dirttests|1024test", "a test"),
    (
        r"^(blackness|whiteness|blue|brown|gray|green|light blue|neon green|purple|red|yellow|grid_\w+)$",
        "one colour",
    ),
    (r"cave_walls", "a wall"),
)
"""Which names are left out (searched in them), and as what."""

EXCLUDED = {
    "cliff volcanic ground": "glowing lava",
    "temp_grass_1": "grass in false colours",
    "temp_grass_2": "grass in false colours",
}
"""Looked at and left out by name, with what they show."""

BIOMES: tuple[tuple[str, str], ...] = (
    ("snow", r"snow|polar_ice|^ice|ice_|glacial|polar_tundra"),
    ("rock", r"cliff|rock_metamorphic|mountainside|fissures|granite"),
    ("forest", r"forr?est"),
    ("sand", r"sand|dune|beach|sahara$"),
    ("mud", r"mud|swamp|bog|peat|clay|riparian|lakebed|wash"),
    ("grass", r"grass|highlands|tundra"),
    ("plants", r"plants|shrubs|flora|scrub"),
    ("gravel", r"rocks|stones|stoney|pebbles|gravel|rough$"),
    ("dirt", r"dirt|soil|desert"),
)
"""A ground's label is the first whose words are in its name."""

SPELLED = {
    "temp": "temperate",
    "medit": "mediterranean",
    "aut": "autumn",
    "forestfloor": "forest floor",
    "forrestfloor": "forest floor",
    "dirta": "dirt",
    "dirtc": "dirt",
    "dirtd": "dirt",
    "dirte": "dirt",
    "wetseason": "green in the wet season",
    "mod": "",
    "mk": "",
    "new": "",
    "stan": "",
    "pers": "persia",
    "wavey": "wavy",
    "stoney": "stony",
    "dover": "white chalk",
    "sudd": "swamp",
}


def candidates(cache: Path | None) -> Sequence[Candidate]:
    """Every natural ground, for a dataset of textures; fetches 1.4 GB when it is not there."""
    archive = unpack("0ad-data", [ZIP], cache) / ZIP
    with zipfile.ZipFile(archive) as public:
        entries = {info.filename: info for info in public.infolist() if info.filename.startswith(TYPES)}
    found = []
    for member in sorted(name for name in entries if name.endswith(".dds")):
        name = member.removeprefix(TYPES).split(".")[0]
        if any(mark in member for mark in MAPS) or why_not(name):
            continue
        found.append(
            Candidate(
                file=member,
                read=partial(_read, archive, entries[member]),
                source=f"{SOURCES['0ad-data']} ({WILDFIRE.author})",
                licence=BY_SA3,
                label=label(name),
                text=described(name),
                # Recoloured siblings and parts of one series: sand_d, sand_dunes; temp_grass_b, temp_grass_b_aut.
                group=re.sub(r"(_red|_aut|_wet|_snow|_wetseason|_plants|_\d+|_[a-f])+$", "", name),
            )
        )
    return found


def materials(cache: Path | None) -> Sequence[Candidate]:
    """The grounds that have normal and gloss maps of their own, sorted into biomes by eye (`materials_data`)."""
    archive = unpack("0ad-data", [ZIP], cache) / ZIP
    found = []
    for biome, entries in BY_EYE.items():
        for entry in entries:
            name = entry.partition(" < ")[0]
            said = described(name)
            found.append(
                Candidate(
                    file=f"{TYPES}{entry}",
                    read=partial(_material, archive, entry),
                    source=f"{SOURCES['0ad-data']} ({WILDFIRE.author})",
                    licence=BY_SA3,
                    label=biome,
                    text=said if biome in said else f"{biome}, {said}",
                    group=entry.rpartition(" < ")[2],
                )
            )
    return found


def _material(archive: Path, entry: str) -> Found:
    name, _, sibling = entry.partition(" < ")
    maps = sibling or name
    with zipfile.ZipFile(archive) as public:
        members = set(public.namelist())
        colour = materials_data.read(public, members, name)
        normal = materials_data.read(public, members, f"{maps}_norm")
        gloss = materials_data.read(public, members, f"{maps}_spec")
    digest = hashlib.sha256()
    for part in (colour, normal, gloss):
        digest.update(part.tobytes())
    tilt = materials_data.slopes(normal) * STEEPER.get(name, 1.0)
    outwards = np.concatenate([tilt, np.ones_like(tilt[..., :1])], -1)
    outwards /= np.linalg.norm(outwards, axis=-1, keepdims=True)
    # The game's maps are strengths of gloss: this is an estimate, not a measurement.
    roughness = np.clip(ROUGHEST - GLOSS * gloss.mean(-1, keepdims=True), 0, 1)
    light = linear_from_srgb(materials_data.levelled(colour))
    return Found(digest.hexdigest(), Material(light, outwards.astype(np.float32), roughness.astype(np.float32)))


def why_not(name: str) -> str | None:
    """What a texture shows, where that is no natural ground."""
    if name in EXCLUDED:
        return EXCLUDED[name]
    return next((why for pattern, why in NOT_GROUND if re.search(pattern, name.lower())), None)


def label(name: str) -> str:
    """The biome of a ground's name."""
    return next((biome for biome, pattern in BIOMES if re.search(pattern, name.lower())), "dirt")


def described(name: str) -> str:
    """A ground's name as a person would say it: `temp_grass_b_aut` is "temperate grass autumn"."""
    said = [SPELLED.get(word, word) for word in words(name).split()]
    return " ".join(word for word in said if word)


def _read(archive: Path, entry: zipfile.ZipInfo) -> Found:
    content = _member(archive, entry)
    # Alpha holds where the ground is blended, or gloss.
    return Found(hashlib.sha256(content).hexdigest(), read_picture(content, ".dds", on_white=False))


def _member(archive: Path, entry: zipfile.ZipInfo) -> bytes:
    """One member of a zip file whose directory, of 36 000 entries, is not read again (APPNOTE 6.3, 4.3.7)."""
    with archive.open("rb") as file:
        file.seek(entry.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
        file.seek(name + extra, 1)
        stored = file.read(entry.compress_size)
    content = stored if entry.compress_type == zipfile.ZIP_STORED else zlib.decompress(stored, -zlib.MAX_WBITS)
    if zlib.crc32(content) != entry.CRC:
        raise Unreadable("is damaged in the archive")
    return content

"""What words of places, times and weather mean: the targets that the prompt heads learn.

The targets are opinions, written down here and nowhere else. Each concept lists words to learn from and `held`
ones that no training phrase has; they are what the accuracy is measured with.

Settings, each in [0, 1] unless said otherwise: daylight and clouds are the sky's sliders; mist, how near the haze;
dark, how far the light has gone (1: 1/3600 is left); warmth in [-1, 1], from blue to golden light; grey, how far
the sky has lost its colour; relief, roughness and flatness are the land's and the rocks' sliders; red, green and
blue in [-1, 1], how much a ground is tinted (1: 3.7 times as bright).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

GROUNDS = ("grass", "forest", "desert", "savanna", "rock", "gravel", "mud", "snow")
"""In the order of the materials' labels."""
SIGNED = ("warmth", "red", "green", "blue")
SETTINGS: Mapping[str, float] = {
    "daylight": 0.85,
    "clouds": 0.35,
    "mist": 0.0,
    "dark": 0.0,
    "warmth": 0.0,
    "grey": 0.0,
    "relief": 0.7,
    "roughness": 0.4,
    "flatness": 0.5,
    "red": 0.0,
    "green": 0.0,
    "blue": 0.0,
}
"""Every setting, and where it stands when a phrase does not speak of it."""


@dataclass(frozen=True)
class Concept:
    """One meaning. `ground`: which material; `sets`: what it says; `implies`: what goes with it, if nothing else
    speaks of it."""

    words: tuple[str, ...]
    held: tuple[str, ...]
    sets: Mapping[str, float] = field(default_factory=dict)
    implies: Mapping[str, float] = field(default_factory=dict)
    ground: str = ""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


def _of(
    words: str, held: str, implies: Mapping[str, float] | None = None, ground: str = "", **sets: float
) -> Concept:
    return Concept(_listed(words), _listed(held), sets, implies or {}, ground)


PLACES = (
    _of(
        "meadow, grassland, green hills, pasture, lawn, field of grass, alpine meadow, green valley, green field",
        "prairie, grassy hillside, cow pasture",
        {"clouds": 0.25, "roughness": 0.2, "relief": 0.6},
        "grass",
    ),
    _of(
        "pine forest, forest, woods, woodland, forest floor, autumn forest, oak forest, "
        "leaf litter, grove, jungle",
        "spruce woods, beech forest, wooded hills, fir forest",
        {"relief": 0.7},
        "forest",
    ),
    _of(
        "desert, sandy desert, dunes, sand dunes, sandy plain, badlands, Sahara, sea of sand, wadi",
        "sandy waste, arid desert, erg",
        {"clouds": 0.08, "warmth": 0.25, "mist": 0.05, "relief": 0.65},
        "desert",
    ),
    _of(
        "savanna, dry grassland, steppe, African plain, bush, yellow grassland, Serengeti, "
        "dry plain with yellow grass",
        "savannah, veld, parched grassland",
        {"clouds": 0.15, "warmth": 0.2, "relief": 0.4, "red": 0.1},
        "savanna",
    ),
    _of(
        "rock, bare rock, cliffs, crags, rocky mountains, stone plateau, granite, rocky ridge, "
        "rocky land, bedrock",
        "rocky highland, stony crags, boulder field",
        {"relief": 0.9, "roughness": 0.8},
        "rock",
    ),
    _of(
        "volcanic rock, lava field, black lava, basalt plain, volcano, volcanic land, cooled lava",
        "basalt, volcanic plateau",
        {"relief": 0.9, "roughness": 0.85},
        "rock",
        red=-0.85,
        green=-0.9,
        blue=-0.85,
    ),
    _of(
        "gravel, gravel plain, pebbles, stony plain, shingle beach, scree, moraine, gravel bed, cobbles",
        "pebble beach, gravel flats, shingle",
        {"relief": 0.35, "roughness": 0.4, "flatness": 0.7},
        "gravel",
    ),
    _of(
        "mud, moor, swamp, bog, marsh, wetland, muddy plain, peat bog, mire, muddy field",
        "fen, muddy flats, quagmire",
        {"relief": 0.2, "roughness": 0.3, "clouds": 0.7, "grey": 0.3},
        "mud",
    ),
    _of(
        "snow, snowfield, snowfields, snowy plain, snow-covered hills, arctic, ice field, glacier, "
        "deep snow, tundra in winter",
        "snowy mountains, frozen tundra, ice sheet",
        {"warmth": -0.15, "relief": 0.75, "roughness": 0.3},
        "snow",
    ),
)
TIMES = (
    _of(
        "at night, at midnight, by moonlight, moonlit, under the stars, in the dark, "
        "in the middle of the night, on a starry night",
        "after midnight, under the moon, in the dead of night",
        daylight=0.0, clouds=0.05, dark=1.0, warmth=-0.7, grey=0.2,
    ),
    _of(
        "at dawn, at daybreak, at first light, before sunrise, in the early morning",
        "at the break of day, early in the morning",
        {"mist": 0.25},
        daylight=0.3, dark=0.3, warmth=0.15, clouds=0.1,
    ),
    _of(
        "at sunrise, as the sun rises, in the light of the rising sun",
        "when the sun comes up",
        daylight=0.42, dark=0.12, warmth=0.55, clouds=0.1,
    ),
    _of(
        "in the morning, on a bright morning, at midday, in the afternoon, in daylight, by day",
        "in the forenoon, during the day",
        daylight=0.85, dark=0.0, warmth=0.05,
    ),
    _of(
        "at noon, under a hard noon sun, under a blazing sun, in the midday heat, "
        "under the scorching sun, in the glaring sun",
        "under a merciless sun, at high noon",
        daylight=1.0, dark=0.0, warmth=0.2, clouds=0.1, mist=0.0, grey=0.0,
    ),
    _of(
        "at sunset, at golden hour, in the evening sun, in golden light, as the sun sets, "
        "under a low golden sun",
        "at sundown, in the last sunlight, in the glow of the evening",
        daylight=0.36, dark=0.25, warmth=1.0, clouds=0.05,
    ),
    _of(
        "at dusk, at twilight, at nightfall, after sunset, in the blue hour, in the gloaming",
        "in the half-light of evening, as night falls",
        daylight=0.2, dark=0.6, warmth=0.1, clouds=0.45,
    ),
)  # fmt: skip
WEATHERS = (
    _of(
        "on a clear day, under a blue sky, under a cloudless sky, sunny, on a sunny day, "
        "in bright sunshine, in fine weather",
        "in brilliant sunshine, under a clear sky",
        clouds=0.08, mist=0.0, grey=0.0, daylight=0.9,
    ),
    _of(
        "under white clouds, under scattered clouds, with a few clouds, partly cloudy",
        "beneath fluffy clouds",
        clouds=0.5, mist=0.0, grey=0.0,
    ),
    _of(
        "under a grey sky, overcast, under an overcast sky, on a cloudy day, on a dull day, under heavy clouds",
        "under leaden clouds, on a grey day",
        clouds=0.85, grey=0.9, dark=0.2, warmth=-0.1, mist=0.15,
    ),
    _of(
        "in the rain, rainy, in a downpour, in drizzle, on a rainy day, wet, in heavy rain",
        "in a rainstorm, on a wet day",
        clouds=0.95, grey=0.95, dark=0.35, warmth=-0.2, mist=0.45, daylight=0.55,
    ),
    _of(
        "in a storm, stormy, under thunderclouds, in a thunderstorm, under a dark stormy sky",
        "in a tempest, before a thunderstorm",
        clouds=1.0, grey=0.6, dark=0.6, warmth=-0.25, mist=0.2, daylight=0.5,
    ),
    _of(
        "misty, foggy, in the mist, in the fog, in thick fog, shrouded in mist, with morning mist",
        "in dense fog, veiled in mist, fog-bound",
        {"grey": 0.45, "clouds": 0.5},
        mist=0.85,
    ),
    _of(
        "hazy, in a light haze, with haze over the hills",
        "in hazy air",
        mist=0.4,
    ),
    _of(
        "in a snowstorm, in a blizzard, in whirling snow",
        "in driving snow",
        {"relief": 0.6},
        "snow",
        clouds=0.95, grey=0.95, dark=0.15, warmth=-0.2, mist=0.9,
    ),
)  # fmt: skip
COLOURS = (
    _of("red, rust-red, reddish", "crimson", red=0.4, green=-0.6, blue=-0.85),
    _of("black, coal-black, charred", "jet-black", red=-0.85, green=-0.85, blue=-0.8),
    _of("white, pale, bleached", "whitish", red=0.35, green=0.35, blue=0.4),
    _of("golden, yellow, straw-coloured", "amber", red=0.35, green=0.15, blue=-0.5),
    _of("brown, earthy", "umber", red=0.05, green=-0.2, blue=-0.4),
    _of("lush, bright green, emerald", "verdant", red=-0.3, green=0.25, blue=-0.3),
    _of("dark", "sombre", red=-0.5, green=-0.5, blue=-0.5),
)
SHAPES = (
    _of("flat, level, wide open", "even", relief=0.1, roughness=0.2),
    _of("gently rolling, rolling, hilly", "undulating", relief=0.6, roughness=0.2),
    _of("mountainous, steep, high mountains of", "alpine", relief=1.0, roughness=0.7),
    _of("rugged, craggy, rough", "jagged", relief=0.9, roughness=1.0),
)
MOODS = (
    _of("peaceful, calm, serene", "tranquil", {"clouds": 0.2, "relief": 0.4, "warmth": 0.15}, mist=0.05),
    _of("gloomy, bleak, dreary, desolate", "dismal", {"relief": 0.6}, grey=0.8, clouds=0.85, dark=0.4, mist=0.25),
    _of("eerie, ghostly, haunted", "spooky", {"clouds": 0.6}, mist=0.7, dark=0.55, grey=0.5, warmth=-0.3),
    _of("cheerful, joyful, friendly", "happy", {"warmth": 0.2}, clouds=0.15, dark=0.0, grey=0.0, daylight=0.9),
    _of("cold, icy, freezing", "frosty", warmth=-0.4),
    _of("hot, scorching, sweltering", "torrid", {"daylight": 1.0, "clouds": 0.05}, warmth=0.35),
    _of("dreamy, romantic", "wistful", {"daylight": 0.36, "dark": 0.15}, warmth=0.6, mist=0.3),
)

PARAPHRASES: tuple[tuple[str, str, Mapping[str, float]], ...] = (
    ("fog hangs between the pines as day breaks", "forest", {"mist": 0.8, "daylight": 0.3}),
    ("dead leaves under trees, white vapour everywhere", "forest", {"mist": 0.8}),
    ("the sun beats down on endless red sand", "desert", {"daylight": 1.0, "clouds": 0.1, "dark": 0.0}),
    ("Mars", "desert", {"mist": 0.0}),
    ("nothing but snow, and clouds without a gap", "snow", {"clouds": 0.85, "grey": 0.9}),
    ("Antarctica", "snow", {}),
    ("an extinct volcano when the light is going", "rock", {"dark": 0.5, "daylight": 0.25}),
    ("a summer day in the countryside, green as far as one sees", "grass", {"dark": 0.0, "clouds": 0.1}),
    ("the Shire", "grass", {}),
    ("ankle-deep in sludge while it pours", "mud", {"clouds": 0.95, "grey": 0.9}),
    ("lions rest in tall yellow grass, the sun is about to touch the horizon", "savanna", {"warmth": 0.8}),
    ("stones under a full moon", "gravel", {"dark": 1.0, "daylight": 0.0}),
    ("the bed of a dry river, just pebbles, stars above", "gravel", {"dark": 1.0, "daylight": 0.0}),
    ("a walk among naked peaks of granite", "rock", {"relief": 0.9}),
    ("winter, thick flakes, one can't see ten steps", "snow", {"mist": 0.9}),
    ("somewhere in the Gobi", "desert", {}),
    ("a golf course in spring sunshine", "grass", {"clouds": 0.1, "grey": 0.0}),
    ("a gloomy evening on the heath, thunder far away", "mud", {"clouds": 0.9, "dark": 0.6}),
    ("Kenya at the end of the day", "savanna", {"warmth": 0.8}),
    ("a lava flow, frozen and black", "rock", {"red": -0.8}),
)
"""Written by hand after the lists, of other words: (text, ground, settings). Never trained on."""

"""The pictures of a gallery, one a frame: what each is made from follows from the world's seed and its number.

Beyond a liked one hang its neighbours: the draws that would hang there, each brought near to it, and the farther
on the less.
"""

import math
import zlib

import numpy as np

from vrgen.labels import label_value
from vrgen.latent import draw, morphed, towards
from vrgen.messages import InputValue, Series

NEAR_RAD = 0.35
"""How far from a liked latent the next one is; two random ones are π/2 apart."""
WIDENS_RAD = 0.03
"""How much farther each is than the one before."""


def sample(series: Series, slot: int) -> dict[str, InputValue]:
    """What the picture in frame `slot` (0, 1, …) is made from, by input; the same whenever it is asked for."""
    turn = max(
        (turn for turn in series.turns if turn.slot <= slot), key=lambda turn: (turn.slot, turn.draw), default=None
    )
    made: dict[str, InputValue] = {}
    for knob in series.knobs:
        name = zlib.crc32(knob.name.encode())
        rng = np.random.default_rng([series.seed, name, slot, turn.draw if turn is not None else 0])
        liked = turn.values.get(knob.name) if turn is not None else None
        if liked is not None and liked.shape != knob.shape:  # another checkpoint's
            liked = None
        if knob.kind == "label":
            made[knob.name] = label_value(knob, int(rng.integers(len(knob.labels)))) if liked is None else liked
            continue
        latent, at = draw(rng, knob), series.at
        if turn is not None and liked is not None:
            beyond = slot - turn.slot
            start = liked.astype(np.float32)
            angle = min(NEAR_RAD + WIDENS_RAD * (beyond - 1), math.pi / 2)
            latent = towards(knob, start, latent.ravel(), angle) if beyond else start
            at = (at[0] - turn.at[0], at[1] - turn.at[1])
        made[knob.name] = morphed(knob, latent, series.seed, at)
    return made

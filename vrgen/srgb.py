"""What numpy, torch and the shaders share of turning generated numbers into colours, so that all make the same."""

import numpy as np

STEPS = 1023
"""Last of the steps of sRGB that linear light is looked up by."""
FROM_SRGB = np.where(
    np.arange(STEPS + 1) / STEPS <= 0.04045,
    np.arange(STEPS + 1) / STEPS / 12.92,
    ((np.arange(STEPS + 1) / STEPS + 0.055) / 1.055) ** 2.4,
).astype(np.float16)
"""(1024,) linear light of each step."""
BRIGHTEST = 6e4
"""Of radiance: half floats end at 65504."""


def to_steps(between: tuple[float, float], last: int) -> tuple[np.float32, np.float32]:
    """Factor and summand that bring numbers of a range to steps from 0 to `last`, to be cut to whole ones."""
    low, high = between
    scale = last / (high - low)
    return np.float32(scale), np.float32(0.5 - low * scale)

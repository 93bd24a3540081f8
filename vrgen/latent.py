"""Latents: drawing them, and moving them without leaving the region that a generator was trained on.

Almost all of a normal distribution in n dimensions lies near the sphere of radius √n, so a latent of that prior is
kept on it and moved along great circles. Uniform latents, and normal ones of fewer than three numbers (which have
no such sphere to speak of), move straight and are reflected at the borders.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from vrgen.messages import Knob

Latent = npt.NDArray[np.float32]
_Flat = npt.NDArray[np.float64]

UNIFORM = 1.0
"""A uniform latent lies in [-1, 1]."""
NORMAL_BORDER = 3.0
"""Where a normal latent of one or two numbers is reflected."""


def has_shell(knob: Knob) -> bool:
    """Whether this latent lives on the sphere of radius √n."""
    return knob.prior == "normal" and math.prod(knob.shape) >= 3


def draw(rng: np.random.Generator, knob: Knob) -> Latent:
    """A latent of the knob's shape and prior."""
    size = math.prod(knob.shape)
    flat = rng.uniform(-UNIFORM, UNIFORM, size) if knob.prior == "uniform" else rng.standard_normal(size)
    return settle(knob, flat)


def settle(knob: Knob, flat: npt.NDArray[np.floating]) -> Latent:
    """`flat` (n,) brought to where the knob's latents live: onto the shell, or reflected into the borders."""
    if has_shell(knob):
        settled = flat * (math.sqrt(flat.size) / max(float(np.linalg.norm(flat)), 1e-9))
    else:
        border = UNIFORM if knob.prior == "uniform" else NORMAL_BORDER
        settled = border - np.abs((flat + border) % (4 * border) - 2 * border)
    return settled.reshape(knob.shape).astype(np.float32)


def towards(knob: Knob, start: Latent, direction: npt.NDArray[np.floating], amount: float) -> Latent:
    """`start` moved by `amount` (radians on the shell, else standard deviations) along `direction`, (n,)."""
    flat, size = start.astype(np.float64).ravel(), start.size
    if has_shell(knob):
        across = direction - flat * (flat @ direction) / (flat @ flat)
        across *= math.sqrt(size) / max(float(np.linalg.norm(across)), 1e-9)
        return settle(knob, flat * math.cos(amount) + across * math.sin(amount))
    return settle(knob, flat + direction * (amount / max(float(np.std(direction)), 1e-9) if size > 1 else amount))


def morphed(knob: Knob, base: Latent, seed: int, at: tuple[float, float]) -> Latent:
    """`base` displaced by `at` along the two steering directions that `seed` chose.

    The displacement is measured from `base`, so that a drag there and back returns exactly. On the shell the
    directions are orthogonal to each other and to `base`, and the move is the great circle towards their sum.
    """
    amount = math.hypot(*at)
    if amount == 0.0:
        return base
    shell = has_shell(knob)
    first, second = _steering(base.tobytes(), seed, shell)
    if shell:
        return towards(knob, base, at[0] * first + at[1] * second, amount)
    scale = 1 / math.sqrt(3) if knob.prior == "uniform" else 1.0
    return settle(knob, base.astype(np.float64).ravel() + scale * (at[0] * first + at[1] * second))


@lru_cache(maxsize=64)  # while someone steers, every frame asks for the same ones
def _steering(base: bytes, seed: int, shell: bool) -> tuple[_Flat, _Flat]:
    """The two directions, (n,) each, of a float32 latent of n numbers."""
    flat = np.frombuffer(base, np.float32).astype(np.float64)
    first, second = np.random.default_rng([seed, 1]).standard_normal((2, flat.size))
    if shell:
        frame, _ = np.linalg.qr(np.stack([flat, first, second], axis=1))
        first, second = frame[:, 1], frame[:, 2]
    return first, second

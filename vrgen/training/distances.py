"""How far two sets of feature vectors are from each other: (N, D) float64 each.

The formulas are those of published scores; the features are not, so the numbers compare only with each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float64]

NEIGHBOURS = 3


def frechet(one: Features, other: Features) -> float:
    """Fréchet distance of the two normal distributions (Heusel et al. 2017).

    The trace of the root of the covariances' product is the sum of the singular values of the product of the
    centred features: exact, and small where there are fewer pictures than features.
    """
    a, b = one - one.mean(0), other - other.mean(0)
    scale = np.sqrt((len(a) - 1.0) * (len(b) - 1.0))
    joint = np.linalg.svd(_short(a) @ _short(b).T, compute_uv=False).sum() / scale
    spread = (a**2).sum() / (len(a) - 1) + (b**2).sum() / (len(b) - 1)
    return float(max(0.0, ((one.mean(0) - other.mean(0)) ** 2).sum() + spread - 2 * joint))


def _short(centred: Features) -> Features:
    """The same up to a rotation of the rows, which singular values do not see; at most D of them."""
    if len(centred) <= centred.shape[1]:
        return centred
    factors: Any = np.linalg.qr(centred, mode="r")
    return np.asarray(factors, np.float64)


def kernel(one: Features, other: Features) -> float:
    """Squared maximum mean discrepancy with a cubic kernel, unbiased (Bińkowski et al. 2018); may be below 0."""

    def cubic(a: Features, b: Features) -> Features:
        made: Features = (a @ b.T / a.shape[1] + 1.0) ** 3
        return made

    n, m = len(one), len(other)
    within, beside = cubic(one, one), cubic(other, other)
    own = (within.sum() - np.trace(within)) / (n * (n - 1))
    theirs = (beside.sum() - np.trace(beside)) / (m * (m - 1))
    return float(own + theirs - 2 * cubic(one, other).mean())


@dataclass(frozen=True)
class Coverage:
    """precision: the share of what was made that lies among real pictures; recall: of real ones among the made."""

    precision: float
    recall: float


def coverage(real: Features, made: Features) -> Coverage:
    """Precision and recall over balls that reach to the third neighbour (Kynkäänniemi et al. 2019)."""

    def share(points: Features, of: Features) -> float:
        k = min(NEIGHBOURS, len(of) - 1)
        radius = np.sort(apart(of, of), axis=1)[:, k]
        return float((apart(points, of) <= radius).any(1).mean())

    return Coverage(share(made, real), share(real, made))


def diversity(features: Features) -> float:
    """The mean distance of two different pictures."""
    n = len(features)
    return float(apart(features, features).sum() / (n * (n - 1)))


def nearest(features: Features, known: Features) -> npt.NDArray[np.int64]:
    """Which known picture is nearest to each."""
    place: npt.NDArray[np.int64] = apart(features, known).argmin(1)
    return place


def apart(one: Features, other: Features) -> Features:
    """(N, M) distances."""
    square = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    if one is other:
        np.fill_diagonal(square, 0.0)
    made: Features = np.sqrt(np.maximum(square, 0.0))
    return made

"""The upper tail of the negative binomial, to the last digit that matters, in plain Python."""

from __future__ import annotations

from math import exp, lgamma, log, log1p

import numpy as np
import numpy.typing as npt

TINY = 1e-300  # what is rarer than this is said to be as rare as this
_STEPS = 100_000
_ENOUGH = 1e-12


def upper_tail(count: int, mean: float, dispersion: float) -> float:
    """P(X >= count) where X has that mean and the variance mean + dispersion * mean**2.

    Near the Poisson limit (dispersion -> 0) it is the Poisson tail. The sum runs over the shorter side;
    its terms fall at least geometrically beyond the mean, so it ends soon. Result within [1e-300, 1].

    >>> round(upper_tail(1, 0.5, 1.0), 6), round(upper_tail(3, 1.0, 1e-9), 6)
    (0.333333, 0.080301)
    >>> upper_tail(0, 3.0, 0.2), upper_tail(10**9, 1.0, 0.1)
    (1.0, 1e-300)
    """
    if count <= 0:
        return 1.0
    mean = max(mean, 1e-12)
    size = 1.0 / max(dispersion, 1e-7)
    ratio = mean / (size + mean)
    if count <= mean:
        return max(TINY, 1.0 - _below(count, size, ratio, mean))
    log_first = (
        lgamma(count + size)
        - lgamma(size)
        - lgamma(count + 1.0)
        - size * log1p(mean / size)
        + count * log(ratio)
    )
    total = term = 1.0
    for k in range(count, count + _STEPS):
        term *= (k + size) / (k + 1.0) * ratio
        total += term
        if term < total * _ENOUGH:
            break
    return min(1.0, max(TINY, exp(max(log_first + log(total), -700.0))))


def zeros_beside(mean: float, dispersion: float) -> float:
    """Hours of a zero that there are, by expectation, for each hour that is not one: P(0) / P(X > 0).

    An hour without an event is no observation; whoever judges scatter by the others alone sees too much of it.

    >>> round(zeros_beside(0.5, 1e-9), 3), round(zeros_beside(0.5, 1.0), 3), zeros_beside(1e-9, 1.0)
    (1.541, 2.0, 100.0)
    """
    nothing = exp(-log1p(dispersion * mean) / dispersion)
    return min(100.0, nothing / max(1.0 - nothing, 1e-9))


def zeros_beside_many(
    mean: npt.NDArray[np.float64], dispersion: npt.NDArray[np.float64] | float
) -> npt.NDArray[np.float64]:
    """`zeros_beside` of columns."""
    nothing = np.exp(-np.log1p(dispersion * mean) / dispersion)
    beside: npt.NDArray[np.float64] = np.minimum(100.0, nothing / np.maximum(1.0 - nothing, 1e-9))
    return beside


def _below(count: int, size: float, ratio: float, mean: float) -> float:
    """P(X < count), summed from count - 1 downwards."""
    last = count - 1
    log_term = (
        lgamma(last + size)
        - lgamma(size)
        - lgamma(last + 1.0)
        - size * log1p(mean / size)
        + (last * log(ratio) if last else 0.0)
    )
    total = term = 1.0
    for k in range(last, max(0, last - _STEPS), -1):
        term *= k / ((k - 1 + size) * ratio)
        total += term
        if term < total * _ENOUGH:
            break
    return min(1.0, exp(log_term + log(total)))

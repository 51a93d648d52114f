"""How long a sink is left alone after it has failed. Pure: chance is an argument."""

from __future__ import annotations

FIRST_S, LONGEST_S = 1.0, 300.0


def pause_s(failures: int, chance: float, asked_s: float = 0.0) -> float:
    """After so many failures in a row; `chance` (0 to 1) keeps many from coming back at one moment.

    What a receiver asks for itself (Retry-After) is given to it, up to an hour.

    >>> [pause_s(n, 1.0) for n in (1, 2, 3, 50)]
    [1.0, 2.0, 4.0, 300.0]
    >>> pause_s(3, 0.0), pause_s(1, 0.5, asked_s=30.0)
    (2.0, 30.0)
    """
    grown = min(LONGEST_S, FIRST_S * 2.0 ** min(max(failures, 1) - 1, 30))
    return max(grown * (0.5 + chance / 2), min(asked_s, 3_600.0))

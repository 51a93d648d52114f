"""Threat intelligence: Tor exits, anonymous proxies, command and control servers.

Exits and proxies stand in countries where the organisation works, as most real ones do: what gives them
away is the list, not the country.
"""

from __future__ import annotations

from functools import lru_cache

from simulation.places import HOSTING, Place
from simulation.randomness import stream


def _some(seed: int, feed: str, countries: str, count: int) -> tuple[str, ...]:
    places: list[Place] = [HOSTING[country] for country in countries.split()]
    rng = stream(seed, "feed", feed)
    return tuple(places[n % len(places)].address(rng) for n in range(count))


@lru_cache(maxsize=4)
def tor_exits(seed: int) -> tuple[str, ...]:
    """Exit nodes; every second one in Germany."""
    return _some(seed, "tor", "DE NL DE IN", 200)


@lru_cache(maxsize=4)
def proxies(seed: int) -> tuple[str, ...]:
    """Anonymous proxies, in Germany and India."""
    return _some(seed, "proxy", "DE IN", 120)


@lru_cache(maxsize=4)
def command_and_control(seed: int) -> tuple[str, ...]:
    """Servers that malware reports to."""
    return _some(seed, "c2", "NL DE", 60)

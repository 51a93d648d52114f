"""What the tables of who used what say of many people at once: who travels, and where people of several countries meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping

Uses = dict[str, list[int]]  # principal -> [first hour, last hour, the one before the last]

WINDOW_HOURS = 30 * 24
SEVERAL = 3  # people from a country, for whom it counts
TRIP_HOURS = 10 * 24  # from the first act from a country to the last: longer is no visit


def arrivals(vaults: Collection[list[int]], hour: int) -> tuple[int, float]:
    """Of an application's vaults: on how many days it came to new ones, after its first day, and days since that."""
    firsts = [first for first, _, _ in vaults if first <= hour - 24]
    if not firsts:
        return 0, 0.0
    return len({first // 24 for first in firsts}) - 1, (hour - min(firsts)) / 24


def travellers(countries: Collection[Uses], excluding: str, hour: int) -> int:
    """How many were in a country for some days of the last 30, having acted from another one before and since."""
    spans: dict[str, list[tuple[int, int]]] = {}
    visits: list[tuple[str, int, int]] = []
    most = len({name for users in countries for name in users}) / 2
    for users in countries:
        for name, (first, last, _) in users.items():
            spans.setdefault(name, []).append((first, last))
            # Where most people act from is no place to go to: it is home, or a VPN's exit.
            if len(users) <= most and last - first <= TRIP_HOURS and first >= hour - WINDOW_HOURS:
                visits.append((name, first, last))
    return len(
        {
            name
            for name, first, last in visits
            if name != excluding
            and any(begun < first - 24 and last + 24 < until for begun, until in spans[name])
        }
    )


def passing(
    users: Collection[str],
    addresses: Mapping[str, Uses],
    countries: Mapping[str, Uses],
    address: str,
    country_of: Callable[[str], str],
) -> tuple[int, int]:
    """Of those who use an address, how many are at no other one of its country and act from other countries, and how
    many such countries there are with several of them; (0, 0) unless they are most of its users."""
    country = country_of(address)
    left = set(users) if country else set()
    for elsewhere, known in addresses.items():
        if elsewhere != address and not left.isdisjoint(known) and country_of(elsewhere) == country:
            left -= known.keys()
    homes = Counter(
        (name, one) for one, known in countries.items() if one != country for name in left & known.keys()
    )
    people = {name for name, _ in homes}
    if not people or 2 * len(people) < len(users):
        return 0, 0
    from_ = Counter(one for _, one in homes)
    return len(people), sum(number >= SEVERAL for number in from_.values())

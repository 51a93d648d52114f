"""What the tables of who used what say of many people at once: who travels, and where people of several countries meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from heapq import heapify, heapreplace

Uses = dict[str, list[int]]  # principal -> [first hour, last hour, the one before the last]
# A heap of a full table's users by their last hour, as it was when they were pushed.
Oldest = list[tuple[int, str]]

MAX_USERS = 64  # principals remembered of one address or country; more are only counted as 'many'
NEVER = -1

WINDOW_HOURS = 30 * 24
SEVERAL = 3  # people from a country, or at an address, for whom it counts
TRIP_HOURS = 10 * 24  # from the first act from a country to the last: longer is no visit


def use(users: Uses, oldest: Oldest, principal: str, hour: int) -> None:
    """Note that a principal used something. Of too many users the one goes that was seen longest ago, ties by name.

    The heap is empty at first, and the same one's as long as nobody else changes the users: where everybody comes from one
    country, to look through all for each newcomer would be most of an hour's cost.
    """
    known = users.get(principal)
    if known is not None:
        known[1], known[2] = hour, known[1] if known[1] < hour else known[2]
        return
    if len(users) >= MAX_USERS:
        if not oldest:
            oldest.extend((last, name) for name, (_, last, _) in users.items())
            heapify(oldest)
        while (last := users[oldest[0][1]][1]) != oldest[0][0]:
            heapreplace(oldest, (last, oldest[0][1]))  # it was seen again since it was pushed
        del users[heapreplace(oldest, (hour, principal))[1]]
    users[principal] = [hour, hour, NEVER]


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
    many such countries there are with several who are in no third one; (0, 0) unless they are several, and most of its users.

    A VPN has several ways out, and each person goes by one: where that takes it, those of the country are counted together.
    """
    country = country_of(address)
    if not country:
        return 0, 0
    abroad = [known.keys() for one, known in countries.items() if one != country]

    def there(other: str) -> bool:
        return country_of(other) == country

    people = _through({address: users}, addresses, abroad, there)
    if people and _from(people, abroad) <= 1:
        shared = {one: known for one, known in addresses.items() if len(known) >= SEVERAL and there(one)}
        people |= _through(shared, addresses, abroad, there)
    return len(people), _from(people, abroad)


def _through(
    ways: Mapping[str, Collection[str]],
    addresses: Mapping[str, Uses],
    abroad: Sequence[Collection[str]],
    there: Callable[[str], bool],
) -> set[str]:
    """Who comes by one of these addresses alone, and acts from another country; of those of which most users do."""
    names = set[str]().union(*ways.values())
    near = [known for one, known in addresses.items() if not names.isdisjoint(known) and there(one)]
    here = Counter(name for known in near for name in known)
    found = set[str]()
    for users in ways.values():
        people = {name for name in users if here[name] == 1 and any(name in known for known in abroad)}
        if len(people) >= SEVERAL and 2 * len(people) >= len(users):
            found |= people
    return found


def _from(people: Collection[str], abroad: Sequence[Collection[str]]) -> int:
    """From how many countries several of them act who act from no further one: an office's travellers are from none."""
    elsewhere = ([n for n, known in enumerate(abroad) if name in known] for name in people)
    homes = Counter(countries[0] for countries in elsewhere if len(countries) == 1)
    return sum(number >= SEVERAL for number in homes.values())

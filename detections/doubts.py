"""What the whole organisation says against an alert: others act from there too. It is told, and decides nothing."""

from __future__ import annotations

from detections.declare import Finding
from detections.organisation import Organisation

OTHERS = 3  # who must have acted from there for a doubt
MOST_ADDRESSES = 10


def doubts(found: Finding, organisation: Organisation) -> tuple[str, ...]:
    """Of each address the narrowest that several others use: itself, its network, its country.

    An address on a list of threat intelligence has none: that others are in the country of a Tor exit says nothing.
    """
    excluding = found.principals[0] if len(found.principals) == 1 else ""
    said = (
        _of(address, found.last_us, excluding, organisation) for address in found.addresses[:MOST_ADDRESSES]
    )
    return tuple(dict.fromkeys(text for text in said if text))


def _of(address: str, at_us: int, excluding: str, organisation: Organisation) -> str:
    if organisation.indicators(address, at_us):
        return ""
    if (users := organisation.users_of_address(address, excluding)) >= OTHERS:
        return used_by(users, address)
    system, name = organisation.system_of(address)
    if system and (users := organisation.users_of_system(system, excluding)) >= OTHERS:
        return used_by(users, f"the network of {address}, {system}" + (f" ({name})" if name else ""))
    country = organisation.country_of(address)
    if country and (users := organisation.users_of_country(country, excluding)) >= OTHERS:
        return f"{users} others in the organisation acted from {country} in the last 30 days"
    return ""


def used_by(users: int, what: str) -> str:
    """In words.

    >>> used_by(4, "192.0.2.7")
    '4 others in the organisation used 192.0.2.7 in the last 30 days'
    """
    return f"{users} others in the organisation used {what} in the last 30 days"

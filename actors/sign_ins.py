"""Who signed in from where, as far as the organisation-wide view remembers it. Every table is bounded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from detections.sign_ins import SignIn
from ingest.records import HOUR_US

MAX_PRINCIPALS = 100_000  # the longest unused go first
MAX_ADDRESSES = 32  # of one principal; likewise
MAX_ROWS = 8  # of one address: the last ones that are strong, and as many others
KEEP_HOURS = 90 * 24  # a principal, or an address of one, that was not met for so long is forgotten
ROW_HOURS = 48  # and each sign-in but an address's last one, after so many
FAILED_HOURS = 24  # for which it is known how many failed
MAX_DAYS = 400  # on which somebody was active, that are remembered
DAY_US = 24 * HOUR_US


class _Address(msgspec.Struct, array_like=True):
    first_us: int
    rows: list[SignIn]  # in the order of time


class Principal(msgspec.Struct, array_like=True):
    """What is known of one."""

    last_day: int  # on which they were active, since 1970
    days: bytes  # a bit a day, the lowest is the last day's
    addresses: dict[str, _Address]
    failed: dict[str, dict[int, int]] = {}  # sign-ins by address and the hour in which they failed


class SignIns:
    """By principal, in lower case. It knows what has changed since it was last asked."""

    def __init__(self) -> None:
        self._known: dict[str, Principal] = {}
        self._changed: set[str] = set()

    # Learning from closed hours

    def add(self, principal: str, one: SignIn) -> None:
        """Take a sign-in of an hour that is being closed."""
        day = one.at_us // DAY_US
        known = self._known.setdefault(principal, Principal(day, b"", {}))
        if one.active:
            known.last_day, known.days = _with_day(known, day)
        place = known.addresses.setdefault(one.address, _Address(one.at_us, []))
        place.first_us = min(place.first_us, one.at_us)
        place.rows = _kept([*place.rows, one])
        if len(known.addresses) > MAX_ADDRESSES:
            del known.addresses[
                min(known.addresses, key=lambda key: (known.addresses[key].rows[-1].at_us, key))
            ]
        self._changed.add(principal)

    def add_failed(self, principal: str, address: str, hour: int, number: int) -> None:
        """So many failed in an hour that is being closed. Only of those who sign in is it kept: others are guessed names."""
        known = self._known.get(principal)
        if known is None:
            return
        hours = {at: many for at, many in known.failed.get(address, {}).items() if at > hour - FAILED_HOURS}
        hours[hour] = hours.get(hour, 0) + number
        known.failed = {key: some for key, some in known.failed.items() if max(some) > hour - FAILED_HOURS}
        known.failed[address] = hours
        if len(known.failed) > MAX_ADDRESSES:
            del known.failed[min(known.failed, key=lambda key: (max(known.failed[key]), key))]
        self._changed.add(principal)

    def forget(self, hour: int) -> None:
        """Once a day: forget who and what was not met for long."""
        horizon_us = (hour - KEEP_HOURS) * HOUR_US
        for principal, known in self._known.items():
            old = [key for key, place in known.addresses.items() if place.rows[-1].at_us < horizon_us]
            for key in old:
                del known.addresses[key]
            if old:
                self._changed.add(principal)
        by_age = sorted(self._known, key=lambda name: (_last_us(self._known[name]), name))
        over = max(0, len(by_age) - MAX_PRINCIPALS)
        for at, principal in enumerate(by_age):
            if at < over or not self._known[principal].addresses:
                del self._known[principal]
                self._changed.add(principal)

    # Questions

    def of(self, principal: str, address: str) -> tuple[SignIn, ...]:
        """The last sign-ins from an address, in the order of time."""
        place = self._place(principal, address)
        return () if place is None else tuple(place.rows)

    def since(self, principal: str, address: str) -> int | None:
        """The first one from an address."""
        place = self._place(principal, address)
        return None if place is None else place.first_us

    def failed(self, principal: str, address: str, until_us: int) -> int:
        """How many failed from an address in the 24 hours up to a time, by whole hours."""
        known = self._known.get(principal.lower())
        hours = known.failed.get(address, {}) if known is not None else {}
        last = until_us // HOUR_US
        return sum(many for at, many in hours.items() if last - FAILED_HOURS < at <= last)

    def last(self, principal: str, until_us: int) -> SignIn | None:
        """The last one up to a time, from wherever."""
        known = self._known.get(principal.lower())
        rows = (row for place in known.addresses.values() for row in place.rows) if known else ()
        return max((row for row in rows if row.at_us <= until_us), default=None)

    def days(self, principal: str, since_us: int, until_us: int) -> list[int]:
        """The days (since 1970) of sign-ins that lie wholly between two times, rising."""
        known = self._known.get(principal.lower())
        if known is None:
            return []
        mask = int.from_bytes(known.days, "big")
        days = range(-(-since_us // DAY_US), min(until_us // DAY_US, known.last_day + 1))
        return [day for day in days if mask >> (known.last_day - day) & 1]

    def _place(self, principal: str, address: str) -> _Address | None:
        known = self._known.get(principal.lower())
        return None if known is None else known.addresses.get(address)

    # State

    def changes(self) -> list[tuple[str, Principal | None]]:
        """What changed since the last time; None: forgotten."""
        changed, self._changed = sorted(self._changed), set()
        return [(principal, self._known.get(principal)) for principal in changed]

    def mark(self) -> None:
        """All of it is to be among the next changes."""
        self._changed = set(self._known)

    def load(self, saved: Iterable[tuple[str, Principal | None]]) -> None:
        """Take saved changes in, on top of what is known."""
        for principal, known in saved:
            if known is None:
                self._known.pop(principal, None)
            else:
                self._known[principal] = known


def check(saved: Iterable[tuple[str, Principal | None]]) -> None:
    """Raises ValueError for what no such table has written."""
    for _, known in saved:
        if known is None:
            continue
        if not 0 <= known.last_day < 1 << 24 or len(known.days) > MAX_DAYS // 8 + 1:
            raise ValueError("days of sign-ins are out of range")
        if any(not place.rows for place in known.addresses.values()):
            raise ValueError("an address is without sign-ins")


def _last_us(known: Principal) -> int:
    return max((place.rows[-1].at_us for place in known.addresses.values()), default=0)


def _with_day(known: Principal, day: int) -> tuple[int, bytes]:
    """The last day and the days' bits, with one more day."""
    mask, last = int.from_bytes(known.days, "big"), max(known.last_day, day)
    mask = (mask << (last - known.last_day) | 1 << (last - day)) & ((1 << MAX_DAYS) - 1)
    return last, mask.to_bytes(max(1, -(-mask.bit_length() // 8)), "big")


def _kept(rows: list[SignIn]) -> list[SignIn]:
    """The last ones that are strong and the last others, of the hours before the last; in the order of time."""
    rows = sorted(rows)
    recent = [row for row in rows[:-1] if rows[-1].at_us - row.at_us <= ROW_HOURS * HOUR_US]
    strong = [row for row in recent if row.strong][-MAX_ROWS:]
    return sorted([*strong, *[row for row in recent if not row.strong][-MAX_ROWS:], rows[-1]])


def sign_in_of(data: dict[str, Any]) -> SignIn:
    """What a fact says."""
    return SignIn(*data["sign_in"])

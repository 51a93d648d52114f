"""The organisation-wide view that a detection's `confirm` may ask (the aggregator implements it)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from detections.declare import Finding

if TYPE_CHECKING:
    from detections.sign_ins import SignIn


class Indicator(NamedTuple):
    """A threat-intelligence entry that holds for an address at a time."""

    value: str  # address or network, as the feed has it
    category: str  # tor_exit_node, anonymous_proxy, command_and_control
    feed: str  # name of the feed (its file name)


class Organisation(Protocol):
    """All of it as known at the close of the finding's hour, from closed hours only."""

    hour: int  # hours since 1970 of the hour being closed

    def users_of_address(self, address: str, excluding: str = "", before_hours: int = 24) -> int:
        """Other principals that acted from the address, successfully, in the 30 days up to `before_hours` ago."""

    def most_users_of_address(self, address: str, hour: int, excluding: str = "") -> int | None:
        """The most that `users_of_address` can say at the close of an hour that is still open; None: not known."""

    def days_with_address(self, principal: str, address: str) -> float:
        """Days since a principal first acted from an address, successfully; 0: never before today."""

    def users_of_country(self, country: str, excluding: str = "", before_hours: int = 24) -> int:
        """The same for a country."""

    def system_of(self, address: str) -> tuple[str, str]:
        """The autonomous system (its number and its name) that an address is in; '' where that is not known."""

    def users_of_system(self, system: str, excluding: str = "", before_hours: int = 24) -> int:
        """The same for an autonomous system."""

    def travellers(self, excluding: str = "") -> int:
        """Other people who were in a country for some days of the last 30, having acted from another one before and since."""

    def country_last_seen(self, country: str, excluding: str = "") -> int | None:
        """Hour in which someone (else) last acted from the country, before this hour; None: never."""

    def days_with_application(self, principal: str, application: str) -> float:
        """Days since a person first used an application anywhere, and came back to it; 0: never before today."""

    def arrivals(self, principal: str) -> tuple[int, float]:
        """On how many days an application came to vaults that were new to it, after its first day at any, and days since
        that; (0, 0) where it was at none until a day ago."""

    def circle(self, principal: str, vault: str) -> tuple[float, str]:
        """Of the people who use another vault as this one does, the greatest share that uses this vault too,
        and that other vault; (0, '') if there is none."""

    def partners(self, address: str) -> int:
        """Other addresses from which people came to or went from this one faster than anybody travels."""

    def meets(self, address: str) -> tuple[int, int]:
        """Of those who use an address, how many are at no other one of its country and act from other countries, and
        how many such countries there are with several of them who are in no third one; (0, 0) unless they are several, and
        most of its users. Where that is one country at most, those at the country's other such addresses are counted too."""

    def days_known(self, layer: str) -> float:
        """Days of telemetry of a layer up to this hour."""

    def share_at_least(self, baseline: str, count: int) -> float | None:
        """Share of all entity-hours with a nonzero count whose count was at least this; None: too few known."""

    def chance(self, baseline: str, score: float, count: int | None = None) -> float | None:
        """Share of all entity-hours with a nonzero count that were at least so surprising (-log10 of the
        chance that their own entity's model gave them); None: too few known. `count`: of what the same crowd sends to
        all; then it is no less than the share that was rare for whom it belongs to and had as much."""

    def alike(self, baseline: str, score: float) -> tuple[int, int]:
        """How many entities' counts of this hour surprised their model so much, of how many with a count."""

    def risen(self, baseline: str) -> float:
        """How many times as much as usual all entities together count in this hour, those with a finding left out;
        1 where too little is known."""

    def role_definition(self, role: str) -> dict[str, Any] | None:
        """What is known of a custom role that was made lately (30 days): {'principal', 'at_us', 'actions', 'name'}."""

    def country_of(self, address: str) -> str:
        """ISO country of an address, '' if not known."""

    def indicators(self, address: str, at_us: int) -> tuple[Indicator, ...]:
        """Threat-intelligence entries that hold for the address at that time."""

    def typical(self, baseline: str) -> float | None:
        """Mean count of entity-hours that were not zero: 'what is usual for its neighbours'."""

    def sign_ins(self, principal: str, address: str) -> tuple[SignIn, ...]:
        """The principal's last sign-ins from an address, in the order of time; some of them may be after a finding."""

    def signs_in_since(self, principal: str, address: str) -> int | None:
        """When the principal first signed in from the address, as far as is known; None: never."""

    def failed_sign_ins(self, principal: str, address: str, until_us: int) -> int:
        """How many of a principal's sign-ins from an address failed in the 24 hours up to a time."""
        ...

    def last_sign_in(self, principal: str, until_us: int) -> SignIn | None:
        """The principal's last sign-in up to a time that is remembered, from wherever."""

    def sign_in_days(self, principal: str, since_us: int, until_us: int) -> list[int]:
        """The days (since 1970, rising) wholly between two times on which the principal signed in."""

    def settled(self, hour: int) -> bool:
        """Whether nothing is still to come that tells of an hour or of an earlier one."""


class Fact(NamedTuple):
    """What a shard tells the aggregator of an hour, beside findings: it feeds the view above."""

    kind: str  # 'address', 'country', 'vault', 'reached', 'application', 'hop', 'role', 'sign_in' or 'sign_in_failed'
    key: str
    principal: str
    at_us: int
    data: dict[str, Any] | None = None


__all__ = ["Fact", "Finding", "Indicator", "Organisation"]

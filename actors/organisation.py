"""The organisation-wide view: who acted from where, custom roles, and how busy everybody is.

It knows closed hours only, so that what it says does not depend on shards. Every table is bounded.
"""

from __future__ import annotations

from collections.abc import Collection
from operator import itemgetter
from typing import Any

from actors.aggregator_state import LearnedChanges
from actors.gatherings import WINDOW_HOURS, arrivals, passing, travellers
from actors.judged import JudgedDays
from actors.repeats import Repeats
from actors.sign_ins import SignIns, sign_in_of
from actors.spent import Spent
from actors.uses import UseTables
from baselines.population import Population
from baselines.tally import Tally
from detections.catalogue import CATALOGUE
from detections.organisation import Indicator
from detections.sign_ins import SignIn
from ingest.enrich import Enrichment

MAX_ROLES = 10_000

COMMON = frozenset(
    learned.name for detection in CATALOGUE.values() for learned in detection.baselines if learned.common
)


class OrganisationView:
    """What `detections.organisation.Organisation` promises."""

    def __init__(self, enrichment: Enrichment) -> None:
        self.enrichment = enrichment
        self.population = Population()
        self.hour = 0
        self.closing: Collection[int] = ()  # hours that some shards have reported and others not yet
        self.layers_since: dict[str, int] = {}
        self._uses = UseTables()
        self._roles: dict[str, list[Any]] = {}
        self.repeats = Repeats()
        self._sign_ins = SignIns()
        self.judged = JudgedDays()  # where an alert budget is set
        self.spent = Spent()
        self._now = Tally()
        self._changed_roles: set[str] = set()  # since the last checkpoint

    # Learning from closed hours

    def close(self, hour: int, facts: list[tuple[str, str, str, int, dict[str, Any] | None]]) -> None:
        """Take an hour's facts in. They come from several shards: sorted here."""
        new_day, self.hour = hour // 24 != self.hour // 24, hour
        for kind, key, principal, at_us, data in sorted(facts, key=itemgetter(0, 1, 2, 3)):
            if kind == "role":
                self._roles[key] = [principal, at_us, data or {}]
                self._changed_roles.add(key)
            elif kind == "sign_in":
                self._sign_ins.add(principal, sign_in_of(data or {}))
            elif kind == "sign_in_failed":  # sorted behind those that did not
                self._sign_ins.add_failed(principal, key, hour, (data or {}).get("failed", 0))
            else:
                self._uses.learn(kind, key, principal, hour)
                if kind == "address" and (system := self.enrichment.systems.of(key).number):
                    self._uses.learn("system", system, principal, hour)
        self._uses.taken_in()
        if new_day:
            self._forget()

    def watch(self, tally: Tally) -> None:
        """The counts of the hour that is being closed, for its findings to be held against."""
        self._now = tally

    def alike(self, baseline: str, score: float) -> tuple[int, int]:
        """How many entities' counts of this hour surprised their model so much, of how many."""
        return self._now.alike(baseline, score)

    def risen(self, baseline: str) -> float:
        """How many times as much as usual all entities together count in this hour."""
        return self.population.risen(baseline, self._now)

    def close_population(self, hour: int, tally: Tally) -> None:
        """Take an hour's counts in, after its findings were judged."""
        self.population.close(hour, tally, COMMON)

    def _forget(self) -> None:
        self.repeats.forget(self.hour)
        self._sign_ins.forget(self.hour)
        self._uses.forget(self.hour)
        for role in sorted(self._roles, key=lambda role: (self._roles[role][1], role))[:-MAX_ROLES]:
            del self._roles[role]
            self._changed_roles.add(role)

    # Questions

    def users_of_address(self, address: str, excluding: str = "", before_hours: int = 24) -> int:
        """Other principals that acted from the address in 30 days, up to so many hours ago."""
        return self._uses.others("address", address, excluding, before_hours, self.hour)

    def most_users_of_address(self, address: str, hour: int, excluding: str = "") -> int | None:
        """The most that `users_of_address` can say at the close of an hour that is still open; None: not known.

        Whoever is to be counted then acted from there a day before that hour for the first time, or earlier.
        """
        if not self.settled(hour - 24):
            return None
        users = self._uses.of("address", address)
        return sum(first <= hour - 24 for name, (first, _, _) in users.items() if name != excluding.lower())

    def settled(self, hour: int) -> bool:
        """Whether all that shards have told of an hour and of those before it is taken in."""
        return all(waiting > hour for waiting in self.closing)

    def users_of_country(self, country: str, excluding: str = "", before_hours: int = 24) -> int:
        """The same for a country."""
        return self._uses.others("country", country, excluding, before_hours, self.hour)

    def system_of(self, address: str) -> tuple[str, str]:
        """The autonomous system, its number and its name, that an address is in."""
        return self.enrichment.systems.of(address)

    def users_of_system(self, system: str, excluding: str = "", before_hours: int = 24) -> int:
        """The same for an autonomous system."""
        return self._uses.others("system", system, excluding, before_hours, self.hour)

    def travellers(self, excluding: str = "") -> int:
        """Other people who were in a country for some days of the last 30, and in another before and since."""
        return travellers(self._uses["country"].values(), excluding.lower(), self.hour)

    def country_last_seen(self, country: str, excluding: str = "") -> int | None:
        """Hour in which someone (else) last acted from the country, before this hour."""
        hours = [
            last if last < self.hour else before
            for name, (first, last, before) in self._uses.of("country", country).items()
            if name != excluding.lower() and first < self.hour
        ]
        return max(hours, default=None)

    def days_with_application(self, principal: str, application: str) -> float:
        """Days since a person first used an application anywhere; 0: never before today."""
        return self._uses.days("application", principal.lower(), application, self.hour)

    def days_with_address(self, principal: str, address: str) -> float:
        """Days since a principal first acted from an address; 0: never before today."""
        return self._uses.days("address", address, principal.lower(), self.hour)

    def arrivals(self, principal: str) -> tuple[int, float]:
        """On how many days an application came to vaults that were new to it, after its first, and days since that."""
        return arrivals(self._uses.of("reached", principal.lower()).values(), self.hour)

    def circle(self, principal: str, vault: str) -> tuple[float, str]:
        """Of those who use another vault as this person does, the greatest share that uses this one too."""
        here = self._uses.lately("vault", vault.lower(), self.hour) - {principal.lower()}
        best = (0.0, "")
        for other in sorted(self._uses["vault"]):
            users = self._uses.lately("vault", other, self.hour)
            if other == vault.lower() or principal.lower() not in users:
                continue
            both = len(users & here)
            # One more who does not: a circle of two is not one.
            best = max(best, (both / len(users), other)) if both > 1 else best
        return best

    def partners(self, address: str) -> int:
        """Addresses joined to this one by moves that nobody can make."""
        return len(self._uses.lately("hop", address, self.hour))

    def meets(self, address: str) -> tuple[int, int]:
        """Who uses an address and no other of its country, but other countries; and how many those are."""
        users, uses = self._uses.lately("address", address, self.hour), self._uses
        return passing(users, uses["address"], uses["country"], address, self.country_of)

    def days_known(self, layer: str) -> float:
        """Days of telemetry of a layer."""
        since = self.layers_since.get(layer)
        return 0.0 if since is None else max(0.0, self.hour / 24 - since / 86_400_000_000)

    def share_at_least(self, baseline: str, count: int) -> float | None:
        """Share of entity-hours (not zero) with at least this count."""
        return self.population.share_at_least(baseline, count)

    def chance(self, baseline: str, score: float, count: int | None = None) -> float | None:
        """Share of entity-hours (not zero) that were at least so surprising to their own entity's model."""
        return self.population.chance(baseline, score, count)

    def typical(self, baseline: str) -> float | None:
        """Mean count of entity-hours that were not zero."""
        return self.population.typical(baseline)

    def sign_ins(self, principal: str, address: str) -> tuple[SignIn, ...]:
        """The principal's last sign-ins from an address, in the order of time."""
        return self._sign_ins.of(principal, address)

    def signs_in_since(self, principal: str, address: str) -> int | None:
        """When the principal first signed in from the address; None: never."""
        return self._sign_ins.since(principal, address)

    def failed_sign_ins(self, principal: str, address: str, until_us: int) -> int:
        """How many of a principal's sign-ins from an address failed in the 24 hours up to a time."""
        return self._sign_ins.failed(principal, address, until_us)

    def last_sign_in(self, principal: str, until_us: int) -> SignIn | None:
        """The principal's last sign-in up to a time, from wherever."""
        return self._sign_ins.last(principal, until_us)

    def sign_in_days(self, principal: str, since_us: int, until_us: int) -> list[int]:
        """The days between two times on which the principal signed in."""
        return self._sign_ins.days(principal, since_us, until_us)

    def role_definition(self, role: str) -> dict[str, Any] | None:
        """What is known of a custom role that was made in the last 30 days."""
        known = self._roles.get(role.lower())
        if known is None or known[1] < (self.hour - WINDOW_HOURS) * 3_600_000_000:
            return None
        principal, at_us, data = known
        return {"principal": principal, "at_us": at_us, **data}

    def country_of(self, address: str) -> str:
        """ISO country of an address, '' if not known."""
        return self.enrichment.geography.place(address).country

    def indicators(self, address: str, at_us: int) -> tuple[Indicator, ...]:
        """Threat-intelligence entries that hold for the address at that time."""
        return tuple(Indicator(*one) for one in self.enrichment.indicators.lookup(address, at_us))

    # State

    def changes(self) -> LearnedChanges:
        """What changed in the tables since the last time, and all that is small; the incidents are others'."""
        roles = [(role, self._roles.get(role)) for role in sorted(self._changed_roles)]
        self._changed_roles = set()
        return LearnedChanges(
            self.hour,
            self.layers_since,
            self._uses.changes(),
            roles,
            self.population.state(),
            None,
            self.repeats.state(),
            self._sign_ins.changes(),
            self.judged.state(),
            self.spent.state(),
        )

    def mark(self) -> None:
        """All of it is to be among the next changes."""
        self._uses.mark()
        self._changed_roles = set(self._roles)
        self._sign_ins.mark()

    def load(self, saved: LearnedChanges) -> None:
        """Take saved changes in, on top of what is known."""
        self.hour, self.layers_since = saved.hour, dict(saved.layers_since)
        self._uses.load(saved.uses)
        for role, known in saved.roles:
            if known is None:
                self._roles.pop(role, None)
            else:
                self._roles[role] = known
        self.population = Population.restore(saved.population)
        self.repeats = Repeats(saved.repeats)
        self._sign_ins.load(saved.sign_ins)
        self.judged = JudgedDays(saved.judged)
        self.spent = Spent(saved.spent)

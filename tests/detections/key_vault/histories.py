"""Vault histories that no attack is in: seeded, in event time, hour by hour."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from ingest.records import HOUR_US, KEY_VAULT, MANAGEMENT, SUCCESS, Event

START = 492_000 - 492_000 % 168 + 96  # an hour since 1970: a Monday's first (1 January 1970 was a Thursday)
PORTAL = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"
POWERSHELL = "1950a258-227b-4e31-a9cf-717495945fc2"
OWN_TOOL = "5d2f1c0e-0b6a-4f0e-9d0c-3a8f7f2b9a11"  # an application that somebody registered
COMMAND_LINE = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
RESOURCE_GRAPH = "509e4652-da8d-478d-a730-e9d4a1996ca4"
VAULT = "/subscriptions/S1/resourceGroups/RG1/providers/Microsoft.KeyVault/vaults/KV1"
MINUTE_US = 60_000_000


def event(at_us: int, operation: str, principal: str, **more: Any) -> Event:
    """A vault's audit event of a service principal, unless said otherwise."""
    told = {
        "layer": KEY_VAULT,
        "outcome": SUCCESS,
        "kind": "service_principal",
        "application": f"app-{principal}",
        "address": "20.50.1.2",
        "country": "NL",
        "vault": VAULT,
        "resource": more.get("vault", VAULT),
        "source": "vault.json",
        "offset": (at_us // 1_000_000) % 1_000_000,
    } | more
    text = f"{at_us}{operation}{principal}{sorted(told.items())}"
    uid = int.from_bytes(blake2b(text.encode(), digest_size=7).digest(), "big")
    return Event(at_us=at_us, operation=operation, principal=principal, uid=uid, **told)


def person(at_us: int, operation: str, name: str, **more: Any) -> Event:
    """A vault's audit event of a person, through the portal unless said otherwise."""
    told = {"kind": "user", "name": f"{name}@contoso.com", "application": PORTAL, "address": "81.2.69.160"}
    return event(at_us, operation, f"oid-{name}", **(told | {"country": "GB"} | more))


def grant(at_us: int, principal: str, grantee: str, **more: Any) -> Event:
    """A role assignment on the vault, from the Activity Log."""
    told = {"layer": MANAGEMENT, "details": {"grantee": grantee, "role_definition": "secrets-user"}}
    return event(at_us, "microsoft.authorization/roleassignments/write", principal, **(told | more))


def poisson(rng: random.Random, mean: float) -> int:
    """A Poisson number: by waiting times, by a normal one where it is large."""
    if mean > 50:
        return max(0, round(rng.gauss(mean, mean**0.5)))
    count, passed = 0, rng.expovariate(1.0)
    while passed < mean:
        count, passed = count + 1, passed + rng.expovariate(1.0)
    return count


@dataclass(frozen=True)
class Habits:
    """What goes on in a vault; a number of 0 means that it does not."""

    secrets: int = 20
    web: float = 0.0  # reads an hour at noon by a web application, a third of it at night
    builds: float = 0.0  # build jobs a day, each a new identity
    build_lists: bool = False  # they list the secrets before they read them
    batch: int = 0  # secrets that a nightly job lists and reads
    month_end: int = 0  # operations of a job on the last day of each month
    rotation: int = 0  # keys rotated on the 10th day of each month
    admins: int = 0  # people, each on a few days a week
    deploys: float = 0.0  # deployments a day: the policy put, then secrets read
    loyal: bool = False  # each of them keeps to one client: the second to the command line
    fresh_deploys: float = 0.0  # the same by a new identity each time
    rollouts: float = 0.0  # a day: an application that is new here is given a role, and reads
    joiner_days: float = 0.0  # a new admin every so many days
    month: int = 30  # days
    vault: str = VAULT


class History:
    """The events of a vault with these habits, hour by hour."""

    def __init__(self, habits: Habits, seed: int) -> None:
        self.habits = habits
        self.rng = random.Random(seed)
        self.seed = seed
        self.born = 0
        self.staff = [f"admin{seed}-{n}" for n in range(habits.admins)]

    def hours(self, days: int) -> Iterator[tuple[int, list[Event]]]:
        """Each hour with its events; hours without any are left out."""
        for hour in range(START, START + 24 * days):
            events = [replace_vault(one, self.habits.vault) for one in self._hour(hour)]
            if events:
                yield hour, events

    def _hour(self, hour: int) -> Iterator[Event]:
        day, of_day = (hour - START) // 24, (hour - START) % 24
        weekday = day % 7 < 5
        yield from self._web(hour, of_day, weekday)
        yield from self._builds(hour, of_day, weekday)
        yield from self._jobs(hour, day, of_day)
        if weekday and 8 <= of_day < 18:
            yield from self._admins(hour)
            yield from self._deploys(hour)
        if self.rng.random() < 0.2:
            yield event(self._at(hour), "VaultGet", "arg", application=RESOURCE_GRAPH)
        if self.habits.joiner_days and of_day == 9 and self.rng.random() < 1 / self.habits.joiner_days:
            self.born += 1
            self.staff.append(f"joiner{self.seed}-{self.born}")

    def _at(self, hour: int, start_s: float = 0.0, end_s: float = 3600.0) -> int:
        return hour * HOUR_US + int(self.rng.uniform(start_s, end_s) * 1_000_000)

    def _secret(self) -> str:
        return f"secrets/s{self.rng.randrange(self.habits.secrets)}"

    def _web(self, hour: int, of_day: int, weekday: bool) -> Iterator[Event]:
        busy = (1.0 if 7 <= of_day < 20 else 0.33) * (1.0 if weekday else 0.6)
        for _ in range(poisson(self.rng, self.habits.web * busy)):
            yield event(
                self._at(hour), "SecretGet", f"web{self.seed}", item=f"secrets/s{self.rng.randrange(4)}"
            )

    def _builds(self, hour: int, of_day: int, weekday: bool) -> Iterator[Event]:
        rate = self.habits.builds / 10 if weekday and 8 <= of_day < 18 else 0.0
        for _ in range(poisson(self.rng, rate)):
            self.born += 1
            yield from self._sweep(hour, f"build{self.seed}-{self.born}", 4 + self.rng.randrange(6))

    def _sweep(self, hour: int, who: str, secrets: int, lists: bool | None = None) -> Iterator[Event]:
        at = self._at(hour, 0, 3000)
        if self.habits.build_lists if lists is None else lists:
            yield event(at, "SecretList", who)
        for number in range(min(secrets, self.habits.secrets)):
            yield event(at + (number + 1) * 2_000_000, "SecretGet", who, item=f"secrets/s{number}")

    def _jobs(self, hour: int, day: int, of_day: int) -> Iterator[Event]:
        if self.habits.batch and of_day == 2:
            yield from self._sweep(hour, f"batch{self.seed}", self.habits.batch, lists=True)
        if self.habits.month_end and of_day == 22 and day % self.habits.month == self.habits.month - 1:
            for _ in range(poisson(self.rng, self.habits.month_end)):
                yield event(self._at(hour), "SecretGet", f"month{self.seed}", item=self._secret())
        if self.habits.rotation and of_day == 3 and day % self.habits.month == 9 % self.habits.month:
            for number in range(self.habits.rotation):
                for operation in ("KeyGet", "KeyRotate", "KeyListVersions"):
                    yield event(self._at(hour), operation, f"rotator{self.seed}", item=f"keys/k{number}")

    def _admins(self, hour: int) -> Iterator[Event]:
        for name in self.staff:
            if self.rng.random() < 0.04:
                client = self._client(name)
                at = self._at(hour, 0, 3000)
                yield person(at, "SecretList", name, application=client)
                for number in range(1, 2 + self.rng.randrange(3)):
                    item = self._secret()
                    yield person(at + number * 40_000_000, "SecretGet", name, item=item, application=client)
                if self.rng.random() < 0.1:
                    yield person(at + 200_000_000, "SecretSet", name, item=item, application=client)

    def _client(self, name: str) -> str:
        if self.habits.loyal:
            return COMMAND_LINE if self.staff.index(name) == 1 else PORTAL
        return self.rng.choice((PORTAL, PORTAL, PORTAL, COMMAND_LINE))

    def _deploys(self, hour: int) -> Iterator[Event]:
        for _ in range(poisson(self.rng, self.habits.deploys / 10)):
            yield from self._deploy(self._at(hour, 0, 3000), f"terraform{self.seed}")
        for _ in range(poisson(self.rng, self.habits.fresh_deploys / 10)):
            self.born += 1
            yield from self._deploy(self._at(hour, 0, 3000), f"runner{self.seed}-{self.born}")
        for _ in range(poisson(self.rng, self.habits.rollouts / 10)):
            self.born += 1
            at, new = self._at(hour, 0, 3000), f"rollout{self.seed}-{self.born}"
            yield grant(at, f"terraform{self.seed}", new)
            yield event(at + 3 * MINUTE_US, "SecretGet", new, item="secrets/s1")

    def _deploy(self, at: int, who: str) -> Iterator[Event]:
        yield event(at, "VaultPut", who)
        yield event(at + 1_000_000, "microsoft.keyvault/vaults/write", who, layer=MANAGEMENT)
        for number in range(3 + self.rng.randrange(3)):
            yield event(at + (20 + number) * 1_000_000, "SecretGet", who, item=f"secrets/s{number}")


def replace_vault(one: Event, vault: str) -> Event:
    """The same event in another vault."""
    if vault == VAULT:
        return one
    told = {name: getattr(one, name) for name in one.__struct_fields__}
    return Event(**(told | {"vault": vault, "resource": vault}))


WEB = Habits(web=60.0, admins=4)
MIXED = Habits(web=30.0, builds=2.0, batch=15, month_end=900, rotation=12, admins=4, deploys=1.0)


def organisation(vaults: int = 25) -> Iterator[tuple[str, History]]:
    """Vaults of all sorts, with a name each."""
    sorts = {
        "web": WEB,
        "busy web": Habits(web=900.0, admins=2),
        "builds": Habits(builds=3.0, build_lists=True, admins=2),
        "web and builds": Habits(web=40.0, builds=1.0, admins=3),
        "batch": Habits(secrets=60, batch=60, admins=2, rotation=20),
        "deployments": Habits(deploys=1.5, web=10.0, admins=3),
        "month end": Habits(web=20.0, month_end=2500, admins=2, rotation=10),
        "people": Habits(admins=8, joiner_days=40.0),
        "fresh deployments": Habits(web=30.0, fresh_deploys=1.0, admins=2),
        "weekly builds": Habits(web=30.0, builds=0.2, build_lists=True, admins=2),
        "rollouts": Habits(web=30.0, rollouts=0.3, deploys=0.5, admins=2),
        "quiet": Habits(web=1.0, admins=1),
        "everything": MIXED,
    }
    for number in range(vaults):
        name, habits = list(sorts.items())[number % len(sorts)]
        vault = VAULT[:-1] + str(number + 1)
        yield f"{name} {number}", History(replace(habits, vault=vault), seed=number)

"""An office of people on the product's own path: events, shards, the aggregator, hour by hour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from actors.messages import COUNTED, PRINCIPAL, SIGNED_IN, VAULT
from actors.settings import Settings
from alerts.alert import Alert
from ingest.enrich import Enrichment
from ingest.geography import Geography
from ingest.identity import content_hash
from ingest.inventory import Inventory
from ingest.records import HOUR_US, KEY_VAULT, MANAGEMENT, SIGN_IN, Event
from ingest.threat_intel import Indicators
from tests.actors.making import batch
from tests.detections.replay import OwnPath

MINUTE_US = 60_000_000
DAY_H = 24
START_H = 490_896  # 2026-01-01T00:00Z
PORTAL = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"
POWERSHELL = "1950a258-227b-4e31-a9cf-717495945fc2"
SUBSCRIPTION = "/subscriptions/s1/resourceGroups/rg/providers"
BERLIN = {"country": "DE", "latitude": 52.5, "longitude": 13.4, "address": "91.53.1.1"}
QUITO = {"country": "EC", "latitude": -0.2, "longitude": -78.5, "address": "190.152.1.1"}
LISTED = {
    "country": "DE",
    "latitude": 52.5,
    "longitude": 13.4,
    "address": "185.220.101.1",
    "listed": ("anonymous_proxy",),
}


def act(hour: int, minute: float, operation: str, principal: str = "eva", **more: Any) -> Event:
    """An event of the control plane; `hour` counts from the office's first one."""
    at_us = (START_H + hour) * HOUR_US + int(minute * MINUTE_US)
    told: dict[str, Any] = {
        "kind": "user",
        "name": f"{principal}@contoso.com",
        "application": PORTAL,
        "resource": f"{SUBSCRIPTION}/Microsoft.Web/sites/a",
        **BERLIN,
    }
    told |= more
    uid = hash_of(at_us, operation, principal, told)
    return Event(
        at_us=at_us,
        layer=told.pop("layer", MANAGEMENT),
        operation=operation,
        outcome=told.pop("outcome", "success"),
        principal=principal,
        uid=uid,
        source="a.json",
        **told,
    )


def hash_of(*parts: Any) -> int:
    """An event's id; the same for the same event."""
    return content_hash(*map(str, parts))


class Office(OwnPath):
    """Router's, shards' and aggregator's part in one; `play` gives the alerts of an hour."""

    def __init__(self, settings: Settings | None = None) -> None:
        enrichment = Enrichment(Inventory.from_networks(()), Indicators.read(())[0], Geography.open(None))
        super().__init__(settings or Settings(shards=3), enrichment)

    def play(self, hour: int, events: Iterable[Event]) -> list[Alert]:
        """Take an hour's events in, and close it; `hour` counts from the office's first one."""
        owned: dict[tuple[int, int], list[Event]] = {}
        for event in events:
            assert event.at_us // HOUR_US == START_H + hour
            for owner in self._owners(event):
                owned.setdefault(owner, []).append(event)
        for (shard, owners), mine in owned.items():
            self.shards[shard].apply(batch(mine, owners))
        return self.close(START_H + hour)

    def _owners(self, event: Event) -> Iterator[tuple[int, int]]:
        """The shards that own the event, each with what it owns of it."""
        self.since.setdefault(event.layer, event.at_us)
        counted = COUNTED
        mine = SIGNED_IN if event.layer == SIGN_IN else PRINCIPAL
        for role, kind, entity in ((mine, "principal", event.principal), (VAULT, "vault", event.vault)):
            if entity:
                yield self.owner(kind, entity), role | counted
                counted = 0

    def run(self, events: Iterable[Event]) -> list[Alert]:
        """Play all hours that have events; the alerts of all of them."""
        by_hour: dict[int, list[Event]] = {}
        for event in events:
            by_hour.setdefault(event.at_us // HOUR_US - START_H, []).append(event)
        return [alert for hour in sorted(by_hour) for alert in self.play(hour, by_hour[hour])]


def habits(days: int, *people: str, **more: Any) -> list[Event]:
    """Each working hour of so many days everybody does a little, from where and with what `more` says."""
    usual = ("microsoft.web/sites/restart/action", "microsoft.insights/metricalerts/write")
    return [
        act(day * DAY_H + hour, 5 + 10 * number + len(who), usual[number], who, **more)
        for day in range(days)
        for hour in (8, 11, 15)
        for number in range(2)
        for who in people or ("eva", "tim", "ola", "ben")
    ]


def signed_in(hour: int, minute: float, who: str = "eva", **more: Any) -> Event:
    """A sign-in with a second factor, by somebody who was there; `details` replaces how it was done."""
    details = more.pop("details", {"mfa": True, "interactive": True})
    told = {"layer": SIGN_IN, "resource": "", "details": details, **more}
    return act(hour, minute, "SignIn", who, **told)


def read(hour: int, minute: float, operation: str, vault: str, item: str = "", **more: Any) -> Event:
    """An event of a vault."""
    resource = f"{SUBSCRIPTION}/Microsoft.KeyVault/vaults/{vault}"
    told = {"layer": KEY_VAULT, "resource": resource, "vault": resource, "item": item, **more}
    return act(hour, minute, operation, **told)

"""What we know of an address beside the record: who held it, where it is, on which lists it stands."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import msgspec

from ingest.geography import Geography
from ingest.inventory import Inventory
from ingest.parts import Who
from ingest.records import Event, Rejected
from ingest.systems import Systems
from ingest.threat_intel import Entry, Feed, Indicators
from ingest.told_inventory import ToldInventory

CACHED = 65_536  # callers' addresses of which all is remembered

T = TypeVar("T", Event, Who)
Lasting = tuple[Inventory | ToldInventory, Geography, Systems]
_Known = tuple[str, float | None, float | None, tuple[Entry, ...]]


class EnrichmentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """From which files; plain values that travel to another process, where `Enrichment.build` reads them."""

    inventory: Path | None = None
    networks: tuple[str, ...] = ()
    feeds: tuple[Feed, ...] = ()
    listed: tuple[Entry, ...] = ()  # of feeds that were read already, with the times for which each counts
    refused: tuple[Rejected, ...] = ()  # in them
    database: Path | None = None  # None: the one that comes with the package
    systems: Path | None = None  # a database of autonomous systems


class Enrichment:
    """Inventory, threat intelligence and geography together; it keeps nothing of events."""

    def __init__(
        self,
        inventory: Inventory | ToldInventory,
        indicators: Indicators,
        geography: Geography,
        systems: Systems | None = None,
    ) -> None:
        self.inventory = inventory
        self.indicators = indicators
        self.geography = geography
        self.systems = systems or Systems()
        self._about: Callable[[str], _Known | None] = lru_cache(CACHED)(self._look_up)

    @classmethod
    def build(
        cls, settings: EnrichmentSettings, from_telemetry: bool = False
    ) -> tuple[Enrichment, list[Rejected]]:
        """From files; with what was refused of them. Raises ConfigurationError for one that is of no use.

        `from_telemetry`: the inventory is one that is told more while records are read.
        """
        given, rejected = _inventory(settings)
        inventory = ToldInventory(given) if from_telemetry else given
        indicators, refused = Indicators.read(settings.feeds)
        if settings.listed:
            indicators = Indicators([*indicators.entries, *settings.listed])
        geography = Geography.open(settings.database)
        systems = Systems.open(settings.systems)
        return cls(inventory, indicators, geography, systems), [*rejected, *refused, *settings.refused]

    @property
    def lasting(self) -> Lasting:
        """All but threat intelligence, which may be another while a server runs."""
        return self.inventory, self.geography, self.systems

    @classmethod
    def of(cls, lasting: Lasting, indicators: Indicators) -> Enrichment:
        """Both together again."""
        inventory, geography, systems = lasting
        return cls(inventory, indicators, geography, systems)

    def renew(self, indicators: Indicators) -> None:
        """From now on with these, which say the same as the ones before of every time that was asked about."""
        self.indicators = indicators
        self._about = lru_cache(CACHED)(self._look_up)

    def event(self, event: Event) -> Event:
        """The event with `country`, `latitude`, `longitude` and `listed` of its caller's address.

        An event without an address, or with one of which nothing is known, is given back as it is.
        """
        about = self._about(event.address) if event.address else None
        return event if about is None else self._enriched(event, about, event.at_us)

    def who(self, who: Who, at_us: int = 0) -> Who:
        """The same of an event's part; `listed` as it is at the given time."""
        about = self._about(who.address) if who.address else None
        return who if about is None else self._enriched(who, about, at_us)

    def _enriched(self, one: T, about: _Known, at_us: int) -> T:
        country, latitude, longitude, entries = about
        listed = self.indicators.categories(one.address, at_us) if entries else ()
        return msgspec.structs.replace(
            one, country=country, latitude=latitude, longitude=longitude, listed=listed
        )

    def _look_up(self, address: str) -> _Known | None:
        place = self.geography.place(address)
        entries = self.indicators.of_address(address)
        return (*place, entries) if entries or place.country or place.latitude is not None else None


def _inventory(settings: EnrichmentSettings) -> tuple[Inventory, list[Rejected]]:
    if settings.inventory is None:
        return Inventory.from_networks(settings.networks), []
    return Inventory.read(settings.inventory, settings.networks)

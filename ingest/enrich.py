"""What we know of an address beside the record: who held it, where it is, on which lists it stands."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from ingest.geography import Geography
from ingest.inventory import Inventory
from ingest.records import Event, Rejected
from ingest.threat_intel import Entry, Feed, Indicators

CACHED = 65_536  # callers' addresses of which all is remembered

_About = tuple[str, float | None, float | None, tuple[Entry, ...]]


class EnrichmentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """From which files; plain values that travel to another process, where `Enrichment.build` reads them."""

    inventory: Path | None = None
    networks: tuple[str, ...] = ()
    feeds: tuple[Feed, ...] = ()
    database: Path | None = None  # None: the one that comes with the package


class Enrichment:
    """Inventory, threat intelligence and geography together; it changes nothing and keeps nothing of events."""

    def __init__(self, inventory: Inventory, indicators: Indicators, geography: Geography) -> None:
        self.inventory = inventory
        self.indicators = indicators
        self.geography = geography
        self._about: Callable[[str], _About | None] = lru_cache(CACHED)(self._look_up)

    def __reduce__(self) -> Any:
        """For another process: what remembers look-ups begins anew there."""
        return Enrichment, (self.inventory, self.indicators, self.geography)

    @classmethod
    def build(cls, settings: EnrichmentSettings) -> tuple[Enrichment, list[Rejected]]:
        """From files; with what was refused of them. Raises ConfigurationError for one that is of no use."""
        inventory, rejected = _inventory(settings)
        indicators, refused = Indicators.read(settings.feeds)
        geography = Geography.open(settings.database)
        return cls(inventory, indicators, geography), [*rejected, *refused]

    def event(self, event: Event) -> Event:
        """The event with `country`, `latitude`, `longitude` and `listed` of its caller's address.

        An event without an address, or with one of which nothing is known, is given back as it is.
        """
        address = event.address
        if not address:
            return event
        about = self._about(address)
        if about is None:
            return event
        country, latitude, longitude, entries = about
        listed: tuple[str, ...] = ()
        if entries:
            listed = self.indicators.categories(address, event.at_us)
        return msgspec.structs.replace(
            event, country=country, latitude=latitude, longitude=longitude, listed=listed
        )

    def _look_up(self, address: str) -> _About | None:
        place = self.geography.place(address)
        entries = self.indicators.of_address(address)
        return (*place, entries) if entries or place.country or place.latitude is not None else None


def _inventory(settings: EnrichmentSettings) -> tuple[Inventory, list[Rejected]]:
    if settings.inventory is None:
        return Inventory.from_networks(settings.networks), []
    return Inventory.read(settings.inventory, settings.networks)

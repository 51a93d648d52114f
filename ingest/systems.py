"""Whose network an address is in: its autonomous system, by a database in MaxMind's format.

GeoLite2-ASN, DB-IP's ASN Lite and IPinfo's are read; none comes along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb_rust

from ingest.errors import ConfigurationError

_OTHER_KINDS = ("city", "country", "anonymous", "domain", "connection", "user-count")
CACHED = 65_536  # addresses of which it is remembered
_NUMBERS = ("autonomous_system_number", "asn")
_NAMES = ("autonomous_system_organization", "as_name", "name")
_PROBES = ("8.8.8.8", "81.2.69.142", "202.12.29.205", "2001:4860:4860::8888")


class System(NamedTuple):
    """An autonomous system; its number is '' where none is known."""

    number: str = ""  # 'AS3320'
    name: str = ""


UNKNOWN = System()


class Systems:
    """A database of them; without one nothing is known."""

    def __init__(self, reader: Any = None, path: Path | None = None) -> None:
        self._path, self._reader = path, reader
        self.failed, self.fault = (
            0,
            "",
        )  # look-ups of which the database was damaged, and what it says of the first
        self.of: Callable[[str], System] = lru_cache(CACHED)(self._of)

    @classmethod
    def open(cls, path: Path | None) -> Systems:
        """The database at a path. Raises ConfigurationError."""
        if path is None:
            return cls()
        try:
            systems = cls(maxminddb_rust.open_database(str(path)), path)
            kind = str(systems._reader.metadata().database_type)
            for address in _PROBES:
                systems._read(address)
        except OSError as error:
            raise ConfigurationError(f"{path}: the database can't be read: {error.strerror}") from None
        except Exception as error:  # damaged data makes the reader fail in any way
            told = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigurationError(f"{path}: no database in MaxMind's format, or damaged: {told}") from None
        if "asn" not in kind.lower() and any(part in kind.lower() for part in _OTHER_KINDS):
            raise ConfigurationError(f"{path}: a database of the kind {kind!r} names no autonomous systems")
        return systems

    def __reduce__(self) -> Any:
        """For another process, which opens the database again."""
        return Systems.open, (self._path,)

    def _of(self, address: str) -> System:
        try:
            return self._read(address) if self._reader is not None else UNKNOWN
        except Exception as error:  # a damaged database makes the reader fail in any way
            if _is_address(address):
                self.failed += 1
                said = str(error).splitlines()[0] if str(error) else type(error).__name__
                self.fault = self.fault or f"{self._path}: is damaged: {address} can't be looked up: {said}"
            return UNKNOWN

    def _read(self, address: str) -> System:
        if ":" in address and self._reader.metadata().ip_version != 6:
            return UNKNOWN
        found = self._reader.get(address)
        return _system(found) if isinstance(found, Mapping) else UNKNOWN


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _system(found: Mapping[str, Any]) -> System:
    number = next((found[name] for name in _NUMBERS if name in found), "")
    digits = str(number).upper().removeprefix("AS")
    if not digits.isdecimal() or len(digits) > 10:
        return UNKNOWN
    name = next((found[name] for name in _NAMES if isinstance(found.get(name), str)), "")
    return System(f"AS{int(digits)}", name[:100])

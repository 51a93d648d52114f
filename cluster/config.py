"""The configuration: a TOML file, checked key by key before anything runs.

Every error is one line: the file, the key's path, what was expected and what was found.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import msgspec

from cluster.config_base import Table
from cluster.config_expected import wrong_with as wrong_actor
from cluster.config_feeds import twice, wrong_with_feed
from cluster.config_sinks import wrong_with
from cluster.config_tables import (
    Configuration,
    DetectionsTable,
    DetectionTable,
    StoreTable,
    region_key,
)
from cluster.config_types import as_table, in_words, is_file, item_type, keys_of, shown_value
from cluster.errors import UserError
from ingest import inventory_forms
from ingest.errors import ConfigurationError as UnusableFile
from ingest.geography import Geography
from ingest.networks import parse_network
from ingest.systems import Systems


class ConfigurationError(UnusableFile, UserError):
    """The configuration can't be used; one line says where, what was expected and what was found."""


def load(path: Path | None, types: Iterable[str] = ()) -> Configuration:
    """Read a configuration; the defaults without one. `types` are the detections that there are.

    Raises ConfigurationError for whatever is wrong with it, files that it names and that aren't there included.
    """
    if path is None:
        return Configuration()
    return _Reader(path, frozenset(types)).configuration(_parse(path))


def _parse(path: Path) -> dict[str, Any]:
    if path.is_dir():
        raise ConfigurationError(f"{path}: is a folder; a configuration file (TOML) was expected")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}: line {line}: is not text in UTF-8") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).partition(" (at ")
        place = where.rstrip(")").replace("end of document", f"line {len(text.splitlines())}, its end")
        raise ConfigurationError(f"{path}: {place}: not valid TOML: {what}") from None
    except RecursionError:
        raise ConfigurationError(f"{path}: not valid TOML: nested too deeply") from None


class _Reader:
    """Turns decoded TOML into tables, naming the place of whatever is wrong."""

    def __init__(self, path: Path, types: frozenset[str]) -> None:
        self._path, self._types = path, types

    def configuration(self, content: dict[str, Any]) -> Configuration:
        """All of it."""
        names = keys_of(Configuration).keys() - {"types"}
        self._known("", content, names)
        detections = content.get("detections", {})
        own: dict[str, Any] = {}
        if isinstance(detections, dict):
            plain = keys_of(DetectionsTable)
            own = {name: value for name, value in detections.items() if name not in plain}
            content = {**content, "detections": {k: v for k, v in detections.items() if k in plain}}
        found = {
            name: self._field(_place("", name), field.type, content[name])
            for name, field in keys_of(Configuration).items()
            if name in content and name != "regions"
        }
        types = {name: self._detection(name, value) for name, value in own.items()}
        regions = self._regions(content.get("regions", {}))
        if isinstance(found.get("store"), StoreTable):
            found["store"] = msgspec.structs.replace(found["store"], url=self._store(found["store"].url))
        configuration = Configuration(**found, types=types, regions=regions)
        self._check(configuration)
        self._check_feeds(configuration, content.get("threat_intel", {}).get("feeds", []))
        self._check_sinks(configuration, content.get("sinks", []))
        return configuration

    # Tables and values

    def _table(self, where: str, kind: type[Table], value: Any) -> Any:
        if not isinstance(value, dict):
            raise self._wrong(where, "a table", value)
        self._known(where, value, keys_of(kind))
        found = {}
        for name, field in keys_of(kind).items():
            if name in value:
                found[name] = self._field(_place(where, name), field.type, value[name])
            elif field.required:
                raise self._error(where, f"has no {name}: {in_words(field.type)} was expected")
        return kind(**found)

    def _field(self, where: str, kind: Any, value: Any) -> Any:
        if table := as_table(kind):
            return self._table(where, table, value)
        inner = item_type(kind)
        if inner is not None:
            if not isinstance(value, list):
                raise self._wrong(where, in_words(kind), value)
            return tuple(self._field(f"{where}[{n}]", inner, item) for n, item in enumerate(value))
        if is_file(kind):
            return self._file(where, value)
        try:
            found = msgspec.convert(value, kind)
        except msgspec.ValidationError:
            raise self._wrong(where, in_words(kind), value) from None
        if isinstance(found, float) and not abs(found) < float("inf"):
            raise self._wrong(where, in_words(kind), value)
        return found

    def _file(self, where: str, value: Any) -> Path:
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise self._wrong(where, "the path of a file", value)
        path = self._path.parent.resolve() / Path(value).expanduser()
        if not path.is_file():
            raise self._error(where, f"{path}: {'is a folder' if path.is_dir() else 'no such file'}")
        return path

    def _detection(self, name: str, value: Any) -> DetectionTable:
        place = f'[detections."{name}"]'
        if not isinstance(value, dict):
            if name in self._types:
                raise self._wrong(place, "a table", value)
            raise self._unknown(_place("[detections]", name), "key", name, keys_of(DetectionsTable))
        nested = next((f"{name}.{key}" for key in value if f"{name}.{key}" in self._types), None)
        if nested:
            raise self._error(f"[detections.{nested}]", f'needs quotes: [detections."{nested}"]')
        if name not in self._types:
            raise self._unknown(place, "detection", name, self._types)
        return cast(DetectionTable, self._table(place, DetectionTable, value))

    def _regions(self, value: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            raise self._wrong("[regions]", "a table of a store for each region", value)
        for name, store in value.items():
            if not isinstance(store, str) or not store.strip():
                raise self._wrong(_place("[regions]", name), "a store: a path or an address", store)
        return {region_key(name): self._store(store) for name, store in value.items()}

    def _store(self, store: str) -> str:
        scheme, _, rest = store.partition(":///")
        if scheme.partition("+")[0] == "sqlite" and rest:
            file, mark, query = rest.partition("?")
            return f"{scheme}:///{self._path.parent.resolve() / Path(file).expanduser()}{mark}{query}"
        if "://" in store:
            return store
        return str(self._path.parent.resolve() / Path(store).expanduser())

    # What hangs together

    def _check(self, configuration: Configuration) -> None:
        self._check_detections(configuration)
        self._check_networks(configuration)
        if wrong := wrong_actor(configuration.expected.actors, self._types):
            raise self._error(f"[[expected.actors]] {wrong[0] + 1}", wrong[1])
        inventory, database = configuration.inventory.path, configuration.geo.database
        try:
            where = "[inventory] path"
            if inventory is not None:
                inventory_forms.check(inventory)
            where = "[geo] database"
            if database is not None:
                Geography.open(database)
            where = "[networks] database"
            Systems.open(configuration.networks.database)
        except UnusableFile as error:
            raise self._error(where, str(error)) from None

    def _check_networks(self, configuration: Configuration) -> None:
        for number, network in enumerate(configuration.inventory.networks):
            try:
                ip_network(network)  # which is strict about bits beyond the prefix
                parse_network(network)
            except ValueError as error:
                where = f"[inventory] networks[{number}]"
                raise self._error(where, f"expected a network, like '10.0.0.0/8': {error}") from None

    def _check_detections(self, configuration: Configuration) -> None:
        for number, type_ in enumerate(configuration.detections.disable):
            if type_ not in self._types:
                raise self._unknown(f"[detections] disable[{number}]", "detection", type_, self._types)
            if type_ in configuration.types and configuration.types[type_].enabled:
                raise self._error(
                    f"[detections] disable[{number}]", f'{type_} has enabled = true in [detections."{type_}"]'
                )

        self._check_shadow(configuration)

    def _check_feeds(self, configuration: Configuration, said: list[dict[str, Any]]) -> None:
        feeds = configuration.threat_intel.feeds
        for number, (table, keys) in enumerate(zip(feeds, said, strict=True)):
            if wrong := wrong_with_feed(table, keys):
                raise self._error(f"[threat_intel] feeds[{number}]", wrong)
        if (again := twice(feeds)) is not None:
            raise self._error(
                f"[threat_intel] feeds[{again}]", "the same feed is named twice in one category"
            )

    def _check_sinks(self, configuration: Configuration, said: list[dict[str, Any]]) -> None:
        names: set[str] = set()
        for number, (table, keys) in enumerate(zip(configuration.sinks, said, strict=True)):
            where = f"[[sinks]] {table.name}"
            if wrong := wrong_with(table, keys):
                raise self._error(where, wrong)
            if table.name in names:
                raise self._error(f"[[sinks]] {number + 1}", f"another sink is called {table.name!r} too")
            names.add(table.name)
            for type_ in table.types:
                if type_ not in self._types:
                    raise self._unknown(f"{where} types", "detection", type_, self._types)
        if names and configuration.store is None:
            raise self._error(
                "[[sinks]]", "needs [store], where alerts wait to be delivered: add [store] to the file"
            )

    def _check_shadow(self, configuration: Configuration) -> None:
        for number, type_ in enumerate(configuration.detections.shadow):
            where = f"[detections] shadow[{number}]"
            if type_ not in self._types:
                raise self._unknown(where, "detection", type_, self._types)
            if type_ in configuration.detections.disable:
                raise self._error(where, f"{type_} is in disable too: take it out of one of the two")
            if type_ in configuration.types and configuration.types[type_].enabled is False:
                raise self._error(where, f'{type_} has enabled = false in [detections."{type_}"]')

    def _known(self, where: str, table: Mapping[str, Any], names: Iterable[str]) -> None:
        for name in table:
            if name not in names:
                what = "table" if isinstance(table[name], dict) else "key"
                raise self._unknown(_place(where, name, table[name]), what, name, names)

    # Words

    def _unknown(self, where: str, what: str, name: str, names: Iterable[str]) -> ConfigurationError:
        close = difflib.get_close_matches(name.lower(), sorted(names), 1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(names))}"
        told = f"no such {what}" if name in where else f"no such {what}: {name!r}"
        return self._error(where, f"{told} ({hint})")

    def _wrong(self, where: str, expected: str, value: Any) -> ConfigurationError:
        return self._error(where, f"expected {expected}, found {shown_value(value)}")

    def _error(self, where: str, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self._path}: {where}: {what}".replace("\n", " "))


def _place(where: str, name: str, value: Any = None) -> str:
    """'[flows] sampling', '[geo]', 'cloud', '[threat_intel] feeds[0].path'."""
    shown = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name[:60]}"'
    if where:
        return f"{where}.{shown}" if not where.endswith("]") or _is_item(where) else f"{where} {shown}"
    kind = keys_of(Configuration)[name].type if name in keys_of(Configuration) else type(value)
    table = as_table(kind) or (isinstance(kind, type) and issubclass(kind, dict))
    return f"[{shown}]" if table else shown


def _is_item(where: str) -> bool:
    return re.search(r" \S+\[[0-9]+\]$", where) is not None


__all__ = ["Configuration", "ConfigurationError", "load"]

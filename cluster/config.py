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
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_origin

import msgspec
from msgspec import Meta

from cluster.errors import UserError
from ingest.enrich import EnrichmentSettings
from ingest.errors import ConfigurationError as UnusableFile
from ingest.threat_intel import Feed

Days = Annotated[float, Meta(ge=0, le=3650, description="a number of days, 0 to 3650")]
Severity = Literal["informational", "low", "medium", "high"]
Cloud = Literal["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"]
Category = Literal["tor_exit_node", "anonymous_proxy", "command_and_control"]
YesNo = Annotated[bool, Meta(description="true or false")]
File = Annotated[Path, Meta(description="the path of a file")]
T = TypeVar("T")


class ConfigurationError(UnusableFile, UserError):
    """The configuration can't be used; one line says where, what was expected and what was found."""


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: its keys are the fields, and no others."""


class InventoryTable(_Table):
    """Who had which address when."""

    path: File | None = None
    networks: Annotated[
        tuple[Annotated[str, Meta(description="a network, like '10.0.0.0/8'")], ...],
        Meta(description="a list of networks, like ['10.0.0.0/8']"),
    ] = ()


class GeoTable(_Table):
    """Where addresses are."""

    database: File | None = None


class FeedTable(_Table):
    """One feed of threat intelligence."""

    path: File
    category: Category


class ThreatIntelTable(_Table):
    """All feeds."""

    feeds: tuple[FeedTable, ...] = ()


class FlowsTable(_Table):
    """About flow records."""

    sampling: Annotated[int, Meta(ge=1, le=1 << 31, description="a whole number of at least 1")] = 1


class DetectionTable(_Table):
    """Settings of one type of detection; None = as it declares."""

    learning_days: Days | None = None
    severity: Severity | None = None
    enabled: YesNo | None = None
    threshold: Annotated[float, Meta(description="a number")] | None = None


class DetectionsTable(_Table):
    """Settings of all detections; those of single types are `Configuration.types`."""

    disable: Annotated[
        tuple[Annotated[str, Meta(description="the name of a detection")], ...],
        Meta(description="a list of detections, like ['key_vault.unusual_user']"),
    ] = ()
    learning_days: Days | None = None


class IntegrationsTable(_Table):
    """Other products whose work is not to be done twice."""

    cloud_app_security: YesNo = True


class EngineTable(_Table):
    """How records are processed."""

    lateness_minutes: Annotated[float, Meta(ge=0, le=1440, description="a number of minutes, 0 to 1440")] = 10


class Configuration(_Table):
    """The whole of it. Paths are absolute."""

    cloud: Cloud = "AzureCloud"
    inventory: InventoryTable = InventoryTable()
    geo: GeoTable = GeoTable()
    threat_intel: ThreatIntelTable = ThreatIntelTable()
    flows: FlowsTable = FlowsTable()
    detections: DetectionsTable = DetectionsTable()
    integrations: IntegrationsTable = IntegrationsTable()
    engine: EngineTable = EngineTable()
    regions: Mapping[str, str] = {}  # region, lower case without spaces -> its store; 'default' for the rest
    types: Mapping[str, DetectionTable] = {}  # type -> [detections."type"]

    def enabled(self, type_: str) -> bool:
        """Whether a detection is on. Key Vault's are off in the sovereign clouds, unless switched on by type."""
        said = self.types[type_].enabled if type_ in self.types else None
        if said is not None:
            return said
        sovereign = self.cloud != "AzureCloud" and type_.startswith("key_vault.")
        return type_ not in self.detections.disable and not sovereign

    def learning_days(self, type_: str, default: float) -> float:
        """The learning period of a detection: set for it, for all, or the default."""
        own = self.types[type_].learning_days if type_ in self.types else None
        days = self.detections.learning_days if own is None else own
        return default if days is None else days

    def parameters(self, type_: str) -> dict[str, Any]:
        """What [detections."type"] sets, apart from `enabled`: learning_days, severity, threshold."""
        table = msgspec.structs.asdict(self.types[type_]) if type_ in self.types else {}
        return {name: value for name, value in table.items() if value is not None and name != "enabled"}

    def store(self, region: str) -> str | None:
        """The store of a region's alerts: as named for it, the default one, or None."""
        return self.regions.get(_region(region), self.regions.get("default"))

    def enrichment(self) -> EnrichmentSettings:
        """What enrichment reads."""
        feeds = tuple(Feed(str(feed.path), feed.category) for feed in self.threat_intel.feeds)
        return EnrichmentSettings(
            inventory=self.inventory.path,
            networks=self.inventory.networks,
            feeds=feeds,
            database=self.geo.database,
        )


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
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}: line {line}: is not text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).partition(" (at ")
        place = f"{where.rstrip(')')}: " if where else ""
        raise ConfigurationError(f"{path}: {place}not valid TOML: {what}") from None
    except RecursionError:
        raise ConfigurationError(f"{path}: not valid TOML: nested too deeply") from None


class _Reader:
    """Turns decoded TOML into tables, naming the place of whatever is wrong."""

    def __init__(self, path: Path, types: frozenset[str]) -> None:
        self._path, self._types = path, types

    def configuration(self, content: dict[str, Any]) -> Configuration:
        """All of it."""
        names = _keys(Configuration) - {"types"}
        self._known("", content, names)
        detections = content.get("detections", {})
        own: dict[str, Any] = {}
        if isinstance(detections, dict):
            plain = _keys(DetectionsTable)
            own = {name: value for name, value in detections.items() if name not in plain}
            content = {**content, "detections": {k: v for k, v in detections.items() if k in plain}}
        found = {
            name: self._field(_place("", name), field.type, content[name])
            for name, field in _fields(Configuration).items()
            if name in content and name != "regions"
        }
        types = {name: self._detection(name, value) for name, value in own.items()}
        regions = self._regions(content.get("regions", {}))
        configuration = Configuration(**found, types=types, regions=regions)
        self._check(configuration)
        return configuration

    # Tables and values

    def _table(self, where: str, kind: type[_Table], value: Any) -> Any:
        if not isinstance(value, dict):
            raise self._wrong(where, "a table", value)
        self._known(where, value, _keys(kind))
        found = {}
        for name, field in _fields(kind).items():
            if name in value:
                found[name] = self._field(_place(where, name), field.type, value[name])
            elif field.required:
                raise self._error(where, f"has no {name}: {_expected(field.type)} was expected")
        return kind(**found)

    def _field(self, where: str, kind: Any, value: Any) -> Any:
        if isinstance(kind, type) and issubclass(kind, _Table):
            return self._table(where, kind, value)
        inner = _items(kind)
        if inner is not None:
            if not isinstance(value, list):
                raise self._wrong(where, _expected(kind), value)
            return tuple(self._field(f"{where}[{n}]", inner, item) for n, item in enumerate(value))
        if _is_file(kind):
            return self._file(where, value)
        try:
            found = msgspec.convert(value, kind)
        except msgspec.ValidationError:
            raise self._wrong(where, _expected(kind), value) from None
        if isinstance(found, float) and not abs(found) < float("inf"):
            raise self._wrong(where, _expected(kind), value)
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
            self._known("[detections]", {name: value}, _keys(DetectionsTable))
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
        return {_region(name): self._store(store) for name, store in value.items()}

    def _store(self, store: str) -> str:
        if "://" in store:
            return store
        return str(self._path.parent.resolve() / Path(store).expanduser())

    # What hangs together

    def _check(self, configuration: Configuration) -> None:
        for number, network in enumerate(configuration.inventory.networks):
            try:
                ip_network(network)
            except ValueError as error:
                where = f"[inventory] networks[{number}]"
                raise self._error(where, f"expected a network, like '10.0.0.0/8': {error}") from None
        for number, type_ in enumerate(configuration.detections.disable):
            if type_ not in self._types:
                raise self._unknown(f"[detections] disable[{number}]", "detection", type_, self._types)
            if type_ in configuration.types and configuration.types[type_].enabled:
                raise self._error(
                    f"[detections] disable[{number}]", f'{type_} has enabled = true in [detections."{type_}"]'
                )

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
        return self._error(where, f"expected {expected}, found {_shown(value)}")

    def _error(self, where: str, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self._path}: {where}: {what}".replace("\n", " "))


def _place(where: str, name: str, value: Any = None) -> str:
    """'[flows] sampling', '[geo]', 'cloud', '[threat_intel] feeds[0].path'."""
    shown = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name[:60]}"'
    if where:
        return f"{where}.{shown}" if not where.endswith("]") or _is_item(where) else f"{where} {shown}"
    kind = _fields(Configuration)[name].type if name in _fields(Configuration) else type(value)
    table = isinstance(kind, type) and issubclass(kind, _Table | dict)
    return f"[{shown}]" if table else shown


def _is_item(where: str) -> bool:
    return re.search(r" \S+\[[0-9]+\]$", where) is not None


def _region(name: str) -> str:
    """'West Europe' and 'westeurope' are the same region."""
    return name.replace(" ", "").lower()


def _fields(kind: type[_Table]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.name: field for field in msgspec.structs.fields(kind)}


def _keys(kind: type[_Table]) -> set[str]:
    return set(_fields(kind))


def _alternatives(kind: Any) -> list[Any]:
    """A type, or those of a union, without None."""
    bare = (
        [kind]
        if get_origin(kind) in (Annotated, tuple, Literal) or isinstance(kind, type)
        else get_args(kind)
    )
    return [one for one in bare if one is not type(None)]


def _items(kind: Any) -> Any:
    """The type of a list's items, None if it is no list."""
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return get_args(inner)[0] if get_origin(inner) is tuple else None


def _is_file(kind: Any) -> bool:
    return any(get_args(one)[:1] == (Path,) for one in _alternatives(kind))


def _expected(kind: Any) -> str:
    """A type in words."""
    one = _alternatives(kind)[0]
    if get_origin(one) is Literal:
        return f"one of {', '.join(get_args(one))}"
    metas = [arg for arg in get_args(one) if isinstance(arg, Meta)]
    return next((meta.description for meta in metas if meta.description), "a list of tables")


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

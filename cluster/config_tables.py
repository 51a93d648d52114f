"""What a configuration holds: these keys, and no others.

The descriptions beside the types are the words of the error messages (`cluster.config`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cluster.config_base import File, SaslTable, Severity, Table, Variable, YesNo
from cluster.config_expected import ExpectedTable
from cluster.config_feeds import ThreatIntelTable
from cluster.config_oidc import OidcTable
from cluster.config_sinks import SinkTable
from ingest.enrich import EnrichmentSettings
from ingest.threat_intel import Feed

Days = Annotated[float, Meta(ge=0, le=3650, description="a number of days, 0 to 3650")]
Cloud = Literal["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"]


class InventoryTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who had which address when."""

    path: File | None = None
    networks: Annotated[
        tuple[Annotated[str, Meta(description="a network, like '10.0.0.0/8'")], ...],
        Meta(description="a list of networks, like ['10.0.0.0/8']"),
    ] = ()


class GeoTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where addresses are."""

    database: File | None = None


class NetworksTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose networks addresses are in."""

    database: File | None = None


class FlowsTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """About flow records."""

    sampling: Annotated[int, Meta(ge=1, le=1 << 31, description="a whole number of at least 1")] = 1


class DetectionTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one type of detection; None = as it declares."""

    learning_days: Days | None = None
    severity: Severity | None = None
    enabled: YesNo | None = None
    threshold: Annotated[float, Meta(description="a number")] | None = None


class DetectionsTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of all detections; those of single types are `Configuration.types`."""

    disable: Annotated[
        tuple[Annotated[str, Meta(description="the name of a detection")], ...],
        Meta(description="a list of detections, like ['key_vault.unusual_user']"),
    ] = ()
    shadow: Annotated[
        tuple[Annotated[str, Meta(description="the name of a detection")], ...],
        Meta(description="a list of detections, like ['key_vault.unusual_user']"),
    ] = ()
    learning_days: Days | None = None
    budget: (
        Annotated[
            float, Meta(gt=0, le=1e6, description="a number of alerts a day, above 0 and at most 1,000,000")
        ]
        | None
    ) = None  # false ones to be expected, of the whole installation


class IntegrationsTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Other products whose work is not to be done twice."""

    cloud_app_security: YesNo = True


class EngineTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How records are processed."""

    lateness_minutes: Annotated[float, Meta(ge=0, le=1440, description="a number of minutes, 0 to 1440")] = 10
    routers: Annotated[int, Meta(ge=1, le=256, description="a whole number, 1 to 256")] = 1


class CheckpointsTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the state is saved, and how often."""

    store: Annotated[str, Meta(description="a folder, or a URL like 's3://bucket/folder'")] | None = None
    every_seconds: Annotated[float, Meta(ge=0.1, le=3600, description="a number of seconds, 0.1 to 3600")] = (
        10
    )
    every_records: (
        Annotated[int, Meta(ge=1, le=1 << 40, description="a whole number of at least 1")] | None
    ) = None
    options: Annotated[
        Mapping[str, Any], Meta(description="a table: what the store's file system is opened with")
    ] = {}


class StoreTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The store of alerts; those of regions are named in [regions]."""

    url: Annotated[
        str,
        Meta(
            description="a store's URL, like 'sqlite:///redshank.db' or 'postgresql://HOST/NAME'",
            min_length=1,
        ),
    ] = "sqlite:///redshank.db"
    keep_days: Annotated[float, Meta(ge=1, le=36500, description="a number of days, 1 to 36500")] | None = (
        None
    )


class ConsoleTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The web page over the store."""

    listen: Annotated[str, Meta(description="host and port, like '127.0.0.1:8321'")] | None = None
    hosts: Annotated[
        tuple[Annotated[str, Meta(description="a name, like 'redshank.example.com'")], ...],
        Meta(description="a list of names, like ['redshank.example.com']"),
    ] = ()
    https: YesNo = False  # whether a proxy in front of it speaks https
    certificate: File | None = None
    key: File | None = None
    oidc: OidcTable | None = None


class TlsTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How exporters' connections are made safe: files in PEM."""

    certificate: Annotated[str, Meta(description="the path of a certificate (PEM)")]
    key: Annotated[str, Meta(description="the path of the certificate's key (PEM)")]
    client_authorities: Annotated[
        str, Meta(description="the path of the authorities (PEM) whose certificates exporters must have")
    ] = ""


class SourceTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that `redshank serve` reads: a folder, a port, or topics of a Kafka cluster."""

    folder: (
        Annotated[
            str, Meta(description="a folder in which files appear and grow, or a URL like 'abfs://container'")
        ]
        | None
    ) = None
    ipfix: (
        Annotated[
            str,
            Meta(description="an address to listen on, like 'udp://0.0.0.0:4739' or 'tcp://0.0.0.0:4739'"),
        ]
        | None
    ) = None
    tls: TlsTable | None = None

    kafka: (
        Annotated[str, Meta(description="a broker's host and port, like 'NAME.servicebus.windows.net:9093'")]
        | None
    ) = None
    topics: Annotated[
        tuple[Annotated[str, Meta(description="the name of a topic", min_length=1)], ...],
        Meta(description="a list of topics, like ['insights-activity-logs']"),
    ] = ()
    group: Annotated[str, Meta(description="the name of a consumer group", min_length=1)] = "redshank"
    start: Literal["earliest", "latest"] = "earliest"
    sasl: SaslTable | None = None
    connection_string_env: Variable | None = None
    connection_string_file: File | None = None
    sas_env: Variable | None = None
    sas_file: File | None = None
    options: Annotated[
        Mapping[str, Any], Meta(description="a table: what the source is opened with, by its library's names")
    ] = {}


class ServeTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How `redshank serve` runs."""

    alerts: Annotated[str, Meta(description="the path of a file")] = "alerts.jsonl"
    listen: Annotated[
        str, Meta(description="host and port for health and metrics, like '127.0.0.1:9464'")
    ] = "127.0.0.1:9464"
    runtime: Literal["ray", "loop"] = "ray"
    address: Annotated[str, Meta(description="the address of a Ray cluster")] | None = None
    shards: Annotated[int, Meta(ge=1, le=4096, description="a whole number, 1 to 4096")] | None = None
    silence_minutes: Annotated[
        float, Meta(ge=0.01, le=1440, description="a number of minutes, 0.01 to 1440")
    ] = 5
    outage_minutes: Annotated[
        float, Meta(ge=0.01, le=10080, description="a number of minutes, 0.01 to 10080")
    ] = 60
    rest_minutes: Annotated[
        float, Meta(ge=0.01, le=1440, description="a number of minutes, 0.01 to 1440")
    ] = 10
    forget_hours: Annotated[float, Meta(ge=0.01, le=8760, description="a number of hours, 0.01 to 8760")] = 24
    journal: Annotated[str, Meta(description="the path of a folder")] = "journal"
    journal_megabytes: Annotated[int, Meta(ge=1, le=1 << 20, description="a whole number of at least 1")] = (
        1024
    )
    kept_megabytes: Annotated[int, Meta(ge=1, le=1 << 20, description="a whole number of at least 1")] = 64
    kept_files: Annotated[int, Meta(ge=1, le=1000, description="a whole number, 1 to 1000")] = 4
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class Configuration(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of it. Paths are absolute."""

    cloud: Cloud = "AzureCloud"
    inventory: InventoryTable = InventoryTable()
    geo: GeoTable = GeoTable()
    networks: NetworksTable = NetworksTable()
    threat_intel: ThreatIntelTable = ThreatIntelTable()
    flows: FlowsTable = FlowsTable()
    detections: DetectionsTable = DetectionsTable()
    integrations: IntegrationsTable = IntegrationsTable()
    engine: EngineTable = EngineTable()
    checkpoints: CheckpointsTable = CheckpointsTable()
    sources: tuple[SourceTable, ...] = ()
    serve: ServeTable = ServeTable()
    sinks: tuple[SinkTable, ...] = ()
    store: StoreTable | None = None  # of alerts; None: they are written to files alone
    regions: Mapping[str, str] = {}  # region, lower case without spaces -> its store; 'default' for the rest
    console: ConsoleTable = ConsoleTable()
    expected: ExpectedTable = ExpectedTable()
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

    def store_of(self, region: str) -> str | None:
        """The store of a region's alerts: as named for it, the default one, that of [store], or None."""
        rest = self.regions.get("default", self.store.url if self.store else None)
        return self.regions.get(region_key(region), rest)

    def stores(self) -> list[str]:
        """Every store of alerts; none where there is no [store]."""
        if self.store is None:
            return []
        rest = self.regions.get("default", self.store.url)
        return list(dict.fromkeys([rest, *self.regions.values()]))

    def enrichment(self) -> EnrichmentSettings:
        """What enrichment reads; feeds over the network are added by `cluster.feeds`."""
        near = (feed for feed in self.threat_intel.feeds if feed.path is not None)
        feeds = tuple(Feed(str(feed.path), feed.category, feed.name or "") for feed in near)
        return EnrichmentSettings(
            inventory=self.inventory.path,
            networks=self.inventory.networks,
            feeds=feeds,
            database=self.geo.database,
            systems=self.networks.database,
        )


def region_key(name: str) -> str:
    """'West Europe' and 'westeurope' are the same region."""
    return name.replace(" ", "").lower()

"""The [[sources]] of a configuration: what `redshank serve` reads."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from cluster.config_base import SaslTable
from cluster.config_tables import Configuration, SourceTable, TlsTable
from cluster.errors import UserError
from cluster.listening import Listener, added
from cluster.secrets import secret
from cluster.serve_run import now_us
from ingest.errors import ConfigurationError
from ingest.kafka import RESERVED, KafkaSettings
from ingest.live_sources import LiveSources
from ingest.object_store import EXTRAS, Bucket
from ingest.stream_receive import Tls

KINDS = ("folder", "ipfix", "kafka")
_OF_KAFKA = ("topics", "group", "start", "sasl")
_OF_STORES = ("connection_string_env", "connection_string_file", "sas_env", "sas_file")


@dataclass(slots=True)
class Gathered:
    """The sources of a configuration, by kind, each with the place where it says so."""

    folders: list[tuple[str, str]] = field(default_factory=list)
    buckets: list[tuple[str, Bucket]] = field(default_factory=list)
    ports: list[tuple[str, tuple[str, int]]] = field(default_factory=list)
    streams: list[tuple[str, KafkaSettings]] = field(default_factory=list)
    connections: list[tuple[str, tuple[str, int, Tls | None]]] = field(default_factory=list)  # by TCP
    listeners: list[Listener] = field(default_factory=list)  # of both, and those of a server's own pages

    def __len__(self) -> int:
        of_network = len(self.ports) + len(self.connections) + len(self.streams)
        return len(self.folders) + len(self.buckets) + of_network

    def add(self, source: SourceTable, where: str, base: Path) -> None:
        """One more. Raises UserError and ConfigurationError."""
        _check(source, where)
        if source.folder is not None and "://" in source.folder:
            self._add_bucket(bucket_of(source, where), where)
        elif source.folder is not None:
            self._add_folder(placed(source.folder, base), where)
        elif source.ipfix is not None:
            self._add_port(source.ipfix, _tls(source.tls, base, where), where)
        else:
            self._add_stream(_stream(source, where), where)

    def _add_folder(self, folder: str, where: str) -> None:
        mine = Path(folder).resolve()
        for _, other in self.folders:
            theirs = Path(other).resolve()
            is_shared = mine.is_relative_to(theirs) or theirs.is_relative_to(mine)
            if is_shared and mine.is_dir():  # what is no folder is told of as that
                raise UserError(
                    f"{where}: {folder}: files in it are those of another source, {other}, too, and would count "
                    "twice; name the outer one alone"
                )
        self.folders.append((where, folder))

    def _add_port(self, said: str, tls: Tls | None, where: str) -> None:
        scheme, _, address = said.partition("://")
        if scheme not in ("udp", "tcp") or not address:
            raise UserError(
                f"{where}: an address like 'udp://0.0.0.0:4739' or 'tcp://0.0.0.0:4739' was expected, found {said!r}"
            )
        host, port = host_and_port(address, where)
        added(self.listeners, Listener(where, scheme, host, port))
        if scheme == "udp":
            self.ports.append((where, (host, port)))
        else:
            self.connections.append((where, (host, port, tls)))

    def _add_bucket(self, bucket: Bucket, where: str) -> None:
        if any(bucket.has(one.url) or one.has(bucket.url) for _, one in self.buckets):
            raise UserError(
                f"{where}: {bucket.url}: is, or is in, that of another source; two accounts are told "
                "apart by their names: 'abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/...'"
            )
        self.buckets.append((where, bucket))

    def _add_stream(self, stream: KafkaSettings, where: str) -> None:
        for _, other in self.streams:
            if other.cluster == stream.cluster and set(other.topics) & set(stream.topics):
                raise UserError(f"{where}: a topic of {stream.cluster} is that of another source, too")
        self.streams.append((where, stream))


def pages(configuration: Configuration, config: Path) -> list[Listener]:
    """Where a server answers with its health and its console. Raises UserError."""
    found: list[Listener] = []
    for table, said in (("[serve]", configuration.serve.listen), ("[console]", configuration.console.listen)):
        if said is not None:
            where = f"{config}: {table} listen"
            one = Listener(where, "http", *host_and_port(said, where))
            added(found if configuration.sources else [], one)  # without sources there is no server
    return found


def gathered(configuration: Configuration, config: Path) -> Gathered:
    """All sources, of which there must be one; the configuration is that of the file. Raises UserError and
    ConfigurationError."""
    if not configuration.sources:
        raise UserError(
            f"{config}: has no [[sources]]: folder = '...', ipfix = 'udp://HOST:PORT' or kafka = 'HOST:PORT' was expected"
        )
    found = Gathered(listeners=pages(configuration, config))
    for number, source in enumerate(configuration.sources, 1):
        found.add(source, f"{config}: [[sources]] {number}", config.parent.resolve())
    return found


def finder_of(found: Gathered, configuration: Configuration, config: Path) -> LiveSources:
    """What finds all that they have. Raises UserError and ConfigurationError."""
    serve = configuration.serve
    for where, folder in found.folders:
        if not Path(folder).is_dir():
            raise UserError(f"{where}: {folder}: no such folder")
    # While a silent source may hold hours open it is not left to itself.
    rest_s = 60 * max(serve.rest_minutes, serve.silence_minutes)
    return LiveSources(
        tuple(one for _, one in found.folders),
        tuple(one for _, one in found.ports),
        Path(placed(serve.journal, config.parent.resolve())),
        serve.journal_megabytes << 20,
        now_us,
        rest_s,
        serve.forget_hours * 3_600,
        tuple(one for _, one in found.streams),
        tuple(one for _, one in found.buckets),
        tuple(one for _, one in found.connections),
    )


def bucket_of(source: SourceTable, where: str) -> Bucket:
    """What is under the URL of a source. Raises UserError and ConfigurationError."""
    assert source.folder is not None
    found = {
        "connection_string": secret(source, "connection_string", where),
        "sas_token": secret(source, "sas", where),
    }
    secrets = {name: value for name, value in found.items() if value is not None}
    if secrets and EXTRAS.get(source.folder.split("://", 1)[0]) != "azure":
        raise UserError(f"{where}: connection_string and sas are for Azure storage: 'abfs://CONTAINER/...'")
    bucket = Bucket(source.folder.rstrip("/"), {**secrets, **source.options})
    with told(where):
        bucket.check()
    return bucket


def _check(source: SourceTable, where: str) -> None:
    said = [kind for kind in KINDS if getattr(source, kind) is not None]
    if len(said) != 1:
        raise UserError(
            f"{where}: one of {', '.join(KINDS)} was expected, found {' and '.join(said) or 'none'}"
        )
    is_store = source.folder is not None and "://" in source.folder
    foreign = [(key, "kafka = '...'") for key in _OF_KAFKA if source.kafka is None]
    foreign += [(key, "a folder with a URL, like 'abfs://...'") for key in _OF_STORES if not is_store]
    if source.kafka is None and not is_store:
        foreign.append(("options", "kafka = '...' and for a folder with a URL"))
    if not (source.ipfix or "").startswith("tcp://"):
        foreign.append(("tls", "ipfix = 'tcp://HOST:PORT'"))
    default = SourceTable()
    for key, whose in foreign:
        if getattr(source, key) != getattr(default, key):
            raise UserError(
                f"{where}: {key} is for {whose}, and this is {said[0]} = {getattr(source, said[0])!r}"
            )


def bucket_for(url: str, configuration: Configuration, config: Path | None) -> Bucket:
    """What is under a URL that a command names: opened as a source of the same container is, if there is one."""
    for number, source in enumerate(configuration.sources, 1):
        if source.folder is not None and _container(source.folder) == _container(url):
            where = f"{config}: [[sources]] {number}"
            return bucket_of(msgspec.structs.replace(source, folder=url), where)
    return bucket_of(SourceTable(folder=url), "input")


def _container(url: str) -> str:
    """'abfs://CONTAINER@ACCOUNT...' of what is in it."""
    return "/".join(url.split("/")[:3]) if "://" in url else ""


def _tls(said: TlsTable | None, base: Path, where: str) -> Tls | None:
    """TLS with its files, which are looked at now: a wrong one is better said at the start."""
    if said is None:
        return None
    files = (said.certificate, said.key, said.client_authorities)
    made = Tls(*(placed(file, base) if file else "" for file in files))
    with told(f"{where}: tls"):
        made.context()
    return made


def _stream(source: SourceTable, where: str) -> KafkaSettings:
    assert source.kafka is not None
    servers = brokers(source.kafka, f"{where}: kafka")
    if not source.topics:
        raise UserError(f"{where}: has no topics: a list like ['insights-activity-logs'] was expected")
    if len(set(source.topics)) < len(source.topics):
        raise UserError(f"{where}: a topic is named twice")
    for name in source.options.keys() & RESERVED.keys():
        instead = f"; say {RESERVED[name]} = '...'" if RESERVED[name] else ""
        raise UserError(f"{where}: options: {name} can't be set, reading depends on it{instead}")
    options = {**login(source.sasl, f"{where}: [sources.sasl]"), **source.options}
    settings = KafkaSettings(servers, tuple(source.topics), source.group, source.start, options)
    with told(where):
        settings.consumer().close()  # refuses options that there are not
    return settings


@contextmanager
def told(where: str) -> Iterator[None]:
    """What can't be used is said with its place."""
    try:
        yield
    except ConfigurationError as error:
        raise UserError(f"{where}: {error}") from None


def brokers(said: str, where: str) -> str:
    """'HOST:PORT', or several with commas between, without blanks. Raises UserError."""
    servers = [one.strip() for one in said.split(",")]
    for one in servers:
        host_and_port(one, where)
    return ",".join(servers)


def login(
    sasl: SaslTable | None, where: str, environment: Mapping[str, str] = os.environ
) -> Mapping[str, Any]:
    """librdkafka's options for it. Raises UserError where the password is not there."""
    if sasl is None:
        return {}
    password = secret(sasl, "password", where, environment)
    if password is None:
        raise UserError(f"{where}: has no password_env or password_file")
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": sasl.mechanism,
        "sasl.username": sasl.username,
        "sasl.password": password,
    }


def placed(said: str, folder: Path) -> str:
    """Paths are relative to the configuration."""
    return said if "://" in said else str(folder / Path(said).expanduser())


def host_and_port(said: str, where: str) -> tuple[str, int]:
    """Both parts of 'HOST:PORT'. Raises UserError for anything else."""
    host, _, port = said.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise UserError(f"{where}: HOST:PORT was expected, found {said!r}")
    return host.strip("[]"), int(port)

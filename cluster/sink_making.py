"""A sink of each kind, from its table; secrets come from the environment or from files, and are never said."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import urlsplit

from cluster.config_sinks import SinkTable
from cluster.errors import UserError
from cluster.secrets import secret

if TYPE_CHECKING:
    from alerts.sinks.base import Sink
    from alerts.sinks.syslog import Transport

_MAIL = re.compile(r"[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,253}", re.ASCII)


class Making(NamedTuple):
    """What is known beside the table."""

    where: str  # for errors
    folder: Path  # that paths are relative to
    cloud: str
    environment: Mapping[str, str]

    def secret(self, table: SinkTable, name: str) -> str | None:
        """What the table's `name_env` or `name_file` points to; None if it has neither. Raises UserError."""
        return secret(table, name, self.where, self.environment)


def made(table: SinkTable, making: Making) -> Sink:
    """The sink. Raises UserError where it can't be made."""
    return _MAKERS[table.kind](table, making)


def _webhook(table: SinkTable, making: Making) -> Sink:
    from alerts.sinks.http import Poster
    from alerts.sinks.webhook import Webhook

    url = _url(table.url or "", making.where, "url")
    key, token = making.secret(table, "secret"), making.secret(table, "token")
    if token is not None and not token.isascii():
        raise UserError(f"{making.where} token: letters of ASCII were expected")
    if token is not None and url.startswith("http:") and not table.allow_internal:
        raise UserError(f"{making.where}: a token is not sent without TLS: https was expected")
    poster = Poster(table.timeout_seconds, table.allow_internal, _ca(table, making))
    _ready(table, making)
    return Webhook(url, poster, key.encode() if key else None, token, table.format or "json")


def _line_file(table: SinkTable, making: Making) -> Sink:
    from alerts.sinks.file import LineFile

    _ready(table, making)
    return LineFile(making.folder / Path(table.path or "").expanduser(), table.format or "json")


def _mail(table: SinkTable, making: Making) -> Sink:
    from alerts.sinks.mail import PORTS, Mail, Server

    for one in (table.sender or "", *table.to):
        if not _MAIL.fullmatch(one):
            raise UserError(f"{making.where}: an address like 'soc@example.com' was expected, found {one!r}")
    if not table.to:
        raise UserError(f"{making.where} to: has no address")
    security = table.security or "starttls"
    password = making.secret(table, "password")
    if (table.user is None) != (password is None):
        raise UserError(f"{making.where}: user and password_env (or password_file) go together")
    if password is not None and security == "none":
        raise UserError(f"{making.where}: a password is not sent without TLS: security = 'starttls' or 'tls'")
    server = Server(
        table.host or "",
        table.port or PORTS[security],
        security,
        table.user,
        password,
        table.timeout_seconds,
        _ca(table, making),
    )
    if table.pictures:
        _check_plots(making)
    return Mail(server, table.sender or "", table.pictures)


def _check_plots(making: Making) -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"{making.where} pictures: needs matplotlib ({error}): install it with  pip install 'redshank[plots]'"
        ) from None


def _syslog(table: SinkTable, making: Making) -> Sink:
    from alerts.sinks.syslog import Collector, Syslog

    try:
        there = urlsplit(table.address or "")
        host, port = there.hostname, there.port or {"tls": 6514}.get(there.scheme, 514)
    except ValueError:
        host = None
    if not host or there.scheme not in ("udp", "tcp", "tls") or there.path.strip("/") or there.username:
        raise UserError(
            f"{making.where} address: udp://HOST:PORT, tcp:// or tls:// was expected, found {table.address!r}"
        )
    transport = cast("Transport", there.scheme)
    to = Collector(
        transport, host, port, table.framing or "octets", table.timeout_seconds, _ca(table, making)
    )
    return Syslog(to, table.format or "syslog")


def _chat(table: SinkTable, making: Making) -> Sink:
    from alerts.sinks.chat import Chat

    url = making.secret(table, "url")
    try:
        return Chat(url or "")
    except ImportError:
        raise UserError(f"{making.where}: needs Apprise: install redshank[chat]") from None
    except ValueError as error:
        raise UserError(f"{making.where} url: {error}: see docs/delivery.md for some") from None


def _sentinel(table: SinkTable, making: Making) -> Sink:
    from alerts.sinks.http import Poster
    from alerts.sinks.sentinel import CLOUDS, Sentinel, Workspace

    authority, scope = CLOUDS[making.cloud]
    to = Workspace(
        _url(table.url or "", making.where, "url"),
        table.rule or "",
        table.stream or "",
        _url(table.authority or authority, making.where, "authority"),
        scope,
        table.tenant or "",
        table.client or "",
        making.secret(table, "secret") or "",
    )
    return Sentinel(to, Poster(table.timeout_seconds, table.allow_internal, _ca(table, making)))


def _kafka(table: SinkTable, making: Making) -> Sink:
    from alerts.sinks.kafka import TIMEOUT, Kafka
    from cluster.sources import brokers, login, told
    from ingest.kafka import KafkaSettings

    _ready(table, making)
    options = dict(table.options or {})
    for name, instead in (("bootstrap.servers", "servers"), (TIMEOUT, "timeout_seconds")):
        if name in options:
            raise UserError(f"{making.where} options: {name} can't be set; say {instead} = ...")
    servers = brokers(table.servers or "", f"{making.where} servers")
    options = {**login(table.sasl, f"{making.where}: [sinks.sasl]", making.environment), **options}
    settings = KafkaSettings(servers, (table.topic or "",), options=options)
    with told(making.where):
        return Kafka(settings, table.timeout_seconds, table.format or "json")


def _ready(table: SinkTable, making: Making) -> None:
    """What its format needs is there. Raises UserError."""
    from alerts.formats import ready

    try:
        ready(table.format or "json")
    except ImportError as error:
        raise UserError(f"{making.where} format: {error}") from None


def _ca(table: SinkTable, making: Making) -> str | None:
    """A file of authorities that OpenSSL can read. Raises UserError."""
    if table.ca_file is None:
        return None
    import ssl

    try:
        ssl.create_default_context(cafile=str(table.ca_file))
    except (ssl.SSLError, OSError):
        raise UserError(
            f"{making.where} ca_file: {table.ca_file}: certificates in PEM were expected"
        ) from None
    return str(table.ca_file)


def _url(url: str, where: str, key: str) -> str:
    """One that can be posted to. Raises UserError."""
    try:
        there = urlsplit(url)
        usable = there.scheme in ("http", "https") and bool(there.hostname) and there.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise UserError(f"{where} {key}: an address like 'https://example.com/alerts' was expected")
    if there.username is not None or there.password is not None:
        raise UserError(f"{where} {key}: holds a name or a password: token_env keeps it out of this file")
    return url


_MAKERS: Mapping[str, Callable[[SinkTable, Making], Sink]] = {
    "webhook": _webhook,
    "file": _line_file,
    "email": _mail,
    "syslog": _syslog,
    "chat": _chat,
    "sentinel": _sentinel,
    "kafka": _kafka,
}

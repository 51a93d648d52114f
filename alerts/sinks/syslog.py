"""Syslog over UDP (RFC 5426), TCP and TLS (RFC 6587, RFC 5425): RFC 5424 with CEF in it, or CEF alone."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from typing import Literal, NamedTuple

from alerts.formats import cef, syslog
from alerts.output import worded
from alerts.sinks.addresses import connect, resolve, why
from alerts.sinks.base import NOTHING_HELD, Held, NotNowError, RefusedError
from alerts.store.outbox import Row

Transport = Literal["udp", "tcp", "tls"]
Framing = Literal["octets", "newline"]
LINGER_S = 2.0  # that a collector is waited for when all was said


class Collector(NamedTuple):
    """Who listens."""

    transport: Transport
    host: str
    port: int
    framing: Framing
    timeout_s: float
    ca_file: str | None = None


def message(row: Row, form: str) -> bytes:
    """One message without a frame; no line break and no control character is in it."""
    alert = worded(row.alert)
    return cef.text(alert).encode() if form == "cef" else syslog.message(alert)


def framed(one: bytes, framing: Framing) -> bytes:
    """A message as it stands in a stream.

    >>> framed(b"<1>1 -", "octets"), framed(b"<1>1 -", "newline")
    (b'6 <1>1 -', b'<1>1 -\\n')
    """
    return b"%d %s" % (len(one), one) if framing == "octets" else one + b"\n"


class Syslog:
    """Sends. UDP and TCP have no word for "I have it": what went out in order counts as delivered."""

    most = 100

    def __init__(self, collector: Collector, form: str = "syslog") -> None:
        self._to, self._form = collector, form
        self._context = ssl.create_default_context(cafile=collector.ca_file)

    def send(self, rows: Sequence[Row], at: float, held: Held = NOTHING_HELD) -> None:
        """Raises NotNowError or RefusedError."""
        messages = [message(row, self._form) for row in rows]
        try:
            if self._to.transport == "udp":
                self._datagrams(messages)
            else:
                self._stream(b"".join(framed(one, self._to.framing) for one in messages))
        except OSError as error:
            raise NotNowError(f"{self._place()}: {why(error)}") from None

    def _datagrams(self, messages: Sequence[bytes]) -> None:
        host = resolve(self._to.host, self._to.port)[0]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as out:
            out.settimeout(self._to.timeout_s)
            out.connect((host, self._to.port))
            for one in messages:
                try:
                    out.send(one)
                except OSError as error:
                    if len(one) > 60_000:
                        raise RefusedError(f"a message of {len(one):,} octets is too long for UDP") from error
                    raise

    def _stream(self, octets: bytes) -> None:
        """A connection a helping: one that was kept may be gone, and takes what is written as if it were not."""
        with self._connected() as out:
            out.sendall(octets)
            out.settimeout(min(LINGER_S, self._to.timeout_s))
            try:
                if isinstance(out, ssl.SSLSocket):
                    out.unwrap()
                else:
                    out.shutdown(socket.SHUT_WR)
                    out.recv(1)  # its end, or a reset that tells that it was not read
            except (TimeoutError, ssl.SSLError):
                return  # it keeps the connection open: that is its right

    def _connected(self) -> socket.socket:
        out = connect(self._to.host, self._to.port, self._to.timeout_s, allow_internal=True)
        if self._to.transport != "tls":
            return out
        try:
            return self._context.wrap_socket(out, server_hostname=self._to.host)
        except BaseException:
            out.close()
            raise

    def check(self) -> str:
        """Raises NotNowError."""
        try:
            if self._to.transport == "udp":
                resolve(self._to.host, self._to.port)
                return f"{self._place()}: the name is known; UDP does not tell who listens"
            with self._connected() as out:
                secured = f", {out.version()}" if isinstance(out, ssl.SSLSocket) else " (without TLS)"
            return f"{self._place()} answers{secured}"
        except OSError as error:
            raise NotNowError(f"{self._place()}: {why(error)}") from None

    def _place(self) -> str:
        return f"{self._to.transport}://{self._to.host}:{self._to.port}"

    def close(self) -> None:
        """Nothing is open."""

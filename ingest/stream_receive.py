"""IPFIX messages from TCP connections (RFC 7011, section 10.4), with TLS where that is asked for.

A message is handed on as a datagram would be, under the address and port of its connection; the end of a connection
is told in line with them, for templates live as long as it does.
"""

from __future__ import annotations

import resource
import selectors
import socket
import ssl
import time
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from ingest.errors import ConfigurationError
from ingest.ipfix_runs import HEADER, VERSION
from ingest.receive import WAIT_S, Arrived

CLOSED = b"\xff\xffclosed"  # in place of a message: the connection has ended
EVERY = (bytes(16), 0)  # the source of a `CLOSED` that is about all connections
MAX_CONNECTIONS = 1_024
HANDSHAKE_S = 10.0  # for which one may take
MAX_SAID = 100  # problems that wait to be said
_READ = 1 << 16
_READS = 16  # of one connection before the others have their turn
_EXCERPT = 256  # octets of what is no message


class Tls(NamedTuple):
    """Files in PEM: our certificate with its key, and the authorities that exporters' certificates must be of."""

    certificate: str
    key: str
    client_authorities: str = ""  # '': exporters need no certificate

    def context(self) -> ssl.SSLContext:
        """What connections are made with. Raises ConfigurationError."""
        for name, path in (("certificate", self.certificate), ("key", self.key)):
            if not Path(path).is_file():
                raise ConfigurationError(f"{path}: no such file; the {name} of tls was expected there")
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            made.load_cert_chain(self.certificate, self.key, _no_password)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"{self.certificate}: it can't be used with the key {self.key} ({_why(error)})"
            ) from None
        if self.client_authorities:
            try:
                made.load_verify_locations(self.client_authorities)
            except (OSError, ssl.SSLError) as error:
                raise ConfigurationError(
                    f"{self.client_authorities}: no authorities ({_why(error)})"
                ) from None
            made.verify_mode = ssl.CERT_REQUIRED
        return made

    def unwelcome(self) -> str:
        """Why an exporter that knows the certificate would not take it now, it has expired say; '' where it would.

        We ask as one would: by a handshake in memory.
        """
        theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        theirs.check_hostname = False  # under which name it knows us, nobody here can tell
        theirs.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        theirs.load_verify_locations(self.certificate)
        there, here = ssl.MemoryBIO(), ssl.MemoryBIO()
        exporter = theirs.wrap_bio(here, there)
        collector = self.context().wrap_bio(there, here, server_side=True)
        try:
            for one in (exporter, collector, exporter):
                with suppress(ssl.SSLWantReadError):
                    one.do_handshake()
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        return ""


def _no_password() -> str:
    """In place of OpenSSL's question, at which a server would wait."""
    raise OSError(
        0, "the key has a password, which nobody would be there to type: write it without, openssl pkey does"
    )


def listening(host: str, port: int) -> socket.socket:
    """A TCP socket there. Raises ConfigurationError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(128)
            made.setblocking(False)
        except BaseException:
            made.close()
            raise
    except OSError as error:
        raise ConfigurationError(f"tcp://{host}:{port} can't be listened on: {error.strerror}") from None
    return made


class Streams:
    """A `Receiver` of the messages of all connections to a socket."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        self._listener, self._context = listener, context
        # A process may open so many files, and needs some for its sources: without them nothing could be accepted.
        self._most = min(MAX_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._open: set[_Connection] = set()
        self._arrived: list[Arrived] = [(EVERY, CLOSED)]  # none of an earlier process's connections is left
        self._said: list[str] = []

    def receive(self) -> list[Arrived]:
        """See `Receiver.receive`."""
        for key, _ in self._selector.select(WAIT_S):
            if key.fileobj is self._listener:
                self._accept()
            else:
                self._read(key.data)
        now = time.monotonic()
        for one in [one for one in self._open if one.is_late(now)]:
            self._drop(one, "its TLS handshake was not done in time")
        arrived, self._arrived = self._arrived, []
        return arrived

    def end(self) -> list[Arrived]:
        """Close all connections; what was begun on them."""
        for one in list(self._open):
            self._drop(one, "")
        self._selector.close()
        arrived, self._arrived = self._arrived, []
        return arrived

    def problems(self) -> list[str]:
        """What went wrong with connections since it was asked last."""
        said, self._said = self._said, []
        return said

    def _accept(self) -> None:
        try:
            made, address = self._listener.accept()
        except OSError:
            return  # gone again
        source = _source(address)
        if len(self._open) >= self._most:
            self._say(source, f"{self._most:,} connections are open; another one was refused")
            made.close()
            return
        made.setblocking(False)
        try:
            _notice_the_dead(made)
            if self._context is not None:
                made.getpeername()  # asked here, for what is gone `wrap_socket` would leave open
                made = self._context.wrap_socket(made, server_side=True, do_handshake_on_connect=False)
        except OSError as error:  # it was reset before it was accepted, by a scan of ports say
            made.close()
            self._say(source, _why(error))
            return
        one = _Connection(made, source, self._context is not None)
        self._open.add(one)
        self._selector.register(made, selectors.EVENT_READ, one)

    def _read(self, one: _Connection) -> None:
        try:
            events = one.shake_hands()
            if events is not None:
                self._selector.modify(one.socket, events, one)
                return
            self._selector.modify(one.socket, selectors.EVENT_READ, one)
            self._take(one)
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        except OSError as error:  # TLS's are some, too
            self._drop(one, _why(error))

    def _take(self, one: _Connection) -> None:
        reads = 0
        # What TLS has unpacked already no selector tells of.
        while reads < _READS or one.pending():
            reads += 1
            data = one.socket.recv(_READ)
            if not data:
                self._drop(one, "")
                return
            messages, is_sound = one.messages(data)
            self._arrived += [(one.source, message) for message in messages]
            if not is_sound:
                self._drop(one, "it sent what is no IPFIX message, and was closed")
                return

    def _drop(self, one: _Connection, reason: str) -> None:
        self._open.discard(one)
        with suppress(KeyError, ValueError):
            self._selector.unregister(one.socket)
        with suppress(OSError):
            one.socket.close()
        if one.rest:
            self._arrived.append((one.source, bytes(one.rest[:_EXCERPT])))
        if one.is_ready:
            self._arrived.append((one.source, CLOSED))
        if reason:
            self._say(one.source, reason)

    def _say(self, source: tuple[bytes, int], reason: str) -> None:
        from ingest.exporters import shown

        if len(self._said) < MAX_SAID:
            self._said.append(f"the connection of {shown(source)}: {reason}")


class _Connection:
    def __init__(self, made: socket.socket, source: tuple[bytes, int], is_tls: bool) -> None:
        self.socket, self.source = made, source
        self.rest = bytearray()
        self.is_ready = not is_tls
        self._since = time.monotonic()

    def is_late(self, now: float) -> bool:
        return not self.is_ready and now - self._since > HANDSHAKE_S

    def pending(self) -> int:
        return self.socket.pending() if isinstance(self.socket, ssl.SSLSocket) else 0

    def shake_hands(self) -> int | None:
        """Go on with the handshake: what it waits for; None: it is done. Raises OSError."""
        if not self.is_ready and isinstance(self.socket, ssl.SSLSocket):
            try:
                self.socket.do_handshake()
            except ssl.SSLWantReadError:
                return selectors.EVENT_READ
            except ssl.SSLWantWriteError:
                return selectors.EVENT_WRITE
            self.is_ready = True
        return None

    def messages(self, data: bytes) -> tuple[list[bytes], bool]:
        """The messages that are whole; False: what follows is none."""
        self.rest += data
        found: list[bytes] = []
        rest, at = bytes(self.rest), 0
        while len(rest) - at >= HEADER:
            version, length = (
                int.from_bytes(rest[at : at + 2], "big"),
                int.from_bytes(rest[at + 2 : at + 4], "big"),
            )
            if version != VERSION or length < HEADER:
                self.rest = bytearray(rest[at:])
                return found, False
            if len(rest) - at < length:
                break
            found.append(rest[at : at + length])
            at += length
        self.rest = bytearray(rest[at:])
        return found, True


def _notice_the_dead(made: socket.socket) -> None:
    """An exporter that lost its power has closed nothing: the kernel asks whether it is there, or its place is lost."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):  # not every system lets one say when
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _source(address: Any) -> tuple[bytes, int]:
    packed = ip_address(address[0].partition("%")[0]).packed
    return (packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed), address[1]


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        said = "it is not in PEM" if "PEM lib" in str(error) else error.reason or str(error)
        return f"TLS: {said.replace('_', ' ').lower()}"
    return str(getattr(error, "strerror", None) or error).lower()

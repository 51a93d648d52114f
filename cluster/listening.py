"""The ports that a server listens on: whether two of a configuration are one, and whether one can be had."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, NamedTuple

from cluster.errors import UserError
from ingest.receive import PATIENCE_S

Address = IPv4Address | IPv6Address


class Listener(NamedTuple):
    """Where a table of a configuration has a server listen."""

    where: str  # the table
    scheme: str  # 'udp', 'tcp': of exporters; 'http': pages
    host: str
    port: int

    @property
    def shown(self) -> str:
        """As a configuration has it."""
        both = joined(self.host, self.port)
        return both if self.scheme == "http" else f"{self.scheme}://{both}"

    @property
    def kind(self) -> socket.SocketKind:
        """Of its socket."""
        return socket.SOCK_DGRAM if self.scheme == "udp" else socket.SOCK_STREAM

    def resolved(self) -> tuple[socket.AddressFamily, Any]:
        """What it binds: the first address of its name, for pages the first of IPv4. Raises OSError where it has none."""
        family = socket.AF_INET if self.scheme == "http" and ":" not in self.host else socket.AF_UNSPEC
        found = socket.getaddrinfo(self.host, self.port, family, self.kind, flags=socket.AI_PASSIVE)[0]
        return found[0], found[4]


def joined(host: str, port: int) -> str:
    """As in a URL.

    >>> joined("127.0.0.1", 9464), joined("::1", 9464)
    ('127.0.0.1:9464', '[::1]:9464')
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def added(known: list[Listener], one: Listener) -> None:
    """One more beside those. Raises UserError, with both tables, where they can't both be listened on."""
    for other in known:
        if (one.kind, one.port) != (other.kind, other.port):
            continue
        if _is_shared(one, other):
            raise UserError(
                f"{one.where}: {one.shown}: that is where {_table(other)} ({other.shown}) listens, and only one of "
                "both can; take another port, or leave one out"
            )
        if one.scheme == other.scheme != "http":
            # Of IPv6 that takes what is IPv4's, too; the other way round it would not.
            everywhere = "[::]" if ":" in one.host + other.host else "0.0.0.0"
            raise UserError(
                f"{one.where}: {one.shown}: {_table(other)} ({other.shown}) has this port on another address, and a "
                "port's journal can't be shared; take another port, or listen on all addresses once: "
                f"'{one.scheme}://{everywhere}:{one.port}'"
            )
    known.append(one)


def check_free(listeners: Iterable[Listener]) -> None:
    """Raises UserError, with the table, for the first that can't be had: what has it may be about to end, and is waited for."""
    until = time.monotonic() + PATIENCE_S
    for one in listeners:
        while (fault := fault_of(one)) is not None:
            if fault.errno != errno.EADDRINUSE or time.monotonic() > until:
                raise UserError(f"{one.where}: {one.shown}: {mend(fault)}") from None
            time.sleep(0.05)


def fault_of(one: Listener) -> OSError | None:
    """Why it can't be listened on now; None if it can."""
    try:
        family, address = one.resolved()
        with socket.socket(family, one.kind) as made:
            if one.kind == socket.SOCK_STREAM:
                # What is left of connections of before keeps no server from it.
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
    except OSError as error:
        return error
    return None


def mend(fault: OSError) -> str:
    """What is wrong, and what to do."""
    if fault.errno == errno.EADDRINUSE:
        return "the port is taken: by a server that runs already, or by another program; end it, or take another port"
    if fault.errno == errno.EACCES:
        return "this user may not listen there; take a port above 1023"
    if fault.errno == errno.EADDRNOTAVAIL or isinstance(fault, socket.gaierror):
        return f"the address is none of this machine's ({fault.strerror}); 0.0.0.0 is all of them"
    return f"can't be listened on: {fault.strerror}"


def _table(listener: Listener) -> str:
    """Without the file, which the line has named."""
    return listener.where.rpartition(": ")[2]


def _is_shared(one: Listener, other: Listener) -> bool:
    """Whether what is bound for one of them keeps the other from it: '::' takes what is IPv4's, too."""
    mine, theirs = _address(one), _address(other)
    if mine is None or theirs is None:
        return one.host.lower() == other.host.lower()
    if mine == theirs:
        return True
    both = mine.version == theirs.version == 4
    return any(found.is_unspecified and (both or found.version == 6) for found in (mine, theirs))


def _address(one: Listener) -> Address | None:
    """What it binds, IPv4 as such; None where nobody can tell."""
    try:
        _, address = one.resolved()
        found = ip_address(str(address[0]).partition("%")[0])
    except (OSError, ValueError):
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found

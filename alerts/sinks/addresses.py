"""Which addresses a sink may connect to: those that the Internet reaches, unless the configuration allows others.

A name is looked up once, every answer is looked at, and the connection goes to one of these answers: what the name
says a moment later has no effect.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Connection = TypeVar("Connection")
Resolve = Callable[[str, int], list[str]]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")


class InternalError(OSError):
    """The address is not one of the Internet."""


def is_internal(said: str) -> bool:
    """Whether an address is of this machine, of a private network, of a metadata service or the like.

    >>> [is_internal(one) for one in ("127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::a00:1", "8.8.8.8")]
    [True, True, True, True, False]
    """
    address = ipaddress.ip_address(said.partition("%")[0])
    return any(_not_global(one) for one in _meant(address))


def _not_global(one: Address) -> bool:
    return not one.is_global or one.is_multicast or one in _NAT64_LOCAL


def _meant(address: Address) -> Iterable[Address]:
    """An address, and the IPv4 addresses that hide in it."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    inner: list[Address] = [one for one in (address.ipv4_mapped, address.sixtofour) if one is not None]
    if address.teredo:
        inner += address.teredo
    if address in _NAT64:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        return inner
    return inner if address.ipv4_mapped else [address, *inner]


def resolve(host: str, port: int) -> list[str]:
    """What a name stands for. Raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError(f"{host}: not a name of a host") from None
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def usable(host: str, port: int, allow_internal: bool, look_up: Resolve = resolve) -> list[str]:
    """The addresses of a host that may be connected to. Raises InternalError, or another OSError."""
    addresses = look_up(host, port)
    if not addresses:
        raise OSError(f"{host}: the name stands for no address")
    if not allow_internal and (inside := next(filter(is_internal, addresses), None)):
        of = "" if inside == host else f" ({inside})"
        raise InternalError(f"{host}{of} is an internal address: allow_internal = true allows it")
    return addresses


def first_that_answers(addresses: list[str], connected: Callable[[str], Connection]) -> Connection:
    """A connection to one of them. Raises what the last one raised."""
    for address in addresses[:-1]:
        with suppress(Exception):
            return connected(address)
    return connected(addresses[-1])


def connect(
    host: str, port: int, timeout: float, allow_internal: bool = False, look_up: Resolve = resolve
) -> socket.socket:
    """A connection to a host that may be connected to. Raises InternalError, or another OSError."""
    return first_that_answers(
        usable(host, port, allow_internal, look_up),
        lambda address: socket.create_connection((address, port), timeout),
    )


def why(error: OSError) -> str:
    """An error of the network in words."""
    if isinstance(error, socket.gaierror):
        return "the name is not known" if error.errno == socket.EAI_NONAME else str(error.strerror)
    return str(error.strerror or error) or type(error).__name__

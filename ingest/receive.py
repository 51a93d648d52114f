"""Datagrams from a UDP socket, many with one call where the platform can do that (Linux' recvmmsg)."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
import time
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ingest.errors import ConfigurationError

MANY = 128  # datagrams with one call
LARGEST = 65_535
REMEMBERED = 4_096  # sources
WAIT_S = 0.1  # for which a call waits for the first one
PATIENCE_S = 10  # for which another process on the port is waited for: it may be about to end
_FORCE = 33  # SO_RCVBUFFORCE: beyond net.core.rmem_max, for who may

Arrived = tuple[tuple[bytes, int], bytes]  # 16 octets of IPv6 (mapped, if IPv4) and port; the datagram


class Receiver(Protocol):
    """Reads a socket."""

    def receive(self) -> list[Arrived]:
        """What came, in order; nothing after `WAIT_S` without any. Raises OSError if the socket is closed."""
        ...

    def end(self) -> list[Arrived]:
        """What had come and was not whole; nothing is received any more."""
        ...

    def problems(self) -> list[str]:
        """What went wrong with senders since it was asked last."""
        ...


class _Heard:
    """Of datagrams nothing is left at the end, and nothing goes wrong with their senders."""

    def end(self) -> list[Arrived]:
        """See `Receiver.end`."""
        return []

    def problems(self) -> list[str]:
        """See `Receiver.problems`."""
        return []


def bound(host: str, port: int, buffer: int) -> socket.socket:
    """A UDP socket there, with a buffer of so many octets if that is allowed. Raises ConfigurationError."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
            )[0]
            made = socket.socket(family, kind, protocol)
        except OSError as error:
            raise ConfigurationError(f"udp://{host}:{port} can't be listened on: {error.strerror}") from None
        try:
            _enlarge(made, buffer)
            made.bind(address)
            return made
        except OSError as error:
            made.close()
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                text = f"udp://{host}:{port} can't be listened on: {error.strerror}"
                raise ConfigurationError(text) from None
        time.sleep(0.05)


def _enlarge(made: socket.socket, buffer: int) -> None:
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    if sys.platform == "linux":
        with suppress(PermissionError):
            made.setsockopt(socket.SOL_SOCKET, _FORCE, buffer)


def receiver(made: socket.socket) -> Receiver:
    """The quickest one that this platform has."""
    if sys.platform == "linux" and ctypes.sizeof(ctypes.c_void_p) == 8:
        with suppress(OSError, AttributeError):
            return _Many(made)
    return One(made)


class One(_Heard):
    """A call a datagram."""

    def __init__(self, made: socket.socket) -> None:
        self._socket = made
        self._sources: dict[Any, tuple[bytes, int]] = {}
        made.settimeout(WAIT_S)

    def receive(self) -> list[Arrived]:
        """See `Receiver.receive`."""
        found: list[Arrived] = []
        flags = 0
        try:
            while len(found) < MANY:
                data, address = self._socket.recvfrom(LARGEST, flags)
                found.append((self._sources.get(address) or self._source(address), data))
                flags = socket.MSG_DONTWAIT
        except (TimeoutError, BlockingIOError):
            pass
        return found

    def _source(self, address: Any) -> tuple[bytes, int]:
        """From what Python makes of an address."""
        if len(self._sources) > REMEMBERED:
            self._sources.clear()
        packed = ip_address(address[0].partition("%")[0]).packed
        made = packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed, address[1]
        self._sources[address] = made
        return made


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct mmsghdr of 64-bit Linux."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("length", ctypes.c_uint32),
    )


class _Many(_Heard):
    """One call for many datagrams: the interpreter's lock is given away and waited for once for them all."""

    _NAME = 28  # octets of a sockaddr_in6
    _WAIT_FOR_ONE = 0x10000

    def __init__(self, made: socket.socket) -> None:
        """Raises AttributeError where there is no such call."""
        self._call = ctypes.CDLL(None, use_errno=True).recvmmsg
        self._socket = made
        made.setblocking(True)
        # SO_RCVTIMEO: what Python's own time-outs do outside the call, the kernel does within it.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, int(WAIT_S * 1e6)))
        self._data = ctypes.create_string_buffer(MANY * (LARGEST + 1))
        self._names = ctypes.create_string_buffer(MANY * self._NAME)
        self._vectors = (_Vector * MANY)()
        self._headers = (_Header * MANY)()
        self._view, self._name_view = memoryview(self._data), memoryview(self._names)
        words = np.frombuffer(memoryview(self._headers), np.uint32).reshape(MANY, -1)
        self._lengths = words[:, _Header.length.offset // 4]
        self._name_lengths = words[:, _Header.name_length.offset // 4]
        self._sources: dict[bytes, tuple[bytes, int]] = {}
        data, names = ctypes.addressof(self._data), ctypes.addressof(self._names)
        for at, (vector, header) in enumerate(zip(self._vectors, self._headers, strict=True)):
            vector.base, vector.length = data + at * (LARGEST + 1), LARGEST + 1
            header.vectors, header.vector_count = ctypes.addressof(vector), 1
            header.name, header.name_length = names + at * self._NAME, self._NAME

    def receive(self) -> list[Arrived]:
        """See `Receiver.receive`."""
        count = self._call(self._socket.fileno(), self._headers, MANY, self._WAIT_FOR_ONE, None)
        if count < 0:
            number = ctypes.get_errno()
            if number in (errno.EAGAIN, errno.EINTR):
                return []
            raise OSError(number, os.strerror(number))
        found, view, names, known = [], self._view, self._name_view, self._sources
        lengths, name_lengths = self._lengths[:count].tolist(), self._name_lengths[:count].tolist()
        self._name_lengths[:count] = self._NAME
        for at, (length, name_length) in enumerate(zip(lengths, name_lengths, strict=True)):
            begin, named = at * (LARGEST + 1), at * self._NAME
            name = bytes(names[named : named + name_length])
            found.append((known.get(name) or self._source(name), bytes(view[begin : begin + length])))
        return found

    def _source(self, name: bytes) -> tuple[bytes, int]:
        """From a sockaddr_in or sockaddr_in6."""
        if len(self._sources) > REMEMBERED:
            self._sources.clear()
        port = int.from_bytes(name[2:4], "big")
        address = bytes(10) + b"\xff\xff" + name[4:8] if len(name) == 16 else name[8:24]
        made = self._sources[name] = address, port
        return made


def dropped(made: socket.socket) -> int | None:
    """Datagrams that the kernel dropped for want of room in the socket's buffer; None: it does not say."""
    try:
        inode = str(os.fstat(made.fileno()).st_ino)
        for name in ("udp", "udp6"):
            for line in Path("/proc/net", name).read_text().splitlines()[1:]:
                words = line.split()
                if words[9] == inode:
                    return int(words[12])
    except (OSError, IndexError, ValueError):
        pass
    return None

"""Ports for servers that are started for a benchmark or a test, and that nobody else is given before they listen."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from itertools import cycle
from random import SystemRandom

# Below those that a system gives, by default, to whoever asks for any: one of those may be somebody else's before it is used.
FIRST, SHARES = 20_000, 48
# Each process has some of its own, for others look for a free one at the same time; in an order of its own, as two may
# have the same ones.
SHARE = 256
_mine = FIRST + os.getpid() % SHARES * SHARE
_ports = cycle(SystemRandom().sample(range(_mine, _mine + SHARE), SHARE))


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """One that nobody has, of all IPv4 addresses. Raises OSError where there is none."""
    for _ in range(SHARE):
        port = next(_ports)
        with suppress(OSError), socket.socket(socket.AF_INET, kind) as one:
            one.bind(("", port))
            return port
    raise OSError(f"all of the ports {_mine} to {_mine + SHARE - 1} are in use")

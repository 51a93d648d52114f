"""Whether the sources of a configuration can be read, from here and now: nothing of them is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cluster.config_tables import Configuration
from cluster.errors import UserError
from cluster.listening import Listener, fault_of, mend
from cluster.sources import Gathered, pages
from ingest.errors import ConfigurationError
from ingest.kafka import KafkaSettings
from ingest.kafka_topics import ask
from ingest.later import Later
from ingest.object_store import NO_SUCH, Bucket, is_absent, mended
from ingest.stream_receive import Tls

PATIENCE_S = 100.0  # with all of them; the library for Azure tries for more than a minute


class Reached(NamedTuple):
    """What was found of one source, or what is wrong with it."""

    where: str
    said: str
    is_wrong: bool = False


class WrongError(Exception):
    """A source can't be read; the text says why, and what to do."""


def reach(configuration: Configuration, config: Path) -> Iterator[Reached]:
    """Each source, in the order of the configuration; they are asked all at once."""
    together = Gathered(listeners=pages(configuration, config))
    wrong, asked = dict[int, Reached](), dict[int, Later[str]]()
    for number, source in enumerate(configuration.sources, 1):
        where = f"[[sources]] {number}"
        before = len(together)
        try:
            together.add(source, where, config.parent.resolve())
        except (UserError, ConfigurationError) as error:
            wrong[number] = Reached(where, str(error).removeprefix(f"{where}: "), True)
        if len(together) > before:
            asked[number] = Later(_check_of(together, where))
    for number in range(1, len(configuration.sources) + 1):
        yield wrong[number] if number in wrong else _reached(f"[[sources]] {number}", asked[number])


def _check_of(together: Gathered, where: str) -> Callable[[], str]:
    """How the source that stands there is reached."""
    checks: list[tuple[str, Callable[[], str]]] = [
        *((place, partial(_folder, Path(folder))) for place, folder in together.folders),
        *((place, partial(_port, Listener(place, "udp", *port))) for place, port in together.ports),
        *(
            (place, partial(_connections, Listener(place, "tcp", host, port), tls))
            for place, (host, port, tls) in together.connections
        ),
        *((place, partial(_stream, stream)) for place, stream in together.streams),
        *((place, partial(_bucket, bucket)) for place, bucket in together.buckets),
    ]
    return next(check for place, check in checks if place == where)


def _reached(where: str, later: Later[str]) -> Reached:
    later.wait(PATIENCE_S)
    if not later.is_done:
        return Reached(where, f"no answer within {PATIENCE_S:.0f} s: check its address and the network", True)
    try:
        return Reached(where, later.result())
    except (WrongError, UserError, ConfigurationError) as error:
        return Reached(where, str(error), True)


def _folder(folder: Path) -> str:
    if not folder.exists():
        raise WrongError(f"{folder}: no such folder; create it, or correct its name")
    if not folder.is_dir():
        raise WrongError(f"{folder}: is no folder; name the folder that it is in")
    try:
        with os.scandir(folder) as entries:
            some = sum(1 for _ in entries)
    except OSError as error:
        raise WrongError(f"{folder}: can't be read: {error.strerror}; give this user the right to") from None
    if not os.access(folder, os.X_OK):
        raise WrongError(f"{folder}: its files can't be opened; give this user the right to (x)")
    return f"{folder}: can be read; files and folders in it: {some}"


def _connections(listener: Listener, tls: Tls | None) -> str:
    """TLS's files were looked at when the configuration was read: they are TLS's, but they may have expired."""
    if tls and (why := tls.unwelcome()):
        raise WrongError(f"{tls.certificate}: {why}: exporters will not connect; get a new one")
    how = "with TLS" if tls else "without TLS"
    how = "with TLS, exporters need a certificate" if tls and tls.client_authorities else how
    return f"{_port(listener)} ({how})"


def _port(listener: Listener) -> str:
    fault = fault_of(listener)
    if fault is not None:
        raise WrongError(f"{listener.shown}: {mend(fault)}")
    return f"{listener.shown}: the port is free"


def _stream(settings: KafkaSettings) -> str:
    asked = ask(settings)
    if asked.faults:
        said = [f"{topic}: {fault}" if topic else fault for topic, fault in asked.faults.items()]
        raise WrongError(f"{settings.cluster}: {'; '.join(said)}")
    told = ", ".join(f"{topic} ({count})" for topic, count in asked.counts.items())
    waiting = sum(high - low for low, high in asked.new.values())
    return f"{settings.cluster}: topics with their partitions: {told}; {waiting:,} messages in them"


def _bucket(bucket: Bucket) -> str:
    try:
        one = bucket.peek()
    except Exception as error:  # every library has errors of its own
        raise WrongError(f"{bucket.url}: {NO_SUCH if is_absent(error) else mended(error)}") from None
    return f"{bucket.url}: can be listed; " + (f"{one} can be read" if one else "nothing is in it yet")

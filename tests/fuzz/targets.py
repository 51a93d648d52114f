"""Each thing that takes bytes from somebody else: what it is fed, and what must hold of whatever comes of it.

A target returns where the bytes were taken, or came out as `Rejected`, or were refused by the one error that its
callers know. Anything else that it raises is a fault.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from actors.saving import AGGREGATOR, SHARD
from cluster.checkpoints import Manifest
from cluster.errors import UserError
from cluster.feed_http import FeedError, Getter, fetch_taxii
from cluster.frame import framed, unframed
from cluster.manifest import decoded, encoded
from ingest.errors import ConfigurationError
from ingest.exporters import Exporters
from ingest.feed_history import Histories, History, unpacked
from ingest.ipfix import IpfixDecoder
from ingest.journal import Journal
from ingest.journal_files import At, Datagram, path_of
from ingest.records import FLOW
from ingest.sources import discover
from ingest.stream_messages import Message, StreamReader
from ingest.threat_intel import CATEGORIES, Feed
from ingest.threat_intel_feeds import read_content
from tests.actors.test_state_fuzz import LOADS, bodies
from tests.ingest.flow_log_samples import FILES
from tests.ingest.ipfix_messages import (
    EXPORTED_S,
    FOUR,
    PLAIN,
    TALK,
    a_set,
    message,
    options_template,
    record,
    template,
)
from tests.ingest.test_capture import PACKETS, capture
from tests.ingest.test_ipfix_fuzz import MESSAGES
from tests.ingest.test_logs import AUDITS
from tests.ingest.test_logs import FORMS as ACTIVITY
from tests.ingest.test_netflow import TEMPLATE, data, five, nine

SOURCE = (bytes(15) + b"\x01", 4739)
MOST_PIECES = 32


class Target(NamedTuple):
    """What takes bytes, and good ones to begin with."""

    take: Callable[[bytes], None]
    seeds: list[bytes]


@cache
def folder() -> Path:
    """Of this process alone, in memory where that is to be had."""
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    made = tempfile.TemporaryDirectory(prefix="redshank-fuzz-", dir=where)
    _kept.append(made)
    return Path(made.name)


_kept: list[Any] = []


def pieces(octets: bytes) -> list[bytes]:
    """Several inputs in one: each after its length in two octets."""
    found: list[bytes] = []
    while octets and len(found) < MOST_PIECES:
        size = int.from_bytes(octets[:2], "big")
        found.append(octets[2 : 2 + size])
        octets = octets[2 + size :]
    return found


def joined(*some: bytes) -> bytes:
    """What `pieces` takes apart."""
    return b"".join(len(one).to_bytes(2, "big") + one for one in some)


def adds_up(block: Any) -> None:
    """Every record has one fate, and every column can be made."""
    flows = 0 if block.flows is None else len(block.flows)
    told = sum(one.kind == "record" for one in block.rejected)
    assert block.read == len(block.events) + flows + told + sum(block.filtered.values())
    for name in FLOW.names or () if flows else ():
        assert len(block.flows.column(name)) == flows
    list(block.events.events("x"))


def a_file(octets: bytes) -> None:
    """As `redshank detect` reads it, whatever it is."""
    path = folder() / "a"
    path.write_bytes(octets)
    for partition in discover([path], 0).partitions:
        for block in partition.blocks():
            adds_up(block)


def flows_in_a_file(octets: bytes) -> None:
    found = IpfixDecoder("a").feed(octets, True)
    assert found.read == len(found.flows) + sum(found.filtered.values())
    for name in FLOW.names or ():
        assert len(found.flows.column(name)) == len(found.flows)


def datagrams(octets: bytes) -> None:
    """From two exporters, by UDP; then as messages of a connection that ends."""
    for is_stream in (False, True):
        one = Exporters("a", is_stream=is_stream)
        for number, body in enumerate(pieces(octets)):
            source = (SOURCE[0], 4739 + number % 2)
            adds_up(one.take([Datagram(source, (EXPORTED_S + number) * 1_000_000, crc32(body), body)]))
        adds_up(one.end())
        one.state()


def messages(octets: bytes) -> None:
    """Of a topic."""
    reader = StreamReader("a")
    some = pieces(octets)
    adds_up(reader.read([Message(n, body, body[:1]) for n, body in enumerate(some)]))
    StreamReader("a", reader.kept())


def journal(octets: bytes) -> None:
    """A segment that somebody else has written, or a failing disk."""
    place = folder() / "journal"
    place.mkdir(exist_ok=True)
    for old in place.glob("*.seg"):
        old.unlink()
    path_of(place, 1).write_bytes(octets)
    one = Journal(place)
    try:
        at = At(1, 0)
        while True:
            found = one.read(at)
            if found.at == at:
                break
            at = found.at
    finally:
        one.close()


def refused(takes: Callable[[bytes], Any], *errors: type[Exception]) -> Callable[[bytes], None]:
    """What may refuse its bytes by these errors, in one line."""

    def take(octets: bytes) -> None:
        said = "taken"
        try:
            takes(octets)
        except errors as error:
            said = str(error)
        assert said
        assert "\n" not in said

    return take


def framed_manifest(octets: bytes) -> None:
    """A file of a state, its checksum right or wrong."""
    unframed("a", octets)
    decoded("a", "manifest-000000000001", octets)


def manifest(octets: bytes) -> None:
    """The same with the checksum right, whatever it is of."""
    framed_manifest(b"".join(framed([octets])[0]))


def feed(octets: bytes) -> None:
    """Of each category in turn."""
    where = Feed("a", CATEGORIES[len(octets) % len(CATEGORIES)])
    entries, refused_ones = read_content(where, octets)
    assert all("\n" not in one.reason for one in refused_ones)
    for entry in entries:
        assert entry.start_us < entry.end_us


def history(octets: bytes) -> None:
    """What a state has of feeds, and one more version of it."""
    found = unpacked(octets)
    for one in found.feeds.values():
        one.take((), one.since_us)
        list(one.entries())
    unpacked(found.packed())


class _Said(Getter):
    """A server that says what it is told to."""

    def __init__(self, bodies: list[bytes]) -> None:
        self._bodies = iter(bodies)

    def get(self, url: str, headers: Any) -> Any:
        from cluster.feed_http import Answer

        return Answer(200, {}, next(self._bodies, b"{}"))


def taxii(octets: bytes) -> None:
    """Pages of a collection."""
    found = fetch_taxii(_Said(pieces(octets)), "http://a", {})
    if found is not None:
        feed(found.body)


def _lines(*some: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in some)


STIX = {
    "type": "bundle",
    "objects": [
        {
            "type": "indicator",
            "id": "indicator--1",
            "pattern": "[ipv4-addr:value = '198.51.100.1' OR ipv4-addr:value IN ('198.51.100.2')]",
            "pattern_type": "stix",
            "valid_from": "2026-01-01T00:00:00Z",
            "valid_until": "2026-02-01T00:00:00Z",
        },
        {
            "type": "relationship",
            "relationship_type": "based-on",
            "source_ref": "indicator--1",
            "target_ref": "o",
        },
        {
            "type": "observed-data",
            "id": "o",
            "objects": {"0": {"type": "ipv4-addr", "value": "198.51.100.3"}},
        },
    ],
}
MISP = {
    "Event": {
        "Attribute": [{"type": "ip-dst|port", "value": "198.51.100.1|443", "to_ids": True, "last_seen": "1"}]
    }
}
FEEDS = [
    b"198.51.100.1\n198.51.100.0/25 ; x\n[2001:db8::1]:443\n",
    b"ip,first_seen,last_seen\n198.51.100.1,2026-01-01,2026-02-01 10:00:00 UTC\n",
    b"ExitNode 00\nExitAddress 198.51.100.9 2026-08-01 11:05:00\n",
    json.dumps(STIX).encode(),
    json.dumps(MISP).encode(),
]
KEPT = Histories(
    {
        "a": History(
            "tor_exit_node", "a", 0, {("198.51.100.1", 0, 9): 0}, {("198.51.100.2", 5): 1}, {"etag": "x"}
        )
    }
)
V9 = nine(TEMPLATE, data())
VARIABLE = message(template(300, (*FOUR, (371, 65535))), a_set(300, (TALK + b"\x02hi") * 3))
OPTIONS = message(options_template(257, 1, ((149, 4), (34, 4))), a_set(257, struct.pack("!II", 1, 50)))
GOOD = message(template(256, PLAIN), a_set(256, record() * 3))


def targets() -> dict[str, Target]:
    """All of them by name."""
    state = bodies()
    found = {
        "ipfix": Target(flows_in_a_file, [GOOD, VARIABLE, OPTIONS, b"".join(MESSAGES)]),
        "netflow5": Target(flows_in_a_file, [five(0, 3), five(0) + five(1, 2, 100)]),
        "netflow9": Target(flows_in_a_file, [V9, V9 + nine(data(), sequence=1)]),
        "datagrams": Target(datagrams, [joined(GOOD, OPTIONS, V9, five(0)), joined(*MESSAGES)]),
        "messages": Target(messages, [joined(GOOD, V9, _lines(*AUDITS.values())), joined(*MESSAGES)]),
        "activity": Target(a_file, [_lines(one) for one in ACTIVITY.values()]),
        "key vault": Target(a_file, [_lines(one) for one in AUDITS.values()]),
        **{f"flow log, {name}": Target(a_file, [one]) for name, one in FILES.items()},
        "pcap": Target(a_file, [capture(*PACKETS)]),
        "pcapng": Target(a_file, [capture(*PACKETS, form="pcapng")]),
        "journal": Target(journal, [_segment()]),
        "frame": Target(
            refused(framed_manifest, UserError), [b"".join(encoded(Manifest(1, {"a": 1}, b"x", [])))]
        ),
        "manifest": Target(refused(manifest, UserError), [b"".join(encoded(Manifest(1, {}, b"", [])))[41:]]),
        "feeds": Target(feed, FEEDS),
        "feeds kept": Target(refused(history, ConfigurationError), [KEPT.packed()]),
        "taxii": Target(
            refused(taxii, FeedError), [joined(json.dumps({**STIX, "more": True, "next": "1"}).encode())]
        ),
    }
    for kind in (SHARD, AGGREGATOR, "standing"):
        found[f"part, {kind}"] = Target(refused(LOADS[kind], ValueError), state[kind])
    return found


def _segment() -> bytes:
    place = folder() / "made"
    one = Journal(place)
    for body in (GOOD, V9):
        one.append(SOURCE, EXPORTED_S * 1_000_000, body)
    one.commit()
    one.close()
    return next(path.read_bytes() for path in sorted(place.glob("*.seg")) if path.stat().st_size > 100)

"""What a file holds, by how its content begins; never by its name."""

from __future__ import annotations

import re
from typing import NamedTuple

from ingest import aws_flows, azure_flows, netflow, zeek_flows

HEAD = 4096  # octets that are looked at


class Kind(NamedTuple):
    """'flows', 'events', 'capture' or a kind of flow log; or '' with the reason why it can't be read."""

    kind: str
    reason: str = ""


_PCAP = (
    b"\xa1\xb2\xc3\xd4",
    b"\xd4\xc3\xb2\xa1",
    b"\xa1\xb2\x3c\x4d",
    b"\x4d\x3c\xb2\xa1",
    b"\x0a\x0d\x0d\x0a",
)
_MAGIC = {
    b"PK\x03\x04": "a ZIP archive; unpack it first",
    b"BZh": "bzip2; unpack it first (gzip and zstd are unpacked here)",
    b"\xfd7zXZ\x00": "xz; unpack it first (gzip and zstd are unpacked here)",
    b"PAR1": "Parquet; export it as JSON lines",
    b"Obj\x01": "Avro; export the records as JSON lines",
    b"SQLite format 3": "an SQLite database",
    b"\x7fELF": "a program",
    b"\x89PNG": "a picture",
    b"%PDF": "a PDF",
}


def sniff(head: bytes) -> Kind:
    """The kind of content, from its first octets (unpacked).

    >>> sniff(b'{"time": 1}').kind, sniff(b"").reason
    ('events', 'the file is empty')
    """
    if not head:
        return Kind("", "the file is empty")
    if head[:4] in _PCAP:
        return Kind("capture")
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            return Kind("", f"the file is {what}")
    flows = _flows(head)
    if flows is not None:
        return flows
    return _text(head)


def _flows(head: bytes) -> Kind | None:
    version, length = int.from_bytes(head[:2], "big"), int.from_bytes(head[2:4], "big")
    if version == 10 and length >= 16:
        following = head[length : length + 2]
        if len(head) < length or not following or following in (b"\x00\x0a", b"\x00"):
            return Kind("flows")
        return Kind("flows") if _set_follows(head) else None
    if netflow.begins(head, 0) and len(head) >= 20:
        return Kind("flows")
    return None


def _set_follows(head: bytes) -> bool:
    set_id = int.from_bytes(head[16:18], "big")
    return set_id in (2, 3) or set_id >= 256


def _text(head: bytes) -> Kind:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Kind("", "the file is text in UTF-16; save it as UTF-8")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] in (b"{", b"["):
        return _json(start)
    flow_log = _flow_text(start)
    if flow_log is not None:
        return flow_log
    if _cut_line_first(start):
        return Kind("events")
    if not start:
        return Kind("", "the file is empty but for white space")
    if is_binary(head):
        return Kind(
            "",
            "the file is binary, and of no format that is read (IPFIX, NetFlow; JSON, flow logs as text; all also in "
            "gzip or zstd)",
        )
    return Kind(
        "",
        "the file is text, but no JSON and no flow log: it begins with "
        + repr(start[:30].decode("utf-8", "replace")),
    )


def is_binary(head: bytes) -> bool:
    """Whether it is no text."""
    return b"\x00" in head or _odd(head) > len(head) // 10


_CATEGORY = re.compile(rb'"category"\s*:\s*"([^"\\]*)"', re.IGNORECASE)
_OF_ZEEK = (b'"id.orig_h"', b'"id.resp_h"', b'"ts"')
_OF_CONN = (b'"conn_state"', b'"orig_pkts"', b'"history"', b'"missed_bytes"', b'"local_orig"')
_NO_CONN = "only its log of connections (conn.log) is read"


def _json(start: bytes) -> Kind:
    first = _CATEGORY.search(start)
    if first and first[1].decode("latin-1") in azure_flows.CATEGORIES:
        return Kind("azure_flows")
    line = start.partition(b"\n")[0]
    if all(name in line for name in _OF_ZEEK):
        if any(name in line for name in _OF_CONN):
            return Kind("zeek_json")
        return Kind("", f"the file is a log of Zeek; {_NO_CONN}")
    return Kind("events")


def _flow_text(start: bytes) -> Kind | None:
    if start.startswith(b"#separator"):
        path = re.search(rb"^#path[ \t]+(\S+)", start, re.MULTILINE)
        if path and path[1] != b"conn":
            return Kind("", f"the file is Zeek's {path[1].decode('ascii', 'replace')}.log; {_NO_CONN}")
        names = re.search(rb"^#fields[ \t]+(.*)$", start, re.MULTILINE)
        lacks = zeek_flows.missing(tuple(names[1].decode("ascii", "replace").split())) if names else ""
        return Kind("", f"the file is a log of Zeek; {lacks}") if lacks else Kind("zeek_flows")
    header = aws_flows.HEADER.match(start)
    if header:
        lacks = aws_flows.missing(tuple(header[0].decode("ascii").split()))
        return Kind("", lacks) if lacks else Kind("aws_flows")
    return Kind("aws_flows") if aws_flows.LINE.match(start) else None


def _cut_line_first(start: bytes) -> bool:
    """Whether the first line is the end of one, and JSON lines follow: what `tail -c` and log rotation leave."""
    first, _, rest = start.partition(b"\n")
    return rest[:2] == b'{"' and first.rstrip()[-1:] in (b"}", b",") and b"\x00" not in start


def _odd(head: bytes) -> int:
    return sum(octet < 32 and octet not in (9, 10, 13) for octet in head)

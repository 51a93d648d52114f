"""AWS VPC flow logs, versions 2 to 5: lines of fields that a header names, or that have the default format.

A line is one direction of a connection at an interface, in a minute or ten of them.
"""

from __future__ import annotations

import re

import numpy as np

from ingest.flow_rows import FlowRows, Taken
from ingest.flow_text import Table, TextFlows

DEFAULT = (
    *("version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol"),
    *("packets", "bytes", "start", "end", "action", "log-status"),
)
NO_DATA = "flow logs of an interface without traffic"
SKIPPED = "intervals that AWS's flow log has skipped (SKIPDATA)"
_NEEDED = ("srcport", "dstport", "protocol", "start", "end")
_OTHER = {"srcaddr": "pkt-srcaddr", "dstaddr": "pkt-dstaddr"}
# With the time of delivery in front, as CloudWatch exports them.
LINE = re.compile(
    rb"(\d{4}-\d\d-\d\dT[0-9:.]+Z )?2(?: [^ \n]+){11} (?:ACCEPT|REJECT|-) (?:OK|NODATA|SKIPDATA)\r?$", re.M
)
HEADER = re.compile(rb"^(?=[^\n]*\b(?:srcaddr|pkt-srcaddr)\b)[a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*)+\r?$", re.M)


class AwsFlows(TextFlows):
    """One source's lines. Without a header they have the default format."""

    header_line = HEADER
    marker = b"srcaddr"

    def take_header(self, line: bytes) -> None:
        """A line of names."""
        self.table = Table(b" ", tuple(line.rstrip(b"\r").decode("ascii").split(" ")))

    def needed(self, names: tuple[str, ...]) -> str:
        """See `TextFlows.needed`."""
        return missing(names)

    def flows(self, lines: bytes, taken: Taken) -> None:
        """See `TextFlows.flows`."""
        if self.table is None and lines:
            match = LINE.match(lines)
            self.table = Table(b" ", ("delivered", *DEFAULT) if match and match[1] else DEFAULT)
        super().flows(lines, taken)

    def columns(self, rows: FlowRows, at: dict[str, int]) -> None:
        """See `TextFlows.columns`."""
        fields = rows.fields
        if "log-status" in at:
            rows.leave_out(fields.equal(at["log-status"], b"NODATA"), NO_DATA)
            rows.leave_out(fields.equal(at["log-status"], b"SKIPDATA"), SKIPPED)
        rows.time("start_us", at["start"], 1_000_000)
        rows.time("end_us", at["end"], 1_000_000)
        for side, name in (("src", "srcaddr"), ("dst", "dstaddr")):
            rows.addresses(side, at.get(name, at.get(_OTHER[name], 0)))
        rows.ports(at["srcport"], at["dstport"])
        rows.number("protocol", at["protocol"], 255, "no number of a protocol")
        for column, name in (("packets", "packets"), ("octets", "bytes")):
            if name in at:
                rows.count(column, at[name])
        if "tcp-flags" in at:
            rows.number("flags", at["tcp-flags"], 255, "no flags of TCP", absent=True)
        if "action" in at:
            rows.columns["denied"] = fields.equal(at["action"], b"REJECT")
        if "flow-direction" in at:
            way = at["flow-direction"]
            seen = np.where(fields.equal(way, b"ingress"), np.uint8(2), np.uint8(0))
            rows.columns["seen_at"] = np.where(fields.equal(way, b"egress"), np.uint8(1), seen)


def missing(names: tuple[str, ...]) -> str:
    """What is said of a header by whose fields no flow can be made; '' if it has all."""
    lacks = [name for name in _NEEDED if name not in names]
    lacks += [name for name, other in _OTHER.items() if name not in names and other not in names]
    if not lacks:
        return ""
    return f"the VPC flow log has no field {', '.join(lacks)}: add it to the log's format"

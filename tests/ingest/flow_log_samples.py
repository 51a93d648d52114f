"""Flow logs of Azure, AWS and Zeek to read, and what is in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ingest.flow_log_file import FlowLogFile
from ingest.records import FLOW, Rejected, address_text
from ingest.sources import discover
from tests.ingest.ipfix_messages import as_rows

VNET = [
    "1663146003599,10.0.0.6,192.0.2.180,23956,443,6,O,B,NX,0,0,0,0",
    "1663146003606,10.0.0.6,192.0.2.180,23956,443,6,O,E,NX,3,767,2,1580",
    "1663146003637,203.0.113.17,10.0.0.6,22730,22,6,I,D,NX,0,0,0,0",
    "1663146004251,2001:db8::7,fd00::6,22730,3389,17,I,C,X,12,8658,13,5415",
]
NSG = [
    "1542110377,10.0.0.4,13.67.143.118,59831,443,T,O,A,B,,,,",
    "1542110379,10.5.16.4,203.0.113.117,59932,443,T,O,A,E,1,66,1,66",
    "1542110402,185.170.185.105,10.2.0.4,35370,22,T,I,D,B,,,,",
    "1542110403,10.0.0.4,10.0.0.5,53,53,U,I,A,C,1,2,3,4",
]
NAMES = ("src", "src_port", "dst", "dst_port", "protocol", "packets", "octets", "packets_back", "octets_back")
AWS = [
    "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
    "2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK",
    "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA",
    "2 123456789010 eni-11111111aaaaaaaaa - - - - - - - 1431280876 1431280934 - SKIPDATA",
]
_AWS_FIELDS = (
    "version srcaddr dstaddr srcport dstport protocol tcp-flags pkt-srcaddr pkt-dstaddr action log-status start "
    "end packets bytes flow-direction"
)
AWS_5 = (
    _AWS_FIELDS,
    "5 52.213.180.42 10.0.0.62 43416 5001 6 2 52.213.180.42 10.0.0.62 ACCEPT OK 1566848875 1566848933 8 568 ingress",
    "5 10.0.0.62 52.213.180.42 5001 43416 6 18 10.0.0.62 52.213.180.42 ACCEPT OK 1566848875 1566848933 7 376 egress",
)
_ZEEK_FIELDS = (
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state "
    "local_orig missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"
)
ZEEK_NAMES = _ZEEK_FIELDS.split(" ")
ZEEK = [
    "1300475167.096535 CHhAvVGS1DHFjwGM9 141.142.220.202 5353 224.0.0.251 5353 udp dns - - - S0 - 0 D 1 73 0 0 -",
    "1300475168.853899 CUM0KZ3MLUfNB0cl11 141.142.220.118 43927 141.142.2.2 22 tcp ssh 0.500400 38 89 SF - 0 Dd 1 66 1 117 -",
    "1300475169.000000 C2 2001:db8::1 1 2001:db8::2 22 tcp - - - - S0 - 0 S 1 40 0 0 -",
]


def vnet_record(tuples: list[Any], **more: Any) -> dict[str, Any]:
    flows = [{"aclID": "0", "flowGroups": [{"rule": "r", "flowTuples": tuples}]}]
    head = {"time": "2022-09-14T09:00:52.5625085Z", "flowLogVersion": 4, "macAddress": "112233445566"}
    return {**head, "category": "FlowLogFlowEvent", "flowRecords": {"flows": flows}, **more}


def nsg_record(tuples: list[Any]) -> dict[str, Any]:
    flows = [{"rule": "r", "flows": [{"mac": "000D3AF87856", "flowTuples": tuples}]}]
    head = {
        "time": "2018-11-13T12:00:35.3899262Z",
        "systemId": "a",
        "category": "NetworkSecurityGroupFlowEvent",
    }
    return {**head, "properties": {"Version": 2, "flows": flows}}


def zeek_text(lines: list[str] = ZEEK, path: str = "conn") -> bytes:
    head = ["#separator \\x09", "#set_separator\t,", "#unset_field\t-", f"#path\t{path}"]
    head.append("\t".join(["#fields", *ZEEK_NAMES]))
    return "\n".join(
        [*head, *("\t".join(one.split(" ")) for one in lines), "#close\t2019-01-01-00-00-00", ""]
    ).encode()


def zeek_json(lines: list[str] = ZEEK) -> bytes:
    words = {"id.orig_h", "id.resp_h", "uid", "proto", "service", "conn_state", "history"}
    records = [
        {
            name: value if name in words else json.loads(value)
            for name, value in zip(ZEEK_NAMES, line.split(" "), strict=True)
            if value != "-"
        }
        for line in lines
    ]
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def payload(*records: Any) -> bytes:
    return json.dumps({"records": records}).encode()


FILES = {
    "vnet": payload(vnet_record(VNET), vnet_record(VNET[:2])),
    "vnet, lines": b"".join(json.dumps(vnet_record([one])).encode() + b"\n" for one in VNET),
    "vnet, indented": json.dumps({"records": [vnet_record(VNET)]}, indent=2).encode(),
    "nsg": payload(nsg_record(NSG)),
    "aws": "\n".join([*AWS, ""]).encode(),
    "aws 5": "\r\n".join([*AWS_5, ""]).encode(),
    "zeek": zeek_text(),
    "zeek json": zeek_json(),
}


def read(octets: bytes, folder: Path) -> tuple[Any, list[Rejected], dict[str, int]]:
    """All that is in a file, whose records must add up."""
    path = folder / "a.log"
    path.write_bytes(octets)
    found = discover([path], 0)
    assert not found.rejected, found.rejected
    (partition,) = found.partitions
    assert isinstance(partition, FlowLogFile)
    made, rejected, filtered, count = [], [], dict[str, int](), 0
    for block in partition.blocks():
        assert block.flows is not None
        told = sum(one.kind == "record" for one in block.rejected)
        assert block.read == len(block.flows) + told + sum(block.filtered.values())
        count += block.read
        made.append(as_rows(block.flows))
        rejected += block.rejected
        filtered |= block.filtered
    rows = np.concatenate(made) if made else np.empty(0, FLOW)
    return rows, rejected, filtered


def told(row: Any) -> tuple[Any, ...]:
    ends = {side: address_text(row[f"{side}_hi"], row[f"{side}_lo"]) for side in ("src", "dst")}
    return tuple(ends[name] if name in ends else int(row[name]) for name in NAMES)


def written(path: Path, octets: bytes) -> Path:
    path.write_bytes(octets)
    return path


def as_rows_of(blocks: Any) -> list[Any]:
    return [row for block in blocks if block.flows is not None for row in as_rows(block.flows).tolist()]

"""Flow logs of Azure, AWS and Zeek: each line is a flow as it was, or is said with its place."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.flow_log_file import FlowLogFile
from ingest.live_file import LiveFile
from ingest.records import FLOW, Rejected, address_text
from ingest.sniff import sniff
from ingest.sources import discover
from tests.ingest.ipfix_messages import as_rows
from tests.ingest.reading import goes_on_from_everywhere

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


def test_a_virtual_networks_tuples_are_flows_with_side_and_decision(tmp_path: Path) -> None:
    rows, rejected, _ = read(payload(vnet_record(VNET)), tmp_path)
    assert not rejected
    assert list(map(told, rows)) == [
        ("10.0.0.6", 23956, "192.0.2.180", 443, 6, 0, 0, 0, 0),
        ("10.0.0.6", 23956, "192.0.2.180", 443, 6, 3, 767, 2, 1580),
        ("203.0.113.17", 22730, "10.0.0.6", 22, 6, 0, 0, 0, 0),
        ("2001:db8::7", 22730, "fd00::6", 3389, 17, 12, 8658, 13, 5415),
    ]
    assert rows["end_us"].tolist() == [1663146003599000, 1663146003606000, 1663146003637000, 1663146004251000]
    assert rows["denied"].tolist() == [False, False, True, False]
    assert rows["seen_at"].tolist() == [1, 1, 2, 2]


def test_a_security_groups_tuples_are_flows_whose_counts_may_be_missing(tmp_path: Path) -> None:
    rows, rejected, _ = read(payload(nsg_record(NSG)), tmp_path)
    assert not rejected
    assert [told(row)[5:] for row in rows] == [(0, 0, 0, 0), (1, 66, 1, 66), (0, 0, 0, 0), (1, 2, 3, 4)]
    assert rows["denied"].tolist() == [False, False, True, False]
    assert rows["protocol"].tolist() == [6, 6, 6, 17]
    assert rows["end_us"][0] == 1542110377_000000


def test_a_security_groups_first_version_has_no_counts(tmp_path: Path) -> None:
    rows, rejected, _ = read(payload(nsg_record([one.rsplit(",", 5)[0] for one in NSG])), tmp_path)
    assert not rejected
    assert rows["denied"].tolist() == [False, False, True, False]


def test_both_versions_of_a_security_groups_log_may_stand_in_one_file(tmp_path: Path) -> None:
    short = nsg_record([one.rsplit(",", 5)[0] for one in NSG])
    rows, rejected, _ = read(payload(short, nsg_record(NSG), short), tmp_path)
    assert (len(rows), rejected) == (12, [])


def test_lines_of_aws_in_the_default_format_are_flows(tmp_path: Path) -> None:
    rows, rejected, filtered = read(FILES["aws"], tmp_path)
    assert not rejected
    assert [told(row)[:6] for row in rows] == [
        ("172.31.16.139", 20641, "172.31.16.21", 22, 6, 20),
        ("172.31.9.69", 49761, "172.31.9.12", 3389, 6, 20),
    ]
    assert rows["denied"].tolist() == [False, True]
    assert rows["offset"].tolist() == [1, 2]
    assert (rows["start_us"][0], rows["end_us"][0]) == (1418530010_000000, 1418530070_000000)
    assert sorted(filtered.values()) == [1, 1]


def test_the_header_says_where_aws_fields_stand(tmp_path: Path) -> None:
    rows, rejected, _ = read(FILES["aws 5"], tmp_path)
    assert not rejected
    assert [told(row)[:7] for row in rows] == [
        ("52.213.180.42", 43416, "10.0.0.62", 5001, 6, 8, 568),
        ("10.0.0.62", 5001, "52.213.180.42", 43416, 6, 7, 376),
    ]
    assert rows["seen_at"].tolist() == [2, 1]
    assert rows["flags"].tolist() == [2, 18]
    assert rows["offset"].tolist() == [2, 3]


def test_logs_of_aws_joined_to_one_file_keep_each_its_own_header(tmp_path: Path) -> None:
    default = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action"
    joined = "\n".join([*AWS_5, f"{default} log-status", *AWS[:2], *AWS_5, ""]).encode()
    rows, rejected, _ = read(joined, tmp_path)
    assert not rejected
    assert rows["src_port"].tolist() == [43416, 5001, 20641, 49761, 43416, 5001]


def test_lines_that_cloudwatch_exported_have_the_time_in_front(tmp_path: Path) -> None:
    rows, rejected, _ = read("\n".join(f"2014-12-14T04:06:50.000Z {one}" for one in AWS).encode(), tmp_path)
    assert (rows["dst_port"].tolist(), rejected) == ([22, 3389], [])


@pytest.mark.parametrize("form", ["zeek", "zeek json"])
def test_connections_of_zeek_are_flows_in_both_forms(form: str, tmp_path: Path) -> None:
    rows, rejected, _ = read(FILES[form], tmp_path)
    assert not rejected
    assert list(map(told, rows)) == [
        ("141.142.220.202", 5353, "224.0.0.251", 5353, 17, 1, 73, 0, 0),
        ("141.142.220.118", 43927, "141.142.2.2", 22, 6, 1, 66, 1, 117),
        ("2001:db8::1", 1, "2001:db8::2", 22, 6, 1, 40, 0, 0),
    ]
    assert rows["start_us"].tolist()[:2] == [1300475167_096535, 1300475168_853899]
    assert rows["end_us"].tolist()[:2] == [1300475167_096535, 1300475169_354299]


def test_times_of_zeek_in_json_may_be_text(tmp_path: Path) -> None:
    record = json.loads(zeek_json().splitlines()[1]) | {"ts": "2011-03-18T19:06:08.853899Z"}
    rows, _, _ = read(json.dumps(record).encode() + b"\n", tmp_path)
    assert rows["start_us"].tolist() == [1300475168_853899]


BAD_TUPLES = {
    "1663146003599,10.0.0.6,192.0.2.180,23956": "4 fields, expected 13",
    "x,10.0.0.6,192.0.2.180,23956,443,6,O,B,NX,0,0,0,0": "the time is no time: 'x'",
    "1663146003599,10.0.0.256,192.0.2.180,23956,443,6,O,B,NX,0,0,0,0": "the source is no address: '10.0.0.256'",
    "1663146003599,10.0.0.6,,23956,443,6,O,B,NX,0,0,0,0": "the destination is no address",
    "1663146003599,10.0.0.6,192.0.2.180,65536,443,6,O,B,NX,0,0,0,0": "the source port is no port: '65536'",
    "1663146003599,10.0.0.6,192.0.2.180,2,443,6,Q,B,NX,0,0,0,0": "the direction is none of I, O: 'Q'",
    "1663146003599,10.0.0.6,192.0.2.180,2,443,6,O,Z,NX,0,0,0,0": "the state is none of B, C, E, D: 'Z'",
    "1663146003599,10.0.0.6,192.0.2.180,2,443,6,O,E,NX,-3,0,0,0": "packets sent is no count: '-3'",
    "1663146003599,10.0.0.6,192.0.2.180,2,443,6,O,E,NX,3,99999999999999999999,0,0": "octets sent is no count",
    "a\nb": "1 fields, expected 13",
    "": "1 fields, expected 13",
}


@pytest.mark.parametrize(("bad", "said"), BAD_TUPLES.items(), ids=BAD_TUPLES.values())
def test_a_tuple_that_is_none_is_said_with_its_record_and_the_others_go_on(
    bad: str, said: str, tmp_path: Path
) -> None:
    rows, rejected, _ = read(payload(vnet_record(VNET), vnet_record([VNET[0], bad, VNET[1]])), tmp_path)
    assert len(rows) == 6
    (one,) = rejected
    assert said in one.reason
    assert (one.offset, one.source) == (1, str(tmp_path / "a.log"))


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (vnet_record([1]), "no flow log"),
        ({"category": "Administrative", "operationName": "a"}, "'Administrative'"),
        ({"time": 1}, "no flow log"),
        ([], "no flow log"),
        (vnet_record([], flowRecords=[]), "no flow log"),
    ],
)
def test_a_record_that_is_no_flow_log_is_said_and_the_others_go_on(
    record: Any, said: str, tmp_path: Path
) -> None:
    rows, rejected, _ = read(payload(vnet_record(VNET), record, vnet_record(VNET)), tmp_path)
    assert len(rows) == 8
    assert [one.offset for one in rejected] == [1]
    assert said in rejected[0].reason


def test_a_line_that_is_no_flow_is_said_with_its_number(tmp_path: Path) -> None:
    lines = [*AWS_5, "", AWS_5[1].replace("52.213.180.42 10", "nobody 10", 1), "5 vpc-1", AWS_5[2]]
    rows, rejected, _ = read("\n".join(lines).encode(), tmp_path)
    assert len(rows) == 3
    assert [(one.offset, one.reason) for one in rejected] == [
        (6, "2 fields, expected 16 as the log's format has"),
        (5, "srcaddr is no address: 'nobody'"),
    ]


def test_a_cut_payload_gives_its_whole_records_and_says_that_it_is_cut(tmp_path: Path) -> None:
    rows, rejected, _ = read(payload(vnet_record(VNET), vnet_record(VNET))[:-60], tmp_path)
    assert len(rows) == 4
    assert "cut" in rejected[0].reason


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (
            b"version srcaddr dstaddr start end\n2 1.2.3.4 1.2.3.5 1 2\n",
            "no field srcport, dstport, protocol",
        ),
        (zeek_text(path="dns"), "Zeek's dns.log"),
        (b'{"ts":1.0,"uid":"C","id.orig_h":"1.2.3.4","id.resp_h":"1.2.3.5","query":"x"}\n', "conn.log"),
    ],
)
def test_a_log_of_which_no_flow_can_be_made_is_refused_as_a_whole(octets: bytes, said: str) -> None:
    assert said in sniff(octets).reason


@pytest.mark.parametrize("form", FILES)
def test_reading_goes_on_behind_any_block(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.flow_log_file.CHUNK", 700)
    path = tmp_path / "a.log"
    path.write_bytes(FILES[form])
    assert goes_on_from_everywhere(FlowLogFile(path))


@pytest.mark.parametrize("form", FILES)
def test_a_growing_log_gives_the_same_flows_wherever_it_was_cut(form: str, tmp_path: Path) -> None:
    octets, path = FILES[form], tmp_path / "grows.log"
    expected = as_rows_of(FlowLogFile(written(tmp_path / "whole.log", octets)).blocks())
    for cut in range(1, len(octets), 97):
        path.write_bytes(octets[:cut])
        blocks, made = LiveFile(path).blocks(), []
        for _ in range(2):
            while not (block := next(blocks)).idle:
                assert not block.rejected
                made.append(block)
            with path.open("ab") as file:
                file.write(octets[cut:])
                cut = len(octets)
        assert as_rows_of(made) == expected


def test_a_payload_that_the_next_minutes_record_is_put_into_is_read_on(tmp_path: Path) -> None:
    path = written(tmp_path / "PT1H.json", payload(vnet_record(VNET)))
    partition = FlowLogFile(path)
    blocks = list(partition.blocks())
    assert sum(block.read for block in blocks) == 4
    assert not list(partition.blocks(blocks[-1].position))
    path.write_bytes(payload(vnet_record(VNET), vnet_record(VNET[:3])))
    more = list(partition.blocks(blocks[-1].position))
    assert sum(block.read for block in more) == 3
    assert not [one for block in more for one in block.rejected]


def written(path: Path, octets: bytes) -> Path:
    path.write_bytes(octets)
    return path


def as_rows_of(blocks: Any) -> list[Any]:
    return [row for block in blocks if block.flows is not None for row in as_rows(block.flows).tolist()]


PIECES = st.sampled_from(
    [*(one.encode() for one in (*VNET, *NSG, *AWS, *AWS_5)), b"\n", b"\t", b"#fields\tts", b"}}"]
)
MUTATIONS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 6), st.binary(max_size=6) | PIECES), max_size=6
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(form=st.sampled_from(sorted(FILES)), changes=MUTATIONS)
def test_hostile_octets_give_flows_or_reasons_and_nothing_else(
    form: str, changes: list[tuple[float, int, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    octets = FILES[form]
    for where, gone, come in changes:
        at = int(where * len(octets))
        octets = octets[:at] + come + octets[at + gone :]
    path = written(tmp_path_factory.getbasetemp() / "hostile.log", octets)
    for partition in discover([path], 0).partitions:
        for block in partition.blocks():
            told = sum(one.kind == "record" for one in block.rejected)
            flows = 0 if block.flows is None else len(as_rows(block.flows))
            assert block.read == flows + len(block.events) + told + sum(block.filtered.values())


@pytest.mark.parametrize(
    "unit", [b"#\nx\n", b"\t", b"\t" * 19 + b"\n", b"#fields\nx\n", b"9" * 300 + b"\n", b"\n"]
)
def test_hostile_text_costs_time_in_proportion(unit: bytes, tmp_path: Path) -> None:
    """The same of lines."""

    def seconds(octets: int) -> float:
        path = written(tmp_path / "conn.log", zeek_text() + unit * (octets // len(unit)))
        begun = time.process_time()
        assert list(FlowLogFile(path).blocks())
        return time.process_time() - begun

    seconds(1_000)
    assert seconds(480_000) < 100 * max(seconds(30_000), 0.01)


@pytest.mark.parametrize(
    "unit",
    [b'{"a":1},', b'{"a":{"b":{', b'"\\', b"}}", b'{"category":"FlowLogFlowEvent"}},', b"[", b',"1,2"'],
)
def test_hostile_json_costs_time_in_proportion(unit: bytes, tmp_path: Path) -> None:
    """Sixteen times the octets may not take a hundred times as long."""

    def seconds(octets: int) -> float:
        head = b'{"records":[' + json.dumps(vnet_record(VNET)).encode() + b","
        path = written(tmp_path / "a.json", head + unit * (octets // len(unit)))
        begun = time.process_time()
        assert list(FlowLogFile(path).blocks())
        return time.process_time() - begun

    seconds(1_000)
    assert seconds(1_600_000) < 100 * max(seconds(100_000), 0.01)

"""Flow logs that are damaged or hostile: what is wrong is said with its place, and the others go on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.flow_log_file import FlowLogFile
from ingest.sniff import sniff
from ingest.sources import discover
from tests.ingest.flow_log_samples import (
    AWS,
    AWS_5,
    FILES,
    NSG,
    VNET,
    payload,
    read,
    vnet_record,
    written,
    zeek_json,
    zeek_text,
)
from tests.ingest.ipfix_messages import as_rows

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


@pytest.mark.parametrize("name", ["id.orig_p", "orig_pkts", "resp_ip_bytes"])
@pytest.mark.parametrize(
    "count", [10**19, 10**400, -(10**400)], ids=["20 digits", "401 digits", "less than 0"]
)
def test_a_number_of_hundreds_of_digits_costs_its_connection_alone(
    name: str, count: int, tmp_path: Path
) -> None:
    first, *others = zeek_json().splitlines()
    odd = json.dumps({**json.loads(first), name: count}).encode()
    rows, rejected, _ = read(b"\n".join([first, odd, *others]) + b"\n", tmp_path)
    assert len(rows) == 1 + len(others)
    assert [one.offset for one in rejected] == [1]


@pytest.mark.parametrize("more", [{}, {"note": "value"}, {"records": [1]}, {"Value": [2]}])
@pytest.mark.parametrize("beside", [b"", b"nonsense\n", b"[1]\n"])
def test_a_connection_is_one_whatever_else_it_names_and_whatever_stands_beside_it(
    more: Any, beside: bytes, tmp_path: Path
) -> None:
    first, *others = zeek_json().splitlines()
    lines = [json.dumps({**json.loads(first), **more}).encode() + b" ", *others]
    rows, rejected, _ = read(b"\n".join(lines) + b"\n" + beside, tmp_path)
    assert (len(rows), len(rejected)) == (len(lines), bool(beside))


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

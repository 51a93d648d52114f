"""Flow logs of Azure, AWS and Zeek: each line is a flow as it was, or is said with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingest.flow_log_file import FlowLogFile
from ingest.live_file import LiveFile
from tests.ingest.flow_log_samples import (
    AWS,
    AWS_5,
    FILES,
    NSG,
    VNET,
    as_rows_of,
    nsg_record,
    payload,
    read,
    told,
    vnet_record,
    written,
    zeek_json,
)
from tests.ingest.reading import goes_on_from_everywhere


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

"""The files are those that the cloud and its routers write: exact field names, exact structure."""

from __future__ import annotations

import csv
import itertools
import json
import re
import struct
import tomllib
from ipaddress import IPv4Address
from pathlib import Path

from simulation import Summary
from tests.simulation.reading import activity, at_us, captures, flows, sets, truth, vault

ACTIVITY = {
    "time", "resourceId", "operationName", "category", "resultType", "resultSignature", "durationMs",
    "callerIpAddress", "correlationId", "identity", "level", "location", "properties", "tenantId",
}  # fmt: skip
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"


def test_an_activity_record_has_the_fields_of_diagnostic_settings(out: Path) -> None:
    for record in activity(out):
        assert set(record) == ACTIVITY
        assert record["resourceId"] == record["resourceId"].upper()
        assert record["operationName"] == record["operationName"].upper()
        assert set(record["identity"]) == {"authorization", "claims"}
        assert set(record["identity"]["authorization"]) == {"scope", "action", "evidence"}
        assert {"appid", OBJECT_ID, "iss", "uti"} <= set(record["identity"]["claims"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", record["time"])


def test_each_operation_has_a_start_and_an_end_record(out: Path) -> None:
    operations: dict[str, list[str]] = {}
    for record in activity(out):
        operations.setdefault(record["correlationId"], []).append(record["resultType"])
    assert operations
    for results in operations.values():
        assert sorted(results) in (["Start", "Success"], ["Failure", "Start"])


def test_an_hours_blob_holds_that_hour_of_that_subscription(out: Path) -> None:
    root = out / "telemetry" / "insights-activity-logs"
    for path in root.rglob("PT1H.json"):
        form = r"resourceId=/SUBSCRIPTIONS/([^/]+)/y=(\d{4})/m=(\d\d)/d=(\d\d)/h=(\d\d)/m=00/PT1H.json"
        subscription, *time = re.fullmatch(form, path.relative_to(root).as_posix()).groups()
        hour = "{}-{}-{}T{}".format(*time)
        for line in path.read_text().splitlines():
            record = json.loads(line)
            assert record["time"].startswith(hour)
            assert record["resourceId"].split("/")[2] == subscription == subscription.upper()


def test_vault_records_speak_both_dialects_of_claims(out: Path) -> None:
    long = short = unnamed = 0
    for record in vault(out):
        claim = record["identity"]["claim"]
        assert {"clientInfo", "requestUri", "id", "httpStatusCode"} <= set(record["properties"])
        assert record["category"] == "AuditEvent"
        assert record["resourceId"] == record["resourceId"].upper()
        if not claim:
            assert record["properties"]["httpStatusCode"] == 401
            unnamed += 1
        elif record["operationName"].startswith("Vault"):
            assert OBJECT_ID in claim
            assert "oid" not in claim
            long += 1
        else:
            assert "oid" in claim
            assert OBJECT_ID not in claim
            assert UPN not in claim
            short += 1
    assert min(long, short, unnamed) > 0


def test_a_challenge_comes_just_before_the_first_call(out: Path) -> None:
    for record in vault(out):
        if record["properties"]["httpStatusCode"] == 401:
            assert record["resultSignature"] == "Unauthorized"


def test_an_ipfix_file_begins_with_its_templates_and_says_the_sampling_rate(out: Path) -> None:
    for wire in captures(out).values():
        kinds = [kind for _, kind, _ in sets(wire)]
        assert kinds[:3] == [2, 3, 257]
        assert kinds.count(2) >= len(wire) // (64 * 1364)
        domain, rate, _ = struct.unpack(
            "!IIB", next(content for _, kind, content in sets(wire) if kind == 257)
        )
        assert (domain in (1, 2), rate) == (True, 1)


def test_sequence_numbers_have_no_gap(out: Path) -> None:
    expected: dict[int, int] = {}
    for name in sorted(captures(out), key=lambda name: name.split(".")[0]):
        for header, kind, content in sets(captures(out)[name]) if name.startswith("ams") else ():
            if kind in (2, 257):
                if kind == 257:
                    expected[header[4]] += 1
                    continue
                assert header[3] == expected.setdefault(header[4], 0)
            elif kind == 256:
                assert header[3] == expected[header[4]]
                expected[header[4]] += len(content) // 48


def test_flows_are_exported_when_they_end_and_at_most_five_minutes_long(out: Path) -> None:
    for wire in captures(out).values():
        ends = [flow.end_ms for flow in flows(wire)]
        assert ends == sorted(ends)
        assert all(0 <= flow.end_ms - flow.start_ms <= 300_000 for flow in flows(wire))


def test_both_directions_of_an_answered_connection_are_there(out: Path) -> None:
    every = [flow for wire in captures(out).values() for flow in flows(wire) if flow.protocol == 6]
    forward = {(f.source, f.destination, f.source_port, f.destination_port) for f in every}
    answered = sum(1 for a, b, p, q in forward if (b, a, q, p) in forward)
    assert 0.3 < answered / len(forward) < 1


def test_addresses_that_are_listed_as_command_and_control_are_no_bodys_in_peace(
    out: Path, quiet: Path
) -> None:
    rows = list(csv.DictReader((out / "feeds" / "c2.csv").read_text().splitlines()))
    listed = {int(IPv4Address(row["ip"])) for row in rows}
    met = {f.destination for wire in captures(quiet).values() for f in flows(wire)}
    assert listed
    assert not listed & met


def test_the_configuration_has_the_frozen_keys_and_its_files_exist(out: Path) -> None:
    read = tomllib.loads((out / "redshank.toml").read_text())
    assert (out / read["inventory"]["path"]).exists()
    assert {feed["category"] for feed in read["threat_intel"]["feeds"]} == {
        "tor_exit_node", "anonymous_proxy", "command_and_control",
    }  # fmt: skip
    assert all((out / feed["path"]).exists() for feed in read["threat_intel"]["feeds"])
    assert set(read) == {"inventory", "threat_intel", "flows", "detections", "integrations"}


def test_an_address_in_the_inventory_has_one_owner_at_a_time(out: Path) -> None:
    rows = list(csv.DictReader((out / "inventory.csv").read_text().splitlines()))
    assert list(rows[0]) == ["ip", "resource_id", "start", "end", "managed_by", "region"]
    spans: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        spans.setdefault(row["ip"], []).append((row["start"], row["end"]))
    moved = [each for each in spans.values() if len(each) > 1]
    assert moved
    for each in moved:
        assert all(a[1] == b[0] for a, b in itertools.pairwise(each))
        assert all(at_us(end) % 3_600_000_000 for _, end in each if end)  # in the middle of an hour


def test_the_summary_counts_what_was_written(run: Summary) -> None:
    assert run.management_records == len(activity(run.out))
    assert run.vault_records == len(vault(run.out))
    assert run.flows == sum(len(flows(wire)) for wire in captures(run.out).values())
    assert run.attacks == tuple(sorted(line["type"] for line in truth(run.out) if not line["withheld"]))


def test_the_truth_says_what_else_an_attack_rightly_raises_and_until_when(out: Path) -> None:
    for line in truth(out):
        assert {"type", "entity", "start", "end", "until", "strength", "note", "also", "withheld"} == set(
            line
        )
        for each in (line, *line["also"]):
            assert set(each["entity"]) == {"kind", "id"}
            assert each["until"] > line["end"]

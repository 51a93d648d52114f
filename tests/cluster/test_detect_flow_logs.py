"""Brute force is found in the flow logs of a virtual network as it is in IPFIX: the log's form must not cost an alert."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.compression import chunks
from ingest.ipfix import IpfixDecoder
from ingest.records import HOUR_US, address_text
from simulation import simulate

DETECT = "import sys; from cluster.cli import main; sys.exit(main())"
ATTACKS = ("network.ssh_incoming", "network.rdp_outgoing")
# What a flow log does not tell: when a flow began, and where in a file it stands.
SAME = ("id", "type", "entity", "start", "severity", "count", "description", "incident")


def alerts_of(telemetry: Path, config: Path, out: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-c", DETECT, "detect", str(telemetry), "--config", str(config), "--runtime"]
    done = subprocess.run(
        [*command, "loop", "--quiet", "--alerts", str(out)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in out.read_bytes().splitlines()]


def tuples_of(ipfix: Path, own: set[str]) -> dict[int, list[tuple[int, str]]]:
    """The flows as tuples of a virtual network's flow log, by hour: two where both ends are ours."""
    made: dict[int, list[tuple[int, str]]] = defaultdict(list)
    flows = IpfixDecoder("a").feed(b"".join(chunks(ipfix)), True).flows
    names = ("start_us", "end_us", "src_port", "dst_port", "protocol", "packets", "octets")
    columns = [flows.column(name).tolist() for name in names]
    ends = [
        map(address_text, flows.column(f"{side}_hi").tolist(), flows.column(f"{side}_lo").tolist())
        for side in ("src", "dst")
    ]
    for source, destination, started, ended, *rest in zip(*ends, *columns, strict=True):
        source_port, destination_port, protocol, packets, octets = rest
        for address, way in ((source, "O"), (destination, "I")):
            if address not in own:
                continue
            hour, at_ms = ended // HOUR_US, ended // 1_000
            head = f"{source},{destination},{source_port},{destination_port},{protocol},{way}"
            told = made[hour]
            if started // HOUR_US == hour and packets > 3:  # it began, went on, and ended
                told.append((at_ms, f"{at_ms},{head},B,NX,0,0,0,0"))
                told.append((at_ms, f"{at_ms},{head},C,NX,3,{octets // 2},0,0"))
                told.append((at_ms, f"{at_ms},{head},E,NX,{packets - 3},{octets - octets // 2},0,0"))
            else:
                told.append((at_ms, f"{at_ms},{head},E,NX,{packets},{octets},0,0"))
    return made


def write_flow_logs(ipfix: Path, own: set[str], out: Path) -> None:
    """As Network Watcher lays them down: a file for each hour, a record for each minute."""
    for hour, told in tuples_of(ipfix, own).items():
        minutes: dict[int, list[str]] = defaultdict(list)
        for at_ms, line in sorted(told):
            minutes[at_ms // 60_000].append(line)
        at = datetime.fromtimestamp(hour * 3600, UTC)
        path = out / f"{at:y=%Y/m=%m/d=%d/h=%H/m=00}" / "macAddress=112233445566" / "PT1H.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps({"records": [vnet_record(minute, some) for minute, some in minutes.items()]})
        )


def vnet_record(minute: int, tuples: list[str]) -> dict[str, Any]:
    groups = [{"rule": "DefaultRule_AllowInternetOutBound", "flowTuples": tuples}]
    return {
        "time": f"{datetime.fromtimestamp(minute * 60, UTC):%Y-%m-%dT%H:%M:%S}.5625085Z",
        "flowLogVersion": 4,
        "flowLogGUID": "66aa66aa-bb77-cc88-dd99-ee00ee00ee00",
        "macAddress": "112233445566",
        "category": "FlowLogFlowEvent",
        "flowLogResourceID": "/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.NETWORK/FLOWLOGS/F",
        "targetResourceID": "/subscriptions/s/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/v",
        "operationName": "FlowLogFlowEvent",
        "flowRecords": {"flows": [{"aclID": "938dbdd9-6f1f-4c5b-a9dc-39b9c0e2b7a4", "flowGroups": groups}]},
    }


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("flow_logs") / "organisation"
    simulate(out, days=12, seed=5, attacks=ATTACKS)
    return out


def test_brute_force_is_found_in_a_virtual_networks_flow_logs_as_in_ipfix(
    organisation: Path, tmp_path: Path
) -> None:
    ipfix, config = organisation / "telemetry" / "ipfix", organisation / "redshank.toml"
    with (organisation / "inventory.csv").open() as lines:
        own = {row["ip"] for row in csv.DictReader(lines)}
    for file in sorted(ipfix.iterdir()):
        if file.is_file():
            write_flow_logs(file, own, tmp_path / "flow-logs" / file.stem)
    expected = alerts_of(ipfix, config, tmp_path / "ipfix.jsonl")
    found = alerts_of(tmp_path / "flow-logs", config, tmp_path / "flow-logs.jsonl")
    assert {alert["type"] for alert in expected} == set(ATTACKS)
    assert [[one[name] for name in SAME] for one in found] == [
        [one[name] for name in SAME] for one in expected
    ]

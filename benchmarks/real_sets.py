"""Sets of real logs whose truth is known, and how each is made readable: what a set lacks is filled in, and said."""

from __future__ import annotations

import csv
import json
import struct
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

NETWORKS = '[inventory]\nnetworks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]\n'
AT_ONCE = "[detections]\nlearning_days = 0\n"
HONEYPOT = "10.0.0.1"
FIELDS = [
    "ts",
    "uid",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "proto",
    "service",
    "duration",
    "orig_bytes",
    "resp_bytes",
    "conn_state",
    "orig_pkts",
    "orig_ip_bytes",
    "resp_pkts",
    "resp_ip_bytes",
]
ATTACKER, ATTACK = "81.2.69.160", 6_000
HISTORY_DAYS = 15
Alerts = list[dict[str, Any]]
Connection = tuple[float, str, int, str, int, float]  # time, client, port, server, port, seconds


class Real(NamedTuple):
    """A set: `make` writes what is read into a folder and gives one of "attack", "benign", "mixed" for its truth."""

    name: str
    what: str
    needs: tuple[str, ...]  # of the folder of samples
    make: Callable[[Path, Path], None]
    configuration: str = NETWORKS
    said: Callable[[Alerts], str] = lambda alerts: ""  # what the alerts are, in words


def _conn_log(path: Path, rows: Iterable[Connection]) -> None:
    """Zeek's conn.log of connections, each answered."""
    lines = [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        "#path\tconn",
    ]
    lines.append("#fields\t" + "\t".join(FIELDS))
    for number, (at, client, port, server, own, took) in enumerate(sorted(rows)):
        values: list[object] = [
            f"{at:.6f}",
            f"C{number}",
            client,
            port,
            server,
            own,
            "tcp",
            "ssh",
            f"{took:.6f}",
        ]
        lines.append("\t".join(map(str, [*values, 900, 1400, "SF", 14, 1500, 12, 2000])))
    path.write_text("\n".join(lines) + "\n")


def _seconds(text: str) -> float:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _sessions(source: Path) -> list[Connection]:
    with (source / "honeypot" / "cowrie_sessions_20k.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["protocol"] == "ssh"]
    return [
        (
            _seconds(row["start_time"]),
            row["src_ip"],
            int(row["src_port"]),
            HONEYPOT,
            22,
            float(row["duration"] or 1),
        )
        for row in rows
    ]


def _honeypot(source: Path, out: Path) -> None:
    _conn_log(out / "conn.log", _sessions(source))


def _honeypot_attacked(source: Path, out: Path) -> None:
    """The same, and in the last hour of more than 50 sessions one more source that makes very many."""
    told = _sessions(source)
    hours = Counter(int(one[0] // 3600) for one in told)
    last = max(hour for hour, count in hours.items() if count > 50)
    at = last * 3600.0
    more = [(at + n * 3500 / ATTACK, ATTACKER, 20_000 + n, HONEYPOT, 22, 1.0) for n in range(ATTACK)]
    _conn_log(out / "conn.log", told + more)


def _of_attack(alerts: Alerts) -> str:
    own = [alert for alert in alerts if alert["evidence"].get("peer") == ATTACKER]
    return f"of {ATTACKER}, which was filled in: {len(own)} of {len(alerts)}"


def _exports(source: Path, out: Path) -> None:
    """Datagrams as files; those kept with their lengths are laid end to end."""
    for path in sorted((source / "flows").rglob("*")):
        if path.suffix in (".dat", ".bin", ".stream"):
            (out / f"{path.parent.name}-{path.name}").write_bytes(path.read_bytes())
        elif path.suffix == ".dgrams":
            (out / path.name).write_bytes(b"".join(_datagrams(path.read_bytes())))


def _datagrams(octets: bytes) -> Iterator[bytes]:
    at = 0
    while at + 4 <= len(octets):
        (length,) = struct.unpack_from(">I", octets, at)
        yield octets[at + 4 : at + 4 + length]
        at += 4 + length


def _vm_flows(source: Path, out: Path) -> None:
    """A machine's flows by its virtual network; ports of clients are filled in, each flow as often as it is counted."""
    with (source / "azure" / "az_net_flows.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["VMIPAddress"] and row["DestPort"]]

    def told() -> Iterator[Connection]:
        for number, row in enumerate(rows):
            far = row["AllExtIPs"] or row["SrcIP"] or row["DestIP"]
            inward = row["FlowDirection"] == "I"
            ends = (far, row["VMIPAddress"]) if inward else (row["VMIPAddress"], far)
            count = float(row["AllowedInFlows" if inward else "AllowedOutFlows"] or 0)
            for one in range(int(count)):
                port = 1024 + (number * 97 + one) % 60_000
                yield _seconds(row["FlowStartTime"]), ends[0], port, ends[1], int(float(row["DestPort"])), 5.0

    _conn_log(out / "conn.log", told())


def _activity(at: str, caller: str, address: str, name: str) -> dict[str, Any]:
    resource = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/signins"
    return {
        "time": at,
        "resourceId": resource,
        "operationName": "Microsoft.Resources/deployments/write",
        "category": "Administrative",
        "resultType": "Success",
        "resultSignature": "Succeeded.",
        "callerIpAddress": address,
        "correlationId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{at} {caller} {name}")),
        "identity": {"claims": {"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": caller}},
    }


def _signins(source: Path, out: Path) -> None:
    """Each sign-in as an operation by that person; a fortnight before, from where each came first.

    One to an account of another tenant (90072) is among them: whoever made it was there, and had the password.
    """
    ones = [json.loads(line) for line in (source / "azure" / "aad_logons.jsonl").read_text().splitlines()]
    ones = sorted(
        (one for one in ones if str(one["ResultType"]) in ("0", "90072") and one["IPAddress"]),
        key=lambda one: str(one["TimeGenerated"]),
    )
    home = {one["UserPrincipalName"]: one["IPAddress"] for one in reversed(ones)}
    first = datetime.fromisoformat(ones[0]["TimeGenerated"]).replace(minute=0, second=0, microsecond=0)
    lines = [
        _activity(
            f"{first - timedelta(days=day, hours=-hour):%Y-%m-%dT%H:%M:%S}Z",
            person,
            address,
            str((day, hour)),
        )
        for day in range(HISTORY_DAYS, 0, -1)
        for hour in range(0, 8, 2)
        for person, address in home.items()
    ]
    lines += [
        _activity(f"{one['TimeGenerated']}Z", one["UserPrincipalName"], one["IPAddress"], one["Id"])
        for one in ones
    ]
    (out / "activity.json").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _of_signins(alerts: Alerts) -> str:
    return "; ".join(
        f"{alert['entity']['id'].split('@')[0]}: {alert['description'].split(' acted ')[-1][:90]}"
        for alert in alerts
        if alert["severity"] in ("medium", "high")
    )


def _samples(source: Path, out: Path) -> None:
    lines = (source / "azure" / "panther_events.jsonl").read_text().splitlines()
    (out / "activity.json").write_text(
        "".join(json.dumps(json.loads(line)["event"]) + "\n" for line in lines)
    )


def _vault_samples(source: Path, out: Path) -> None:
    rows = json.loads((source / "azure" / "keyvault_samples.json").read_text())
    (out / "vault.json").write_text("".join(json.dumps(row["sample"]) + "\n" for row in rows))


SETS = (
    Real(
        "SSH honeypot",
        "16,989 sessions of 8 weeks by 1,088 sources; as Zeek's conn.log, own address filled in",
        ("honeypot/cowrie_sessions_20k.csv",),
        _honeypot,
    ),
    Real(
        "honeypot, attacked",
        f"the same with {ATTACK:,} log-ins by one source in its last busy hour",
        ("honeypot/cowrie_sessions_20k.csv",),
        _honeypot_attacked,
        said=_of_attack,
    ),
    Real(
        "flow exports",
        "captures of about 40 exporters, of minutes each; benign but 11 password guesses that some hold",
        ("flows",),
        _exports,
    ),
    Real(
        "a machine's flows",
        "two days of a machine on Azure, benign; client ports filled in",
        ("azure/az_net_flows.csv",),
        _vm_flows,
    ),
    Real(
        "the same, unlearned",
        "with learning_days = 0: whatever is odd about first days is said",
        ("azure/az_net_flows.csv",),
        _vm_flows,
        NETWORKS + AT_ONCE,
    ),
    Real(
        "sign-ins",
        "86 sign-ins of 13 hours, each logged twice or more, one impossible journey; as Activity Log, a fortnight before filled in",
        ("azure/aad_logons.jsonl",),
        _signins,
        said=_of_signins,
    ),
    Real(
        "single events",
        "138 events that another product's rules look for, one by one",
        ("azure/panther_events.jsonl",),
        _samples,
    ),
    Real(
        "vault samples",
        "Key Vault events of Microsoft's documentation",
        ("azure/keyvault_samples.json",),
        _vault_samples,
    ),
)

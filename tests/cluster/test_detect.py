"""`redshank detect` as a user runs it: the same alerts on every way, and clear words for bad input."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from simulation import simulate
from tests.cluster.signals import signalled
from tests.ingest.ipfix_messages import PLAIN, a_set, message, record, template

REDSHANK = Path(sys.executable).with_name("redshank")


def redshank(*arguments: object, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [REDSHANK, *map(str, arguments)], cwd=cwd, input=stdin, capture_output=True, timeout=300, check=False
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="session")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty days of an organisation with all attacks that fit in."""
    out = tmp_path_factory.mktemp("simulated") / "organisation"
    simulate(out, days=20, seed=3)
    return out


def detected(organisation: Path, folder: Path, *more: object) -> bytes:
    alerts = folder / f"alerts{len(list(folder.iterdir()))}.jsonl"
    telemetry, config = organisation / "telemetry", organisation / "redshank.toml"
    done = redshank("detect", telemetry, "--config", config, "--alerts", alerts, "--quiet", *more, cwd=folder)
    assert done.returncode == 0, done.stderr
    return alerts.read_bytes()


@pytest.fixture(scope="session")
def reference(organisation: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return detected(organisation, tmp_path_factory.mktemp("reference"), "--runtime", "loop")


def test_attacks_are_found_and_told_in_the_fixed_format(reference: bytes) -> None:
    alerts = [json.loads(line) for line in reference.splitlines()]
    assert len({alert["type"] for alert in alerts}) >= 15
    for alert, line in zip(alerts, reference.splitlines(), strict=True):
        assert list(alert) == sorted(alert), line
        assert {"id", "type", "title", "description", "severity", "tactics", "techniques", "entity"} <= set(
            alert
        )
        assert {"start", "end", "first_seen", "last_seen", "count", "evidence", "remediation"} <= set(alert)
        assert alert["incident"]
        assert alert["remediation"]
        assert "unknown" not in alert["description"].split(), alert["description"]
    assert alerts == sorted(alerts, key=lambda a: (a["start"], a["type"], a["entity"]["id"]))


@pytest.mark.parametrize("shards", [3, 7])
def test_the_number_of_shards_changes_not_a_byte(
    shards: int, organisation: Path, reference: bytes, tmp_path: Path
) -> None:
    assert detected(organisation, tmp_path, "--runtime", "loop", "--shards", shards) == reference


@pytest.mark.ray
@pytest.mark.parametrize("shards", [1, 3])
def test_ray_changes_not_a_byte(shards: int, organisation: Path, reference: bytes, tmp_path: Path) -> None:
    assert detected(organisation, tmp_path, "--shards", shards) == reference


def line(hour: int, **more: Any) -> dict[str, Any]:
    record = {
        "time": f"2026-01-05T{hour:02d}:05:00Z",
        "category": "AuditEvent",
        "operationName": "SecretGet",
        "resultType": "Success",
        "callerIpAddress": "81.2.69.142",
        "correlationId": f"c{hour}",
        "identity": {"claim": {"oid": "oid1", "appid": "app1", "upn": "a@contoso.example"}},
        "properties": {"id": "https://v1.vault.azure.net/secrets/db/1", "httpStatusCode": 200},
        "resourceId": "/SUBSCRIPTIONS/S1/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V1",
    }
    return record | more


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def run(folder: Path, *more: object, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    return redshank("detect", *more, "--runtime", "loop", cwd=folder, stdin=stdin)


TOR = "[threat_intel]\nfeeds = [{ path = 'tor.txt', category = 'tor_exit_node' }]\n"


def test_an_alert_from_standard_input(tmp_path: Path) -> None:
    (tmp_path / "tor.txt").write_text("81.2.69.142\n")
    (tmp_path / "redshank.toml").write_text(TOR)
    done = run(tmp_path, "-", "--config", "redshank.toml", stdin=lines(line(1)))
    assert done.returncode == 0, done.stderr
    assert "1 alert (" in done.stderr


def test_state_splits_a_run_in_two_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "tor.txt").write_text("81.2.69.142\n")
    (tmp_path / "redshank.toml").write_text(TOR)
    first, second = lines(line(1), line(2)), lines(line(2, correlationId="x"), line(3))
    (tmp_path / "first.json").write_bytes(first)
    (tmp_path / "second.json").write_bytes(second)
    (tmp_path / "both.json").write_bytes(first + second)
    for name, more in (("first", ("--shards", 3)), ("second", ("--shards", 2)), ("both", ())):
        state = () if name == "both" else ("--state", "state")
        options = ("--config", "redshank.toml", "--alerts", f"{name}.jsonl", *state, *more)
        done = run(tmp_path, f"{name}.json", *options)
        assert done.returncode == 0, done.stderr

    def told(*names: str) -> dict[str, Any]:
        found = [
            json.loads(one) for name in names for one in (tmp_path / f"{name}.jsonl").read_text().splitlines()
        ]
        return {alert["id"]: (alert["count"], alert["first_seen"], alert["last_seen"]) for alert in found}

    assert told("first", "second") == told("both")
    assert len(told("both")) == 3


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("empty.json", b"", "empty"),
        ("half.json", lines(line(1)) + lines(line(2))[:80], "cut"),
        ("binary.json", bytes(range(256)) * 20, "binary"),
        ("untimed.json", lines(line(1)) + lines(line(2, time=None)), "time"),
        ("half.ipfix", b"\x00\x0a\x00\x40" + bytes(20), "IPFIX"),
        ("half.json.gz", gzip.compress(lines(*[line(1)] * 500))[:-30], "cut"),
    ],
)
def test_bad_input_is_said_and_kept_and_the_rest_goes_on(
    name: str, body: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(body)
    (tmp_path / "good.json").write_bytes(lines(line(5)))
    done = run(tmp_path, name, "good.json", "--alerts", "out/alerts.jsonl")
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    kept = [json.loads(one) for one in (tmp_path / "out" / "rejected.jsonl").read_text().splitlines()]
    assert kept
    assert all(one["reason"] and name in one["source"] for one in kept)
    assert any(said.lower() in one["reason"].lower() for one in kept), kept
    assert "rejected" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nowhere.json"], 1, "no such file"),
        (["good.json", "--config", "nowhere.toml"], 1, "nowhere.toml"),
        (["good.json", "--config", "typo.toml"], 1, "learning_days"),
        (["good.json", "--config", "nodb.toml"], 1, "nodb.mmdb"),
        (["good.json", "--shards", "0"], 2, "--shards"),
        (["good.json", "--alerts", "alerts.docx"], 2, "alerts.docx"),
        (["good.json", "--address", "127.0.0.1:1"], 2, "--address"),
        ([], 2, "INPUT"),
        (["good.json", "--state", "good.json"], 1, "good.json"),
    ],
)
def test_what_cannot_run_is_said_in_one_line(
    arguments: list[str], status: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "good.json").write_bytes(lines(line(5)))
    (tmp_path / "typo.toml").write_text("[detections]\nlerning_days = 7\n")
    (tmp_path / "nodb.toml").write_text("[geo]\ndatabase = 'nodb.mmdb'\n")
    done = run(tmp_path, *arguments)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_line_in_a_feed_is_said_and_the_feed_works(tmp_path: Path) -> None:
    (tmp_path / "tor.txt").write_text("81.2.69.142\nnot an address\n")
    (tmp_path / "redshank.toml").write_text(TOR)
    (tmp_path / "good.json").write_bytes(lines(line(5)))
    done = run(tmp_path, "good.json", "--config", "redshank.toml", "--alerts", "alerts.jsonl")
    assert done.returncode == 3, done.stderr
    assert "tor.txt" in (tmp_path / "rejected.jsonl").read_text()
    assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == 1


def test_the_counts_of_the_fates_add_up(organisation: Path, tmp_path: Path) -> None:
    done = redshank(
        "detect", organisation / "telemetry", "--config", organisation / "redshank.toml",
        "--runtime", "loop", "--alerts", tmp_path / "alerts.jsonl", cwd=tmp_path,
    )  # fmt: skip
    counted = next(line for line in done.stderr.splitlines() if "records read" in line)
    words = counted.replace(",", "").replace(":", "").replace(";", "").split()
    numbers = {words[i + 1]: int(word) for i, word in enumerate(words[:-1]) if word.isdigit()}
    assert numbers["records"] == sum(numbers[k] for k in ("applied", "late", "rejected", "filtered"))
    assert numbers["records"] > 100_000


def test_the_catalogue_tells_all_26(tmp_path: Path) -> None:
    done = redshank("catalogue", cwd=tmp_path)
    assert done.returncode == 0
    told = [
        word for word in done.stdout.split() if word.startswith(("network.", "management.", "key_vault."))
    ]
    assert len(told) == 26
    assert redshank("catalogue", "key_vault.tor_acess", cwd=tmp_path).returncode == 2
    one = redshank("catalogue", "key_vault.tor_access", cwd=tmp_path)
    assert "Steps to take" in one.stdout


def test_docs_are_those_of_the_catalogue() -> None:
    from detections.page import markdown

    page = Path(__file__).parents[2] / "docs" / "detections.md"
    assert page.read_text(encoding="utf-8") == markdown(), "run `make docs`"


def test_flows_that_exporters_lost_are_counted(tmp_path: Path) -> None:
    told = template(256, PLAIN)
    first, later = message(told, a_set(256, record() * 2)), message(a_set(256, record()), sequence=12)
    (tmp_path / "x.ipfix").write_bytes(first + later)
    done = redshank("detect", "x.ipfix", "--runtime", "loop", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "sequence numbers: 10 flows" in done.stderr


def test_standard_input_leaves_the_same_bytes_each_time(tmp_path: Path) -> None:
    body = lines(line(1), line(2, time=None), line(3, callerIpAddress="185.220.101.1"))
    (tmp_path / "tor.txt").write_text("185.220.101.1\n")
    (tmp_path / "c.toml").write_text(
        '[threat_intel]\nfeeds = [{ path = "tor.txt", category = "anonymous_proxy" }]\n'
    )
    told = []
    for folder in ("a", "b"):
        out = f"{folder}/alerts.jsonl"
        done = redshank(
            "detect",
            "-",
            "--runtime",
            "loop",
            "--config",
            "c.toml",
            "--alerts",
            out,
            cwd=tmp_path,
            stdin=body,
        )
        assert done.returncode == 3, done.stderr
        told.append([(tmp_path / folder / name).read_bytes() for name in ("alerts.jsonl", "rejected.jsonl")])
    assert told[0] == told[1]
    assert json.loads(told[0][1])["source"] == "-"


def test_files_of_others_are_never_touched(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(lines(line(1), line(2, time=None)))
    for name in ("rejected.jsonl", "withheld.jsonl"):
        (tmp_path / name).write_text("mine\n")
    for _ in range(2):
        assert run(tmp_path, "x.json", "--alerts", "alerts.jsonl").returncode == 3
    assert (tmp_path / "rejected.jsonl").read_text() == (tmp_path / "withheld.jsonl").read_text() == "mine\n"
    assert {path.name for path in tmp_path.glob("*-*.jsonl")} == {"rejected-1.jsonl", "withheld-1.jsonl"}


def test_an_older_runs_rejects_do_not_stay_to_mislead(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_bytes(lines(line(2, time=None)))
    (tmp_path / "good.json").write_bytes(lines(line(1)))
    assert run(tmp_path, "bad.json", "--alerts", "alerts.jsonl").returncode == 3
    assert run(tmp_path, "good.json", "--alerts", "alerts.jsonl").returncode == 0
    assert not (tmp_path / "rejected.jsonl").exists()


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / "other")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(lines(line(1), line(2))))
    writer.start()
    done = run(tmp_path, "pipe", "folder", "--alerts", "alerts.jsonl")
    writer.join()
    assert done.returncode == 3
    assert "2 records read: 2 applied" in done.stderr
    assert "folder/other: it is no regular file" in done.stderr


def test_flows_with_impossible_times_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[inventory]\nnetworks = ["10.0.0.0/8"]\n')
    times = [(2**64 - 1, 2**64 - 1), (4_900_000_000_000, 4_900_000_000_000)]
    body = b"".join(record(start_ms=a, end_ms=b) for a, b in times) + record(counts=(2**64 - 1, 2**64 - 1))
    (tmp_path / "x.ipfix").write_bytes(message(template(256, PLAIN), a_set(256, body)))
    done = run(tmp_path, "x.ipfix", "--config", "c.toml", "--alerts", "alerts.jsonl")
    assert done.returncode == 3
    assert "3 records read: 1 applied, 0 late, 2 rejected" in done.stderr
    assert "Warning" not in done.stderr


def test_what_an_earlier_run_closed_is_not_called_disorder(tmp_path: Path) -> None:
    for name in ("x.json", "y.json"):
        (tmp_path / name).write_bytes(lines(*(line(minute) for minute in range(0, 300, 7))))
        done = run(tmp_path, name, "--alerts", "alerts.jsonl", "--state", "state")
    assert "that an earlier run with this --state has closed" in done.stderr
    assert "out of order" not in done.stderr


def test_a_stopped_run_says_so_in_one_line(organisation: Path, tmp_path: Path) -> None:
    command = [REDSHANK, "detect", organisation / "telemetry", "--runtime", "loop", "--alerts", "a.jsonl"]
    for number in (signal.SIGINT, signal.SIGTERM):
        start = [sys.executable, "-c", signalled("advance", number)]
        done = subprocess.run(
            [*start, *map(str, command[1:])], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr.strip()) == (1, "redshank: stopped")


def test_a_cluster_that_nobody_runs_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(lines(line(1)))
    done = redshank("detect", "x.json", "--address", "127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 1
    assert "nobody answers there" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1

"""A server that reads event hubs: brokers that go and servers that are killed lose nothing and count nothing twice."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.log_inputs import vault_line
from cluster.simulating import run as simulate
from tests.cluster.records_of_logs import records_of
from tests.cluster.served import START, Served, detected, until
from tests.ingest.brokers import Cluster, cluster

TOPICS = ("insights-activity-logs", "insights-logs-auditevent")
LOGS = dict(
    zip(TOPICS, ("insights-activity-logs", "key-vault"), strict=True)
)  # where the simulation puts them


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("organisation") / "telemetry"
    simulate(folder, 3, 5, ())
    config = folder / "redshank.toml"
    config.write_text(config.read_text().replace("disable = []", "learning_days = 1"))
    return folder


@pytest.fixture(scope="module")
def sent(telemetry: Path) -> dict[tuple[str, int], list[bytes]]:
    """Messages by topic and partition: payloads of the one log, single events of the other."""
    made: dict[tuple[str, int], list[bytes]] = {}
    for topic, size in zip(TOPICS, (7, 1), strict=True):
        files = sorted((telemetry / "telemetry" / LOGS[topic]).rglob("*.json*"))
        records = [json.dumps(one).encode() for file in files for one in records_of(file.read_bytes())]
        records.sort(key=lambda line: json.loads(line)["time"])
        for number in (0, 1):
            mine = records[number::2]
            some = [mine[at : at + size] for at in range(0, len(mine), size)]
            made[topic, number] = [
                b'{"records": [' + b",".join(one) + b"]}" if size > 1 else one[0] for one in some
            ]
    for at, some in enumerate(made.values()):  # the hours before it close when this is read
        some.append(vault_line("00:00.0000000Z", at, 1, 1, 1).replace("-01-05T", "-01-09T").encode())
    return made


def records_in(messages: list[bytes]) -> Iterator[Any]:
    for one in messages:
        told = json.loads(one)
        yield from told.get("records", [told])


@pytest.fixture(scope="module")
def expected(telemetry: Path, sent: dict[tuple[str, int], list[bytes]]) -> dict[str, int]:
    """What `detect` makes of the same records in files: how often each alert was seen."""
    folder = telemetry.parent / "files"
    folder.mkdir()
    for (topic, number), messages in sent.items():
        lines = [json.dumps(one) for one in records_in(messages)]
        (folder / f"{topic}-{number}.json").write_text("\n".join(lines))
    told = detected([folder], telemetry / "redshank.toml", telemetry.parent / "alerts.jsonl")
    return {one["id"]: one["count"] for one in told}


def served(folder: Path, telemetry: Path, brokers: Cluster, runtime: str) -> Served:
    made = Served(folder, telemetry, runtime)
    about = made.config.read_text().replace("silence_minutes = 0.02", "silence_minutes = 600")
    about = about[: about.index("[[sources]]")].replace("rest_minutes = 0.02", "")
    made.config.write_text(
        f'{about}[[sources]]\nkafka = "{brokers.servers}"\ntopics = ["{TOPICS[0]}", "{TOPICS[1]}"]\n'
    )
    return made


@pytest.mark.parametrize("runtime", ["loop", "ray"])
def test_what_is_sent_raises_what_detect_raises_whatever_dies(
    telemetry: Path,
    sent: dict[tuple[str, int], list[bytes]],
    expected: dict[str, int],
    tmp_path: Path,
    runtime: str,
) -> None:
    with cluster(2) as brokers:
        for topic in TOPICS:
            brokers.create(topic, 2)

        def send(begin: int, end: int) -> None:
            """So many hundredths of what is to be sent."""
            for (topic, number), messages in sent.items():
                brokers.send(
                    topic, number, messages[len(messages) * begin // 100 : len(messages) * end // 100]
                )

        one = served(tmp_path, telemetry, brokers, runtime)
        total = sum(len(list(records_in(some))) for some in sent.values())
        with one.running():
            send(0, 30)
            until(lambda: one.read() > total // 10, one.log)
        send(30, 40)
        with (
            one.running()
        ):  # the one before was killed: it goes on from its checkpoint, with what came meanwhile
            until(lambda: one.read() > total // 3, one.log)
            brokers.down()
            until(lambda: any(source["fault"] for source in one.ask("/status")["sources"]), one.log)
            assert one.ask("/readyz"), "the others go on"
            brokers.up()
            send(40, 60)
            until(lambda: one.read() > total // 2, one.log)
        with one.running() as process:
            send(60, 100)
            until(lambda: one.alerts().keys() >= expected.keys(), one.log)
            until(lambda: one.read() >= total, one.log)
            status = one.ask("/status")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=90) == 0, one.log()
        assert len(expected) > 4, "there is something to find"
        assert status["counts"]["read"] == total
        assert (status["counts"]["late"], status["counts"]["rejected"]) == (0, 0)
        assert {source["behind"] for source in status["sources"]} <= {0, None}
        assert {id_: alert["count"] for id_, alert in one.alerts().items()} == expected
        ends = {which: brokers.committed(*which) for which in sent}
        assert ends == {which: len(messages) for which, messages in sent.items()}
    assert "a source is down; the others go on" in one.log()
    assert "a source is there again" in one.log()
    assert "Traceback" not in one.log()


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ('kafka = "hub"', "HOST:PORT was expected"),
        ('kafka = "hub:9093"', "has no topics"),
        ('kafka = "hub:9093"\nfolder = "in"\ntopics = ["a"]', "found folder and kafka"),
        ('folder = "in"\ntopics = ["a"]', "topics is for kafka"),
        ('kafka = "hub:9093"\ntopics = ["a"]\nstart = "newest"', "one of earliest, latest"),
        ('kafka = "hub:9093"\ntopics = ["a"]\noptions = {"group.id" = "x"}', "say group = '...'"),
        (
            'kafka = "hub:9093"\ntopics = ["a"]\noptions = {"sasl.pasword" = "x"}',
            "No such configuration property",
        ),
        (
            'kafka = "hub:9093"\ntopics = ["a"]\nsasl = {username = "x"}',
            "has no password_env or password_file",
        ),
        (
            'kafka = "hub:9093"\ntopics = ["a"]\nsasl = {username = "x", password_env = "NOT_THERE"}',
            "the environment variable NOT_THERE is not set",
        ),
    ],
)
def test_sources_that_can_not_be_are_refused_in_a_line(tmp_path: Path, said: str, wrong: str) -> None:
    pytest.importorskip("confluent_kafka", reason="the extra `kafka` is not installed")
    config = tmp_path / "serve.toml"
    config.write_text(f'[serve]\nruntime = "loop"\n[[sources]]\n{said}\n')
    done = subprocess.run(
        [*START, "serve", "--config", str(config)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert wrong in done.stderr

"""A server over real sources: what it is sent comes out as alerts, whatever is killed meanwhile, and it stops cleanly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos import below
from benchmarks.ports import free_port
from cluster.simulating import run as simulate
from ingest.sources import discover
from tests.cluster.served import START, Served, alone, detected, lay, until, write


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("organisation") / "telemetry"
    simulate(folder, 3, 5, ())
    return folder


@pytest.fixture(scope="module")
def expected(telemetry: Path) -> dict[str, dict[str, Any]]:
    """What `detect` makes of the same files."""
    told = detected([telemetry], telemetry / "redshank.toml", telemetry.parent / "alerts.jsonl")
    return {one["id"]: alone(one) for one in told}


def test_files_that_come_while_it_is_killed_raise_what_detect_raises(
    telemetry: Path, expected: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    served = Served(tmp_path, telemetry)
    with served.running():
        lay(telemetry, tmp_path)
        until(lambda: served.read() > 1_000, served.log)
    for _ in range(2):  # each one killed in the middle
        with served.running():
            time.sleep(1.0)
    with served.running() as process:
        until(lambda: served.alerts().keys() >= expected.keys(), served.log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, served.log()
    assert served.alerts().keys() == expected.keys()
    counts = {id_: one["count"] for id_, one in served.alerts().items()}
    assert counts == {id_: one["count"] for id_, one in expected.items()}
    assert (tmp_path / "withheld.jsonl").stat().st_size
    assert '"stopped"' in served.log()
    assert "Traceback" not in served.log()


def test_on_ray_it_goes_on_when_its_actors_are_killed(
    telemetry: Path, expected: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    served = Served(tmp_path, telemetry, "ray")
    with served.running() as process:
        lay(telemetry, tmp_path)
        until(lambda: served.read() > 1_000, served.log)
        for number, kind in enumerate(("shard", "router"), 1):
            of_kind = [pid for pid, what in below(process.pid) if what == kind]
            os.kill(of_kind[0], signal.SIGKILL)
            # It says so when it has begun again: till then there are actors that are being ended anyway.
            until(lambda least=number: served.ask("/status")["deaths"] >= least, served.log)
        until(lambda: served.alerts().keys() >= expected.keys(), served.log)
        assert served.ask("/status")["deaths"] >= 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=90) == 0, served.log()
    assert {id_: one["count"] for id_, one in served.alerts().items()} == {
        id_: one["count"] for id_, one in expected.items()
    }


def test_flows_by_udp_are_counted_once_over_a_kill(telemetry: Path, tmp_path: Path) -> None:
    messages = list(ipfix_messages(telemetry))[:60]
    (tmp_path / "first.ipfix").write_bytes(b"".join(messages[:30]))
    (tmp_path / "all.ipfix").write_bytes(b"".join(messages))
    records = records_in(tmp_path / "all.ipfix")
    served = Served(tmp_path, telemetry)
    with socket.socket(
        socket.AF_INET, socket.SOCK_DGRAM
    ) as out:  # one exporter: templates are known by its port
        with served.running():
            for message in messages[:30]:
                out.sendto(message, ("127.0.0.1", served.udp))
            # That they were received is not enough: they are safe once they are in the journal, where they are read.
            until(lambda: served.read() >= records_in(tmp_path / "first.ipfix"), served.log)
        with served.running() as process:
            for message in messages[30:]:
                out.sendto(message, ("127.0.0.1", served.udp))
            counts = until(lambda: settled(served, records), served.log)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
    once = Served(tmp_path / "once", telemetry)
    with once.running(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for message in messages:
            out.sendto(message, ("127.0.0.1", once.udp))
        alone = until(lambda: settled(once, records), once.log)
    assert counts["read"] == alone["read"] == records > 0
    # While it was silent an hour closed by the clock: what came for it after that is late, and counted.
    assert counts["flows_applied"] + counts["late"] == alone["flows_applied"] + alone["late"]


def records_in(file: Path) -> int:
    return sum(block.read for one in discover([file], 600_000_000).partitions for block in one.blocks())


def settled(served: Served, records: int) -> Any:
    """The counts once so many records were read and their hours have closed: a datagram is decoded after it has come."""
    status = served.ask("/status")
    return status["counts"] if status["counts"]["read"] >= records and not status["open_hours"] else None


def test_what_comes_by_tcp_is_told_as_such_and_not_as_udp(telemetry: Path, tmp_path: Path) -> None:
    """Whoever watches for drops of datagrams is not told of connections, and the other way round."""
    messages = list(ipfix_messages(telemetry))[:20]
    served, port = Served(tmp_path, telemetry), free_port()
    served.config.write_text(served.config.read_text() + f'[[sources]]\nipfix = "tcp://127.0.0.1:{port}"\n')
    with served.running(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for message in messages[:5]:
            out.sendto(message, ("127.0.0.1", served.udp))
        until(lambda: socket.create_connection(("127.0.0.1", port), 5).close() is None, served.log)
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"".join(messages))
            until(lambda: served.ask("/status")["tcp"]["messages"] == 20, served.log)
        until(lambda: served.ask("/status")["udp"]["datagrams"] == 5, served.log)
        with urllib.request.urlopen(f"http://127.0.0.1:{served.health}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    assert "redshank_tcp_messages_total 20.0" in lines
    assert f"redshank_tcp_bytes_total {float(sum(map(len, messages)))}" in lines
    assert "redshank_udp_datagrams_total 5.0" in lines


def ipfix_messages(telemetry: Path) -> Iterator[bytes]:
    """The messages of the first file that is not packed."""
    path = min(path for path in telemetry.rglob("*.ipfix"))
    data = path.read_bytes()
    while data:
        size = int.from_bytes(data[2:4], "big")
        yield data[:size]
        data = data[size:]


def test_it_goes_on_with_more_shards_while_it_runs(telemetry: Path, tmp_path: Path) -> None:
    served = Served(tmp_path, telemetry)
    with served.running() as process:
        lay(telemetry, tmp_path)
        until(lambda: served.read() > 1_000, served.log)
        words = [*START, "scale", "3", "--config", str(served.config)]
        said = subprocess.run(words, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
        until(lambda: len(served.ask("/status")["queues"]) == 3, served.log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert "scaled" in served.log()
    with served.running():
        assert until(lambda: served.ask("/status"), served.log)["queues"] == [0] * 3, "it is still asked for"
    served.config.write_text(served.config.read_text().replace("shards = 2", "shards = 1"))
    with served.running():
        assert until(lambda: served.ask("/status"), served.log)["queues"] == [0], (
            "the file's newer word counts"
        )


@pytest.mark.parametrize("runtime", ["loop", "ray"])
def test_what_needs_no_hour_is_told_at_once_and_once_whatever_is_killed(
    telemetry: Path, tmp_path: Path, runtime: str
) -> None:
    """Whoever waits for it need not wait for the hour, nor read it twice since something died."""
    served = Served(tmp_path, telemetry, runtime)
    (tmp_path / "tor.txt").write_text("185.220.101.1\n")
    served.config.write_text(
        f'[threat_intel]\nfeeds = [{{ path = "tor.txt", category = "tor_exit_node" }}]\n'
        f'[serve]\nruntime = "{runtime}"\nshards = 3\nlisten = "127.0.0.1:{served.health}"\n'
        f'silence_minutes = 600\n[checkpoints]\nevery_seconds = 0.3\n[[sources]]\nfolder = "in"\n'
    )
    with served.running():
        write(tmp_path, "00:01", 1)
        until(lambda: len(served.lines()) == 1, served.log)
    with served.running() as process:  # the one before was killed: part of it may be read again
        write(tmp_path, "00:02", 1)
        write(tmp_path, "00:03", 2)
        until(lambda: len(served.lines()) == 2, served.log)
        time.sleep(1.0)
        assert [(one["count"], one["complete"]) for one in served.lines()] == [(1, False), (1, False)]
        write(tmp_path, "59:59", 3, minutes=120)
        until(lambda: len(served.alerts()) == 2, served.log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=90) == 0, served.log()
    assert sorted(one["count"] for one in served.alerts().values()) == [1, 2]
    assert len(served.lines()) == 5, "two of an open hour, two complete, one of the last hour"


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ("", "has no [[sources]]"),
        ("[[sources]]\n", "one of folder, ipfix, kafka was expected, found none"),
        ('[[sources]]\nfolder = "nowhere"\n', "no such folder"),
        ('[[sources]]\nipfix = "sctp://0.0.0.0:1"\n', "an address like 'udp://0.0.0.0:4739'"),
        (
            '[[sources]]\nipfix = "udp://0.0.0.0:1"\ntls = {certificate="a", key="b"}\n',
            "tls is for ipfix = 'tcp://HOST:PORT'",
        ),
        ('[[sources]]\nipfix = "tcp://0.0.0.0:1"\ntls = {certificate="a", key="b"}\n', "a: no such file"),
        ('[[sources]]\nipfix = "udp://0.0.0.0"\n', "HOST:PORT was expected"),
    ],
)
def test_what_can_not_be_served_is_said_in_a_line(tmp_path: Path, sources: str, said: str) -> None:
    config = tmp_path / "serve.toml"
    config.write_text(f'[serve]\nruntime = "loop"\nlisten = "127.0.0.1:{free_port()}"\n{sources}')
    done = subprocess.run(
        [*START, "serve", "--config", str(config)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["serve.toml"]

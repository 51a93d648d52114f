"""`check` tells whoever sets a server up what is wrong with its sources, in words that lead to the mend."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from benchmarks.ports import free_port
from cluster.checking import run
from cluster.checkpoints import Store
from cluster.errors import UserError
from tests.cluster.object_stores import azure_server, s3_server
from tests.cluster.served import START
from tests.ingest.brokers import cluster


def checked(folder: Path, sources: str, **environment: str) -> tuple[int, str]:
    config = folder / "redshank.toml"
    config.write_text(sources)
    about = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AZURE_"))}
    words = [*START, "check", "--config", str(config)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**about, **environment})
    assert "Traceback" not in done.stderr + done.stdout
    return done.returncode, done.stdout + done.stderr


def test_folders_and_ports(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.json").touch()
    port, taken = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", taken))
        status, said = checked(
            tmp_path,
            f'[[sources]]\nfolder = "in"\n[[sources]]\nipfix = "udp://127.0.0.1:{port}"\n'
            f'[[sources]]\nfolder = "nowhere"\n[[sources]]\nfolder = "in/a.json"\n'
            f'[[sources]]\nipfix = "udp://127.0.0.1:{taken}"\n[[sources]]\nipfix = "udp://198.51.100.7:4739"\n'
            f"[[sources]]\n",
        )
    assert status == 3
    assert f"[[sources]] 1: {tmp_path}/in: can be read; files and folders in it: 1" in said
    assert f"[[sources]] 2: udp://127.0.0.1:{port}: the port is free" in said
    assert f"[[sources]] 3: WRONG: {tmp_path}/nowhere: no such folder; create it" in said
    assert "[[sources]] 4: WRONG: " in said
    assert "is no folder" in said
    assert f"[[sources]] 5: WRONG: udp://127.0.0.1:{taken}: the port is taken" in said
    assert "[[sources]] 6: WRONG: udp://198.51.100.7:4739: the address is none of this machine's" in said
    assert "[[sources]] 7: WRONG: one of folder, ipfix, kafka was expected, found none" in said


@pytest.mark.parametrize("other", ["in", "in/deep", "link", "."])
def test_folders_that_share_files_are_refused_since_flows_would_count_twice(
    tmp_path: Path, other: str
) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "in")
    status, said = checked(tmp_path, f'[[sources]]\nfolder = "in"\n[[sources]]\nfolder = "{other}"\n')
    assert status == 3
    assert "[[sources]] 1: " in said
    assert f"files in it are those of another source, {tmp_path}/in, too, and would count twice" in said


def test_a_port_of_a_servers_pages_that_is_taken_is_no_fault_of_the_server_that_has_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "in").mkdir()
    port = free_port()
    sources = f'[serve]\nlisten = "127.0.0.1:{port}"\n[[sources]]\nfolder = "in"\n'
    with socket.create_server(("127.0.0.1", port)):
        status, said = checked(tmp_path, sources)
        assert status == 3
        assert f"[serve] listen: WRONG: 127.0.0.1:{port}: the port is taken" in said
        with Store(str(tmp_path / "state")).lock():
            status, said = checked(tmp_path, sources)
        assert status == 0, said
        assert "a server runs with these checkpoints" in said


@pytest.mark.parametrize("url", ["s3://", "abfs://", "s3:///"])
def test_a_store_without_a_name_is_told_rather_than_found_empty(tmp_path: Path, url: str) -> None:
    status, said = checked(tmp_path, f'[[sources]]\nfolder = "{url}"\n')
    assert status == 3
    assert "names no bucket or container; " in said


def test_what_a_server_could_not_write_is_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "a file").touch()
    status, said = checked(
        tmp_path,
        '[[sources]]\nfolder = "in"\n[serve]\nalerts = "in"\njournal = "a file/journal"\n'
        '[checkpoints]\nstore = "a file/state"\n',
    )
    assert status == 3
    assert f"[serve] alerts: {tmp_path}/in: WRONG: is no plain file; name another path" in said
    assert f"[checkpoints] store: {tmp_path}/a file/state: WRONG: {tmp_path}/a file is no folder" in said
    assert f"[serve] journal: {tmp_path}/a file/journal: WRONG: {tmp_path}/a file is no folder" in said


def test_a_server_does_not_begin_to_read_a_device_or_a_pipe_as_its_alerts(tmp_path: Path) -> None:
    """It reads the file at its start: of a device that is without end, and it took all memory."""
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for place in ("/dev/full", "pipe"):
        config = tmp_path / "redshank.toml"
        config.write_text(f'[[sources]]\nfolder = "in"\n[serve]\nruntime = "loop"\nalerts = "{place}"\n')
        words = [*START, "serve", "--config", str(config)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert "is no plain file; name another path" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("table", ["serve", "console"])
@pytest.mark.parametrize("listen", ["x", "127.0.0.1:99999", ""])
def test_what_a_server_could_not_listen_on_is_said_before_it_starts(
    tmp_path: Path, table: str, listen: str
) -> None:
    file = tmp_path / "redshank.toml"
    file.write_text(f'[{table}]\nlisten = "{listen}"\n')
    with pytest.raises(UserError, match=rf"redshank.toml: \[{table}\] listen: HOST:PORT was expected"):
        run(file)


def test_ports_for_connections(tmp_path: Path) -> None:
    port, taken = free_port(), free_port()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", taken))
        holder.listen()
        status, said = checked(
            tmp_path,
            f'[[sources]]\nipfix = "tcp://127.0.0.1:{port}"\n[[sources]]\nipfix = "tcp://127.0.0.1:{taken}"\n'
            f'[[sources]]\nipfix = "tcp://127.0.0.1:{port}"\ntls = {{ certificate = "a.pem", key = "a.key" }}\n',
        )
    assert status == 3
    assert f"[[sources]] 1: tcp://127.0.0.1:{port}: the port is free (without TLS)" in said
    assert f"[[sources]] 2: WRONG: tcp://127.0.0.1:{taken}: the port is taken" in said
    assert "[[sources]] 3: WRONG: tls: " in said
    assert "a.pem: no such file" in said


def test_with_all_sources_there_all_is_well(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert checked(tmp_path, '[[sources]]\nfolder = "in"\n')[0] == 0


def test_brokers(tmp_path: Path) -> None:
    with cluster(1) as brokers:
        brokers.create("logs", 3)
        brokers.send("logs", 1, [b"{}"] * 4)
        status, said = checked(
            tmp_path,
            f'[[sources]]\nkafka = "{brokers.servers}"\ntopics = ["logs"]\n'
            f'[[sources]]\nkafka = "{brokers.servers}"\ntopics = ["other"]\n'
            '[[sources]]\nkafka = "127.0.0.1:1"\ntopics = ["logs"]\n'
            '[[sources]]\nkafka = "no-such-host.invalid:9093"\ntopics = ["logs"]\n'
            f'[[sources]]\nkafka = "{brokers.servers}"\ntopics = ["logs"]\n',
        )
    assert status == 3
    assert "[[sources]] 1: kafka://127.0.0.1" in said
    assert "topics with their partitions: logs (3); 4 messages in them" in said
    assert "other: there is no such topic: check its name, or create it" in said
    assert (
        "[[sources]] 3: WRONG: kafka://127.0.0.1:1: it does not answer: check host, port and network" in said
    )
    assert (
        "[[sources]] 4: WRONG: kafka://no-such-host.invalid:9093: its name can't be found: check the host"
        in said
    )
    assert "[[sources]] 5: WRONG: a topic of" in said


@pytest.mark.parametrize("kind", ["s3", "azure"])
def test_stores(tmp_path: Path, kind: str) -> None:
    with s3_server() if kind == "s3" else azure_server(tmp_path) as (url, options):
        from ingest.object_store import Bucket

        files, path = Bucket(url, options)._opened
        files.pipe_file(f"{path}/logs/y=2026/PT1H.json", b"{}")
        secrets = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
        opens = f'options = {{ endpoint_url = "{options.get("endpoint_url")}" }}\n'
        if kind == "azure":
            secrets, opens = {"STORAGE": options["connection_string"]}, 'connection_string_env = "STORAGE"\n'
        scheme = url.split("://")[0]
        status, said = checked(
            tmp_path,
            f'[[sources]]\nfolder = "{url}/logs"\n{opens}[[sources]]\nfolder = "{url}/empty"\n{opens}'
            f'[[sources]]\nfolder = "{scheme}://nowhere-at-all"\n{opens}',
            **secrets,
        )
        assert status == 3
        assert f"[[sources]] 1: {url}/logs: can be listed; {url}/logs/y=2026/PT1H.json can be read" in said
        assert f"[[sources]] 2: {url}/empty: can be listed; nothing is in it yet" in said
        assert (
            f"[[sources]] 3: WRONG: {scheme}://nowhere-at-all: there is no such bucket or container" in said
        )
        if kind == "azure":
            wrong = options["connection_string"].replace("AccountKey=", "AccountKey=AAAA")
            status, said = checked(tmp_path, f'[[sources]]\nfolder = "{url}/logs"\n{opens}', STORAGE=wrong)
            assert "access is refused" in said
            assert wrong not in said
            assert status == 3

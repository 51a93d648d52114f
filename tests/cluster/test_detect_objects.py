"""`detect` over containers and buckets comes to what it comes to over the same files."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.log_inputs import vault_line
from ingest.object_store import Bucket
from ingest.remote_file import RemoteFile
from ingest.sources import Files
from tests.cluster.object_stores import azure_server, s3_server
from tests.cluster.served import START
from tests.ingest.flow_log_samples import FILES
from tests.ingest.test_capture import PACKETS, capture
from tests.ingest.test_live_files import FORMS

TOR = "185.220.101.1"
LATENESS_US = 600_000_000


@pytest.fixture(scope="module", params=["s3", "azure"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    server = s3_server() if request.param == "s3" else azure_server(tmp_path_factory.mktemp("azurite"))
    with server as (url, options):
        yield Bucket(url, options)


@pytest.fixture
def bodies() -> dict[str, bytes]:
    lines = [
        vault_line(f"{n:02}:00.0000000Z", n, 1, 1 + n % 3, 1).replace("81.0.1.7", TOR) for n in range(40)
    ]
    return {
        "y=2026/m=01/d=05/h=08/m=00/PT1H.json": "".join(lines[:20]).encode(),
        "newest-first.json": ("[" + ",".join(line.strip() for line in reversed(lines[20:])) + "]").encode(),
        "flows.ipfix": FORMS["flows"],
        "flow-log/PT1H.json": FILES["vnet"].replace(b"1663146", b"1767600"),
        "aws.log": FILES["aws"].replace(b"14185300", b"17676000"),
        "export.pcap": capture(*PACKETS),
        "packed.json.gz": FORMS["gzip"],
        "notes.md": b"# not telemetry",
        "odd": b"this is no log",
        "cut.json": b'{"time": "2026-01-05T08:00:00Z", "categ',
    }


def configured(folder: Path, store: Bucket, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What opens the container is said of a source in it, and secrets are in the environment."""
    config = folder / "redshank.toml"
    feeds = '[threat_intel]\nfeeds = [{ path = "tor.txt", category = "tor_exit_node" }]\n'
    (folder / "tor.txt").write_text(f"{TOR}\n")
    if "connection_string" in store.options:
        monkeypatch.setenv("REDSHANK_STORAGE", store.options["connection_string"])
        opens = 'connection_string_env = "REDSHANK_STORAGE"'
    else:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        opens = f'options = {{ endpoint_url = "{store.options["endpoint_url"]}" }}'
    config.write_text(f'{feeds}[[sources]]\nfolder = "{store.url}/elsewhere"\n{opens}\n')
    return config


def detect(inputs: list[str], config: Path, out: Path, runtime: str = "loop") -> Any:
    words = ["detect", *inputs, "--config", str(config), "--runtime", runtime, "--alerts", str(out)]
    return subprocess.run([*START, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("runtime", ["loop", "ray"])
def test_a_container_gives_the_alerts_of_its_files_with_its_own_names(
    store: Bucket, bodies: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    config = configured(tmp_path, store, monkeypatch)
    files, path = store._opened
    for name, body in bodies.items():
        files.pipe_file(f"{path}/{runtime}/{name}", body)
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(body)
    url = f"{store.url}/{runtime}"
    there = detect([url], config, tmp_path / "there.jsonl", runtime)
    here = detect([str(tmp_path / "in")], config, tmp_path / "here.jsonl")
    assert there.returncode == here.returncode == 3, there.stderr
    alerts = (tmp_path / "here.jsonl").read_text()
    assert alerts.count("key_vault.tor_access") >= 3
    assert (tmp_path / "there.jsonl").read_text() == alerts.replace(str(tmp_path / "in"), url)
    rejected = [json.loads(line)["source"] for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert rejected
    assert "Traceback" not in there.stderr


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # of the one who puts it there
def test_positions_in_an_object_are_those_of_a_file(store: Bucket) -> None:
    files, path = store._opened
    lines = "".join(vault_line("00:00.0000000Z", n, n % 7, n % 5, n % 3) for n in range(12_000)).encode()
    files.pipe_file(f"{path}/long/a.json", lines)
    files.pipe_file(f"{path}/long/b.ipfix", FORMS["flows"])
    bucket = Bucket(f"{store.url}/long", store.options)
    for partition in Files((), LATENESS_US, (bucket,)).found({}).partitions:
        assert isinstance(partition, RemoteFile)
        blocks = list(partition.blocks())
        for at, block in enumerate(blocks):
            rest = list(partition.blocks(block.position))
            assert sum(one.read for one in rest) == sum(one.read for one in blocks[at + 1 :])


def test_an_object_that_can_not_be_read_is_said_and_the_others_are(
    store: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.remote_file.PAUSE_S", 0.0)
    files, path = store._opened
    for name in ("a", "b"):
        files.pipe_file(f"{path}/some/{name}.json", vault_line("00:00.0000000Z", 1, 1, 1, 1).encode())
    bucket = Bucket(f"{store.url}/some", store.options)
    partitions = Files((), LATENESS_US, (bucket,)).found({}).partitions
    read, tries = Bucket.read, []

    def failing(self: Bucket, name: str, begin: int, end: int) -> bytes:
        tries.append(name)
        if name.endswith("a.json") or len(tries) % 2:
            raise ConnectionError("reset by peer")
        return read(self, name, begin, end)

    monkeypatch.setattr(Bucket, "read", failing)
    one, other = (list(partition.blocks()) for partition in partitions)
    assert "the object can't be read: it does not answer (reset by peer)" in one[0].rejected[0].reason
    tries.clear()
    assert sum(block.read for block in other) == 1, "what fails once is tried again"


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("{store}/nothing-here", "there is nothing under it"),
        ("{scheme}://no-such-container-here/x", "there is no such bucket or container"),
        ("nosuch://x", "Protocol not known: nosuch"),
    ],
)
def test_a_url_with_nothing_behind_it_is_said_in_a_line(
    store: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, wrong: str
) -> None:
    config = configured(tmp_path, store, monkeypatch)
    scheme = store.url.split("://")[0]
    config.write_text(config.read_text().replace(f"{store.url}/elsewhere", f"{scheme}://no-such-container-here")
                      if "no-such" in url else config.read_text())  # fmt: skip
    done = detect([url.format(store=store.url, scheme=scheme)], config, tmp_path / "out.jsonl")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert wrong in done.stderr

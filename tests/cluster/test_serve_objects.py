"""A server that reads containers and buckets: whatever dies or is away, each record counts once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
import pytest

from cluster.simulating import run as simulate
from tests.cluster.object_stores import azure_server, s3_server
from tests.cluster.proxies import Proxy
from tests.cluster.records_of_logs import records_of
from tests.cluster.served import START, Served, detected, until

LOGS = ("insights-activity-logs", "key-vault")


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("organisation") / "telemetry"
    simulate(folder, 2, 5, ())
    config = folder / "redshank.toml"
    config.write_text(config.read_text().replace("disable = []", "learning_days = 1"))
    return folder


@pytest.fixture(scope="module")
def objects(telemetry: Path) -> dict[str, bytes]:
    """What is to stand in the container, by name."""
    root = telemetry / "telemetry"
    return {
        str(path.relative_to(root)): path.read_bytes()
        for log in LOGS
        for path in (root / log).rglob("*.json*")
    }


@pytest.fixture(scope="module")
def expected(telemetry: Path) -> dict[str, int]:
    """What `detect` makes of the same files: how often each alert was seen."""
    folders = [telemetry / "telemetry" / log for log in LOGS]
    told = detected(folders, telemetry / "redshank.toml", telemetry.parent / "expected.jsonl")
    return {one["id"]: one["count"] for one in told}


class Away:
    """A store that can be cut off: its URL, and what a configuration says to open it that way."""

    def __init__(self, url: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        self.url = url
        self.files = fsspec.filesystem(url.split("://")[0], **options)
        text = json.dumps(options)
        address = urlsplit(text[text.index("http://127.0.0.1") :].split('"')[0].split("/devstore")[0])
        self.proxy = Proxy("127.0.0.1", int(address.port or 0))
        near = text.replace(f"127.0.0.1:{address.port}", f"127.0.0.1:{self.proxy.port}")
        self.options: dict[str, Any] = json.loads(near)
        if "connection_string" in self.options:
            monkeypatch.setenv("REDSHANK_STORAGE", self.options["connection_string"])
            self.says = 'connection_string_env = "REDSHANK_STORAGE"'
        else:
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
            self.says = f'options = {{ endpoint_url = "{self.options["endpoint_url"]}" }}'

    def put(self, name: str, body: bytes) -> None:
        self.files.pipe_file(f"{self.url.split('://')[1]}/{name}", body)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Away]:
    (tmp_path / "azurite").mkdir()
    server = s3_server() if request.param == "s3" else azure_server(tmp_path / "azurite")
    with server as (url, options):
        away = Away(url, options, monkeypatch)
        yield away
        away.proxy.cut()


def configured(served: Served, store: Away) -> None:
    about = served.config.read_text().replace("silence_minutes = 0.02", "silence_minutes = 0.1")
    sources = "".join(f'[[sources]]\nfolder = "{store.url}/{log}"\n{store.says}\n' for log in LOGS)
    served.config.write_text(about[: about.index("[[sources]]")] + sources)


@pytest.mark.parametrize(
    ("store", "runtime"), [("s3", "loop"), ("azure", "loop"), ("s3", "ray")], indirect=["store"]
)
def test_what_comes_to_a_container_raises_what_detect_raises_whatever_dies(
    telemetry: Path,
    objects: dict[str, bytes],
    expected: dict[str, int],
    store: Away,
    tmp_path: Path,
    runtime: str,
) -> None:
    served = Served(tmp_path / "served", telemetry, runtime)
    configured(served, store)
    can_be_cut = store.url.startswith("s3")  # the library for Azure takes a minute to say so
    total = sum(len(records_of(body)) for body in objects.values())
    for name, body in objects.items():
        store.put(name, body[: len(body) // 2])  # in the middle of a line
    with served.running():
        until(lambda: served.read() > total // 10, served.log)
    for name, body in objects.items():  # it was killed: they have grown meanwhile
        store.put(name, body)
    if can_be_cut:
        store.proxy.cut()
    with served.running() as process:
        if can_be_cut:
            until(lambda: any(one["fault"] for one in served.ask("/status")["sources"]), served.log)
            time.sleep(7)  # longer than a source may be silent
            store.proxy.mend()
        until(lambda: served.read() >= total, served.log)
        until(lambda: served.alerts().keys() >= expected.keys(), served.log)
        status = served.ask("/status")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=90) == 0, served.log()
    assert len(expected) > 2, "there is something to find"
    assert (status["counts"]["read"], status["counts"]["late"], status["counts"]["rejected"]) == (total, 0, 0)
    assert {id_: one["count"] for id_, one in served.alerts().items()} == expected
    downs = served.log().count("a source is down; the others go on")
    assert 0 < downs < 10 or not can_be_cut, "told of the store, not of each object"
    assert "Traceback" not in served.log()


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ('folder = "abfs://box"', "can't be opened"),
        ('folder = "abfs://box"\nconnection_string_env = "NOT_THERE"', "NOT_THERE is not set"),
        ('folder = "s3://box"\nsas_env = "PATH"', "are for Azure storage"),
        ('folder = "in"\nsas_env = "PATH"', "sas_env is for a folder with a URL"),
        ('folder = "in"\noptions = {a = 1}', "options is for kafka = '...' and for a folder with a URL"),
        ('folder = "nosuch://box"', "Protocol not known: nosuch"),
        (
            'folder = "s3://box/a"\n[[sources]]\nfolder = "s3://box/a/b"',
            "is, or is in, that of another source",
        ),
    ],
)
def test_stores_that_can_not_be_are_refused_in_a_line(tmp_path: Path, said: str, wrong: str) -> None:
    config = tmp_path / "serve.toml"
    config.write_text(f'[serve]\nruntime = "loop"\n[[sources]]\n{said}\n')
    about = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}
    done = subprocess.run(
        [*START, "serve", "--config", str(config)], capture_output=True, text=True, check=False, env=about
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert wrong in done.stderr

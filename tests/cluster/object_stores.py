"""Real servers that speak S3 and Azure blob, for the tests of checkpoints over the wire."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import pytest
from moto.server import ThreadedMotoServer

# The account that every copy of the emulator has; it opens nothing else.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextmanager
def s3_server() -> Iterator[tuple[str, dict[str, Any]]]:
    """A URL and the options to open it with."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {"key": "key", "secret": "secret", "endpoint_url": f"http://{host}:{port}"}
    # What it holds belongs to the process: of an earlier one, too.
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"").close()
    fsspec.filesystem("s3", **options).mkdir("box")
    try:
        yield "s3://box", options
    finally:
        server.stop()


@contextmanager
def azure_server(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A URL and the options to open it with; skips the test where there is no emulator."""
    command = shutil.which("azurite-blob")
    if command is None:
        pytest.skip("azurite is not installed (npm install --global azurite)")
    log = folder / "azurite.log"
    arguments = ["--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    with log.open("w") as output:
        process = subprocess.Popen([command, *arguments], stdout=output, stderr=output, cwd=folder)
    try:
        connection = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={_address(process, log)}/{ACCOUNT};"
        )
        fsspec.filesystem("abfs", connection_string=connection).mkdir("box")
        yield "abfs://box", {"connection_string": connection}
    finally:
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        found = re.search(r"listens on (http://[\d.:]+)", log.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"azurite did not start: {log.read_text()}")


def without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the environment, in a file, or of the machine lets anybody in."""
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)

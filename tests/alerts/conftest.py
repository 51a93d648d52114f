"""Stores of alerts in both databases, and an authority for servers with TLS."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from alerts.store.store import AlertStore


def _postgres() -> Iterator[str]:
    places = [*Path("/usr/lib/postgresql").glob("*/bin"), *filter(None, [_beside("initdb")])]
    if not places:
        pytest.skip("no PostgreSQL server is installed here")
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    bin_, folder = places[-1], Path(tempfile.mkdtemp(prefix="pg-"))
    as_other: dict[str, Any] = {}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "nobody")
        as_other = {"user": "nobody", "env": {**os.environ, "HOME": str(folder)}}
    options = f"-c listen_addresses= -c unix_socket_directories={folder}"

    def run(*command: str) -> None:
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=folder, timeout=300, **as_other
        )
        assert done.returncode == 0, done.stderr

    data = str(folder / "data")
    run(str(bin_ / "initdb"), "-D", data, "-U", "redshank", "-A", "trust", "--no-sync", "-E", "UTF8")
    run(str(bin_ / "pg_ctl"), "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql://redshank@/postgres?host={folder}"
    finally:
        run(str(bin_ / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _beside(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found).parent if found else None


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    yield from _postgres()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> AlertStore:
    if request.param == "sqlite":
        return AlertStore(f"sqlite:///{tmp_path}/a.db")
    url = request.getfixturevalue("server")
    made = AlertStore(url)
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE alerts, rules, history, marks, outbox RESTART IDENTITY"))
    engine.dispose()
    return made


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """What issues certificates, and its own."""
    made = pytest.importorskip("trustme", reason="trustme is not installed").CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(str(path))
    return made, path

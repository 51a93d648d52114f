"""`redshank console` as a user starts it: it serves, or says in a line why not, and it is part of a server."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from alerts.store.people import People
from alerts.store.store import AlertStore
from benchmarks.ports import free_port
from tests.console.consoles import STAMP, alert

START = [sys.executable, "-c", "import sys; from cluster.cli import main; sys.exit(main())"]
PATIENCE_S = 60.0
PASSWORD = "correct horse battery"


def redshank(*said: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*START, *said], capture_output=True, text=True, input=given, timeout=60, check=False
    )


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/a.db"
    AlertStore(url).write([alert(0), alert(1)], STAMP)
    return url


@contextmanager
def running(*said: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen([*START, *said], stdout=out, stderr=out)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def until_it_answers(address: str, log: Path, context: ssl.SSLContext | None = None) -> tuple[int, str]:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=5, context=context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text()[-2_000:])


def test_it_serves_until_it_is_stopped(url: str, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with running("console", "--store", url, "--listen", f"127.0.0.1:{port}", log=log) as process:
        status, page = until_it_answers(f"http://127.0.0.1:{port}/alerts", log)
        assert (status, page.count("data-row")) == (200, 2)
        answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/events", timeout=10)
        assert answer.readline() + answer.readline() == b"retry: 5000\nid: 2026-03-20T12:00:00Z\n"
        AlertStore(url).write([alert(2)], "2026-03-21T00:00:00Z")
        lines = iter(answer.readline, b"")
        assert any(line == b"data: 1\n" for line in lines)  # it is told to who waits, without asking again
        process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    assert log.read_text() == f"Redshank's console: http://127.0.0.1:{port}/  (Ctrl-C stops it)\n"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("--listen", "0.0.0.0:8321"), "no users; `redshank console user add NAME --role admin` makes one"),
        (("--listen", "[::]:8321"), "no users"),
        (("--listen", "nowhere"), "HOST:PORT was expected"),
        (("--listen", "127.0.0.1:99999"), "HOST:PORT was expected"),
    ],
)
def test_what_would_be_open_or_can_not_be_is_refused_at_once(
    url: str, said: tuple[str, ...], why: str
) -> None:
    done = redshank("console", "--store", url, *said)
    assert done.returncode == 1
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_told_in_a_line(url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = redshank("console", "--store", url, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 1
    assert "address already in use" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_configuration_says_where_and_what_is_wrong_with_it(url: str, tmp_path: Path) -> None:
    config = tmp_path / "redshank.toml"
    for text, why in (
        ("[console]\nlisten = 7", "[console] listen"),
        ("[console]\nlisten = 'x'", "[console] listen: HOST:PORT was expected"),
        ("[console]\ncertificate = 'nowhere.pem'", "nowhere.pem"),
        ("[console]\nhosts = ['redshank.example.com']", "[console] hosts: others are to reach the console"),
        ("[console]\nlisen = '127.0.0.1:1'", "did you mean listen?"),
    ):
        config.write_text(f"[store]\nurl = '{url}'\n{text}\n")
        done = redshank("console", "--config", str(config))
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert why in done.stderr


def test_users_and_tokens_are_made_and_taken_away(url: str) -> None:
    def done(*said: str, given: str = "") -> tuple[int, str]:
        result = redshank("console", *said, "--store", url, given=given)
        return result.returncode, (result.stdout + result.stderr).strip()

    assert done("token", "add", "siem", "--role", "viewer")[0] == 1  # nobody could see that it is asked for
    assert done("user", "add", "uma", "--role", "admin", given="short\n")[1].endswith("12 to 1,000 letters")
    assert done("user", "add", "uma", "--role", "admin", given=PASSWORD + "\n") == (
        0,
        "uma may sign in as admin",
    )
    assert "already" in done("user", "add", "uma", "--role", "admin", given=PASSWORD + "\n")[1]
    assert done("user", "add", "\x1b[2J", "--role", "admin", given=PASSWORD + "\n")[0] == 2
    assert done("user", "change", "uma", "--role", "viewer")[0] == 0
    assert done("user", "change", "nobody", "--role", "viewer") == (1, "redshank: there is no user nobody")
    assert re.fullmatch(r"uma  viewer, since \S+", done("user", "list")[1])
    status, said = done("token", "add", "siem", "--role", "viewer", "--expires", "90d")
    assert (status, said.startswith("rsk_")) == (0, True)
    assert said.split()[0] not in done("token", "list")[1]
    assert done("token", "remove", "siem")[0] == 0
    assert done("token", "list")[1] == "There are no tokens."
    status, said = done("user", "remove", "uma")
    assert "from others nobody" in said
    assert not People(AlertStore(url)).any()


def certificate(folder: Path) -> tuple[Path, Path]:
    key, made = folder / "key.pem", folder / "cert.pem"
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", made, "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("openssl is not installed here")
    return made, key


def test_with_users_and_a_certificate_others_may_reach_it_and_must_sign_in(url: str, tmp_path: Path) -> None:
    made, key = certificate(tmp_path)
    port, log, config = free_port(), tmp_path / "log", tmp_path / "redshank.toml"
    config.write_text(
        f"[store]\nurl = '{url}'\n[console]\nlisten = '0.0.0.0:{port}'\ncertificate = '{made}'\nkey = '{key}'\n"
    )
    added = redshank(
        "console", "user", "add", "uma", "--role", "viewer", "--config", str(config), given=PASSWORD + "\n"
    )
    assert added.returncode == 0, added.stderr
    trusting = ssl.create_default_context(cafile=str(made))
    with running("console", "--config", str(config), log=log):
        status, page = until_it_answers(f"https://localhost:{port}/alerts", log, trusting)
    assert status == 200
    assert 'type="password"' in page
    assert "data-row" not in page


def test_a_server_has_its_console_with_how_it_stands(tmp_path: Path) -> None:
    console, health, log = free_port(), free_port(), tmp_path / "log"
    (tmp_path / "in").mkdir()
    config = tmp_path / "redshank.toml"
    config.write_text(
        f"[serve]\nruntime = 'loop'\nshards = 1\nlisten = '127.0.0.1:{health}'\n[store]\n"
        f"[console]\nlisten = '127.0.0.1:{console}'\n[[sources]]\nfolder = 'in'\n"
    )
    with running("serve", "--config", str(config), log=log) as process:
        until_it_answers(f"http://127.0.0.1:{console}/", log)
        end = time.monotonic() + PATIENCE_S
        page = ""
        while "running" not in page and time.monotonic() < end:
            page = until_it_answers(f"http://127.0.0.1:{console}/", log)[1]
            time.sleep(0.2)
        assert "running" in page
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(line.get("address") == f"http://127.0.0.1:{console}" for line in lines)


def test_a_console_of_a_server_without_a_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    config = tmp_path / "redshank.toml"
    config.write_text(
        f"[serve]\nruntime = 'loop'\nlisten = '127.0.0.1:{free_port()}'\n"
        f"[console]\nlisten = '127.0.0.1:{free_port()}'\n[[sources]]\nfolder = 'in'\n"
    )
    done = redshank("serve", "--config", str(config))
    assert done.returncode == 1
    assert "[console] needs a [store]" in done.stderr

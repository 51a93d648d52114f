"""Feeds behind a proxy, and servers that ask for patience: whoever ignores either gets no feed at all in the end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from cluster.feed_watch import FeedWatch
from cluster.proxies import Proxies
from ingest.errors import ConfigurationError
from tests.cluster.feed_server import FeedServer, feed_server
from tests.cluster.test_feeds import OLD, begun, feeds

LISTED = "http://feeds.example.invalid/tor.txt"  # which only a proxy can reach


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def proxy() -> Iterator[FeedServer]:
    """What is asked of it by a whole address it has itself."""
    with feed_server() as one:
        one.files["/tor.txt"] = OLD.encode()
        yield one


def test_a_proxy_of_the_configuration_is_asked(tmp_path: Path, proxy: FeedServer) -> None:
    found = begun(tmp_path, f'url = "{LISTED}", proxy = "{proxy.url}"')
    assert [entry.indicator.value for entry in found.entries()] == [OLD]
    path, headers, _ = proxy.asked[0]
    assert path == LISTED
    assert headers["host"] == "feeds.example.invalid"
    assert "proxy-authorization" not in headers


def test_its_password_comes_from_a_file_and_goes_to_it_alone(
    tmp_path: Path, proxy: FeedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "proxy").write_text(f"http://me:s%40cret@127.0.0.1:{proxy.port}\n")
    begun(tmp_path, f'url = "{LISTED}", proxy_file = "proxy"')
    assert proxy.asked[0][1]["proxy-authorization"].startswith("Basic ")
    proxy.status = 407
    with pytest.raises(ConfigurationError, match=r"407.*the proxy asks for a user") as raised:
        begun(tmp_path, f'url = "{LISTED}", proxy_file = "proxy"')
    assert "s%40cret" not in str(raised.value) + "".join(capsys.readouterr())


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_environment_is_gone_by(
    tmp_path: Path, proxy: FeedServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"127.0.0.1:{proxy.port}")
    begun(tmp_path, f'url = "{LISTED}"')
    assert proxy.asked[0][0] == LISTED


def test_who_is_excepted_is_asked_straight(
    tmp_path: Path, proxy: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with feed_server() as server:
        server.files["/tor.txt"] = OLD.encode()
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        begun(tmp_path, f'url = "{server.url}/tor.txt", proxy = "none"')
        monkeypatch.setenv("NO_PROXY", "localhost, 127.0.0.1")
        begun(tmp_path, f'url = "{server.url}/tor.txt"')
        assert [path for path, *_ in server.asked] == ["/tor.txt"] * 2
    assert not proxy.asked


def test_https_goes_through_a_tunnel_and_a_refusal_names_the_proxy(tmp_path: Path) -> None:
    said = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                said.append(connection.recv(4096).split(b"\r\n")[0])
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        place = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ConfigurationError, match=f"the proxy {place} refuses: 403"):
            begun(tmp_path, f'url = "https://feeds.example.invalid/x", proxy = "{place}"')
        thread.join(10)
    assert said == [b"CONNECT feeds.example.invalid:443 HTTP/1.1"]


def test_a_proxy_that_is_away_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(ConfigurationError, match=f"by the proxy {place}"):
        begun(tmp_path, f'url = "{LISTED}", proxy = "{place}"')


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('proxy = "socks5://host:1080"', "socks5 is not spoken"),
        ('proxy = "host:3128"', "an address like 'http://proxy.example.com:3128' was expected"),
        ('proxy = "http://host:port"', "an address like"),
        ('proxy = "http://host:1", proxy_env = "P"', "not several"),
    ],
)
def test_a_proxy_that_makes_no_sense_is_refused_at_once(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        feeds(tmp_path, f'url = "{LISTED}", {line}')


def test_a_proxy_of_the_environment_that_makes_no_sense_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks5://me:secret@host:1080")
    with pytest.raises(ValueError, match="the proxy of the environment: socks5 is not spoken") as raised:
        Proxies().of(LISTED)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("after", "pause_s"),
    [
        ("120", 120),
        ("3", 10),  # not sooner than our own pause
        ("999999", 3600),  # nor later than our longest
        ("soon", 10),
        ("-5", 10),
        (900, 900),  # a time, so many seconds from now
        (-900, 10),
    ],
)
def test_a_server_is_asked_when_it_wants_to_be(
    tmp_path: Path, proxy: FeedServer, after: str | int, pause_s: int
) -> None:
    """Who asks on after a 429 is locked out."""
    watch = FeedWatch(begun(tmp_path, f'url = "{proxy.url}/tor.txt", refresh_minutes = 1'))
    is_time = isinstance(after, int)
    proxy.status = 429
    proxy.after = formatdate(time.time() + after, usegmt=True) if isinstance(after, int) else after
    one = watch._watched[0]
    begin = one.due_s
    watch.look(begin)
    assert one.due_s - begin == pytest.approx(pause_s, abs=60 if is_time and pause_s == 900 else 1e-6)
    assert watch.health()[0].fault == "HTTP 429"

"""What is posted goes to where the configuration says: not to an internal address, whatever a name or a redirect says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from alerts.sinks import addresses
from alerts.sinks.addresses import is_internal
from alerts.sinks.base import NotNowError, RefusedError
from alerts.sinks.http import Poster
from tests.cluster.receivers import receiving


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::",
    ],
)  # fmt: skip
def test_addresses_that_the_internet_does_not_reach_are_internal(address: str) -> None:
    assert is_internal(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet_are_not(address: str) -> None:
    assert not is_internal(address)


def test_an_internal_address_is_not_connected_to() -> None:
    with receiving() as inside:
        with pytest.raises(NotNowError, match="internal address: allow_internal"):
            Poster(30.0).post(inside.url, b"{}", {})
        with pytest.raises(NotNowError, match="internal address"):
            Poster(30.0).reach(inside.url)
        assert inside.got == []


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"]])
def test_a_name_that_stands_for_an_internal_address_is_not_connected_to(answers: list[str]) -> None:
    with receiving() as inside:
        poster = Poster(30.0, look_up=lambda host, port: answers)
        with pytest.raises(NotNowError, match=r"alerts\.example\.com \(127\.0\.0\.1\) is an internal"):
            poster.post(f"http://alerts.example.com:{inside.port}/", b"{}", {})
        assert inside.got == []


def test_a_name_that_says_something_else_a_moment_later_does_not_matter() -> None:
    """Looked up once: a second answer, of this machine, is never asked for."""
    asked = []

    def look_up(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["192.0.2.1"] if len(asked) == 1 else ["127.0.0.1"]

    with receiving() as inside, pytest.raises(NotNowError):
        Poster(0.2, look_up=look_up, allow_internal=True).post(f"http://x.example:{inside.port}/", b"", {})
    assert len(asked) == 1
    assert inside.got == []


def test_a_redirect_to_an_internal_address_is_not_followed() -> None:
    with receiving() as inside, receiving((307, {"Location": inside.url})) as outside:
        names = {"outside.example": ["203.0.113.9"]}
        poster = Poster(30.0, look_up=lambda host, port: names.get(host, [host]))
        # It listens on loopback: what is looked at is an address of the Internet, what is connected to is it.
        real = addresses.socket.create_connection
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(addresses, "is_internal", lambda one: one != "203.0.113.9")
            patch.setattr(
                addresses.socket,
                "create_connection",
                lambda where, *more, **named: real(("127.0.0.1", where[1]), *more, **named),
            )
            with pytest.raises(NotNowError, match="internal address"):
                poster.post(f"http://outside.example:{outside.port}/", b"{}", {})
        assert len(outside.got) == 1
        assert inside.got == []


def test_a_redirect_keeps_the_message_and_not_the_token() -> None:
    with receiving() as there, receiving((307, {"Location": there.url})) as here:
        said = {"Authorization": "Bearer t", "X-Other": "stays"}
        Poster(30.0, allow_internal=True).post(here.url, b'{"a":1}', said, secret=("authorization",))
        assert there.got[0].body == b'{"a":1}'
        assert "authorization" not in there.got[0].headers
        assert there.got[0].headers["x-other"] == "stays"


def test_redirects_without_end_come_to_one() -> None:
    with receiving() as one:
        one.plan[:] = [(308, {"Location": "/again"})] * 50
        with pytest.raises(RefusedError, match="redirects more than 3 times"):
            Poster(30.0, allow_internal=True).post(one.url, b"{}", {})
        assert len(one.got) == 4


@pytest.mark.parametrize("place", ["file:///etc/passwd", "gopher://127.0.0.1/", ""])
def test_a_redirect_to_something_else_than_the_web_is_refused(place: str) -> None:
    with receiving(*[(307, {"Location": place})] * 6) as one:
        poster = Poster(30.0, allow_internal=True)
        with pytest.raises(RefusedError):
            poster.post(one.url, b"{}", {})


def test_what_a_receiver_says_of_its_error_is_one_harmless_line() -> None:
    with receiving((500, {"X-A": "b"})) as one, pytest.raises(NotNowError) as found:
        Poster(30.0, allow_internal=True).post(one.url + "?token=hush", b"{}", {})
    assert "hush" not in str(found.value)
    assert str(NotNowError("a\r\nb\x1b[2J" + "c" * 999)).startswith("a b [2Jccc")
    assert len(str(NotNowError("c" * 999))) == 300


@contextmanager
def scripted(answer: Callable[[socket.socket, bytes], None]) -> Iterator[str]:
    """One connection, answered as it says."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                answer(connection, connection.recv(65_536))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join(10)


def test_an_answer_that_says_our_secrets_back_puts_them_into_no_error() -> None:
    """Errors stand in the store, in logs and in `sinks status`."""

    def echo(connection: socket.socket, got: bytes) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n" % len(got) + got)

    poster, said = Poster(5.0, allow_internal=True), {"Authorization": "Bearer hush"}
    with scripted(echo) as url, pytest.raises(RefusedError, match="HTTP 400: POST") as found:
        poster.post(url, b"a=hush2", said, secret=("authorization",), hide=("hush2",))
    assert "hush" not in str(found.value)


def test_a_receiver_that_drips_octets_holds_nobody_for_longer_than_a_few_timeouts() -> None:
    """The claim on the alert would end meanwhile, and another server send it too."""
    over = threading.Event()

    def drip(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not over.wait(0.05):
            connection.sendall(b"X")

    with scripted(drip) as url:
        with pytest.raises(NotNowError, match=r"no answer in 0\.2 s"):
            Poster(0.2, allow_internal=True).post(url, b"{}", {})
        over.set()

"""Syslog over real sockets: each alert is one message, whatever its texts hold."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trustme", reason="trustme is not installed")
import trustme

from alerts.sinks.base import NotNowError
from alerts.sinks.syslog import Collector, Framing, Syslog, Transport, message
from tests.alerts.hostile import hostile, row, withdrawn
from tests.cluster.receivers import an_alert
from tests.cluster.served import until

HEAD = re.compile(rb"<(\d+)>1 (\S+) - redshank - tor_access - \xef\xbb\xbfCEF:0\|Redshank\|")


class Listener:
    """Takes connections, and keeps all that came on each."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.context = context
        self.got: list[bytes] = []
        self.resets = False
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection:
                try:
                    self._take(connection)
                except OSError:
                    continue

    def _take(self, connection: socket.socket) -> None:
        connection.settimeout(60)
        if self.resets:
            return  # what was sent is not read: a reset
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True)
        octets = b""
        with connection:
            while chunk := connection.recv(65_536):
                octets += chunk
            self.got.append(octets)

    def stop(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join(10)


@pytest.fixture(params=["tcp", "tls"])
def listener(request: pytest.FixtureRequest, authority: tuple[Any, Path]) -> Iterator[Listener]:
    context = None
    if request.param == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority[0].issue_cert("localhost").configure_cert(context)
    one = Listener(context)
    try:
        yield one
    finally:
        one.stop()


def sink(
    one: Listener, authority: tuple[Any, Path], framing: Framing = "octets", form: str = "syslog"
) -> Syslog:
    transport: Transport = "tls" if one.context else "tcp"
    return Syslog(Collector(transport, "localhost", one.port, framing, 60.0, str(authority[1])), form)


def octets_framed(stream: bytes) -> list[bytes]:
    found = []
    while stream:
        length, _, rest = stream.partition(b" ")
        found.append(rest[: int(length)])
        assert len(found[-1]) == int(length)
        stream = rest[int(length) :]
    return found


def test_each_alert_is_a_message_in_a_stream(listener: Listener, authority: tuple[Any, Path]) -> None:
    rows = [row(hostile("aa11")), row(an_alert("bb22"))]
    sink(listener, authority).send(rows, 0.0)
    until(lambda: listener.got)
    messages = octets_framed(listener.got[0])
    assert messages == [message(one, "syslog") for one in rows]
    assert all(HEAD.match(one) for one in messages)


@pytest.mark.parametrize("form", ["syslog", "cef"])
def test_a_line_an_alert_whatever_its_texts_hold(
    listener: Listener, authority: tuple[Any, Path], form: str
) -> None:
    sink(listener, authority, "newline", form).send([row(hostile("aa11")), row(hostile("bb22"))], 0.0)
    until(lambda: listener.got)
    lines = listener.got[0].split(b"\n")
    assert len(lines) == 3
    assert lines[2] == b""
    for line in lines[:2]:
        assert not re.search(rb"[\x00-\x1f\x7f]", line), "a control character"
        assert line.startswith(b"CEF:0|" if form == "cef" else b"<")


def test_a_withdrawn_alert_says_so() -> None:
    assert b"|Withdrawn: Access through Tor|1|" in message(row(withdrawn(an_alert())), "syslog")


def test_datagrams_come(authority: tuple[Any, Path]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(60)
        to = Collector("udp", "127.0.0.1", server.getsockname()[1], "octets", 5.0)
        one = Syslog(to)
        one.send([row(hostile()), row(an_alert())], 0.0)
        assert [server.recv(65_536) for _ in range(2)] == [
            message(row(hostile()), "syslog"),
            message(row(an_alert()), "syslog"),
        ]
        assert "UDP does not tell who listens" in one.check()


def test_nobody_there_or_one_that_does_not_read_is_tried_again(
    authority: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its reset may be long in coming, on a busy machine.
    monkeypatch.setattr("alerts.sinks.syslog.LINGER_S", 60.0)
    one = Listener()
    try:
        one.resets = True
        with pytest.raises(NotNowError, match=r"reset|Broken pipe|not connected"):
            sink(one, authority).send([row(an_alert())] * 50, 0.0)
    finally:
        one.stop()
    with pytest.raises(NotNowError, match="Connection refused"):
        sink(one, authority).send([row(an_alert())], 0.0)
    with pytest.raises(NotNowError, match="Connection refused"):
        sink(one, authority).check()


def test_a_collector_that_nobody_vouches_for_gets_nothing(authority: tuple[Any, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    one = Listener(context)
    try:
        for what in (lambda it: it.check(), lambda it: it.send([row(an_alert())], 0.0)):
            with pytest.raises(NotNowError, match="certificate verify failed"):
                what(sink(one, authority))
        assert one.got == []
    finally:
        one.stop()


def test_check_reaches_the_collector_and_sends_nothing(
    listener: Listener, authority: tuple[Any, Path]
) -> None:
    assert f"{listener.port} answers" in sink(listener, authority).check()
    until(lambda: listener.got)
    assert listener.got == [b""]

"""Flows over connections: each one once, templates that live with their connection, TLS that refuses a stranger."""

from __future__ import annotations

import copy
import resource
import shutil
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.blocks import Block
from ingest.collector import Collector
from ingest.errors import ConfigurationError
from ingest.stream_receive import Streams, Tls, listening
from tests.data import shared
from tests.ingest.ipfix_messages import PLAIN, a_set, message, record, template

NOW_US = 1_700_000_000_000_000
TEMPLATE = message(template(256, PLAIN))
WITHDRAWN = message(a_set(2, (256).to_bytes(2, "big") + bytes(2)))


def data(records: int, sequence: int = 0) -> bytes:
    return message(a_set(256, record() * records), sequence=sequence)


class Hearing:
    """A collector on a free port, and what came of it."""

    def __init__(self, folder: Path, tls: Tls | None = None, position: Any = None) -> None:
        made = Collector("127.0.0.1", 0, folder, lambda: NOW_US, is_stream=True, tls=tls)
        self.collector = copy.deepcopy(made)
        self.blocks: Iterator[Block] = self.collector.blocks(position)
        self.flows, self.said, self.position = 0, list[str](), position
        self.lost = 0
        self.take(next(self.blocks))

    def take(self, block: Block) -> None:
        self.flows += len(block.flows or ())
        self.lost += block.lost
        self.said += [one.reason for one in block.rejected]
        self.position = msgspec.msgpack.decode(msgspec.msgpack.encode(block.position))

    def until(self, is_done: Callable[[], bool], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not is_done():
            assert time.monotonic() < end, (self.flows, self.said)
            self.take(next(self.blocks))

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.collector.port))

    def close(self) -> None:
        self.collector.stop()


@pytest.fixture
def hearing(tmp_path: Path) -> Iterator[Hearing]:
    made = Hearing(tmp_path / "journal")
    yield made
    made.close()


def test_messages_are_found_however_the_connection_cuts_them(hearing: Hearing) -> None:
    octets = TEMPLATE + data(3) + data(2, 3)
    with hearing.connect() as exporter:
        for at in range(0, len(octets), 7):
            exporter.sendall(octets[at : at + 7])
        hearing.until(lambda: hearing.flows == 5)
    assert (hearing.said, hearing.lost) == ([], 0)
    assert hearing.collector.stats().received == 3


def test_a_template_ends_with_its_connection(hearing: Hearing) -> None:
    """Another exporter behind the same address translation may get the same port."""
    with hearing.connect() as exporter:
        port = exporter.getsockname()[1]
        exporter.sendall(TEMPLATE + data(1))
        hearing.until(lambda: hearing.flows == 1)
        exporter.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # no TIME_WAIT
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.connect(("127.0.0.1", hearing.collector.port))
        other.sendall(data(1))
    hearing.until(lambda: any("came before its template" in one for one in hearing.said))
    assert hearing.flows == 1


def test_a_template_lives_longer_than_one_told_by_udp_and_can_be_withdrawn(hearing: Hearing) -> None:
    with hearing.connect() as exporter:
        exporter.sendall(TEMPLATE + data(1) + WITHDRAWN + data(1, 1))
        hearing.until(lambda: hearing.flows == 1)
    hearing.until(lambda: any("came before its template" in one for one in hearing.said))
    assert hearing.flows == 1


def test_what_is_no_ipfix_ends_its_connection_and_is_said(hearing: Hearing) -> None:
    with hearing.connect() as exporter, hearing.connect() as other:
        exporter.sendall(TEMPLATE + data(1) + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        hearing.until(lambda: len(hearing.said) == 2)
        assert exporter.recv(1) == b""
        other.sendall(TEMPLATE + data(2))
        hearing.until(lambda: hearing.flows == 3)
    assert any("no IPFIX" in one for one in hearing.said)


def test_a_message_that_the_connections_end_cuts_is_said(hearing: Hearing) -> None:
    with hearing.connect() as exporter:
        exporter.sendall(TEMPLATE + data(3)[:-5])
    hearing.until(lambda: bool(hearing.said))
    assert "cut" in hearing.said[0]


def test_what_was_received_survives_and_old_connections_do_not(tmp_path: Path) -> None:
    first = Hearing(tmp_path / "journal")
    with first.connect() as exporter:
        exporter.sendall(TEMPLATE + data(1))
        first.until(lambda: first.flows == 1)
        kept = first.position
        exporter.sendall(data(4, 1))
        first.until(lambda: first.collector.stats().received == 3)
        first.close()
    again = Hearing(tmp_path / "journal", position=kept)
    again.until(lambda: again.flows == 4)
    assert not again.said
    again.until(lambda: not again.position[5])  # no exporter is known any more
    again.close()


def test_a_real_exporters_stream_gives_the_flows_that_its_datagrams_give(hearing: Hearing) -> None:
    octets = shared("flows", "exporters", "softflowd-sshguess-ipfix-tcp.stream").read_bytes()
    with hearing.connect() as exporter:
        exporter.sendall(octets)
        hearing.until(lambda: hearing.flows == 22)
    assert (hearing.said, hearing.lost) == ([], 0)


@pytest.mark.skipif(not shutil.which("softflowd"), reason="softflowd is not installed")
def test_softflowd_tells_by_tcp_what_it_tells_by_udp(tmp_path: Path) -> None:
    """The program itself, over a capture of eleven guessed passwords."""
    capture = shared("pcap", "sshguess.pcap")
    found: dict[str, int] = {}
    for protocol in ("tcp", "udp"):
        heard = Hearing(tmp_path / protocol)
        if protocol == "udp":
            heard.close()
            heard.collector = Collector("127.0.0.1", 0, tmp_path / "udp-2", lambda: NOW_US)
            heard.blocks = heard.collector.blocks()
            heard.take(next(heard.blocks))
        to = f"127.0.0.1:{heard.collector.port}"
        command = ["softflowd", "-d", "-r", str(capture), "-n", to, "-v", "10", "-P", protocol, "-A", "milli"]
        done = subprocess.run(
            [*command, "-p", str(tmp_path / "pid"), "-c", "none"],
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        heard.until(lambda heard=heard: heard.flows >= 22)  # type: ignore[misc]
        assert (heard.said, heard.lost) == ([], 0)
        found[protocol] = heard.flows
        heard.close()
    assert found["tcp"] == found["udp"] == 22


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an authority: ours and an exporter's; and a stranger's."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    for name in ("authority", "stranger"):
        openssl(
            "req", "-x509", *curve, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem"
        )
    for name in ("collector", "exporter"):
        openssl("req", *curve, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        by = ("-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial")
        openssl("x509", "-req", "-in", f"{name}.csr", *by, "-days", "2", "-out", f"{name}.pem")
    return folder


def tls_of(folder: Path, mutual: bool) -> Tls:
    authorities = str(folder / "authority.pem") if mutual else ""
    return Tls(str(folder / "collector.pem"), str(folder / "collector.key"), authorities)


def exporter_context(folder: Path, name: str = "") -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(folder / "authority.pem")
    made.check_hostname = False
    if name:
        made.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return made


@pytest.mark.parametrize(("mutual", "name"), [(False, ""), (True, "exporter")])
def test_flows_come_over_tls_also_with_a_certificate_of_the_exporter(
    mutual: bool, name: str, certificates: Path, tmp_path: Path
) -> None:
    heard = Hearing(tmp_path / "journal", tls_of(certificates, mutual))
    with exporter_context(certificates, name).wrap_socket(heard.connect()) as exporter:
        exporter.sendall(TEMPLATE + b"".join(data(30, 30 * number) for number in range(100)))
        heard.until(lambda: heard.flows == 3_000)
    assert (heard.said, heard.lost) == ([], 0)
    heard.close()


@pytest.mark.parametrize("name", ["", "stranger"])
def test_an_exporter_without_a_certificate_of_the_authority_is_refused_and_named(
    name: str, certificates: Path, tmp_path: Path
) -> None:
    heard = Hearing(tmp_path / "journal", tls_of(certificates, True))
    raw = heard.connect()
    with suppress(OSError), exporter_context(certificates, name).wrap_socket(raw) as exporter:
        exporter.sendall(TEMPLATE + data(1))  # TLS 1.3 tells a client only later that it is refused
    heard.until(lambda: bool(heard.said))
    assert heard.said[0].startswith("the connection of 127.0.0.1:")
    assert "certificate" in heard.said[0]
    assert heard.flows == 0
    heard.close()


def test_who_speaks_no_tls_is_refused_and_the_others_go_on(certificates: Path, tmp_path: Path) -> None:
    heard = Hearing(tmp_path / "journal", tls_of(certificates, False))
    with heard.connect() as plain:
        plain.sendall(TEMPLATE + data(1))
        heard.until(lambda: bool(heard.said))
    assert "TLS" in heard.said[0]
    with exporter_context(certificates).wrap_socket(heard.connect()) as exporter:
        exporter.sendall(TEMPLATE + data(2))
        heard.until(lambda: heard.flows == 2)
    heard.close()


def test_files_of_tls_that_are_none_are_said(certificates: Path, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no certificate")
    for tls, said in (
        (Tls("nowhere.pem", "nowhere.key"), "nowhere.pem: no such file"),
        (Tls(str(tmp_path / "none.pem"), str(certificates / "collector.key")), "can't be used"),
        (
            tls_of(certificates, False)._replace(client_authorities=str(tmp_path / "none.pem")),
            "no authorities",
        ),
    ):
        with pytest.raises(ConfigurationError, match=said):
            tls.context()


def test_a_key_with_a_password_is_said_and_nobody_is_asked_for_it(certificates: Path, tmp_path: Path) -> None:
    key, locked = str(certificates / "collector.key"), str(tmp_path / "locked.key")
    words = ["openssl", "ec", "-in", key, "-aes128", "-passout", "pass:secret", "-out", locked]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    with pytest.raises(ConfigurationError, match="the key has a password"):
        tls_of(certificates, False)._replace(key=locked).context()


@pytest.mark.parametrize("mutual", [False, True])
def test_a_certificate_that_has_expired_is_said_before_exporters_stay_away(
    mutual: bool, certificates: Path, tmp_path: Path
) -> None:
    tls = tls_of(certificates, mutual)
    assert tls.unwelcome() == ""
    by = ["-CA", str(certificates / "authority.pem"), "-CAkey", str(certificates / "authority.key")]
    old = ["-in", str(certificates / "collector.csr"), "-days", "-1", "-out", str(tmp_path / "old.pem")]
    words = ["openssl", "x509", "-req", *by, "-set_serial", "7", *old]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    assert "expired" in tls._replace(certificate=str(tmp_path / "old.pem")).unwelcome()


@pytest.mark.parametrize("sent", [b"", b"some octets"])
@pytest.mark.parametrize("with_tls", [False, True])
def test_a_connection_that_is_reset_before_it_is_taken_does_not_end_the_collector(
    sent: bytes, with_tls: bool, certificates: Path
) -> None:
    with listening("127.0.0.1", 0) as listener:
        streams = Streams(listener, tls_of(certificates, False).context() if with_tls else None)
        scan = socket.create_connection(listener.getsockname())
        scan.sendall(sent)
        scan.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        scan.close()
        for _ in range(3):
            streams.receive()
        assert streams.problems()[0].startswith("the connection of 127.0.0.1:")
        streams.end()


def test_connections_leave_the_files_that_a_server_needs_besides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (4, 4))
    with listening("127.0.0.1", 0) as listener, ExitStack() as stack:
        streams = Streams(listener, None)
        for _ in range(3):
            stack.enter_context(socket.create_connection(listener.getsockname()))
            streams.receive()
        assert "2 connections are open; another one was refused" in streams.problems()[0]
        streams.end()


def test_an_exporter_that_lost_its_power_is_noticed() -> None:
    with listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        streams = Streams(listener, None)
        streams.receive()
        (one,) = streams._open
        assert one.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        streams.end()


def test_a_port_that_is_taken_is_said(hearing: Hearing, tmp_path: Path) -> None:
    taken = Collector("127.0.0.1", hearing.collector.port, tmp_path / "other", lambda: NOW_US, is_stream=True)
    with pytest.raises(ConfigurationError, match="can't be listened on"):
        next(taken.blocks())


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=80) | st.sampled_from([TEMPLATE, data(1), data(2)[:-3]]), max_size=6))
def test_hostile_connections_give_flows_or_reasons_and_nothing_else(pieces: list[bytes]) -> None:
    from ingest.exporters import Exporters
    from ingest.journal_files import Datagram
    from ingest.stream_receive import CLOSED, _Connection

    ours, theirs = socket.socketpair()
    with ours, theirs:
        one, source = _Connection(ours, (bytes(16), 1), False), (bytes(16), 1)
        exporters = Exporters("tcp", is_stream=True)
        octets = 0
        for piece in pieces:
            messages, is_sound = one.messages(piece)
            octets += sum(map(len, messages))
            block = exporters.take([Datagram(source, NOW_US, 0, found) for found in (*messages, CLOSED)])
            assert block.read == len(block.flows or ()) + sum(block.filtered.values())
            if not is_sound:
                return
        assert octets + len(one.rest) == sum(map(len, pieces))

"""Ports of one configuration that get in each other's way are told before a server starts, with both tables."""

from __future__ import annotations

import socket
from contextlib import suppress
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ports import free_port
from cluster import listening
from cluster.config import load
from cluster.errors import UserError
from cluster.listening import Listener, added, check_free, fault_of
from cluster.serving import serve
from cluster.sources import gathered, pages
from cluster.stopping import Stopping
from detections.catalogue import CATALOGUE

HOSTS = ("0.0.0.0", "127.0.0.1", "127.0.0.2", "localhost", "::", "::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0")


def held(one: Listener) -> socket.socket:
    """Raises OSError where it can't be had."""
    family, address = one.resolved()
    made = socket.socket(family, one.kind)
    try:
        made.bind(address)
        if one.kind == socket.SOCK_STREAM:
            made.listen()
    except OSError:
        made.close()
        raise
    return made


def is_refused(one: Listener, other: Listener) -> bool:
    with suppress(UserError):
        added([one], other)
        return False
    return True


@pytest.mark.parametrize(("one", "other"), list(combinations_with_replacement(HOSTS, 2)))
def test_two_are_refused_just_where_the_system_would_refuse_them(one: str, other: str) -> None:
    """Too much refused, a good configuration could not be run; too little, a server dies after its start."""
    port = free_port()
    pair = Listener("[serve] listen", "http", one, port), Listener("[[sources]] 1", "tcp", other, port)
    try:
        holder = held(pair[0])
    except OSError as error:
        pytest.skip(f"this machine has no {one}: {error.strerror}")
    with holder:
        assert is_refused(*pair) == (fault_of(pair[1]) is not None)
        assert is_refused(*reversed(pair)) == is_refused(*pair)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            "udp://0.0.0.0:4739",
            "udp://127.0.0.1:4739",
            "that is where [[sources]] 1 (udp://0.0.0.0:4739) listens",
        ),
        ("tcp://[::]:4739", "tcp://10.0.0.1:4739", "that is where [[sources]] 1 (tcp://[::]:4739) listens"),
        ("udp://10.0.0.1:4739", "udp://10.0.0.2:4739", "a port's journal can't be shared"),
        ("udp://no.such.host.invalid:1", "udp://no.such.HOST.invalid:1", "that is where [[sources]] 1"),
        ("udp://0.0.0.0:4739", "tcp://0.0.0.0:9464", "that is where [serve] listen (127.0.0.1:9464) listens"),
        (
            "udp://0.0.0.0:4739",
            "tcp://127.0.0.1:8321",
            "that is where [console] listen (127.0.0.1:8321) listens",
        ),
    ],
)
def test_the_line_names_both_tables(tmp_path: Path, first: str, second: str, said: str) -> None:
    config = tmp_path / "a [dir]" / "redshank.toml"
    config.parent.mkdir()
    config.write_text(
        f'[console]\nlisten = "127.0.0.1:8321"\n[[sources]]\nipfix = "{first}"\n[[sources]]\nipfix = "{second}"\n'
    )
    with pytest.raises(UserError) as told:
        gathered(load(config, frozenset(CATALOGUE)), config)
    assert str(told.value).startswith(f"{config}: [[sources]] 2: {second}: ")
    assert said in str(told.value)


@pytest.mark.parametrize("second", ["tcp://0.0.0.0:4739", "udp://0.0.0.0:4740", "tcp://[::1]:9464"])
def test_what_is_not_shared_is_let_be(tmp_path: Path, second: str) -> None:
    config = tmp_path / "redshank.toml"
    config.write_text(f'[[sources]]\nipfix = "udp://0.0.0.0:4739"\n[[sources]]\nipfix = "{second}"\n')
    assert len(gathered(load(config, frozenset(CATALOGUE)), config)) == 2


def test_a_console_without_a_server_may_have_the_port_of_health(tmp_path: Path) -> None:
    config = tmp_path / "redshank.toml"
    config.write_text('[console]\nlisten = "127.0.0.1:9464"\n')
    pages(load(config, frozenset(CATALOGUE)), config)
    config.write_text('[console]\nlisten = "127.0.0.1:9464"\n[[sources]]\nfolder = "."\n')
    with pytest.raises(UserError, match=r"\[console\] listen: .* \[serve\] listen \(127.0.0.1:9464\)"):
        pages(load(config, frozenset(CATALOGUE)), config)


@pytest.mark.parametrize("what", ["health", "source"])
def test_a_server_names_the_table_whose_port_another_program_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(listening, "PATIENCE_S", 0)
    health, port = free_port(), free_port()
    config = tmp_path / "redshank.toml"
    config.write_text(
        f'[serve]\nlisten = "127.0.0.1:{health}"\nruntime = "loop"\n[[sources]]\nfolder = "."\n'
        f'[[sources]]\nipfix = "tcp://127.0.0.1:{port}"\n'
    )
    table, taken = ("[serve] listen", health) if what == "health" else ("[[sources]] 2", port)
    with (
        held(Listener("", "tcp", "127.0.0.1", taken)),
        pytest.raises(UserError) as told,
    ):
        serve(config, Stopping())
    assert str(told.value).startswith(f"{config}: {table}: ")
    assert "the port is taken" in str(told.value)


def test_a_port_that_becomes_free_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is started anew meets the end of the one before it."""
    one = Listener("[serve] listen", "http", "127.0.0.1", free_port())
    holder = held(one)
    monkeypatch.setattr("time.sleep", lambda _: holder.close())
    check_free([one])
    assert fault_of(one) is None


def test_a_name_of_both_kinds_is_looked_at_as_the_one_who_binds_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pages take a name's address of IPv4, exporters' ports the first: else a server dies after `check` was content."""
    real = socket.getaddrinfo

    def both(host: str, port: int, family: int = 0, *rest: Any, **named: Any) -> list[Any]:
        hosts = ["::1", "127.0.0.1"] if host == "both.example" else [host]
        wanted = [one for one in hosts if family != socket.AF_INET or ":" not in one]
        return [found for one in wanted for found in real(one, port, family, *rest, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    named = Listener("[serve] listen", "http", "both.example", 9464)
    assert named.resolved()[1][0] == "127.0.0.1"
    assert Listener("", "tcp", "both.example", 1).resolved()[1][0] == "::1"
    assert is_refused(named, Listener("[[sources]] 1", "tcp", "127.0.0.1", 9464))
    assert not is_refused(named, Listener("[[sources]] 1", "tcp", "::1", 9464))


def test_who_has_exporters_of_both_kinds_is_told_of_the_address_that_takes_both() -> None:
    """0.0.0.0 would never hear what is sent to ::1."""
    with pytest.raises(UserError, match=r"once: 'udp://\[::\]:4739'"):
        added(
            [Listener("[[sources]] 1", "udp", "::1", 4739)],
            Listener("[[sources]] 2", "udp", "127.0.0.1", 4739),
        )
    with pytest.raises(UserError, match=r"once: 'udp://0\.0\.0\.0:4739'"):
        added(
            [Listener("[[sources]] 1", "udp", "127.0.0.2", 4739)],
            Listener("[[sources]] 2", "udp", "127.0.0.1", 4739),
        )

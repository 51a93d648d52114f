"""Probes and Prometheus over real HTTP: alive, ready, and why not."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import UserError
from cluster.health import AT_ONCE, serving
from cluster.scaling import ask
from cluster.snapshot import STARTING, STOPPING, Board
from tests.cluster.snapshots import snapshot


class Clock:
    """One that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


Served = tuple[Board, Clock, int]


@pytest.fixture
def served() -> Iterator[Served]:
    clock = Clock()
    board = Board(clock)
    with serving(board, port=0, stalled_s=30) as port:
        yield board, clock, port


def get(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def reasons(port: int, path: str) -> tuple[int, Any]:
    status, body = get(port, path)
    return status, json.loads(body)["reasons"]


def test_a_process_is_alive_as_long_as_its_main_loop_moves(served: Served) -> None:
    board, clock, port = served
    board.post(snapshot())
    assert reasons(port, "/healthz") == (200, [])
    clock.now = 31
    assert reasons(port, "/healthz") == (503, ["the main loop has not moved on for 31 s"])
    assert reasons(port, "/readyz")[0] == 503
    board.moved()
    assert reasons(port, "/healthz") == (200, [])


def test_a_start_may_take_longer(served: Served) -> None:
    _, clock, port = served
    clock.now = 500
    assert reasons(port, "/healthz") == (200, [])
    clock.now = 601
    assert reasons(port, "/healthz")[0] == 503


def test_beginning_again_may_take_as_long_as_a_start(served: Served) -> None:
    """Else the death of one actor of a large server would have the whole process killed while it reads its state."""
    board, clock, port = served
    board.post(snapshot())
    board.begins_again()
    clock.now = 500
    assert reasons(port, "/healthz") == (200, [])
    assert reasons(port, "/readyz") == (503, ["it is starting"])
    board.post(snapshot())
    assert reasons(port, "/readyz") == (200, [])
    clock.now = 531
    assert reasons(port, "/healthz")[0] == 503


def test_it_is_ready_when_all_is_there_and_says_what_is_not(served: Served) -> None:
    board, _, port = served
    assert reasons(port, "/readyz") == (503, ["it is starting"])
    board.post(snapshot())
    assert reasons(port, "/readyz") == (200, [])
    for changed, why in (
        ({"phase": STARTING}, "it is starting"),
        ({"phase": STOPPING}, "it is stopping"),
        ({"sources_open": False}, "not all sources are open"),
        ({"checkpoint": None}, "no checkpoint was restored or taken yet"),
        ({"store_fault": "s3://x: does not answer"}, "the store can't be used: s3://x: does not answer"),
    ):
        board.post(snapshot(**changed))
        assert reasons(port, "/readyz") == (503, [why])
        assert reasons(port, "/healthz") == (200, [])


def test_metrics_and_status_are_told(served: Served) -> None:
    board, _, port = served
    assert get(port, "/status")[0] == 503
    board.post(snapshot())
    status, body = get(port, "/metrics")
    assert status == 200
    assert "redshank_ready 1.0" in body
    assert "process_cpu_seconds_total" in body
    status, body = get(port, "/status")
    assert (status, json.loads(body)["entities"]) == (200, 183)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/metrics/../etc", 404),
        ("POST", "/metrics", 405),
        ("HEAD", "/healthz", 200),
        ("GET", "/healthz?x=1", 200),
    ],
)
def test_other_requests_are_answered_too(method: str, path: str, status: int, served: Served) -> None:
    found, body = get(served[2], path, method)
    assert found == status
    assert bool(body) == (method != "HEAD")


def test_a_port_that_is_taken_is_said_in_one_line(served: Served) -> None:
    with (
        pytest.raises(UserError, match=r"can't listen on 127\.0\.0\.1 port") as told,
        serving(Board(), port=served[2]),
    ):
        pass  # pragma: no cover
    assert "\n" not in str(told.value)
    with pytest.raises(UserError, match="no-such-host"), serving(Board(), "no-such-host.invalid", 0):
        pass  # pragma: no cover


def test_clients_that_say_nothing_or_nonsense_keep_nobody_away(
    served: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    port = served[2]
    rude = [socket.create_connection(("127.0.0.1", port)) for _ in range(AT_ONCE // 2)]
    rude[0].sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
    rude[1].sendall(b"GET " + b"x" * 100_000)
    assert get(port, "/healthz")[0] == 200
    for one in rude:
        one.close()
    assert capfd.readouterr().err == ""


def test_the_threads_end_with_the_context() -> None:
    with serving(Board(), port=0):
        assert any(thread.name == "health" for thread in threading.enumerate())
    assert not any(thread.name == "health" for thread in threading.enumerate())


def test_it_listens_on_ipv6_too() -> None:
    try:
        with socket.socket(socket.AF_INET6) as here:
            here.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serving(Board(), "::1", 0) as port:
        socket.create_connection(("::1", port), timeout=5).close()


def test_a_server_on_all_of_ipv6_is_scaled_from_its_own_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who comes by IPv4 has an address there that looks like another machine's."""
    asked: list[int] = []
    config = tmp_path / "redshank.toml"
    with serving(Board(), "::", 0, scale=asked.append) as port:
        config.write_text(f'[serve]\nlisten = "[::]:{port}"\n')
        assert ask(config, 5) == 0
    assert asked == [5]
    with pytest.raises(UserError, match=rf"^\[::\]:{port}: no server of Redshank answers there"):
        ask(config, 5)

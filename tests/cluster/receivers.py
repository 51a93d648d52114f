"""Receivers of alerts that fail on purpose, over real sockets."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from alerts.alert import Alert, Entity
from detections.declare import Severity


class Got(NamedTuple):
    """A request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Answers as its plan says, request by request, and well when that is over."""

    def __init__(self, plan: list[Any]) -> None:
        self.got: list[Got] = []
        self.plan = plan  # statuses; (status, headers); 'reset'; an event to wait for
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append(Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                outer.answer(self, outer.plan.pop(0) if outer.plan else 200)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/alerts"

    def answer(self, handler: BaseHTTPRequestHandler, what: Any) -> None:
        if isinstance(what, threading.Event):
            what.wait(300)  # longer than any test goes on
            what = 200
        if what == "reset":
            # With no time to linger a close is a reset.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.close_connection = True
            return
        status, headers = what if isinstance(what, tuple) else (what, {})
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def ids(self) -> list[str]:
        return [one.said["id"] for one in self.got]


@contextmanager
def receiving(*plan: Any) -> Iterator[Receiver]:
    """A receiver on loopback."""
    one = Receiver(list(plan))
    thread = threading.Thread(target=one.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.server.shutdown()
        one.server.server_close()
        thread.join()


class Clock:
    """Time that passes when it is said to."""

    def __init__(self, now: float = 1_774_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def an_alert(id_: str = "aa11", severity: Severity = "medium", **more: Any) -> Alert:
    """An alert of which a part matters."""
    said: dict[str, Any] = {
        "type": "key_vault.tor_access",
        "title": "Access through Tor",
        "description": "from 185.220.101.4",
        "entity": Entity("vault", "/Subs/1/Vaults/Payroll"),
        "start": "2026-03-17T10:00:00Z",
        "count": 1,
        "evidence": {"addresses": {"185.220.101.4": 3}},
        "remediation": ("Rotate the secrets.",),
        **more,
    }
    return Alert(
        id=id_, severity=severity, tactics=("CredentialAccess",), techniques=("T1555.006",),
        end="2026-03-17T11:00:00Z", first_seen=said["start"], last_seen=said["start"], **said,
    )  # fmt: skip


def drained(step: Callable[[], bool], clock: Clock, most: int = 500, pause_s: float = 100.0) -> None:
    """Let a courier work until nothing is due for a good while."""
    quiet = 0
    for _ in range(most):
        quiet = 0 if step() else quiet + 1
        if quiet > 8:
            return
        clock.now += pause_s

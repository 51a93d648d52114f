"""A small web server for probes and Prometheus: /metrics, /healthz, /readyz, /status."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment

import msgspec
from prometheus_client import make_wsgi_app

from cluster.errors import UserError
from cluster.prometheus import registry
from cluster.readiness import STALLED_S, not_alive, not_ready
from cluster.snapshot import Board

HOST, PORT = "127.0.0.1", 9464
MOST_SHARDS = 4096
AT_ONCE = 16  # requests; more are turned away
PATIENCE_S = 5.0  # with a client that sends or takes nothing
_NEAR = ("127.0.0.1", "::1", "::ffff:127.0.0.1")  # the last one where all of IPv6 is listened on
_PAGES = "/metrics /healthz /readyz /status"


class Pages:
    """What is answered, as a WSGI application."""

    def __init__(
        self, board: Board, stalled_s: float = STALLED_S, scale: Callable[[int], None] | None = None
    ) -> None:
        self._board, self._stalled_s = board, stalled_s
        self._scale = scale
        self._metrics = make_wsgi_app(registry(board))

    def __call__(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method == "POST" and environ.get("PATH_INFO") == "/scale":
            return self._scaled(environ, respond)
        if method not in ("GET", "HEAD"):
            return _answer(respond, "405 Method Not Allowed", b'{"reasons":["only GET is answered"]}')
        page = self._page(environ, respond)
        return page if method == "GET" else []

    def _scaled(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        """Only from this machine, and with a header that no web page can send without asking."""
        near = environ.get("REMOTE_ADDR") in _NEAR
        if self._scale is None or not near or environ.get("HTTP_X_REDSHANK") != "scale":
            return _answer(respond, "403 Forbidden", b'{"reasons":["not from there"]}')
        number = environ.get("QUERY_STRING", "").removeprefix("shards=")
        if not number.isdecimal() or not 1 <= int(number[:6]) <= MOST_SHARDS:
            return _answer(respond, "400 Bad Request", b'{"reasons":["shards=1 to 4096 was expected"]}')
        self._scale(int(number))
        return _answer(respond, "202 Accepted", b'{"ok":true}')

    def _page(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            metrics: Iterable[bytes] = self._metrics({**environ, "REQUEST_METHOD": "GET"}, respond)
            return metrics
        if path == "/healthz":
            return _told(respond, not_alive(self._board, self._stalled_s))
        if path == "/readyz":
            reasons = [*not_alive(self._board, self._stalled_s), *not_ready(self._board.latest())]
            return _told(respond, reasons)
        if path == "/status":
            return self._status(respond)
        return _answer(
            respond, "404 Not Found", msgspec.json.encode({"reasons": [f"there are only {_PAGES}"]})
        )

    def _status(self, respond: StartResponse) -> list[bytes]:
        snapshot = self._board.latest()
        if snapshot is None:
            return _told(respond, not_ready(None))
        return _answer(respond, "200 OK", msgspec.json.encode(snapshot, order="sorted"))


def _told(respond: StartResponse, reasons: list[str]) -> list[bytes]:
    status = "503 Service Unavailable" if reasons else "200 OK"
    return _answer(respond, status, msgspec.json.encode({"ok": not reasons, "reasons": reasons}))


def _answer(respond: StartResponse, status: str, body: bytes) -> list[bytes]:
    respond(
        status,
        [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body) + 1)),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ],
    )
    return [body, b"\n"]


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE_S

    def log_message(self, *_: Any) -> None:
        """Probes come every few seconds; they are no news."""

    def get_stderr(self) -> Any:
        return _Nowhere()


class _Nowhere:
    """For what wsgiref would print of clients that go away."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._room = threading.BoundedSemaphore(AT_ONCE)
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # Not WSGIServer's own: it would ask the name service who we are.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or sends nothing, is none of our faults."""


@contextmanager
def serving(
    board: Board,
    host: str = HOST,
    port: int = PORT,
    stalled_s: float = STALLED_S,
    scale: Callable[[int], None] | None = None,
) -> Iterator[int]:
    """Answer while the context lasts; the port (0 takes any that is free). Raises UserError where none can be had.

    `scale` is called with the number of shards that a client on this machine asks for.
    """
    try:
        server = _Server(host, port)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(
            f"can't listen on {host} port {port} for health and metrics: {str(why).lower()}"
        ) from None
    server.set_app(Pages(board, stalled_s, scale))
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

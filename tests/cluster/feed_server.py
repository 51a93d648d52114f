"""A server of feeds, over a real socket: files with tags, and a collection of TAXII 2.1 in pages."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TAXII = "application/taxii+json;version=2.1"
PAGE = 2


class FeedServer:
    """What it has, and what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.moved: dict[str, str] = {}
        self.collection: list[tuple[str, dict[str, Any]]] = []  # when each object was added
        self.status = 0  # of every answer, where it is not well ...
        self.after = ""  # ... and when to come again
        self.token = ""  # that must be shown
        self.asked: list[tuple[str, dict[str, str], int]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, *objects: dict[str, Any]) -> None:
        """Objects come into the collection, one a second."""
        for one in objects:
            self.collection.append((f"2026-01-01T00:00:{len(self.collection):02}.000000Z", one))

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers, body."""
        if self.status:
            return self.status, {"Retry-After": self.after} if self.after else {}, b"not now"
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            return 401, {}, b""
        there = urlsplit(path)
        if there.path in self.moved:
            return 302, {"Location": self.moved[there.path]}, b""
        if there.path == "/api/collections/1/objects/":
            return self._page({name: value[0] for name, value in parse_qs(there.query).items()}, headers)
        if there.path not in self.files:
            return 404, {}, b""
        body = self.files[there.path]
        tag = f'"{sha256(body).hexdigest()[:8]}"'
        return (
            (304, {"ETag": tag}, b"") if headers.get("if-none-match") == tag else (200, {"ETag": tag}, body)
        )

    def _page(self, query: dict[str, str], headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if headers.get("accept") != TAXII:
            return 406, {}, b""
        begin, limit = int(query.get("next", 0)), min(PAGE, int(query.get("limit", PAGE)))
        some = [one for one in self.collection if one[0] > query.get("added_after", "")]
        page = some[begin : begin + limit]
        envelope: dict[str, Any] = {"objects": [one for _, one in page]} if page else {}
        if begin + limit < len(some):
            envelope |= {"more": True, "next": str(begin + limit)}
        added = {"X-TAXII-Date-Added-Last": page[-1][0]} if page else {}
        return 200, {"Content-Type": TAXII, **added}, json.dumps(envelope).encode()


@contextmanager
def feed_server() -> Iterator[FeedServer]:
    """One that listens."""
    one = FeedServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, found, body = one.answer(self.path, headers)
            one.asked.append((self.path, headers, status))
            self.send_response(status)
            for name, value in {**found, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def indicator(number: int, address: str, **more: Any) -> dict[str, Any]:
    """An indicator of STIX."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012}",
        "created": "2026-01-01T00:00:00Z",
        "modified": "2026-01-01T00:00:00Z",
        "pattern": f"[ipv4-addr:value = '{address}']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
        **more,
    }

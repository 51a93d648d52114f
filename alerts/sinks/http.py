"""POST by HTTP: guarded addresses, few redirects, and what an answer means for what was sent."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import httpcore
from httpcore import NetworkBackend, NetworkStream, SyncBackend

from alerts.sinks.addresses import InternalError, Resolve, connect, first_that_answers, resolve, usable, why
from alerts.sinks.base import NotNowError, RefusedError

REDIRECTS = 3
ANSWER = 64 << 10  # octets of an answer that are read
CHUNKS = 32  # in which it may come
WAITS = 4  # timeouts that a message may take in all: who drips octets holds nobody for ever
LATER = (408, 425, 429)


class Answer(NamedTuple):
    """What came back with a status of success."""

    status: int
    body: bytes


class _Deadline:
    """When all waits end."""

    def __init__(self) -> None:
        self._at = 0.0

    def begin(self, seconds: float) -> None:
        """From now on."""
        self._at = time.monotonic() + seconds

    def within(self, timeout: float | None) -> float:
        """A timeout that ends no later. Raises httpcore.TimeoutException when it is over."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore.TimeoutException
        return left if timeout is None else min(timeout, left)


class _Timed(NetworkStream):
    """A connection whose waits end with the deadline."""

    def __init__(self, inner: NetworkStream, deadline: _Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.within(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        secured = self._inner.start_tls(ssl_context, server_hostname, self._deadline.within(timeout))
        return _Timed(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Guarded(SyncBackend):
    """Connects to addresses that were looked at, and to no other."""

    def __init__(self, allow_internal: bool, look_up: Resolve, deadline: _Deadline) -> None:
        self._allow_internal, self._look_up, self._deadline = allow_internal, look_up, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        """By address; TLS asks for the host's name all the same."""
        connected, within = super().connect_tcp, self._deadline.within
        return _Timed(
            first_that_answers(
                usable(host, port, self._allow_internal, self._look_up),
                lambda address: connected(address, port, within(timeout), local_address, socket_options),
            ),
            self._deadline,
        )


class Poster:
    """Posts to one receiver."""

    def __init__(
        self,
        timeout_s: float,
        allow_internal: bool = False,
        ca_file: str | None = None,
        look_up: Resolve = resolve,
    ) -> None:
        self._deadline = _Deadline()
        backend: NetworkBackend = _Guarded(allow_internal, look_up, self._deadline)
        self._context = ssl.create_default_context(cafile=ca_file)
        # Alerts are few: a connection each, so that none is met again that the receiver has dropped.
        self._pool = httpcore.ConnectionPool(
            ssl_context=self._context, max_keepalive_connections=0, network_backend=backend
        )
        self._allow_internal, self._look_up, self._timeout_s = allow_internal, look_up, timeout_s

    def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        secret: Iterable[str] = (),
        hide: Iterable[str] = (),
    ) -> Answer:
        """Raises NotNowError or RefusedError.

        Headers named in `secret` are not sent on to another host. What they say, and what `hide` says, stands in no
        error, even where the answer has it.
        """
        origin, hidden = urlsplit(url), {name.lower() for name in secret}
        said = [value for name, value in headers.items() if name.lower() in hidden]
        hush = [*hide, *said, *(value.rpartition(" ")[2] for value in said)]
        self._deadline.begin(WAITS * self._timeout_s)
        for _ in range(REDIRECTS + 1):
            status, found, answer = self._once(url, body, headers)
            if status not in (307, 308):
                return _judged(status, found, answer, hush)
            url = urljoin(url, found.get("location", ""))
            there = urlsplit(url)
            if there.scheme not in ("http", "https") or (origin.scheme, there.scheme) == ("https", "http"):
                raise RefusedError(f"redirects to {_shown(url)}: https was expected")
            if (there.scheme, there.netloc) != (origin.scheme, origin.netloc):
                headers = {name: value for name, value in headers.items() if name.lower() not in hidden}
        raise RefusedError(f"redirects more than {REDIRECTS} times")

    def _once(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        limits = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s)
        sent = {"Host": urlsplit(url).netloc, "Content-Length": str(len(body)), **headers}
        try:
            with self._pool.stream(
                "POST",
                url,
                headers=list(sent.items()),
                content=body,
                extensions={"timeout": limits},
            ) as answer:
                found = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in answer.headers}
                return answer.status, found, _some(answer)
        except httpcore.TimeoutException:
            raise NotNowError(f"{_shown(url)}: no answer in {self._timeout_s:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise NotNowError(f"{_shown(url)}: {error or type(error).__name__}") from None
        except OSError as error:
            raise NotNowError(f"{_shown(url)}: {why(error)}") from None
        except (httpcore.UnsupportedProtocol, ValueError, UnicodeError):
            raise RefusedError(f"{_shown(url)}: not an address that can be posted to") from None

    def reach(self, url: str) -> str:
        """Connect, with TLS where the address says so, and send nothing. Raises NotNowError."""
        there = urlsplit(url)
        host, port = there.hostname or "", there.port or (443 if there.scheme == "https" else 80)
        try:
            with connect(host, port, self._timeout_s, self._allow_internal, self._look_up) as connection:
                if there.scheme != "https":
                    return f"{host}:{port} answers (without TLS)"
                with self._context.wrap_socket(connection, server_hostname=host) as secured:
                    return f"{host}:{port} answers, {secured.version()}"
        except InternalError as error:
            raise NotNowError(str(error)) from None
        except OSError as error:
            raise NotNowError(f"{host}:{port}: {why(error)}") from None

    def close(self) -> None:
        """Give up connections."""
        self._pool.close()


def _some(answer: httpcore.Response) -> bytes:
    """The beginning of an answer: a receiver does not fill our memory."""
    found = b""
    for chunk in islice(answer.iter_stream(), CHUNKS):
        found += chunk
        if len(found) >= ANSWER:
            break
    return found[:ANSWER]


def _judged(status: int, headers: Mapping[str, str], body: bytes, hush: Iterable[str]) -> Answer:
    if 200 <= status < 300:
        return Answer(status, body)
    text = body.decode("utf-8", "replace")
    for one in filter(None, hush):
        text = text.replace(one, "...")
    said = f"HTTP {status}: {text[:200]}" if text else f"HTTP {status}"
    if 300 <= status < 400:
        raise RefusedError(
            f"HTTP {status}: redirects to {_shown(headers.get('location', '?'))}: say that url"
        )
    if 400 <= status < 500 and status not in LATER:
        raise RefusedError(said)
    wait = headers.get("retry-after", "").strip()
    raise NotNowError(said, float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 7 else 0.0)


def _shown(url: str) -> str:
    """An address without what may be a secret in it: its path and its query."""
    try:
        there = urlsplit(url)
        return f"{there.scheme}://{there.hostname}" + (f":{there.port}" if there.port else "")
    except ValueError:
        return "an address"
